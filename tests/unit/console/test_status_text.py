"""The outputs of `ami-tracker status` and `coverage` on narrow terminals, with hostile texts."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.builders.history import MOMENT, a_row, a_snapshot
from support.builders.scheduler import OTHER_ACCOUNT

from services.catalogue.sdk_regions import sdk_regions
from services.console.render import coverage as coverage_output
from services.console.render.lists import some
from services.console.render.moments import since
from services.console.render.region_codes import region_code
from services.console.render.status_json import as_json
from services.console.render.status_matrix import print_matrix
from services.console.render.status_text import print_status, print_unreadable
from services.console.render.writer import Writer
from services.history.coverage import coverage
from services.history.rows import Snapshot
from services.history.status import status
from services.kernel.model import State
from services.kernel.records import ImageRow

WIDTH = 80
NAMES = [
    f"bottlerocket-aws-k8s-1.{minor}-nvidia-{a}" for minor in (33, 34) for a in ("arm64", "x86_64")
]
REGIONS = sorted(sdk_regions())[:34]


def printed(show: Callable[[Writer], object], *, terminal: bool = True) -> str:
    """Return what is printed on a terminal with 80 columns, without colours."""
    file = io.StringIO()
    console = Console(
        file=file, width=WIDTH, force_terminal=terminal, no_color=True, markup=False, emoji=False,
        highlight=False,
    )  # fmt: skip
    show(Writer(console))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


def everything(writer: Writer, snapshot: Snapshot) -> None:
    """Print all outputs."""
    found = status(snapshot)
    print_status(writer, found)
    print_matrix(writer, found.findings)
    print_unreadable(writer, found.unreadable)
    coverage_output.print_coverage(writer, coverage(snapshot))


def a_large_snapshot() -> Snapshot:
    """Build a snapshot of 34 regions with every kind of problem."""
    states = [*State, None]
    rows = [a_row(name, region) for name in NAMES for region in REGIONS]
    rows += [a_row(f"image-{n}", r, s, "Code") for r in REGIONS[:20] for n, s in enumerate(states)]
    rows += [a_row("x", r, State.ACCESS_DENIED, account=OTHER_ACCOUNT) for r in REGIONS[:5]]
    long = "User: arn:aws:sts::111122223333:assumed-role/ami-tracker-lookup is not authorized " * 3
    return a_snapshot([replace(row, detail=long) for row in rows])


def test_80_columns() -> None:
    """No line is longer, whatever the number of regions and the length of details."""
    text = printed(lambda writer: everything(writer, a_large_snapshot()))

    assert max(map(len, text.splitlines())) <= WIDTH
    assert "Not healthy: " in text.splitlines()[0]
    assert all(f"{region_code(region)} {region}" in re.sub(r"\s+", " ", text) for region in REGIONS)


def test_many_causes_are_bounded() -> None:
    """The worst are shown, and the number of the others."""
    rows = [a_row(f"typo-{n}", r, State.NOT_FOUND) for n in range(40) for r in REGIONS[:2]]
    rows += [a_row("a", region) for region in REGIONS[:2]]

    text = printed(lambda writer: print_status(writer, status(a_snapshot(rows))))

    assert text.count("FAILING: not_found") == 30
    assert text.count("  where   all 2 regions; account") == 30
    assert "… and 10 more causes (--output json)\n" in text


def test_a_pipe_has_one_group_of_columns() -> None:
    """A program that reads lines gets one line for each image."""
    found = status(a_large_snapshot())

    text = printed(lambda writer: print_matrix(writer, found.findings), terminal=False)

    assert len([line for line in text.splitlines() if line.startswith(NAMES[0])]) == 1


def test_regions_have_different_codes() -> None:
    """The codes are those of availability zone ids."""
    codes = {region_code(region) for region in sdk_regions()}

    assert len(codes) == len(sdk_regions())
    assert {"use1", "apse2", "euw1", "cac1", "mec1", "cnnw1"} <= codes


@given(st.text(max_size=30))
def test_hostile_texts_have_no_effect(text: str) -> None:
    """Names, codes and details can be anything in a row."""
    row = a_row("a", "eu-west-1", State.UNCLASSIFIED, text)
    pair = replace(row.pair, image_name=f"x{text}", code=text)
    rows = [ImageRow(pair, text), a_row("b", "eu-west-1", State.ACCESS_DENIED, text)]
    snapshot = a_snapshot(rows)
    [region] = snapshot.regions
    damaged = replace(region, images=replace(region.images, unreadable=(text,)))

    shown = printed(lambda writer: everything(writer, replace(snapshot, regions=(damaged,))))

    assert all(character.isprintable() for line in shown.split("\n") for character in line)
    found = as_json(status(snapshot), matrix=True)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=59), "2026-11-29 11:59 UTC (59 s ago)"),
        (timedelta(minutes=75), "2026-11-29 10:45 UTC (1 h 15 min ago)"),
        (timedelta(days=2), "2026-11-27 12:00 UTC (2 d ago)"),
        (timedelta(), "2026-11-29 12:00 UTC (0 s ago)"),
    ],
)
def test_how_long_ago(length: timedelta, text: str) -> None:
    """A time is in UTC, which is said."""
    assert since(MOMENT - length, MOMENT) == text


def test_a_time_in_the_future() -> None:
    """The clock of this machine is behind: only the time is shown."""
    assert since(MOMENT + timedelta(seconds=1), MOMENT) == "2026-11-29 12:00 UTC"


def test_lists_are_bounded() -> None:
    """One more is shown rather than counted."""
    assert some(list("abc"), 2) == "a, b, c"
    assert some(list("abcd"), 2) == "a, b and 2 more"
