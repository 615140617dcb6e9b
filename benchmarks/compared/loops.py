"""Loops with shared clients over many pairs, without a table, a queue or roles.

`single` makes one GetParameter or DescribeImages a pair; `images` one DescribeImages a pair, for
parameters with the id of their image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3


@cache
def _client(service: str, region: str) -> Any:  # noqa: ANN401 - one of several clients
    create: Any = boto3.client
    return create(service, region)


def _look_up(message: Mapping[str, Any], image_id: str | None) -> None:
    lookup, region = message["lookup"], message["region"]
    if path := lookup.get("parameter_path"):
        if image_id is None:
            _client("ssm", region).get_parameter(Name=path)
            return
        lookup = {"filters": [{"Name": "image-id", "Values": [image_id]}], "owners": []}
    _client("ec2", region).describe_images(Filters=lookup["filters"], Owners=lookup["owners"])


def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Look up each pair of `single` or `images`."""
    for body in event.get("single", []):
        _look_up(json.loads(body), None)
    for body, image_id in event.get("images", []):
        _look_up(json.loads(body), image_id)
    return {}
