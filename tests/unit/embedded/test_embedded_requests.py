"""Parsing of requests, matching of faults, and evaluation of trust policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.embedded.aws.calls import ApiRequest, Call, Calls, parse_request
from services.embedded.aws.faults import Fault, Faults, Response, error_response
from services.embedded.aws.paging import ImagePages
from services.embedded.aws.trust import trusts
from services.embedded.event_sources.patterns import matches_pattern
from services.embedded.tracker.pipeline import NEW_RELEASES

HUB = "123456789012"
ROLE = "arn:aws:iam::111122223333:role/r"


def signed(service: str, region: str = "eu-west-1") -> str:
    """Build the authorization header of a request signed for a service."""
    return f"AWS4-HMAC-SHA256 Credential=KEY/20261122/{region}/{service}/aws4_request, Signature=0"


def a_request() -> ApiRequest:
    """Build a request to SNS in Ireland."""
    return ApiRequest(
        service="sns",
        operation="PublishBatch",
        region="eu-west-1",
        access_key="KEY",
        fields={},
        resource="arn:aws:sns:eu-west-1:111122223333:t",
    )


def test_a_form_names_its_action_and_resource() -> None:
    """Query requests have the operation in `Action`, and the region in the signature."""
    body = b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr"
    request = parse_request(signed("sts"), "", body)
    assert request is not None
    assert (
        request.service,
        request.operation,
        request.region,
        request.access_key,
    ) == ("sts", "AssumeRole", "eu-west-1", "KEY")
    assert request.resource == ROLE


@pytest.mark.parametrize(
    ("method", "path", "operation", "resource"),
    [
        ("GET", "/site", "ListObjectsV2", "site"),
        ("POST", "/site", "DeleteObjects", "site"),
        ("GET", "/site/feed/a.json", "GetObject", "site/feed/a.json"),
        ("PUT", "/site/feed/a.json", "PutObject", "site/feed/a.json"),
        ("HEAD", "/site", "", "site"),
    ],
)
def test_a_request_to_s3_names_its_object(
    method: str, path: str, operation: str, resource: str
) -> None:
    """S3 has no action: method and path are the operation; the body is the object."""
    query = "list-type=2&prefix=feed%2F&delete="
    request = parse_request(signed("s3"), "", b"Action=PutObject&x=1", path, method, query)
    assert request is not None
    assert (request.operation, request.resource) == (operation, resource)
    assert request.fields == {"list-type": "2", "prefix": "feed/", "delete": ""}


@pytest.mark.parametrize(
    "document",
    [
        {"TableName": "t", "Key": {}},
        {"TransactItems": [{"Update": {"TableName": "t"}}]},
        {"RequestItems": {"t": {"Keys": []}}},
    ],
)
def test_a_json_request_names_its_table(document: dict[str, Any]) -> None:
    """The table is read from the place where each operation of DynamoDB has it."""
    request = parse_request(
        signed("dynamodb"), "DynamoDB_20120810.Some", json.dumps(document).encode()
    )
    assert request is not None
    assert (request.operation, request.resource) == ("Some", "t")


def test_streams_are_distinguished_from_tables() -> None:
    """Requests to both are signed for dynamodb, but they are different services."""
    request = parse_request(signed("dynamodb"), "DynamoDBStreams_20120810.GetRecords", b"not json")
    assert request is not None
    assert request.service == "dynamodbstreams"


def test_an_unsigned_request_has_no_service() -> None:
    """A request without AWS's signature has no service."""
    assert parse_request("", "", b"") is None


def test_calls_are_counted_from_a_mark() -> None:
    """A mark separates earlier calls, and administrators' calls are not counted."""
    calls = Calls()
    call = Call("sns", "Publish", "eu-west-1", HUB, 200)
    calls.add(call)
    mark = calls.mark()
    outside = Call("sqs", "ReceiveMessage", "eu-west-1", HUB, 200, outside=True)
    calls.add(outside)
    assert calls.since(mark) == ()
    assert calls.since(mark, outside=True) == (outside,)
    calls.clear()
    assert calls.since(outside=True) == ()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(service="sqs"),
        Fault(operation="Publish"),
        Fault(region="us-east-1"),
        Fault(account_id="111122223333"),
        Fault(resource=":444455556666:"),
    ],
)
def test_a_fault_does_not_match_if_one_field_differs(fault: Fault) -> None:
    """Every given field must match."""
    assert not fault.fits(a_request(), HUB)


def test_a_fault_matches_by_all_its_fields() -> None:
    """A missing field matches anything, and a resource matches by any part of it."""
    fault = Fault(service="sns", region="eu-west-1", account_id=HUB, resource=":111122223333:")
    assert fault.fits(a_request(), HUB)
    assert Fault().fits(a_request(), HUB)


def test_a_fault_applies_the_given_number_of_times() -> None:
    """After the given number of times, the next matching fault applies, then none."""
    faults = Faults()
    twice, once = Fault(times=2), Fault(times=1, code="Other")
    faults.add(twice)
    faults.add(once)
    taken = [faults.take(a_request(), HUB) for _ in range(4)]
    assert taken == [twice, twice, once, None]
    assert (faults.struck(twice), faults.struck(once)) == (2, 1)


def test_an_ended_fault_does_not_apply() -> None:
    """Ending one fault leaves the others active, and ending it twice is no error."""
    faults = Faults()
    first, second = Fault(), Fault()
    faults.add(first)
    faults.add(second)
    faults.remove(first)
    faults.remove(first)
    assert faults.take(a_request(), HUB) == second
    faults.clear()
    assert faults.take(a_request(), HUB) is None


def test_an_error_text_is_escaped() -> None:
    """Foreign text in a message cannot break the XML around it."""
    assert b"&lt;a&gt; &amp;" in error_response("ec2", "Code", "<a> &", 400).body
    assert b"&lt;a&gt; &amp;" in error_response("sns", "Code", "<a> &", 400).body


def a_policy(**changes: object) -> dict[str, Any]:
    """Build a trust policy that allows the hub with the external id `ours`."""
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "ours"}},
    }
    return {"Statement": [statement | changes]}


@pytest.mark.parametrize(
    ("policy", "external_id", "expected"),
    [
        (a_policy(), "ours", True),
        (a_policy(), "theirs", False),
        (a_policy(), None, False),
        (a_policy(Condition={}), None, True),
        (a_policy(Condition={"StringEquals": {"sts:ExternalId": ["a", "ours"]}}), "ours", True),
        (a_policy(Effect="Deny"), "ours", False),
        (a_policy(Action=["sts:TagSession"]), "ours", False),
        (a_policy(Principal={"AWS": "111122223333"}), "ours", False),
        (a_policy(Principal={"AWS": [HUB]}), "ours", True),
        (a_policy(Principal="*"), "ours", True),
        (a_policy(Principal={"Service": "lambda.amazonaws.com"}), "ours", False),
        ({}, "ours", False),
    ],
)
def test_a_role_trusts_the_principals_of_its_policy(
    policy: dict[str, Any], external_id: str | None, *, expected: bool
) -> None:
    """The principal's account and the external id decide; without a statement, access is denied."""
    assert trusts(policy, HUB, external_id) == expected


def test_an_unknown_page_token_is_rejected() -> None:
    """A token that no response contained is an error, not an empty page."""
    page = ImagePages().continued({"NextToken": "made-up"})
    assert page is not None
    assert page.status == 400
    assert b"InvalidPaginationToken" in page.body


def test_only_the_latest_tokens_are_kept() -> None:
    """Memory is bounded: a token expires after hundreds of newer ones."""
    pages = ImagePages()
    whole = Response(200, (), b"<r><imagesSet><item>a</item><item>b</item></imagesSet></r>")
    tokens = []
    for _ in range(201):
        body = pages.first({"MaxResults": "1"}, whole).body.decode()
        tokens.append(body.partition("<nextToken>")[2].partition("<")[0])
    oldest, newest = (pages.continued({"NextToken": tokens[place]}) for place in (0, -1))
    assert oldest is not None
    assert b"InvalidPaginationToken" in oldest.body
    assert newest is not None
    assert b"<item>b</item>" in newest.body


def a_record(event: str = "INSERT", record: str = "release#1#a#00000001") -> dict[str, Any]:
    """Build a stream record of a row."""
    return {"eventName": event, "dynamodb": {"Keys": {"record": {"S": record}}}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (a_record(), True),
        (a_record(record="notice#1#a#00000001#2026-11-22T07:00:00.000Z"), True),
        (a_record(event="MODIFY"), False),
        (a_record(record="image#1#a"), False),
        ({"eventName": "INSERT"}, False),
    ],
)
def test_only_inserted_releases_and_notices_pass(record: dict[str, Any], *, expected: bool) -> None:
    """The deployed filter passes inserted release and notice rows, and no other records."""
    assert matches_pattern(NEW_RELEASES, record) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"a": ["x"]}, True),
        ({"a": [{"anything-but": ["x"]}]}, False),
        ({"a": [{"exists": True}], "b": [{"exists": False}]}, True),
        ({"b": [{"exists": True}]}, False),
    ],
)
def test_filter_rules_work_as_in_lambda(pattern: dict[str, Any], *, expected: bool) -> None:
    """Equality, `exists` and `anything-but` work as in a deployed filter."""
    assert matches_pattern(pattern, {"a": "x"}) == expected


def test_an_unknown_filter_rule_is_rejected() -> None:
    """A rule that is not implemented must not be treated as one that never matches."""
    with pytest.raises(ValueError, match="numeric"):
        matches_pattern({"a": [{"numeric": ["=", 1]}]}, {"a": 1})
