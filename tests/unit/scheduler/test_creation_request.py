"""The request that creates rows writes what the update of a single row writes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.builders.scheduler import TARGET, an_image, images

from services.kernel.keys import image_record
from services.kernel.model import (
    Filter,
    FilterLookup,
    Image,
    Kind,
    OrderBy,
    Pair,
    ParameterLookup,
    Target,
)
from services.kernel.table import to_item
from services.scheduler.creation_request import creation_request
from services.scheduler.image_update import configuration_update
from services.scheduler.plan import Action, Change, plan

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
several = st.lists(texts, min_size=1, max_size=3).map(tuple)
filter_lookups = st.builds(
    FilterLookup,
    st.lists(st.builds(Filter, texts, several), min_size=1, max_size=3).map(tuple),
    several | st.just(()),
    several | st.just(()),
)
tracked = st.builds(
    Image,
    texts,
    filter_lookups | st.builds(ParameterLookup, texts),
    st.frozensets(st.sampled_from(Kind)),
    family=st.none() | texts,
)


def expected(pair: Pair) -> dict[str, Any]:
    """Build the update of a single row, with the condition that it does not exist."""
    update = configuration_update(Change(Action.CREATE, pair))
    update["ExpressionAttributeNames"]["#record"] = "record"
    record = image_record(pair.target.account_id, pair.image_name)
    return {
        "TableName": "my-table",
        "Key": to_item({"region": pair.target.region, "record": record}),
        "ConditionExpression": "attribute_not_exists(#record)",
        **update,
    }


@given(st.lists(tracked, unique_by=lambda image: image.name, max_size=5), texts, texts)
def test_each_row_is_that_of_a_single_update(
    wanted: list[Image], account_id: str, region: str
) -> None:
    """Values, names and expression are equal, for any lookup, account and region."""
    pairs = plan(Target(account_id, region), wanted, [], 20).active
    request = json.loads(creation_request("my-table", pairs, "token"))
    assert request["ClientRequestToken"] == "token"
    assert [item["Update"] for item in request["TransactItems"]] == list(map(expected, pairs))


def test_an_order_by_release_is_written() -> None:
    """The lookup has the order and its pattern."""
    lookup = FilterLookup((Filter("name", ("a",)),), ("self",), (), OrderBy.RELEASE, "(?P<r>.*)")
    pairs = plan(TARGET, [an_image("a", lookup)], [], 20).active
    (item,) = json.loads(creation_request("my-table", pairs, "token"))["TransactItems"]
    assert item["Update"] == expected(pairs[0])


def test_targets_and_edits_share_no_part_that_differs() -> None:
    """The part that is kept for an image has neither account nor number, and follows edits."""
    edited = [an_image(image.name, ParameterLookup("/edited")) for image in images(3)]
    for tracked_images in (images(3), edited, images(3)):
        for target in (TARGET, Target("222233334444", "us-east-1")):
            pairs = plan(target, tracked_images, [], 20, {"gone": 7}).active
            request = json.loads(creation_request("my-table", pairs, "token"))
            assert [item["Update"] for item in request["TransactItems"]] == list(
                map(expected, pairs)
            )


def test_threads_may_encode_at_once() -> None:
    """A round encodes the rows of a target in several threads."""
    pairs = plan(TARGET, images(200), [], 20).active
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: creation_request("t", pairs, "token"), range(8)))
    assert len(set(found)) == 1
