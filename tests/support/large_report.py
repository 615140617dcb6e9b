"""Writes the report page of a large deployment: `python -m support.large_report FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from services.report.data import page_data
from services.report.page import render
from services.report.page_data import Hub
from support.builders.large_overview import large_overview

HUB = Hub(table="ami-tracker", region="us-east-1", account="111122223333")


def large_report(images: int = 200, regions: int = 34, releases: int = 10) -> str:
    """The page of this number of images, regions and releases of each pair."""
    overview = large_overview(images, regions, releases)
    return render(page_data(overview, hub=HUB, lag_hours=72))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(large_report(), encoding="utf-8")
