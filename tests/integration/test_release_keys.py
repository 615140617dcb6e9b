"""Release keys from the configuration to the subscribers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from support.labs.laboratory import IRELAND, PUBLISHER, VIRGINIA, Lab, events_in

from services.kernel.model import Filter, FilterLookup, Image, Kind, OrderBy, ReleaseRule

THREE_DIGITS = ReleaseRule(r"-(?P<release>\d{3})$", "https://example.com/notes/{release}")
TWO_DIGITS = ReleaseRule(r"(?P<release>\d\d)$")
MINOR = r"^RHEL-(?P<release>\d+\.\d+\.\d+_HVM(?:_GA)?-\d{8})-"


def test_a_release_has_its_key_and_the_key_before(lab: Lab) -> None:
    """The event has the attribute `release`, and the row has everything that is known."""
    lab.deploy(lab.image("a", release=THREE_DIGITS))
    lab.publish("a")
    lab.round()
    image_id = lab.publish("a")

    received = lab.round()

    number = int(image_id[4:], 16)
    about = lab.releases(IRELAND, "a")[-1].about
    assert about.release == f"{number:03d}"
    assert about.previous_release == f"{number - 1:03d}"
    assert about.notes_url == f"https://example.com/notes/{number:03d}"
    assert about.join_key == f"release:{number:03d}"
    assert about.parameter_version == 2
    assert about.source_time is not None
    assert about.facts.items() >= {"owner_id": PUBLISHER, "architecture": "x86_64"}.items()
    assert {each.attributes["release"] for each in received} == {f"{number:03d}"}
    assert {len(each.attributes) for each in received} == {10}


def test_the_body_does_not_depend_on_the_rule(lab: Lab) -> None:
    """The format `v1` stays the same to the byte."""
    lab.deploy(lab.image("a", release=THREE_DIGITS))
    lab.publish("a")
    lab.round()
    with_rule = lab.publish("a")
    first = {each.body for each in lab.round()}
    lab.deploy(lab.image("a"))
    without = lab.publish("a")
    second = {each.body for each in lab.round()}

    assert {body.replace(with_rule, without) for body in first} == second
    assert {tuple(json.loads(body)["v1"]) for body in second} == {("Message", "image", "region")}


def test_an_edited_pattern_does_not_change_the_kind(lab: Lab) -> None:
    """A release in the round of the edit is announced as a release, with the new key."""
    lab.deploy(lab.image("a", release=THREE_DIGITS))
    lab.publish("a")
    lab.round()
    lab.deploy(lab.image("a", release=TWO_DIGITS))
    image_id = lab.publish("a")

    received = lab.round()

    assert ("eu-west-1", "a", "release", image_id) in events_in(received)
    assert {each.attributes["release"] for each in received} == {f"{int(image_id[4:], 16):02d}"}


def test_adding_a_rule_announces_and_writes_nothing(lab: Lab) -> None:
    """A pattern that is added to an existing deployment is silent."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    lab.round()
    before = lab.rows()
    lab.deploy(lab.image("a", release=THREE_DIGITS))

    assert lab.round() == []
    assert lab.rows() == before


def test_a_steady_round_has_the_same_calls_and_writes_with_a_rule(lab: Lab) -> None:
    """Release keys and facts need no call; the only writes are those of the round rows."""
    counts = []
    for rule in (None, THREE_DIGITS):
        images = (lab.image("a", release=rule), lab.filtered("b", release=rule))
        lab.deploy(*images)
        lab.publish("a")
        lab.publish("b")
        lab.round()
        mark = lab.aws.mark()
        lab.round()
        calls = lab.aws.calls(mark)
        counts.append(sorted((each.service, each.operation) for each in calls))

    assert counts[0] == counts[1]
    assert ("dynamodb", "TransactWriteItems") not in counts[1]


# --- the order of release keys


def rhel(pattern: str = MINOR) -> Image:
    """Build RHEL 9, ordered by release."""
    lookup = FilterLookup(
        (Filter("name", ("RHEL-9.*_HVM*",)),),
        owners=(PUBLISHER,),
        order_by=OrderBy.RELEASE,
        pattern=pattern,
    )
    return Image("rhel-9", lookup, release=ReleaseRule(pattern))


def publish(lab: Lab, release: str, day: datetime) -> None:
    """Publish an image of Red Hat in every target."""
    for target in lab.targets:
        name = f"RHEL-{release}-x86_64-0-Hourly2-GP3"
        where = (target.account_id, target.region)
        lab.aws.publishers.register_image(*where, name, day, owner_id=PUBLISHER)


def test_a_rebuilt_older_minor_is_not_announced(lab: Lab) -> None:
    """The images are published in the reported order, and only later releases are announced."""
    lab.deploy(rhel())
    for release, month, day in (
        ("9.7.0_HVM-20260513", 5, 14),
        ("9.8.0_HVM_GA-20260521", 5, 22),
        ("9.8.0_HVM-20260728", 7, 29),
        ("9.6.0_HVM-20260811", 8, 11),
        ("9.8.0_HVM-20260908", 9, 9),
        ("9.6.0_HVM-20260922", 9, 23),
        ("9.10.0_HVM_GA-20261101", 11, 2),
    ):
        publish(lab, release, datetime(2026, month, day, tzinfo=UTC))
        lab.round()
    found = [(r.kind, r.about.release) for r in lab.releases(VIRGINIA, "rhel-9")]

    assert found == [
        (Kind.BASELINE, "9.7.0_HVM-20260513"),
        (Kind.RELEASE, "9.8.0_HVM_GA-20260521"),
        (Kind.RELEASE, "9.8.0_HVM-20260728"),
        (Kind.RELEASE, "9.8.0_HVM-20260908"),
        (Kind.RELEASE, "9.10.0_HVM_GA-20261101"),
    ]


def test_a_withdrawn_release_leads_back_to_the_one_before(lab: Lab) -> None:
    """In the order of releases, the next image is earlier although its date is later."""
    lab.deploy(rhel())
    publish(lab, "9.8.0_HVM-20260728", datetime(2026, 7, 29, tzinfo=UTC))
    publish(lab, "9.6.0_HVM-20260811", datetime(2026, 8, 11, tzinfo=UTC))
    lab.round()
    (first,) = lab.releases(VIRGINIA, "rhel-9")
    for target in lab.targets:
        found = lab.releases(target, "rhel-9")[0].observed.image_id
        lab.aws.publishers.deregister_image(target.account_id, target.region, found)
    lab.round()

    last = lab.releases(VIRGINIA, "rhel-9")[-1]
    assert first.about.release == "9.8.0_HVM-20260728"
    assert (last.kind, last.about.release) == (Kind.ROLLBACK, "9.6.0_HVM-20260811")


def test_an_edited_pattern_of_an_order_is_an_edit_of_the_lookup(lab: Lab) -> None:
    """The pattern decides which image is selected, so its edit is not a release."""
    lab.deploy(rhel())
    publish(lab, "9.6.0_HVM-20260811", datetime(2026, 8, 11, tzinfo=UTC))
    lab.round()
    publish(lab, "9.8.0_HVM-20260728", datetime(2026, 7, 29, tzinfo=UTC))
    lab.deploy(replace(rhel(MINOR.replace("^", ""))))

    assert lab.round() == []
    assert lab.releases(VIRGINIA, "rhel-9")[-1].kind == Kind.RECONFIGURED
