"""The demo: the whole pipeline on the embedded AWS, step by step."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from services.console.demo.page import Page
from services.console.demo.walkthrough import Walkthrough
from services.embedded.aws.server import EmbeddedAws


def play(*, pause: bool) -> bool:
    """Run the demo on this terminal; whether subscribers received exactly the expected events."""
    # The functions' output is redirected while they run; the demo's output goes to the terminal.
    page = Page.on(sys.stdout)

    def turn_page() -> None:
        if pause:
            page.console.input("[dim]Enter for the next screen[/]")

    with TemporaryDirectory() as folder, EmbeddedAws() as aws:
        return Walkthrough(aws, Path(folder), page, turn_page).run()
