"""API requests to the embedded AWS: parsed from HTTP, and recorded."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

_CREDENTIAL = re.compile(r"Credential=([^/]+)/[0-9]{8}/([^/]+)/([^/]+)/aws4_request")
_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_S3_OPERATIONS = {
    ("GET", False): "ListObjectsV2",
    ("POST", False): "DeleteObjects",
    ("GET", True): "GetObject",
    ("PUT", True): "PutObject",
}
"""Operations by method, and by whether the path has a key."""
_RESOURCE_FIELDS = ("TableName", "QueueUrl", "StreamArn", "TopicArn", "RoleArn")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One API request, before the response.

    `resource` is the resource that the request names: a table, a queue's URL, the ARN of a topic
    or role, a function, or a bucket, with a slash and the key of an object; empty if there is none.
    `body` is the body of the HTTP request.
    """

    service: str
    operation: str
    region: str
    access_key: str
    fields: Mapping[str, str]
    resource: str
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One API request and the status of its response; 0 if the connection was closed instead.

    `outside` marks calls of `EmbeddedAws.client`, which are not made by the services.
    """

    service: str
    operation: str
    region: str
    account_id: str
    status: int
    resource: str = ""
    outside: bool = False


class Calls:
    """Every call, in the order of the responses; safe to read while calls are made."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Record a call."""
        with self._lock:
            self._calls.append(call)

    def mark(self) -> int:
        """The current position, for `since`."""
        with self._lock:
            return len(self._calls)

    def since(self, mark: int = 0, *, outside: bool = False) -> tuple[Call, ...]:
        """The services' calls after a mark; with `outside`, other clients' calls too."""
        with self._lock:
            calls = tuple(self._calls[mark:])
        return tuple(call for call in calls if outside or not call.outside)

    def clear(self) -> None:
        """Delete every call; earlier marks become invalid."""
        with self._lock:
            self._calls.clear()


def parse_request(
    authorization: str,
    target: str,
    body: bytes,
    path: str = "",
    method: str = "POST",
    query: str = "",
) -> ApiRequest | None:
    """The API request in a signed HTTP request; None if it has no AWS signature.

    Lambda's API is recognized by its path; of its operations only `Invoke` is. S3's is recognized
    by method and path; of its operations only those that the publisher calls are.
    """
    scope = _CREDENTIAL.search(authorization)
    if scope is None:
        return None
    access_key, region, service = scope.groups()
    if service == "lambda" and (invoked := _INVOCATION.fullmatch(path)):
        return ApiRequest(service, "Invoke", region, access_key, {}, invoked[1], body)
    if service == "s3":
        bucket, _, key = path.strip("/").partition("/")
        operation = _S3_OPERATIONS.get((method, bool(key)), "")
        resource = f"{bucket}/{key}" if key else bucket
        fields = dict(parse_qsl(query, keep_blank_values=True))
        return ApiRequest(service, operation, region, access_key, fields, resource, body)
    fields = _json_fields(body) if target else dict(parse_qsl(body.decode("utf-8", "replace")))
    return ApiRequest(
        service="dynamodbstreams" if target.startswith("DynamoDBStreams") else service,
        operation=target.rpartition(".")[2] or fields.get("Action", ""),
        region=region,
        access_key=access_key,
        fields=fields,
        resource=_resource(fields),
        body=body,
    )


def _resource(fields: Mapping[str, str]) -> str:
    return next((fields[name] for name in _RESOURCE_FIELDS if name in fields), "")


def _json_fields(body: bytes) -> dict[str, str]:
    """Every text in a JSON request by its key; an outer key overrides an inner one."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    fields = {key: value for key, value in _texts(document) if isinstance(value, str)}
    tables = document.get("RequestItems") if isinstance(document, dict) else None
    return fields | ({"TableName": next(iter(tables))} if tables else {})


def _texts(document: object) -> Iterator[tuple[str, object]]:
    match document:
        case dict():
            for value in document.values():
                yield from _texts(value)
            yield from document.items()
        case list():
            for value in document:
                yield from _texts(value)
        case _:
            return
