"""Start a pipeline once for each event of a new image."""  # noqa: INP001 - a zip's root

import json
import logging
import os
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

LEASE = 40  # seconds; longer than the function's timeout, shorter than the delay before a retry
KEPT = 30 * 24 * 60 * 60  # copies of an event are delivered within hours

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], _context: object) -> dict[str, list[str]]:
    """Start the pipeline for each event that has not started it yet.

    If it raises, Lambda retries twice, then sends the event to the dead-letter queue.
    """
    return {"started": [each for record in event["Records"] for each in started(record["Sns"])]}


def started(message: dict[str, Any]) -> list[str]:
    """Start the pipeline for a message; return no execution if a copy of it was handled before."""
    attributes = {name: found["Value"] for name, found in message["MessageAttributes"].items()}
    event_id = attributes["event_id"]
    if not claimed(event_id):
        log.info("%s: duplicate, ignored", event_id)
        return []
    execution = start(event_id, json.loads(message["Message"])["v1"])
    keep(event_id)
    log.info("%s: %s started %s", event_id, attributes["image_name"], execution)
    return [execution]


def claimed(event_id: str) -> bool:
    """Claim an event with a lease; return whether this invocation has to handle it.

    If the function is terminated afterwards, the lease has expired when Lambda retries.
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


def keep(event_id: str) -> None:
    """Replace the lease by an entry that expires after a month."""
    table().put_item(Item={"event_id": event_id, "expires": int(time.time()) + KEPT})


def start(event_id: str, v1: dict[str, Any]) -> str:
    """Start the pipeline, possibly in another region, and return the id of the execution."""
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


def table() -> Any:  # noqa: ANN401 - boto3 creates its resource classes at runtime
    """Return the table of handled events."""
    return boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
