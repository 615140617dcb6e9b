"""Message move tasks of SQS, which moto does not have: dead letters go back to their queue."""

from __future__ import annotations

import json
from uuid import uuid4

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response, error_response

_LISTED = 10  # ListMessageMoveTasks, the most results


class MoveTasks:
    """The tasks of every queue. A task ends at once: it moves the messages that are visible.

    A moved message is a new one, with another id, as in AWS. The queue that it goes back to is the
    only one that has this dead-letter queue.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, list[dict[str, object]]] = {}

    def clear(self) -> None:
        """Delete all tasks."""
        self._tasks.clear()

    def start(self, request: ApiRequest, account_id: str) -> Response:
        """The response of StartMessageMoveTask."""
        fields = json.loads(request.body)
        backend: SQSBackend = sqs_backends[account_id][request.region]
        source, destination = fields["SourceArn"], fields.get("DestinationArn")
        dead_letters, chosen = _queue(backend, source), _queue(backend, destination)
        for name, arn, queue in (
            ("SourceArn", source, dead_letters),
            ("DestinationArn", destination, chosen),
        ):
            if arn and queue is None:
                problem = f"The resource that you specified for the {name} parameter doesn't exist."
                return error_response("sqs", "ResourceNotFoundException", problem, 404)
        origins = [q for q in backend.queues.values() if q.dead_letter_queue is dead_letters]
        if dead_letters is None or not origins:
            problem = "Source queue must be configured as a Dead Letter Queue."
            return error_response("sqs", "InvalidParameterValue", problem, 400)
        (target,) = [chosen] if chosen else origins
        moved = _move(dead_letters, target)
        task: dict[str, object] = {
            "Status": "COMPLETED",
            "SourceArn": source,
            "ApproximateNumberOfMessagesMoved": moved,
            "ApproximateNumberOfMessagesToMove": moved,
            "StartedTimestamp": int(unix_time_millis()),
            **({"DestinationArn": destination} if destination else {}),
        }
        self._tasks.setdefault(source, []).insert(0, task)
        return _answer({"TaskHandle": str(uuid4())})

    def listed(self, request: ApiRequest) -> Response:
        """The response of ListMessageMoveTasks: the newest tasks first."""
        fields = json.loads(request.body)
        tasks = self._tasks.get(fields["SourceArn"], [])
        return _answer({"Results": tasks[: min(fields.get("MaxResults", 1), _LISTED)]})


def _queue(backend: SQSBackend, arn: str | None) -> Queue | None:
    return next((q for q in backend.queues.values() if q.queue_arn == arn), None)


def _move(source: Queue, target: Queue) -> int:
    messages = list(source.messages)
    for message in messages:
        moved = Message(str(uuid4()), message.body, message.system_attributes)
        moved.message_attributes = message.message_attributes
        moved.mark_sent()
        source._messages.remove(message)  # noqa: SLF001 - moto has no method for it
        source.pending_messages.discard(message)
        target.add_message(moved)
    return len(messages)


def _answer(body: dict[str, object]) -> Response:
    headers = (("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", str(uuid4())))
    return Response(200, headers, json.dumps(body).encode())
