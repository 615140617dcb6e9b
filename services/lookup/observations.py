"""The lookup's view of the table: reads pairs, commits releases, writes states."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from services.kernel.errors import Failure, MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.keys import image_record, releases_of, round_record
from services.kernel.model import Lookup, Observation, Pair, Release, State, Target
from services.kernel.release_records import decode_release, encode_release
from services.kernel.table import query_rows, to_item
from services.kernel.wire import timestamp
from services.lookup.commits import Commit, cancelled
from services.lookup.pair_rows import PairRowReader

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


_UNCHANGED = "active = :true AND lookup_digest = :digest"
_RELEASES_PER_PAGE = 10  # usually the first row read is enough
_HISTORY_LIMIT = 50
"""The most releases to read of a pair: one page."""


class Observations:
    """The reads and writes of image, release and round rows that lookups need."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._pair_rows = PairRowReader(client, table)

    def requested(self, target: Target, lookups: Mapping[str, Lookup]) -> dict[str, Pair | Failure]:
        """The pairs of these images whose row has this lookup; a damaged row is a failure.

        Eventually consistent: the condition of a commit detects a stale read.
        """
        return self._pair_rows.requested(target, lookups)

    def read(self, target: Target, names: Sequence[str]) -> dict[str, Pair | Failure]:
        """The pairs of these images that have a row, read consistently and whole."""
        return self._pair_rows.consistent(target, names)

    def history(self, pair: Pair) -> tuple[Release, ...]:
        """The pair's last releases up to the version that was read, oldest first.

        Another worker can have committed a later release; it is not part of this history. A row
        that cannot be decoded is left out and does not affect other releases.
        """
        if not pair.version:
            return ()
        known = (r for r in self._releases(pair, _HISTORY_LIMIT) if r.version <= pair.version)
        return tuple(reversed(list(islice(known, _HISTORY_LIMIT))))

    def _releases(self, pair: Pair, page_size: int) -> Iterator[Release]:
        """The pair's releases that can be decoded, newest first; a page is read when needed."""
        prefix = releases_of(pair.target.account_id, pair.image_name)
        rows = query_rows(
            self._client,
            self._table,
            pair.target.region,
            prefix,
            backwards=True,
            page_size=page_size,
        )
        return filter(None, map(_release, rows))

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Write the release and update the pair's row, in one transaction.

        If the stored release has the same event id and image, the commit counts as done: a lost
        response, or a second worker with the same result, is not a conflict.
        """
        row = encode_release(release)
        if release.kind in pair.announce:
            row["pending"] = release.target.region
        with hub(f"table {self._table}"):
            try:
                writes: list[Any] = [self._advance(pair, release), self._insert(row)]
                self._client.transact_write_items(TransactItems=writes)
            except self._client.exceptions.TransactionCanceledException as error:
                return cancelled(error, pair, row)
        return Commit.DONE

    def _insert(self, row: Mapping[str, object]) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": to_item(row),
                "ConditionExpression": "attribute_not_exists(#record)",
                "ExpressionAttributeNames": {"#record": "record"},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _advance(self, pair: Pair, release: Release) -> dict[str, Any]:
        known = _as_known(release)
        if pair.state != State.OK:
            known["status"] = {"state": State.OK.value, "since": timestamp(release.detected_at)}
        return {
            "Update": {
                "TableName": self._table,
                **self._conditional(pair, known, same_announce=True),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def heal(self, pair: Pair) -> Release | None:
        """Update an image row that is behind its releases to the last decodable one.

        The condition is the same as for a commit. Returns that release, or None if no release that
        can be decoded is newer than the row.
        """
        last = next(self._releases(pair, _RELEASES_PER_PAGE), None)
        if last is None or last.version <= pair.version:
            return None
        with hub(f"table {self._table}"), condition_may_fail():
            update = self._conditional(pair, _as_known(last), same_announce=True)
            self._client.update_item(TableName=self._table, **update)
        return last

    def confirm(self, pair: Pair, seen: Observation | None = None) -> None:
        """Record that the pair's edited lookup finds the known image, as it was `seen`."""
        self._set(pair, {"confirmed_digest": pair.lookup_digest, **_as_seen(seen)})

    def refresh(self, pair: Pair, seen: Observation) -> None:
        """Record that the pair's known image has another deprecation time."""
        self._set(pair, _as_seen(seen))

    def mark(
        self, pair: Pair, problem: Failure | None, moment: datetime, seen: Observation | None = None
    ) -> None:
        """Write the pair's state: why the last lookup failed, or that it succeeded.

        With `seen`, the deprecation time of the known image is written too.
        """
        status: dict[str, object] = {"state": State.OK.value, "since": timestamp(moment)}
        if problem is not None:
            status |= {"state": problem.state, "code": problem.code, "detail": problem.detail}
        self._set(pair, {"status": status, **_as_seen(seen)})

    def _set(self, pair: Pair, values: Mapping[str, object]) -> None:
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(TableName=self._table, **self._conditional(pair, values))

    def _conditional(
        self, pair: Pair, values: Mapping[str, object], *, same_announce: bool = False
    ) -> dict[str, Any]:
        """A conditional update of the pair's row, which fails if the row has changed."""
        present = {name: value for name, value in values.items() if value is not None}
        absent = [name for name, value in values.items() if value is None]
        sets = ", ".join(f"#{name} = :{name}" for name in present)
        removes = ", ".join(f"#{name}" for name in absent)
        clauses = {"SET": sets, "REMOVE": removes}
        bound = {f":{name}": value for name, value in present.items()}
        bound[":read"] = pair.version
        same_version = "#version = :read"
        if not pair.version:
            same_version = "(attribute_not_exists(#version) OR #version = :read)"
        condition = f"{same_version} AND {_UNCHANGED}"
        if same_announce:
            condition += " AND announce = :announce"
            bound[":announce"] = sorted(pair.announce)
        return {
            "Key": self._key(pair.target, image_record(pair.target.account_id, pair.image_name)),
            "UpdateExpression": " ".join(f"{verb} {c}" for verb, c in clauses.items() if c),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in {*values, "version"}},
            "ExpressionAttributeValues": to_item(
                {
                    **bound,
                    ":true": True,
                    ":digest": pair.lookup_digest,
                }
            ),
        }

    def answered(self, target: Target, numbers: Collection[int]) -> None:
        """Add pairs with a final outcome to the target's round row, if there is one."""
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=self._key(target, round_record(target.account_id)),
                UpdateExpression="ADD answered :numbers",
                ConditionExpression="attribute_exists(#record)",
                ExpressionAttributeNames={"#record": "record"},
                ExpressionAttributeValues=to_item({":numbers": set(numbers)}),
            )

    @staticmethod
    def _key(target: Target, record: str) -> dict[str, Any]:
        return to_item({"region": target.region, "record": record})


def _as_known(release: Release) -> dict[str, object]:
    """The attributes of an image row with this last release."""
    return {
        "version": release.version,
        "image_id": release.observed.image_id,
        "ami_name": release.observed.ami_name,
        "creation_date": release.observed.creation_date,
        "changed_at": timestamp(release.detected_at),
        "confirmed_digest": release.lookup_digest,
        **_as_seen(release.observed),
    }


def _as_seen(image: Observation | None) -> dict[str, object]:
    """The attributes of an image row that can change although the image is the same."""
    if image is None:
        return {}
    moment = image.deprecation_time
    return {"deprecation_time": timestamp(moment) if moment else None}


def _release(row: Mapping[str, Any]) -> Release | None:
    try:
        return decode_release(row)
    except MalformedError:
        return None
