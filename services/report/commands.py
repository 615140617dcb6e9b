"""The command of `ami-tracker` that shows more about a cause: pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.history.attention import Attention
from services.history.conditions import Condition
from services.kernel.model import Target

DEFAULT_TABLE = "ami-tracker"
_MOST = 3
"""Regions in a command: more of them answer the same."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands for the table of a deployment; `table` is an option unless it is the default."""

    table: str

    def of_cause(self, entry: Attention) -> str:
        """The command for a cause of `status`."""
        name, regions = next(iter(entry.image_names), None), entry.regions
        if name is None:
            return self._on_table("status")
        if entry.condition is Condition.PENDING:
            return self._on_table("pending")
        if entry.condition is Condition.WITHDRAWN:
            return self._on_table("history", name, *_regions(regions))
        if entry.condition in {Condition.NEVER, Condition.DEPRECATED}:
            return _line("lookup", name, *_regions(regions[:1]))
        return self._of_failure(entry, name)

    def _of_failure(self, entry: Attention, name: str) -> str:
        regions = _regions(entry.regions)
        if entry.whole_targets:
            return self._on_table("coverage", *regions)
        if entry.condition is Condition.FAILING:
            return _line("lookup", name, *regions)
        return self._on_table("status", name, *regions)

    def of_rollout(self, state: str, name: str, where: Collection[Target]) -> str:
        """The command for a release that is missing, or that was rolled back."""
        if state == "lagging":
            return self._on_table("rollout", name)
        return self._on_table("history", name, *_regions(sorted({each.region for each in where})))

    def _on_table(self, *words: str) -> str:
        options = () if self.table == DEFAULT_TABLE else ("--table", self.table)
        return _line(*words, *options)


def _regions(regions: Sequence[str]) -> tuple[str, ...]:
    return ("--regions", ",".join(regions[:_MOST])) if regions else ()


def _line(*words: str) -> str:
    return shlex.join(("ami-tracker", *words))
