"""The aggregator's port to the table: the fake and the adapter behave alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from support.builders.aggregator import (
    NO_TOPIC,
    TARGET,
    a_release,
    key_of,
    key_of_release,
    pending_row,
    published_row,
)
from support.fakes.aggregator import FakeOutbox
from support.fakes.log import FakeLog
from support.fakes.table import DynamoTable, Table

from services.aggregator.outbox import Found, Key, Outbox
from services.aggregator.relay import ReleaseRows
from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record
from services.kernel.model import Kind, Pair, ParameterLookup, Release, Target
from services.kernel.records import encode_configuration
from services.kernel.release_records import LastProblem, decode_release_row
from services.kernel.wire import lookup_digest, timestamp

NOW = datetime(2026, 11, 22, 7, 0, 11, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
OTHER = Target("222233334444", "us-east-1")


@dataclass(frozen=True, slots=True)
class Lab:
    """The port under test, and direct access to its table."""

    rows: ReleaseRows
    table: Table

    def pending(self) -> list[Key]:
        """Return every key of the index."""
        found = [key for page in self.rows.pending() for key in page]
        return sorted(found, key=lambda key: (key.region, key.record))

    def given(self, *releases: Release) -> list[Key]:
        """Commit releases and return their keys."""
        for release in releases:
            self.table.put(pending_row(release))
        return [key_of_release(release) for release in releases]


def image_row(target: Target, *, active: bool, name: str = "al2023") -> dict[str, object]:
    """Build a row of a tracked image."""
    lookup = ParameterLookup(f"/images/{name}")
    pair = Pair(target, name, active, lookup, lookup_digest(lookup))
    key = {"region": target.region, "record": image_record(target.account_id, name)}
    return encode_configuration(pair) | key


@pytest.fixture(params=["fake", "outbox"])
def lab(request: pytest.FixtureRequest) -> Lab:
    """Return the fake, then the adapter over DynamoDB."""
    if request.param == "fake":
        fake = FakeOutbox()
        return Lab(fake, fake.table)
    home: HubSession = request.getfixturevalue("home")
    table: DynamoTable = request.getfixturevalue("table")
    return Lab(Outbox(home.client("dynamodb"), table.name, FakeLog()), table)


class TestPending:
    """The index holds exactly the pending releases."""

    def test_an_empty_table_has_nothing_pending(self, lab: Lab) -> None:
        """An empty table returns no keys."""
        assert lab.pending() == []

    def test_pending_releases_of_every_region_are_found(self, lab: Lab) -> None:
        """The index returns the keys of pending releases in every region."""
        keys = lab.given(a_release(version=1), a_release(version=2), a_release(target=OTHER))
        assert lab.pending() == keys

    def test_published_and_unannounced_releases_are_not_pending(self, lab: Lab) -> None:
        """Published releases and releases that are not announced are not in the index."""
        lab.table.put(published_row(a_release()))
        unannounced = pending_row(a_release("unannounced"))
        del unannounced["pending"]
        lab.table.put(unannounced)
        assert lab.pending() == []


class TestReading:
    """A release is read as it was committed, or not at all."""

    @pytest.mark.parametrize("kind", Kind)
    def test_a_release_is_read_back_equal(self, lab: Lab, kind: Kind) -> None:
        """Releases of every kind are read back equal, with and without optional values."""
        full = a_release("full", kind=kind)
        bare = a_release("bare", kind=kind, ami_name=None, previous_image_id=None)
        keys = lab.given(bare, full)
        assert sorted(lab.rows.read(keys).releases, key=repr) == sorted([bare, full], key=repr)

    def test_no_release_is_read_without_keys(self, lab: Lab) -> None:
        """A read without keys returns no release, even if some are pending."""
        lab.given(a_release())
        assert lab.rows.read([]) == Found()

    def test_only_requested_releases_are_read(self, lab: Lab) -> None:
        """A read returns only the requested releases and ignores keys without a row."""
        wanted = a_release("wanted")
        (key,) = lab.given(wanted)
        lab.given(a_release("other"))
        missing = key_of_release(a_release("missing"))
        assert lab.rows.read([missing, key]) == Found((wanted,))

    def test_a_key_may_be_given_twice(self, lab: Lab) -> None:
        """A key that is given twice returns its release once."""
        (key,) = lab.given(a_release())
        assert lab.rows.read([key, key]) == Found((a_release(),))

    def test_a_published_release_is_not_read(self, lab: Lab) -> None:
        """A published release is not read, although the index may still list it."""
        row = published_row(a_release())
        lab.table.put(row)
        assert lab.rows.read([key_of(row)]) == Found(published=frozenset({key_of(row)}))

    @pytest.mark.parametrize(
        "damage",
        [
            {"version": "two"},
            {"kind": "unheard-of"},
            {"image_id": 7},
            {"account_id": None},
            {"version": 3},
            {"pending": "us-east-1"},
            {"detected_at": "yesterday"},
            {"detected_at": "2026-11-22T07:00:10"},
        ],
        ids=lambda damage: "-".join(map(str, next(iter(damage.items())))),
    )
    def test_a_malformed_row_does_not_affect_others(
        self, lab: Lab, damage: dict[str, object]
    ) -> None:
        """A malformed row is reported as unreadable and does not affect the others."""
        good, bad = a_release("good"), pending_row(a_release("bad")) | damage
        keys = lab.given(good)
        lab.table.put(bad)
        assert lab.rows.read([key_of(bad), *keys]) == Found((good,), frozenset({key_of(bad)}))

    def test_a_malformed_row_that_is_not_pending_is_not_counted(self, lab: Lab) -> None:
        """A malformed row that is not pending is not reported."""
        row = published_row(a_release()) | {"kind": "unheard-of"}
        lab.table.put(row)
        assert lab.rows.read([key_of(row)]) == Found(published=frozenset({key_of(row)}))


class TestMarking:
    """A publication is recorded once."""

    def test_a_published_release_is_not_pending(self, lab: Lab) -> None:
        """The row of a published release gets time and message id, and is otherwise unchanged."""
        (key,) = lab.given(a_release())
        lab.rows.mark(a_release(), "message-1", NOW)
        assert lab.table.rows() == [published_row(a_release())]
        assert lab.pending() == []
        assert lab.rows.read([key]) == Found(published=frozenset({key}))

    def test_the_first_mark_stays(self, lab: Lab) -> None:
        """A second mark, of a copy that was sent later, changes nothing."""
        lab.given(a_release())
        lab.rows.mark(a_release(), "message-1", NOW)
        lab.rows.mark(a_release(), "message-2", LATER)
        assert lab.table.rows() == [published_row(a_release())]

    def test_marking_touches_no_other_release(self, lab: Lab) -> None:
        """A mark changes no other version of the image and no other target."""
        others = [a_release(version=1), a_release(target=OTHER)]
        lab.given(a_release(), *others)
        lab.rows.mark(a_release(), "message-1", NOW)
        assert lab.pending() == [key_of_release(release) for release in others]

    def test_a_deleted_row_is_not_created_again(self, lab: Lab) -> None:
        """A mark does not create a row that was deleted."""
        lab.rows.mark(a_release(), "message-1", NOW)
        assert lab.table.rows() == []

    def test_a_release_that_was_not_to_be_announced_stays_as_it_is(self, lab: Lab) -> None:
        """A mark does not change a release that was not to be announced."""
        row = pending_row(a_release())
        del row["pending"]
        lab.table.put(row)
        lab.rows.mark(a_release(), "message-1", NOW)
        assert lab.table.rows() == [row]


class TestProblems:
    """A pending release has the last problem of its announcement."""

    def test_a_problem_is_written_and_read(self, lab: Lab) -> None:
        """Code, detail and time are in the row, which stays pending."""
        (key,) = lab.given(a_release())
        lab.rows.keep_problem(a_release(), NO_TOPIC, NOW)
        problem = {
            "code": "NotFound",
            "detail": "Topic does not exist",
            "since": timestamp(NOW),
        }
        assert lab.table.rows() == [pending_row(a_release()) | {"last_problem": problem}]
        assert lab.rows.read([key]) == Found((a_release(),), problems={key: "NotFound"})
        assert lab.pending() == [key]
        row = decode_release_row(lab.table.rows()[0])
        assert row.last_problem == LastProblem("NotFound", "Topic does not exist", NOW)

    def test_the_time_is_that_of_the_first_problem_with_the_code(self, lab: Lab) -> None:
        """Another detail, such as another request id, is no change; another code is."""
        lab.given(a_release())
        lab.rows.keep_problem(a_release(), NO_TOPIC, NOW)
        before = lab.table.rows()
        lab.rows.keep_problem(a_release(), replace(NO_TOPIC, detail="request 2"), LATER)
        assert lab.table.rows() == before
        lab.rows.keep_problem(a_release(), replace(NO_TOPIC, code="Throttled"), LATER)
        (row,) = lab.table.rows()
        assert row["last_problem"]["code"] == "Throttled"
        assert row["last_problem"]["since"] == timestamp(LATER)

    @pytest.mark.parametrize("damage", ["text", {"detail": "no code"}, {"code": 7}, ["NotFound"]])
    def test_a_damaged_problem_is_replaced(self, lab: Lab, damage: object) -> None:
        """It counts as missing, and the release is read."""
        row = pending_row(a_release())
        lab.table.put(row | {"last_problem": damage})
        assert lab.rows.read([key_of(row)]) == Found((a_release(),))
        lab.rows.keep_problem(a_release(), NO_TOPIC, NOW)
        assert lab.rows.read([key_of(row)]).problems == {key_of(row): "NotFound"}

    @pytest.mark.parametrize("end", ["published", "closed"])
    def test_a_release_that_is_not_pending_keeps_its_last_problem(self, lab: Lab, end: str) -> None:
        """It explains a late announcement, and no later problem replaces it."""
        (key,) = lab.given(a_release())
        lab.rows.keep_problem(a_release(), NO_TOPIC, NOW)
        if end == "published":
            lab.rows.mark(a_release(), "message-1", LATER)
        else:
            lab.rows.close(a_release(), LATER)
        lab.rows.keep_problem(a_release(), replace(NO_TOPIC, code="Throttled"), LATER)
        (row,) = lab.table.rows()
        assert row["last_problem"]["code"] == "NotFound"
        assert lab.rows.read([key]).problems == {}

    def test_a_deleted_row_is_not_created_again(self, lab: Lab) -> None:
        """A problem does not create a row that was deleted."""
        lab.rows.keep_problem(a_release(), NO_TOPIC, NOW)
        assert lab.table.rows() == []


class TestEarlierReleases:
    """The index returns the pending releases before a release of an image."""

    def test_earlier_pending_releases_are_found(self, lab: Lab) -> None:
        """Earlier pending releases are returned by their keys in order, and no others."""
        keys = lab.given(*(a_release(version=version) for version in (2, 4, 11, 12)))
        assert lab.rows.pending_before(keys[2]) == keys[:2]

    def test_releases_that_are_not_pending_are_not_found(self, lab: Lab) -> None:
        """Published, closed and unannounced releases are not returned."""
        (key,) = lab.given(a_release(version=9))
        lab.table.put(published_row(a_release(version=1)))
        unannounced = pending_row(a_release(version=2))
        del unannounced["pending"]
        lab.table.put(unannounced)
        lab.given(a_release(version=3))
        lab.rows.close(a_release(version=3), NOW)
        assert lab.rows.pending_before(key) == []

    def test_other_images_and_targets_are_not_found(self, lab: Lab) -> None:
        """Images with a common prefix or special characters are not returned."""
        others = ["al2023-x", "al202", "AL2023", "al2023.", "al2023_"]
        lab.given(*(a_release(name, version=1) for name in others))
        lab.given(a_release(version=1, target=OTHER))
        (key,) = lab.given(a_release(version=9))
        assert lab.rows.pending_before(key) == []

    def test_a_row_that_cannot_be_decoded_is_found_by_its_key(self, lab: Lab) -> None:
        """The index returns the key of a row that cannot be decoded."""
        row = pending_row(a_release(version=1)) | {"kind": "unknown"}
        lab.table.put(row)
        (key,) = lab.given(a_release(version=9))
        assert lab.rows.pending_before(key) == [key_of(row)]


class TestClosing:
    """A release that can no longer be received is recorded as closed."""

    def test_a_closed_release_is_not_pending(self, lab: Lab) -> None:
        """The row of a closed release gets the time, and is otherwise unchanged."""
        (key,) = lab.given(a_release())
        lab.rows.close(a_release(), NOW)
        row = pending_row(a_release()) | {"closed_at": "2026-11-22T07:00:11.000Z"}
        del row["pending"]
        assert lab.table.rows() == [row]
        assert lab.pending() == []
        assert lab.rows.read([key]) == Found()

    def test_a_published_release_is_not_closed(self, lab: Lab) -> None:
        """A release that was published before is not closed."""
        lab.given(a_release())
        lab.rows.mark(a_release(), "message-1", NOW)
        lab.rows.close(a_release(), LATER)
        assert lab.table.rows() == [published_row(a_release())]

    def test_a_deleted_row_is_not_closed(self, lab: Lab) -> None:
        """Closing a deleted row creates no row."""
        lab.rows.close(a_release(), NOW)
        assert lab.table.rows() == []


class TestActiveImages:
    """A target may be active if one of its image rows may be active."""

    def test_a_target_without_rows_is_not_active(self, lab: Lab) -> None:
        """A target with release rows only is not active."""
        lab.given(a_release())
        lab.table.put(image_row(OTHER, active=True))
        lab.table.put(image_row(Target(TARGET.account_id, "us-east-1"), active=True))
        assert not lab.rows.may_be_active(TARGET)

    @pytest.mark.parametrize("active", [True, False])
    def test_a_row_says_whether_its_image_is_active(self, lab: Lab, active: bool) -> None:  # noqa: FBT001 - a table
        """A target is active if one of its images is active."""
        for name in ("a", "b", "c"):
            lab.table.put(image_row(TARGET, active=active and name == "b", name=name))
        assert lab.rows.may_be_active(TARGET) == active

    @pytest.mark.parametrize(
        "damage", [{"active": "no"}, {"lookup": {}}, {"image_name": "b"}, {"version": "one"}]
    )
    def test_a_damaged_row_may_be_active(self, lab: Lab, damage: dict[str, object]) -> None:
        """A damaged image row counts as active."""
        lab.table.put(image_row(TARGET, active=False) | damage)
        assert lab.rows.may_be_active(TARGET)


# --- the adapter only

Use = Callable[[Outbox], object]
USES: dict[str, tuple[str, Use]] = {
    "pending": ("Scan", lambda rows: list(rows.pending())),
    "read": ("BatchGetItem", lambda rows: rows.read([key_of_release(a_release())])),
    "pending before": (
        "Query",
        lambda rows: rows.pending_before(key_of_release(a_release(version=9))),
    ),
    "active": ("Query", lambda rows: rows.may_be_active(TARGET)),
    "mark": ("UpdateItem", lambda rows: rows.mark(a_release(), "message-1", NOW)),
    "close": ("UpdateItem", lambda rows: rows.close(a_release(), NOW)),
    "problem": ("UpdateItem", lambda rows: rows.keep_problem(a_release(), NO_TOPIC, NOW)),
}
uses = pytest.mark.parametrize(("operation", "use"), USES.values(), ids=USES)


@pytest.fixture
def outbox(home: HubSession, table: DynamoTable, log: FakeLog) -> Outbox:
    """Build the adapter over the embedded DynamoDB."""
    return Outbox(home.client("dynamodb"), table.name, log)


@uses
def test_each_use_is_one_call(aws: EmbeddedAws, outbox: Outbox, operation: str, use: Use) -> None:
    """Each use takes one call, and a read without keys takes none."""
    outbox.read([])
    use(outbox)
    assert [call.operation for call in aws.calls()] == [operation]


@uses
def test_a_missing_table_is_a_broken_hub(
    home: HubSession, log: FakeLog, operation: str, use: Use
) -> None:
    """The error names the missing table."""
    with pytest.raises(HubBrokenError, match="table nowhere cannot be used") as caught:
        use(Outbox(home.client("dynamodb"), "nowhere", log))
    assert operation in str(caught.value.__cause__)


@uses
@pytest.mark.usefixtures("waits")
def test_a_throttled_table_is_a_temporary_failure(
    aws: EmbeddedAws, outbox: Outbox, operation: str, use: Use
) -> None:
    """A throttled call is a temporary failure, which a later sweep repeats."""
    with aws.fault(service="dynamodb", operation=operation), pytest.raises(CallFailedError):
        use(outbox)


def test_more_keys_than_a_call_accepts_are_read(
    aws: EmbeddedAws, outbox: Outbox, table: DynamoTable
) -> None:
    """A hundred and one keys are read in two calls."""
    releases = [a_release(f"image-{number:03d}") for number in range(101)]
    for release in releases:
        table.put(pending_row(release))
    found = outbox.read([key_of_release(release) for release in releases])
    assert sorted(found.releases, key=lambda release: release.image_name) == releases
    assert [call.operation for call in aws.calls()] == ["BatchGetItem"] * 2


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (
            {"version": "two"},
            f"row release#{TARGET.account_id}#al2023#00000002 of eu-west-1 is malformed",
        ),
        (
            {"version": 3},
            (
                f"row release#{TARGET.account_id}#al2023#00000002 of eu-west-1 is malformed: "
                f"its content belongs to the key release#{TARGET.account_id}#al2023#00000003"
            ),
        ),
        (
            {"pending": "us-east-1"},
            (
                "release 2 of al2023 in eu-west-1 of account 111122223333 is malformed: "
                "pending is 'us-east-1', but must be its region"
            ),
        ),
        (
            {"detected_at": "yesterday"},
            (
                f"row release#{TARGET.account_id}#al2023#00000002 of eu-west-1 is malformed: "
                "detected_at is 'yesterday', but must be a time"
            ),
        ),
    ],
    ids=["version", "key", "pending", "detected_at"],
)
def test_a_malformed_row_is_logged(
    outbox: Outbox, table: DynamoTable, log: FakeLog, damage: dict[str, object], problem: str
) -> None:
    """The log names the key of a malformed row."""
    row = pending_row(a_release()) | damage
    table.put(row)
    assert outbox.read([key_of(row)]) == Found((), frozenset({key_of(row)}))
    (line,) = log.lines
    assert (line.level, line.event) == ("error", "row malformed")
    assert str(line.fields["problem"]).startswith(problem)
