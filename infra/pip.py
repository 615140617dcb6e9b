"""The settings of pip: only those of the user that select and reach the package index.

Settings such as `PIP_USER`, `PIP_TARGET` or a constraint file would install other packages, or to
another folder. Uses only the standard library.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from infra.package.errors import StepFailedError

KEPT = frozenset(
    {
        "cache-dir",
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "keyring-provider",
        "no-cache-dir",
        "no-index",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
    }
)
"""The options for the package index and the cache; all others are removed."""

_CONFIGURATION = "PIP_CONFIG_FILE"
# `pip config` also reads its own options from the files: with `user`, which is meant for
# `pip install`, it lists only the user's file, and with `quiet` it lists nothing.
_LISTING = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_QUIET": "0",
    "PIP_VERBOSE": "0",
    "PIP_GLOBAL": "0",
    "PIP_SITE": "0",
    "PIP_USER": "0",
}
_SETTING = re.compile(r"(?P<section>[^.:]+)\.(?P<option>[^=]+)=(?P<value>.*)")
_INTERPRETERS_OWN = re.compile(r"PYTHON.*|VIRTUAL_ENV")


def environment(
    python: Path, environ: Mapping[str, str], command: str = "install"
) -> dict[str, str]:
    """The environment for a pip command of this Python: the given one, with pip's settings reduced.

    It contains the index settings of the user's configuration files as variables; the command does
    not read the files.

    Raises:
        StepFailedError: pip cannot read its configuration.
    """
    clean = without_settings(environ)
    files = _configured(_listing(python, clean, environ), command)
    own = {_variable(option): environ.get(_variable(option), "") for option in KEPT}
    given = {name: value for name, value in own.items() if value}
    return {**clean, **files, **given, _CONFIGURATION: os.devnull}


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of pip and of other Pythons."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("PIP_") and not _INTERPRETERS_OWN.fullmatch(name)
    }


def _variable(option: str) -> str:
    return "PIP_" + option.upper().replace("-", "_")


def _listing(python: Path, clean: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The settings of pip's configuration files, as `section.option='value'` lines."""
    settings = dict(_LISTING)
    if _CONFIGURATION in environ:
        settings[_CONFIGURATION] = environ[_CONFIGURATION]
    done = subprocess.run(  # noqa: S603 - pip of the given Python
        [str(python), "-m", "pip", "config", "list"],
        env={**clean, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        advice = "a configuration file of pip is not valid"
        raise StepFailedError(["pip", "config"], done.stdout + done.stderr, advice)
    return done.stdout


def _configured(listing: str, command: str) -> dict[str, str]:
    """The kept options of a listing, as variables; the command's section has precedence."""
    found: dict[str, dict[str, str]] = {"global": {}, command: {}}
    for line in listing.splitlines():
        setting = _SETTING.fullmatch(line)
        if setting and setting["section"] in found and setting["option"] in KEPT:
            value = str(ast.literal_eval(setting["value"]))
            found[setting["section"]][_variable(setting["option"])] = value
    return {**found["global"], **found[command]}
