"""The command `lookup` on the embedded AWS, with the caller's credentials or the read roles."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.labs.lookup_lab import IMAGES, MEMBER, REGIONS, Lab, image_id

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import EXTERNAL_ID, create_roles


@pytest.fixture(scope="module")
def published(running: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Publish a parameter and some images, and create the read role of the member."""
    lab = Lab(running, tmp_path_factory.mktemp("published"))
    lab.register(1, "RHEL-9.6.0_HVM-x86_64-0", 20)
    lab.register(2, "RHEL-9.8.0_HVM-x86_64-0", 3)
    lab.register(3, "RHEL-9.9.0_BETA-x86_64-0", 25)
    old = datetime(2026, 11, 1, tzinfo=UTC)
    lab.register(4, "RHEL-9.7.0_HVM-x86_64-0", 22, deprecation_time=old)
    lab.put(image_id(1))
    create_roles(running, MEMBER, EXTERNAL_ID)


@pytest.fixture
def lab(
    aws: EmbeddedAws,
    published: None,  # noqa: ARG001 - the images must exist
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Lab:
    """Return the lab, with the embedded AWS as the only endpoint, and no recorded calls."""
    (tmp_path / "tracked_images").mkdir()
    (tmp_path / "tracked_images" / "family.yaml").write_text(IMAGES, encoding="utf-8")
    (tmp_path / "regions.yaml").write_text(REGIONS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Lab(aws, tmp_path)
