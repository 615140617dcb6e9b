"""The reader of a whole deployment, on the embedded AWS: its rows and the number of its calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from support.builders.releases import IRELAND, MOMENT, NAME, OHIO
from support.labs.image_lab import Lab

from services.console.acting.hub import open_session
from services.console.lookup.options import AwsOptions
from services.console.reading.options import HubOptions
from services.console.reading.overview import overview
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.history.overview import Overview
from services.history.overview_reader import OverviewReader
from services.kernel.errors import HubBrokenError
from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record, release_record
from services.kernel.model import Kind, Target

BASELINE, RELEASE = Kind.BASELINE, Kind.RELEASE
STEPS = tuple((f"release:1.{n}", RELEASE if n else BASELINE, 100.0 - n) for n in range(12))
OTHER = Target("222233334444", "eu-west-1")


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None) -> Lab:  # noqa: ARG001 - the environment
    """Return direct access to an empty table."""
    return Lab(aws, hub, "report")


@pytest.fixture
def client(lab: Lab) -> Any:  # noqa: ANN401 - a client of boto3
    """Return a client of the hub's DynamoDB, whose calls are counted."""
    return HubSession(lab.hub.region, endpoint_url=lab.aws.endpoint_url).client("dynamodb")


def read(client: Any, lab: Lab, releases: int = 10) -> Overview:  # noqa: ANN401 - likewise
    """Return the overview of the lab's table."""
    return OverviewReader(client, lab.hub.table_name).read(MOMENT, releases)


def versions(found: Overview) -> dict[str, list[tuple[str, list[int]]]]:
    """Return the versions of each image by region."""
    return {
        name: [(s.target.region, [row.release.version for row in s.releases]) for s in seen]
        for name, seen in found.images.items()
    }


def test_each_pair_has_its_last_releases(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """Newest first; `complete` says whether there are older ones."""
    lab.track(OHIO, IRELAND, OTHER, stale=(2,))
    lab.image(OHIO, *STEPS)
    lab.image(IRELAND, *STEPS[:2])
    lab.image(IRELAND, *STEPS[:1], name="rhel", number=2)
    lab.image(OTHER, *STEPS[:3])

    found = read(client, lab, releases=4)

    assert versions(found) == {
        NAME: [("eu-west-1", [2, 1]), ("eu-west-1", [3, 2, 1]), ("us-east-2", [12, 11, 10, 9])],
        "rhel": [("eu-west-1", [1])],
    }
    assert [seen.complete for seen in found.images[NAME]] == [True, True, False]
    assert [seen.stale for seen in found.images["rhel"]] == [True]
    assert [seen.stale for seen in found.images[NAME]] == [False] * 3
    assert found.problems == ()


def test_a_removed_image_is_left_out(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """The rows of an inactive pair stay in the table."""
    lab.track(OHIO)
    lab.image(OHIO, *STEPS[:1])
    client.update_item(
        TableName=lab.hub.table_name,
        Key={"region": {"S": OHIO.region}, "record": {"S": image_record(OHIO.account_id, NAME)}},
        UpdateExpression="SET active = :no",
        ExpressionAttributeValues={":no": {"BOOL": False}},
    )

    assert read(client, lab).images == {}


def test_a_damaged_release_row_is_a_problem(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """The other releases of the pair are read."""
    lab.track(OHIO)
    lab.image(OHIO, *STEPS[:3])
    record = release_record(OHIO.account_id, NAME, 2)
    lab.write({"region": OHIO.region, "record": record, "kind": "surprise"})

    found = read(client, lab)

    assert versions(found) == {NAME: [(OHIO.region, [3, 1])]}
    [problem] = found.problems
    assert record in problem


def test_the_calls_do_not_grow_with_the_history(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """Two queries for each region, and one call for each 100 release rows of a region."""
    lab.track(OHIO, IRELAND)
    for number in range(21):
        lab.image(OHIO, *STEPS, name=f"image-{number}", number=number + 1)
    lab.image(IRELAND, *STEPS)
    lab.aws.clear_calls()

    read(client, lab, releases=5)

    assert lab.counted() == {"GetItem": 1, "Query": 4, "Scan": 1, "BatchGetItem": 3}


@dataclass
class Behind:
    """A client whose eventually consistent reads do not have the newest release yet."""

    client: Any
    record: str

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any operation
        return getattr(self.client, name)

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3
        """Read rows."""
        answer: dict[str, Any] = self.client.batch_get_item(RequestItems=RequestItems)
        for table, rows in answer["Responses"].items():
            if not RequestItems[table]["ConsistentRead"]:
                rows[:] = [row for row in rows if row["record"]["S"] != self.record]
        return answer


def test_a_release_of_a_moment_ago_is_not_missed(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """Rows that an eventually consistent read misses are read again, and only these."""
    lab.track(OHIO)
    lab.image(OHIO, *STEPS[:3])
    lab.aws.clear_calls()

    found = read(Behind(client, release_record(OHIO.account_id, NAME, 3)), lab)

    assert versions(found) == {NAME: [(OHIO.region, [3, 2, 1])]}
    assert Counter(lab.operations())["BatchGetItem"] == 2


def test_a_missing_table_is_an_error(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """The message has the name of the table."""
    lab.track(OHIO)

    with pytest.raises(HubBrokenError, match="no-such-table"):
        OverviewReader(client, "no-such-table").read(MOMENT)


def test_a_command_reads_the_same(lab: Lab, client: Any) -> None:  # noqa: ANN401 - likewise
    """A command uses its own threads, and explains errors."""
    lab.track(OHIO, IRELAND)
    lab.image(OHIO, *STEPS)
    lab.image(IRELAND, *STEPS[:1], name="rhel")
    aws = AwsOptions(None, lab.hub.region, lab.aws.endpoint_url)

    found = overview(open_session(aws), HubOptions(aws, lab.hub.table_name, "table"), 10)

    assert found.images == read(client, lab).images
