"""The naive way: one invocation per message, a new client per call, one call per request.

It runs as a function does, with the whole AWS SDK. It has no role to assume, keeps no history, and
writes its row in any case. `send` is its scheduler: it sends the messages one by one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3


def send(bodies: list[str]) -> None:
    """Send messages."""
    for body in bodies:
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)


def look_up(message: Mapping[str, Any]) -> None:
    """Read the row, look up the image, and write the row."""
    key = {
        "region": {"S": message["region"]},
        "record": {"S": f"naive#{message['account_id']}#{message['image_name']}"},
    }
    table = os.environ["TABLE_NAME"]
    known = boto3.client("dynamodb").get_item(TableName=table, Key=key).get("Item", {})
    image_id = _current(message)
    changed = known.get("image_id", {}).get("S") != image_id
    row = {**key, "image_id": {"S": image_id or "none"}, "changed": {"BOOL": changed}}
    boto3.client("dynamodb").put_item(TableName=table, Item=row)


def _current(message: Mapping[str, Any]) -> str | None:
    lookup, region = message["lookup"], message["region"]
    if path := lookup.get("parameter_path"):
        parameter = boto3.client("ssm", region).get_parameter(Name=path)["Parameter"]
        return str(parameter["Value"])
    images = boto3.client("ec2", region).describe_images(
        Filters=lookup["filters"], Owners=lookup["owners"]
    )["Images"]
    return max(images, key=lambda image: image["CreationDate"])["ImageId"] if images else None


def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Send the messages in `send`, or look up each message of an SQS event."""
    send(event.get("send", []))
    for record in event.get("Records", []):
        look_up(json.loads(record["body"]))
    return {}
