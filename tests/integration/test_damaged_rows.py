"""A deleted, restored or damaged row affects only its own pair and is repaired if possible."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from support.labs.laboratory import VIRGINIA, Lab, events_in

from services.kernel.keys import image_record, release_record, round_record
from services.kernel.table import to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def _table(lab: Lab) -> DynamoDBClient:
    client: DynamoDBClient = lab.aws.client("dynamodb", lab.hub.region)
    return client


def _put(lab: Lab, **row: object) -> None:
    """Write a whole row, as a person in the console does."""
    _table(lab).put_item(TableName=lab.hub.table_name, Item=to_item(row))


def _image_row(lab: Lab, name: str = "a") -> dict[str, Any]:
    record = image_record(VIRGINIA.account_id, name)
    (row,) = [r for r in lab.pipeline.rows(VIRGINIA.region, record) if r["record"] == record]
    return row


def _with_history(lab: Lab) -> list[str]:
    """Create two images with three versions each, and return the ids of the first."""
    lab.deploy(lab.image("a"), lab.image("b"), targets=[VIRGINIA])
    ids = []
    for _ in range(3):
        ids.append(lab.publish("a", VIRGINIA))
        lab.publish("b", VIRGINIA)
        lab.round()
    return ids


def _is_dense(lab: Lab) -> bool:
    releases = lab.releases(VIRGINIA, "a")
    versions = [release.version for release in releases]
    return versions == list(range(1, len(releases) + 1)) and all(
        after.previous_image_id == before.observed.image_id
        for before, after in itertools.pairwise(releases)
    )


@pytest.mark.parametrize("restored", [False, True], ids=["deleted", "restored"])
def test_an_image_row_that_is_behind_heals(lab: Lab, *, restored: bool) -> None:
    """The next change is announced once, and no message moves to the dead-letter queue."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a", VIRGINIA)
    lab.round()
    first = _image_row(lab)
    for _ in range(2):
        lab.publish("a", VIRGINIA)
        lab.round()
    if restored:
        _put(lab, **first)
    else:
        key = to_item({"region": VIRGINIA.region, "record": first["record"]})
        _table(lab).delete_item(TableName=lab.hub.table_name, Key=key)
    newest = lab.publish("a", VIRGINIA)

    assert events_in([*lab.round(), *lab.round()]) == {("us-east-1", "a", "release", newest)}
    assert lab.round() == []
    assert lab.dead_letters() == []
    assert (lab.pair(VIRGINIA, "a").version, _image_row(lab)["image_id"]) == (4, newest)
    assert _is_dense(lab)


def test_a_deleted_row_heals_without_any_change(lab: Lab) -> None:
    """The lookup finds the releases of a pair whose image row was deleted, and restores the row."""
    ids = _with_history(lab)
    key = to_item({"region": VIRGINIA.region, "record": _image_row(lab)["record"]})
    _table(lab).delete_item(TableName=lab.hub.table_name, Key=key)

    assert lab.round() == []
    assert (lab.pair(VIRGINIA, "a").version, _image_row(lab)["image_id"]) == (3, ids[-1])
    assert "image row was behind its releases" in lab.pipeline.log.getvalue()


def test_a_damaged_row_affects_only_its_own_pair(lab: Lab) -> None:
    """A damaged image, release, round or unknown row affects only its own pair."""
    _with_history(lab)
    where = {"region": VIRGINIA.region}
    _put(lab, **_image_row(lab) | {"version": "three"})
    _put(lab, **where, record=release_record(VIRGINIA.account_id, "b", 2), version="two")
    _put(lab, **where, record=release_record(VIRGINIA.account_id, "b", 9), note="by hand")
    _put(lab, **where, record=round_record(VIRGINIA.account_id), answered="all", window=7)
    _put(lab, **where, record=image_record(VIRGINIA.account_id, "c"), image_name="b")
    newest = lab.publish("b", VIRGINIA)

    assert events_in(lab.round()) == {("us-east-1", "b", "release", newest)}
    assert lab.dead_letters() == []


def test_a_row_whose_content_names_another_pair_changes_no_other(lab: Lab) -> None:
    """A copy of a row under another key is not written to the key that its content names."""
    _with_history(lab)
    before = _image_row(lab, "b")
    _put(lab, **before | {"record": image_record(VIRGINIA.account_id, "a")})
    newest = lab.publish("b", VIRGINIA)

    lab.round()

    assert _image_row(lab, "b")["image_id"] == newest
    assert _image_row(lab, "b")["version"] == before["version"] + 1
