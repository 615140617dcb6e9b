"""What to do about a lookup that failed."""

from __future__ import annotations

import re

from services.console.lookup.access import Access
from services.kernel.errors import Failure
from services.kernel.failures import timed_out
from services.kernel.model import State, Target

POLICY = (
    '{"Effect": "Allow", "Action": ["ssm:GetParameters", "ec2:DescribeImages"], "Resource": "*"}'
)
"""The two actions of a lookup, as a statement of an IAM policy."""

_TEMPLATE = "infra/cloudformation/member-roles.yaml"
_ACTION = re.compile(r"perform: (\w+:\w+)")
_ACTIONS = {
    "AccessDenied": "sts:AssumeRole",
    "AccessDeniedException": "ssm:GetParameters",
    "UnauthorizedOperation": "ec2:DescribeImages",
}
"""The action of an error code: each of the three services has its own code for a denial."""


_SENTENCES = {
    State.REGION_DISABLED: (
        "{region} is not enabled in account {account}; enable it there, or use other --regions"
    ),
    State.NOT_LAUNCHABLE: (
        "its owner has not shared it with account {account}, has not copied it to {region} yet, "
        "or has withdrawn it"
    ),
    State.CREDENTIALS: "the credentials are no longer valid; log in again",
    State.THROTTLED: "AWS limits the rate of requests; try again, or use fewer --regions",
}


def advice(failure: Failure, target: Target, access: Access) -> str | None:
    """One sentence about the failure of a call; None if its own text is enough."""
    if failure.state is State.ACCESS_DENIED:
        return _denied(failure, target, access)
    if timed_out(failure):
        return f"{target.region} does not respond; check the network and the proxy, or try again"
    sentence = _SENTENCES.get(failure.state)
    if sentence is None:
        return None
    return sentence.format(region=target.region, account=target.account_id)


def denied_action(failure: Failure) -> str:
    """The action that is not allowed, such as `ssm:GetParameters`."""
    named = _ACTION.search(failure.detail)
    return named[1] if named else _ACTIONS.get(failure.code, "ssm:GetParameters")


def _denied(failure: Failure, target: Target, access: Access) -> str:
    action = denied_action(failure)
    if access.role_name is None:
        return f"{action} is not allowed for {access.arn}; add to its policy: {POLICY}"
    role = f"arn:{access.partition}:iam::{target.account_id}:role/{access.role_name}"
    if action == "sts:AssumeRole":
        return (
            f"sts:AssumeRole is not allowed for {access.arn} on {role}: the role does not exist, "
            "the external id differs, or the caller is not the hub's lookup role, the only one "
            f"that the role trusts ({_TEMPLATE}); --no-assume-role uses your own credentials"
        )
    return (
        f"{action} is not allowed for {role}; {_TEMPLATE} has its policy: Regions limits both "
        "actions, and parameters that are not below /aws/service need ParameterPaths or "
        "SharedParameterArns"
    )
