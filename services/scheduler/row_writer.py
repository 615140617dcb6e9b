"""Writes the image rows of a plan; a row that cannot be written affects no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.hub_session import MAX_THREADS
from services.kernel.observability import Log
from services.scheduler.plan import Change, Plan


class ImageRows(Protocol):
    """The part of the table that `RowWriter` uses."""

    def apply(self, change: Change) -> None:
        """Write a pair's configuration."""
        ...


class RowWriter:
    """Writes rows with several threads."""

    def __init__(self, rows: ImageRows, log: Log) -> None:
        self._rows = rows
        self._log = log

    def write(self, planned: Plan) -> dict[str, str]:
        """Write the rows of a plan; returns the problems by image name, in the plan's order.

        Raises:
            HubBrokenError: the table cannot be used.
        """
        with ThreadPoolExecutor(max_workers=MAX_THREADS // 4) as pool:
            problems = list(pool.map(self._apply, planned.changes))
        written = zip(planned.changes, problems, strict=True)
        return {change.pair.image_name: problem for change, problem in written if problem}

    def _apply(self, change: Change) -> str | None:
        """Write one row; returns the problem, if any, which does not affect other pairs."""
        try:
            self._rows.apply(change)
        except HubBrokenError:
            raise
        except CallFailedError as error:
            return f"{change.pair.image_name}: {error}"
        except Exception as error:  # noqa: BLE001 - the boundary of a row
            self._log.exception("row not written", extra={"image_name": change.pair.image_name})
            return f"{change.pair.image_name}: {type(error).__name__}"
        return None
