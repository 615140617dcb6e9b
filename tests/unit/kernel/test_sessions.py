"""Access to target accounts: sessions, clients, retries, and failures.

The clients are boto3's own, with real signing and parsing. Only the network is replaced.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st

from services.kernel import sessions
from services.kernel.errors import CallFailedError
from services.kernel.failures import STATE_OF_CODE
from services.kernel.hub_session import MAX_THREADS, AssumedSession, Client, HubSession
from services.kernel.model import State, Target
from services.kernel.retry import batches, time_outs_are_final, until_done
from services.kernel.sessions import Role, TargetSessions
from services.kernel.table import from_item, to_item

HUB_REGION = "eu-west-1"
ACCOUNT = "111122223333"
TARGET = Target(ACCOUNT, "us-east-1")
START = datetime(2026, 11, 22, 7, tzinfo=UTC)
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:*"}]}

REGION_CODES = sorted(c for c, state in STATE_OF_CODE.items() if state is State.REGION_DISABLED)


# --- a fake AWS


@dataclass(frozen=True)
class Sent:
    """A request as it would be sent to AWS."""

    operation: str
    host: str
    region: str
    access_key: str
    form: dict[str, str]

    @classmethod
    def of(cls, request: AWSPreparedRequest, operation: str) -> Sent:
        """Parse a signed request."""
        authorization = request.headers["Authorization"]
        if isinstance(authorization, bytes):
            authorization = authorization.decode()
        scope = re.search(r"Credential=(\w+)/\d{8}/([\w-]+)/", authorization)
        assert scope
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        return cls(
            operation=operation,
            host=str(urlsplit(request.url).hostname),
            region=scope[2],
            access_key=scope[1],
            form={name: values[0] for name, values in parse_qs(body).items()},
        )


class Refusal(Exception):  # noqa: N818 - an answer
    """An error response, or any other body."""

    def __init__(self, code: str, status: int = 403, body: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.body = body or (
            f"<Response><Errors><Error><Code>{code}</Code><Message>why</Message></Error></Errors>"
            f"<Error><Code>{code}</Code><Message>why</Message></Error></Response>"
        )
        self.json = json.dumps({"__type": code, "message": "why"})


Rule = Callable[[Sent], None]


class Cloud:
    """Responds to every request and keeps it; a rule may reject it first."""

    def __init__(self) -> None:
        self.time = START
        self.seconds = 0.0
        self.clock_reads = 0
        self.sent: list[Sent] = []
        self.rule: Rule = lambda _: None

    def monotonic(self) -> float:
        """Return the monotonic clock."""
        self.clock_reads += 1
        return self.seconds

    def operations(self) -> list[str]:
        """Return the called operations, in order."""
        return [sent.operation for sent in self.sent]

    def assumed(self) -> list[str]:
        """Return the assumed roles, in order."""
        return [sent.form["RoleArn"] for sent in self.sent if sent.operation == "AssumeRole"]

    def refuse(self, operation: str, code: str, **where: str) -> None:
        """Reject an operation (in a region, or with an access key) with a code from now on."""

        def rule(sent: Sent) -> None:
            place = {name: getattr(sent, name) for name in where}
            if sent.operation == operation and place == where:
                raise Refusal(code)

        self.rule = rule

    def answer(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Respond in place of the network."""
        sent = Sent.of(request, event_name.rpartition(".")[2])
        self.sent.append(sent)
        is_json = sent.operation == "GetParameters"
        try:
            self.rule(sent)
        except Refusal as refusal:
            text, status = refusal.json if is_json else refusal.body, refusal.status
        else:
            text, status = getattr(self, f"_{sent.operation}")(sent), 200
        return AWSResponse(request.url, status, {}, Raw(text.encode()))  # type: ignore[arg-type]

    def _AssumeRole(self, sent: Sent) -> str:  # noqa: N802 - the operation's own name
        key = f"ASIA{sent.form['RoleArn'].split(':')[4]}N{len(self.assumed())}"
        return (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{key}</AccessKeyId>"
            "<SecretAccessKey>very-secret</SecretAccessKey>"
            "<SessionToken>secret-token</SessionToken>"
            f"<Expiration>{(self.time + timedelta(hours=1)).isoformat()}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )

    def _GetCallerIdentity(self, _: Sent) -> str:  # noqa: N802 - the operation's own name
        return "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"

    def _GetParameters(self, _: Sent) -> str:  # noqa: N802 - the operation's own name
        return '{"Parameters": [], "InvalidParameters": ["/a"]}'

    def _DescribeImages(self, _: Sent) -> str:  # noqa: N802 - the operation's own name
        return "<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>"


class Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Return the whole body at once."""
        yield self.read()


class OfflineHome(HubSession):
    """A hub session whose clients send to a `Cloud`."""

    def __init__(self, region: str, cloud: Cloud) -> None:
        super().__init__(region)
        self._cloud = cloud

    def _create(self, service: str, region: str, **credentials: str) -> Client:
        client = super()._create(service, region, **credentials)
        client.meta.events.register("before-send", self._cloud.answer)
        return client


@pytest.fixture
def cloud() -> Cloud:
    """Build a fake AWS for the test."""
    return Cloud()


def members(
    cloud: Cloud,
    region: str = HUB_REGION,
    session_name: str = "ami-tracker",
    role_name: str = "ami-tracker-read",
) -> TargetSessions:
    """Build the access from a hub region into that cloud's accounts."""
    role = Role(role_name, "external-secret", session_name, POLICY)
    return TargetSessions(
        OfflineHome(region, cloud),
        role,
        clock=lambda: cloud.time,
        monotonic=cloud.monotonic,
    )


def ask(client: Client) -> list[str]:
    """Request a parameter that does not exist."""
    absent: list[str] = client.get_parameters(Names=["/a"])["InvalidParameters"]
    return absent


def itself(client: Client) -> Client:
    """Return the client of the call."""
    return client


def failed(call: Callable[[], object]) -> CallFailedError:
    """Return the error of a call that must fail."""
    with pytest.raises(CallFailedError) as caught:
        call()
    return caught.value


# --- the session


def test_call_goes_to_the_target_with_its_accounts_credentials(cloud: Cloud) -> None:
    """Account and region of every call are those of the request."""
    answer = members(cloud).call(TARGET, "ssm", ask)
    assumed, asked = cloud.sent

    assert answer == ["/a"]
    assert (assumed.operation, assumed.region, assumed.access_key) == (
        "AssumeRole",
        HUB_REGION,
        "testing",
    )
    assert (asked.operation, asked.region) == ("GetParameters", "us-east-1")
    assert asked.host == "ssm.us-east-1.amazonaws.com"
    assert asked.access_key == f"ASIA{ACCOUNT}N1"


def test_role_is_assumed_with_external_id_and_policy(cloud: Cloud) -> None:
    """AssumeRole has the external id, the session policy and a descriptive session name."""
    members(cloud, session_name="ami-tracker-lookup-" + "x" * 80).ensure_session(ACCOUNT)
    form = cloud.sent[0].form

    assert form["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/ami-tracker-read"
    assert form["ExternalId"] == "external-secret"
    assert json.loads(form["Policy"]) == POLICY
    assert form["RoleSessionName"] == "ami-tracker-lookup-" + "x" * 45
    assert len(form["RoleSessionName"]) == 64


def test_role_may_have_a_path(cloud: Cloud) -> None:
    """A role's ARN has its path before the name."""
    members(cloud, role_name="platform/ami-tracker-read").ensure_session(ACCOUNT)

    assert cloud.assumed() == [f"arn:aws:iam::{ACCOUNT}:role/platform/ami-tracker-read"]


def test_sts_is_called_in_the_hub_region(cloud: Cloud) -> None:
    """Opt-in regions accept only tokens of a regional STS endpoint."""
    home = OfflineHome(HUB_REGION, cloud)
    members(cloud).ensure_session(ACCOUNT)

    assert home.client("sts").meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"
    assert cloud.sent[0].host == "sts.eu-west-1.amazonaws.com"


ENDPOINTS = {
    "us-east-1": "https://sts.us-east-1.amazonaws.com",
    "us-west-2": "https://sts.us-west-2.amazonaws.com",
    "ap-southeast-7": "https://sts.ap-southeast-7.amazonaws.com",
    "cn-north-1": "https://sts.cn-north-1.amazonaws.com.cn",
    "us-gov-west-1": "https://sts.us-gov-west-1.amazonaws.com",
}


@pytest.fixture(params=["environment", "configuration file"])
def legacy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set STS's global endpoint in the environment or a file, and return the file's path."""
    file = tmp_path / "config"
    file.write_text("[default]\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    if request.param == "environment":
        monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    else:
        file.write_text("[default]\nsts_regional_endpoints = legacy\n", encoding="utf-8")
    return file


def sts_endpoint(region: str) -> str:
    """Return the endpoint of a hub session's STS calls."""
    endpoint: str = HubSession(region).client("sts").meta.endpoint_url
    return endpoint


@pytest.mark.usefixtures("legacy")
@pytest.mark.parametrize("region", ENDPOINTS)
def test_no_setting_selects_the_global_endpoint_of_sts(region: str) -> None:
    """Opt-in regions reject tokens of the global endpoint, with assumed sessions too."""
    assert sts_endpoint(region) == ENDPOINTS[region]
    session = AssumedSession("ASIAKEY", "very-secret", "secret-token", START)
    member = HubSession(region).member_client("sts", region, session)
    assert member.meta.endpoint_url == ENDPOINTS[region]


@pytest.mark.usefixtures("legacy")
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_a_configured_endpoint_of_sts_is_used(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """An endpoint of an emulator or a VPC is used as by the AWS CLI."""
    monkeypatch.setenv(variable, "http://localhost:4566")
    assert sts_endpoint("us-east-1") == "http://localhost:4566"


def test_an_endpoint_in_the_configuration_file_is_used(legacy: Path) -> None:
    """The endpoint may be in the services section of a profile."""
    text = legacy.read_text(encoding="utf-8")
    section = "services = local\n[services local]\nsts =\n  endpoint_url = http://localhost:4567\n"
    legacy.write_text(text + section, encoding="utf-8")
    assert sts_endpoint("us-east-1") == "http://localhost:4567"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("ap-southeast-7", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
    ],
)
def test_role_is_in_the_hubs_partition(cloud: Cloud, region: str, partition: str) -> None:
    """Roles cannot be assumed across partitions, so the region decides the partition."""
    members(cloud, region=region).ensure_session(ACCOUNT)

    assert OfflineHome(region, cloud).partition == partition
    assert cloud.assumed() == [f"arn:{partition}:iam::{ACCOUNT}:role/ami-tracker-read"]


def test_one_session_per_account_is_shared(cloud: Cloud) -> None:
    """Many threads, regions and services of an account share one AssumeRole call."""

    def rule(sent: Sent) -> None:
        if sent.operation == "AssumeRole":
            time.sleep(0.05)  # long enough for every thread to need one

    cloud.rule = rule
    access = members(cloud)
    work = [
        (Target(account, region), service)
        for account in (ACCOUNT, "444455556666")
        for region in ("us-east-1", "us-west-2", "eu-north-1", "ap-south-1")
        for service in ("ssm", "sns")
        for _ in range(4)
    ]
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        list(pool.map(lambda task: access.call(task[0], task[1], itself), work))

    assert sorted(cloud.assumed()) == [
        f"arn:aws:iam::{ACCOUNT}:role/ami-tracker-read",
        "arn:aws:iam::444455556666:role/ami-tracker-read",
    ]


@pytest.mark.parametrize(
    ("age", "sessions"),
    [(timedelta(minutes=54), 1), (timedelta(minutes=55, seconds=1), 2), (timedelta(hours=2), 2)],
    ids=str,
)
def test_session_is_renewed_five_minutes_before_expiry(
    cloud: Cloud, age: timedelta, sessions: int
) -> None:
    """A warm function uses its session until it could end during a call."""
    access = members(cloud)
    access.call(TARGET, "ssm", ask)
    cloud.time += age
    access.call(TARGET, "ssm", ask)

    assert sessions == len(cloud.assumed())
    assert cloud.sent[-1].access_key == f"ASIA{ACCOUNT}N{sessions}"


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(days=-400)], ids=str)
def test_a_clock_that_is_set_back_does_not_extend_a_session(cloud: Cloud, step: timedelta) -> None:
    """A session lasts as long as STS granted, whatever the system clock shows later."""
    access = members(cloud)
    access.call(TARGET, "ssm", ask)
    cloud.time += step
    cloud.seconds += 54 * 60
    access.call(TARGET, "ssm", ask)
    assert len(cloud.assumed()) == 1

    cloud.seconds += 61
    access.call(TARGET, "ssm", ask)
    assert len(cloud.assumed()) == 2


def test_a_clock_that_is_set_forward_takes_one_renewal(cloud: Cloud) -> None:
    """The session is renewed once, not with every call."""
    access = members(cloud)
    access.call(TARGET, "ssm", ask)
    cloud.time += timedelta(hours=3)
    for _ in range(3):
        access.call(TARGET, "ssm", ask)

    assert len(cloud.assumed()) == 2


def test_the_least_recently_used_clients_are_removed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of clients of a hub is bounded; a removed client is created again when needed."""
    monkeypatch.setattr(sessions, "_MAX_CLIENTS", 2)
    access = members(cloud)
    first = access.call(TARGET, "ssm", itself)
    access.call(TARGET, "sns", itself)
    assert access.call(TARGET, "ssm", itself) is first
    access.call(TARGET, "ec2", itself)

    assert access.call(TARGET, "ssm", itself) is first
    assert len(access._clients) == 2  # noqa: SLF001 - what is kept cannot be seen from outside


def test_clients_are_kept_per_account_region_and_service(cloud: Cloud) -> None:
    """Creating a client is slow and uses memory, so each is created once."""
    access = members(cloud)
    places = [
        (TARGET, "ssm"),
        (TARGET, "sns"),
        (Target(ACCOUNT, "us-west-2"), "ssm"),
        (Target("444455556666", "us-east-1"), "ssm"),
    ]
    first = [access.call(target, service, itself) for target, service in places]
    again = [access.call(target, service, itself) for target, service in places]

    assert list(map(id, first)) == list(map(id, again))
    assert len(set(map(id, first))) == len(places)


class CountingHome(HubSession):
    """A hub session that only counts its clients."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.created: Counter[tuple[str, str, str]] = Counter()

    def client(self, service: str, region: str | None = None) -> Client:  # noqa: ARG002 - as its base
        """Return an STS client, whose sessions have the account's id as their key."""
        assert service == "sts"
        return self

    def assume_role(self, **asked: str) -> dict[str, dict[str, object]]:
        """Return credentials for the account of the role."""
        return {
            "Credentials": {
                "AccessKeyId": asked["RoleArn"].split(":")[4],
                "SecretAccessKey": "very-secret",
                "SessionToken": "secret-token",
                "Expiration": START + timedelta(hours=1),
            }
        }

    def member_client(self, service: str, region: str, session: AssumedSession) -> Client:
        """Return a client, slowly enough for other threads to need the same one."""
        self.created[session.access_key_id, region, service] += 1
        time.sleep(0.0005)
        return object()


def test_a_batch_over_all_targets_creates_each_client_once() -> None:
    """Many threads use 34 regions in five accounts, with SSM and EC2 in each, twice."""
    home = CountingHome(HUB_REGION)
    access = TargetSessions(home, Role("reader", "external", "test", POLICY), clock=lambda: START)
    places = [
        (Target(f"{account:012}", f"xx-test-{region}"), service)
        for account in range(5)
        for region in range(34)
        for service in ("ssm", "ec2")
    ]
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        for batch in (places * 2, places):
            list(pool.map(lambda place: access.call(place[0], place[1], itself), batch))

    assert (len(home.created), home.created.total()) == (340, 340)


def test_threads_that_need_the_same_client_create_one() -> None:
    """Creating a client is slow, so other threads wait for it instead of creating their own."""
    home = CountingHome(HUB_REGION)
    access = TargetSessions(home, Role("reader", "external", "test", POLICY), clock=lambda: START)
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        clients = list(pool.map(lambda _: access.call(TARGET, "ssm", itself), range(200)))

    assert home.created.total() == 1
    assert len(set(map(id, clients))) == 1


def test_client_is_replaced_with_its_session(cloud: Cloud) -> None:
    """A client holds the credentials of its session, so a renewed session has new clients."""
    access = members(cloud)
    old = access.call(TARGET, "ssm", itself)
    cloud.time += timedelta(hours=1)
    new = access.call(TARGET, "ssm", itself)

    assert old is not new
    assert new is access.call(TARGET, "ssm", itself)


def test_slow_account_delays_no_other(cloud: Cloud) -> None:
    """While one account's AssumeRole hangs, calls to another account are made."""
    hanging, go_on = threading.Event(), threading.Event()

    def rule(sent: Sent) -> None:
        if f"::{ACCOUNT}:" in sent.form.get("RoleArn", ""):
            hanging.set()
            assert go_on.wait(timeout=30)

    cloud.rule = rule
    access = members(cloud)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(access.call, TARGET, "ssm", ask)
        assert hanging.wait(timeout=30)
        try:
            other = access.call(Target("444455556666", "us-east-1"), "ssm", ask)
            was_done = slow.done()
        finally:
            go_on.set()

    assert (other, was_done, slow.result()) == (["/a"], False, ["/a"])


def test_ensure_session_assumes_the_role(cloud: Cloud) -> None:
    """`ensure_session` assumes the role once; later calls use that session."""
    access = members(cloud)
    access.ensure_session(ACCOUNT)
    access.ensure_session(ACCOUNT)
    access.call(TARGET, "ssm", ask)

    assert cloud.operations() == ["AssumeRole", "GetParameters"]


# --- failures


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("AccessDenied", State.ACCESS_DENIED),
        ("MalformedPolicyDocument", State.BAD_LOOKUP),
        ("RegionDisabledException", State.REGION_DISABLED),
        ("InvalidClientTokenId", State.CREDENTIALS),
        ("UnrecognizedClientException", State.CREDENTIALS),
        ("ExpiredTokenException", State.CREDENTIALS),
    ],
)
def test_denied_role_differs_from_a_denied_call(cloud: Cloud, code: str, state: State) -> None:
    """Without a session the target is not called; our bad credentials disable no region."""
    cloud.refuse("AssumeRole", code)
    access = members(cloud)

    assert failed(lambda: access.call(TARGET, "ssm", ask)).failure.state == state
    assert failed(lambda: access.ensure_session(ACCOUNT)).failure.state == state
    assert set(cloud.operations()) == {"AssumeRole"}


def test_denied_role_is_not_requested_once_per_region(cloud: Cloud) -> None:
    """Targets that waited for the first attempt of their account share its failure."""
    cloud.refuse("AssumeRole", "AccessDenied")
    access = members(cloud)

    refusals = [failed(lambda: access.ensure_session(ACCOUNT)).failure for _ in range(20)]

    assert {refusal.state for refusal in refusals} == {State.ACCESS_DENIED}
    assert cloud.operations() == ["AssumeRole"]


def test_denied_role_is_requested_again_later(cloud: Cloud) -> None:
    """A failure is kept only briefly, because the role may be created the next minute."""
    cloud.refuse("AssumeRole", "AccessDenied")
    access = members(cloud)
    failed(lambda: access.ensure_session(ACCOUNT))
    cloud.refuse("Nothing", "")
    cloud.time += timedelta(seconds=1)

    assert access.call(TARGET, "ssm", ask) == ["/a"]


@pytest.mark.parametrize("step", [timedelta(), timedelta(hours=-1), timedelta(days=400)], ids=str)
def test_a_denial_is_kept_briefly_whatever_the_clock_shows(cloud: Cloud, step: timedelta) -> None:
    """A failure is kept for half a second of the monotonic clock."""
    cloud.refuse("AssumeRole", "AccessDenied")
    access = members(cloud)
    failed(lambda: access.ensure_session(ACCOUNT))
    cloud.refuse("Nothing", "")
    cloud.time += step
    cloud.seconds += 1

    access.ensure_session(ACCOUNT)
    assert cloud.operations() == ["AssumeRole"] * 2


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("AccessDeniedException", State.ACCESS_DENIED),
        ("InvalidKeyId", State.BAD_LOOKUP),
        ("SomethingNew", State.UNCLASSIFIED),
    ],
)
def test_denied_call_is_not_repeated(cloud: Cloud, code: str, state: State) -> None:
    """A failure that a renewal cannot fix is raised at once, with code and original error."""
    cloud.refuse("GetParameters", code)
    access = members(cloud)
    error = failed(lambda: access.call(TARGET, "ssm", ask))

    assert (error.failure.state, error.failure.code, error.failure.detail) == (state, code, "why")
    assert isinstance(error.__cause__, ClientError)
    assert cloud.operations() == ["AssumeRole", "GetParameters"]


def test_expired_session_is_renewed_once(cloud: Cloud) -> None:
    """A session that ended early is renewed, and the request is repeated once."""
    cloud.refuse("GetParameters", "ExpiredTokenException", access_key=f"ASIA{ACCOUNT}N1")

    assert members(cloud).call(TARGET, "ssm", ask) == ["/a"]
    assert cloud.operations() == ["AssumeRole", "GetParameters"] * 2


@pytest.mark.parametrize(
    "code", ["InvalidSignatureException", "IncompleteSignatureException", "RequestExpired"]
)
def test_a_signature_that_was_rejected_once_is_repeated(cloud: Cloud, code: str) -> None:
    """The clock of a function that was frozen is correct again by the next call."""
    cloud.refuse("GetParameters", code, access_key=f"ASIA{ACCOUNT}N1")

    assert members(cloud).call(TARGET, "ssm", ask) == ["/a"]
    assert cloud.operations() == ["AssumeRole", "GetParameters"] * 2


def test_session_that_stays_expired_fails_as_credentials(cloud: Cloud) -> None:
    """After one renewal, the failure is left to a redelivery."""
    cloud.refuse("GetParameters", "ExpiredTokenException")
    access = members(cloud)

    assert failed(lambda: access.call(TARGET, "ssm", ask)).failure.state is State.CREDENTIALS
    assert cloud.operations() == ["AssumeRole", "GetParameters"] * 2


def test_expired_session_is_renewed_by_one_of_its_users(cloud: Cloud) -> None:
    """When a session ends under many threads, the first renews it for all."""
    cloud.refuse("GetParameters", "ExpiredTokenException", access_key=f"ASIA{ACCOUNT}N1")
    access = members(cloud)
    meanwhile = iter([lambda: access.call(Target(ACCOUNT, "us-west-2"), "ssm", ask)])

    def use(client: Client) -> list[str]:
        next(meanwhile, list)()
        return ask(client)

    assert access.call(TARGET, "ssm", use) == ["/a"]
    assert len(cloud.assumed()) == 2


@pytest.mark.parametrize("code", REGION_CODES)
def test_valid_credentials_that_a_region_rejects_mean_it_is_disabled(
    cloud: Cloud, code: str
) -> None:
    """The code is ambiguous; a call in the home region shows that the credentials are valid."""
    cloud.refuse("GetParameters", code, region="us-east-1")
    access = members(cloud)
    found = failed(lambda: access.call(TARGET, "ssm", ask)).failure
    probe = cloud.sent[-1]

    assert (found.state, found.code) == (State.REGION_DISABLED, code)
    assert cloud.operations() == ["AssumeRole", "GetParameters", "GetCallerIdentity"]
    assert probe.host == "sts.eu-west-1.amazonaws.com"
    assert probe.access_key == f"ASIA{ACCOUNT}N1"


@pytest.mark.parametrize("code", REGION_CODES)
def test_credentials_that_the_home_region_rejects_too_are_bad(cloud: Cloud, code: str) -> None:
    """Bad credentials are renewed once, then left to a redelivery."""

    def rule(sent: Sent) -> None:
        if sent.operation != "AssumeRole":
            raise Refusal(code)

    cloud.rule = rule
    access = members(cloud)
    found = failed(lambda: access.call(TARGET, "ssm", ask)).failure

    assert (found.state, found.code, found.detail) == (State.CREDENTIALS, code, "why")
    assert cloud.operations() == ["AssumeRole", "GetParameters", "GetCallerIdentity"] * 2


def test_answer_that_cannot_be_parsed_is_transient(cloud: Cloud) -> None:
    """A proxy's page in place of EC2's response fails that call, not the function."""

    def rule(sent: Sent) -> None:
        if sent.operation == "DescribeImages":
            raise Refusal("", status=403, body="<html><br>Blocked</html>")

    cloud.rule = rule
    access = members(cloud)
    found = failed(lambda: access.call(TARGET, "ec2", lambda ec2: ec2.describe_images())).failure

    assert (found.state, found.code) == (State.TRANSIENT, "ResponseParserError")


def test_unreachable_region_is_transient(cloud: Cloud) -> None:
    """Botocore's own exceptions are classified like responses."""

    def use(_: Client) -> None:
        raise ConnectTimeoutError(endpoint_url="https://ssm.us-east-1.amazonaws.com")

    access = members(cloud)

    assert failed(lambda: access.call(TARGET, "ssm", use)).failure.state is State.TRANSIENT


def test_bug_is_not_a_failure_of_aws(cloud: Cloud) -> None:
    """Any other exception is raised unchanged."""

    def use(_: Client) -> None:
        raise ZeroDivisionError

    access = members(cloud)
    with pytest.raises(ZeroDivisionError):
        access.call(TARGET, "ssm", use)


def test_secrets_are_never_printed(cloud: Cloud) -> None:
    """Neither a session nor the error of a call shows key, secret or token."""
    session = AssumedSession("ASIAKEY", "very-secret", "secret-token", START)
    cloud.refuse("GetParameters", "AccessDeniedException")
    access = members(cloud)
    error = failed(lambda: access.call(TARGET, "ssm", ask))
    texts = f"{session!r} {session} {access!r} {error!r} {error.failure!r}"

    assert "AssumedSession(expiration=" in texts
    assert not re.search("ASIA|secret", texts)


# --- the clients


def test_hub_clients_are_kept(cloud: Cloud) -> None:
    """Simultaneous threads get the same client, in the hub's region."""
    home = OfflineHome(HUB_REGION, cloud)
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: home.client("sts"), range(32)))

    assert len(set(map(id, clients))) == 1
    assert clients[0].meta.region_name == HUB_REGION
    assert home.client("ssm") is not clients[0]
    assert home.client("sts", "eu-west-1").meta.region_name == "eu-west-1"


def test_a_given_endpoint_replaces_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used by each client, also with the credentials of a role."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://localhost:4566")
    home = HubSession(HUB_REGION, endpoint_url="http://localhost:4577")
    session = AssumedSession("ASIAKEY", "very-secret", "secret-token", START)
    clients = [home.client("sts"), home.member_client("ssm", "eu-west-1", session)]

    assert {client.meta.endpoint_url for client in clients} == {"http://localhost:4577"}


def test_a_given_profile_replaces_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its credentials are used instead of those in the environment."""
    file = tmp_path / "credentials"
    file.write_text("[mine]\naws_access_key_id = A\naws_secret_access_key = B\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    signer = HubSession(HUB_REGION, profile="mine").client("sts")._request_signer  # noqa: SLF001 - has no other name

    assert signer._credentials.access_key == "A"  # noqa: SLF001 - as above


def test_many_threads_create_clients_at_once() -> None:
    """Threads may create clients at once, although botocore's creation is not thread-safe."""
    home = HubSession(HUB_REGION)
    session = AssumedSession("ASIAKEY", "very-secret", "secret-token", START)
    places = [(s, r) for s in ("ssm", "ec2") for r in ("us-east-1", "eu-west-1", "ap-east-1")] * 4
    with ThreadPoolExecutor(len(places)) as pool:
        made = list(pool.map(lambda place: home.member_client(place[0], place[1], session), places))

    assert [(c.meta.service_model.service_name, c.meta.region_name) for c in made] == places


def test_every_client_has_limits(cloud: Cloud) -> None:
    """Every client has three attempts, short time-outs, and a connection for each thread."""
    hub, member = OfflineHome(HUB_REGION, cloud).client("sts"), members(cloud)
    for config in (hub.meta.config, member.call(TARGET, "ssm", itself).meta.config):
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}
        assert (config.connect_timeout, config.read_timeout) == (3, 10)
        assert config.max_pool_connections == MAX_THREADS
        assert config.user_agent == f"ami-tracker Botocore/{botocore.__version__}"


def test_throttling_is_tried_three_times(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore's standard mode repeats single calls."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    cloud.refuse("GetParameters", "ThrottlingException")
    access = members(cloud)

    assert failed(lambda: access.call(TARGET, "ssm", ask)).failure.state is State.THROTTLED
    assert cloud.operations() == ["AssumeRole"] + ["GetParameters"] * 3
    assert len(waits) == 2


TIME_OUTS = (ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError)


TimeOut = type[ReadTimeoutError | ConnectTimeoutError | EndpointConnectionError]


def no_answer(cloud: Cloud, operation: str, kind: TimeOut) -> None:
    """Make an operation end without a response."""

    def rule(sent: Sent) -> None:
        if sent.operation == operation:
            raise kind(endpoint_url=f"https://{sent.host}", error="lost")

    cloud.rule = rule


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("kind", TIME_OUTS)
@pytest.mark.parametrize("operation", ["AssumeRole", "GetParameters"])
def test_a_final_time_out_is_not_repeated(cloud: Cloud, operation: str, kind: TimeOut) -> None:
    """A caller that repeats later waits once; any other caller waits three times."""
    no_answer(cloud, operation, kind)
    access = members(cloud)
    with time_outs_are_final():
        found = failed(lambda: access.call(TARGET, "ssm", ask)).failure
    assert (found.state, found.code) == (State.TRANSIENT, kind.__name__)
    assert cloud.operations().count(operation) == 1

    failed(lambda: access.call(TARGET, "ssm", ask))
    assert cloud.operations().count(operation) == 1 + 3


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    "problem",
    [
        ConnectionClosedError(endpoint_url="https://ssm"),
        Refusal("ThrottlingException", 400),
        Refusal("InternalServerError", 500),
    ],
    ids=repr,
)
def test_a_failure_that_is_not_a_time_out_is_repeated(cloud: Cloud, problem: Exception) -> None:
    """A dropped connection or throttling causes no redelivery for a healthy target."""
    left = [problem] * 2

    def rule(sent: Sent) -> None:
        if sent.operation == "GetParameters" and left:
            raise left.pop()

    cloud.rule = rule
    with time_outs_are_final():
        assert members(cloud).call(TARGET, "ssm", ask) == ["/a"]


def test_a_role_that_times_out_is_requested_again(cloud: Cloud) -> None:
    """Only waiting callers share a time-out; a later caller calls STS again."""
    no_answer(cloud, "AssumeRole", ReadTimeoutError)
    access = members(cloud)
    with time_outs_are_final():
        failed(lambda: access.ensure_session(ACCOUNT))
        failed(lambda: access.ensure_session(ACCOUNT))
    assert cloud.operations() == ["AssumeRole"] * 2


def test_targets_that_wait_for_the_same_role_share_its_time_out(cloud: Cloud) -> None:
    """An account of many regions waits once, not once per region."""
    begun, go_on = threading.Event(), threading.Event()

    def rule(_: Sent) -> None:
        begun.set()
        assert go_on.wait(timeout=30)
        cloud.seconds += 10
        raise ReadTimeoutError(endpoint_url="https://sts")

    def ensure_session() -> CallFailedError:
        with time_outs_are_final():
            return failed(lambda: access.ensure_session(ACCOUNT))

    cloud.rule = rule
    access = members(cloud)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ensure_session)
        assert begun.wait(timeout=30)
        others = [pool.submit(ensure_session) for _ in range(3)]
        while cloud.clock_reads < 2 + len(others):  # all of them have begun then
            time.sleep(0.01)
        go_on.set()
        codes = {each.result().failure.code for each in (first, *others)}

    assert codes == {"ReadTimeoutError"}
    assert cloud.operations() == ["AssumeRole"]


# --- batches, and unprocessed entries


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, ["0"]), (3, ["012"]), (4, ["012", "3"]), (7, ["012", "345", "6"])],
)
def test_batches_hold_every_item_once_and_in_order(count: int, expected: list[str]) -> None:
    """Batches have at most the requested size."""
    assert batches("0123456789"[:count], 3) == expected


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits without waiting."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


def test_complete_work_is_not_repeated(waits: list[float]) -> None:
    """The usual case takes one attempt and no wait."""
    attempts: list[list[int]] = []

    def attempt(work: list[int]) -> list[int]:
        attempts.append(work)
        return []

    assert until_done(attempt, [1, 2]) == []
    assert attempts == [[1, 2]]
    assert waits == []


def test_only_unprocessed_entries_are_repeated(waits: list[float]) -> None:
    """Entries that succeeded are never sent again."""
    attempts: list[list[int]] = []

    def attempt(work: list[int]) -> list[int]:
        attempts.append(work)
        return work[1:]

    assert until_done(attempt, [1, 2, 3]) == []
    assert attempts == [[1, 2, 3], [2, 3], [3]]
    assert len(waits) == 2


def test_unprocessed_entries_are_returned_after_four_attempts(waits: list[float]) -> None:
    """The number of attempts is bounded; the caller handles the rest."""
    attempts: list[list[int]] = []

    def attempt(work: list[int]) -> list[int]:
        attempts.append(work)
        return work[-1:]

    assert until_done(attempt, [1, 2, 3]) == [3]
    assert attempts == [[1, 2, 3], [3], [3], [3]]
    assert len(waits) == 3
    assert sum(waits) < 6


# --- rows

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_any_row_survives_dynamodb(row: dict[str, Any]) -> None:
    """Texts, integers, booleans, nulls, lists and maps are read back unchanged."""
    assert from_item(to_item(row)) == row


def test_row_is_written_as_attribute_values() -> None:
    """The row is in DynamoDB's own notation, with numbers as text."""
    row = {"region": "us-east-1", "version": 7, "lookup": {"owners": ["amazon"]}, "active": True}
    expected = {
        "region": {"S": "us-east-1"},
        "version": {"N": "7"},
        "lookup": {"M": {"owners": {"L": [{"S": "amazon"}]}}},
        "active": {"BOOL": True},
    }

    assert to_item(row) == expected


def test_numbers_are_read_as_whole_numbers() -> None:
    """Versions are compared and printed as `int` at any depth."""
    row = from_item({"a": {"N": "7"}, "b": {"L": [{"M": {"c": {"N": "8"}}}]}})

    assert row == {"a": 7, "b": [{"c": 8}]}
    assert type(row["a"]) is int
    assert type(row["b"][0]["c"]) is int


def test_sets_and_fractions_are_kept() -> None:
    """A number with a fraction is not read as an integer."""
    row = from_item({"a": {"NS": ["1", "20"]}, "b": {"SS": ["x"]}, "c": {"N": "2.5"}})

    assert row == {"a": frozenset({1, 20}), "b": frozenset({"x"}), "c": 2.5}
