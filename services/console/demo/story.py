"""The demo's story, one screen a step; it ends by comparing what came with what had to come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

from services.catalogue.load import load
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
from services.console.embedded.calls import Call
from services.console.embedded.estate import (
    Inbox,
    Received,
    create_hub,
    create_member,
    create_roles,
    subscribe,
)
from services.console.embedded.pipeline import Pipeline
from services.console.embedded.server import HUB_ACCOUNT, EmbeddedAws
from services.console.matrix import matrix
from services.kernel.model import Catalogue
from services.kernel.wire import IMAGE_PREFIX, RELEASE_PREFIX, decode_pair

_STEPS = 6
_FILTERED_IMAGE = "al2023"
_PLAIN: dict[str, Any] = {"theme": "ansi_light", "background_color": "default"}
"""The terminal's own colours, which can be read on any background."""
_LAGGING = " and ".join(LAGGING_REGIONS)


@dataclass(slots=True)
class Subscriber:
    """Somebody who listens, and what they got so far."""

    name: str
    inbox: Inbox
    listens_to: Callable[[Event], bool]
    received: list[Received] = field(default_factory=list)


class Story:
    """Runs the demo on a started embedded AWS."""

    def __init__(
        self, aws: EmbeddedAws, folder: Path, console: Console, turn_page: Callable[[], None]
    ) -> None:
        self._aws = aws
        self._folder = folder
        self._console = console
        self._turn_page = turn_page
        self._publishers = Publishers(aws.world)
        self._step = 0
        self._expected: list[Event] = []
        self._silent = False

    def run(self) -> bool:
        """Tell the whole story; whether every subscriber got exactly what they had to get."""
        self._set_the_stage()
        self._first_round()
        self._second_round()
        self._third_round()
        self._fourth_round()
        return self._reckoning()

    # --- the acts

    def _set_the_stage(self) -> None:
        self._screen("The stage: an AWS in this process, and a few lines of YAML")
        self._say(
            "Nothing here contacts a cloud. A local AWS (moto) holds two accounts, with the real "
            "Amazon Linux and ECS parameters that AWS published, and images registered for the "
            "filter lookups. Platform engineers write files such as these; the second shows the "
            "older form of filters, which keeps working:"
        )
        write_files(self._folder)
        for name in ("tracked_images/golden.yaml", "tracked_images/red-hat.yml", "regions.yaml"):
            self._console.print(f"\n  [bold]{name}[/]")
            self._console.print(Syntax(FILES[name].rstrip(), "yaml", **_PLAIN))
        catalogue = load(self._folder / "tracked_images", self._folder / "regions.yaml")
        with self._progress() as progress:
            work = progress.add_task("building the accounts", total=len(TARGETS) + 2)
            self._build(catalogue, lambda: progress.advance(work))
        self._say(
            f"{len(catalogue.images)} images in {len(TARGETS)} regions: {self._pairs(catalogue)} "
            f"pairs to watch. {MEMBER_REGION} is watched from account {MEMBER_ACCOUNT}, "
            "where the read role has not been rolled out yet."
        )

    def _build(self, catalogue: Catalogue, done: Callable[[], None]) -> None:
        hub = create_hub(self._aws)
        self._pipeline = Pipeline(self._aws, hub, self._folder / "catalogue.json")
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
        self._screen("07:00, the first round: a silent baseline")
        self._say(
            "Every pair is seen for the first time. What is current is remembered as version 1; "
            "nothing is announced, since nothing has changed."
        )
        self._round("2026-11-22T07:00:00Z", expected=[])
        self._say(
            f"{MEMBER_REGION} shows its state instead of a version: the role is missing there, "
            "which kept nobody else from being looked up."
        )

    def _second_round(self) -> None:
        self._screen("08:00, the second round: exactly what changed")
        self._say(
            f"Since then: Amazon Linux 2023 came out, but not yet in {_LAGGING}. "
            "Red Hat's image came out in two regions. The newest golden-base was withdrawn in "
            "eu-west-1. In eu-north-1 the ECS parameter names an image that nobody can see yet."
        )
        self._round("2026-11-22T08:00:00Z", expected=self._publishers.morning())
        self._say(
            "The regions that lag kept their version 1, golden-base in eu-west-1 is back on the "
            "older image as a rollback, and the ECS image that cannot be launched is a state, "
            "not an event. One event as a subscriber of us-east-1 received it:"
        )
        self._show_one_event()

    def _third_round(self) -> None:
        self._screen("09:00, the third round: silence")
        mark, before = self._aws.mark(), self._rows(IMAGE_PREFIX) + self._rows(RELEASE_PREFIX)
        self._round("2026-11-22T09:00:00Z", expected=[], show=False)
        after = self._rows(IMAGE_PREFIX) + self._rows(RELEASE_PREFIX)
        calls = self._aws.calls(mark)
        self._silent = before == after
        self._say(
            "Nothing changed, so nothing was announced, and of "
            f"{len(after)} image and release rows {_changed(before, after)} were written. "
            f"{MEMBER_REGION} and the image that cannot be launched were tried again. "
            "The round cost these API calls:"
        )
        self._console.print(_calls(calls))

    def _fourth_round(self) -> None:
        self._screen("10:00, the fourth round: the lagging regions catch up")
        create_roles(self._aws, MEMBER_ACCOUNT)
        self._say(
            f"Amazon Linux 2023 has reached {_LAGGING}, the ECS image can be "
            f"seen, and account {MEMBER_ACCOUNT} has its role: its first sight is a silent "
            "baseline, whatever happened there before."
        )
        self._round("2026-11-22T10:00:00Z", expected=self._publishers.noon())

    def _reckoning(self) -> bool:
        self._screen("The reckoning: what subscribers received, and what they had to receive")
        table = _table("subscriber", "had to receive", "received", "missing", "surplus")
        right = self._silent
        for subscriber in self._subscribers:
            wanted = Counter(filter(subscriber.listens_to, self._expected))
            got = Counter(Event.of(received) for received in subscriber.received)
            missing, surplus = wanted - got, got - wanted
            right = right and not missing and not surplus
            numbers = (wanted.total(), got.total(), missing.total(), surplus.total())
            table.add_row(subscriber.name, *map(str, numbers))
        self._console.print(table)
        if right:
            self._say("[bold green]Every event arrived once, and no other.[/]")
        else:
            self._say("[bold red]What was received is not what had to be received.[/]")
        return right

    # --- how it is told

    def _round(self, round_: str, expected: Sequence[Event], *, show: bool = True) -> None:
        self._expected += expected
        with self._progress() as progress:
            answer = self._pipeline.schedule(round_)
            work = progress.add_task("looking up", total=int(str(answer["enqueued"])))
            while delivery := self._pipeline.queue.poll():
                progress.advance(work, len(delivery.succeeded))
        self._pipeline.stream.drain()
        arrived = self._collect()
        if show:
            self._show_matrix()
        self._show_arrived(arrived)

    def _collect(self) -> list[Event]:
        arrived: list[Event] = []
        for subscriber in self._subscribers:
            received = subscriber.inbox.receive()
            subscriber.received += received
            arrived += [Event.of(each) for each in received]
        return sorted(set(arrived), key=lambda event: (event.image_name, event.region))

    def _show_matrix(self) -> None:
        pairs = map(decode_pair, self._rows(IMAGE_PREFIX))
        self._console.print(matrix(TARGETS, self._images, pairs))

    def _rows(self, prefix: str) -> list[dict[str, Any]]:
        return [row for t in TARGETS for row in self._pipeline.rows(t.region, prefix)]

    def _show_arrived(self, events: Iterable[Event]) -> None:
        table = _table("announced", "image", "region", "now", "before")
        for event in events:
            before = f"…{event.previous_image_id[-5:]}"
            table.add_row(event.kind, event.image_name, event.region, event.image_id, before)
        if table.row_count:
            self._console.print(table)
        else:
            self._console.print("Subscribers received: nothing.", style="dim")

    def _show_one_event(self) -> None:
        sample = next((r for r in self._subscribers[0].received if r.region == "us-east-1"), None)
        if sample is None:
            return
        body = json.dumps(json.loads(sample.body), indent=2)
        self._console.print(Syntax(body, "json", word_wrap=True, **_PLAIN))
        attributes = _table("message attribute", "value")
        for name, value in sorted(sample.attributes.items()):
            attributes.add_row(name, value)
        self._console.print(attributes)

    def _screen(self, title: str) -> None:
        if self._step:
            self._turn_page()
        self._step += 1
        self._console.print()
        self._console.print(Rule(f"[bold]{self._step}/{_STEPS}  {title}", align="left"))

    def _say(self, text: str) -> None:
        self._console.print(f"\n{text}\n")

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        quiet = not self._console.is_terminal
        return Progress(*columns, console=self._console, transient=True, disable=quiet)

    @staticmethod
    def _pairs(catalogue: Catalogue) -> int:
        return sum(len(catalogue.images_in(target.region)) for target in catalogue.targets)


def _changed(before: Sequence[object], after: Sequence[object]) -> int:
    return sum(row not in before for row in after)


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _calls(calls: Iterable[Call]) -> Table:
    counts = Counter(f"{call.service} {call.operation}" for call in calls)
    table = _table("API call", "times")
    for name, count in sorted(counts.items()):
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("all", str(counts.total()))
    return table
