"""The roles' policies allow every call that the functions make, and no other calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from support.aws.deployed import (
    BUCKET,
    HUB,
    KEY,
    MEMBER,
    PREFIX,
    SHARED,
    Deployment,
    bare,
    full,
    hub_arn,
    role_arn,
    topic_key,
)
from support.aws.iam import Caller, Request, unused
from support.aws.recorder import Hub, Need, Recorder
from support.aws.terraform import HUB_REGION
from support.fakes.table import DynamoTable
from support.labs.laboratory import Lab, build_lab
from support.labs.site_lab import publish_site

from infra.package.calls import CALLS
from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import AmiTrackerError
from services.kernel.model import Image, Kind, Observation, ParameterLookup, Release, Target
from services.kernel.release_records import encode_release

pytestmark = [pytest.mark.timeout(900)]

TARGETS = (Target(HUB, "us-east-1"), Target(MEMBER, "eu-central-1"))
PUBLIC = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
GOLDEN = "/golden/base"


# --- the scenario


def _point(lab: Lab, path: str, image_id: str) -> None:
    for target in TARGETS:
        lab.aws.publishers.put_parameter(target.account_id, target.region, path, image_id)


def _catalogue(lab: Lab) -> list[Image]:
    public = Image("al2023", ParameterLookup(PUBLIC))
    golden = Image("golden", ParameterLookup(GOLDEN))
    return [public, golden, lab.filtered("rhel")]


def _release(lab: Lab) -> None:
    """Release a new image in every target, for every kind of lookup."""
    _point(lab, PUBLIC, lab.publish("al2023"))
    _point(lab, GOLDEN, lab.publish("golden"))
    lab.publish("rhel")


def _edit(lab: Lab) -> None:
    """Edit the catalogue: a new lookup of the same image, a removed image, a removed region."""
    public, golden, rhel = _catalogue(lab)
    edited = replace(golden, lookup=public.lookup)
    for images, targets in (
        ([replace(public, announce=frozenset()), edited, rhel], TARGETS),
        ([public, golden], TARGETS),
        ([public, golden, rhel], TARGETS[:1]),
        ([public, golden, rhel], TARGETS),
    ):
        lab.deploy(*images, targets=targets)
        lab.round()


FAULTS: tuple[tuple[Fault, ...], ...] = (
    (
        Fault(service="ssm", region="us-east-1", code="OptInRequired", status=403),
        Fault(service="ssm", region="eu-central-1", code="ExpiredTokenException"),
        Fault(service="sns", code="AuthFailure", status=403),
    ),
    (
        Fault(service="ssm", code="ValidationException"),
        Fault(service="ec2", code="UnauthorizedOperation", status=403),
        Fault(service="sns", code="InvalidParameter"),
        Fault(service="sqs", code="RequestThrottled", times=2),
    ),
    (
        Fault(service="dynamodb", operation="UpdateItem", code="AccessDeniedException"),
        Fault(
            service="dynamodb",
            operation="TransactWriteItems",
            code="InternalServerError",
            status=500,
            when="after",
            times=2,
        ),
    ),
    (Fault(service="sts", operation="AssumeRole", code="AccessDenied", status=403),),
)
"""Faults that cause calls which functions do not make without errors."""


def _skip_and_close_releases(lab: Lab) -> None:
    """Sweep a release of a removed image, and one that is closed.

    The target of the second release is not in the configuration during the sweep.
    """
    table = DynamoTable(lab.aws.client("dynamodb", lab.hub.region), lab.hub.table_name)
    release = Release(
        target=TARGETS[0],
        image_name="removed",
        version=3,
        kind=Kind.RELEASE,
        observed=Observation("ami-00000000000000001"),
        previous_image_id=None,
        detected_at=datetime.fromisoformat("2025-01-01T00:00:00.000Z"),
        round="2025-01-01T00:00:00Z",
        lookup_digest="0123456789abcdef",
    )
    abandoned = replace(release, target=TARGETS[1], version=1)
    lab.deploy(*_catalogue(lab), targets=TARGETS[:1])
    lab.round()
    for each in (release, abandoned):
        table.put({**encode_release(each), "pending": each.target.region})
    lab.aws.add_fault(Fault(service="sns", region=TARGETS[1].region, code="NotFound", status=404))
    lab.pipeline.sweep()
    lab.aws.heal()
    lab.deploy(*_catalogue(lab))
    lab.round()


def _publish_site(lab: Lab) -> None:
    """Publish, and again after an image was removed, whose files are deleted."""
    for images in (_catalogue(lab), _catalogue(lab)[:2]):
        lab.deploy(*images)
        lab.round()
        publish_site(lab, BUCKET)
    lab.deploy(*_catalogue(lab))


def _round_with_faults(lab: Lab, faults: Sequence[Fault]) -> None:
    """Run a round, its events and a sweep with faults, and a sweep without them."""
    lab.start_cold()
    _release(lab)
    for fault in faults:
        lab.aws.add_fault(fault)
    _ignore_failure(lambda: lab.pipeline.schedule(lab.next_round()))
    _ignore_failure(lab.pipeline.queue.drain_visible)
    _ignore_failure(lab.pipeline.stream.drain)
    _ignore_failure(lab.pipeline.sweep)
    lab.aws.heal()
    lab.pipeline.sweep()


def _ignore_failure(step: Callable[[], object]) -> None:
    """Run a step; the function may fail, because only its calls are recorded."""
    with suppress(AmiTrackerError):
        step()


def _run_scenario(folder: Path) -> Recorder:
    """Run the scenario: rounds, releases, edits, a malformed message, and every fault."""
    with EmbeddedAws() as aws, ExitStack() as stack:
        lab = build_lab(aws, folder, *TARGETS)
        recorder = stack.enter_context(Recorder().recording(aws, lab.pipeline))
        lab.start_cold()
        lab.deploy(*_catalogue(lab))
        lab.enqueue("not a request")
        for _ in range(2):
            _release(lab)
            lab.round()
        _publish_site(lab)
        _edit(lab)
        _skip_and_close_releases(lab)
        for faults in FAULTS:
            _round_with_faults(lab, faults)
        lab.start_cold()
        assert len(recorder.requests) == len(aws.calls())
        assert all(request.function for request in recorder.requests)
    return recorder


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """The recorded calls of the functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        yield _run_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.mark.parametrize("function", CALLS)
def test_scenario_makes_every_call(recorder: Recorder, function: str) -> None:
    """The scenario makes every call for which the function's package has a model."""
    expected = {(service, name) for service, names in CALLS[function].items() for name in names}

    assert recorder.operations(function) == expected


# --- calls of AWS services with a role


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a role: by the code, or by a service according to AWS's documentation."""

    role: str
    action: str
    resource: str
    source: str
    region: str = HUB_REGION
    context: tuple[tuple[str, str], ...] = ()
    account_id: str = HUB
    session_policy: str = ""


QUEUE = hub_arn("sqs", f"{PREFIX}-lookups")
STREAM = hub_arn("dynamodb", f"table/{PREFIX}/stream/2026-11-22T07:00:00.000")
SCHEDULE_DEAD_LETTERS = hub_arn("sqs", f"{PREFIX}-schedule-dead-letters")
FUNCTIONS = ("scheduler", "lookup", "aggregator", "publisher")
WRITERS = ("scheduler", "lookup", "aggregator")
VIA_SQS, VIA_DYNAMODB, VIA_S3 = (
    (("kms:ViaService", f"{service}.{HUB_REGION}.amazonaws.com"),)
    for service in ("sqs", "dynamodb", "s3")
)

POLLS_A_QUEUE = "Lambda: 'Using Lambda with Amazon SQS', execution role permissions"
READS_A_STREAM = "DynamoDB: 'IAM policy to allow a Lambda function to access stream records'"
LOGS = "Lambda: 'Defining Lambda function permissions with an execution role'"
INVOKES = (
    "EventBridge Scheduler: 'Setting up the execution role' and 'Configuring a dead-letter queue'"
)
SENDS_ENCRYPTED = "SQS: 'Key management', permissions of producers"
RECEIVES_ENCRYPTED = "SQS: 'Key management', permissions of consumers"
READS_SCHEDULES = "EventBridge Scheduler: 'Encryption at rest', customer managed keys"
ENCRYPTED_TABLE = "DynamoDB: 'DynamoDB encryption at rest: usage notes', authorising use of the key"
PUBLISHES_ENCRYPTED = "SNS: 'Managing Amazon SNS encryption keys and costs', key permissions"
ENCRYPTED_OBJECTS = "S3: 'Using server-side encryption with AWS KMS keys', permissions"
STACK_SETS = "CloudFormation: 'Grant self-managed permissions'"
READS_SHARED_PARAMETERS = "Systems Manager: 'Working with shared parameters in Parameter Store'"


def _log(function: str) -> str:
    return hub_arn("logs", f"log-group:/aws/lambda/{PREFIX}-{function}:log-stream:2026/11/22/[1]a")


ON_BEHALF = (
    *(
        Use("lookup", f"sqs:{action}", QUEUE, POLLS_A_QUEUE)
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    ),
    *(
        Use("aggregator", f"dynamodb:{action}", STREAM, READS_A_STREAM)
        for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    ),
    *(
        Use(function, f"logs:{action}", _log(function), LOGS)
        for function in FUNCTIONS
        for action in ("CreateLogStream", "PutLogEvents")
    ),
    *(
        Use("schedule", "lambda:InvokeFunction", hub_arn("lambda", f"function:{name}"), INVOKES)
        for name in (f"{PREFIX}-scheduler", f"{PREFIX}-aggregator", f"{PREFIX}-publisher")
    ),
    Use("schedule", "sqs:SendMessage", SCHEDULE_DEAD_LETTERS, INVOKES),
    *(
        Use(
            "stackset-administration",
            "sts:AssumeRole",
            role_arn(account_id, f"{PREFIX}-stackset-execution"),
            STACK_SETS,
        )
        for account_id in (HUB, MEMBER)
    ),
)
"""Calls that AWS services make with the roles in every deployment."""

WITH_KEYS = (
    *(
        Use(role, f"kms:{action}", KEY, SENDS_ENCRYPTED, context=VIA_SQS)
        for role in ("scheduler", "schedule")
        for action in ("GenerateDataKey", "Decrypt")
    ),
    Use("lookup", "kms:Decrypt", KEY, RECEIVES_ENCRYPTED, context=VIA_SQS),
    *(
        Use(
            "schedule",
            "kms:Decrypt",
            KEY,
            READS_SCHEDULES,
            context=(
                (
                    "kms:EncryptionContext:aws:scheduler:schedule:arn",
                    hub_arn("scheduler", f"schedule/default/{PREFIX}-{name}"),
                ),
            ),
        )
        for name in ("round", "sweep", "site")
    ),
    *(
        Use("publisher", f"kms:{action}", KEY, source, context=context)
        for source, context, actions in (
            (ENCRYPTED_TABLE, VIA_DYNAMODB, ("Decrypt", "DescribeKey")),  # it only reads
            (ENCRYPTED_OBJECTS, VIA_S3, ("Decrypt", "GenerateDataKey")),
        )
        for action in actions
    ),
    *(
        Use(function, f"kms:{action}", KEY, ENCRYPTED_TABLE, context=VIA_DYNAMODB)
        for function in WRITERS
        for action in (
            "Decrypt",
            "DescribeKey",
            "Encrypt",
            "GenerateDataKey",
            "ReEncryptFrom",
            "ReEncryptTo",
        )
    ),
)
"""Calls that customer keys require."""


# --- recorded and documented uses


def _recorded(recorder: Recorder) -> list[Use]:
    hub = Hub(HUB, HUB_REGION)
    return [use for need in recorder.needs(hub) for use in _used(need)]


def _used(need: Need) -> Iterator[Use]:
    if need.assumed is None:
        context = (("sts:ExternalId", need.external_id),) if need.external_id else ()
        context = (*context, *need.context)
        yield Use(need.function, need.action, need.resource, need.operation, context=context)
        return
    account_id, part = need.assumed.role_arn.split(":")[4], need.assumed.role_arn.split("-")[-1]
    use = Use(
        role=part,
        action=need.action,
        resource=need.resource,
        source=need.operation,
        region=need.region,
        account_id=account_id,
        session_policy=need.assumed.session_policy,
    )
    yield use
    if need.action == "sns:Publish":
        yield from _encrypting(use)


def _encrypting(use: Use) -> Iterator[Use]:
    """The calls to KMS that SNS makes with a publisher's role."""
    context = (("kms:ViaService", f"sns.{use.region}.amazonaws.com"),)
    for action in ("GenerateDataKey", "Decrypt"):
        yield replace(
            use,
            action=f"kms:{action}",
            resource=topic_key(use.account_id, use.region),
            source=PUBLISHES_ENCRYPTED,
            context=context,
        )


def _shared(recorded: Sequence[Use]) -> Iterator[Use]:
    """The uses of parameters, with a shared parameter in its region instead."""
    shared = SHARED.replace("*", "base")
    for use in recorded:
        if use.action == "ssm:GetParameters":
            region = shared.split(":")[3]
            yield replace(use, resource=shared, region=region, source=READS_SHARED_PARAMETERS)


def _caller(use: Use, deployment: Deployment) -> Caller:
    if use.role not in {"read", "publish"}:
        return deployment.hub_role(use.role)
    session_policy = json.loads(use.session_policy)
    return deployment.member_role(use.role, use.account_id, session_policy)


def _request(use: Use, deployment: Deployment) -> Request:
    aliases = deployment.aliases_of(use.resource)
    return Request(
        caller=_caller(use, deployment),
        action=use.action,
        resource=use.resource,
        region=use.region,
        context={**dict(use.context), **({"kms:ResourceAliases": aliases} if aliases else {})},
    )


@pytest.fixture(scope="module")
def uses(recorder: Recorder) -> list[Use]:
    """All uses that must be allowed in a deployment with customer keys."""
    recorded = _recorded(recorder)
    return [*recorded, *_shared(recorded), *ON_BEHALF, *WITH_KEYS]


ROLES = (*FUNCTIONS, "schedule", "stackset-administration", "read", "publish")


@pytest.mark.parametrize("role", ROLES)
def test_every_use_is_allowed(uses: list[Use], role: str) -> None:
    """The policies allow every call of the code and every use by AWS services."""
    deployment = full()
    own = [use for use in uses if use.role == role]
    decisions = {
        (use.action, use.resource, use.region): deployment.evaluate(_request(use, deployment))
        for use in own
    }

    assert {use: v.reason for use, v in decisions.items() if not v.allowed} == {}
    assert own


UNUSED: Mapping[tuple[str, Callable[[], Deployment]], set[str]] = {
    # The roles' template has no parameter for the topics' encryption. If no key has the alias, the
    # statement allows nothing.
    ("publish", bare): {"EncryptThroughSns"},
}
"""Statements that no use needs in a deployment."""


@pytest.mark.parametrize("build", [bare, full], ids=["bare", "full"])
@pytest.mark.parametrize("role", ROLES)
def test_every_permission_is_used(
    uses: list[Use], role: str, build: Callable[[], Deployment]
) -> None:
    """Each action on each resource of each statement is needed by some use."""
    deployment = build()
    requests = [_request(use, deployment) for use in uses if use.role == role]
    policies = {json.dumps(p): p for r in requests for p in r.caller.identity}

    left = [cell for policy in policies.values() for cell in unused(policy, requests)]
    expected = UNUSED.get((role, build), set())

    assert [cell for cell in left if cell[0] not in expected] == []
    assert {sid for sid, *_ in left} == expected
    assert policies


@pytest.mark.parametrize("role", ["read", "publish"])
def test_every_permission_of_session_policies_is_used(uses: list[Use], role: str) -> None:
    """The session policies allow only the calls that the sessions make."""
    own = [use for use in uses if use.role == role]
    requests = [_request(use, full()) for use in own]
    policies = [json.loads(text) for text in {use.session_policy for use in own}]

    assert [cell for policy in policies for cell in unused(policy, requests)] == []
    assert len(policies) == 1
