"""The publisher function's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kernel.settings import Environment

_DEFAULT_LAG_HOURS = 72
_MOST_LAG_HOURS = 8_760
_DEFAULT_RELEASES = 10
_MOST_RELEASES = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings; `endpoint_url` is part of the cache key, since botocore reads it."""

    table_name: str
    bucket_name: str
    prefix: str
    lag_hours: int
    releases: int
    region: str
    endpoint_url: str
    amazon_roots: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`.

        Raises:
            SettingsError: some are missing or invalid; it lists all of them.
        """
        environment = Environment("publisher", environ)
        settings = cls(
            table_name=environment.required("TABLE_NAME"),
            bucket_name=environment.required("BUCKET_NAME"),
            prefix=environment.key_prefix("PREFIX"),
            lag_hours=environment.whole("LAG_HOURS", _DEFAULT_LAG_HOURS, _MOST_LAG_HOURS),
            releases=environment.whole("RELEASES", _DEFAULT_RELEASES, _MOST_RELEASES),
            region=environment.home_region(),
            endpoint_url=environment.optional("AWS_ENDPOINT_URL", ""),
            amazon_roots=environment.amazon_roots(),
        )
        environment.check()
        return settings
