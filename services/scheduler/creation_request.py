"""The request that creates image rows, as JSON: pure.

Most of it is the same for an image in each target, so that part is encoded once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from services.kernel.keys import image_record
from services.kernel.model import Kind, Lookup, Pair, Target
from services.kernel.records import encode_configuration
from services.kernel.table import to_item

_IMAGES = 10_000
"""Images whose part is kept."""


def creation_request(table: str, pairs: Iterable[Pair], token: str) -> bytes:
    """The request of TransactWriteItems that creates the rows of pairs, if none of them exists.

    The values are those of `configuration_update`. With `token`, a retry of a request that was
    successful is successful too.
    """
    name = json.dumps(table)
    items = ",".join(f'{{"Update":{{"TableName":{name},{_update(pair)}}}}}' for pair in pairs)
    return f'{{"TransactItems":[{items}],"ClientRequestToken":{json.dumps(token)}}}'.encode()


def _update(pair: Pair) -> str:
    account_id = pair.target.account_id
    record = image_record(account_id, pair.image_name)
    common = _common(pair.image_name, pair.lookup, pair.lookup_digest, pair.announce, pair.family)
    return (
        f'"Key":{{"region":{{"S":{json.dumps(pair.target.region)}}},'
        f'"record":{{"S":{json.dumps(record)}}}}},{common},'
        f'":account_id":{{"S":{json.dumps(account_id)}}},":number":{{"N":"{pair.number}"}}}}'
    )


@lru_cache(maxsize=_IMAGES)
def _common(
    image_name: str, lookup: Lookup, digest: str, announce: frozenset[Kind], family: str | None
) -> str:
    """The part for an image in any target, which ends within the values."""
    pair = Pair(
        Target("", ""),
        image_name,
        active=True,
        lookup=lookup,
        lookup_digest=digest,
        announce=announce,
        number=1,
        family=family,
    )
    values = encode_configuration(pair)
    names = {f"#{name}": name for name in (*values, "record")}
    same = {f":{n}": value for n, value in values.items() if n not in {"account_id", "number"}}
    update = {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
        "ConditionExpression": "attribute_not_exists(#record)",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(same),
    }
    return json.dumps(update, separators=(",", ":"))[1:-2]
