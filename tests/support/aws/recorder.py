"""Record the permissions that the functions used in the demo.

The embedded AWS does not evaluate policies. This module derives from the recorded requests which
permissions their callers need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline

OWN = "own"
"""The role of a function itself, as opposed to a role that it assumed."""

_NEW_KEY = re.compile(r"<AccessKeyId>([^<]+)</AccessKeyId>")
_PUBLIC_PARAMETER = "/aws/"


@dataclass(frozen=True, slots=True)
class Assumed:
    """How a function assumed a role."""

    role_arn: str
    external_id: str
    session_policy: str


@dataclass(frozen=True, slots=True)
class Need:
    """One authorisation: a function, with its own role or as `assumed`, needs an action."""

    function: str
    operation: str
    action: str
    resource: str
    region: str
    assumed: Assumed | None = None
    external_id: str = ""
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Hub:
    """The partition, region and account of a deployment's hub."""

    account_id: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of one of the hub's own resources."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class _Recorded:
    function: str
    asked: ApiRequest
    document: Mapping[str, Any]
    assumed: Assumed | None


@dataclass
class Recorder:
    """Every request of the functions, each with the function that was running."""

    requests: list[_Recorded] = field(default_factory=list)
    _sessions: dict[str, Assumed] = field(default_factory=dict)

    @contextmanager
    def recording(self, aws: EmbeddedAws, pipeline: Pipeline) -> Iterator[Recorder]:
        """Record the requests of the pipeline's functions to the embedded AWS inside the block."""

        def hook(asked: ApiRequest, ask: Callable[[], Response | None]) -> Response | None:
            answered = ask()
            self._note(pipeline.running, asked, answered)
            return answered

        with aws.hook(hook):
            yield self

    def _note(self, function: str, asked: ApiRequest, answered: Response | None) -> None:
        document = json.loads(asked.body) if asked.body.startswith(b"{") else {}
        assumed = self._sessions.get(asked.access_key)
        self.requests.append(_Recorded(function, asked, document, assumed))
        key = _NEW_KEY.search(answered.body.decode()) if answered else None
        if asked.operation == "AssumeRole" and key:
            fields = asked.fields
            self._sessions[key[1]] = Assumed(
                fields["RoleArn"], fields.get("ExternalId", ""), fields.get("Policy", "")
            )

    def operations(self, function: str) -> set[tuple[str, str]]:
        """Return the operations that a function called, with their services."""
        found = (r.asked for r in self.requests if r.function == function)
        return {(asked.service, asked.operation) for asked in found}

    def needs(self, hub: Hub) -> set[Need]:
        """Return the authorisations of all requests, if the hub's resources are those of `hub`.

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
                _context(recorded.asked),
            )
            for recorded in self.requests
            for action, resource in _authorisations(recorded, hub)
        }


def _context(asked: ApiRequest) -> tuple[tuple[str, str], ...]:
    """Return the condition keys of a request that its action does not determine."""
    return (("s3:prefix", asked.fields["prefix"]),) if asked.operation == "ListObjectsV2" else ()


_OBJECTS = re.compile(r"<Key>([^<]+)</Key>")

_ACTIONS = {
    ("ec2", "DescribeImages"): "ec2:DescribeImages",
    ("s3", "GetObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "PutObject"): "s3:PutObject",
    ("sns", "PublishBatch"): "sns:Publish",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sts", "AssumeRole"): "sts:AssumeRole",
}


def _authorisations(recorded: _Recorded, hub: Hub) -> Iterator[tuple[str, str]]:
    """Return the actions, each with its resource, that authorise an operation.

    "Service Authorization Reference" (https://docs.aws.amazon.com/service-
    authorization/latest/reference/): most actions have the operation's name. The exceptions:
    `SendMessageBatch` is `sqs:SendMessage`, `PublishBatch` is `sns:Publish`, `ListObjectsV2` is
    `s3:ListBucket` and `DeleteObjects` is `s3:DeleteObject` of each object (their pages in the API
    references), a transaction needs the actions of its parts ("Using IAM with DynamoDB
    transactions"), and `GetCallerIdentity` needs none (its page in the STS API reference).
    """
    called = (recorded.asked.service, recorded.asked.operation)
    if called == ("dynamodb", "TransactWriteItems"):
        yield from _transaction(recorded.document, hub)
    elif called[0] == "dynamodb":
        yield f"dynamodb:{called[1]}", _table(recorded, hub)
    elif called == ("ssm", "GetParameters"):
        yield from _parameters(recorded, hub.partition)
    elif called == ("s3", "DeleteObjects"):
        for key in _OBJECTS.findall(recorded.asked.body.decode()):
            yield "s3:DeleteObject", f"arn:{hub.partition}:s3:::{recorded.asked.resource}/{key}"
    elif called in _ACTIONS:
        yield _ACTIONS[called], _resource(recorded.asked, hub)
    elif called != ("sts", "GetCallerIdentity"):
        message = f"no actions are known for {called}"
        raise LookupError(message)


def _resource(asked: ApiRequest, hub: Hub) -> str:
    if asked.service == "sqs":
        return hub.arn("sqs", asked.resource.rpartition("/")[2])
    if asked.service == "s3":
        return f"arn:{hub.partition}:s3:::{asked.resource}"
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
    """Return the ARNs of parameters; a shared parameter is requested with its ARN.

    ARNs of AWS's own parameters have no account.

    "Calling AMI public parameters in Parameter Store" shows `arn:aws:ssm:region::parameter/aws/…`.
    """
    if recorded.assumed is None:
        message = "a parameter was asked for without a role of its account"
        raise LookupError(message)
    owner = recorded.assumed.role_arn.split(":")[4]
    for name in recorded.document["Names"]:
        account = "" if name.startswith(_PUBLIC_PARAMETER) else owner
        where = f"arn:{partition}:ssm:{recorded.asked.region}:{account}"
        own = f"{where}:parameter/{name.removeprefix('/')}"
        yield "ssm:GetParameters", name if name.startswith("arn:") else own
