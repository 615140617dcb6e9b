"""The demo's output can be read at any width, copied and piped."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from rich.text import Text

from services.console.demo.page import Page, table
from services.console.render.matrix import matrix_table
from services.history.views import matrix
from services.kernel.model import FilterLookup, Observation, Pair, State, Target

BODY = json.dumps({"v1": {"Message": "A new version. " * 12, "region": "us-east-1"}})
NAMES = ("al2", "al2023", "ecs-al2023", "golden-base", "redhat-8.6.0-hvm")
FAR = Target("111122223333", "ap-northeast-1")


def _page(width: int, *, terminal: bool) -> tuple[Page, io.StringIO]:
    text = io.StringIO()
    return Page(Console(file=text, width=width, force_terminal=terminal)), text


def _plain(text: str) -> str:
    return Text.from_ansi(text).plain


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [20, 80, 200])
def test_verbatim_text_is_not_changed(width: int, *, terminal: bool) -> None:
    """An event stays JSON on one line, byte for byte."""
    page, text = _page(width, terminal=terminal)

    page.verbatim(BODY)

    assert text.getvalue() == f"{BODY}\n"


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(("width", "expected"), [(20, 80), (80, 80), (90, 90), (200, 100)])
def test_text_is_80_to_100_columns_wide(width: int, expected: int, *, terminal: bool) -> None:
    """Long lines are hard to read, and tables do not fit into short lines."""
    page, text = _page(width, terminal=terminal)

    page.say("word " * 100)

    longest = max(map(len, _plain(text.getvalue()).splitlines()))
    assert expected - 5 <= longest <= expected


def test_a_page_in_a_file_has_at_most_the_maximum_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width of the environment is limited like the width of a terminal."""
    monkeypatch.setenv("COLUMNS", "200")

    assert Page.on(io.StringIO()).console.width == 100


def test_paragraphs_are_one_blank_line_apart() -> None:
    """A blank line separates a paragraph from a paragraph, a title or a file before it."""
    page, text = _page(80, terminal=False)

    for _ in range(2):
        page.title("Title")
        page.say("one")
        page.say("two")
        page.file("a.yaml", "images: []\n", "yaml")
        page.say("three")

    assert "\n\n\n" not in text.getvalue()
    assert "\n\none\n\ntwo\n\n" in text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_have_no_blanks_at_their_ends(*, terminal: bool) -> None:
    """Titles, paragraphs, files and tables have no trailing blanks, styled or not."""
    page, text = _page(80, terminal=terminal)
    some = table("one", "a longer column")
    some.add_row("1", "")

    page.title("Title")
    page.say("several words " * 20)
    page.file("a.yaml", "images:\n  - Name: a\n", "yaml")
    page.show(some)

    lines = _plain(text.getvalue()).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert ("\x1b[" in text.getvalue()) == terminal


def _pair(name: str, state: State) -> Pair:
    known = Observation(f"ami-{name:0>17}"[:12] + "0000abcde", name)
    lookup = FilterLookup((), (), ())
    return Pair(FAR, name, True, lookup, "0", version=1, known=known, state=state)  # noqa: FBT003


def test_names_and_states_of_the_matrix_stay_whole() -> None:
    """The demo's longest names fit into 80 columns, next to a state of two words."""
    page, text = _page(80, terminal=False)

    states = {"ecs-al2023": State.NOT_LAUNCHABLE}
    pairs = [_pair(name, states.get(name, State.ACCESS_DENIED)) for name in NAMES]
    page.show(matrix_table(matrix([FAR], NAMES, pairs)))

    for word in (*NAMES, "ap-northeast-1", "v1 …abcde", "launchable", "denied"):
        assert word in text.getvalue()
    assert max(map(len, text.getvalue().splitlines())) <= 80
