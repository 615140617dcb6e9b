"""The demo's story, one screen a step; it ends by comparing events received and expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from services.catalogue.load import load
from services.console.demo.deployment import Deployment
from services.console.demo.page import Page, table
from services.console.demo.scene import (
    FILES,
    LAGGING_REGIONS,
    MEMBER_ACCOUNT,
    MEMBER_REGION,
    TARGETS,
    Event,
    News,
    write_files,
)
from services.console.demo.screens import Screens
from services.console.demo.tables import arrived_table, attributes_table, calls_table
from services.console.render.matrix import matrix_table
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import create_roles
from services.kernel.keys import ROUND_PREFIX
from services.kernel.model import Catalogue

_LAGGING = " and ".join(LAGGING_REGIONS)
_NEXT_STEPS = """\
Next steps, to watch real images:

  make install                     install the command below
  regions.yaml                     enter your account and your regions
  tracked_images/                  keep, add or remove images
  .venv/bin/ami-tracker check      check both
  INSTALL.md                       deploy, and what it costs
"""


class Story:
    """Runs the demo on a started embedded AWS."""

    def __init__(
        self, aws: EmbeddedAws, folder: Path, page: Page, turn_page: Callable[[], None]
    ) -> None:
        self._aws = aws
        self._folder = folder
        self._page = page
        self._screens = Screens(page, turn_page)
        self._news = News(aws.publishers)
        self._expected: list[Event] = []
        self._silent = False

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
        self._screens.begin("The stage: an AWS in this process, and a few lines of YAML")
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
            self._deployment = Deployment(self._aws, self._folder, catalogue)
            progress.advance(work)
            self._news.begin(lambda: progress.advance(work))
            self._deployment.subscribe(self._aws)
            progress.advance(work)
        self._page.say(
            f"{len(catalogue.images)} images in {len(TARGETS)} regions: {self._pairs(catalogue)} "
            f"pairs to watch. {MEMBER_REGION} is watched from account {MEMBER_ACCOUNT}, which "
            "does not have the read role yet. A deployment starts a round every half hour; here "
            "four rounds follow each other at once, and all times are the real ones."
        )

    def _first_round(self) -> None:
        round_id = self._screens.begin_round("first round: a silent baseline")
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
        round_id = self._screens.begin_round("second round: exactly what changed")
        self._page.say(
            f"Since then: Amazon Linux 2023 came out, but not yet in {_LAGGING}. "
            "Red Hat's image came out in two regions. The newest golden-base was withdrawn in "
            "eu-west-1. In eu-north-1 the ECS parameter names an image that EC2 does not show yet."
        )
        self._show_matrix(self._round(round_id, expected=self._news.morning()))
        self._page.say(
            "The regions without the new image kept their version 1, golden-base in eu-west-1 is "
            "back on the older image as a rollback, and the ECS image that cannot be launched is "
            "a state, not an event."
        )
        self._show_one_event()

    def _third_round(self) -> None:
        round_id = self._screens.begin_round("third round: silence")
        mark, before, counters = (
            self._aws.mark(),
            self._deployment.written_rows(),
            self._deployment.rows(ROUND_PREFIX),
        )
        arrived = self._round(round_id, expected=[])
        after, calls = self._deployment.written_rows(), self._aws.calls(mark)
        counted = _changed(counters, self._deployment.rows(ROUND_PREFIX))
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
        self._page.show(calls_table(calls))

    def _fourth_round(self) -> None:
        round_id = self._screens.begin_round("fourth round: the remaining regions follow")
        create_roles(self._aws, MEMBER_ACCOUNT)
        self._page.say(
            f"Amazon Linux 2023 has reached {_LAGGING}, EC2 shows the ECS image, and account "
            f"{MEMBER_ACCOUNT} has its role: its first lookups are a silent baseline, whatever "
            "was published there before."
        )
        self._show_matrix(self._round(round_id, expected=self._news.noon()))

    def _result(self) -> bool:
        self._screens.begin("Result: the events that subscribers received, and the expected ones")
        result = table("subscriber", "expected", "received", "missing", "surplus")
        right = self._silent
        for subscriber in self._deployment.subscribers:
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
            answer = self._deployment.pipeline.schedule(round_id)
            work = progress.add_task("looking up", total=int(str(answer["enqueued"])))
            while delivery := self._deployment.pipeline.queue.poll():
                progress.advance(work, len(delivery.succeeded))
        self._deployment.pipeline.stream.drain()
        return self._deployment.collect()

    def _show_matrix(self, arrived: Iterable[Event]) -> None:
        self._page.show(matrix_table(self._deployment.matrix()))
        self._page.show("")
        self._show_arrived(arrived)

    def _show_arrived(self, events: Iterable[Event]) -> None:
        announced = arrived_table(events)
        if announced.row_count:
            self._page.show(announced)
        else:
            self._page.show("Subscribers received: nothing.", style="dim")

    def _show_one_event(self) -> None:
        sample = next(
            (r for r in self._deployment.subscribers[0].received if r.region == "us-east-1"), None
        )
        if sample is None:
            return
        self._page.say(
            "One event as a subscriber of us-east-1 received it, the body first, byte for byte:"
        )
        self._page.verbatim(sample.body)
        self._page.say("The rest of the event is in message attributes:")
        self._page.show(attributes_table(sample.attributes))

    @staticmethod
    def _pairs(catalogue: Catalogue) -> int:
        return sum(len(catalogue.images_in(target.region)) for target in catalogue.targets)


def _changed(before: Sequence[object], after: Sequence[object]) -> int:
    return sum(row not in before for row in after)
