"""The decision about an observation: every kind of change, and no change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.lookup import (
    ROUND,
    a_pair,
    a_release,
    an_observation,
    by_name,
    by_parameter,
    image_id,
)

from services.kernel.model import Kind, Lookup, Observation, Pair, Release
from services.lookup.decide import Changed, Confirmed, Decision, Unchanged, decide, edited

AT = datetime.fromisoformat("2026-11-22T07:00:05.000Z")
OTHER = by_parameter("/tracked/before/the/edit")


def releases(pair: Pair, *images: int) -> tuple[Release, ...]:
    """Build a history in which these images were released in order, without known dates."""
    made = [
        replace(
            a_release(pair, number, Kind.RELEASE if version > 1 else Kind.BASELINE),
            version=version,
            observed=Observation(image_id(number)),
        )
        for version, number in enumerate(images, start=1)
    ]
    return tuple(made)


def decided(pair: Pair, observed: Observation, *past: int) -> Decision:
    """Return the decision, after a history of images with these numbers."""
    return decide(pair, observed, releases(pair, *past), detected_at=AT, round_id=ROUND)


def kind_of(decision: Decision) -> Kind:
    """Return the kind of a change."""
    assert isinstance(decision, Changed)
    return decision.release.kind


def known(number: int = 1, day: int = 5, lookup: Lookup | None = None) -> Pair:
    """Build a pair whose current image is known and confirmed."""
    return a_pair(lookup=lookup, known=an_observation(number, day), version=4)


def test_the_same_image_is_no_change() -> None:
    """An observation of the known image is no change."""
    assert decided(known(), an_observation(1, 5), 1) == Unchanged()


def test_a_renamed_image_is_no_change() -> None:
    """Only the image id decides."""
    assert decided(known(), Observation(image_id(1), "renamed", None)) == Unchanged()


def test_an_edited_lookup_that_returns_the_same_image_is_confirmed() -> None:
    """The lookup is recorded as confirmed, so that the next change does not count as the edit's."""
    pair = replace(known(), confirmed_digest="0123456789abcdef")
    assert decided(pair, an_observation(1, 5), 1) == Confirmed()


@pytest.mark.parametrize(
    ("pair", "observed", "past", "expected"),
    [
        (a_pair(), an_observation(), [], Kind.BASELINE),
        (a_pair(lookup=by_name()), an_observation(), [], Kind.BASELINE),
        (known(), an_observation(2, 6), [1], Kind.RELEASE),
        (known(lookup=by_name()), an_observation(2, 6), [1], Kind.RELEASE),
        (known(lookup=by_name()), an_observation(2, 5), [1], Kind.RELEASE),
        (known(), an_observation(2, 1), [1], Kind.ROLLBACK),
        (known(), Observation(image_id(2)), [1], Kind.RELEASE),
        (known(), an_observation(2, 5), [1], Kind.RELEASE),
        (known(lookup=by_name()), an_observation(2, 1), [1], Kind.ROLLBACK),
        (known(), Observation(image_id(2)), [2, 1], Kind.ROLLBACK),
        (known(), Observation(image_id(2)), [2, 1, 2, 1], Kind.ROLLBACK),
        (known(), Observation(image_id(2)), [1, 2, 1], Kind.RELEASE),
        (known(lookup=by_name()), an_observation(2, 6), [2, 1], Kind.ROLLBACK),
        (known(lookup=by_name()), an_observation(2, 6), [1, 2, 1], Kind.RELEASE),
    ],
    ids=[
        "first sight by parameter",
        "first sight by filters",
        "new by parameter",
        "new by filters",
        "new by filters on the same day",
        "a parameter's image is older and was never current",
        "a parameter's image has no date and was never current",
        "a parameter's image has the same date and was never current",
        "the newest by filters is older than what was known",
        "current before, by parameter",
        "current before, more than once",
        "current after the known one, by parameter",
        "current before, by filters",
        "current after the known one, by filters",
    ],
)
def test_kinds(pair: Pair, observed: Observation, past: list[int], expected: Kind) -> None:
    """Each change has the expected kind."""
    assert kind_of(decided(pair, observed, *past)) == expected


@pytest.mark.parametrize("past", [[], [1], [1, 2]])
@pytest.mark.parametrize("lookup", [by_parameter(), by_name()])
def test_the_first_change_after_an_edit_counts_as_reconfigured(
    past: list[int], lookup: Lookup
) -> None:
    """This applies even if that image was current before, or is older."""
    pair = a_pair(lookup=lookup, known=an_observation(1, 5), confirmed=OTHER, version=4)
    assert kind_of(decided(pair, an_observation(2, 1), *past)) == Kind.RECONFIGURED


def test_a_missing_date_is_the_oldest() -> None:
    """A filter lookup's image without a date is a rollback, and a first date is a release."""
    dated, undated = an_observation(1), Observation(image_id(2))
    pair = a_pair(lookup=by_name(), known=dated)
    assert kind_of(decided(pair, undated)) == Kind.ROLLBACK
    pair = a_pair(lookup=by_name(), known=undated)
    assert kind_of(decided(pair, dated)) == Kind.RELEASE
    assert kind_of(decided(pair, Observation(image_id(3)))) == Kind.RELEASE


def test_a_change_has_all_values_of_the_release_row() -> None:
    """Version and previous image follow from the known image, the rest from the observation."""
    pair = known(1)
    decision = decided(pair, an_observation(2, 6))
    assert isinstance(decision, Changed)
    release = decision.release
    assert (release.target, release.image_name) == (pair.target, pair.image_name)
    assert (release.version, release.previous_image_id) == (5, image_id(1))
    assert (release.detected_at, release.round) == (AT, ROUND)
    assert release.observed == an_observation(2, 6)


def test_a_baseline_has_no_previous_image() -> None:
    """The first version is 1."""
    decision = decided(a_pair(), an_observation())
    assert isinstance(decision, Changed)
    assert (decision.release.version, decision.release.previous_image_id) == (1, None)


def test_a_pair_without_a_confirmed_lookup_is_edited() -> None:
    """A pair that is tracked again does not announce earlier changes as a release."""
    pair = replace(known(), confirmed_digest=None)
    assert edited(pair)
    assert kind_of(decided(pair, an_observation(2, 6))) == Kind.RECONFIGURED
    assert not edited(known())


# --- any sequence of changes

OBSERVATIONS = st.builds(
    Observation,
    st.integers(1, 4).map(image_id),
    st.just("al2023"),
    st.none() | st.sampled_from(["2026-10-01T00:00:00.000Z", "2026-10-02T00:00:00.000Z"]),
)
EVENTS = st.lists(OBSERVATIONS | st.sampled_from([by_name(), by_parameter()]), max_size=12)


def changes_of(pair: Pair, events: list[Observation | Lookup]) -> list[Changed]:
    """Return the changes of a pair for these observations and edits, each decision carried out."""
    changes: list[Changed] = []
    for event in events:
        if not isinstance(event, Observation):
            pair = replace(pair, lookup=event, lookup_digest=a_pair(lookup=event).lookup_digest)
            continue
        past = [change.release for change in changes]
        match decide(pair, event, past, detected_at=AT, round_id=ROUND):
            case Changed() as change:
                changes.append(change)
                version, seen = change.release.version, change.release.observed
                pair = replace(
                    pair, version=version, known=seen, confirmed_digest=pair.lookup_digest
                )
            case Confirmed():
                pair = replace(pair, confirmed_digest=pair.lookup_digest)
    return changes


@given(EVENTS)
def test_versions_of_any_changes_are_consecutive(events: list[Observation | Lookup]) -> None:
    """Versions count from 1, and each release starts from the previous one's image."""
    releases = [change.release for change in changes_of(a_pair(), events)]
    assert list(range(1, len(releases) + 1)) == [release.version for release in releases]
    given_before = [None, *(release.observed.image_id for release in releases)][: len(releases)]
    assert given_before == [release.previous_image_id for release in releases]
    assert [r.kind for r in releases[:1]] == [Kind.BASELINE][: len(releases)]
    assert Kind.BASELINE not in {release.kind for release in releases[1:]}


@given(EVENTS)
def test_no_release_keeps_the_image(events: list[Observation | Lookup]) -> None:
    """A release's image always differs from the previous one."""
    for change in changes_of(a_pair(), events):
        assert change.release.observed.image_id != change.release.previous_image_id


@given(
    st.builds(
        a_pair,
        lookup=st.sampled_from([by_name(), by_parameter()]),
        known=st.none() | OBSERVATIONS,
        confirmed=st.sampled_from([None, OTHER]),
    ),
    OBSERVATIONS,
    st.lists(st.integers(1, 4)),
)
def test_baselines_and_edits_are_never_releases(
    pair: Pair, observed: Observation, past: list[int]
) -> None:
    """Only an unchanged, confirmed lookup can find a release or a rollback."""
    decision = decided(pair, observed, *past)
    if isinstance(decision, Changed) and (pair.known is None or edited(pair)):
        assert decision.release.kind in {Kind.BASELINE, Kind.RECONFIGURED}
