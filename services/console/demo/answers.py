"""The answers of the commands that read the table, in the demo's own deployment."""

from __future__ import annotations

from services.console.acting.hub import Hub, open_session
from services.console.demo.page import Page
from services.console.lookup.options import AwsOptions
from services.console.reading.image import ImageReading, Limits, Where
from services.console.reading.options import HubOptions
from services.console.reading.overview import overview
from services.console.reading.snapshot import snapshot
from services.console.render.history import print_histories
from services.console.render.rollout import print_rollouts
from services.console.render.status_text import print_status
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import TABLE
from services.history.overview import Overview
from services.history.overview_reader import RELEASES
from services.history.releases import history
from services.history.rollouts import rollouts
from services.history.status import status
from services.kernel.clock import now

OPTIONS = HubOptions(AwsOptions(None, None, None), TABLE, "table")
_RELEASES = Limits(50, 50)


class Answers:
    """Reads the table as the commands do, and prints their answers on a page."""

    def __init__(self, pipeline: Pipeline, page: Page) -> None:
        self._pipeline = pipeline
        self._page = page

    def status(self) -> None:
        """What needs attention."""
        with self._pipeline.in_function_environment():
            rows = snapshot(OPTIONS, (), pending=True)
        with self._page.answer("status") as writer:
            print_status(writer, status(rows))

    def overview(self) -> tuple[Hub, Overview]:
        """The hub, and everything that `report` and `feed` read."""
        with self._pipeline.in_function_environment():
            hub = open_session(OPTIONS.aws)
            return hub, overview(hub, OPTIONS, RELEASES)

    def history(self, name: str, region: str) -> None:
        """The releases of an image in a region."""
        with self._pipeline.in_function_environment():
            seen = ImageReading(OPTIONS).image(name, _RELEASES, Where((region,)))
        moment = now()
        with self._page.answer(f"history {name} --regions {region}") as writer:
            print_histories(writer, name, [history(each, moment) for each in seen], details=True)

    def rollout(self, name: str, last: int) -> None:
        """The last roll-outs of an image."""
        with self._pipeline.in_function_environment():
            image = ImageReading(OPTIONS).image(name, _RELEASES)
        with self._page.answer(f"rollout {name} --last {last}") as writer:
            print_rollouts(writer, name, image, rollouts(image, last), now())
