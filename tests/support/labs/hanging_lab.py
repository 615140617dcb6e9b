"""Targets that accept a connection and never respond, in virtual time.

The code of the lookup runs unchanged, from the worker to the retries of botocore. Only the threads,
the table and the network are replaced. A request that hangs takes the read time-out.
"""

from __future__ import annotations

import io
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore import endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.retries import quota

from services.kernel.hub_session import AssumedSession, Client, HubSession
from services.kernel.model import Lookup, Request, Target
from services.kernel.sessions import Role, TargetSessions
from services.kernel.wire import encode_request
from services.lookup import worker
from services.lookup.report import BatchReport
from services.lookup.sources import Sources
from services.lookup.target import TargetLookup
from services.lookup.waits import RecentWaits
from services.lookup.worker import Message, Worker
from support.builders.lookup import (
    MOMENT,
    PATH,
    a_pair,
    a_request,
    an_ami,
    by_name,
    by_parameter,
    image_id,
)
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeRows
from support.fakes.virtual_threads import VirtualThreads, VirtualTime

TIMEOUT, RESERVE = 120.0, 5.0  # as in the deployed lookup
READ_TIMEOUT = 10.0
LATENCY, NEVER = 0.1, 1e9
LOOKUPS: dict[str, Lookup] = {"by-parameter": by_parameter(), "by-filters": by_name()}

_calling: ContextVar[Target] = ContextVar("_calling")


def targets(regions: int = 34, accounts: int = 5) -> list[Target]:
    """Return one target per account and region."""
    places = itertools.product(range(accounts), range(regions))
    return [Target(f"{account + 1:012}", f"xx-lab-{region}") for account, region in places]


@dataclass(slots=True)
class Lab:
    """A lookup over many targets with a parameter and a filter lookup in each.

    `seconds` is how long a service takes to respond in a target. STS is called per account, so its
    target has no region. `sent` counts requests, `created` clients.
    """

    places: list[Target]
    monkeypatch: pytest.MonkeyPatch
    seed: int = 0
    time: VirtualTime = field(default_factory=VirtualTime)
    rows: FakeRows = field(default_factory=FakeRows)
    log: FakeLog = field(default_factory=FakeLog)
    sent: Counter[tuple[str, Target]] = field(default_factory=Counter)
    created: Counter[tuple[str, Target]] = field(default_factory=Counter)
    seconds: Callable[[str, Target], float] = lambda _service, _target: LATENCY
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        threads = VirtualThreads(self.time)
        self.monkeypatch.setattr(worker, "ThreadPoolExecutor", threads)
        self.monkeypatch.setattr(worker, "wait", threads.wait)
        self.monkeypatch.setattr(endpoint, "time", _Sleeping(self.time))
        # The retry quota belongs to a client. Only in this lab do the targets share a client.
        self.monkeypatch.setattr(quota.RetryQuota, "acquire", lambda *_: True)
        for target in self.places:
            for name, lookup in LOOKUPS.items():
                self.rows.put(a_pair(name, lookup, target=target))
        self.cold_start()

    def cold_start(self) -> None:
        """Start a new process, which has no cached state."""
        members = TargetSessions(_LabHome(self), Role("reader", "external", "lab", {}))
        target_lookup = TargetLookup(self.rows, Sources(members), self.log, lambda: MOMENT)
        waits = RecentWaits(self.time.now)
        self.worker = Worker(target_lookup, self.log, self._random("order").shuffle, waits)

    def deliver(self, *, minutes: float = 0) -> BatchReport:
        """Process one message per pair, some minutes after the previous batch."""
        self.time.sleep(60 * minutes)
        started = self.time.seconds
        messages = [Message(_name(request), encode_request(request)) for request in self.requests()]
        report = self.worker.work(messages, self.time.deadline(TIMEOUT, RESERVE))
        assert self.time.seconds - started <= TIMEOUT
        return report

    def requests(self) -> list[Request]:
        """Return one request per pair."""
        return [
            a_request(name, lookup, target=target)
            for target in self.places
            for name, lookup in LOOKUPS.items()
        ]

    def hang(self, count: int, *services: str) -> set[Target]:
        """Make some targets hang, in these services or in SSM and EC2, and return them."""
        hanging_targets = set(self._random("hanging_targets").sample(self.places, count))
        never = services or ("ssm", "ec2")
        self.seconds = lambda service, target: (
            NEVER if target in hanging_targets and service in never else LATENCY
        )
        return hanging_targets

    def drop_connections(self, dropped: str) -> None:
        """Make the first request to a service hang in each target, as on a dropped connection."""
        self.seconds = lambda service, target: (
            NEVER if service == dropped and self.sent[service, target] == 1 else LATENCY
        )

    def states(self) -> set[str | None]:
        """Return the states of all pairs."""
        asked = [
            (request.image_name, request.lookup, request.target) for request in self.requests()
        ]
        return {
            self.rows.stored(a_pair(name, lookup, target=target)).state
            for name, lookup, target in asked
        }

    def _random(self, purpose: str) -> random.Random:
        return random.Random(f"{purpose} {self.seed}")  # noqa: S311 - repeatable

    def answer(self, service: str, target: Target, request: AWSPreparedRequest) -> AWSResponse:
        """Respond after the configured time, or raise a read time-out."""
        self.sent[service, target] += 1
        duration = self.seconds(service, target)
        self.time.sleep(min(duration, READ_TIMEOUT))
        if duration > READ_TIMEOUT:
            raise ReadTimeoutError(endpoint_url=request.url)
        body = _ANSWERS[service](request).encode()
        return AWSResponse(request.url, 200, {}, _Raw(body))  # type: ignore[arg-type]


def unanswered(report: BatchReport, hanging_targets: set[Target]) -> int:
    """Count the pairs of responding targets that the batch left for redelivery."""
    again = set(report.failed_messages)
    return sum(not any(_of(target, name) for target in hanging_targets) for name in again)


def _name(request: Request) -> str:
    return f"{request.target.account_id}/{request.target.region}/{request.image_name}"


def _of(target: Target, message: str) -> bool:
    return message.startswith(f"{target.account_id}/{target.region}/")


class _LabHome(HubSession):
    """Real clients, one per service; a client for a target records which target it calls."""

    def __init__(self, lab: Lab) -> None:
        super().__init__("eu-west-1")
        self._lab = lab

    def member_client(self, service: str, region: str, session: AssumedSession) -> Client:
        target = Target(session.access_key_id, region)
        self._lab.created[service, target] += 1
        return _Bound(self.client(service), target)

    def _create(self, service: str, region: str, **_: str) -> Client:
        client = _CLIENTS.get(service)
        if client is None:
            client = _CLIENTS[service] = super()._create(service, region)
            client.meta.events.register("before-send", _send)
        _network[service] = self._lab
        return client


_CLIENTS: dict[str, Client] = {}
_network: dict[str, Lab] = {}


def _send(request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
    service = event_name.split(".")[1]
    target = _calling.get() if service != "sts" else Target(_account(request), "")
    return _network[service].answer(service, target, request)


def _account(request: AWSPreparedRequest) -> str:
    return _form(request)["RoleArn"][0].split(":")[4]


def _form(request: AWSPreparedRequest) -> dict[str, list[str]]:
    body = request.body
    return parse_qs(body.decode() if isinstance(body, bytes) else str(body))


@dataclass(frozen=True, slots=True)
class _Bound:
    client: Client
    target: Target

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of the client
        _calling.set(self.target)
        return getattr(self.client, name)


@dataclass(frozen=True, slots=True)
class _Sleeping:
    """The functions of the module `time` that botocore's retries call."""

    time: VirtualTime

    def sleep(self, seconds: float) -> None:
        """Wait before the next attempt."""
        self.time.sleep(seconds)


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _parameters(_: AWSPreparedRequest) -> str:
    return json.dumps({"Parameters": [{"Name": PATH, "Value": image_id(1)}]})


def _images(_: AWSPreparedRequest) -> str:
    ami = an_ami(1)
    return (
        f"<DescribeImagesResponse><imagesSet><item><imageId>{ami.image_id}</imageId>"
        f"<name>{ami.name}</name><creationDate>{ami.creation_date}</creationDate>"
        "<imageState>available</imageState></item></imagesSet></DescribeImagesResponse>"
    )


def _credentials(request: AWSPreparedRequest) -> str:
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{_account(request)}</AccessKeyId>"
        "<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
        f"<Expiration>{(MOMENT + timedelta(days=3650)).isoformat()}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


_ANSWERS = {"ssm": _parameters, "ec2": _images, "sts": _credentials}
