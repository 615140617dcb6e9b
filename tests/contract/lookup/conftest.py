"""The lookup's two ports, each as a fake and as the adapter over the embedded AWS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from support.builders.lookup import AMAZON, HERE, THERE
from support.fakes.lookup import FactsLab, FakeFacts, FakeRows, RowsLab
from support.fakes.table import DynamoTable

from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import EXTERNAL_ID, READ_ROLE, create_member
from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record, releases_of, round_record
from services.kernel.model import Pair, Release, Target
from services.kernel.records import encode_configuration
from services.kernel.release_records import decode_release, encode_release
from services.kernel.round_records import decode_window
from services.kernel.sessions import TargetSessions
from services.kernel.wire import timestamp
from services.lookup.observations import Observations
from services.lookup.responses import Ami
from services.lookup.sources import Sources, read_role


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pauses between the retries of botocore and tenacity."""
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture(scope="module")
def members_made(running: EmbeddedAws) -> None:
    """Create the target accounts, for the whole module."""
    for target in (HERE, THERE):
        create_member(running, target.account_id, [target.region])


# --- the table


class TableBackend:
    """Direct access to the DynamoDB table, as the scheduler and a reader have it."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def put(self, pair: Pair) -> None:
        """Write the pair's row."""
        record = image_record(pair.target.account_id, pair.image_name)
        row: dict[str, object] = {"region": pair.target.region, "record": record}
        row |= encode_configuration(pair)
        if pair.known:
            row |= {"version": pair.version, "image_id": pair.known.image_id}
            row |= {"ami_name": pair.known.ami_name, "creation_date": pair.known.creation_date}
            if moment := pair.known.deprecation_time:
                row |= {"deprecation_time": timestamp(moment)}
        if pair.confirmed_digest:
            row |= {"confirmed_digest": pair.confirmed_digest}
        if pair.state:
            row |= {"status": {"state": pair.state, "since": "2026-11-01T00:00:00.000Z"}}
        self._table.put({name: value for name, value in row.items() if value is not None})

    def garble(self, pair: Pair) -> None:
        """Make the pair's row undecodable."""
        record = image_record(pair.target.account_id, pair.image_name)
        self._table.put({"region": pair.target.region, "record": record, "version": "seven"})

    def begin(self, target: Target) -> None:
        """Start a window of the target."""
        record = round_record(target.account_id)
        times = {"round": "2026-11-22T07:00:00Z", "window": "2026-11-22T07:00:00Z"}
        self._table.put({"region": target.region, "record": record, **times})

    def put_release(self, release: Release) -> None:
        """Write a release row."""
        self._table.put(encode_release(release))

    def garble_release(self, release: Release) -> None:
        """Write a release row that cannot be decoded."""
        self._table.put(encode_release(release) | {"image_id": 7})

    def releases(self, pair: Pair) -> list[Release]:
        """Return the pair's release rows."""
        region, prefix = pair.target.region, releases_of(pair.target.account_id, pair.image_name)
        rows = (row for row in self._table.rows() if row["region"] == region)
        return [decode_release(row) for row in rows if row["record"].startswith(prefix)]

    def pending(self) -> set[str]:
        """Return the event ids of the pending releases."""
        rows = (row for row in self._table.rows() if "pending" in row)
        return {row["event_id"] for row in rows if row["pending"] == row["region"]}

    def numbers(self, target: Target) -> frozenset[int] | None:
        """Return the answered pairs of the target's window."""
        row = self._table.row(target.region, round_record(target.account_id))
        return decode_window(row).answered if row else None


@pytest.fixture
def table_lab(home: HubSession, table: DynamoTable) -> RowsLab:
    """Build the adapter over DynamoDB."""
    return RowsLab(Observations(home.client("dynamodb"), table.name), TableBackend(table))


@pytest.fixture(params=["fake", "table"])
def rows_lab(request: pytest.FixtureRequest) -> RowsLab:
    """Return the fake, then the adapter over DynamoDB."""
    if request.param == "table":
        lab: RowsLab = request.getfixturevalue("table_lab")
        return lab
    fake = FakeRows()
    return RowsLab(fake, fake)


# --- the targets

_OPERATIONS = {
    "parameters": ("ssm", "GetParameters"),
    "matching": ("ec2", "DescribeImages"),
    "images": ("ec2", "DescribeImages"),
}


class CloudBackend:
    """Direct access to the targets, as publishers and administrators have it."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._publishers = aws.publishers
        self._mark = aws.mark()
        self._images: list[tuple[Target, str]] = []
        self._paths: list[tuple[Target, str]] = []

    def put_parameter(self, target: Target, path: str, value: str) -> None:
        """Publish a parameter."""
        self._publishers.put_parameter(target.account_id, target.region, path, value)
        self._paths.append((target, path))

    def register(self, target: Target, ami: Ami, owner: str = AMAZON) -> None:
        """Publish an image."""
        self._publishers.register_image(
            target.account_id,
            target.region,
            ami.name or "",
            _moment(ami.creation_date),
            owner_id=owner,
            image_id=ami.image_id,
            state=ami.state,
            deprecation_time=ami.deprecation_time,
        )
        self._images.append((target, ami.image_id))

    def close(self, account_id: str) -> None:
        """Deny `AssumeRole` for an account."""
        arn = f"arn:aws:iam::{account_id}:role/{READ_ROLE}"
        refusal = Fault(operation="AssumeRole", resource=arn, code="AccessDenied", status=403)
        self._aws.add_fault(refusal)

    def fail(self, operation: str, code: str) -> None:
        """Make an operation fail until the test ends."""
        service, name = _OPERATIONS[operation]
        self._aws.add_fault(Fault(service=service, operation=name, code=code))

    def requests(self, operation: str) -> int:
        """Return the number of requests of an operation, without retries."""
        wanted = _OPERATIONS[operation]
        calls = self._aws.calls(self._mark)
        return sum((call.service, call.operation) == wanted for call in calls)

    def clean(self) -> None:
        """Remove every published resource."""
        for target, path in self._paths:
            self._publishers.delete_parameter(target.account_id, target.region, path)
        for target, image in self._images:
            self._publishers.remove_image(target.account_id, target.region, image)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@pytest.fixture
def sources(home: HubSession, members_made: None) -> Sources:  # noqa: ARG001 - the accounts must exist
    """Build the adapter over SSM and EC2, without a session."""
    return Sources(TargetSessions(home, read_role(READ_ROLE, EXTERNAL_ID, home.region)))


@pytest.fixture
def cloud(aws: EmbeddedAws) -> Iterator[CloudBackend]:
    """Return access to the targets, which are empty again afterwards."""
    backend = CloudBackend(aws)
    yield backend
    backend.clean()


@pytest.fixture(params=["fake", "cloud"])
def facts_lab(request: pytest.FixtureRequest) -> FactsLab:
    """Return the fake, then the adapter over SSM and EC2."""
    if request.param == "cloud":
        facts, backend = map(request.getfixturevalue, ("sources", "cloud"))
        return FactsLab(facts, backend)
    fake = FakeFacts()
    return FactsLab(fake, fake)
