"""Writes the image rows of a plan; a row that cannot be written affects no other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Protocol

from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.hub_session import MAX_THREADS
from services.kernel.model import Pair
from services.kernel.observability import Log
from services.kernel.retry import batches
from services.scheduler.creation import ROWS_PER_TRANSACTION, Creation
from services.scheduler.plan import Action, Change, Plan


class ImageRows(Protocol):
    """The part of the table that `RowWriter` uses."""

    def apply(self, change: Change) -> None:
        """Write a pair's configuration."""
        ...

    def create(self, pairs: Sequence[Pair]) -> Creation:
        """Create rows of a target, at once; a row that exists is not changed."""
        ...


class RowWriter:
    """Writes rows with several threads."""

    def __init__(self, rows: ImageRows, log: Log) -> None:
        self._rows = rows
        self._log = log

    def write(self, planned: Plan, damaged: Collection[str] = ()) -> dict[str, str]:
        """Write the rows of a plan; returns the problems by image name, in the plan's order.

        `damaged` are the images whose row exists, but cannot be decoded.

        Raises:
            HubBrokenError: the table cannot be used.
        """
        new = [each for each in planned.changes if _is_new(each, damaged)]
        others = [each for each in planned.changes if not _is_new(each, damaged)]
        if len(new) == 1:  # a transaction takes twice the write units
            others, new = [*others, *new], []
        with ThreadPoolExecutor(max_workers=MAX_THREADS // 4) as pool:
            created = pool.map(self._create, batches(new, ROWS_PER_TRANSACTION))
            applied = pool.map(lambda each: [(each, self._apply(each))], others)
            found = [*chain.from_iterable(created), *chain.from_iterable(applied)]
        problems = {change.pair.image_name: problem for change, problem in found if problem}
        names = [change.pair.image_name for change in planned.changes]
        return {name: problems[name] for name in names if name in problems}

    def _create(self, changes: Sequence[Change]) -> list[tuple[Change, str | None]]:
        """Create rows; returns the problem of each, if any."""
        changed = {change.pair.image_name: change for change in changes}
        try:
            found = self._rows.create([change.pair for change in changes])
        except HubBrokenError:
            raise
        except Exception:  # noqa: BLE001 - one row can be the reason, and others are written
            self._log.exception("rows not created", extra={"rows": len(changes)})
            return [(change, self._apply(change)) for change in changes]
        failed = [changed[pair.image_name] for pair in found.failed]
        singly = [changed[pair.image_name] for pair in found.singly]
        return [
            *((change, _problem(change, found.problem)) for change in failed),
            *((change, self._apply(change)) for change in singly),
        ]

    def _apply(self, change: Change) -> str | None:
        """Write one row; returns the problem, if any, which does not affect other pairs."""
        try:
            self._rows.apply(change)
        except HubBrokenError:
            raise
        except CallFailedError as error:
            return _problem(change, error)
        except Exception as error:  # noqa: BLE001 - the boundary of a row
            self._log.exception("row not written", extra={"image_name": change.pair.image_name})
            return _problem(change, type(error).__name__)
        return None


def _is_new(change: Change, damaged: Collection[str]) -> bool:
    return change.action is Action.CREATE and change.pair.image_name not in damaged


def _problem(change: Change, reason: object) -> str:
    return f"{change.pair.image_name}: {reason}"
