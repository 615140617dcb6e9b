"""Corrects responses of moto: assumed roles, pages, shared parameters, message move tasks."""

from __future__ import annotations

import json
from collections.abc import Callable

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response, error_response
from services.embedded.aws.move_tasks import MoveTasks
from services.embedded.aws.paging import ImagePages
from services.embedded.aws.shared_parameters import SharedParameters
from services.embedded.aws.trust import trusts

_PARTS_OF_AN_ARN = 6


class Corrections:
    """Returns moto's responses, corrected."""

    def __init__(self) -> None:
        self.images = ImagePages()
        self.move_tasks = MoveTasks()
        self.shared_parameters = SharedParameters()

    def clear(self) -> None:
        """Delete what is kept apart from moto's state."""
        self.move_tasks.clear()
        self.shared_parameters.clear()

    def __call__(
        self, request: ApiRequest, account_id: str, forward: Callable[[], Response]
    ) -> Response:
        """The response that AWS would return."""
        match request.service, request.operation:
            case "sts", "AssumeRole":
                return _refused(request, account_id) or forward()
            case "ec2", "DescribeImages":
                page = self.images.continued(request.fields)
                return page or self.images.first(request.fields, forward())
            case "ssm", "GetParameters":
                return self.shared_parameters.completed(request, forward())
            case "sqs", "StartMessageMoveTask":
                return self.move_tasks.start(request, account_id)
            case "sqs", "ListMessageMoveTasks":
                return self.move_tasks.listed(request)
            case _:
                return forward()


def _refused(request: ApiRequest, account_id: str) -> Response | None:
    role_arn = request.fields.get("RoleArn", "")
    policy = _trust_policy(role_arn)
    if policy is not None and trusts(policy, account_id, request.fields.get("ExternalId")):
        return None
    message = (
        f"User: {_caller(request, account_id)} is not authorized to perform: sts:AssumeRole "
        f"on resource: {role_arn}"
    )
    return error_response("sts", "AccessDenied", message, 403)


def _trust_policy(role_arn: str) -> dict[str, object] | None:
    parts = role_arn.split(":")
    if len(parts) != _PARTS_OF_AN_ARN:
        return None
    _, partition, _, _, account_id, _ = parts
    for role in iam_backends[account_id][partition].roles.values():
        if role.arn == role_arn:
            policy: dict[str, object] = json.loads(role.assume_role_policy_document)
            return policy
    return None


def _caller(request: ApiRequest, account_id: str) -> str:
    backend = sts_backends[account_id]["aws"]
    return str(backend.get_caller_identity(request.access_key, request.region)[1])
