"""Send a message to GitHub, Slack or Teams once for each event."""  # noqa: INP001 - a zip's root

import json
import logging
import os
import time
from functools import cache
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

LEASE = 40  # seconds; longer than the function's timeout, shorter than the delay before a retry
KEPT = 30 * 24 * 60 * 60  # copies of an event are delivered within hours
TITLES = {"release": "New image", "rollback": "Image rolled back"}

log = logging.getLogger()
log.setLevel(logging.INFO)


class MessageRefusedError(Exception):
    """The service did not accept a message."""


def handler(event: dict[str, Any], _context: object) -> dict[str, list[str]]:
    """Send each event that was not sent yet; return the ids of the events that were sent now.

    If it raises, Lambda retries twice, then sends the event to the dead-letter queue.
    """
    found = [event_of(record["Sns"]) for record in event["Records"]]
    return {"sent": [each["event_id"] for each in found if sent_now(each)]}


def event_of(message: dict[str, Any]) -> dict[str, str]:
    """Return the fields of an event; `ami_name`, `release` and the previous id can be missing."""
    attributes = {name: found["Value"] for name, found in message["MessageAttributes"].items()}
    image_id: str = json.loads(message["Message"])["v1"]["image"]["image_id"]
    return {**attributes, "image_id": image_id}


def sent_now(event: dict[str, str]) -> bool:
    """Send an event, unless a copy of it was sent before."""
    event_id = event["event_id"]
    if not claimed(event_id):
        log.info("%s: duplicate, ignored", event_id)
        return False
    send(event)
    table().put_item(Item={"event_id": event_id, "expires": int(time.time()) + KEPT})
    log.info("%s: sent", event_id)
    return True


def claimed(event_id: str) -> bool:
    """Claim an event with a lease; return whether this invocation has to send it.

    If the function fails afterwards, the lease has expired when Lambda retries.
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


def send(event: dict[str, str]) -> None:
    """Send an event to the service of this function."""
    if os.environ["SERVICE"] == "github":
        url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['REPOSITORY']}/dispatches"
        post(url, dispatch(event), {"Authorization": f"Bearer {secret()}", **GITHUB_HEADERS})
    else:
        message = {"slack": slack, "teams": teams}[os.environ["SERVICE"]]
        post(secret(), message(event), {})


def post(url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
    """Send a JSON body. Redirects are errors, and the URL can be a secret, so none is logged."""
    parts = urlsplit(url.strip())
    if parts.scheme != "https" or not parts.hostname:
        message = "the URL does not begin with https://"
        raise MessageRefusedError(message)
    connection = HTTPSConnection(parts.hostname, parts.port, timeout=10)
    headers = {"Content-Type": "application/json", "User-Agent": "ami-tracker", **headers}
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    try:
        connection.request("POST", target, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read(300).decode(errors="replace")
    finally:
        connection.close()
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the statuses of success
        secret.cache_clear()  # it can have been rotated
        message = f"{parts.hostname} answered {answer.status} {answer.reason}: {text!r}"
        raise MessageRefusedError(message)


@cache
def secret() -> str:
    """Return the secret: GitHub's token, or the URL of the webhook."""
    secrets = boto3.client("secretsmanager")
    found: str = secrets.get_secret_value(SecretId=os.environ["SECRET_ARN"])["SecretString"]
    return found.strip()


def table() -> Any:  # noqa: ANN401 - boto3 creates its resource classes at runtime
    """Return the table of sent events."""
    return boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


# --- the messages; names and release keys are text from outside

GITHUB_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PAYLOAD = (  # GitHub accepts at most ten
    "event_id", "kind", "image_name", "image_id", "previous_image_id",
    "ami_name", "release", "account_id", "region", "version",
)  # fmt: skip


def dispatch(event: dict[str, str]) -> dict[str, Any]:
    """Return the body of GitHub's repository_dispatch."""
    payload = {name: event[name] for name in PAYLOAD if name in event}
    return {"event_type": "ami-release", "client_payload": payload}


def texts(event: dict[str, str]) -> dict[str, str]:
    """Return the lines of a chat message, by label."""
    lines = {
        "Image": event["image_name"],
        "Release": event.get("release") or event.get("ami_name", ""),
        "Image id": event["image_id"],
        "Before": event.get("previous_image_id", ""),
        "Where": f"{event['region']}, account {event['account_id']}",
    }
    return {label: text for label, text in lines.items() if text}


def title(event: dict[str, str]) -> str:
    """Return the title of a chat message."""
    return TITLES.get(event["kind"], event["kind"])


def slack(event: dict[str, str]) -> dict[str, Any]:
    """Return the body for an incoming webhook of Slack."""
    lines = [f"*{label}:* `{mrkdwn(text)}`" for label, text in texts(event).items()]
    text = "\n".join([f"*{mrkdwn(title(event))}*", *lines])
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"text": mrkdwn(f"{title(event)}: {event['image_name']}"), "blocks": [section]}


def mrkdwn(text: str) -> str:
    """Return a text in which no character has an effect inside of backquotes."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(text.replace("`", "'").split())


def teams(event: dict[str, str]) -> dict[str, Any]:
    """Return the body for a webhook of Teams Workflows; text runs of a card have no Markdown."""
    lines = [[run(title(event), weight="Bolder", size="Medium")]]
    for label, text in texts(event).items():
        lines.append([run(f"{label}: ", weight="Bolder"), run(text, fontType="Monospace")])
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": runs} for runs in lines],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def run(text: str, **style: str) -> dict[str, str]:
    """Return a run of text."""
    return {"type": "TextRun", "text": text, **style}
