"""The scheduler function's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.kernel.settings import Environment

_PACKAGED_CATALOGUE = Path(__file__).parents[2] / "catalogue.json"
_DEFAULT_MAX_REMOVED_PERCENT = 20
_DEFAULT_STALE_AFTER_MINUTES = 90


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings; `endpoint_url` is part of the cache key, since botocore reads it."""

    table_name: str
    queue_url: str
    catalogue_path: Path
    max_removed_percent: int
    stale_after: timedelta
    interval_minutes: int | None
    metrics_namespace: str
    region: str
    endpoint_url: str
    amazon_roots: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`.

        Raises:
            SettingsError: some are missing or invalid; it lists all of them.
        """
        environment = Environment("scheduler", environ)
        settings = cls(
            table_name=environment.required("TABLE_NAME"),
            queue_url=environment.required("QUEUE_URL"),
            catalogue_path=Path(environment.optional("CATALOGUE_PATH", str(_PACKAGED_CATALOGUE))),
            max_removed_percent=environment.percent(
                "MAX_REMOVED_PERCENT", _DEFAULT_MAX_REMOVED_PERCENT
            ),
            stale_after=timedelta(
                minutes=environment.minutes("STALE_AFTER_MINUTES", _DEFAULT_STALE_AFTER_MINUTES)
            ),
            interval_minutes=environment.minutes_if_set("ROUND_INTERVAL_MINUTES"),
            metrics_namespace=environment.metrics_namespace(),
            region=environment.home_region(),
            endpoint_url=environment.optional("AWS_ENDPOINT_URL", ""),
            amazon_roots=environment.amazon_roots(),
        )
        environment.check()
        return settings
