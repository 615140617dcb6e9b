"""Every alarm enters the ALARM state in its situation, and stays OK in a similar one.

The alarms are those of the plan. Data of our own metrics come from the functions' code: rounds of
the scheduler over rows in memory, and sweeps of the aggregator. Data of AWS's metrics follow AWS's
documentation: one error for each failed invocation, and the age and the number of messages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.aws.metrics import Datapoints, Point, Series, data_of, emitted_lines, states
from support.aws.terraform import Plan, rendered
from support.builders.scheduler import (
    ACCOUNT,
    a_catalogue,
    a_pair,
    an_image,
    image_row,
    images,
    round_row,
)
from support.fakes.log import FakeLog
from support.fakes.scheduler import FakeInventory, FakeQueue

from services.aggregator.outbox import Key
from services.aggregator.report import RelayReport as AggregatorReport
from services.kernel.deadline import Deadline
from services.kernel.errors import AmiTrackerError, CallFailedError, Failure, UnsentError
from services.kernel.model import Catalogue, Pair, State, Target
from services.lookup.report import BatchReport as LookupReport
from services.lookup.report import Outcome
from services.scheduler.report import RoundReport
from services.scheduler.schedule import Scheduler

pytestmark = [pytest.mark.timeout(900)]

PREFIX = "ami-tracker"
ROUND_MINUTES = 30
HOURS = 4
REGIONS = 'AccountId: "111122223333"\nregions:\n  - Name: us-east-1\n  - Name: eu-west-1\n'
BUSY = CallFailedError(Failure.of(State.THROTTLED, "ThrottlingException", "slow down"))


@pytest.fixture(scope="session")
def alarms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every alarm of the basic example, by its name without the prefix."""
    folder = tmp_path_factory.mktemp("alarms")
    plan: Plan = rendered(
        folder, "basic", regions=REGIONS, external_id="of-the-test", site={"enabled": True}
    )
    found = plan.of_type("aws_cloudwatch_metric_alarm").values()
    return {alarm["alarm_name"].removeprefix(f"{PREFIX}-"): alarm for alarm in found}


# --- four hours of data


@dataclass
class Account:
    """Four hours of CloudWatch data; the scheduler's data come from rounds over rows in memory."""

    catalogue: Catalogue = field(
        default_factory=lambda: a_catalogue(("eu-west-1", "us-east-1"), images(100))
    )
    rows: FakeInventory = field(default_factory=FakeInventory)
    queue: FakeQueue = field(default_factory=FakeQueue)
    values: dict[Series, list[Point]] = field(default_factory=lambda: defaultdict(list))
    lines: list[dict[str, Any]] = field(default_factory=list)

    def pair(self, name: str = "image-0000", region: str = "eu-west-1", **changes: Any) -> None:  # noqa: ANN401 - fields of a pair
        """Write the row of a pair as a lookup does."""
        number = 1 + int(name[-4:]) if name[-4:].isdigit() else 999
        known: Pair = a_pair(an_image(name), Target(ACCOUNT, region), state="ok", number=number)
        self.rows.table.put(image_row(replace(known, **changes)))

    def healthy(self) -> Account:
        """Write all rows, with the state `ok`."""
        for target in self.catalogue.targets:
            for image in self.catalogue.images_in(target):
                self.pair(image.name, target.region)
        return self

    def add(self, when: float, lines: Sequence[dict[str, Any]]) -> None:
        """Keep the data of a function's log lines."""
        self.lines += lines
        for series, value in data_of(lines):
            self.values[series].append((when, value))

    def aws(self, namespace: str, name: str, when: float, value: float) -> None:
        """Keep a datapoint of an AWS metric of a function or a queue."""
        resource, metric = name.split(" ")
        dimension = "FunctionName" if namespace == "AWS/Lambda" else "QueueName"
        dimensions = frozenset({(dimension, f"{PREFIX}-{resource}")})
        self.values[namespace, metric, dimensions].append((when, value))

    def round(
        self,
        number: int,
        answered: Callable[[Pair], bool] = lambda _: True,
        regions: Sequence[str] | None = None,
    ) -> None:
        """Run a round at its time; then mark the pairs that `answered` selects as answered."""
        minutes = number * ROUND_MINUTES
        round_id = f"2026-11-22T{7 + minutes // 60:02}:{minutes % 60:02}:00Z"
        when = 60 * minutes + 20.0

        def report(summary: RoundReport) -> None:
            self.add(when, emitted_lines("scheduler", summary.measures()))

        scheduler = Scheduler(self.rows, self.queue, FakeLog(), 20, report=report)
        failed = 1
        with suppress(AmiTrackerError):
            scheduler.run(self.catalogue, round_id, regions, Deadline.after(900))
            failed = 0
        self.aws("AWS/Lambda", "scheduler Errors", when, failed)
        self._answer(answered)

    def _answer(self, answered: Callable[[Pair], bool]) -> None:
        for region in self.catalogue.regions():
            rows = self.rows.read(region, whole=True) if region not in self.rows.busy else None
            window = rows.windows.get(ACCOUNT) if rows else None
            if rows and window:
                numbers = {pair.number for pair in rows.pairs if pair.number and answered(pair)}
                after = replace(window, answered=window.answered | numbers)
                self.rows.table.put(round_row(Target(ACCOUNT, region), after))

    def rounds(self, count: int = 8, *, start: int = 0, **how: Any) -> Account:  # noqa: ANN401 - of `round`
        """Run a number of rounds."""
        for number in range(start, start + count):
            self.round(number, **how)
        return self

    def sweeps(self, oldest: float = 0, unreadable: int = 0, until: int = 48) -> Account:
        """Run a sweep of the aggregator every five minutes."""
        for number in range(until):
            report = AggregatorReport(swept=True)
            report.count_waiting(Key("eu-west-1", "release#1"), oldest)
            report.count_unreadable(Key("eu-west-1", f"release#x{n}") for n in range(unreadable))
            self.add(300.0 * number + 5, emitted_lines("aggregator", report.measures()))
        return self

    def measured(self, name: str, *values: float, every: int = 300) -> Account:
        """Keep datapoints of an AWS metric at intervals."""
        of_lambda = name.endswith((" Errors", " Invocations"))
        namespace = "AWS/Lambda" if of_lambda else "AWS/SQS"
        for number, value in enumerate(values):
            self.aws(namespace, name, every * number + 30.0, value)
        return self


def without_failures() -> Account:
    """Four hours without failures: 200 pairs, eight rounds, a sweep every five minutes."""
    account = Account().healthy().rounds().sweeps()
    for name in ("lookup Errors", "aggregator Errors"):
        account.measured(name, *[0] * 48)
    account.measured("publisher Errors", *[0] * 4, every=3600)
    account.measured("publisher Invocations", *[1] * 4, every=3600)
    for queue in ("lookups-dead-letters", "schedule-dead-letters"):
        account.measured(f"{queue} ApproximateNumberOfMessagesVisible", *[0] * 48)
    return account.measured("lookups ApproximateAgeOfOldestMessage", *[120] * 48)


def with_states(*states_: str, share: int = 1, rounds: int = 8, **changes: Any) -> Account:  # noqa: ANN401 - fields of a pair
    """An account in which some pairs of each region are in these states for some rounds."""
    account = Account().healthy()
    for region in account.catalogue.regions():
        for number in range(share):
            state = states_[number % len(states_)]
            account.pair(f"image-{number:04}", region, state=state, **changes)
    account.rounds(rounds)
    return account


def one_pair(state: str, rounds: int = 8) -> Account:
    """An account in which one pair is in a state for some rounds, and then `ok`."""
    account = Account().healthy()
    account.pair(state=state)
    account.rounds(rounds)
    account.pair()
    return account.rounds(8 - rounds, start=rounds)


def never_found(*states_: str) -> Account:
    """An account with an image that was never found, with a state for each region."""
    account = Account().healthy()
    account.catalogue = a_catalogue(("eu-west-1", "us-east-1"), [*images(100), an_image("typo")])
    for region, state in zip(account.catalogue.regions(), states_, strict=True):
        known = {"known": None, "version": 0, "confirmed_digest": None}
        account.pair("typo", region, state=state, **known)
    return account.rounds()


def denied(left: int = 0) -> Account:
    """An account whose pairs in a region are denied, except `left`; no round has run yet."""
    account = Account().healthy()
    for number in range(left, 100):
        account.pair(f"image-{number:04}", state="access_denied")
    return account


def unanswered(rounds: int) -> Account:
    """An account in which one pair is not answered in some rounds."""
    account = Account().healthy().rounds(1)
    account.rounds(rounds, start=1, answered=lambda pair: pair.number != 7)
    return account.rounds(8 - 1 - rounds, start=1 + rounds)


def damaged(rows: int) -> Account:
    """An account with image rows that cannot be decoded."""
    account = Account().healthy()
    for number in range(rows):
        row = image_row(a_pair(an_image(f"image-{number:04}"), Target(ACCOUNT, "eu-west-1")))
        account.rows.table.put(row | {"version": "three"})
    return account.rounds()


def removing(count: int) -> Account:
    """An account whose new catalogue has fewer images."""
    account = Account().healthy().rounds(2)
    account.catalogue = a_catalogue(("eu-west-1", "us-east-1"), images(100 - count))
    return account.rounds(6, start=2)


def refusing(rounds: int) -> Account:
    """An account whose queue refuses the messages of a region in some rounds."""
    account = Account().healthy().rounds(2)
    account.queue.refused["eu-west-1"] = UnsentError(100, "queue", "throttled")
    account.rounds(rounds, start=2)
    account.queue.refused.clear()
    return account.rounds(6 - rounds, start=2 + rounds)


def stopped(after: int) -> Account:
    """An account without rounds after the first ones."""
    return Account().healthy().rounds(after)


AGE = "lookups ApproximateAgeOfOldestMessage"
DEAD = "lookups-dead-letters ApproximateNumberOfMessagesVisible"
UNSCHEDULED = "schedule-dead-letters ApproximateNumberOfMessagesVisible"

Situation = tuple[str, Callable[[], Account]]

IN_ALARM: dict[str, Situation] = {
    "images-never-found": (
        "an image that was never found is not_found and bad_lookup in both regions",
        lambda: never_found("not_found", "bad_lookup"),
    ),
    "pairs-failing-throttling": (
        "3 % of the pairs are throttled or late at the start of each round",
        lambda: with_states("throttled", "late", "transient", share=3),
    ),
    "pairs-failing-access": (
        "one pair of 200 is access_denied in two rounds",
        lambda: one_pair("access_denied", rounds=2),
    ),
    "pairs-failing-image": (
        "11 % of the pairs are not_found or not_launchable",
        lambda: with_states("not_found", "not_launchable", share=11),
    ),
    "pairs-failing-other": (
        "one pair of 200 is unclassified in two rounds",
        lambda: one_pair("unclassified", rounds=2),
    ),
    "pairs-stale": ("a pair is not answered in six rounds", lambda: unanswered(6)),
    "targets-failing": ("all 100 pairs of a region are access_denied", lambda: denied().rounds()),
    "rows-unreadable": ("one image row cannot be decoded", lambda: damaged(1)),
    "round-missing": ("no round starts after the second", lambda: stopped(2)),
    "removals-refused": ("a deployment removes 30 of 100 images", lambda: removing(30)),
    "regions-failed": ("the queue refuses a region in two rounds", lambda: refusing(2)),
    "scheduler-errors": ("two rounds fail in a region", lambda: refusing(2)),
    "lookup-errors": (
        "batches fail in two periods of half an hour",
        lambda: Account().measured("lookup Errors", 0, 1, 0, 1, 0, 0),
    ),
    "aggregator-errors": (
        "the aggregator fails in two periods of half an hour",
        lambda: Account().measured("aggregator Errors", 0, 1, 0, 1, 0, 0),
    ),
    "publisher-errors": (
        "two runs of the publisher fail, one after the other",
        lambda: Account().measured("publisher Errors", 0, 1, 1, 0, every=3600),
    ),
    "site-outdated": (
        "the publisher runs only once in four hours",
        lambda: Account().measured("publisher Invocations", 1, every=3600),
    ),
    "dead-letters": (
        "a message is in the dead-letter queue",
        lambda: Account().measured(DEAD, 0, 1, 1),
    ),
    "schedule-dead-letters": (
        "a function could not be invoked",
        lambda: Account().measured(UNSCHEDULED, 0, 1, 1),
    ),
    "requests-waiting": (
        "the oldest request waits for 100 minutes",
        lambda: Account().measured(AGE, *[6000] * 6),
    ),
    "release-pending": ("a release waits for 16 minutes", lambda: Account().sweeps(oldest=960)),
    "unreadable-releases": (
        "a pending row cannot be decoded",
        lambda: Account().sweeps(unreadable=1),
    ),
}

STAYS_OK: dict[str, Situation] = {
    "images-never-found": (
        "an image is not_found in one region and access_denied in the other",
        lambda: never_found("not_found", "access_denied"),
    ),
    "pairs-failing-throttling": (
        "1 % of the pairs are throttled at the start of each round",
        lambda: with_states("throttled", share=1),
    ),
    "pairs-failing-access": (
        "one pair is access_denied in a single round",
        lambda: one_pair("access_denied", rounds=1),
    ),
    "pairs-failing-image": (
        "10 % of the pairs are not_found",
        lambda: with_states("not_found", share=10),
    ),
    "pairs-failing-other": (
        "one pair is unclassified in a single round",
        lambda: one_pair("unclassified", rounds=1),
    ),
    "pairs-stale": ("a pair is not answered in two rounds", lambda: unanswered(2)),
    "targets-failing": ("99 of 100 pairs of a region are denied", lambda: denied(left=1).rounds()),
    "rows-unreadable": ("every row can be decoded", lambda: damaged(0)),
    "round-missing": ("a round every 30 minutes", without_failures),
    "removals-refused": ("a deployment removes 20 of 100 images", lambda: removing(20)),
    "regions-failed": ("the queue refuses a region in one round", lambda: refusing(1)),
    "scheduler-errors": ("one round fails in a region", lambda: refusing(1)),
    "lookup-errors": (
        "batches fail in one period of half an hour",
        lambda: Account().measured("lookup Errors", 0, 3, 0, 0, 0, 0),
    ),
    "aggregator-errors": (
        "the aggregator fails in one period of half an hour",
        lambda: Account().measured("aggregator Errors", 0, 3, 0, 0, 0, 0),
    ),
    "publisher-errors": (
        "one run of the publisher fails",
        lambda: Account().measured("publisher Errors", 0, 1, 0, 0, every=3600),
    ),
    "site-outdated": (
        "the publisher runs every hour",
        lambda: Account().measured("publisher Invocations", *[1] * 4, every=3600),
    ),
    "dead-letters": ("the queue is empty", lambda: Account().measured(DEAD, 0, 0, 0)),
    "schedule-dead-letters": (
        "the queue is empty",
        lambda: Account().measured(UNSCHEDULED, 0, 0, 0),
    ),
    "requests-waiting": (
        "the oldest request waits for 80 minutes, the time of five receives",
        lambda: Account().measured(AGE, *[4800] * 6),
    ),
    "release-pending": ("a release waits for 14 minutes", lambda: Account().sweeps(oldest=840)),
    "unreadable-releases": ("every pending row can be decoded", lambda: Account().sweeps()),
}


def history_of(alarm: dict[str, Any], account: Account) -> list[str]:
    """The alarm's state after each of its periods, for four hours."""
    return states(alarm, Datapoints(account.values), HOURS * 3600)


def enters_alarm(alarm: dict[str, Any], account: Account) -> bool:
    """Whether an alarm is in the ALARM state at any time."""
    return "ALARM" in history_of(alarm, account)


def test_every_alarm_has_both_situations(alarms: dict[str, dict[str, Any]]) -> None:
    """Every alarm has a situation of each kind."""
    assert set(alarms) == set(IN_ALARM) == set(STAYS_OK)


@pytest.mark.parametrize("name", sorted(IN_ALARM))
def test_alarm_enters_the_alarm_state(alarms: dict[str, dict[str, Any]], name: str) -> None:
    """The alarm enters the ALARM state in its situation."""
    assert enters_alarm(alarms[name], IN_ALARM[name][1]())


@pytest.mark.parametrize("name", sorted(STAYS_OK))
def test_alarm_stays_ok(alarms: dict[str, dict[str, Any]], name: str) -> None:
    """The alarm stays OK in a similar situation in which no action is needed."""
    assert not enters_alarm(alarms[name], STAYS_OK[name][1]())


def test_no_alarm_without_failures(alarms: dict[str, dict[str, Any]]) -> None:
    """Four hours with 200 answered pairs start no alarm."""
    account = without_failures()

    assert [name for name, alarm in alarms.items() if enters_alarm(alarm, account)] == []


def test_throttled_attempt_that_succeeds_on_a_retry_starts_no_alarm(
    alarms: dict[str, dict[str, Any]],
) -> None:
    """A throttled attempt is counted, but the state of its pair stays `ok`.

    One of 100,000 pairs is throttled in every round.
    """
    account = without_failures()
    for number in range(8):
        report = LookupReport()
        for _ in range(99_999):
            report.add(Target(ACCOUNT, "eu-west-1"), Outcome(State.OK))
        report.add(Target(ACCOUNT, "eu-west-1"), Outcome(State.THROTTLED, again=True))
        account.add(1800.0 * number + 60, emitted_lines("lookup", report.measures()))

    assert [name for name, alarm in alarms.items() if enters_alarm(alarm, account)] == []


def test_health_alarm_ends_with_the_round_that_measures_zero(
    alarms: dict[str, dict[str, Any]],
) -> None:
    """The alarm keeps its state between rounds, without data, until a round measures zero."""
    account = denied()
    account.rounds(3)
    account.healthy().rounds(5, start=3)
    on, off = (["ALARM"] * 18, ["OK"] * 30)

    assert history_of(alarms["targets-failing"], account) == on + off


def test_round_for_one_region_ends_no_alarm(alarms: dict[str, dict[str, Any]]) -> None:
    """A round for one region emits no health metrics, because it does not read all regions."""
    account = denied()
    account.rounds(1)
    account.healthy()
    for number in range(1, 8):
        account.round(number, regions=["us-east-1"])

    assert history_of(alarms["targets-failing"], account)[-1] == "ALARM"


def test_region_that_cannot_be_read_ends_no_alarm(
    alarms: dict[str, dict[str, Any]],
) -> None:
    """The rounds fail with an alarm of their own, and the other alarms keep their state."""
    account = denied()
    account.rounds(2)
    account.rows.busy["us-east-1"] = BUSY
    account.rounds(6, start=2)

    assert history_of(alarms["targets-failing"], account)[-1] == "ALARM"
    assert history_of(alarms["regions-failed"], account)[-1] == "ALARM"
