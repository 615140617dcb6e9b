"""The embedded AWS as the services use it: its recorded calls, its faults, and its behaviour."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from services.embedded.aws.calls import Call
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.resources import EXTERNAL_ID, READ_ROLE, Hub, create_member
from services.embedded.tracker.subscriptions import subscribe
from services.kernel.errors import CallFailedError
from services.kernel.hub_session import HubSession
from services.kernel.model import State, Target
from services.kernel.sessions import Role, TargetSessions

ONE, OTHER = "111122223333", "444455556666"
AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
EKS = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"


@pytest.fixture(scope="module", autouse=True)
def _member(running: EmbeddedAws) -> None:
    create_member(running, ONE, ["eu-west-1"])


def members(home: HubSession, external_id: str = EXTERNAL_ID) -> TargetSessions:
    """Build the sessions into target accounts, as the lookup does."""
    return TargetSessions(home, Role(READ_ROLE, external_id, "test", {"Version": "2012-10-17"}))


def code_of(call: Callable[[], object]) -> tuple[str, int]:
    """Return the error code and the status of a failed call."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"][
        "HTTPStatusCode"
    ]


# --- the record of calls


def test_each_call_is_recorded_once_with_account_and_region(
    aws: EmbeddedAws, home: HubSession, hub: Hub
) -> None:
    """A role's calls belong to its account; `AssumeRole` is the hub's own call."""
    mark = aws.mark()
    members(home).call(
        Target(ONE, "eu-west-1"), "ssm", lambda ssm: ssm.get_parameters(Names=["/none"])
    )
    home.client("dynamodb").describe_table(TableName=hub.table_name)
    role = f"arn:aws:iam::{ONE}:role/{READ_ROLE}"
    assert aws.calls(mark) == (
        Call("sts", "AssumeRole", "us-east-1", HUB_ACCOUNT, 200, role),
        Call("ssm", "GetParameters", "eu-west-1", ONE, 200),
        Call("dynamodb", "DescribeTable", "us-east-1", HUB_ACCOUNT, 200, hub.table_name),
    )


def test_the_administrators_calls_are_kept_apart(aws: EmbeddedAws, hub: Hub) -> None:
    """Calls of the test itself are not counted as the services' calls, and faults do not apply."""
    mark = aws.mark()
    with aws.fault():
        aws.client("dynamodb", hub.region).describe_table(TableName=hub.table_name)
    assert aws.calls(mark) == ()
    assert len(aws.calls(mark, outside=True)) == 1


# --- faults


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("dynamodb", lambda client: client.list_tables()),
        ("ssm", lambda client: client.get_parameters(Names=["/a"])),
        ("sqs", lambda client: client.list_queues()),
        ("sts", lambda client: client.get_caller_identity()),
        ("sns", lambda client: client.list_topics()),
        ("ec2", lambda client: client.describe_regions()),
        ("iam", lambda client: client.list_roles()),
        ("dynamodbstreams", lambda client: client.list_streams()),
    ],
)
def test_a_fault_has_the_shape_of_its_service(
    aws: EmbeddedAws, home: HubSession, service: str, call: Callable[[Any], object]
) -> None:
    """Botocore reads code, message and status from the error format of every protocol."""
    with aws.fault(service=service, code="AuthFailure", status=401, message="no <key>"):
        with pytest.raises(ClientError, match="no <key>"):
            call(home.client(service))
        assert code_of(lambda: call(home.client(service))) == ("AuthFailure", 401)
    call(home.client(service))


def test_a_throttled_call_is_retried_by_botocore(aws: EmbeddedAws, home: HubSession) -> None:
    """Two faults cause three recorded calls and no error."""
    mark = aws.mark()
    with aws.fault(operation="ListTables", times=2) as fault:
        home.client("dynamodb").list_tables()
    assert aws.struck(fault) == 2
    assert [call.status for call in aws.calls(mark)] == [400, 400, 200]


def _put(home: HubSession, hub: Hub, record: str) -> None:
    home.client("dynamodb").put_item(
        TableName=hub.table_name, Item={"region": {"S": "x"}, "record": {"S": record}}
    )


def _stored(aws: EmbeddedAws, hub: Hub, record: str) -> bool:
    key = {"region": {"S": "x"}, "record": {"S": record}}
    answer = aws.client("dynamodb", hub.region).get_item(TableName=hub.table_name, Key=key)
    return "Item" in answer


def test_a_fault_before_prevents_the_effect(aws: EmbeddedAws, home: HubSession, hub: Hub) -> None:
    """A rejected write writes nothing."""
    with aws.fault(operation="PutItem", code="AccessDeniedException"):
        assert code_of(lambda: _put(home, hub, "before")) == ("AccessDeniedException", 400)
    assert not _stored(aws, hub, "before")


def test_a_fault_after_leaves_the_effect(aws: EmbeddedAws, home: HubSession, hub: Hub) -> None:
    """A write whose response is lost was made."""
    with aws.fault(operation="PutItem", code="AccessDeniedException", when="after"):
        assert code_of(lambda: _put(home, hub, "after")) == ("AccessDeniedException", 400)
    assert _stored(aws, hub, "after")


def test_a_response_can_be_lost_with_its_connection(
    aws: EmbeddedAws, home: HubSession, hub: Hub
) -> None:
    """A cut connection is recorded as status 0, retried, and finally reported as closed."""
    mark = aws.mark()
    with (
        aws.fault(operation="PutItem", code=None, when="after"),
        pytest.raises(ConnectionClosedError),
    ):
        _put(home, hub, "cut")
    assert [call.status for call in aws.calls(mark)] == [0, 0, 0]
    assert _stored(aws, hub, "cut")


def test_a_late_response_is_correct(aws: EmbeddedAws, home: HubSession, hub: Hub) -> None:
    """A slow service performs the request and responds later."""
    started = time.monotonic()
    with aws.fault(operation="PutItem", when="late", delay=0.2):
        _put(home, hub, "late")
    assert time.monotonic() - started >= 0.2
    assert _stored(aws, hub, "late")


def test_a_fault_applies_to_one_region_of_one_account(aws: EmbeddedAws, home: HubSession) -> None:
    """A fault for one region and account does not affect other regions and accounts."""
    into = members(home)

    def ask(region: str) -> object:
        return into.call(
            Target(ONE, region), "ssm", lambda ssm: ssm.get_parameters(Names=["/none"])
        )

    fault = {"service": "ssm", "region": "eu-west-1", "account_id": ONE}
    with aws.fault(**fault, code="AccessDeniedException"):
        ask("eu-north-1")
        home.client("ssm").get_parameters(Names=["/none"])
        with pytest.raises(CallFailedError) as caught:
            ask("eu-west-1")
    assert caught.value.failure.state == State.ACCESS_DENIED


def test_an_exception_in_moto_is_a_server_error(aws: EmbeddedAws, home: HubSession) -> None:
    """An exception inside moto becomes AWS's internal error, with the cause in its message."""
    with pytest.raises(ClientError, match=r"the embedded AWS failed: .*ena-support"):
        home.client("ec2").describe_images(Filters=[{"Name": "ena-support", "Values": ["true"]}])
    assert aws.calls()[-1].status == 500


# --- behaviour that moto lacks


def test_a_missing_role_cannot_be_assumed(aws: EmbeddedAws, home: HubSession) -> None:
    """The error has AWS's words and does not reveal whether the role exists."""
    aws.clear_calls()
    role = f"arn:aws:iam::{OTHER}:role/{READ_ROLE}"
    with pytest.raises(CallFailedError) as caught:
        members(home).call(Target(OTHER, "eu-west-1"), "ssm", lambda ssm: ssm)
    assert caught.value.failure.state == State.ACCESS_DENIED
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in str(caught.value)
    assert [call.status for call in aws.calls()] == [403]


def test_a_wrong_external_id_is_rejected(home: HubSession) -> None:
    """The condition of the trust policy is evaluated."""
    with pytest.raises(CallFailedError) as caught:
        members(home, "wrong").call(Target(ONE, "eu-west-1"), "ssm", lambda ssm: ssm)
    assert caught.value.failure.code == "AccessDenied"


def test_a_missing_external_id_is_rejected(home: HubSession) -> None:
    """A role that requires an external id cannot be assumed without one."""
    role = f"arn:aws:iam::{ONE}:role/{READ_ROLE}"
    sts = home.client("sts")
    assert code_of(lambda: sts.assume_role(RoleArn=role, RoleSessionName="test")) == (
        "AccessDenied",
        403,
    )


def test_a_role_without_a_valid_arn_is_rejected(home: HubSession) -> None:
    """A text that is not the ARN of a role cannot be assumed."""
    sts = home.client("sts")
    arn = "arn:aws:iam::role-without-account"
    assert code_of(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="test")) == (
        "AccessDenied",
        403,
    )


@pytest.mark.parametrize("operation", ["publish", "publish_batch"])
def test_a_missing_topic_is_not_found(home: HubSession, operation: str) -> None:
    """Both publish operations return an error for a missing topic."""
    arguments: dict[str, dict[str, object]] = {
        "publish": {"Message": "m"},
        "publish_batch": {"PublishBatchRequestEntries": [{"Id": "1", "Message": "m"}]},
    }
    publish = getattr(home.client("sns"), operation)
    topic = f"arn:aws:sns:us-east-1:{HUB_ACCOUNT}:none"
    assert code_of(lambda: publish(TopicArn=topic, **arguments[operation])) == ("NotFound", 404)


def test_images_come_in_pages(home: HubSession) -> None:
    """Pages of the requested size hold all images together; tokens can be reused."""
    ec2 = home.client("ec2")
    filters = [{"Name": "owner-alias", "Values": ["amazon"]}]
    whole = [image["ImageId"] for image in ec2.describe_images(Filters=filters)["Images"]]
    first = ec2.describe_images(Filters=filters, MaxResults=1000)
    again = [
        ec2.describe_images(Filters=filters, MaxResults=1000, NextToken=first["NextToken"])
        for _ in range(2)
    ]
    assert again[0]["Images"] == again[1]["Images"]
    assert "NextToken" not in again[0]
    paged = [image["ImageId"] for image in [*first["Images"], *again[0]["Images"]]]
    assert whole == paged
    assert len(first["Images"]) == 1000


def test_pages_can_be_forced_smaller(aws: EmbeddedAws, home: HubSession) -> None:
    """A page may have fewer images than requested and a token, as in AWS."""
    ids = [aws.publishers.register_image(HUB_ACCOUNT, "us-east-1", f"page-{n}") for n in range(5)]
    assert aws.images_per_page is None
    aws.images_per_page = 2
    pages = list(
        home.client("ec2")
        .get_paginator("describe_images")
        .paginate(Filters=[{"Name": "name", "Values": ["page-*"]}], MaxResults=1000)
    )
    aws.images_per_page = None
    assert [len(page["Images"]) for page in pages] == [2, 2, 1]
    assert sorted(image["ImageId"] for page in pages for image in page["Images"]) == sorted(ids)


# --- the publishers' resources


def test_a_public_parameter_is_read_with_any_credentials(
    aws: EmbeddedAws, home: HubSession
) -> None:
    """The hub and a member each read their own account's value of a /aws/service parameter."""
    aws.publishers.put_parameter(HUB_ACCOUNT, "eu-west-1", EKS, "ami-0hub")
    aws.publishers.put_parameter(ONE, "eu-west-1", EKS, "ami-0one")

    def read(client: Any) -> tuple[str, int]:  # noqa: ANN401 - boto3's client
        (parameter,) = client.get_parameters(Names=[EKS])["Parameters"]
        return parameter["Value"], parameter["Version"]

    hub_ssm = aws.client("ssm", "eu-west-1")
    assert read(hub_ssm) == ("ami-0hub", 1)
    target = Target(ONE, "eu-west-1")
    assert members(home).call(target, "ssm", read) == ("ami-0one", 1)
    aws.publishers.put_parameter(ONE, "eu-west-1", EKS, "ami-0two")
    assert members(home).call(target, "ssm", read) == ("ami-0two", 2)
    assert aws.publishers.parameter(ONE, "eu-west-1", EKS) == "ami-0two"
    aws.publishers.delete_parameter(ONE, "eu-west-1", EKS)
    assert aws.publishers.parameter(ONE, "eu-west-1", EKS) is None
    assert read(hub_ssm) == ("ami-0hub", 1)


def test_amazon_linux_is_there_from_the_start(aws: EmbeddedAws, home: HubSession) -> None:
    """The parameter that moto provides names an image that moto provides."""
    image_id = aws.publishers.parameter(HUB_ACCOUNT, "us-east-1", AL2023)
    (image,) = home.client("ec2").describe_images(ImageIds=[image_id])["Images"]
    assert image["Name"].startswith("al2023-ami-")


def test_an_image_is_as_it_was_registered(aws: EmbeddedAws) -> None:
    """Name, date, owner, architecture, state and deprecation are as registered."""
    image_id = aws.publishers.register_image(
        OTHER,
        "mx-central-1",
        "rhel",
        datetime(2026, 1, 2, tzinfo=UTC),
        owner_id="999988887777",
        owner_alias="redhat",
        image_id="ami-0123456789abcdef0",
        architecture="arm64",
        deprecation_time=datetime(2028, 1, 2, tzinfo=UTC),
    )
    ec2 = aws.client("ec2", "mx-central-1", OTHER)
    (image,) = ec2.describe_images(Owners=["999988887777"])["Images"]
    expected = {
        "ImageId": image_id,
        "Name": "rhel",
        "CreationDate": "2026-01-02T00:00:00.000Z",
        "OwnerId": "999988887777",
        "ImageOwnerAlias": "redhat",
        "Architecture": "arm64",
        "State": "available",
        "Public": True,
        "DeprecationTime": "2028-01-02T00:00:00.000Z",
    }
    assert {name: image[name] for name in expected} == expected


def test_an_image_is_dated(aws: EmbeddedAws) -> None:
    """An image that already has a date, as moto's own images have, can be dated."""
    image_id = aws.publishers.register_image(OTHER, "eu-south-1", "dated")
    aws.publishers.set_image_date(OTHER, "eu-south-1", image_id, datetime(2026, 10, 1, tzinfo=UTC))
    ec2 = aws.client("ec2", "eu-south-1", OTHER)
    (image,) = ec2.describe_images(ImageIds=[image_id])["Images"]
    assert image["CreationDate"] == "2026-10-01T00:00:00.000Z"


def test_an_owner_can_disable_or_remove_an_image(aws: EmbeddedAws) -> None:
    """An image can be disabled, deregistered or removed."""
    ec2 = aws.client("ec2", "eu-south-1", OTHER)
    image_id = aws.publishers.register_image(OTHER, "eu-south-1", "here-and-gone")

    def states() -> list[str]:
        filters = [{"Name": "name", "Values": ["here-*"]}]
        return [image["State"] for image in ec2.describe_images(Filters=filters)["Images"]]

    assert states() == ["available"]
    aws.publishers.set_image_state(OTHER, "eu-south-1", image_id, "disabled")
    assert states() == ["disabled"]
    aws.publishers.deregister_image(OTHER, "eu-south-1", image_id)
    assert states() == []
    other = aws.publishers.register_image(OTHER, "eu-south-1", "here-2")
    aws.publishers.remove_image(OTHER, "eu-south-1", other)
    assert code_of(lambda: ec2.describe_images(ImageIds=[other])) == (
        "InvalidAMIID.NotFound",
        400,
    )


def test_accounts_are_separate(aws: EmbeddedAws) -> None:
    """An account does not contain the resources of another account."""
    aws.client("sqs", "eu-west-1", ONE).create_queue(QueueName="mine")
    assert "QueueUrls" not in aws.client("sqs", "eu-west-1", OTHER).list_queues()


# --- topics and subscribers


def _entry(number: int, image_name: str, region: str, **more: str) -> dict[str, Any]:
    attributes = {"image_name": ("String", image_name), "region": ("String", region)}
    attributes["version"] = ("Number", str(number))
    return {
        "Id": str(number),
        "Message": f"body {number}",
        "MessageAttributes": {
            name: {"DataType": kind, "StringValue": value}
            for name, (kind, value) in attributes.items()
        },
        **more,
    }


def test_a_subscriber_gets_raw_messages_of_its_images(aws: EmbeddedAws) -> None:
    """Bodies arrive raw with attributes, from every region, filtered by image."""
    regions = ["eu-west-1", "us-west-2"]
    member = create_member(aws, "777788889999", regions)
    everything = subscribe(aws, member, regions)
    filtered = subscribe(aws, member, ["us-west-2"], ["b"])
    for region in regions:
        aws.client("sns", region, member.account_id).publish_batch(
            TopicArn=member.topic_arns[region],
            PublishBatchRequestEntries=[_entry(1, "a", region), _entry(2, "b", region)],
        )
    received = everything.receive()
    assert sorted((one.region, one.body) for one in received) == [
        ("eu-west-1", "body 1"),
        ("eu-west-1", "body 2"),
        ("us-west-2", "body 1"),
        ("us-west-2", "body 2"),
    ]
    assert len({one.message_id for one in received}) == 4
    (only,) = filtered.receive()
    assert only.body == "body 2"
    assert only.attributes == {"image_name": "b", "region": "us-west-2", "version": "2"}
    assert everything.receive() == []


def test_a_fifo_topic_delivers_each_deduplication_id_once(aws: EmbeddedAws) -> None:
    """A FIFO topic drops a second copy of an event before a FIFO queue."""
    member = create_member(aws, "222233334444", ["eu-west-1"], fifo=True)
    inbox = subscribe(aws, member, ["eu-west-1"])
    entry = _entry(1, "a", "eu-west-1", MessageGroupId="a", MessageDeduplicationId="event")
    for _ in range(2):
        aws.client("sns", "eu-west-1", member.account_id).publish_batch(
            TopicArn=member.topic_arns["eu-west-1"], PublishBatchRequestEntries=[entry]
        )
    assert [one.body for one in inbox.receive()] == ["body 1"]
