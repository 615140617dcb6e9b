"""`ami-tracker status` on a large table."""

from __future__ import annotations

import pytest
from support.labs.reading_lab import Lab, a_note, a_round, a_row

from services.console.reading import snapshot
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub


def test_the_calls_of_a_large_deployment(
    aws: EmbeddedAws,
    hub: Hub,
    person: None,  # noqa: ARG001 - the environment
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """34 regions, one with 200 images: two queries for each region, the note, and the index.

    Other regions have fewer images, and few threads are used, because moto sorts the whole table
    for each query. The number of calls depends on the regions only.
    """
    lab = Lab(aws, hub, "status")
    monkeypatch.setattr(snapshot, "THREADS", 2)
    regions = [f"xx-test-{number}" for number in range(34)]
    names = [f"image-{number:03d}-{arch}" for number in range(100) for arch in ("arm64", "x86_64")]
    rows = [a_row(name, r, number=n) for r in regions for n, name in enumerate(names[:20], 1)]
    lab.write(*rows, *map(a_round, regions), a_note(*regions))
    lab.write(*(a_row(name, regions[3], state="region_disabled") for name in names))

    [entry] = lab.entries()

    assert lab.counted() == {"GetItem": 1, "Query": 68, "Scan": 1}
    assert (entry["pairs"], entry["regions"]) == (200, [regions[3]])
