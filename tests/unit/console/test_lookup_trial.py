"""The command's answers are those of the lookup function, for random images and lookups."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders.lookup import (
    AMAZON,
    HERE,
    MOMENT,
    PATH,
    RED_HAT,
    ROUND,
    a_pair,
    image_id,
)
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeFacts, FakeRows

from services.console.lookup.aws_cli import filter_command, query
from services.console.lookup.trial import Trial, Trials
from services.kernel.deadline import Deadline
from services.kernel.errors import Failure
from services.kernel.model import (
    Filter,
    FilterLookup,
    Image,
    Lookup,
    Observation,
    OrderBy,
    Pair,
    ParameterLookup,
    Release,
    ReleaseRule,
    Request,
)
from services.lookup.decide import Changed
from services.lookup.resolve import candidates
from services.lookup.responses import Ami
from services.lookup.target import TargetLookup
from services.lookup.wildcards import matches_wildcard

PATTERN = r"^acme-(?P<release>[0-9]+[.][0-9]+)"
RULE = ReleaseRule(PATTERN, "https://example.com/{release}")
READS = {"enter", "parameters", "matching", "images"}
IDS = [image_id(number) for number in range(8)]
EXAMPLES = 4 * settings().max_examples


def ec2_time(moment: datetime) -> str:
    """Return a time as EC2 writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


# --- random publishers

NAMES = st.one_of(
    st.builds("acme-{}.{}{}".format, st.sampled_from("89"), st.sampled_from(["2", "10"]),
              st.sampled_from(["", "-BETA", "-BETA-x"])),
    st.sampled_from(["acme-next", "other-9.1"]),
)  # fmt: skip
DAYS = st.integers(1, 4).map(lambda day: ec2_time(datetime(2026, 10, day, tzinfo=UTC)))
DEPRECATIONS = st.sampled_from([None, None, timedelta(days=-1), timedelta(0), timedelta(days=1)])


@dataclass(frozen=True)
class Published:
    """What a target can see."""

    images: list[tuple[Ami, str]]
    overlooked: set[str]
    value: str | None

    def facts(self) -> FakeFacts:
        """Return the target's SSM and EC2."""
        facts = FakeFacts(overlooked=self.overlooked)
        for ami, owner in self.images:
            facts.register(HERE, ami, owner)
        if self.value is not None:
            facts.put_parameter(HERE, PATH, self.value)
        return facts


@st.composite
def amis(draw: st.DrawFn, number: int) -> tuple[Ami, str]:
    """Draw image `number` and its owner."""
    after = draw(DEPRECATIONS)
    owner = draw(st.sampled_from([AMAZON, RED_HAT]))
    ami = Ami(
        IDS[number],
        draw(NAMES),
        draw(DAYS),
        draw(st.sampled_from(["available"] * 5 + ["pending", "disabled"])),
        None if after is None else MOMENT + after,
        {"OwnerId": owner, "Architecture": "x86_64"},
    )
    return ami, owner


VALUES = st.one_of(
    st.sampled_from(IDS),
    st.sampled_from(IDS).map(lambda each: json.dumps({"image_id": each, "release_version": "9"})),
    st.sampled_from([None, "", " " + IDS[0] + "\n", "latest", "{", '{"image_id": 7}']),
)


@st.composite
def publications(draw: st.DrawFn) -> Published:
    """Draw up to seven images, those that lists lack, and the parameter's value."""
    images = [draw(amis(number)) for number in range(draw(st.integers(0, 7)))]
    overlooked = draw(st.sets(st.sampled_from(IDS), max_size=2))
    return Published(images, overlooked, draw(VALUES))


@st.composite
def filter_lookups(draw: st.DrawFn) -> FilterLookup:
    """Draw a lookup by name, with owners, exclusions and an order."""
    order = draw(st.sampled_from(OrderBy))
    names = draw(st.sampled_from(["acme-*", "acme-9*", "*", "none-*"]))
    return FilterLookup(
        (Filter("name", (names,)),),
        draw(st.sampled_from([(AMAZON,), (RED_HAT,), (AMAZON, RED_HAT)])),
        draw(st.sampled_from([(), ("*BETA*",), ("*BETA", "acme-9.2"), ("acme-8*",)])),
        order,
        PATTERN if order is OrderBy.RELEASE else None,
    )


LOOKUPS = st.one_of(st.just(ParameterLookup(PATH)), filter_lookups(), filter_lookups())
RULES = st.sampled_from([None, RULE, ReleaseRule(PATTERN)])


# --- the service


def served(
    published: Published, lookup: Lookup, rule: ReleaseRule | None, known: Observation | None
) -> tuple[Pair, Release | None]:
    """Return the pair's row and its release after a lookup by the service."""
    rows, pair = FakeRows(), a_pair("image", lookup, known=known)
    rows.put(pair)
    function = TargetLookup(rows, published.facts(), FakeLog(), lambda: MOMENT)
    request = Request(ROUND, HERE, "image", lookup, rule)
    function.look_up(HERE, {request: 1}, Deadline.after(60))
    row = rows.read(HERE, ["image"])["image"]
    assert isinstance(row, Pair)
    return row, next(iter(rows.releases(pair)), None)


def tried(
    published: Published, lookup: Lookup, rule: ReleaseRule | None, known: str | None
) -> Trial:
    """Return the command's result, which takes no write."""
    facts = published.facts()
    image = Image("image", lookup, release=rule)
    [trial] = Trials(facts, MOMENT).look_up(HERE, [image], known)
    assert set(facts.journal) <= READS
    return trial


def as_row(published: Published, known: str) -> Observation:
    """Return the known image as it is in the table."""
    shown = {ami.image_id: ami.observation() for ami, _ in published.images}
    return shown.get(known, Observation(known))


def compare(trial: Trial, row: Pair, release: Release | None) -> None:
    """Compare the command's result with what the service committed."""
    if trial.failure is not None:
        assert (row.state, row.code) == (trial.failure.state, trial.failure.code)
        assert release is None
        return
    assert row.known == trial.observed
    if release is None:
        assert not isinstance(trial.decision, Changed)
        return
    assert isinstance(trial.decision, Changed)
    assert release.observed == trial.observed
    assert release.kind == trial.decision.release.kind
    assert release.about == trial.about


@given(publications(), LOOKUPS, RULES)
@settings(max_examples=EXAMPLES)
def test_first_sight_is_the_baseline_of_the_service(
    published: Published, lookup: Lookup, rule: ReleaseRule | None
) -> None:
    """Image, failure, release key, notes and facts are those that the service commits."""
    row, release = served(published, lookup, rule, None)

    compare(tried(published, lookup, rule, None), row, release)


@given(publications(), LOOKUPS, RULES, st.sampled_from(IDS))
@settings(max_examples=EXAMPLES)
def test_a_known_image_is_treated_as_by_the_service(
    published: Published, lookup: Lookup, rule: ReleaseRule | None, known: str
) -> None:
    """The image stays or changes, with the same kind, as for a pair that knows it."""
    row, release = served(published, lookup, rule, as_row(published, known))

    compare(tried(published, lookup, rule, known), row, release)


# --- the AWS CLI


def raw(ami: Ami) -> dict[str, Any]:
    """Return an image in a response of DescribeImages."""
    found: dict[str, Any] = {
        "ImageId": ami.image_id,
        "Name": ami.name,
        "CreationDate": ami.creation_date,
    }
    if ami.deprecation_time:
        found["DeprecationTime"] = ec2_time(ami.deprecation_time)
    return found


@given(publications(), filter_lookups())
@settings(max_examples=EXAMPLES)
def test_the_query_of_the_aws_cli_selects_the_same_image(
    published: Published, lookup: FilterLookup
) -> None:
    """The command's JMESPath expression agrees with the lookup at first sight."""
    by_date = replace(lookup, order_by=OrderBy.DATE, pattern=None)
    trial = tried(published, by_date, None, None)
    [(_, found)] = published.facts().matching(HERE, [by_date])
    assert not isinstance(found, Failure)
    left = candidates(by_date, found.images)
    deprecated = all(ami.deprecation_time and ami.deprecation_time <= MOMENT for ami in left)
    expression = query(by_date, MOMENT.replace(microsecond=0), all_deprecated=deprecated)

    answer = jmespath.search(expression, {"Images": [raw(ami) for ami in found.images]})

    seen = trial.observed
    assert answer == ([seen.image_id, seen.ami_name, seen.creation_date] if seen else None)
    assert filter_command(by_date, HERE, MOMENT).differs == ""


@given(
    st.sampled_from(["*BETA*", "a*", "*a", "a", "**a", "a'b`\"*", "a?", "a*b", r"a\*", "*a*b*"]),
    st.text("aBET'`\"bx*", max_size=6),
)
def test_an_exclusion_is_exact_or_named(pattern: str, name: str) -> None:
    """A wildcard is a condition with the same meaning, or the command says that it is missing."""
    lookup = FilterLookup((Filter("name", ("*",)),), ("self",), (pattern,))
    command = filter_command(lookup, HERE, MOMENT)
    image = {"ImageId": IDS[0], "Name": name, "CreationDate": "2026"}

    answer = jmespath.search(query(lookup, MOMENT), {"Images": [image]})

    excluded = matches_wildcard(pattern, name)
    assert (answer is None) == (excluded and not command.differs)


@pytest.mark.parametrize("order", OrderBy)
def test_an_order_that_the_aws_cli_lacks_is_named(order: OrderBy) -> None:
    """With the order by release, the command lists the candidates and says so."""
    pattern = PATTERN if order is OrderBy.RELEASE else None
    lookup = FilterLookup((Filter("name", ("*",)),), ("self",), (), order, pattern)
    command = filter_command(lookup, HERE, MOMENT)

    assert ("order by release" in command.differs) == (order is OrderBy.RELEASE)
    assert ("[-1]" in command.text) == (order is OrderBy.DATE)
