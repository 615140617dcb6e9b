"""What the functions asked of AWS while a story ran, as the authorisations that it took.

The embedded AWS judges no policies; this says afterwards which permissions its callers used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.console.embedded import pipeline
from services.console.embedded.calls import Asked
from services.console.embedded.faults import Answer
from services.console.embedded.front import ACCOUNT_HEADER, Front

OWN = "own"
"""The role of a function itself, as opposed to one that it assumed."""

_OUTSIDE = f"HTTP_{ACCOUNT_HEADER.upper().replace('-', '_')}"
_NEW_KEY = re.compile(r"<AccessKeyId>([^<]+)</AccessKeyId>")
_PUBLIC_PARAMETER = "/aws/"


@dataclass(frozen=True, slots=True)
class Assumed:
    """How a function came to a role's session."""

    role_arn: str
    external_id: str
    session_policy: str


@dataclass(frozen=True, slots=True)
class Need:
    """One authorisation: a function, under its own role or as `assumed`, needs an action."""

    function: str
    operation: str
    action: str
    resource: str
    region: str
    assumed: Assumed | None = None
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Hub:
    """Where a deployment has its hub."""

    account_id: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of one of the hub's own resources."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class _Recorded:
    function: str
    asked: Asked
    document: Mapping[str, Any]
    assumed: Assumed | None


@dataclass
class Recorder:
    """Every request of the functions, each with the function that was running."""

    requests: list[_Recorded] = field(default_factory=list)
    _function: str = ""
    _sessions: dict[str, Assumed] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[Recorder]:
        """Record what every embedded AWS is asked by a pipeline that is built in the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Front, "_answer", self._heard(Front._answer))  # noqa: SLF001 - sees bodies
            for name, function in _FUNCTIONS.items():
                patch.setattr(pipeline, name, self._named(function, getattr(pipeline, name)))
            yield self

    def _named(self, function: str, handler: pipeline.Handler) -> pipeline.Handler:
        def handle(event: Mapping[str, Any], context: object) -> Mapping[str, object]:
            self._function = function
            try:
                return handler(event, context)
            finally:
                self._function = ""

        return handle

    def _heard(self, answer: Callable[..., Answer | None]) -> Callable[..., Answer | None]:
        def hear(front: Front, asked: Asked, environ: Mapping[str, Any]) -> Answer | None:
            body = environ["wsgi.input"].getvalue()
            answered = answer(front, asked, environ)
            if _OUTSIDE not in environ:
                self._note(asked, body, answered)
            return answered

        return hear

    def _note(self, asked: Asked, body: bytes, answered: Answer | None) -> None:
        document = json.loads(body) if body.startswith(b"{") else {}
        assumed = self._sessions.get(asked.access_key)
        self.requests.append(_Recorded(self._function, asked, document, assumed))
        key = _NEW_KEY.search(answered.body.decode()) if answered else None
        if asked.operation == "AssumeRole" and key:
            fields = asked.fields
            self._sessions[key[1]] = Assumed(
                fields["RoleArn"], fields.get("ExternalId", ""), fields.get("Policy", "")
            )

    def operations(self, function: str) -> set[tuple[str, str]]:
        """The operations that a function called, with their services."""
        found = (r.asked for r in self.requests if r.function == function)
        return {(asked.service, asked.operation) for asked in found}

    def needs(self, hub: Hub) -> set[Need]:
        """The authorisations that all of it takes, if the hub's resources are those of `hub`.

        Raises:
            LookupError: an operation has no known actions.
        """
        return {
            Need(
                recorded.function,
                recorded.asked.operation,
                action,
                resource,
                recorded.asked.region,
                recorded.assumed,
                recorded.asked.fields.get("ExternalId", ""),
            )
            for recorded in self.requests
            for action, resource in _authorisations(recorded, hub)
        }


_FUNCTIONS = {"schedule": "scheduler", "look_up": "lookup", "aggregate": "aggregator"}
"""The pipeline's handlers by the name under which it holds them."""


_ACTIONS = {
    ("ec2", "DescribeImages"): "ec2:DescribeImages",
    ("sns", "PublishBatch"): "sns:Publish",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sts", "AssumeRole"): "sts:AssumeRole",
}


def _authorisations(recorded: _Recorded, hub: Hub) -> Iterator[tuple[str, str]]:
    """The actions, each with its resource, that an operation is authorised by.

    "Service Authorization Reference" (https://docs.aws.amazon.com/service-authorization/latest/
    reference/): actions mostly bear the operation's name. Those that do not:
    `SendMessageBatch` is `sqs:SendMessage` and `PublishBatch` is `sns:Publish` (their pages in the
    API references), a transaction is what its parts are ("Using IAM with DynamoDB transactions"),
    and `GetCallerIdentity` needs none (its page in the STS API reference).
    """
    called = (recorded.asked.service, recorded.asked.operation)
    if called == ("dynamodb", "TransactWriteItems"):
        yield from _transaction(recorded.document, hub)
    elif called[0] == "dynamodb":
        yield f"dynamodb:{called[1]}", _table(recorded, hub)
    elif called == ("ssm", "GetParameters"):
        yield from _parameters(recorded, hub.partition)
    elif called in _ACTIONS:
        yield _ACTIONS[called], _resource(recorded.asked, hub)
    elif called != ("sts", "GetCallerIdentity"):
        message = f"no actions are known for {called}"
        raise LookupError(message)


def _resource(asked: Asked, hub: Hub) -> str:
    if asked.service == "sqs":
        return hub.arn("sqs", asked.resource.rpartition("/")[2])
    return asked.resource or "*"


_PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem"}


def _transaction(document: Mapping[str, Any], hub: Hub) -> Iterator[tuple[str, str]]:
    for item in document["TransactItems"]:
        for part, request in item.items():
            action = _PARTS.get(part, "ConditionCheckItem")
            yield f"dynamodb:{action}", hub.arn("dynamodb", f"table/{request['TableName']}")


def _table(recorded: _Recorded, hub: Hub) -> str:
    table = f"table/{recorded.asked.resource}"
    index = recorded.document.get("IndexName")
    return hub.arn("dynamodb", f"{table}/index/{index}" if index else table)


def _parameters(recorded: _Recorded, partition: str) -> Iterator[tuple[str, str]]:
    """Parameters by their ARNs, which name no account for AWS's own.

    "Calling AMI public parameters in Parameter Store" shows `arn:aws:ssm:region::parameter/aws/…`.
    """
    if recorded.assumed is None:
        message = "a parameter was asked for without a role of its account"
        raise LookupError(message)
    owner = recorded.assumed.role_arn.split(":")[4]
    for name in recorded.document["Names"]:
        account = "" if name.startswith(_PUBLIC_PARAMETER) else owner
        where = f"arn:{partition}:ssm:{recorded.asked.region}:{account}"
        yield "ssm:GetParameters", f"{where}:parameter{name}"
