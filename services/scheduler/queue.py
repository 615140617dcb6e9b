"""The queue for lookup requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec.json import encode

from services.kernel.errors import CallFailedError, UnsentError
from services.kernel.failures import hub
from services.kernel.hub_session import MAX_THREADS
from services.kernel.model import Request
from services.kernel.retry import until_done
from services.kernel.wire import encode_request
from services.scheduler.encoded import accept_bodies, sending

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_REPLACED: list[SendMessageBatchRequestEntryTypeDef] = [{"Id": "0", "MessageBody": "-"}]
"""Entries that botocore accepts; the encoded entries are sent instead, without its checks."""

ENTRIES_PER_BATCH = 10  # sqs:SendMessageBatch
_REFUSED = "it refused them at every retry"
BYTES_PER_BATCH = 262_144  # accepted by every queue; new queues accept 1 MiB


class LookupQueue:
    """Sends requests, ten per call, with several threads."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url
        accept_bodies(client, "SendMessageBatch")

    def send(self, requests: Sequence[Request]) -> None:
        """Send every request to the queue; refused entries are retried.

        Raises:
            UnsentError: some were not sent, or a whole call failed; the others were sent.
            HubBrokenError: the queue cannot be used.
        """
        with ThreadPoolExecutor(max_workers=MAX_THREADS // 4) as pool:
            results = list(pool.map(self._send_batch, _packed(requests)))
        unsent = sum(count for count, _ in results)
        if unsent:
            problem = next((problem for _, problem in results if problem), _REFUSED)
            raise UnsentError(unsent, f"queue {self._url}", problem)

    def _send_batch(
        self, entries: list[SendMessageBatchRequestEntryTypeDef]
    ) -> tuple[int, str | None]:
        """The number of entries that were not sent, and the reason if the call failed."""
        left = entries

        def send_once(
            some: list[SendMessageBatchRequestEntryTypeDef],
        ) -> list[SendMessageBatchRequestEntryTypeDef]:
            nonlocal left
            left = self._send_once(some)
            return left

        try:
            with hub(f"queue {self._url}"):
                until_done(send_once, entries)
        except CallFailedError as error:
            # The messages can have been sent even so: a second lookup of a pair is harmless.
            return len(left), str(error)
        return len(left), None

    def _send_once(
        self, entries: list[SendMessageBatchRequestEntryTypeDef]
    ) -> list[SendMessageBatchRequestEntryTypeDef]:
        with sending(encode({"QueueUrl": self._url, "Entries": entries})):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=_REPLACED)
        sent = {entry["Id"] for entry in answer.get("Successful", [])}
        return [entry for entry in entries if entry["Id"] not in sent]


def _packed(requests: Sequence[Request]) -> Iterator[list[SendMessageBatchRequestEntryTypeDef]]:
    """Batches of requests that fit into one call, in order."""
    batch: list[SendMessageBatchRequestEntryTypeDef] = []
    size = 0
    for request in requests:
        body = encode_request(request)
        if batch and (len(batch) == ENTRIES_PER_BATCH or size + len(body) > BYTES_PER_BATCH):
            yield batch
            batch, size = [], 0
        # The group id makes this a fair queue: a slow account delays its own messages, not those
        # of other accounts.
        batch.append({
            "Id": str(len(batch)),
            "MessageBody": body,
            "MessageGroupId": request.target.account_id,
        })  # fmt: skip
        size += len(body)
    if batch:
        yield batch
