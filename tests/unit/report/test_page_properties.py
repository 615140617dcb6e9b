"""Properties of the data of the page, of random overviews with odd rows and hostile texts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.large_overview import large_overview
from support.builders.overviews import HUB
from support.builders.random_overviews import overviews

from services.history.conditions import Urgency
from services.history.overview import Overview
from services.history.status import status
from services.kernel.model import Target
from services.report.data import page_data
from services.report.minutes import minute
from services.report.page_data import ImageEntry, PageData

pytestmark = pytest.mark.slow

_LARGE = page_data(large_overview(12, 6, 4), hub=HUB, lag_hours=72)


def build(overview: Overview, lag_hours: float = 72) -> PageData:
    """Return the data of the page."""
    return page_data(overview, hub=HUB, lag_hours=lag_hours)


def targets_of(page: PageData, image: ImageEntry) -> list[Target]:
    """Return the targets of an image."""
    entries = [page["targets"][place] for place in image["targets"]]
    return [Target(each["account"], each["region"]) for each in entries]


def states_of(page: PageData) -> dict[tuple[str, Target], str]:
    """Return the state of each pair."""
    return {
        (image["name"], target): page["states"][state[0]]
        if (state := image["state"].get(str(position)))
        else "ok"
        for image in page["images"]
        for position, target in enumerate(targets_of(page, image))
    }


@given(overviews())
def test_the_data_has_the_documented_shape(overview: Overview) -> None:
    """No more and no other keys and types than PageData has; JSON can hold it."""
    for page in (build(overview), _LARGE):
        text = json.dumps(page, allow_nan=False)

        decoded = msgspec.json.decode(text, type=PageData)

        assert json.loads(text) == json.loads(msgspec.json.encode(decoded))


@given(overviews(), st.randoms(use_true_random=False))
def test_the_same_rows_give_the_same_data(overview: Overview, chance: Random) -> None:
    """The order in which images and their targets were read changes nothing."""
    images = [(name, tuple(reversed(seen))) for name, seen in overview.images.items()]
    chance.shuffle(images)
    other = replace(overview, images=dict(images))

    assert build(other) == build(overview)


@given(overviews())
def test_every_place_refers_to_an_entry(overview: Overview) -> None:
    """Lists of an image have an entry for each of its targets."""
    page = build(overview)
    for image in page["images"]:
        count = len(image["targets"])
        assert len(set(image["targets"])) == count > 0
        assert page["families"][image["family"]]
        assert {len(image["current"])} == {count}
        assert {place for place in image["current"] if place is not None} <= set(
            range(len(image["releases"]))
        )
        for release in image["releases"]:
            assert (len(release["lag"]), len(release["until"])) == (count, count)
            assert min(lag for lag in release["lag"] if lag is not None) == 0
            assert release.get("ids", "," * (count - 1)).count(",") == count - 1
        for position, (state, _, _, detail, advice) in image["state"].items():
            assert 0 <= int(position) < count
            assert page["states"][state] != "ok"
            assert detail is None or page["details"][detail]
            assert advice is None or page["advice"][advice]
    for cause in page["attention"]:
        assert {*cause["images"], cause.get("link", 0)} <= {0, *range(len(page["images"]))}
        assert set(cause["targets"]) <= set(range(len(page["targets"])))
        assert bool(cause["images"]) == bool(cause["pairs"])
    used = {place for image in page["images"] for place in image["targets"]}
    assert used == set(range(len(page["targets"])))
    assert {each["geo"] for each in page["targets"]} == set(range(len(page["geographies"])))


@given(overviews())
def test_the_states_are_those_of_status_or_compare_targets(overview: Overview) -> None:
    """A worse state of status stays; the counts of the verdict and the figures agree."""
    page, found = build(overview), status(overview.snapshot)
    states = states_of(page)

    assert states.keys() == {(each.image_name, each.target) for each in found.findings}
    for each in found.findings:
        state = states[each.image_name, each.target]
        if state != each.condition.value:
            assert state in {"lagging", "rolledback", "behind"}
            assert page["states"].index(state) < page["states"].index(each.condition.value)
    added = [each for each in page["attention"] if each["state"] in {"lagging", "rolledback"}]
    for urgency in Urgency:
        ours = sum(each["urgency"] == urgency.value for each in added)
        assert page["verdict"][urgency.value] == found.of_urgency(urgency) + ours
    assert page["verdict"]["pairs"] == len(found.findings)
    assert page["verdict"]["confirmed"] <= len(found.findings)
    assert page["figures"]["images"] == len(page["images"])
    assert page["figures"]["regions"] == len({each["region"] for each in page["targets"]})
    assert page["problems"][: len(found.unreadable)] == list(found.unreadable)


@given(overviews())
def test_the_causes_of_status_are_on_the_page(overview: Overview) -> None:
    """With the same reasons, instructions and numbers of pairs."""
    shown = Counter(
        (each["state"], each["why"], each["todo"], each["pairs"], each["detail"])
        for each in build(overview)["attention"]
        if each["state"] not in {"lagging", "rolledback"}
    )

    assert shown == Counter(
        (each.condition.value, each.reason, each.todo, each.pairs, each.detail)
        for each in status(overview.snapshot).attention
    )


@given(overviews(), st.sampled_from([0.0, 72.0, 10_000.0]))
def test_every_pair_that_is_not_ok_is_in_a_cause(overview: Overview, lag_hours: float) -> None:
    """Apart from `behind`, which is normal while a release spreads."""
    page = build(overview, lag_hours)
    covered = {
        (page["images"][image]["name"], target)
        for cause in page["attention"]
        for image in cause["images"]
        for target in cause["targets"]
    }
    for (name, target), state in states_of(page).items():
        place = next(
            place
            for place, each in enumerate(page["targets"])
            if Target(each["account"], each["region"]) == target
        )
        assert state in {"ok", "behind"} or (name, place) in covered


@given(overviews())
def test_every_release_row_is_on_the_page(overview: Overview) -> None:
    """Each row is in one entry, and ends when the next version of its target begins."""
    page = build(overview)
    for image in page["images"]:
        read = {seen.target: seen for seen in overview.images.get(image["name"], ())}
        for position, target in enumerate(targets_of(page, image)):
            rows = read[target].releases if target in read else ()
            ends = {row.release.version: minute(row.release.detected_at) for row in rows}
            expected = Counter(
                (minute(row.release.detected_at), ends.get(row.release.version + 1)) for row in rows
            )
            assert expected == Counter(
                (release["at"] + lag, None if until is None else release["at"] + until)
                for release in image["releases"]
                if (lag := release["lag"][position]) is not None
                for until in [release["until"][position]]
            )


def test_ranks_of_targets_follow_geographies() -> None:
    """The columns of the matrix: by geography, region and account."""
    entries = [(each["geo"], each["region"], each["account"]) for each in _LARGE["targets"]]

    assert all(one < other for one, other in pairwise(entries))
