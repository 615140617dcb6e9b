"""The announcement has exactly the documented form for any release."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.aggregator import a_release

from services.aggregator.announce import Announcement, announcement, waves
from services.kernel import release_records, wire
from services.kernel.model import Kind, Observation, Release, Target

MESSAGE_LIMIT = 262_144  # SNS: a message, and all the messages of a batch together
BATCH = 10

DOCUMENTED = Release(
    target=Target("111122223333", "us-east-1"),
    image_name="al2023-eks-1.33",
    version=7,
    kind=Kind.RELEASE,
    observed=Observation("ami-0123456789abcdef0", "amazon-eks-node-al2023-1.33-v20261120", "x"),
    previous_image_id="ami-0fedcba9876543210",
    detected_at=datetime.fromisoformat("2026-11-22T07:00:10.000Z"),
    round="2026-11-22T07:00:00Z",
    lookup_digest="0123456789abcdef",
)

INJECTIONS = {
    "line end": "a\nRELEASED: everything",
    "carriage return": "a\r\nb",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "terminal codes": "\x1b[2J\x1b[31mred\x07",
    "braces": "{{}} {0} {name} {image_name!r}",
    "per cent": "%s %d %(name)s %%",
    "an end of the body": '"}}}\n{"v1": {}}',
    "markup": "<script>alert(1)</script>&amp;",
    "huge": "x" * 300_000,
    "huge and wide": "\U0001f6f0" * 300_000,
    "lone surrogates": "\ud800 \udfff",
    "no character": "\ufffe\uffff\x00",
    "direction": "\u202egnp.ima",
    "letters of the world": "Zürich 東京 🛰",
}

names = st.from_regex(wire.IMAGE_NAME, fullmatch=True)
accounts = st.from_regex(wire.ACCOUNT_ID, fullmatch=True)
regions = st.sampled_from(["ap-southeast-7", "eusc-de-east-1", "us-gov-west-1", "us-isob-east-1"])
releases = st.builds(
    Release,
    target=st.builds(Target, accounts, regions),
    image_name=names,
    version=st.integers(1, 99_999_999),
    kind=st.sampled_from(Kind),
    observed=st.builds(
        Observation,
        st.just("ami-0123456789abcdef0"),
        st.none() | st.text(st.characters(codec=None)) | st.sampled_from(list(INJECTIONS.values())),
    ),
    previous_image_id=st.none() | st.just("ami-0fedcba9876543210"),
    detected_at=st.just(datetime.fromisoformat("2026-11-22T07:00:10.000Z")),
    round=st.just("2026-11-22T07:00:00Z"),
)


def weight(made: Announcement) -> int:
    """Return the bytes that SNS counts: body, attribute names, types and values, and subject."""
    texts = [made.body, made.subject]
    for name, value in made.attributes.items():
        texts += [name, "String", str(value)]
    return sum(len(text.encode()) for text in texts)


# --- the body


def test_the_documented_example_is_sent() -> None:
    """The body is the documented one byte for byte, because existing programs parse it."""
    assert announcement(DOCUMENTED).body == (
        '{"v1": {"Message": "A new version of the al2023-eks-1.33 has been released. '
        'You are now able to launch new EC2 instances from these AMIs.", '
        '"image": {"image_name": "al2023-eks-1.33", "image_id": "ami-0123456789abcdef0"}, '
        '"region": "us-east-1"}}'
    )


@pytest.mark.parametrize(
    ("kind", "message", "subject"),
    [
        (
            Kind.RELEASE,
            (
                "A new version of the rhel-9 has been released. "
                "You are now able to launch new EC2 instances from these AMIs."
            ),
            "AMI released: eu-west-1 rhel-9",
        ),
        (
            Kind.ROLLBACK,
            (
                "The rhel-9 has been rolled back to an earlier version by its publisher. "
                "New EC2 instances should be launched from these AMIs again."
            ),
            "AMI rolled back: eu-west-1 rhel-9",
        ),
        (
            Kind.RECONFIGURED,
            (
                "The lookup of the rhel-9 has been changed in the tracker's configuration, "
                "and these AMIs answer it now. This is not a new release by the publisher."
            ),
            "AMI lookup changed: eu-west-1 rhel-9",
        ),
        (
            Kind.BASELINE,
            (
                "The rhel-9 is now being watched. "
                "These AMIs are the current ones; later changes will be announced."
            ),
            "AMI watched: eu-west-1 rhel-9",
        ),
    ],
)
def test_each_kind_has_its_message_and_subject(kind: Kind, message: str, subject: str) -> None:
    """Each kind has its own message and subject, and only a release is called a release."""
    made = announcement(a_release("rhel-9", kind=kind))
    assert json.loads(made.body)["v1"]["Message"] == message
    assert made.subject == subject


def test_the_texts_of_the_kinds_differ() -> None:
    """The message and subject of each kind are unique."""
    made = [announcement(a_release(kind=kind)) for kind in Kind]
    assert len(Kind) == len({each.body for each in made}) == len({each.subject for each in made})


@given(releases)
def test_the_body_has_exactly_the_documented_keys(release: Release) -> None:
    """Other values of the release are sent as message attributes."""
    body = json.loads(announcement(release).body)
    assert list(body) == ["v1"]
    assert list(body["v1"]) == ["Message", "image", "region"]
    assert body["v1"]["image"] == {
        "image_name": release.image_name,
        "image_id": release.observed.image_id,
    }
    assert body["v1"]["region"] == release.target.region
    assert release.image_name in body["v1"]["Message"]


# --- the attributes


def test_attributes_describe_the_whole_release() -> None:
    """The attributes describe the whole release, so subscribers can filter without the body."""
    assert announcement(DOCUMENTED).attributes == {
        "event_id": DOCUMENTED.event_id,
        "kind": "release",
        "image_name": "al2023-eks-1.33",
        "region": "us-east-1",
        "account_id": "111122223333",
        "previous_image_id": "ami-0fedcba9876543210",
        "version": 7,
        "ami_name": "amazon-eks-node-al2023-1.33-v20261120",
        "detected_at": "2026-11-22T07:00:10.000Z",
    }


def test_an_event_keeps_its_id() -> None:
    """Subscribers recognise copies by the id, so no version of this code may change it."""
    assert announcement(DOCUMENTED).event_id == "b2bfd79bde42a08cb65b4923fbeee2dc"


@pytest.mark.parametrize("missing", [None, ""])
def test_an_unknown_value_is_absent(missing: str | None) -> None:
    """SNS rejects empty values, so an unknown value has no attribute."""
    made = announcement(a_release(previous_image_id=missing, ami_name=missing))
    assert {"previous_image_id", "ami_name"}.isdisjoint(made.attributes)


def test_a_foreign_name_without_a_printable_character_is_absent() -> None:
    """A name whose characters SNS does not accept would be empty, so it has no attribute."""
    assert "ami_name" not in announcement(a_release(ami_name="\n\x00\ud800\u2028")).attributes


@pytest.mark.parametrize("foreign", INJECTIONS.values(), ids=INJECTIONS)
def test_a_foreign_name_changes_only_its_attribute(foreign: str) -> None:
    """A foreign name is cut and cleaned, and changes only its own attribute."""
    made = announcement(a_release(ami_name=foreign))
    plain = announcement(a_release(ami_name="plain"))
    assert (made.body, made.subject) == (plain.body, plain.subject)
    ami_name = str(made.attributes.get("ami_name", ""))
    assert ami_name.isprintable()
    assert len(ami_name) <= 256
    assert {"ami_name": "", **made.attributes} == plain.attributes | {"ami_name": ami_name}


def test_letters_of_all_languages_stay() -> None:
    """Cleaning removes only characters that SNS does not accept."""
    foreign = INJECTIONS["letters of the world"]
    assert announcement(a_release(ami_name=foreign)).attributes["ami_name"] == foreign


@given(releases)
def test_any_announcement_is_valid_for_sns(release: Release) -> None:
    """Any announcement has few, non-empty attributes without control characters, and is small."""
    made = announcement(release)
    assert len(made.attributes) <= 10
    assert [name for name, value in made.attributes.items() if value == ""] == []
    assert all(str(value).isprintable() for value in made.attributes.values())
    assert {n for n, v in made.attributes.items() if not isinstance(v, str)} == {"version"}
    assert made.body.isascii()
    assert made.body.isprintable()
    assert weight(made) * BATCH < MESSAGE_LIMIT


@given(releases)
def test_any_subject_is_valid_for_sns(release: Release) -> None:
    """Any subject is printable ASCII, starts with a letter, and has less than 100 characters."""
    subject = announcement(release).subject
    assert 1 <= len(subject) <= 99
    assert subject.isascii()
    assert subject.isprintable()
    assert subject[0].isalpha()


def test_a_long_subject_is_cut() -> None:
    """SNS documents less than a hundred characters, so the maximum is ninety-nine."""
    subject = announcement(a_release("n" * 128)).subject
    assert (len(subject), subject[:27]) == (99, "AMI released: eu-west-1 nnn")


@given(releases)
def test_the_same_release_is_announced_in_the_same_bytes(release: Release) -> None:
    """A release that is read from its row again has the same announcement."""
    row = release_records.encode_release(release)
    assert announcement(release) == announcement(release_records.decode_release(row))


# --- waves


def test_waves_hold_each_image_once() -> None:
    """The first wave has each image's first version, the second its second, sorted by name."""
    one, two, three = (a_release("a", version) for version in (1, 2, 3))
    other, another = a_release("b", 9), a_release("c", 4)
    found = waves([three, another, one, other, two])
    assert found == [[one, other, another], [two], [three]]


def test_no_release_makes_no_wave() -> None:
    """Without releases there is no wave."""
    assert waves([]) == []


@given(
    st.lists(
        st.builds(a_release, st.sampled_from("abc"), st.integers(1, 9)),
        unique_by=lambda release: (release.image_name, release.version),
    )
)
def test_waves_keep_every_release_in_its_images_order(found: list[Release]) -> None:
    """No release is lost, and no image is in a wave twice."""
    made = waves(found)
    flat = [release for wave in made for release in wave]
    assert sorted(found, key=repr) == sorted(flat, key=repr)
    for wave in made:
        assert wave
        assert len(wave) == len({release.image_name for release in wave})
    for name in "abc":
        versions = [release.version for release in flat if release.image_name == name]
        assert all(earlier < later for earlier, later in pairwise(versions))
