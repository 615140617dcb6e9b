"""Lambda's event source mapping of a table's stream, with Lambda's rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.embedded.event_sources.batch import (
    NextStep,
    RecordBatch,
    RetryPolicy,
    lowest_failure,
    next_step,
)
from services.embedded.event_sources.deliveries import Delivery, Pace, Record
from services.embedded.event_sources.invocation import (
    FUNCTION_NAME,
    Context,
    Handler,
    InvocationResult,
    invoke,
)
from services.embedded.event_sources.patterns import EVERYTHING, Pattern, matches_pattern

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

_READ_AT_ONCE = 1000  # dynamodbstreams:GetRecords


class StreamMapping:
    """Delivers a stream's records, in order, from the beginning of the stream.

    A failure redelivers all records from the lowest sequence number that failed, including records
    that succeeded. Records that do not match the filter are skipped. `discarded` counts records
    that were dropped after their last retry.
    """

    def __init__(  # noqa: PLR0913 - a mapping has that many settings, each with its default
        self,
        streams: DynamoDBStreamsClient,
        stream_arn: str,
        handler: Handler,
        *,
        batch_size: int = 100,
        max_retries: int = 3,
        bisect: bool = True,
        pattern: Pattern = EVERYTHING,
        pace: Pace | None = None,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self.discarded = 0
        self._streams = streams
        self._stream_arn = stream_arn
        self._handler = handler
        self._batch_size = batch_size
        self._policy = RetryPolicy(max_retries, bisect)
        self._pattern = pattern
        self._pace = pace or Pace()
        self._seen: dict[str, int] = {}
        self._waiting: dict[str, deque[RecordBatch[Record]]] = {}

    def poll(self) -> list[Delivery]:
        """Deliver at most one batch of every shard; empty if there are no records."""
        deliveries = []
        for shard_id in self._shards():
            waiting = self._waiting.setdefault(shard_id, deque())
            if not waiting:
                waiting.extend(self._read(shard_id))
            if waiting:
                deliveries.append(self._deliver(waiting))
        return deliveries

    def drain(self, timeout_seconds: float = 30.0) -> list[Delivery]:
        """Deliver until there are no records left to deliver or retry, or until the time-out."""
        deliveries: list[Delivery] = []
        end = self._pace.clock() + timeout_seconds
        while self._pace.clock() < end and (polled := self.poll()):
            deliveries += polled
        return deliveries

    def rewind(self) -> None:
        """Start again at the oldest record, as a new mapping does."""
        self._seen.clear()
        self._waiting.clear()

    def _shards(self) -> list[str]:
        """Every shard, parents first, in the order of the stream's list."""
        found: list[str] = []
        page = self._streams.describe_stream(StreamArn=self._stream_arn)["StreamDescription"]
        found += [shard["ShardId"] for shard in page["Shards"]]
        while last := page.get("LastEvaluatedShardId"):
            page = self._streams.describe_stream(
                StreamArn=self._stream_arn, ExclusiveStartShardId=last
            )["StreamDescription"]
            found += [shard["ShardId"] for shard in page["Shards"]]
        return found

    def _read(self, shard_id: str) -> list[RecordBatch[Record]]:
        """The shard's new records that match the filter, in batches.

        Each call reads from the oldest record and skips records that were read before. A stored
        iterator would miss records: after a failed transaction, moto restores copies of its tables,
        and its iterators still read the originals.
        """
        passed: list[Record] = []
        iterator = self._oldest(shard_id)
        while iterator is not None:
            answer = self._streams.get_records(ShardIterator=iterator, Limit=_READ_AT_ONCE)
            if not answer["Records"]:
                break
            iterator = answer.get("NextShardIterator")
            records = [stream_record(record, self._stream_arn) for record in answer["Records"]]
            passed += [record for record in records if self._is_new(shard_id, record)]
        starts = range(0, len(passed), self._batch_size)
        return [RecordBatch(tuple(passed[start : start + self._batch_size])) for start in starts]

    def _is_new(self, shard_id: str, record: Record) -> bool:
        """Whether the record was not read before and matches the filter."""
        number = int(_sequence_number(record))
        if number <= self._seen.get(shard_id, -1):
            return False
        self._seen[shard_id] = number
        return matches_pattern(self._pattern, record)

    def _oldest(self, shard_id: str) -> str | None:
        return self._streams.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def _deliver(self, waiting: deque[RecordBatch[Record]]) -> Delivery:
        batch = waiting.popleft()
        sent = [_sequence_number(record) for record in batch.records]
        context = Context(FUNCTION_NAME, self._pace.function_timeout_seconds, self._pace.clock)
        outcome = invoke(self._handler, {"Records": list(batch.records)}, context, sent)
        after = self._after(batch, outcome, sent)
        waiting.extendleft(reversed(after.next))
        self.discarded += len(after.discarded)
        delivery = Delivery(
            sent=tuple(sent),
            failed=outcome.result.failed,
            problem=outcome.result.problem,
            answer=outcome.answer,
            discarded=tuple(_sequence_number(record) for record in after.discarded),
        )
        self.deliveries.append(delivery)
        return delivery

    def _after(
        self, batch: RecordBatch[Record], outcome: InvocationResult, sent: Sequence[str]
    ) -> NextStep[Record]:
        begin = lowest_failure(outcome.result, sent)
        return next_step(batch, begin, thrown=outcome.thrown, policy=self._policy)


def stream_record(record: Mapping[str, Any], stream_arn: str) -> Record:
    """A stream's record in the format of Lambda's event."""
    change = dict(record["dynamodb"])
    created = change.pop("ApproximateCreationDateTime", None)
    if created is not None:
        change["ApproximateCreationDateTime"] = created.timestamp()
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream_arn.split(":")[3],
        "dynamodb": change,
        "eventSourceARN": stream_arn,
    }


def _sequence_number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
