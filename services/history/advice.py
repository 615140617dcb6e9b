"""Why something needs attention and what to do: one table for states, codes and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.history.conditions import NO_ROUND_CODE, WITHDRAWN_CODE, Condition
from services.kernel.model import State


@dataclass(frozen=True, slots=True)
class Advice:
    """A reason and an instruction, each a sentence without its full stop."""

    reason: str
    todo: str


_SCHEDULER = "check the alarms rounds-missing and scheduler-errors, and the log of the scheduler"

OF_STATE: Mapping[State, Advice] = {
    State.OK: Advice("the last lookup succeeded", "nothing"),
    State.THROTTLED: Advice(
        "AWS throttles the calls",
        "wait for the next round; if it stays, raise the API quota of the account, or extend the "
        "time between rounds",
    ),
    State.TRANSIENT: Advice(
        "the calls failed for a temporary reason",
        "wait for the next round; if it stays, check the AWS Health Dashboard of the region",
    ),
    State.CREDENTIALS: Advice(
        "AWS refuses the credentials or the signature of the calls",
        "wait for the next round; if it stays, check the read role and the code of the error",
    ),
    State.REGION_DISABLED: Advice(
        "the region is not enabled in the account",
        "enable the region in the account, or remove it from regions.yaml",
    ),
    State.ACCESS_DENIED: Advice(
        "the account denies the lookups",
        "check that the account has the read role of this deployment, that its policy allows the "
        "parameter, and the service control policies",
    ),
    State.NOT_FOUND: Advice(
        "the lookup finds no image",
        "run `ami-tracker lookup NAME`; correct the entry, or list in Regions only the regions "
        "that have the image",
    ),
    State.BAD_VALUE: Advice(
        "the parameter does not contain an image id",
        "correct ParameterPath of the entry, or ask the owner of the parameter",
    ),
    State.BAD_LOOKUP: Advice(
        "EC2 or SSM does not accept the lookup",
        "correct the entry in tracked_images; `ami-tracker lookup NAME` shows the answer",
    ),
    State.NOT_LAUNCHABLE: Advice(
        "the parameter names an image that the account cannot see yet",
        "wait an hour; if it stays, ask the publisher to share the image with the account",
    ),
    State.LATE: Advice(
        "the lookups were not finished in time",
        "check the alarm requests-waiting; if it stays, raise the concurrency or the time-out of "
        "the lookup function",
    ),
    State.OVERTAKEN: Advice(
        "another lookup of the same pair was faster",
        "wait for the next round; if it stays, check that only one deployment uses the table",
    ),
    State.STALE: Advice(
        "no lookup had a final result in two windows, so the image may be outdated",
        "check the alarms dead-letters, requests-waiting and lookup-errors; `ami-tracker redrive` "
        "shows messages that failed",
    ),
    State.UNCLASSIFIED: Advice(
        "a call failed with an error that is not classified",
        "read the answer of AWS; report the code, so that it can be classified",
    ),
}

_ENABLED = Advice(
    "AWS does not accept the credentials in the region, which usually means that the region is not "
    "enabled in the account",
    OF_STATE[State.REGION_DISABLED].todo,
)
_KEY = Advice(
    "the KMS key of the topic cannot be used",
    "enable the key, and allow kms:GenerateDataKey and kms:Decrypt to the publish role in its "
    "policy",
)
# fmt: off
_KEY_CODES = (
    "KMS.AccessDeniedException", "KMSAccessDenied", "KMSAccessDeniedException", "KMSDisabled",
    "KMSDisabledException", "KMSInvalidState", "KMSInvalidStateException", "KMSNotFound",
    "KMSNotFoundException", "KMSOptInRequired", "KmsAccessDenied",
)
_SIGNATURE_CODES = (
    "IncompleteSignature", "IncompleteSignatureException", "InvalidSignature",
    "InvalidSignatureException", "RequestExpired", "RequestExpiredException", "RequestInTheFuture",
    "RequestTimeTooSkewed", "SignatureDoesNotMatch",
)
# fmt: on
_NO_ANSWER = Advice(
    "the endpoint does not answer",
    "wait for the next round; if it stays, check the AWS Health Dashboard of the region and the "
    "network of the functions",
)
_SIGNATURE = Advice(
    "AWS refuses the signature, as after a pause of the function",
    "wait for the next round; if it stays, check for a proxy that changes requests",
)

OF_CODE: Mapping[str, Advice] = {
    # access_denied
    "AuthorizationError": Advice(
        "the publish role may not publish to the topic",
        "check that the account has the publish role of this deployment, and the topic's policy",
    ),
    "UnauthorizedOperation": Advice(
        "the read role may not call EC2",
        "deploy the read role of this version, and check the service control policies",
    ),
    "EndpointDisabled": Advice(
        "the endpoint of the topic is disabled", "enable the endpoint in SNS"
    ),
    **dict.fromkeys(_KEY_CODES, _KEY),
    # region_disabled
    **dict.fromkeys(
        ("AuthFailure", "InvalidClientTokenId", "InvalidToken", "UnrecognizedClientException"),
        _ENABLED,
    ),
    "SubscriptionRequiredException": Advice(
        "the account is not signed up for the service", "complete the registration of the account"
    ),
    # credentials
    **dict.fromkeys(_SIGNATURE_CODES, _SIGNATURE),
    # transient
    **dict.fromkeys(
        ("ConnectTimeoutError", "EndpointConnectionError", "ReadTimeoutError"), _NO_ANSWER
    ),
    "MalformedRow": Advice(
        "the row cannot be decoded by the lookup",
        "see the runbook, rows-unreadable: correct or delete the row",
    ),
    # not_found
    "NotFound": Advice(
        "the topic does not exist", "check the StackSet operations that create the topics"
    ),
    "ParameterNotFound": Advice(
        "the parameter does not exist in the region",
        "correct ParameterPath of the entry, or list in Regions only the regions that have it",
    ),
    # not_launchable
    WITHDRAWN_CODE: Advice(
        "the known image was deregistered, disabled or made private",
        "stop launching it, and choose another image; no event is sent",
    ),
}
"""The codes whose advice differs from that of their state."""

OF_CONDITION: Mapping[Condition, Advice] = {
    Condition.ROUNDS_MISSED: Advice("rounds are missing, so the states are outdated", _SCHEDULER),
    Condition.UNREADABLE: Advice(
        "rows cannot be decoded, and are not included",
        "see the runbook, rows-unreadable: deploy the newer version again, or correct the row",
    ),
    Condition.INCOMPLETE: Advice(
        "there are more rows than the limit of a read, and the rest is not included",
        "divide the images into several deployments",
    ),
    Condition.EMPTY: Advice(
        "no image is tracked",
        "wait for the first round after the deployment; if it stays, " + _SCHEDULER,
    ),
    Condition.FAILING: Advice("the last lookup failed", "read the answer of AWS"),
    Condition.NEVER: Advice(
        "the lookup has never found an image in any target",
        "correct the entry in tracked_images; `ami-tracker lookup NAME` shows what is found and "
        "similar names",
    ),
    Condition.WITHDRAWN: OF_CODE[WITHDRAWN_CODE],
    Condition.STALE: OF_STATE[State.STALE],
    Condition.UNKNOWN: Advice(
        "no lookup has ended yet",
        "wait for the first round; if it stays, check the alarms dead-letters and requests-waiting",
    ),
    Condition.PENDING: Advice(
        "releases are not announced yet",
        "run `ami-tracker pending`, which shows what the topic answered",
    ),
    Condition.DEPRECATED: Advice(
        "the deprecation time of the current image has passed; it can still be launched",
        "plan to change to another image",
    ),
    Condition.OK: OF_STATE[State.OK],
}
_NO_ROUND = Advice(
    "the target has no round that can be read, so its images may be outdated", _SCHEDULER
)


def advice(condition: Condition, state: State | None = None, code: str | None = None) -> Advice:
    """The reason and the instruction for a condition, with the state and the code of its pairs."""
    if condition is Condition.UNKNOWN and code == NO_ROUND_CODE:
        return _NO_ROUND
    if condition is Condition.FAILING and state is not None:
        return advice_for(state, code)
    return OF_CONDITION[condition]


def advice_for(state: State, code: str | None) -> Advice:
    """The reason and the instruction for a failed call."""
    return OF_CODE.get(code or "", OF_STATE[state])
