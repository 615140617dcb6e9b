"""A lab for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.labs.laboratory import FRANKFURT, IRELAND, VIRGINIA, Lab, build_lab

from services.embedded.aws.server import EmbeddedAws


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Start an embedded AWS without images: moto's own images take long to load."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with EmbeddedAws() as running:
        yield running


@pytest.fixture
def lab(aws: EmbeddedAws, tmp_path: Path) -> Lab:
    """Build a lab of three regions, one of them in another account."""
    return build_lab(aws, tmp_path, VIRGINIA, IRELAND, FRANKFURT)
