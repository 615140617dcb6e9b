"""The screens of the demo: each begins with a title; the title of a round has the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from services.console.demo.page import Page
from services.kernel.wire import timestamp

_MOMENT = 0.05


class Screens:
    """Begins one of several screens after another; `turn_page` is called between them."""

    def __init__(self, page: Page, turn_page: Callable[[], None], steps: int) -> None:
        self._page = page
        self._turn_page = turn_page
        self._steps = steps
        self._step = 0
        self._started = datetime.min.replace(tzinfo=UTC)

    def begin(self, title: str) -> None:
        """Begin a screen."""
        if self._step:
            self._turn_page()
        self._print_title(title)

    def begin_round(self, title: str) -> str:
        """Begin the screen of a round; returns the round's id, which is the time."""
        self._turn_page()
        round_id = self.next_round()
        self._print_title(f"{self._started:%H:%M:%S} UTC, {title}")
        return round_id

    def next_round(self) -> str:
        """The id of a round that begins now: the time, later than that of the round before."""
        while (moment := datetime.now(UTC).replace(microsecond=0)) <= self._started:
            time.sleep(_MOMENT)
        self._started = moment
        return timestamp(moment)

    def _print_title(self, title: str) -> None:
        self._step += 1
        self._page.title(f"{self._step}/{self._steps}  {title}")
