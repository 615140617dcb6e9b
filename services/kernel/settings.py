"""Settings from environment variables; all problems are reported together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from services.kernel.errors import SettingsError

AMAZON_ROOTS = Path(__file__).parents[2] / "amazon-roots.pem"
"""Amazon's root certificates in a package; the file is not in the repository."""

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")  # sts:AssumeRole, ExternalId
_ROLE_NAME = re.compile(r"([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}")
_KEY_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*")
_MINUTES_PER_WEEK = 10_080
_OTHER_CERTIFICATES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_ENDPOINT_URL", "HTTPS_PROXY")
"""Beginnings of the variables that name certificates, or servers that can have others."""


class Environment:
    """Reads a service's settings and reports all problems together.

    An empty variable counts as missing, since no setting can be empty.
    """

    def __init__(self, service: str, environ: Mapping[str, str]) -> None:
        self._service = service
        self._environ = environ
        self._problems: list[str] = []

    def required(self, name: str) -> str:
        """The value of a required variable."""
        value = self._environ.get(name, "")
        if not value:
            self._problems.append(f"environment variable {name} is not set")
        return value

    def optional(self, name: str, default: str) -> str:
        """The value of a variable, or its default."""
        return self._environ.get(name, "") or default

    def percent(self, name: str, default: int) -> int:
        """A whole number from 0 to 100."""
        text = self.optional(name, str(default))
        if text.isascii() and text.isdigit() and int(text) <= 100:  # noqa: PLR2004 - per cent
            return int(text)
        self._problems.append(f"{name} is {text!r}, but must be a whole number from 0 to 100")
        return default

    def minutes(self, name: str, default: int) -> int:
        """A whole number of minutes, from 1 to a week."""
        return self.whole(name, default, _MINUTES_PER_WEEK)

    def whole(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`."""
        text = self.optional(name, str(default))
        if text.isascii() and text.isdigit() and 1 <= int(text) <= most:
            return int(text)
        self._problems.append(f"{name} is {text!r}, but must be a whole number from 1 to {most}")
        return default

    def minutes_if_set(self, name: str) -> int | None:
        """As `minutes`; None if the variable is not set."""
        return self.minutes(name, 1) if self.optional(name, "") else None

    def external_id(self) -> str:
        """The external id that the roles in the target accounts require."""
        value = self.required("EXTERNAL_ID")
        if value and not _EXTERNAL_ID.fullmatch(value):
            problem = "EXTERNAL_ID must be 2 to 1224 letters, digits or any of _+=,.@:/-"
            self._problems.append(problem)
        return value

    def role_name(self, name: str, default: str) -> str:
        """The name of a role in the target accounts, with its path in front if it has one."""
        value = self.optional(name, default)
        if not _ROLE_NAME.fullmatch(value):
            problem = (
                f"{name} is {value!r}, but must be a role's name, or path and name: team/reader"
            )
            self._problems.append(problem)
        return value

    def key_prefix(self, name: str) -> str:
        """A prefix of keys in a bucket: folders, each with a slash at its end; empty by default."""
        value = self.optional(name, "")
        if not _KEY_PREFIX.fullmatch(value):
            problem = f"{name} is {value!r}, but must be empty, or end with a slash: team/images/"
            self._problems.append(problem)
        return value

    def amazon_roots(self) -> Path | None:
        """The certificates that the hub should trust; None if the SDK has to decide.

        A setting that names certificates has priority. An endpoint or a proxy can have a
        certificate of another authority.
        """
        others = (value for name, value in self._environ.items() if _is_other(name))
        return None if any(others) or not AMAZON_ROOTS.is_file() else AMAZON_ROOTS

    def metrics_namespace(self) -> str:
        """The CloudWatch namespace; each deployment in an account and region needs its own."""
        return self.optional("METRICS_NAMESPACE", "AmiTracker")

    def home_region(self) -> str:
        """The hub's region; Lambda sets both variables, a shell often only one."""
        either = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        return either or self.required("AWS_REGION")

    def check(self) -> None:
        """Raise `SettingsError` if there are problems."""
        if self._problems:
            raise SettingsError(self._service, self._problems)


def _is_other(name: str) -> bool:
    return name.upper().startswith(_OTHER_CERTIFICATES)
