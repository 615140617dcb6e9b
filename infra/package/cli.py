"""The command `python -m infra.package`, which `make package` runs.

Exit codes are those of `ami-tracker`: 0 for success, 1 for a failure, 2 for invalid usage or
configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infra.package.build import Package, build, write
from infra.package.errors import PackagingError
from infra.package.interpreter import VARIABLE, NoInterpreterError, find
from infra.package.lambda_platform import ARCHITECTURES, RUNTIMES, LambdaPlatform
from infra.package.manifest import files
from services.catalogue.load import ConfigurationError, read_configuration
from services.kernel.catalogue_file import encode_catalogue

_DESCRIPTION = """\
Build one zip per Lambda function: its service, the kernel, the locked dependencies with byte code,
and, for the scheduler, the compiled catalogue; and a manifest of the build.
The same input produces the same bytes."""
_MEGABYTE = 1_000_000


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Build, write and list the packages, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        catalogue = _catalogue(options)
    except ConfigurationError as error:
        _print_problems("error", error.problems)
        _print_problems("warning", error.warnings)
        return 2
    platform = LambdaPlatform(options.runtime, options.architecture)
    try:
        python = find(platform.python, environ, options.python)
        packages = build(platform, python, catalogue, options.cache)
        write(files(packages, platform, catalogue), options.out)
    except (NoInterpreterError, PackagingError) as error:
        _print_problems("error", [error])
        return 1
    sys.stdout.write(_table(packages, options.out))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.package", description=_DESCRIPTION)
    folders = (
        ("--out", "DIR", "build/packages", "the folder for the zips and their manifest"),
        ("--cache", "DIR", "build/wheels", "the folder for downloaded wheels"),
        ("--images", "DIR", "tracked_images", "the folder of image files"),
        ("--regions", "FILE", "regions.yaml", "the file of regions and accounts"),
    )
    choices = (("--runtime", RUNTIMES, "python3.13"), ("--architecture", ARCHITECTURES, "arm64"))
    for name, metavar, default, meaning in folders:
        text = f"{meaning} (default: {default})"
        parser.add_argument(name, type=Path, default=Path(default), metavar=metavar, help=text)
    for name, values, default in choices:
        text = f"one of {', '.join(values)} (default: {default})"
        parser.add_argument(name, choices=values, default=default, metavar="NAME", help=text)
    text = "accept filter names that this version does not know"
    parser.add_argument("--allow-unknown-filters", action="store_true", help=text)
    text = f"the runtime's Python (default: ${VARIABLE}, or the first one found)"
    parser.add_argument("--python", default="", metavar="FILE", help=text)
    return parser


def _catalogue(options: argparse.Namespace) -> str:
    """Compile the catalogue, and print warnings.

    Raises:
        ConfigurationError: the configuration is invalid.
    """
    configuration = read_configuration(
        options.images, options.regions, allow_unknown_filters=options.allow_unknown_filters
    )
    _print_problems("warning", configuration.warnings)
    return encode_catalogue(configuration.catalogue)


def _print_problems(severity: str, problems: Iterable[object]) -> None:
    sys.stderr.writelines(f"{severity}: {problem}\n" for problem in problems)


def _table(packages: Sequence[Package], out: Path) -> str:
    rows = [("package", "zip", "unpacked", "files", "sha256")]
    rows += [
        (
            str(out / package.file_name),
            _megabytes(len(package.content)),
            _megabytes(package.unpacked_bytes),
            f"{package.files:,}",
            package.sha256,
        )
        for package in packages
    ]
    width = max(len(row[0]) for row in rows)
    return "".join(
        f"{name:<{width}}  {size:>8}  {unpacked:>8}  {count:>6}  {digest}\n"
        for name, size, unpacked, count, digest in rows
    )


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.2f} MB"
