"""The content of round rows and of the scheduler's note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.kernel.decoding import checked
from services.kernel.errors import MalformedError
from services.kernel.keys import ROUND_PREFIX
from services.kernel.model import Target, Window
from services.kernel.records import PairNumber, name_of
from services.kernel.wire import AccountId, Round, decode_time


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A target's round row: its window, and the number of pairs that the round requested.

    `started_at` is the time when the scheduler began the window.
    """

    target: Target
    window: Window
    enqueued: int = 0
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What the scheduler stores between rounds.

    `regions` can have active rows, so a region that was removed from the configuration is processed
    once more; `start` is the region where the next round begins. `interval_minutes` is the longest
    time between two rounds; None if it is unknown.
    """

    regions: frozenset[str] = frozenset()
    start: str | None = None
    interval_minutes: int | None = None


_NOTE_NAME = "the scheduler's note"


class _RoundFields(Struct, frozen=True):
    round: Round | None = None
    window: Round | None = None
    answered: frozenset[PairNumber] = frozenset()
    missed: frozenset[PairNumber] = frozenset()
    stale: frozenset[PairNumber] = frozenset()


_COMPARED = ("window", "answered", "missed", "stale")
"""Attributes that the scheduler compares with the table, so they must have the stored type."""


class _Started(Struct, frozen=True):
    account_id: AccountId
    region: str
    enqueued: int = 0
    started_at: str | None = None


def decode_window(row: Mapping[str, Any]) -> Window:
    """The window in a round row.

    Raises:
        MalformedError: the row does not match the schema.
    """
    fields = checked(name_of(row), row, _RoundFields)
    compared = {name: row[name] for name in _COMPARED if name in row}
    if any(each is None or each != getattr(fields, n) for n, each in compared.items()):
        raise MalformedError(name_of(row), f"one of {', '.join(_COMPARED)} has another type")
    for moment in (fields.round, fields.window):
        _check_time(name_of(row), moment)
    return Window(fields.round, fields.window, fields.answered, fields.missed, fields.stale)


def _check_time(what: str, text: str | None) -> None:
    try:
        datetime.fromisoformat(text or "2026-11-22T07:00:00Z")
    except ValueError as error:
        raise MalformedError(what, f"{text!r} is not a time") from error


def decode_round_row(row: Mapping[str, Any]) -> RoundRow:
    """All attributes of a round row.

    Raises:
        MalformedError: as for `decode_window`, or its key or a time in it is invalid.
    """
    what = name_of(row)
    window = decode_window(row)
    account_id = str(row.get("record")).removeprefix(ROUND_PREFIX)
    more = checked(what, {**row, "account_id": account_id}, _Started)
    return RoundRow(
        target=Target(more.account_id, more.region),
        window=window,
        enqueued=more.enqueued,
        started_at=decode_time(what, "started_at", more.started_at),
    )


def decode_note(row: Mapping[str, Any]) -> Note:
    """All attributes of the scheduler's note.

    Raises:
        MalformedError: the row does not match the schema.
    """
    return Note(decode_noted_regions(row), decode_noted_start(row), decode_noted_interval(row))


def decode_noted_regions(row: Mapping[str, Any]) -> frozenset[str]:
    """The regions in the scheduler's note.

    Raises:
        MalformedError: they are not a list of strings.
    """
    found = row.get("regions", [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise MalformedError(_NOTE_NAME, f"regions is {found!r}")
    return frozenset(found)


def decode_noted_start(row: Mapping[str, Any]) -> str | None:
    """The region in the scheduler's note where the next round begins.

    Raises:
        MalformedError: it is not a string.
    """
    found = row.get("start")
    if not isinstance(found, str | None):
        raise MalformedError(_NOTE_NAME, f"start is {found!r}")
    return found


def decode_noted_interval(row: Mapping[str, Any]) -> int | None:
    """The longest time between two rounds in the scheduler's note, in minutes.

    Raises:
        MalformedError: it is not a positive whole number.
    """
    found = row.get("interval_minutes")
    if found is None or (isinstance(found, int) and found is not True and found > 0):
        return found
    raise MalformedError(_NOTE_NAME, f"interval_minutes is {found!r}")
