"""ARNs of SSM parameters: their parts, and common mistakes in the part before the name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.catalogue.problems import shown
from services.kernel.wire import ACCOUNT_ID, REGION

FORM = "arn:aws:ssm:REGION:ACCOUNT:parameter/NAME"
_LONGEST = 300  # characters of an ARN that a message shows
_PREFIX = re.compile(r"\Aarn:[^:]*:[^:]*:[^:]*:[^:]*:parameter")
_PARTITION = re.compile(r"aws[a-z-]*")
_PUBLIC = "/aws/service/"


@dataclass(frozen=True, slots=True)
class ParameterArn:
    """The parts of a parameter's ARN; `name` begins with a slash."""

    partition: str
    region: str
    account_id: str
    name: str


def is_arn(path: str) -> bool:
    """Whether a parameter path is meant as an ARN."""
    return path.startswith("arn:")


def parse_arn(path: str) -> ParameterArn | None:
    """The parts of an ARN; None if the path is a name, or not a valid ARN."""
    if not is_arn(path) or arn_mistake(path):
        return None
    _, partition, _, region, account_id, resource = path.split(":", 5)
    return ParameterArn(partition, region, account_id, resource.removeprefix("parameter"))


def name_of(path: str) -> str:
    """The parameter's name in an ARN or in a name."""
    return _PREFIX.sub("", path, count=1)


def arn_mistake(arn: str) -> str | None:
    """The first mistake in an ARN before the parameter's name."""
    _, partition, service, region, account_id, resource = (*arn.split(":", 5), *[""] * 5)[:6]
    if service not in {"ssm", ""}:
        return f"is an ARN of {shown(service)}; write a parameter's name, or {FORM}"
    name = resource.removeprefix("parameter").removeprefix(":")
    if not resource.startswith("parameter") or not name or not service:
        return f"is not the complete ARN of a parameter; write {FORM}"
    if name.startswith(_PUBLIC):
        better = shown(name, _LONGEST)
        return (
            f"is the ARN of a public parameter; write its name, {better}, "
            "which is read in each watched account and region"
        )
    if not name.startswith("/") or resource.startswith("parameter:"):
        better = f"{arn.removesuffix(resource)}parameter/{name.lstrip('/')}"
        return f"has no slash after parameter; write {shown(better, _LONGEST)}"
    return _owner_mistake(partition, region, account_id)


def _owner_mistake(partition: str, region: str, account_id: str) -> str | None:
    if not _PARTITION.fullmatch(partition):
        return f"has the partition {shown(partition)}, which AWS does not have; write {FORM}"
    if not re.match(REGION, region):
        what = f"has the region {shown(region)}" if region else "has no region"
        return f"{what}; write the region of the parameter: {FORM}"
    if not re.match(ACCOUNT_ID, account_id):
        what = f"has the account {shown(account_id)}" if account_id else "has no account"
        return f"{what}; write the 12 digits of the account that shares the parameter: {FORM}"
    return None
