"""Starts a pipeline with each new image, once for each event."""  # noqa: INP001 - a zip's root

import json
import logging
import os
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

LEASE = 40  # seconds; longer than the function may run, shorter than Lambda waits before a retry
KEPT = 30 * 24 * 60 * 60  # copies of an event come within hours

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], _context: object) -> dict[str, list[str]]:
    """Start the pipeline for each event that has not started it yet.

    What fails raises: Lambda tries twice more, then puts the event into the dead letters.
    """
    return {"started": [each for record in event["Records"] for each in started(record["Sns"])]}


def started(message: dict[str, Any]) -> list[str]:
    """The execution that a message has started; none when another copy of it was faster."""
    attributes = {name: found["Value"] for name, found in message["MessageAttributes"].items()}
    event_id = attributes["event_id"]
    if not claimed(event_id):
        log.info("%s: a copy, nothing to do", event_id)
        return []
    execution = start(event_id, json.loads(message["Message"])["v1"])
    remember(event_id)
    log.info("%s: %s started %s", event_id, attributes["image_name"], execution)
    return [execution]


def claimed(event_id: str) -> bool:
    """Whether this event is ours to handle.

    A claim is a lease: were the function to die after it, the retry would find it expired.
    """
    now = int(time.time())
    try:
        table().put_item(
            Item={"event_id": event_id, "expires": now + LEASE},
            ConditionExpression="attribute_not_exists(event_id) OR expires < :now",
            ExpressionAttributeValues={":now": now},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def remember(event_id: str) -> None:
    """Turn the lease into a lasting mark; the table forgets it after a month."""
    table().put_item(Item={"event_id": event_id, "expires": int(time.time()) + KEPT})


def start(event_id: str, v1: dict[str, Any]) -> str:
    """The execution of the pipeline with this image; its region may be another than ours."""
    region, name = os.environ["PIPELINE_ARN"].split(":")[3::2]
    variables = {
        "IMAGE_NAME": v1["image"]["image_name"],
        "IMAGE_ID": v1["image"]["image_id"],
        "IMAGE_REGION": v1["region"],
    }
    execution: dict[str, str] = boto3.client(
        "codepipeline", region_name=region
    ).start_pipeline_execution(
        name=name,
        clientRequestToken=event_id,
        variables=[{"name": key, "value": value} for key, value in variables.items()],
    )
    return execution["pipelineExecutionId"]


def table() -> Any:  # noqa: ANN401 - boto3 makes its resources' classes when it runs
    """The table of events that were seen."""
    return boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
