"""The large overview that the report page and the feed are measured with."""

from __future__ import annotations

import pytest
from support.builders.large_overview import large_overview

from services.history.conditions import Condition
from services.history.rollouts import Outcome, rollouts
from services.history.status import status
from services.kernel.model import Kind

pytestmark = pytest.mark.slow


def test_the_large_overview_has_the_size_of_a_large_deployment() -> None:
    """200 images in 34 regions with 10 releases, apart from two images that were never found."""
    overview = large_overview()
    pairs = [seen for image in overview.images.values() for seen in image]

    assert (len(overview.images), len(pairs)) == (200, 200 * 34 - 2)
    assert len(overview.snapshot.active()) == len(pairs)
    assert {len(seen.releases) for seen in pairs} == {0, 8, 9, 10}
    assert large_overview(3, 4) == large_overview(3, 4)


def test_the_large_overview_has_every_problem() -> None:
    """Every condition of pairs but `unknown`; a rollback; roll-outs that lag."""
    overview = large_overview(200, 34, 3)
    counts = status(overview.snapshot).counts
    found = [rollouts(image, 1).found for image in overview.images.values()]

    assert {each for each, count in counts.items() if not count} == {Condition.UNKNOWN}
    assert {each[0].outcome for each in found if each} >= {Outcome.INCOMPLETE, Outcome.ROLLED_BACK}
    assert Kind.ROLLBACK in {
        row.release.kind
        for image in overview.images.values()
        for seen in image
        for row in seen.releases
    }
