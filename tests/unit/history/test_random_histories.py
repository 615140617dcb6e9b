"""The views of random histories, compared with a model that knows nothing of them.

The model replays each target's releases in the order of time, minute by minute or one by one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st
from support.builders.releases import ACCOUNT, MOMENT, a_release, seen

from services.history.observed import ImageInTarget
from services.history.releases import history
from services.history.rollouts import rollouts
from services.kernel.model import Kind, Release, State, Target
from services.kernel.wire import timestamp

PERIOD = 240
"""Minutes of a history."""
KEYS = ("release:1", "release:2", "release:3", "name:x", None)


@dataclass(frozen=True)
class Step:
    """A release: when it was detected, and when its image was created, in minutes of the period."""

    minute: int
    key: str | None
    kind: Kind
    created: int | None


@dataclass(frozen=True)
class Story:
    """What happened in a target, in the order of time."""

    region: str
    steps: tuple[Step, ...]
    state: State | None
    stale: bool = False
    active: bool = True

    @property
    def reached(self) -> bool:
        """Whether its last lookup succeeded, not long ago."""
        return self.state is State.OK and not self.stale

    def rows(self) -> ImageInTarget:
        """What the reader finds."""
        begin = MOMENT - timedelta(minutes=PERIOD)
        return seen(
            *(
                a_release(
                    self.target,
                    version,
                    step.key,
                    step.kind,
                    hours=(PERIOD - step.minute) / 60,
                    created=None
                    if step.created is None
                    else timestamp(begin + timedelta(minutes=step.created)),
                )
                for version, step in enumerate(self.steps, start=1)
            ),
            target=self.target,
            state=self.state,
            stale=self.stale,
            active=self.active,
        )

    @property
    def target(self) -> Target:
        """The target."""
        return Target(ACCOUNT, self.region)


@st.composite
def stories(draw: st.DrawFn) -> list[Story]:
    """Histories of an image in up to four targets."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        minutes = draw(st.lists(st.integers(0, PERIOD - 1), max_size=6, unique=True))
        steps = tuple(
            Step(
                minute,
                draw(st.sampled_from(KEYS)),
                draw(st.sampled_from(Kind)),
                draw(st.none() | st.integers(0, minute)),
            )
            for minute in sorted(minutes)
        )
        state = draw(st.sampled_from([State.OK, State.OK, State.THROTTLED, State.STALE, None]))
        found.append(
            Story(
                f"eu-west-{number + 1}",
                steps,
                state,
                stale=draw(st.booleans()),
                active=draw(st.booleans()),
            )
        )
    return found


# --- the model


def current(story: Story, minute: int) -> int:
    """Return the version that was current in a minute; 0 before the first."""
    return sum(step.minute <= minute for step in story.steps)


class Model:
    """The roll-outs of all targets."""

    def __init__(self, found: list[Story]) -> None:
        self.stories = found
        self.keys = {step.key for story in found for step in story.steps if step.key}

    def steps(self, key: str) -> list[Step]:
        """Return the releases with a key."""
        return [step for story in self.stories for step in story.steps if step.key == key]

    def first(self, key: str) -> int:
        """Return the minute in which the first target had it."""
        return min(step.minute for step in self.steps(key))

    def witnessed(self, key: str) -> bool:
        """Return whether the first target had it by a release of the publisher."""
        begin = self.first(key)
        return all(s.kind is Kind.RELEASE for s in self.steps(key) if s.minute == begin)

    def age(self, key: str) -> int:
        """Return the minute by which roll-outs are compared; -1 if there is no evidence."""
        if self.witnessed(key):
            return self.first(key)
        dates = [step.created for step in self.steps(key) if step.created is not None]
        return min([*dates, self.first(key)]) if dates else -1

    def standing(self, key: str, story: Story) -> str:
        """Return what a target has of a roll-out, by replaying its releases."""
        standing = None
        for step in story.steps:
            if step.key == key:
                standing = "has"
            elif standing == "has":
                standing = "rolled_back" if step.kind is Kind.ROLLBACK else "had"
        if standing:
            return standing
        for step in story.steps:
            if step.key is not None and self.age(step.key) > self.age(key):
                return "later"
            after = step.minute > self.first(key)
            if step.key is None and after and step.kind is Kind.RELEASE:
                return "later"
        return "lacks" if story.reached else "unknown"

    def counts(self, key: str) -> Counter[str]:
        """Return the number of targets by standing."""
        return Counter(self.standing(key, story) for story in self.stories if story.active)

    def joined(self, key: str) -> bool:
        """Return whether equal keys mean the same release."""
        regions = {
            each: {s.region for s in self.stories if any(step.key == each for step in s.steps)}
            for each in self.keys
        }
        alone = all(len(where) == 1 for where in regions.values())
        return key.startswith("release:") or not alone or len(set().union(*regions.values())) == 1

    def outcome(self, key: str) -> str:
        """Return how the roll-out ended, or that it has not."""
        counts = self.counts(key)
        if not self.joined(key):
            return "cannot_be_joined"
        if not counts:
            return "not_tracked"
        if not counts["lacks"] + counts["unknown"] + counts["later"]:
            return "complete"
        if counts["rolled_back"]:
            return "rolled_back"
        return "incomplete" if counts["lacks"] + counts["unknown"] else "superseded"

    def lag(self, key: str) -> int | None:
        """Return for how many minutes a target that can be reached lacks what others have."""
        waits = self.outcome(key) == "incomplete" and self.counts(key)["lacks"]
        return PERIOD - self.first(key) if waits and self.age(key) >= 0 else None


# --- the properties


@given(stories())
def test_the_current_image_and_how_long_it_is_current(found: list[Story]) -> None:
    """Every minute after the first release belongs to one release."""
    for story in found:
        minutes = Counter(current(story, minute) for minute in range(PERIOD))

        entries = history(story.rows(), MOMENT).entries

        last = len(story.steps)
        assert [e.release.version for e in entries] == list(range(last, 0, -1))
        assert [e.release.version for e in entries if e.current] == (
            [last] if last and story.active else []
        )
        for entry in entries:
            version = entry.release.version
            known = version < last or story.active
            assert entry.seconds == (60 * minutes[version] if known else None)


@given(stories())
@example(
    [
        Story("eu-west-1", (Step(5, "release:1", Kind.BASELINE, 0),), State.OK),
        Story("eu-west-2", (Step(9, "release:2", Kind.BASELINE, None),), State.OK),
    ]
)
def test_counts_lag_and_outcome_of_each_roll_out(found: list[Story]) -> None:
    """They are those of the model, for every key."""
    model = Model(found)

    view = rollouts([story.rows() for story in found], 100)

    assert {each.join_key for each in view.found} == model.keys
    for rollout in view.found:
        key = rollout.join_key
        counts = Counter(place.standing.value for place in rollout.places)
        lag = rollout.lag(MOMENT)
        assert counts == model.counts(key)
        assert rollout.outcome.value == model.outcome(key)
        assert (lag // 60 if lag is not None else None) == model.lag(key)
        assert rollout.exact == model.witnessed(key)
        assert rollout.first == MOMENT - timedelta(minutes=PERIOD - model.first(key))


@given(stories())
def test_durations_are_those_of_releases_only(found: list[Story]) -> None:
    """A baseline, an edit and a rollback have no roll-out time."""
    model = Model(found)
    by_region = {story.region: story for story in found}

    for rollout in rollouts([story.rows() for story in found], 100).found:
        for place in rollout.places:
            own = [s for s in by_region[place.target.region].steps if s.key == rollout.join_key]
            timed = own and own[0].kind is Kind.RELEASE
            expected = 60 * (own[0].minute - model.first(rollout.join_key)) if timed else None
            assert place.took == expected


@given(stories())
def test_the_newest_comes_first_and_nothing_is_lost(found: list[Story]) -> None:
    """The order is that of the beginnings, and releases without a key are listed."""
    model = Model(found)

    view = rollouts([story.rows() for story in found], 100)

    ages = [model.age(each.join_key) for each in view.found]
    assert ages == sorted(ages, reverse=True)
    unkeyed: list[Release] = [
        row.release
        for story in found
        for row in story.rows().releases
        if row.release.about.join_key is None
    ]
    assert sorted(map(repr, view.unjoined)) == sorted(map(repr, unkeyed))
