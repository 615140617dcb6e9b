"""The options of `ami-tracker lookup`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """The options that the AWS CLI has too; None if they are not given."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """Whose credentials to use: those of the read role with an external id, or the caller's own."""

    role_name: str | None = None
    external_id: str | None = None
    no_assume_role: bool = False


@dataclass(frozen=True, slots=True)
class EntryOptions:
    """An image that is in no file, as on the command line; empty values are not given."""

    parameter: str = ""
    filters: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    exclude_names: tuple[str, ...] = ()
    order_by: str = ""
    release_pattern: str = ""
    notes: str = ""

    def given(self) -> bool:
        """Whether any of these options is given."""
        return self != EntryOptions()


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Where the configuration is."""

    images_dir: Path
    regions_file: Path
    allow_unknown_filters: bool = False


@dataclass(frozen=True, slots=True)
class LookupOptions:
    """Everything that the command was called with."""

    names: tuple[str, ...]
    regions: tuple[str, ...]
    entry: EntryOptions
    files: FileOptions
    aws: AwsOptions
    role: RoleOptions
    known: str | None = None
    explain: bool = False
    top: int = 5
    output: str = "table"
