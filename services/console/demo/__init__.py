"""The demo: the whole pipeline on the embedded AWS, told as a story."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from services.console.demo.story import Story
from services.console.embedded.server import EmbeddedAws


def play(*, pause: bool) -> bool:
    """Play the demo on this terminal; whether subscribers got exactly what they had to get."""
    # The functions' output is redirected while they run; the story's goes to the terminal itself.
    console = Console(file=sys.stdout)

    def turn_page() -> None:
        if pause:
            console.input("[dim]Enter for the next screen[/]")

    with TemporaryDirectory() as folder, EmbeddedAws() as aws:
        return Story(aws, Path(folder), console, turn_page).run()
