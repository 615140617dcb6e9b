"""The queue that lookups are requested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from services.kernel.aws import MAX_THREADS, until_done
from services.kernel.errors import UnsentError
from services.kernel.failures import hub
from services.kernel.model import Request
from services.kernel.wire import encode_request

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

ENTRIES_PER_BATCH = 10  # sqs:SendMessageBatch
BYTES_PER_BATCH = 262_144  # what every queue takes, older ones included; new ones take 1 MiB


class LookupQueue:
    """Sends requests, ten a call, over several threads."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, requests: Sequence[Request]) -> None:
        """Put every request on the queue; entries that the queue refuses are sent again.

        Raises:
            UnsentError: some stayed refused; the others were sent.
            HubBrokenError: the queue cannot be used.
        """
        with ThreadPoolExecutor(max_workers=MAX_THREADS // 2) as pool:
            left = [
                entry for some in pool.map(self._send_batch, _packed(requests)) for entry in some
            ]
        if left:
            raise UnsentError(len(left), f"queue {self._url}")

    def _send_batch(
        self, entries: list[SendMessageBatchRequestEntryTypeDef]
    ) -> list[SendMessageBatchRequestEntryTypeDef]:
        with hub(f"queue {self._url}"):
            return until_done(self._send_once, entries)

    def _send_once(
        self, entries: list[SendMessageBatchRequestEntryTypeDef]
    ) -> list[SendMessageBatchRequestEntryTypeDef]:
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        sent = {entry["Id"] for entry in answer.get("Successful", [])}
        return [entry for entry in entries if entry["Id"] not in sent]


def _packed(requests: Sequence[Request]) -> Iterator[list[SendMessageBatchRequestEntryTypeDef]]:
    """Runs of requests that fit into one call, in order."""
    batch: list[SendMessageBatchRequestEntryTypeDef] = []
    size = 0
    for request in requests:
        body = encode_request(request)
        if batch and (len(batch) == ENTRIES_PER_BATCH or size + len(body) > BYTES_PER_BATCH):
            yield batch
            batch, size = [], 0
        # The group id makes the standard queue fair: an account that is slow to answer holds up
        # its own messages, not those of the others.
        batch.append({
            "Id": str(len(batch)),
            "MessageBody": body,
            "MessageGroupId": request.target.account_id,
        })  # fmt: skip
        size += len(body)
    if batch:
        yield batch
