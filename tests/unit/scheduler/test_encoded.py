"""Bodies that replace those of botocore's calls: only in their block and in their thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from services.scheduler.encoded import accept_bodies, sending

ITEMS: list[Any] = [{}]


class Sent:
    """A client of DynamoDB whose requests are noted and not sent."""

    def __init__(self, attempts: int = 1) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.client = boto3.client(
            "dynamodb",
            "us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )
        accept_bodies(self.client, "TransactWriteItems")
        self.client.meta.events.register("before-send.dynamodb", self._note)

    def _note(self, request: AWSPreparedRequest, **_: object) -> None:
        self.bodies.append(request.body)  # type: ignore[arg-type]
        self.signatures.append(str(request.headers["Authorization"]))
        assert int(request.headers["Content-Length"]) == len(self.bodies[-1])
        raise EndpointConnectionError(endpoint_url="https://example.com")

    def call(self) -> None:
        """Call the operation, which fails without a connection."""
        with pytest.raises(EndpointConnectionError):
            self.client.transact_write_items(TransactItems=ITEMS)


def test_the_body_is_sent_inside_the_block_only() -> None:
    """Other calls have the body that botocore encodes."""
    sent = Sent()
    sent.call()
    with sending(b'{"TransactItems":[1]}'):
        with sending(b"inner"):
            sent.call()
        sent.call()
    sent.call()
    assert sent.bodies[1:3] == [b"inner", b'{"TransactItems":[1]}']
    assert all(b'"TransactItems": [{}]' in each for each in (sent.bodies[0], sent.bodies[3]))


def test_a_retry_sends_the_same_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is signed with the body."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    sent = Sent(attempts=3)
    with sending(b"body"):
        sent.call()
    assert sent.bodies == [b"body"] * 3


def test_other_threads_do_not_send_the_body() -> None:
    """Threads that call the same client have bodies of their own."""
    sent = Sent()
    with sending(b"body"), ThreadPoolExecutor(1) as pool:
        pool.submit(sent.call).result()
    assert b"TransactItems" in sent.bodies[0]


def test_other_operations_keep_their_body() -> None:
    """Only operations that accept a body send it."""
    sent = Sent()
    with sending(b"body"), pytest.raises(EndpointConnectionError):
        sent.client.get_item(TableName="t", Key={"a": {"S": "b"}})
    assert sent.bodies[0] != b"body"
