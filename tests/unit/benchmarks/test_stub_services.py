"""The stub answers real botocore clients, with the answers of one world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.stub.counters import Call
from benchmarks.stub.responses import ServiceError
from benchmarks.stub.throttles import Throttles
from benchmarks.stub_process import Stub
from benchmarks.world import World, ami_name, image_id, name_prefix, owner, parameter_path

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client

WORLD = World(40, regions=2)
REGION = WORLD.region_names()[1]
TABLE = "table"


@pytest.fixture(scope="module", name="stub")
def started_stub() -> Iterator[Stub]:
    """Start a stub."""
    with Stub() as running:
        yield running


@pytest.fixture(autouse=True)
def loaded(stub: Stub) -> None:
    """Load the world with its rows."""
    stub.set()
    stub.load(WORLD, releases=True)


def client(stub: Stub, service: str) -> Any:  # noqa: ANN401 - one of several clients
    """Return a client of the stub without retries."""
    create: Any = boto3.client
    once = Config(retries={"total_max_attempts": 1})
    return create(service, REGION, endpoint_url=stub.url(), config=once)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the code of an error response."""
    return error.value.response["Error"]["Code"]


def names(ec2: EC2Client, **request: Any) -> set[str]:  # noqa: ANN401 - of boto3
    """Return the names of the images in a response."""
    return {image["Name"] for image in ec2.describe_images(**request)["Images"]}


def test_lookups_that_share_a_call_get_the_images_of_single_ones(stub: Stub) -> None:
    """Several names in one request, and several owners, match what single requests match."""
    ec2 = client(stub, "ec2")
    indexes = (0, 3, 11)
    single = [
        names(
            ec2,
            Filters=[{"Name": "name", "Values": [f"{name_prefix(WORLD, index)}*"]}],
            Owners=[owner(WORLD, index)],
        )
        for index in indexes
    ]

    merged = names(
        ec2,
        Filters=[
            {"Name": "name", "Values": [f"{name_prefix(WORLD, index)}*" for index in indexes]},
            {"Name": "state", "Values": ["available"]},
        ],
        Owners=[owner(WORLD, index) for index in indexes],
        IncludeDeprecated=True,
    )

    assert [len(found) for found in single] == [5, 5, 5]
    assert merged == set().union(*single)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": ["bench-linux-0000-00?-20260102"]}, 10),
        ({"name": ["bench-linux-0000-00*"], "architecture": ["arm64"]}, 0),
        ({"name": [r"bench-linux-0000-000-2026\*"]}, 0),
        ({"name": ["*"], "owner-id": ["80000000001"]}, 0),
        ({"name": ["bench-linux-0001-001-*"], "owner-id": [owner(WORLD, 10)]}, 5),
        ({"name": ["bench-linux-0000-000-*"], "virtualization-type": ["paravirtual"]}, 0),
    ],
)
def test_filters(stub: Stub, filters: dict[str, list[str]], expected: int) -> None:
    """All filters have to match; `?` is at most one character, and a backslash escapes."""
    request = [{"Name": name, "Values": values} for name, values in filters.items()]

    assert len(names(client(stub, "ec2"), Filters=request)) == expected


def test_images_by_id_and_pages(stub: Stub) -> None:
    """Ids of other regions and unknown ids match nothing; pages follow a token."""
    ec2 = client(stub, "ec2")
    ids = [image_id(REGION, 20, 1), image_id(WORLD.region_names()[0], 20, 1), "ami-00000000"]
    found = ec2.describe_images(Filters=[{"Name": "image-id", "Values": ids}])["Images"]
    pages = ec2.get_paginator("describe_images").paginate(
        Filters=[{"Name": "name", "Values": [f"{name_prefix(WORLD, 0)}*"]}],
        PaginationConfig={"PageSize": 2},
    )

    assert [image["ImageId"] for image in found] == ids[:1]
    assert [len(page["Images"]) for page in pages] == [2, 2, 1]
    assert stub.counts().operations()["ec2.DescribeImages by id"] == 1


def test_a_published_build_is_the_current_one(stub: Stub) -> None:
    """A parameter has the id of the next build, and a filter matches one image more."""
    stub.publish([0, 20])
    ssm, ec2 = client(stub, "ssm"), client(stub, "ec2")
    answer = ssm.get_parameters(Names=[parameter_path(20), parameter_path(0)])

    assert [each["Value"] for each in answer["Parameters"]] == [image_id(REGION, 20, 2)]
    assert answer["InvalidParameters"] == [parameter_path(0)]  # that image is found by filters
    newest = ami_name(WORLD, 0, 6)
    assert newest in names(ec2, Filters=[{"Name": "name", "Values": [newest]}])


def row(dynamodb: DynamoDBClient, record: str) -> Any:  # noqa: ANN401 - an item
    """Return a row of the region."""
    key = {"region": {"S": REGION}, "record": {"S": record}}
    return dynamodb.get_item(TableName=TABLE, Key=key).get("Item")


def test_transactions_write_all_or_nothing(stub: Stub) -> None:
    """A failed condition cancels all writes and gives the reason of each."""
    dynamodb = client(stub, "dynamodb")
    puts = [
        {
            "Put": {
                "TableName": TABLE,
                "Item": {"region": {"S": REGION}, "record": {"S": record}},
                "ConditionExpression": "attribute_not_exists(#record)",
                "ExpressionAttributeNames": {"#record": "record"},
            }
        }
        for record in ("new", "round#111100000000")
    ]
    with pytest.raises(ClientError) as error:
        dynamodb.transact_write_items(TransactItems=puts)

    assert code(error) == "TransactionCanceledException"
    reasons = error.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert row(dynamodb, "new") is None


def test_queries_have_pages_and_projections(stub: Stub) -> None:
    """Rows come in the order of their records, limited, backwards, and with some attributes."""
    dynamodb = client(stub, "dynamodb")
    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE,
        KeyConditionExpression="#region = :region AND begins_with(#record, :prefix)",
        ExpressionAttributeNames={"#region": "region", "#record": "record"},
        ExpressionAttributeValues={":region": {"S": REGION}, ":prefix": {"S": "image#"}},
        ProjectionExpression="#record",
        ScanIndexForward=False,
        PaginationConfig={"PageSize": 15},
    )
    found = [[item["record"]["S"] for item in page["Items"]] for page in pages]

    assert [len(page) for page in found] == [15, 15, 10]
    records = [record for page in found for record in page]
    assert records == sorted(records, reverse=True)


def test_the_index_has_pending_rows_only(stub: Stub) -> None:
    """A row is in the index while it has the attribute, and inserted releases are listed."""
    dynamodb = client(stub, "dynamodb")
    key = {"region": {"S": REGION}, "record": {"S": "release#1#a#00000001"}}
    dynamodb.put_item(TableName=TABLE, Item={**key, "pending": {"S": REGION}})
    before = dynamodb.scan(TableName=TABLE, IndexName="pending")["Count"]
    dynamodb.update_item(TableName=TABLE, Key=key, UpdateExpression="REMOVE pending")

    assert before == 1
    assert dynamodb.scan(TableName=TABLE, IndexName="pending")["Count"] == 0
    assert [record for _, record, _ in stub.take_inserted()] == [key["record"]["S"]]


def test_rates_are_limited_per_region_if_asked() -> None:
    """SSM accepts 40 calls at once in a region, and 40 more each second."""
    moments = iter([0.0] * 42 + [0.5] * 21)
    throttles = Throttles(clock=lambda: next(moments))
    call, other = (Call("ssm", "GetParameters", region, "1") for region in ("a", "b"))
    throttles.call(call)
    throttles.limit(on=True)
    for _ in range(40):
        throttles.call(call)
    with pytest.raises(ServiceError, match="ThrottlingException"):
        throttles.call(call)
    throttles.call(other)

    for _ in range(20):
        throttles.call(call)
    with pytest.raises(ServiceError, match="Rate exceeded"):
        throttles.call(call)


def test_a_partition_has_a_capacity_of_its_own() -> None:
    """A partition takes 1,000 write units at once, and as many each second; so does an index."""
    moment = [0.0]
    throttles = Throttles(clock=lambda: moment[0])
    throttles.limit(on=True, capacity=0.1)

    assert throttles.write({"a": 98}) == set()
    assert throttles.write({"a": 4, "pending a": 1}) == {"a"}
    assert throttles.write({"b": 4}) == set()
    moment[0] = 1.0
    assert throttles.write({"a": 100}) == set()
    assert throttles.read("a", 300)
    assert not throttles.read("a", 1)


def test_writes_without_capacity_are_refused_as_dynamodb_does(stub: Stub) -> None:
    """A transaction is cancelled with a reason for each item; another write is throttled."""
    writer = client(stub, "dynamodb")
    item = {"region": {"S": REGION}, "record": {"S": "new"}, "pending": {"S": REGION}}
    stub.set(throttles=True, capacity=0.001)

    with pytest.raises(writer.exceptions.TransactionCanceledException) as cancelled:
        writer.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item}}])
    assert [r["Code"] for r in cancelled.value.response["CancellationReasons"]] == [
        "ThrottlingError"
    ]
    assert writer.put_item(TableName=TABLE, Item=item)
    with pytest.raises(ClientError) as refused:
        writer.put_item(TableName=TABLE, Item={**item, "large": {"S": "x" * 1024}})
    assert code(refused) == "ThrottlingException"
    assert stub.counts().units["rows written"] == 1


def test_unknown_expressions_are_refused(stub: Stub) -> None:
    """An expression that the stub does not know is an error of the service's own protocol."""
    with pytest.raises(ClientError, match="UnsupportedError") as error:
        client(stub, "dynamodb").update_item(
            TableName=TABLE,
            Key={"region": {"S": REGION}, "record": {"S": "new"}},
            UpdateExpression="DELETE answered :one",
            ExpressionAttributeValues={":one": {"NS": ["1"]}},
        )

    assert code(error) == "StubFailed"


@pytest.mark.parametrize(
    ("service", "operation"), [("ec2", "describe_regions"), ("dynamodb", "list_tables")]
)
def test_unknown_operations_are_refused(stub: Stub, service: str, operation: str) -> None:
    """An operation that the stub does not have is an error, not an empty answer."""
    with pytest.raises(ClientError) as error:
        getattr(client(stub, service), operation)()

    assert code(error) in {"InvalidAction", "UnknownOperationException"}
