"""`ami-tracker redrive` on the embedded AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.builders.aggregator import ACCOUNT
from support.labs.acting_lab import Lab

from services.console.acting import dead_letters
from services.console.acting.dead_letters import Progress
from services.console.acting.redrive_command import finished
from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import QUEUE, SCHEDULE_DEAD_LETTERS, Hub
from services.kernel.model import ParameterLookup, Request, Target
from services.kernel.wire import encode_request

DEAD_LETTERS = f"{QUEUE}-dead-letters"
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e{not json"


@pytest.fixture
def lab(
    aws: EmbeddedAws,
    hub: Hub,
    person: None,  # noqa: ARG001 - the environment
    monkeypatch: pytest.MonkeyPatch,
) -> Lab:
    """Return the command on empty queues."""
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)
    return Lab(aws, hub, "redrive")


def a_request(name: str = "al2023") -> str:
    """Build the body of a lookup request."""
    target = Target(ACCOUNT, "eu-west-1")
    return encode_request(Request("2026-11-22T07:00:00Z", target, name, ParameterLookup("/a")))


def send(lab: Lab, *bodies: str, url: str = "", **more: object) -> None:
    """Send messages to the dead-letter queue, or to another queue."""
    sqs = lab.aws.client("sqs", lab.hub.region)
    for body in bodies:
        sqs.send_message(QueueUrl=url or lab.hub.dead_letter_url, MessageBody=body, **more)


def bodies(lab: Lab, url: str) -> list[str]:
    """Receive the bodies of a queue's messages."""
    sqs = lab.aws.client("sqs", lab.hub.region)
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", []))


# --- show


def test_an_empty_queue(lab: Lab) -> None:
    """The exit code is 0, and nothing else is said."""
    result = lab.run()

    assert result.stdout == f"{DEAD_LETTERS} has no messages\n"
    assert result.stderr == ""
    assert lab.json()["messages"] == []


def test_dead_letters_are_shown(lab: Lab) -> None:
    """A row names the pair, the round and how often the message was received."""
    send(lab, a_request())

    result = lab.run(code=1)

    header, row = result.stdout.splitlines()
    assert header.split() == ["image", "region", "account", "round", "received", "sent", "problem"]
    assert row.split()[:5] == ["al2023", "eu-west-1", ACCOUNT, "2026-11-22T07:00:00Z", "1"]
    assert "--purge loses nothing" in result.stderr
    assert "invisible to other readers for 20 seconds" in result.stderr
    assert lab.operations() == ["GetQueueUrl", "ReceiveMessage", "ReceiveMessage"]


def test_showing_deletes_nothing(lab: Lab) -> None:
    """The messages are still in the queue, and only invisible."""
    send(lab, a_request("a"), a_request("b"))

    shown = lab.json(code=1)
    again = lab.json()

    assert [message["image_name"] for message in shown["messages"]] == ["a", "b"]
    assert again["messages"] == []
    sqs = lab.aws.client("sqs", lab.hub.region)
    counts = sqs.get_queue_attributes(QueueUrl=lab.hub.dead_letter_url, AttributeNames=["All"])
    assert counts["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "2"


def test_the_output_for_programs(lab: Lab) -> None:
    """Each message has the documented keys; a body that is no request is included."""
    send(lab, a_request())
    send(lab, HOSTILE)

    found = lab.json(code=1)

    assert (found["queue"], found["complete"]) == (DEAD_LETTERS, True)
    request, other = sorted(found["messages"], key=lambda message: message["problem"])
    common = {"message_id", "received", "sent_at", "problem"}
    assert request.keys() == common | {"region", "account_id", "image_name", "round"}
    assert other.keys() == common | {"body"}
    assert other["body"] == HOSTILE
    assert other["problem"].startswith("message is malformed: JSON is malformed")


def test_hostile_bodies_are_escaped(lab: Lab) -> None:
    """The table has names and reasons, escaped, and no bodies."""
    send(lab, HOSTILE, "[]", "{}", a_request().replace('"eu-west-1"', '"\\u001b[31m\\u202e"'))
    send(lab, a_request().replace('"al2023"', '"\\u001b[31m"'))

    rows = lab.run(code=1).stdout.splitlines()[1:]

    assert len(rows) == 5
    assert all("message is malformed" in row for row in rows)


def test_the_error_of_the_schedule_is_the_reason(lab: Lab) -> None:
    """EventBridge Scheduler writes it into the attributes of the message."""
    sqs = lab.aws.client("sqs", lab.hub.region)
    url = sqs.get_queue_url(QueueName=SCHEDULE_DEAD_LETTERS)["QueueUrl"]
    text = {"DataType": "String"}
    error = {
        "ERROR_CODE": {**text, "StringValue": "AWS.Scheduler.TooManyRequests"},
        "ERROR_MESSAGE": {**text, "StringValue": "Rate exceeded"},
    }
    send(lab, '{"sweep": true}', url=url, MessageAttributes=error)

    shown = lab.json("--queue", SCHEDULE_DEAD_LETTERS, code=1)
    sqs.purge_queue(QueueUrl=url)

    (message,) = shown["messages"]
    assert message["problem"] == "AWS.Scheduler.TooManyRequests: Rate exceeded"
    assert json.loads(message["body"]) == {"sweep": True}


@pytest.mark.parametrize(("limit", "calls"), [(1, 1), (3, 1), (12, 2), (13, 3)])
def test_the_list_is_limited(lab: Lab, limit: int, calls: int) -> None:
    """No more messages are received than are shown."""
    send(lab, *(a_request(f"image-{number:02d}") for number in range(12)))

    found = lab.json("--limit", str(limit), code=1)

    assert len(found["messages"]) == min(limit, 12)
    assert found["complete"] is (limit > 12)
    assert lab.operations().count("ReceiveMessage") == calls


def test_a_terminal_of_80_columns(lab: Lab) -> None:
    """A message takes some lines there, none of them wider."""
    send(lab, a_request("a-long-name-of-an-image-with-many-parts"))
    send(lab, HOSTILE)

    result = lab.on_a_terminal(code=1)

    assert max(map(len, result.output.splitlines())) <= 80
    first = "a-long-name-of-an-image-with-many-parts in eu-west-1 of account 111122223333,"
    assert result.stdout.splitlines()[:2] == [first, "round 2026-11-22T07:00:00Z"]
    assert "not a lookup request\n  received 1 time, sent 20" in result.stdout


# --- move


def test_dead_letters_are_moved_back(lab: Lab) -> None:
    """They are in the request queue again, unchanged."""
    send(lab, a_request("a"), a_request("b"))

    result = lab.run("--move", "--yes")

    assert result.stdout == f"2 of 2 messages of {DEAD_LETTERS} moved back\n"
    assert bodies(lab, lab.hub.queue_url) == [a_request("a"), a_request("b")]
    assert bodies(lab, lab.hub.dead_letter_url) == []
    assert lab.operations() == [
        "GetQueueUrl",
        "GetQueueAttributes",
        "StartMessageMoveTask",
        "ListMessageMoveTasks",
    ]


def test_messages_that_were_just_shown_are_not_moved(lab: Lab) -> None:
    """The command says so, and the exit code is 1."""
    send(lab, a_request())
    lab.run(code=1)

    result = lab.run("--move", "--yes", code=1)

    assert "about 1 message of ami-tracker-lookups-dead-letters cannot be moved" in result.stderr
    assert "0 of 0 messages" in result.stdout


def test_a_move_of_an_empty_queue(lab: Lab) -> None:
    """There is no question and no task."""
    assert lab.json("--move") == {
        "schema": 1,
        "queue": DEAD_LETTERS,
        "status": "COMPLETED",
        "moved": 0,
        "to_move": 0,
        "failure": "",
    }
    assert "StartMessageMoveTask" not in lab.operations()


def test_a_failed_task_has_its_reason(lab: Lab) -> None:
    """The exit code is 1, and the text of AWS is escaped."""
    send(lab, a_request())
    failed = {
        "Results": [
            {
                "Status": "FAILED",
                "ApproximateNumberOfMessagesMoved": 0,
                "ApproximateNumberOfMessagesToMove": 1,
                "FailureReason": "AccessDenied\x1b[31m",
            }
        ]
    }

    def answer(request: ApiRequest, forward: Any) -> Response | None:  # noqa: ANN401 - a hook
        if request.operation != "ListMessageMoveTasks":
            found: Response | None = forward()
            return found
        return Response(200, (("Content-Type", "application/x-amz-json-1.0"),), _json(failed))

    with lab.aws.hook(answer):
        result = lab.run("--move", "--yes", code=1)

    assert "0 of 1 message of" in result.stdout
    assert "the task is FAILED: AccessDenied\\x1b[31m" in result.stdout


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


def test_a_running_task_is_followed() -> None:
    """It is asked for every second until it ends."""
    steps = [Progress("RUNNING", n, 3) for n in range(3)] + [Progress("COMPLETED", 3, 3)]
    waits: list[float] = []

    assert finished(lambda: steps.pop(0), "q", waits.append) == Progress("COMPLETED", 3, 3)
    assert (steps, waits) == ([], [1.0] * 3)


def test_a_task_is_not_followed_forever() -> None:
    """After a quarter of an hour the command ends, and shows the state of the task."""
    running = Progress("RUNNING", 1, 3)
    waits: list[float] = []

    assert finished(lambda: running, "q", waits.append) == running
    assert sum(waits) == 900


def test_messages_of_other_queues_cannot_be_moved(lab: Lab) -> None:
    """The dead letters of the schedules did not come from a queue."""
    send(lab, a_request(), url=lab.hub.queue_url)

    result = lab.run("--queue", QUEUE, "--move", "--yes", code=2)

    assert "is not the dead-letter queue of a queue" in result.stderr
    assert "use --purge" in result.stderr


# --- purge


def test_dead_letters_are_purged(lab: Lab) -> None:
    """The queue is empty, whether its messages are visible or not."""
    send(lab, a_request())
    lab.run(code=1)
    send(lab, HOSTILE)

    assert lab.json("--purge", "--yes") == {"schema": 1, "queue": DEAD_LETTERS, "purged": 2}
    assert lab.run("--purge").stdout == f"{DEAD_LETTERS} has no messages\n"


def test_a_second_purge_must_wait(lab: Lab) -> None:
    """SQS accepts one a minute; the reason is shown."""
    for code in (0, 1):
        send(lab, a_request())
        result = lab.run("--purge", "--yes", code=code)

    assert "sqs:PurgeQueue on queue ami-tracker-lookups-dead-letters was refused" in result.stderr
    assert "PurgeQueueInProgress" in result.stderr


# --- questions, usage and refusals


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("option", ["--move", "--purge"])
def test_the_command_asks_first(lab: Lab, option: str) -> None:
    """Without `y` the queue is unchanged."""
    send(lab, a_request())

    refused = lab.run(option, code=1, answer="n\n")
    agreed = lab.run(option, answer="y\n")

    assert f"about 1 message of {DEAD_LETTERS}" in refused.stderr
    assert "[y/N]" in refused.stderr
    assert "nothing was" in refused.stderr
    assert "1" in agreed.stdout


@pytest.mark.parametrize("option", ["--move", "--purge"])
def test_without_a_terminal_yes_is_required(lab: Lab, option: str) -> None:
    """The exit code is that of wrong usage, and the queue is unchanged."""
    send(lab, a_request())

    result = lab.run(option, code=2)

    assert "Error: standard input is not a terminal" in result.stderr
    assert bodies(lab, lab.hub.dead_letter_url) == [a_request()]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--move", "--purge"), "use only one of --move and --purge"),
        (("--limit", "0"), "0 is not in the range"),
        (("--limit", "1001"), "1001 is not in the range"),
        (("--queue", "none"), "there is no queue none in us-east-1; check --queue and --region"),
        (("--queue", "x\x1b[31m"), "queue x\\x1b[31m"),
        (("--region", "nowhere"), "--region 'nowhere' is not the name of a region"),
    ],
)
def test_wrong_usage(lab: Lab, arguments: tuple[str, ...], problem: str) -> None:
    """It is explained in one sentence."""
    assert problem in lab.run(*arguments, code=2).stderr


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says how to get them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    assert "no AWS credentials; use --profile" in lab.run(code=2).stderr


@pytest.mark.parametrize(
    ("operation", "option"),
    [
        ("GetQueueUrl", ""),
        ("ReceiveMessage", ""),
        ("GetQueueAttributes", "--move"),
        ("StartMessageMoveTask", "--move"),
        ("ListMessageMoveTasks", "--move"),
        ("GetQueueAttributes", "--purge"),
        ("PurgeQueue", "--purge"),
    ],
)
def test_denied_calls(lab: Lab, operation: str, option: str) -> None:
    """The missing permission is named."""
    send(lab, a_request())

    with lab.aws.fault(operation=operation, code="AccessDenied", status=403, message="no\x1b"):
        result = lab.run(*([option, "--yes"] if option else []), code=1)

    denied = f"sqs:{operation} on queue {DEAD_LETTERS} is denied; ask for this permission"
    assert denied in result.stderr


def test_the_help_ends_with_an_example(lab: Lab) -> None:
    """The last line is a command."""
    assert lab.run("--help").stdout.rstrip().splitlines()[-1].strip() == "ami-tracker redrive"
