"""Sending requests: few calls, only rejected entries are sent again, and no request is lost.

The SQS client is a hand-written fake, because moto rejects no entry and counts no bytes.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.model import ServiceId
from hypothesis import given
from hypothesis import strategies as st
from support.builders.scheduler import ACCOUNT, OTHER_ACCOUNT, a_request

from services.kernel.errors import HubBrokenError, UnsentError
from services.kernel.model import ParameterLookup, Request, Target
from services.kernel.wire import decode_request, encode_request
from services.scheduler.queue import BYTES_PER_BATCH, LookupQueue

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/lookups"
Entry = Mapping[str, str]


class FakeSqs:
    """Accepts batches; `refusals` has how often an image's entry or each call is rejected."""

    def __init__(self, refusals: Mapping[str, int] | None = None) -> None:
        self.calls: list[list[Entry]] = []
        self.sent: list[Request] = []
        self.error: Exception | None = None
        self.errors: dict[str, Exception] = {}
        self.unlisted = False
        self._left = Counter(refusals or {})
        self._lock = threading.Lock()
        self._replace: Callable[..., object] = lambda **_: None
        model = SimpleNamespace(service_id=ServiceId("SQS"))
        self.meta = SimpleNamespace(service_model=model, events=self)

    def register(self, event: str, handler: Callable[..., object]) -> None:
        """Keep the handler of botocore's event that replaces the body of a call."""
        assert event == "before-call.sqs.SendMessageBatch"
        self._replace = handler

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Entry]) -> dict[str, Any]:  # noqa: N803 - SQS's own names
        """Respond as SQS does: with 200, and each entry in one of two lists."""
        request = {"body": json.dumps({"QueueUrl": QueueUrl, "Entries": Entries}).encode()}
        self._replace(params=request, model=None)
        body = json.loads(request["body"])
        assert (QueueUrl, body["QueueUrl"], len(Entries)) == (URL, URL, 1)
        return self._answer(body["Entries"])

    def _answer(self, entries: Sequence[Entry]) -> dict[str, Any]:
        with self._lock:
            self.calls.append(list(entries))
            if self.error is not None:
                raise self.error
            for name, error in self.errors.items():
                if any(decode_request(e["MessageBody"]).image_name == name for e in entries):
                    raise error
            refused = [entry["Id"] for entry in entries if self._refuses(entry)]
            taken = [entry for entry in entries if entry["Id"] not in refused]
            self.sent += [decode_request(entry["MessageBody"]) for entry in taken]
        answer: dict[str, Any] = {}
        if taken:
            answer["Successful"] = [{"Id": entry["Id"], "MessageId": "m"} for entry in taken]
        if refused and not self.unlisted:
            answer["Failed"] = [{"Id": i, "Code": "InternalError"} for i in refused]
        return answer

    def _refuses(self, entry: Entry) -> bool:
        name = decode_request(entry["MessageBody"]).image_name
        if not self._left[name]:
            return False
        self._left[name] -= 1
        return True

    def sizes(self) -> list[int]:
        """Return the number of entries of each call, in descending order."""
        return sorted((len(call) for call in self.calls), reverse=True)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits without waiting."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


def send(sqs: FakeSqs, requests: Sequence[Request]) -> None:
    """Send over a fake client."""
    LookupQueue(cast("SQSClient", sqs), URL).send(requests)


def requests(count: int) -> list[Request]:
    """Build this number of requests for one target."""
    return [a_request(f"image-{number:03d}") for number in range(count)]


def of_bytes(size: int, name: str) -> Request:
    """Build a request whose message body has that many bytes."""
    least = len(encode_request(a_request(name, lookup=ParameterLookup(""))))
    return a_request(name, lookup=ParameterLookup("/" * (size - least)))


def a_client_error(code: str, status: int = 400) -> ClientError:
    """Build an error as botocore raises it."""
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {}}
    answer["ResponseMetadata"]["HTTPStatusCode"] = status  # type: ignore[assignment]
    return ClientError(answer, "SendMessageBatch")  # type: ignore[arg-type]


# --- packing


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5]), (100, [10] * 10)],
)
def test_ten_requests_share_a_call(count: int, expected: list[int]) -> None:
    """Requests take as few calls as possible, and each request arrives once."""
    sqs = FakeSqs()
    send(sqs, requests(count))
    assert sqs.sizes() == expected
    assert sorted(sqs.sent, key=lambda request: request.image_name) == requests(count)


def test_an_entry_has_the_message_and_its_account_as_group() -> None:
    """The group makes the queue fair: a slow account does not delay the others."""
    sqs = FakeSqs()
    other = a_request("b", Target(OTHER_ACCOUNT, "eu-west-1"))
    send(sqs, [a_request("a"), other])
    assert sqs.calls == [
        [
            {"Id": "0", "MessageBody": encode_request(a_request("a")), "MessageGroupId": ACCOUNT},
            {"Id": "1", "MessageBody": encode_request(other), "MessageGroupId": OTHER_ACCOUNT},
        ]
    ]


def test_a_call_has_no_more_bytes_than_sqs_accepts() -> None:
    """Two halves fill a call exactly; one byte more is in a second call."""
    half = BYTES_PER_BATCH // 2
    exact = FakeSqs()
    send(exact, [of_bytes(half, "a"), of_bytes(half, "b")])
    assert exact.sizes() == [2]
    above = FakeSqs()
    send(above, [of_bytes(half, "a"), of_bytes(half + 1, "b"), of_bytes(half - 1, "c")])
    assert above.sizes() == [2, 1]
    assert [
        [decode_request(e["MessageBody"]).image_name for e in call]
        for call in sorted(above.calls, key=len)
    ] == [["a"], ["b", "c"]]


def test_letters_of_all_languages_count_as_their_bytes() -> None:
    """A body is ASCII, so its characters are its bytes."""
    sqs = FakeSqs()
    send(sqs, [a_request("a", lookup=ParameterLookup("é" * 30_000))] * 2)
    assert sqs.sizes() == [1, 1]


@given(st.lists(st.integers(300, 120_000), max_size=30))
def test_any_requests_fit_their_calls(sizes: list[int]) -> None:
    """A call never exceeds ten entries or the size limit, and its ids are distinct."""
    sqs = FakeSqs()
    asked = [of_bytes(size, f"image-{number:02d}") for number, size in enumerate(sizes)]
    send(sqs, asked)
    assert sorted(sqs.sent, key=lambda request: request.image_name) == asked
    for call in sqs.calls:
        assert 1 <= len(call) <= 10
        assert sum(len(entry["MessageBody"]) for entry in call) <= BYTES_PER_BATCH
        assert len(call) == len({entry["Id"] for entry in call})


# --- rejected entries


@pytest.mark.parametrize("unlisted", [False, True])
def test_only_rejected_entries_are_sent_again(waits: list[float], *, unlisted: bool) -> None:
    """Entries that are not in `Successful` are sent again, whether listed as failed or not."""
    sqs = FakeSqs({"image-002": 1, "image-005": 2})
    sqs.unlisted = unlisted
    send(sqs, requests(10))
    assert [len(call) for call in sqs.calls] == [10, 2, 1]
    assert sorted(sqs.sent, key=lambda request: request.image_name) == requests(10)
    assert len(waits) == 2


def test_entries_that_are_always_rejected_are_counted(waits: list[float]) -> None:
    """After four attempts for each call, an error names the queue and the number of requests."""
    sqs = FakeSqs({"image-002": 99, "image-013": 99, "image-014": 99})
    with pytest.raises(UnsentError, match=f"queue {URL}: it refused them at every retry") as caught:
        send(sqs, requests(25))
    assert (caught.value.count, len(sqs.sent)) == (3, 22)
    assert sqs.sizes() == [10, 10, 5, 2, 2, 2, 1, 1, 1]
    assert len(waits) == 6


def test_a_missing_queue_is_a_broken_hub() -> None:
    """The call is not repeated, because a retry does not help."""
    sqs = FakeSqs()
    sqs.error = a_client_error("AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(HubBrokenError, match=f"queue {URL} cannot be used"):
        send(sqs, requests(1))
    assert sqs.sizes() == [1]


@pytest.mark.parametrize(
    "error",
    [a_client_error("RequestThrottled"), ConnectTimeoutError(endpoint_url=URL)],
    ids=["throttled", "no connection"],
)
def test_a_failed_call_affects_only_its_own_messages(error: Exception) -> None:
    """Botocore has repeated the failed call already, and every other call is made."""
    sqs = FakeSqs()
    sqs.errors["image-003"] = error
    with pytest.raises(UnsentError, match=r"10 message.*: (throttled|transient): ") as caught:
        send(sqs, requests(35))
    assert (caught.value.count, len(sqs.sent)) == (10, 25)
    assert sqs.sizes() == [10, 10, 10, 5]


def test_messages_sent_before_a_call_failed_are_not_counted(waits: list[float]) -> None:
    """The second call of a batch has only the rejected entries."""
    sqs = FakeSqs({"image-003": 1})
    waits_before = sqs.send_message_batch

    def fails_the_second_time(*, QueueUrl: str, Entries: Sequence[Entry]) -> dict[str, Any]:  # noqa: N803 - SQS's own names
        if sqs.calls:
            sqs.error = a_client_error("RequestThrottled")
        return waits_before(QueueUrl=QueueUrl, Entries=Entries)

    sqs.send_message_batch = fails_the_second_time  # type: ignore[method-assign] # one call of two
    with pytest.raises(UnsentError) as caught:
        send(sqs, requests(10))
    assert (caught.value.count, len(sqs.sent), len(waits)) == (1, 9, 1)
