"""Makes the page and the feed from what was read."""

from __future__ import annotations

from functools import partial

from services.feed.files import feed
from services.feed.pairs import obsolete
from services.history.overview import Overview
from services.publisher.site import Site
from services.report.data import page_data
from services.report.page import render
from services.report.page_data import Hub


def make_site(
    overview: Overview, earlier_index: str | None, *, place: Hub, lag_hours: float
) -> Site:
    """The site of a deployment; `earlier_index` is the feed's index of the last run."""
    page = render(page_data(overview, hub=place, lag_hours=lag_hours))
    return Site(page, feed(overview, earlier_index), partial(obsolete, overview))


def place_of(context: object, table: str, region: str) -> Hub:
    """The place of the table; the account is in the function's ARN, and empty without one."""
    parts = str(getattr(context, "invoked_function_arn", "")).split(":")
    account = parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - arn:aws:lambda:region:account
    return Hub(table=table, region=region, account=account)
