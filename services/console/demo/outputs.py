"""The files that the demo writes: what the commands `report` and `feed` write of its story."""

from __future__ import annotations

from pathlib import Path

from services.console.demo.answers import OPTIONS, Answers
from services.console.demo.page import Page
from services.console.files import create_folder, replace_file
from services.report.data import page_data
from services.report.page import render
from services.report.page_data import Hub

REPORT = "demo-report.html"
_LAG_HOURS = 72


def write_outputs(answers: Answers, folder: Path) -> Path:
    """Write the report page into a folder, which is created; returns the path of the page."""
    hub, overview = answers.overview()
    where = Hub(table=OPTIONS.table, region=hub.region, account=hub.account_id)
    path = folder / REPORT
    create_folder(folder)
    replace_file(path, render(page_data(overview, hub=where, lag_hours=_LAG_HOURS)))
    return path


def show_outputs(page: Page, path: Path) -> None:
    """Say which file to open."""
    page.say(
        "The same story as a page for a browser: what is tracked, what needs attention, and how "
        "each release spread over the regions. The file has everything in it; open it:"
    )
    page.verbatim(f"  {path}")
    page.say("In a deployment, [bold]ami-tracker report --out FILE[/] writes it.")
