"""The scheduler's input: the schedule's event, and the compiled catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.kernel.catalogue_file import decode_catalogue
from services.kernel.errors import MalformedError, SettingsError
from services.kernel.model import Catalogue
from services.scheduler.window import FURTHEST_AHEAD


def parse_schedule_event(
    event: Mapping[str, Any] | None, moment: datetime
) -> tuple[str, frozenset[str] | None]:
    """The round's id (its scheduled time, or `moment`) and the regions, or None for all regions.

    Raises:
        MalformedError: the round or the regions are invalid.
    """
    fields = event or {}
    regions = fields.get("regions")
    if regions is not None and not (_is_list_of_text(regions) and regions):
        raise MalformedError("event", f"regions is {regions!r}, but must be a list of region names")
    scheduled = fields.get("round", moment.isoformat())
    return _round(scheduled, moment), None if regions is None else frozenset(regions)


def _round(scheduled: object, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(scheduled if isinstance(scheduled, str) else "")
        in_utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        problem = f"round is {scheduled!r}, but must be a time such as 2026-11-22T07:00:00Z"
        raise MalformedError("event", problem) from error
    if in_utc - now > FURTHEST_AHEAD:
        # Until then, no window could begin and no pair could become stale.
        hours = FURTHEST_AHEAD.total_seconds() / 3600
        raise MalformedError("event", f"round is {scheduled!r}, more than {hours:.0f} hours ahead")
    return in_utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue that this package was built with.

    Raises:
        SettingsError: the file cannot be read.
        MalformedError: it was not written by `ami-tracker compile`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"CATALOGUE_PATH {path} cannot be read ({error}); run ami-tracker compile"
        raise SettingsError("scheduler", [problem]) from error
    return decode_catalogue(text)
