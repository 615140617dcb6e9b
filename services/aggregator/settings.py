"""The aggregator function's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kernel.settings import Environment


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings; `endpoint_url` is part of the cache key, since botocore reads it."""

    table_name: str
    publish_role_name: str
    topic_name: str
    external_id: str
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
        environment = Environment("aggregator", environ)
        settings = cls(
            table_name=environment.required("TABLE_NAME"),
            publish_role_name=environment.role_name("PUBLISH_ROLE_NAME", "ami-tracker-publish"),
            topic_name=environment.optional("TOPIC_NAME", "ami-tracker-releases"),
            external_id=environment.external_id(),
            metrics_namespace=environment.metrics_namespace(),
            region=environment.home_region(),
            endpoint_url=environment.optional("AWS_ENDPOINT_URL", ""),
            amazon_roots=environment.amazon_roots(),
        )
        environment.check()
        return settings
