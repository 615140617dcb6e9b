"""Formats are read back equal to what was written, and any other input is rejected."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel import catalogue_file, keys, records, release_records, round_records, wire
from services.kernel.errors import MalformedError
from services.kernel.model import (
    About,
    Catalogue,
    Filter,
    FilterLookup,
    Image,
    Kind,
    Lookup,
    Observation,
    OrderBy,
    Pair,
    ParameterLookup,
    Release,
    ReleaseRule,
    Request,
    State,
    Target,
    Window,
)
from services.kernel.table import from_item, to_item

TARGET = Target("111122223333", "us-east-1")
RHEL = FilterLookup(
    filters=(Filter("architecture", ("x86_64",)), Filter("name", ("RHEL-9.*", "RHEL-10.*"))),
    owners=("309956199498",),
    exclude_names=("*-BETA-*",),
)

# --- strategies: any value that the configuration can cause

REGIONS = (
    "af-south-1",
    "ap-southeast-7",
    "cn-northwest-1",
    "eusc-de-east-1",
    "mx-central-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-isob-east-1",
)
texts = st.text(max_size=20)
moments = st.datetimes(timezones=st.just(UTC)).map(
    lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000)
)
names = st.from_regex(wire.IMAGE_NAME, fullmatch=True)
accounts = st.from_regex(wire.ACCOUNT_ID, fullmatch=True)
regions = st.sampled_from(REGIONS)
rounds = st.from_regex(wire.ROUND, fullmatch=True)
targets = st.builds(Target, accounts, regions)
kinds = st.frozensets(st.sampled_from(Kind))
versions = st.integers(min_value=1, max_value=99_999_999)
text_tuples = st.lists(texts, max_size=3).map(tuple)
filters = st.builds(Filter, texts.filter(bool), st.lists(texts, min_size=1, max_size=3).map(tuple))
lookups: st.SearchStrategy[Lookup] = st.one_of(
    st.builds(ParameterLookup, texts.filter(bool)),
    st.builds(
        FilterLookup,
        st.lists(filters, min_size=1, max_size=3).map(tuple),
        text_tuples,
        text_tuples,
    ),
    st.builds(
        FilterLookup,
        st.lists(filters, min_size=1, max_size=3).map(tuple),
        text_tuples,
        text_tuples,
        st.just(OrderBy.RELEASE),
        texts.filter(bool),
    ),
)
rules = st.builds(ReleaseRule, st.none() | texts.filter(bool), st.none() | texts)
requests = st.builds(Request, rounds, targets, names, lookups, st.none() | rules)
facts = st.dictionaries(texts.filter(bool), texts | st.booleans() | st.integers(), max_size=3)
abouts = st.builds(
    About,
    release=st.none() | texts,
    previous_release=st.none() | texts,
    join_key=st.none() | texts,
    notes_url=st.none() | texts,
    source_time=st.none() | moments,
    parameter_version=st.none() | st.integers(1, 10**9),
    facts=facts,
    changed=facts,
)
image_ids = st.from_regex(wire.IMAGE_ID, fullmatch=True)
observations = st.builds(Observation, image_ids, st.none() | texts, st.none() | texts)
releases = st.builds(
    Release,
    target=targets,
    image_name=names,
    version=versions,
    kind=st.sampled_from(Kind),
    observed=observations,
    previous_image_id=st.none() | texts,
    detected_at=moments,
    round=rounds,
    lookup_digest=texts,
    about=abouts,
)
pairs = st.builds(
    Pair,
    target=targets,
    image_name=names,
    active=st.booleans(),
    lookup=lookups,
    lookup_digest=texts,
    announce=kinds,
    version=st.integers(min_value=1, max_value=keys.LAST_VERSION - 1),
    known=observations,
    confirmed_digest=st.none() | texts,
    state=st.none() | st.sampled_from(State),
    code=st.none() | texts,
    since=st.none() | texts,
    number=st.none() | st.integers(1, 10_000),
)
catalogues = st.builds(
    Catalogue,
    st.lists(targets, max_size=4, unique=True).map(lambda found: tuple(sorted(found))),
    st.lists(
        st.builds(
            Image,
            names,
            lookups,
            kinds,
            st.none() | st.frozensets(regions),
            st.none() | st.frozensets(accounts),
            st.none() | rules,
        ),
        max_size=4,
        unique_by=lambda image: image.name,
    ).map(lambda found: tuple(sorted(found, key=lambda image: image.name))),
)


# --- builders


def message(**changes: object) -> dict[str, Any]:
    """Build the design's example message, with changes."""
    return {
        "schema": 1,
        "round": "2026-11-22T07:00:00Z",
        "region": "us-east-1",
        "account_id": "111122223333",
        "image_name": "rhel-9-hvm",
        "lookup": {"parameter_path": "/aws/service/x/image_id"},
    } | changes


def without(key: str) -> dict[str, Any]:
    """Build the example message without one of its keys."""
    return {name: value for name, value in message().items() if name != key}


def pair(**changes: Any) -> Pair:  # noqa: ANN401 - any field of Pair
    """Build a pair that was never looked up, with changes."""
    fresh = Pair(
        target=TARGET,
        image_name="rhel-9-hvm",
        active=True,
        lookup=RHEL,
        lookup_digest=wire.lookup_digest(RHEL),
    )
    return replace(fresh, **changes)


def release(**changes: Any) -> Release:  # noqa: ANN401 - any field of Release
    """Build a first release, with changes."""
    first = Release(
        target=TARGET,
        image_name="rhel-9-hvm",
        version=1,
        kind=Kind.BASELINE,
        observed=Observation("ami-0123456789abcdef0"),
        previous_image_id=None,
        detected_at=datetime.fromisoformat("2026-11-22T07:00:03.000Z"),
        round="2026-11-22T07:00:00Z",
        lookup_digest="0123456789abcdef",
    )
    return replace(first, **changes)


def catalogue() -> Catalogue:
    """Build a small configuration whose parts are sorted."""
    return Catalogue(
        targets=(TARGET, Target("222233334444", "eu-west-1")),
        images=(
            Image("al2023", ParameterLookup("/al2023")),
            Image("rhel-9-hvm", RHEL, frozenset(Kind), frozenset({"us-east-1", "eu-west-1"})),
        ),
    )


def test_canonical_json_is_unique() -> None:
    """Digests use the text, so it has sorted keys, no spaces, and ASCII."""
    assert wire.canonical_json({"b": 1, "a": [None, "é"]}) == '{"a":[null,"\\u00e9"],"b":1}'


# --- the queue message


def test_message_of_the_design_is_accepted() -> None:
    """The message of the design, with its order and spacing, is decoded to the expected request."""
    body = (
        '{"schema": 1, "round": "2026-11-22T07:00:00Z", "region": "us-east-1", '
        '"account_id": "111122223333", "image_name": "al2023-eks-1.33", '
        '"lookup": {"parameter_path": "/aws/service/eks/recommended/image_id"}}'
    )
    expected = Request(
        "2026-11-22T07:00:00Z",
        TARGET,
        "al2023-eks-1.33",
        ParameterLookup("/aws/service/eks/recommended/image_id"),
    )

    assert wire.decode_request(body) == expected


def test_message_has_the_documented_format() -> None:
    """Other programs may rely on the literal message of a filter lookup."""
    expected = message(
        lookup={
            "filters": [
                {"Name": "architecture", "Values": ["x86_64"]},
                {"Name": "name", "Values": ["RHEL-9.*", "RHEL-10.*"]},
            ],
            "owners": ["309956199498"],
            "exclude_names": ["*-BETA-*"],
        }
    )
    written = wire.encode_request(Request("2026-11-22T07:00:00Z", TARGET, "rhel-9-hvm", RHEL))

    assert json.loads(written) == expected
    assert written.isascii()


def test_message_has_the_documented_release_and_order() -> None:
    """The release rule is next to the lookup; the order and its pattern are in the lookup."""
    rule = ReleaseRule(r"^RHEL-(?P<release>\d+)", "https://example.com/{release}")
    lookup = replace(RHEL, order_by=OrderBy.RELEASE, pattern=rule.pattern)
    request = Request("2026-11-22T07:00:00Z", TARGET, "rhel-9-hvm", lookup, rule)
    written = json.loads(wire.encode_request(request))

    assert written["release"] == {"pattern": rule.pattern, "notes": rule.notes}
    assert written["lookup"].items() >= {"order_by": "release", "pattern": rule.pattern}.items()


def test_release_rule_is_not_part_of_the_digest_but_the_order_is() -> None:
    """An edit of a pattern is an edit of the lookup only if it orders the images."""
    by_release = replace(RHEL, order_by=OrderBy.RELEASE, pattern="(?P<release>.*)")

    assert "order_by" not in wire.encode_lookup(RHEL)
    assert wire.lookup_digest(RHEL) != wire.lookup_digest(by_release)


@pytest.mark.parametrize(
    "lookup",
    [
        {"order_by": "release"},
        {"pattern": "(?P<release>.*)"},
        {"order_by": "name"},
        {"order_by": "release", "pattern": ""},
        {"order_by": "release", "pattern": "x" * 201},
    ],
)
def test_order_needs_its_pattern(lookup: dict[str, object]) -> None:
    """A lookup with an unknown order, or with only one of order and pattern, is malformed."""
    filters = [{"Name": "name", "Values": ["RHEL-9.*"]}]

    with pytest.raises(MalformedError):
        wire.decode_request(json.dumps(message(lookup={"filters": filters, **lookup})))


@given(requests)
def test_any_request_is_read_back_from_a_message(request_: Request) -> None:
    """Decoding an encoded message returns the same request."""
    assert wire.decode_request(wire.encode_request(request_)) == request_


@given(requests, st.none() | st.builds(ReleaseRule, st.none() | st.text(), st.none() | st.text()))
def test_any_message_is_canonical_json(request_: Request, rule: ReleaseRule | None) -> None:
    """Keys are sorted, and any text is escaped, as in a text that is encoded in one step."""
    written = wire.encode_request(replace(request_, release=rule))

    assert written == wire.canonical_json(json.loads(written))


def test_owners_and_exclusions_are_optional() -> None:
    """A filter lookup requires only its filters."""
    body = json.dumps(message(lookup={"filters": [{"Name": "name", "Values": ["a"]}]}))

    assert wire.decode_request(body).lookup == FilterLookup((Filter("name", ("a",)),))


MALFORMED = {
    "empty": "",
    "not JSON": "al2023",
    "cut short": json.dumps(message())[:-1],
    "two messages": json.dumps(message()) * 2,
    "null": "null",
    "an array": json.dumps([message()]),
    "a string": json.dumps(json.dumps(message())),
    "not UTF-8": "\ud800",
    "half a surrogate pair": json.dumps(message(lookup={"parameter_path": "\ud800"})),
    "a NaN": json.dumps(message(schema=float("nan"))),
    "a huge number": '{"schema":1' + "0" * 5000 + "}",
    "no schema": json.dumps(without("schema")),
    "no round": json.dumps(without("round")),
    "no region": json.dumps(without("region")),
    "no account": json.dumps(without("account_id")),
    "no name": json.dumps(without("image_name")),
    "no lookup": json.dumps(without("lookup")),
    "a later schema": json.dumps(message(schema=2)),
    "the schema as text": json.dumps(message(schema="1")),
    "the schema as a truth value": json.dumps(message(schema=True)),
    "an account number": json.dumps(message(account_id=111122223333)),
    "a short account": json.dumps(message(account_id="11112222333")),
    "an account with a line end": json.dumps(message(account_id="111122223333\n")),
    "an account in other digits": json.dumps(message(account_id="\u0661" * 12)),
    "a zone for a region": json.dumps(message(region="us-east-1a")),
    "a region with a line end": json.dumps(message(region="us-east-1\n")),
    "a host for a region": json.dumps(message(region="us-east-1.example.com/")),
    "a capital region": json.dumps(message(region="US-EAST-1")),
    "no characters in the name": json.dumps(message(image_name="")),
    "a name with a slash": json.dumps(message(image_name="a/b")),
    "a name with a separator": json.dumps(message(image_name="a#b")),
    "a name that begins with a dot": json.dumps(message(image_name=".a")),
    "a name with a line end": json.dumps(message(image_name="a\n")),
    "a long name": json.dumps(message(image_name="a" * 129)),
    "a round with a line end": json.dumps(message(round="2026-11-22T07:00:00Z\n")),
    "a round without a zone": json.dumps(message(round="2026-11-22T07:00:00")),
    "a round in words": json.dumps(message(round="now")),
    "a lookup of nothing": json.dumps(message(lookup={})),
    "a lookup of nulls": json.dumps(message(lookup={"parameter_path": None, "filters": None})),
    "both lookups": json.dumps(message(lookup={"parameter_path": "/a", "filters": []})),
    "owners of a parameter": json.dumps(message(lookup={"parameter_path": "/a", "owners": []})),
    "owners alone": json.dumps(message(lookup={"owners": ["amazon"]})),
    "a parameter without a name": json.dumps(message(lookup={"parameter_path": ""})),
    "no filter at all": json.dumps(message(lookup={"filters": []})),
    "a filter of no values": json.dumps(
        message(lookup={"filters": [{"Name": "name", "Values": []}]})
    ),
    "a lookup in text": json.dumps(message(lookup="/a")),
    "a filter without values": json.dumps(message(lookup={"filters": [{"Name": "name"}]})),
    "a filter with a number": json.dumps(
        message(lookup={"filters": [{"Name": "name", "Values": [9]}]})
    ),
    "arrays in arrays": "[" * 200_000,
    "objects in objects": '{"lookup":' * 200_000,
    "a deep unknown value": json.dumps(message())[:-1] + ',"lookup":' + "[" * 200_000,
    "huge": "x" * 300_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_message_is_rejected(body: str) -> None:
    """A message that does not match the schema is a `MalformedError` with a short text."""
    with pytest.raises(MalformedError, match=r"^message is malformed: ") as caught:
        wire.decode_request(body)

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "newer",
    [
        message(release={"pattern": "v(?P<release>.+)", "notes": None}),
        message(lookup={**message()["lookup"], "order_by": "date"}),
        message(lookup={"filters": [{"Name": "name", "Values": ["a"], "Negate": False}]}),
    ],
    ids=["of the message", "of its lookup", "of a filter"],
)
def test_unknown_key_is_ignored(newer: dict[str, Any]) -> None:
    """During an update, an older function may read a message of a newer one."""
    assert wire.decode_request(json.dumps(newer)).image_name == "rhel-9-hvm"


@given(st.text() | st.recursive(st.none() | st.integers() | texts, st.lists).map(json.dumps))
def test_any_other_text_is_rejected(body: str) -> None:
    """A text outside the format is rejected and causes no other error."""
    with pytest.raises(MalformedError):
        wire.decode_request(body)


# --- lookups and their digests


@given(lookups)
def test_any_lookup_is_read_back(lookup: Lookup) -> None:
    """Lookups are the same in messages, rows and the catalogue, so they have one digest."""
    request = Request("2026-11-22T07:00:00Z", TARGET, "a", lookup)
    decoded = wire.decode_request(wire.encode_request(request)).lookup

    assert decoded == lookup
    assert wire.lookup_digest(lookup) == wire.lookup_digest(decoded)


def test_digest_is_stable() -> None:
    """Rows keep digests for years, so a lookup's digest may never change: sha256sum computed it."""
    # printf '%s' '{"parameter_path":"/a"}' | sha256sum | cut -c1-16
    expected = "3f662632bee4deaa"

    assert wire.lookup_digest(ParameterLookup("/a")) == expected


def test_digest_changes_with_every_edit() -> None:
    """A lookup with another filter, value, owner or exclusion has another digest."""
    edits: list[Lookup] = [
        RHEL,
        replace(RHEL, filters=RHEL.filters[:1]),
        replace(RHEL, filters=(RHEL.filters[0], Filter("name", ("RHEL-9.*",)))),
        replace(RHEL, owners=()),
        replace(RHEL, exclude_names=()),
        ParameterLookup("/a"),
        ParameterLookup("/b"),
    ]

    assert len(edits) == len({wire.lookup_digest(lookup) for lookup in edits})


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    """A message with another order of keys has the same lookup."""
    body = json.dumps(message(lookup=wire.encode_lookup(RHEL)))
    keys_reversed = dict(reversed(wire.encode_lookup(RHEL).items()))
    backwards = json.dumps(dict(reversed(message(lookup=keys_reversed).items())))

    assert body != backwards
    assert wire.lookup_digest(RHEL) == wire.lookup_digest(wire.decode_request(backwards).lookup)


# --- the table's keys


def test_sort_keys_have_the_documented_format() -> None:
    """Deployed tables, the stream's filter and the console rely on these texts."""
    assert keys.image_record("111122223333", "a-1.2") == "image#111122223333#a-1.2"
    assert keys.releases_of("111122223333", "a-1.2") == "release#111122223333#a-1.2#"
    assert keys.release_record("111122223333", "a-1.2", 42) == "release#111122223333#a-1.2#00000042"
    assert keys.round_record("111122223333") == "round#111122223333"
    assert keys.PENDING_INDEX == "pending"


@given(names, versions, versions)
def test_release_keys_sort_by_version(name: str, one: int, other: int) -> None:
    """The text order of a pair's release keys is the order of their versions."""
    found = [keys.release_record("111122223333", name, version) for version in (one, other)]

    assert (one < other) == (found[0] < found[1])


@given(names, names, versions)
def test_release_keys_of_pairs_differ(name: str, other: str, version: int) -> None:
    """The key prefix of an image's releases matches no other image."""
    key = keys.release_record("111122223333", other, version)

    assert (name == other) == key.startswith(keys.releases_of("111122223333", name))


# --- the table's rows


@given(pairs)
def test_any_pair_is_read_back_from_its_row(expected: Pair) -> None:
    """The scheduler's and the lookup's attributes are read back as one pair."""
    known = expected.known
    assert known
    row = records.encode_configuration(expected) | {
        "region": expected.target.region,
        "record": keys.image_record(expected.target.account_id, expected.image_name),
        "version": expected.version,
        "image_id": known.image_id,
        "ami_name": known.ami_name,
        "creation_date": known.creation_date,
        "confirmed_digest": expected.confirmed_digest,
        "changed_at": "2026-11-22T07:00:03.000Z",
        "status": {
            "state": expected.state,
            "code": expected.code,
            "since": expected.since,
        },
    }
    if expected.state is None:
        row["status"] = None
        expected = replace(expected, code=None, since=None)

    found = records.decode_pair(from_item(to_item(row)))

    assert found == expected
    assert (found.code, found.since) == (expected.code, expected.since)


def test_new_row_is_a_pair_that_was_never_looked_up() -> None:
    """A row that the scheduler created is read as version 0, without a known image."""
    record = keys.image_record("111122223333", "rhel-9-hvm")
    row = {"region": "us-east-1", "record": record} | records.encode_configuration(pair())

    assert records.decode_pair(row) == pair()


def test_configuration_has_the_documented_format() -> None:
    """The scheduler writes exactly these attributes of an image row."""
    expected = {
        "image_name": "rhel-9-hvm",
        "account_id": "111122223333",
        "active": True,
        "lookup": {"parameter_path": "/a"},
        "lookup_digest": "0123456789abcdef",
        "announce": ["release", "rollback"],
    }
    written = pair(lookup=ParameterLookup("/a"), lookup_digest="0123456789abcdef")

    assert records.encode_configuration(written) == expected


@given(releases)
def test_any_release_is_read_back_from_its_row(expected: Release) -> None:
    """A committed row is read back as the same release, without publication marks."""
    row = release_records.encode_release(expected) | {
        "pending": expected.target.region,
        "published_at": "2026-11-22T07:00:09.000Z",
    }

    assert release_records.decode_release(from_item(to_item(row))) == expected


def test_release_has_the_documented_format() -> None:
    """A first release has exactly these attributes; unknown values are absent."""
    expected = {
        "region": "us-east-1",
        "record": "release#111122223333#rhel-9-hvm#00000001",
        "event_id": release().event_id,
        "account_id": "111122223333",
        "image_name": "rhel-9-hvm",
        "version": 1,
        "kind": "baseline",
        "image_id": "ami-0123456789abcdef0",
        "detected_at": "2026-11-22T07:00:03.000Z",
        "round": "2026-11-22T07:00:00Z",
        "lookup_digest": "0123456789abcdef",
    }

    assert release_records.encode_release(release()) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"active": "yes"},
        {"version": "7"},
        {"account_id": None},
        {"announce": ["sometimes"]},
        {"lookup": {}},
        {"lookup": {"parameter_path": "/a", "filters": []}},
        {"status": "ok"},
    ],
    ids=str,
)
def test_malformed_image_row_is_named_in_the_error(changes: dict[str, object]) -> None:
    """The error names an image row that does not match the schema."""
    row = {"region": "us-east-1", "record": "image#1#a"} | records.encode_configuration(pair())

    with pytest.raises(MalformedError, match=r"^row image#1#a of us-east-1 is malformed: "):
        records.decode_pair(row | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": -1},
        {"version": 3},
        {"version": keys.LAST_VERSION, "image_id": "ami-0123456789abcdef0"},
        {"image_id": "ami-0123456789abcdef0"},
        {"version": 1, "image_id": "ami-*"},
        {"version": 1, "image_id": f"ami-{'0' * 300}"},
        {"number": 10**37},
        {"announce": ["rollback", "release"]},
        {"announce": ["release", "release", "rollback"]},
        {"announce": frozenset({"release"})},
    ],
    ids=str,
)
def test_image_row_that_no_service_writes_is_rejected(changes: dict[str, object]) -> None:
    """The row would affect other pairs, or no commit could meet its condition."""
    row = {
        "region": "us-east-1",
        "record": keys.image_record("111122223333", "rhel-9-hvm"),
        **records.encode_configuration(pair()),
    }

    with pytest.raises(MalformedError):
        records.decode_pair(row | changes)


@pytest.mark.parametrize(
    "changes",
    [{"kind": "surprise"}, {"version": None}, {"image_id": 7}, {"image_id": "ami-*"}],
    ids=str,
)
def test_malformed_release_row_is_named_in_the_error(changes: dict[str, object]) -> None:
    """The error names a release row that does not match the schema."""
    row = release_records.encode_release(release()) | changes

    with pytest.raises(
        MalformedError,
        match=r"^row release#111122223333#rhel-9-hvm#00000001 of us-east-1 is malformed: ",
    ):
        release_records.decode_release(row)


@pytest.mark.parametrize(
    "changes",
    [{"version": 2}, {"image_name": "rhel-8-hvm"}, {"account_id": "444455556666"}],
    ids=str,
)
def test_row_under_another_key_is_rejected(changes: dict[str, object]) -> None:
    """A write to the key that its content names would change another row."""
    image_row = {
        "region": "us-east-1",
        "record": keys.image_record("111122223333", "rhel-9-hvm"),
        **records.encode_configuration(pair()),
    }
    with pytest.raises(MalformedError, match=r"its content belongs to the key release#"):
        release_records.decode_release(release_records.encode_release(release()) | changes)
    if "version" not in changes:
        with pytest.raises(MalformedError, match=r"its content belongs to the key image#"):
            records.decode_pair(image_row | changes)


def test_window_of_a_round_row() -> None:
    """Number sets are read as the table has them; an empty set is absent there."""
    row = {
        "region": "us-east-1",
        "record": "round#111122223333",
        "round": "2026-11-22T08:00:00Z",
        "window": "2026-11-22T07:00:00Z",
        "enqueued": 3,
        "answered": {1, 2},
        "stale": {2, 3},
    }
    window = round_records.decode_window(from_item(to_item(row)))

    expected = Window(
        "2026-11-22T08:00:00Z", "2026-11-22T07:00:00Z", frozenset({1, 2}), stale=frozenset({2, 3})
    )
    assert window == expected
    assert window.unanswered() == {3}


@pytest.mark.parametrize(
    "changes",
    [
        {"answered": [0]},
        {"answered": [1, 2]},
        {"answered": None},
        {"missed": "all"},
        {"window": 7},
        {"window": None},
    ],
    ids=str,
)
def test_malformed_round_row_is_named_in_the_error(changes: dict[str, object]) -> None:
    """The error names a round row that does not match the schema."""
    row = {"region": "us-east-1", "record": "round#111122223333"} | changes

    with pytest.raises(MalformedError, match=r"^row round#111122223333 of us-east-1 is malformed"):
        round_records.decode_window(row)


def test_row_without_a_key_is_rejected_too() -> None:
    """The error says that the value is not a row."""
    with pytest.raises(
        MalformedError, match=r"^row \? of \? is malformed: .*missing required field"
    ):
        release_records.decode_release({})


# --- the compiled catalogue


@given(catalogues)
def test_any_catalogue_is_read_back_from_its_file(expected: Catalogue) -> None:
    """A compiled catalogue is read back equal."""
    assert catalogue_file.decode_catalogue(catalogue_file.encode_catalogue(expected)) == expected


def test_catalogue_file_does_not_depend_on_the_written_order() -> None:
    """Equal configurations have equal bytes and digests, whatever the order of their files."""
    one = catalogue()
    other = Catalogue(targets=one.targets[::-1], images=one.images[::-1])

    assert catalogue_file.encode_catalogue(one) == catalogue_file.encode_catalogue(other)


def test_catalogue_file_is_one_line_with_its_digest() -> None:
    """The file is plain ASCII with a line end, and has a digest of 64 hexadecimal digits."""
    text = catalogue_file.encode_catalogue(catalogue())

    assert text.isascii()
    assert 1 == text.count("\n") == len(text.splitlines())
    assert len(json.loads(text)["digest"]) == 64


def tampered(change: str) -> str:
    """Build a catalogue file that was changed after it was compiled."""
    content = json.loads(catalogue_file.encode_catalogue(catalogue()))
    match change:
        case "path":
            content["images"][0]["lookup"]["parameter_path"] = "/other"
        case "account":
            content["targets"][0]["account_id"] = "999999999999"
        case "order":
            content["images"].reverse()
        case "digest":
            content["digest"] = "0" * 64
    return wire.canonical_json(content) + "\n"


@pytest.mark.parametrize("change", ["path", "account", "order", "digest"])
def test_tampered_catalogue_is_refused(change: str) -> None:
    """A catalogue that was edited by hand is not used; the error says how to get a good one."""
    with pytest.raises(MalformedError, match="does not match its content; compile it again"):
        catalogue_file.decode_catalogue(tampered(change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        catalogue_file.encode_catalogue(catalogue())[:-3],
        '{"schema":2}',
        "[" * 200_000,
    ],
    ids=["empty", "no keys", "array", "cut short", "later schema", "deep"],
)
def test_malformed_catalogue_is_rejected(text: str) -> None:
    """The error says that the file is not a catalogue."""
    with pytest.raises(MalformedError, match=r"^catalogue is malformed: "):
        catalogue_file.decode_catalogue(text)


def test_untampered_catalogue_is_read() -> None:
    """The unchanged file of the tampering tests is valid."""
    assert catalogue_file.decode_catalogue(tampered("nothing")) == catalogue()
