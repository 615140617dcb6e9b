"""What `ami-tracker lookup` does, after click has read its options."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from typing import NoReturn

import click
from rich.console import Console

from services.catalogue.load import Configuration, read_configuration
from services.catalogue.problems import ConfigurationError, Problem
from services.console.exit_codes import EXIT_CONFIGURATION, EXIT_WRONG
from services.console.lookup.access import (
    Access,
    assumes_role,
    configured_region,
    open_access,
)
from services.console.lookup.entry import image_of
from services.console.lookup.first_pages import FirstPages
from services.console.lookup.known_paths import SHIPPED, known_paths
from services.console.lookup.options import FileOptions, LookupOptions
from services.console.lookup.problems import UsageProblem
from services.console.lookup.report import Report, report
from services.console.lookup.run import look_up_all
from services.console.lookup.selection import (
    Places,
    Selection,
    checked_regions,
    named_images,
    selected,
)
from services.console.lookup.trial import Trials
from services.console.render.configuration import as_json as problems_as_json
from services.console.render.configuration import print_problems
from services.console.render.lookup_json import SCHEMA, as_json
from services.console.render.lookup_text import print_report
from services.console.render.writer import Writer
from services.kernel.clock import now
from services.kernel.model import Image
from services.kernel.wire import IMAGE_ID
from services.lookup.sources import Sources

_FIRST_CHOICE = "us-east-1"
"""The region of STS if none is configured: it is enabled in every account."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The images to look up, and the configuration; None if it is not needed and invalid."""

    images: Sequence[Image]
    configuration: Configuration | None
    warnings: Sequence[Problem] = ()


def run(options: LookupOptions) -> int:
    """Look up, print the results, and return the exit code."""
    _accept_every_character()
    _check(options)
    try:
        wanted = _wanted(options)
    except ConfigurationError as error:
        _refuse(options, error)
    if options.output == "table":
        print_problems(wanted.warnings, "warning", "yellow")
    regions = _regions(options, wanted)
    access = open_access(options.aws, options.role, _home(options, regions))
    selection = selected(wanted.images, _places(wanted, access, regions), named=bool(options.names))
    _check_known(options, selection)
    found = _looked_up(options, access, selection)
    _print(options, found, wanted.warnings)
    return 0 if found.complete else EXIT_WRONG


def _accept_every_character() -> None:
    """Escape characters that the encoding of the output does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _check(options: LookupOptions) -> None:
    """Refuse options that contradict each other, before any call."""
    if options.names and options.entry.given():
        message = "NAME looks up entries of the files; remove it, or remove the options of an entry"
        raise UsageProblem(message)
    if options.known is not None and not re.match(IMAGE_ID, options.known):
        message = f"--known {options.known!r} is not an image id, such as ami-0123456789abcdef0"
        raise UsageProblem(message)
    url = options.aws.endpoint_url
    if url is not None and not re.match(r"https?://[^/]", url):
        message = f"--endpoint-url {url!r} must begin with https:// or http://"
        raise UsageProblem(message)
    assumes_role(options.role)


def _wanted(options: LookupOptions) -> _Wanted:
    if options.entry.given():
        allow = options.files.allow_unknown_filters
        image, warnings = image_of(options.entry, allow_unknown_filters=allow)
        return _Wanted([image], _readable(options.files), warnings)
    configuration = _configuration(options.files)
    return _Wanted(named_images(configuration.catalogue, options.names), configuration)


def _configuration(files: FileOptions) -> Configuration:
    return read_configuration(
        files.images_dir, files.regions_file, allow_unknown_filters=files.allow_unknown_filters
    )


def _readable(files: FileOptions) -> Configuration | None:
    """The configuration, which a lookup of an entry on the command line does not need."""
    try:
        return _configuration(files)
    except ConfigurationError as error:
        if files.regions_file.exists():
            count = len(error.problems)
            click.echo(
                f"note: {files.regions_file} and {files.images_dir} are not used, since they have "
                f"{count} problem(s); ami-tracker check prints them",
                err=True,
            )
        return None


def _refuse(options: LookupOptions, error: ConfigurationError) -> NoReturn:
    if options.output == "json":
        problems, warnings = map(problems_as_json, (error.problems, error.warnings))
        answer = {"schema": SCHEMA, "ok": False, "problems": problems, "warnings": warnings}
        click.echo(json.dumps(answer, indent=2))
    else:
        print_problems(error.problems, "error", "red")
        print_problems(error.warnings, "warning", "yellow")
    sys.exit(EXIT_CONFIGURATION)


# --- where


def _regions(options: LookupOptions, wanted: _Wanted) -> Sequence[str]:
    """The regions of the options, else of the entry, else of regions.yaml, else the hub's."""
    configured = wanted.configuration.catalogue.regions() if wanted.configuration else ()
    if options.regions:
        return checked_regions(options.regions, configured)
    if options.entry.given() and (limited := wanted.images[0].regions):
        return sorted(limited)
    return configured or [_home(options, ())]


def _home(options: LookupOptions, regions: Sequence[str]) -> str:
    """The region in which STS is called: the option's, the environment's, or one of the regions."""
    configured = configured_region(options.aws)
    region = options.aws.region or os.environ.get("AWS_REGION") or configured
    if region:
        return checked_regions([region], regions)[0]
    if not regions:
        message = "no region; use --regions or --region, or set AWS_REGION"
        raise UsageProblem(message)
    return _FIRST_CHOICE if _FIRST_CHOICE in regions else regions[0]


def _places(wanted: _Wanted, access: Access, regions: Sequence[str]) -> Places:
    configured = wanted.configuration.catalogue.targets if wanted.configuration else ()
    # Without regions.yaml, the role in the caller's own account is assumed.
    caller_only = access.role_name is None or wanted.configuration is None
    return Places(configured, regions, access.account_id, caller_only)


def _check_known(options: LookupOptions, selection: Selection) -> None:
    pairs = sum(map(len, selection.values()))
    if options.known is not None and pairs != 1:
        message = (
            f"--known is the image of one entry in one region, and {pairs} are selected; add "
            "a NAME and --regions"
        )
        raise UsageProblem(message)


# --- look up and print


def _looked_up(options: LookupOptions, access: Access, selection: Selection) -> Report:
    moment = now()
    trials = Trials(Sources(access.sessions), moment)
    found = look_up_all(trials, selection, options.known)
    paths = partial(known_paths, (options.files.images_dir, *SHIPPED))
    return report(found, access, FirstPages(access.sessions), paths, moment)


def _print(options: LookupOptions, found: Report, warnings: Sequence[Problem]) -> None:
    if options.output == "json":
        answer = {**as_json(found, options.top), "warnings": problems_as_json(warnings)}
        click.echo(json.dumps(answer, indent=2))
        return
    details = options.explain or len(found.results) == 1
    console = Console(markup=False, highlight=False, emoji=False)
    print_report(Writer(console), found, details=details, top=options.top)
