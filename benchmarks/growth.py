"""The picture of the growth: calls and processor time against the number of pairs, as SVG: pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 760, 330
_PANEL_WIDTH, _PANEL_HEIGHT = 270, 200
_TOP, _LEFTS = 62, (70, 440)
_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; } .quiet { fill: #59636e; } .axis { stroke: #59636e; }
.grid { stroke: #d1d9e0; } polyline { fill: none; stroke-width: 2; }
.one { stroke: #0969da; } .five { stroke: #8250df; } .naive { stroke: #bc4c00; }
circle.one { fill: #0969da; } circle.five { fill: #8250df; } circle.naive { fill: #bc4c00; }
.naive, .five { stroke-dasharray: 6 4; } circle { stroke-dasharray: none; }
@media (prefers-color-scheme: dark) {
 text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .axis { stroke: #9198a1; }
 .grid { stroke: #3d444d; } .one { stroke: #4493f8; } .five { stroke: #ab7df8; }
 .naive { stroke: #f0883e; } circle.one { fill: #4493f8; } circle.five { fill: #ab7df8; }
 circle.naive { fill: #f0883e; }
}"""

_NEAR = 0.05
"""How far outside of the axis a value can be, so 986 pairs are shown at 1,000."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """The values of a line by the number of pairs; `style` is its class."""

    label: str
    style: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Decades on one axis."""

    first: int
    last: int
    start: float
    length: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, length: float) -> _Scale:
        first = math.floor(math.log10(min(values)) + _NEAR)
        last = math.ceil(math.log10(max(values)) - _NEAR)
        return cls(first, max(last, first + 1), start, length)

    def at(self, value: float) -> float:
        return self.start + self.length * (math.log10(value) - self.first) / (
            self.last - self.first
        )

    def ticks(self) -> Iterator[tuple[float, str]]:
        for power in range(self.first, self.last + 1):
            yield 10.0**power, f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def picture(document: Mapping[str, Any]) -> str:
    """The picture of a run."""
    naive = document["compared"]["naive HTTP"]
    calls_a_pair = sum(naive["calls"].values()) / naive["pairs"] + 2
    calls = _lines(document, lambda each: each["calls_per_pair"] * each["pairs"], calls_a_pair)
    cpu = _lines(
        document,
        lambda each: each["cpu_ms_per_pair"] * each["pairs"] / 1000,
        naive["cpu_ms_per_pair"] / 1000,
    )
    made = document["made"]
    made_on = f"{made['machine']['processor']}, Python {made['machine']['python']}"
    caption = escape(f"{made['at'][:10]}, {made_on}")
    parts = [
        *_panel(_LEFTS[0], "AWS calls in a round", calls),
        *_panel(_LEFTS[1], "CPU seconds in a round", cpu),
        *_legend(calls),
        f'<text class="quiet" x="{_LEFTS[0]}" y="{_HEIGHT - 10}" font-size="11">{caption}</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="AWS calls and processor time of a steady round by the number of pairs">'
        f"<style>{_STYLE}\n</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _lines(document: Mapping[str, Any], value: Any, naive: float) -> list[Line]:  # noqa: ANN401 - a function of a round
    found = [each for each in document["rounds"] if _grows(each["case"])]
    lines = []
    for accounts, style in ((1, "one"), (5, "five")):
        points = sorted(
            (each["pairs"], value(each)) for each in found if each["case"]["accounts"] == accounts
        )
        label = "1 account" if accounts == 1 else f"{accounts} accounts"
        lines.append(Line(label, style, points))
    reach = [pairs for line in lines for pairs, _ in line.points]
    ends = (min(reach), max(reach))
    return [*lines, Line("naive way", "naive", [(pairs, pairs * naive) for pairs in ends])]


def _grows(case: Mapping[str, Any]) -> bool:
    """Whether a case is one of the series that differ in the number of pairs only."""
    usual = {"family": 10, "batches": "dense", "changed": 0, "first": False, "tls": False}
    return all(case[name] == expected for name, expected in usual.items())


def _panel(left: float, title: str, lines: Sequence[Line]) -> Iterator[str]:
    bottom, right = _TOP + _PANEL_HEIGHT, left + _PANEL_WIDTH
    xs = _Scale.of([x for line in lines for x, _ in line.points], left, _PANEL_WIDTH)
    ys = _Scale.of([y for line in lines for _, y in line.points], bottom, -_PANEL_HEIGHT)
    yield f'<text x="{left}" y="{_TOP - 14}" font-weight="600">{title}</text>'
    for value, label in ys.ticks():
        y = ys.at(value)
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for value, label in xs.ticks():
        x = xs.at(value)
        yield _under(x, bottom + 18, label)
    yield _under(left + _PANEL_WIDTH / 2, bottom + 36, "pairs")
    yield f'<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
    for line in lines:
        places = [(xs.at(x), ys.at(y)) for x, y in line.points]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline class="{line.style}" points="{joined}"/>'
        for x, y in places:
            yield f'<circle class="{line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def _under(x: float, y: float, text: str) -> str:
    return f'<text class="quiet" x="{x:.1f}" y="{y}" text-anchor="middle">{text}</text>'


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    for number, line in enumerate(lines):
        x = _LEFTS[0] + 130 * number
        yield f'<polyline class="{line.style}" points="{x},20 {x + 26},20"/>'
        yield f'<text x="{x + 33}" y="24">{line.label}</text>'
