"""The demo: the whole pipeline on the embedded AWS, as a story."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from services.console.demo.page import Page
from services.console.demo.story import Story
from services.embedded.aws.server import EmbeddedAws


def play(*, pause: bool) -> bool:
    """Play the demo on this terminal; whether subscribers got exactly what they had to get."""
    # The functions' output is redirected while they run; the story's goes to the terminal itself.
    page = Page.on(sys.stdout)

    def turn_page() -> None:
        if pause:
            page.console.input("[dim]Enter for the next screen[/]")

    with TemporaryDirectory() as folder, EmbeddedAws() as aws:
        return Story(aws, Path(folder), page, turn_page).run()
