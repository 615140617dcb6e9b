"""The demo's story, one screen a step; it ends by comparing events received and expected."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from services.catalogue.load import load
from services.console.demo.page import Page, table
from services.console.demo.scene import (
    FILES,
    HUB_REGIONS,
    LAGGING_REGIONS,
    MEMBER_ACCOUNT,
    MEMBER_REGION,
    TARGETS,
    Event,
    Publishers,
    write_files,
)
from services.console.render.matrix import matrix_table
from services.embedded.aws.calls import Call
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import (
    Inbox,
    Received,
    create_hub,
    create_member,
    create_roles,
    subscribe,
)
from services.history.reader import HistoryReader
from services.history.views import matrix
from services.kernel.clock import timestamp
from services.kernel.keys import IMAGE_PREFIX, RELEASE_PREFIX, ROUND_PREFIX
from services.kernel.model import Catalogue

_STEPS = 6
_FILTERED_IMAGE = "al2023"
_LAGGING = " and ".join(LAGGING_REGIONS)
_MOMENT = 0.05
_NEXT_STEPS = """\
Next steps, to watch real images:

  make install                     install the command below
  regions.yaml                     enter your account and your regions
  tracked_images/                  keep, add or remove images
  .venv/bin/ami-tracker check      check both
  INSTALL.md                       deploy, and what it costs
"""


@dataclass(slots=True)
class Subscriber:
    """A subscription, and what it has received so far."""

    name: str
    inbox: Inbox
    listens_to: Callable[[Event], bool]
    received: list[Received] = field(default_factory=list)


class Story:
    """Runs the demo on a started embedded AWS."""

    def __init__(
        self, aws: EmbeddedAws, folder: Path, page: Page, turn_page: Callable[[], None]
    ) -> None:
        self._aws = aws
        self._folder = folder
        self._page = page
        self._turn_page = turn_page
        self._publishers = Publishers(aws.world)
        self._step = 0
        self._expected: list[Event] = []
        self._silent = False
        self._started = datetime.min.replace(tzinfo=UTC)

    def run(self) -> bool:
        """Tell the whole story; whether every subscriber received exactly the expected events."""
        self._set_the_stage()
        self._first_round()
        self._second_round()
        self._third_round()
        self._fourth_round()
        return self._result()

    # --- the acts

    def _set_the_stage(self) -> None:
        self._screen("The stage: an AWS in this process, and a few lines of YAML")
        self._page.say(
            "Nothing here contacts a cloud. A local AWS (moto) holds two accounts, with the real "
            "Amazon Linux and ECS parameters that AWS published, and images registered for the "
            "filter lookups. The configuration is a few files such as these; the second shows the "
            "older form of filters, which still works:"
        )
        write_files(self._folder)
        for name in ("tracked_images/golden.yaml", "tracked_images/red-hat.yml", "regions.yaml"):
            self._page.file(name, FILES[name], "yaml")
        catalogue = load(self._folder / "tracked_images", self._folder / "regions.yaml")
        with self._page.progress() as progress:
            work = progress.add_task("building the accounts", total=len(TARGETS) + 2)
            self._build(catalogue, lambda: progress.advance(work))
        self._page.say(
            f"{len(catalogue.images)} images in {len(TARGETS)} regions: {self._pairs(catalogue)} "
            f"pairs to watch. {MEMBER_REGION} is watched from account {MEMBER_ACCOUNT}, which "
            "does not have the read role yet. A deployment starts a round every half hour; here "
            "four rounds follow each other at once, and all times are the real ones."
        )

    def _build(self, catalogue: Catalogue, done: Callable[[], None]) -> None:
        hub = create_hub(self._aws)
        self._pipeline = Pipeline(self._aws, hub, self._folder / "catalogue.json")
        dynamodb = self._aws.client("dynamodb", hub.region)
        self._history = HistoryReader(dynamodb, hub.table_name)
        self._pipeline.deploy(catalogue)
        self._images = [image.name for image in catalogue.images]
        done()
        self._publishers.begin(done)
        ours = create_member(self._aws, HUB_ACCOUNT, HUB_REGIONS)
        theirs = create_member(self._aws, MEMBER_ACCOUNT, [MEMBER_REGION], roles=False)
        self._subscribers = [
            Subscriber(
                "everything, six regions",
                subscribe(self._aws, ours, HUB_REGIONS),
                lambda event: event.account_id == HUB_ACCOUNT,
            ),
            Subscriber(
                f"only {_FILTERED_IMAGE}, six regions",
                subscribe(self._aws, ours, HUB_REGIONS, [_FILTERED_IMAGE]),
                lambda e: e.account_id == HUB_ACCOUNT and e.image_name == _FILTERED_IMAGE,
            ),
            Subscriber(
                f"everything, {MEMBER_REGION}",
                subscribe(self._aws, theirs, [MEMBER_REGION]),
                lambda event: event.account_id == MEMBER_ACCOUNT,
            ),
        ]
        done()

    def _first_round(self) -> None:
        round_id = self._round_screen("first round: a silent baseline")
        self._page.say(
            "Every pair is seen for the first time. What is current is remembered as version 1; "
            "nothing is announced, since nothing has changed. In the table, v1 is the version in "
            "that region, and the five digits after … are the end of the image id:"
        )
        self._show_matrix(self._round(round_id, expected=[]))
        self._page.say(
            f"{MEMBER_REGION} shows a state instead of a version: the role is missing there. "
            "The other regions were looked up all the same."
        )

    def _second_round(self) -> None:
        round_id = self._round_screen("second round: exactly what changed")
        self._page.say(
            f"Since then: Amazon Linux 2023 came out, but not yet in {_LAGGING}. "
            "Red Hat's image came out in two regions. The newest golden-base was withdrawn in "
            "eu-west-1. In eu-north-1 the ECS parameter names an image that EC2 does not show yet."
        )
        self._show_matrix(self._round(round_id, expected=self._publishers.morning()))
        self._page.say(
            "The regions without the new image kept their version 1, golden-base in eu-west-1 is "
            "back on the older image as a rollback, and the ECS image that cannot be launched is "
            "a state, not an event."
        )
        self._show_one_event()

    def _third_round(self) -> None:
        round_id = self._round_screen("third round: silence")
        mark, before, counters = self._aws.mark(), self._written_rows(), self._rows(ROUND_PREFIX)
        arrived = self._round(round_id, expected=[])
        after, calls = self._written_rows(), self._aws.calls(mark)
        counted = _changed(counters, self._rows(ROUND_PREFIX))
        self._silent = before == after
        self._page.say(
            "Nothing changed, so nothing was announced, and of "
            f"{len(after)} image and release rows, {_changed(before, after)} were written. "
            f"{MEMBER_REGION} and the image that cannot be launched were tried again."
        )
        self._show_arrived(arrived)
        self._page.say(
            f"The round cost these API calls. UpdateItem wrote other rows: {counted} round rows, "
            "which count what was requested and answered in each region, and the scheduler's own "
            "row, which says where the next round begins."
        )
        self._page.show(_calls(calls))

    def _fourth_round(self) -> None:
        round_id = self._round_screen("fourth round: the remaining regions follow")
        create_roles(self._aws, MEMBER_ACCOUNT)
        self._page.say(
            f"Amazon Linux 2023 has reached {_LAGGING}, EC2 shows the ECS image, and account "
            f"{MEMBER_ACCOUNT} has its role: its first lookups are a silent baseline, whatever "
            "was published there before."
        )
        self._show_matrix(self._round(round_id, expected=self._publishers.noon()))

    def _result(self) -> bool:
        self._screen("Result: the events that subscribers received, and the expected ones")
        result = table("subscriber", "expected", "received", "missing", "surplus")
        right = self._silent
        for subscriber in self._subscribers:
            wanted = Counter(filter(subscriber.listens_to, self._expected))
            got = Counter(Event.of(received) for received in subscriber.received)
            missing, surplus = wanted - got, got - wanted
            right = right and not missing and not surplus
            numbers = (wanted.total(), got.total(), missing.total(), surplus.total())
            result.add_row(subscriber.name, *map(str, numbers))
        self._page.show("")
        self._page.show(result)
        if right:
            self._page.say("[bold green]Every event arrived once, and no other.[/]")
            self._page.show(_NEXT_STEPS)
        else:
            self._page.say("[bold red]The events received are not the expected ones.[/]")
        return right

    # --- how it is shown

    def _round(self, round_id: str, expected: Sequence[Event]) -> list[Event]:
        """Run a round; the distinct events that arrived."""
        self._expected += expected
        with self._page.progress() as progress:
            answer = self._pipeline.schedule(round_id)
            work = progress.add_task("looking up", total=int(str(answer["enqueued"])))
            while delivery := self._pipeline.queue.poll():
                progress.advance(work, len(delivery.succeeded))
        self._pipeline.stream.drain()
        return self._collect()

    def _collect(self) -> list[Event]:
        arrived: list[Event] = []
        for subscriber in self._subscribers:
            received = subscriber.inbox.receive()
            subscriber.received += received
            arrived += [Event.of(each) for each in received]
        return sorted(set(arrived), key=lambda event: (event.image_name, event.region))

    def _show_matrix(self, arrived: Iterable[Event]) -> None:
        regions = sorted({target.region for target in TARGETS})
        rows = [row for region in regions for row in self._history.images(region).found]
        view = matrix(TARGETS, self._images, [row.pair for row in rows])
        self._page.show(matrix_table(view))
        self._page.show("")
        self._show_arrived(arrived)

    def _written_rows(self) -> list[dict[str, Any]]:
        return self._rows(IMAGE_PREFIX) + self._rows(RELEASE_PREFIX)

    def _rows(self, prefix: str) -> list[dict[str, Any]]:
        return [row for t in TARGETS for row in self._pipeline.rows(t.region, prefix)]

    def _show_arrived(self, events: Iterable[Event]) -> None:
        announced = table("announced", "image", "region", "now", "before")
        for event in events:
            before = f"…{event.previous_image_id[-5:]}"
            announced.add_row(event.kind, event.image_name, event.region, event.image_id, before)
        if announced.row_count:
            self._page.show(announced)
        else:
            self._page.show("Subscribers received: nothing.", style="dim")

    def _show_one_event(self) -> None:
        sample = next((r for r in self._subscribers[0].received if r.region == "us-east-1"), None)
        if sample is None:
            return
        self._page.say(
            "One event as a subscriber of us-east-1 received it, the body first, byte for byte:"
        )
        self._page.verbatim(sample.body)
        self._page.say("The rest of the event is in message attributes:")
        attributes = table("message attribute", "value")
        for name, value in sorted(sample.attributes.items()):
            attributes.add_row(name, value)
        self._page.show(attributes)

    def _screen(self, title: str) -> None:
        if self._step:
            self._turn_page()
        self._print_title(title)

    def _round_screen(self, title: str) -> str:
        """Begin the screen of a round; the round's name, which is the time."""
        self._turn_page()
        while (moment := datetime.now(UTC).replace(microsecond=0)) <= self._started:
            time.sleep(_MOMENT)
        self._started = moment
        self._print_title(f"{moment:%H:%M:%S} UTC, {title}")
        return timestamp(moment)

    def _print_title(self, title: str) -> None:
        self._step += 1
        self._page.title(f"{self._step}/{_STEPS}  {title}")

    @staticmethod
    def _pairs(catalogue: Catalogue) -> int:
        return sum(len(catalogue.images_in(target.region)) for target in catalogue.targets)


def _changed(before: Sequence[object], after: Sequence[object]) -> int:
    return sum(row not in before for row in after)


def _calls(calls: Iterable[Call]) -> Table:
    counts = Counter(f"{call.service} {call.operation}" for call in calls)
    listed = table("API call", "times")
    for name, count in sorted(counts.items()):
        listed.add_row(name, str(count))
    listed.add_section()
    listed.add_row("all", str(counts.total()))
    return listed
