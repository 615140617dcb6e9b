"""The credentials of a lookup, checked by one call before all others."""

from __future__ import annotations

from dataclasses import dataclass

import botocore.session
from botocore.exceptions import BotoCoreError

from services.console.lookup.options import AwsOptions, RoleOptions
from services.console.lookup.own_sessions import OwnSessions
from services.console.lookup.problems import AwsProblem, UsageProblem
from services.kernel.errors import Failure
from services.kernel.failures import FAULTS, classify
from services.kernel.hub_session import HubSession
from services.kernel.model import State
from services.kernel.retry import time_outs_are_final
from services.kernel.sessions import TargetSessions
from services.lookup.sources import read_role
from services.lookup.visits import Sessions

DEFAULT_ROLE = "ami-tracker-read"

_MISSING = frozenset({"NoCredentialsError", "PartialCredentialsError"})
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
        "RequestExpired",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    }
)


@dataclass(frozen=True, slots=True)
class Access:
    """The sessions in targets, the caller, and the role; None for the caller's own credentials."""

    sessions: Sessions
    account_id: str
    arn: str
    partition: str
    role_name: str | None = None


def assumes_role(options: RoleOptions) -> bool:
    """Whether the read roles are assumed: if there is an external id, unless it is switched off.

    Raises:
        UsageProblem: the options contradict each other.
    """
    if options.no_assume_role:
        if options.role_name:
            message = "--no-assume-role uses no role; remove it, or remove --role-name"
            raise UsageProblem(message)
        return False
    if options.role_name and not options.external_id:
        message = (
            "--role-name needs --external-id (or AMI_TRACKER_EXTERNAL_ID), which the roles require"
        )
        raise UsageProblem(message)
    return bool(options.external_id)


def configured_region(options: AwsOptions) -> str | None:
    """The region of the configuration file, or of AWS_DEFAULT_REGION.

    Raises:
        UsageProblem: the profile does not exist, or the configuration file cannot be read.
    """
    try:
        session = botocore.session.Session(profile=options.profile)
        region: str | None = session.get_config_variable("region")
    except BotoCoreError as error:
        raise _unusable(error) from error
    return region


def _unusable(error: BotoCoreError) -> UsageProblem:
    return UsageProblem(f"{error}; `aws configure list-profiles` lists the profiles")


def open_hub(aws: AwsOptions, region: str) -> tuple[HubSession, dict[str, str]]:
    """The caller's own session, and the response of sts:GetCallerIdentity.

    Raises:
        UsageProblem: there are no credentials or profile, or the endpoint is not a URL.
        AwsProblem: AWS refuses the credentials, or does not respond.
    """
    try:
        hub = HubSession(region, profile=aws.profile, endpoint_url=aws.endpoint_url)
    except BotoCoreError as error:
        raise _unusable(error) from error
    return hub, _identity(hub)


def open_access(aws: AwsOptions, role: RoleOptions, region: str) -> Access:
    """The sessions for a lookup, after a call to sts:GetCallerIdentity.

    Raises:
        UsageProblem: there are no credentials or profile, or the endpoint is not a URL.
        AwsProblem: AWS refuses the credentials, or does not respond.
    """
    assume = assumes_role(role)
    hub, identity = open_hub(aws, region)
    name = (role.role_name or DEFAULT_ROLE) if assume else None
    sessions: Sessions = OwnSessions(hub)
    if name is not None:
        sessions = TargetSessions(hub, read_role(name, role.external_id or "", region))
    return Access(sessions, identity["Account"], identity["Arn"], hub.partition, name)


def _identity(hub: HubSession) -> dict[str, str]:
    try:
        with time_outs_are_final():
            identity: dict[str, str] = hub.client("sts").get_caller_identity()
    except FAULTS as error:
        raise _refused(classify(error), hub.region) from error
    except ValueError as error:  # an endpoint that is not a URL
        message = f"the endpoint is not a URL: {error}; check --endpoint-url and AWS_ENDPOINT_URL"
        raise UsageProblem(message) from error
    return identity


def _refused(failure: Failure, region: str) -> UsageProblem | AwsProblem:
    if failure.code in _MISSING:
        return UsageProblem(
            "no AWS credentials; use --profile or AWS_PROFILE, or run `aws configure` or "
            "`aws sso login`"
        )
    if failure.code in _EXPIRED:
        return AwsProblem(f"the AWS credentials have expired ({failure.code}); log in again")
    if failure.state in {State.TRANSIENT, State.THROTTLED}:
        return AwsProblem(
            f"sts:GetCallerIdentity in {region} does not respond ({failure.code}); check the "
            f"network, the proxy and --endpoint-url: {failure.detail}"
        )
    return AwsProblem(f"AWS refuses the credentials in {region}: {failure.code}: {failure.detail}")
