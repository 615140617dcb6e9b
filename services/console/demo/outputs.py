"""The files that the demo writes: what the commands `report` and `feed` write of its story."""

from __future__ import annotations

from pathlib import Path

from services.console.demo.answers import OPTIONS, Answers
from services.console.demo.page import Page
from services.console.feed_folder import FeedFolder
from services.console.files import create_folder, replace_file
from services.feed.files import feed
from services.feed.pairs import obsolete
from services.report.data import page_data
from services.report.page import render
from services.report.page_data import Hub

REPORT, FEED = "demo-report.html", "demo-feed"
_LAG_HOURS = 72


def write_outputs(answers: Answers, folder: Path) -> None:
    """Write the report page and the feed into a folder, which is created."""
    hub, overview = answers.overview()
    where = Hub(table=OPTIONS.table, region=hub.region, account=hub.account_id)
    create_folder(folder)
    data = page_data(overview, hub=where, lag_hours=_LAG_HOURS)
    replace_file(folder / REPORT, render(data))
    files = FeedFolder(folder / FEED)
    files.write(feed(overview, files.index()))
    files.remove(obsolete(overview, files.pair_paths()))


def show_outputs(page: Page, folder: Path) -> None:
    """Say which file to open."""
    page.say(
        "The same story as a page for a browser: what is tracked, what needs attention, and how "
        "each release spread over the regions. Open this file, which has everything in it:"
    )
    page.verbatim(f"  {folder / REPORT}")
    page.say("And as a feed, which update tools such as Renovate read:")
    page.verbatim(f"  {folder / FEED}/")
    page.say(
        "In a deployment, [bold]ami-tracker report --out FILE[/] and [bold]ami-tracker feed --out "
        "DIR[/] write them."
    )
