"""The caller's session in the hub's region, and why a call there was refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.console.lookup.access import configured_region, open_hub
from services.console.lookup.options import AwsOptions
from services.console.lookup.problems import AwsProblem, UsageProblem
from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.failures import FAULTS, classify, in_hub_region
from services.kernel.hub_session import HubSession
from services.kernel.model import State
from services.kernel.wire import REGION

_MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


_READS = re.compile(r":(BatchGet|Get|List|Query|Scan)")
"""Actions that change nothing, so they can be repeated."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A session with valid credentials, and the account of the caller."""

    session: HubSession
    account_id: str

    @property
    def region(self) -> str:
        """The hub's region."""
        return self.session.region


def open_session(aws: AwsOptions) -> Hub:
    """The session in the region of the options, the environment, or the configuration file.

    Raises:
        UsageProblem: there is no region, no credentials or profile, or an option is invalid.
        AwsProblem: AWS refuses the credentials, or does not respond.
    """
    url = aws.endpoint_url
    if url is not None and not re.match(r"https?://[^/]", url):
        message = f"--endpoint-url {url!r} must begin with https:// or http://"
        raise UsageProblem(message)
    configured = configured_region(aws)
    region = aws.region or os.environ.get("AWS_REGION") or configured
    if not region:
        message = "no region; use --region with the hub's region, or set AWS_REGION"
        raise UsageProblem(message)
    if not re.match(REGION, region):
        message = f"--region {region!r} is not the name of a region, such as us-east-1"
        raise UsageProblem(message)
    session, identity = open_hub(aws, region)
    return Hub(session, identity["Account"])


@contextmanager
def calls(action: str, resource: str, region: str, option: str, policy: str = "") -> Iterator[None]:
    """Explain why the calls inside the block fail.

    `action` is the permission that they need. `option` is the option that names the resource.
    `policy` says which policy has the permission.

    Raises:
        UsageProblem: the resource does not exist.
        AwsProblem: the call is denied, refused or not answered.
    """
    try:
        yield
    except FAULTS as error:
        failure = in_hub_region(classify(error))
        raise _explained(failure, action, resource, region, option, policy) from error
    except (HubBrokenError, CallFailedError) as error:
        raise _explained(error.failure, action, resource, region, option, policy) from error


def _explained(
    failure: Failure, action: str, resource: str, region: str, option: str, policy: str
) -> UsageProblem | AwsProblem:
    reason = f"{failure.code}: {failure.detail}"
    if failure.code in _MISSING:
        return UsageProblem(
            f"there is no {resource} in {region}; check {option} and --region ({reason})"
        )
    if failure.state is State.ACCESS_DENIED:
        ask = f"ask for this permission{policy and f', {policy}'}"
        return AwsProblem(f"{action} on {resource} is denied; {ask} ({reason})")
    if failure.state is State.THROTTLED:
        return AwsProblem(f"{action} on {resource} was throttled; try again ({reason})")
    if failure.state is State.TRANSIENT:
        effect = "" if _READS.search(action) else ", so its effect is unknown"
        return AwsProblem(f"{action} on {resource} got no answer{effect}; try again ({reason})")
    return AwsProblem(f"{action} on {resource} was refused ({reason})")
