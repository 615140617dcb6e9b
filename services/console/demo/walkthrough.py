"""The steps of the demo, one screen each; the last compares received and expected events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from services.catalogue.load import load
from services.console.demo.answers import Answers
from services.console.demo.command_screens import CommandScreens
from services.console.demo.deployment import Deployment
from services.console.demo.faults import break_something
from services.console.demo.next_steps import NEXT_STEPS
from services.console.demo.outputs import show_outputs, write_outputs
from services.console.demo.page import Page
from services.console.demo.sample import show_one_event
from services.console.demo.scenario import (
    FILES,
    LAGGING_REGIONS,
    MEMBER_ACCOUNT,
    MEMBER_REGION,
    TARGETS,
    Event,
    Publications,
    write_files,
)
from services.console.demo.screens import Screens
from services.console.demo.tables import (
    arrived_table,
    calls_table,
    result_table,
)
from services.console.render.matrix import matrix_table
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import create_roles
from services.kernel.keys import ROUND_PREFIX
from services.kernel.model import Catalogue

_STEPS = 8
_LAGGING = " and ".join(LAGGING_REGIONS)


class Walkthrough:
    """Runs the demo on a started embedded AWS; `out` is the folder for the files of its story."""

    def __init__(
        self,
        aws: EmbeddedAws,
        folder: Path,
        page: Page,
        turn_page: Callable[[], None],
        out: Path | None = None,
    ) -> None:
        self._aws = aws
        self._folder = folder
        self._page = page
        self._out = out
        self._screens = Screens(page, turn_page, _STEPS + (out is not None))
        self._publications = Publications(aws.publishers)
        self._expected: list[Event] = []
        self._rows_unchanged = False

    def run(self) -> bool:
        """Run every step; whether every subscriber received exactly the expected events."""
        self._set_up()
        self._first_round()
        self._second_round()
        self._third_round()
        self._commands.what_is_wrong()
        self._fourth_round()
        self._commands.what_happened()
        right = self._result()
        if right and self._out is not None:
            self._write_outputs(self._out)
        return right

    def prepare_commands(self) -> Deployment:
        """After `run`: break something that the commands can show, and run a fifth round."""
        round_id = self._screens.next_round()
        break_something(self._aws, self._catalogue, round_id)
        self._round(round_id, expected=[])
        return self._deployment

    # --- the steps

    def _set_up(self) -> None:
        self._screens.begin("Setup: an AWS in this process, and a few lines of YAML")
        self._page.say(
            "The demo does not contact AWS. A local AWS (moto) has two accounts, with Amazon Linux "
            "and ECS parameters as AWS published them, and images for the filter lookups. These "
            "are the configuration files; the third has the older form of filters, which is still "
            "supported:"
        )
        write_files(self._folder)
        for name, text in FILES.items():
            self._page.file(name, text, "yaml")
        self._catalogue = catalogue = load(
            self._folder / "tracked_images", self._folder / "regions.yaml"
        )
        with self._page.progress() as progress:
            work = progress.add_task("creating the accounts", total=len(TARGETS) + 2)
            self._deployment = Deployment(self._aws, self._folder, catalogue)
            self._answers = Answers(self._deployment.pipeline, self._page)
            self._commands = CommandScreens(self._page, self._screens, self._answers)
            progress.advance(work)
            self._publications.begin(lambda: progress.advance(work))
            self._deployment.subscribe(self._aws)
            progress.advance(work)
        self._page.say(
            f"{len(catalogue.images)} images in {len(TARGETS)} regions: {self._pairs(catalogue)} "
            f"pairs to watch. {MEMBER_REGION} is watched in account {MEMBER_ACCOUNT}, which does "
            "not have the read role yet. A deployment starts a round every half hour; the demo "
            "runs four rounds without a pause. All times are real."
        )

    def _first_round(self) -> None:
        round_id = self._screens.begin_round("first round: the baseline, without events")
        self._page.say(
            "Every pair is looked up for the first time. Its current image is stored as version 1 "
            "and not announced, since nothing has changed. In the table, v1 is the version in that "
            "region, followed by the last five characters of the image id:"
        )
        self._show_matrix(self._round(round_id, expected=[]))
        self._page.say(
            f"{MEMBER_REGION} shows a state instead of a version, since the role is missing there. "
            "This did not affect the other regions."
        )

    def _second_round(self) -> None:
        round_id = self._screens.begin_round("second round: only the changes")
        self._page.say(
            f"Since then, Amazon Linux 2023 was released, but not yet in {_LAGGING}. "
            "Red Hat's image was released in two regions. The newest golden-base was deregistered "
            "in eu-west-1. In eu-north-1 the ECS parameter names an image that EC2 does not show "
            "yet."
        )
        self._show_matrix(self._round(round_id, expected=self._publications.before_second_round()))
        self._page.say(
            "The regions without the new image kept version 1. golden-base in eu-west-1 was rolled "
            "back to the older image. The ECS image that cannot be launched gives a state, not an "
            "event."
        )
        show_one_event(self._page, self._deployment.subscribers[0].received)

    def _third_round(self) -> None:
        round_id = self._screens.begin_round("third round: no changes")
        mark, before, counters = (
            self._aws.mark(),
            self._deployment.written_rows(),
            self._deployment.rows(ROUND_PREFIX),
        )
        arrived = self._round(round_id, expected=[])
        after, calls = self._deployment.written_rows(), self._aws.calls(mark)
        counted = _changed(counters, self._deployment.rows(ROUND_PREFIX))
        self._rows_unchanged = before == after
        self._page.say(
            "Nothing changed, so nothing was announced, and of "
            f"{len(after)} image and release rows, {_changed(before, after)} were written. "
            f"{MEMBER_REGION} and the image that cannot be launched were looked up again."
        )
        self._show_arrived(arrived)
        self._page.say(
            f"The round made these API calls. UpdateItem wrote other rows: {counted} round rows, "
            "which count the requests and answers in each region, and the scheduler's own row, "
            "which names the region where the next round begins."
        )
        self._page.show(calls_table(calls))

    def _fourth_round(self) -> None:
        round_id = self._screens.begin_round("fourth round: the remaining regions")
        create_roles(self._aws, MEMBER_ACCOUNT)
        self._page.say(
            f"Amazon Linux 2023 is now available in {_LAGGING}, EC2 shows the ECS image, and "
            f"account {MEMBER_ACCOUNT} has its role. Its first lookups are a baseline without "
            "events, even if images were published there before."
        )
        self._show_matrix(self._round(round_id, expected=self._publications.before_fourth_round()))

    def _result(self) -> bool:
        self._screens.begin("Result: received and expected events")
        result, right = result_table(self._deployment.subscribers, self._expected)
        right = right and self._rows_unchanged
        self._page.show("")
        self._page.show(result)
        if right:
            self._page.say("[bold green]Every expected event arrived once, and no other event.[/]")
            self._page.show(NEXT_STEPS)
        else:
            self._page.say("[bold red]The received events differ from the expected events.[/]")
        return right

    def _write_outputs(self, folder: Path) -> None:
        self._screens.begin("The report page and the feed")
        write_outputs(self._answers, folder)
        show_outputs(self._page, folder)

    # --- output

    def _round(self, round_id: str, expected: Sequence[Event]) -> list[Event]:
        """Run a round; returns the distinct events that arrived."""
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

    @staticmethod
    def _pairs(catalogue: Catalogue) -> int:
        return sum(len(catalogue.images_in(target)) for target in catalogue.targets)


def _changed(before: Sequence[object], after: Sequence[object]) -> int:
    return sum(row not in before for row in after)
