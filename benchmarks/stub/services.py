"""The account's services: finds the operation of a request, counts it and makes its response."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec.json import decode

from benchmarks.stub.counters import Call, Counters
from benchmarks.stub.dynamodb import DynamoDb
from benchmarks.stub.ec2 import Ec2
from benchmarks.stub.messages import (
    Queue,
    Ssm,
    Topics,
    account_of,
    assume_role,
    get_caller_identity,
)
from benchmarks.stub.responses import (
    JSON_SERVICES,
    Response,
    ServiceError,
    error_response,
    json_response,
)
from benchmarks.stub.table import Table
from benchmarks.stub.throttles import Throttles
from benchmarks.world import Builds, World

_SCOPE = re.compile(rb"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_TARGET = re.compile(rb"(?i)\r\nx-amz-target: *[^.\r\n]+\.(\w+)")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")

BY_ID = " by id"
"""Added to the operation for a request of known images, which is counted alone."""
_BY_ID = b"Name=image-id&"

Answer = Callable[[Call, bytes], bytes]


class Services:
    """The services of one world."""

    def __init__(self, world: World) -> None:
        self.counters = Counters()
        self.throttles = Throttles()
        self.latency_seconds = 0.0
        self.load(world)

    def load(self, world: World) -> None:
        """Begin with an empty table and queue, and the first builds of a world."""
        self.builds = Builds(world)
        self.table = Table()
        self.queue = Queue()
        self.topics = Topics()
        self.counters.reset()
        dynamodb = DynamoDb(self.table, self.counters.units, self.throttles)
        ssm, ec2 = Ssm(self.builds), Ec2(self.builds)
        ec2.prepare()
        self._answers: Mapping[str, Answer] = {
            "dynamodb": lambda call, body: dynamodb.answer(call.operation, decode(body)),
            "ec2.DescribeImages": lambda call, body: ec2.answer(call.region, body),
            f"ec2.DescribeImages{BY_ID}": lambda call, body: ec2.answer(call.region, body),
            "sts.AssumeRole": lambda _, body: assume_role(body),
            "sts.GetCallerIdentity": lambda call, _: get_caller_identity(call.account),
            "ssm.GetParameters": lambda c, body: ssm.get_parameters(c.region, decode(body)),
            "ssm.GetParameter": lambda c, body: ssm.get_parameter(c.region, decode(body)),
            "sqs.SendMessageBatch": lambda _, body: self.queue.send_message_batch(decode(body)),
            "sqs.SendMessage": lambda _, body: self.queue.send_message(decode(body)),
            "sns.PublishBatch": lambda _, body: self.topics.publish_batch(body),
        }

    def _answer(self, call: Call) -> Answer:
        named = f"{call.service}.{call.operation}"
        answer = self._answers.get(call.service) or self._answers.get(named)
        if answer is None:
            raise ServiceError("InvalidAction", f"the stub does not have {named}")
        return answer

    def respond(self, head: bytes, body: bytes) -> Response:
        """The response to a request, which is counted."""
        scope = _SCOPE.search(head)
        if scope is None:
            return error_response("ec2", ServiceError("MissingAuthenticationToken"))
        key, region, service = (part.decode() for part in scope.groups())
        named = _TARGET.search(head) if service in JSON_SERVICES else _ACTION.search(body)
        operation = named[1].decode() if named else "?"
        if _BY_ID in body:
            operation += BY_ID
        call = Call(service, operation, region, account_of(key))
        self.counters.calls[call] += 1
        try:
            self.throttles.call(call)
            content = self._answer(call)(call, body)
        except ServiceError as error:
            self.counters.refused[call] += 1
            return error_response(service, error)
        except Exception as error:  # noqa: BLE001 - a request that the stub does not know
            self.counters.refused[call] += 1
            failure = ServiceError("StubFailed", f"{type(error).__name__}: {error}")
            return error_response(service, failure)
        return json_response(service, content) if service in JSON_SERVICES else Response(content)
