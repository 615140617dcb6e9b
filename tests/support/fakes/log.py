"""A log in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """One logged event."""

    level: str
    event: str
    fields: Mapping[str, object]


@dataclass(slots=True)
class FakeLog:
    """Keeps every line, behind the port `services.kernel.observability.Log`."""

    lines: list[Line] = field(default_factory=list)

    def events(self, level: str | None = None) -> list[str]:
        """Return the event names, of one level or of all, in order."""
        return [line.event for line in self.lines if level in {None, line.level}]

    def fields(self, event: str) -> list[Mapping[str, object]]:
        """Return the fields of every line of an event."""
        return [line.fields for line in self.lines if line.event == event]

    def info(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Record an information."""
        self._keep("info", msg, extra)

    def warning(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Record a warning."""
        self._keep("warning", msg, extra)

    def error(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Record an error."""
        self._keep("error", msg, extra)

    def exception(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Record an error of the program itself."""
        self._keep("exception", msg, extra)

    def _keep(self, level: str, msg: object, extra: Mapping[str, object] | None) -> None:
        self.lines.append(Line(level, str(msg), dict(extra or {})))
