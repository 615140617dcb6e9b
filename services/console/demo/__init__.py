"""The demo: the whole pipeline on the embedded AWS, step by step."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from services.console.demo.guide import print_guide
from services.console.demo.keep import interruptible, serve
from services.console.demo.page import Page
from services.console.demo.walkthrough import Walkthrough
from services.embedded.aws.server import EmbeddedAws


def play(*, pause: bool, keep: int | None = None, out: Path | None = None) -> bool:
    """Run the demo on this terminal; whether subscribers received exactly the expected events.

    With `out`, if they did, the report page and the feed of the story are written into that folder.
    With `keep`, if they did, the deployment runs for that many minutes afterwards.
    """
    # The functions' output is redirected while they run; the demo's output goes to the terminal.
    page = Page.on(sys.stdout)

    def turn_page() -> None:
        if pause:
            page.console.input("[dim]Enter for the next screen[/]")

    with (
        nullcontext() if keep is None else interruptible(),
        TemporaryDirectory(prefix="ami-tracker-demo-") as name,
        EmbeddedAws() as aws,
    ):
        folder = Path(name)
        walkthrough = Walkthrough(aws, folder, page, turn_page, out)
        right = walkthrough.run()
        if right and keep is not None:
            deployment = walkthrough.prepare_commands()
            serve(deployment, keep, lambda end: print_guide(page, aws.endpoint_url, folder, end))
            page.say("The embedded AWS stops.")
    return right
