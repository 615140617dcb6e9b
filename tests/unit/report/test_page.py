"""The HTML of the report page: escaping, policy, size, links."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from support.builders.page import HOSTILE, empty_page, hostile_page, page, page_of, targets

from services.report.page import ASSETS, SCRIPTS, render
from services.report.page_data import STATES, PageData
from services.report.states import LEGEND
from services.report.texts import at_minute, coded, moment, near, shown, span

READABLE = "\\u{202E}evil\\u{2028}\\u{200B}"


class Reader(HTMLParser):
    """Reads the elements of a page with their attributes, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in {"script", "style"} else ""
        if self._inside:
            self.raw.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        """End a script or style."""
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if self._inside:
            tag, text = self.raw.pop()
            self.raw.append((tag, text + data))
        else:
            self.text += data

    def policy(self) -> str:
        """The content security policy."""
        return next(
            attributes["content"] or ""
            for _, attributes in self.elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )

    def data(self) -> dict[str, object]:
        """The data for the script."""
        found: dict[str, object] = json.loads(next(t for _, t in self.raw if t.startswith("{")))
        return found


@pytest.fixture(scope="module")
def hostile() -> Reader:
    """The page in which every foreign text is hostile."""
    return Reader(render(hostile_page()))


def pages() -> list[PageData]:
    """Pages of different kinds."""
    return [page(16, 35, 3), hostile_page(), empty_page(), page_of([], targets(2))]


# --- escaping


def test_hostile_texts_are_only_text(hostile: Reader) -> None:
    """No element, attribute or script comes from the data."""
    harmless = Reader(render(page(1, 3, 3)))

    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in harmless.elements} | {
        "details",
        "summary",
        "li",
    }
    assert len(hostile.raw) == len(harmless.raw) == 4
    assert hostile.text.count("<img src=x onerror=") > 5
    assert READABLE in hostile.text
    assert "{{7*7}}" in hostile.text


def test_data_is_safe_in_its_element() -> None:
    """The JSON has no character that ends a script, and is the same when it is read."""
    text = render(hostile_page())
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)

    assert found is not None
    assert re.search(r"[<>&\u2028\u2029\u202e]", found[1]) is None
    assert json.loads(found[1])["hub"]["table"] == HOSTILE


def test_unpaired_surrogates_can_be_written() -> None:
    """A text that UTF-8 cannot encode does not prevent the page."""
    data = empty_page()
    data["hub"]["table"] = "a\ud800b"

    assert b"a\\u{D800}b" in render(data).encode()


# --- the policy, and requests


@pytest.mark.parametrize("data", pages(), ids=["story", "hostile", "empty", "no image"])
def test_policy_has_the_hashes_of_scripts_and_style(data: PageData) -> None:
    """Nothing else runs: no hash too many, no keyword that allows other code."""
    reader = Reader(render(data))
    texts: dict[str, list[str]] = {"script": [], "style": []}
    for tag, text in reader.raw:
        if not text.startswith("{"):
            digest = b64encode(sha256(text.encode()).digest()).decode()
            texts[tag].append(f"'sha256-{digest}'")

    assert reader.policy() == (
        f"default-src 'none'; script-src {' '.join(texts['script'])}; "
        f"style-src {' '.join(texts['style'])}; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert len(texts["script"]) == 2


@pytest.mark.parametrize("data", pages(), ids=["story", "hostile", "empty", "no image"])
def test_no_attribute_requests_or_runs_anything(data: PageData) -> None:
    """Links go to places in the page; there are no inline handlers and no style attributes."""
    attributes = [
        (name, value or "")
        for _, found in Reader(render(data)).elements
        for name, value in found.items()
    ]
    places = [value for name, value in attributes if name in {"href", "src", "action"}]

    assert [each for each in places if not each.startswith(("#", "data:image/svg+xml,"))] == []
    assert [each for each in attributes if each[0].startswith("on") or each[0] == "style"] == []
    assert ("content", "no-referrer") in attributes


def test_script_writes_text_only() -> None:
    """The script never parses markup, and evaluates nothing."""
    script = "".join((ASSETS / f"{name}.js").read_text() for name in SCRIPTS)

    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", script)
        == []
    )
    assert sorted(path.stem for path in ASSETS.glob("*.js")) == sorted([*SCRIPTS, "early"])


def test_same_data_gives_the_same_page() -> None:
    """Nothing depends on the time or on the order of a set."""
    assert render(page(8, 5, 3)) == render(page(8, 5, 3))


def test_page_is_small() -> None:
    """Template, style and script are about 100 KB."""
    assert len(render(empty_page()).encode()) < 135_000


# --- what is in it


def test_verdict_and_causes_are_plain_html() -> None:
    """The page is useful without its script."""
    text = " ".join(Reader(render(page(32, 35, 4))).text.split())

    assert "Not healthy" in text
    assert "eks-al2023-1.40-x86_64, -arm64" in text
    assert "AccessDenied: User" in text
    assert "ami-tracker history eks-al2023-1.40-x86_64" in text


@pytest.mark.parametrize(
    ("verdict", "at", "expected"),
    [
        ({"act": 1, "watch": 2}, "2026-11-28T15:00:00Z", "Not healthy"),
        ({"watch": 2}, "2026-11-28T15:00:00Z", "Watch"),
        ({"note": 2}, "2026-11-28T15:00:00Z", "Healthy"),
        ({}, None, "No round yet"),
    ],
)
def test_verdict(verdict: dict[str, int], at: str | None, expected: str) -> None:
    """The most urgent cause decides."""
    data = page(1, 1, 2)
    data["verdict"] = {"act": 0, "watch": 0, "note": 0, "confirmed": 1, "pairs": 1} | verdict  # type: ignore[typeddict-item]
    data["round"]["at"] = at

    assert f"<title>AMI versions: {expected}</title>" in render(data)


def test_states_have_words_and_marks() -> None:
    """Every state of the data has a word, in the same order, in Python and in the script."""
    script = (ASSETS / "model.js").read_text()
    template = (ASSETS / "page.html").read_text()
    found = re.findall(r"^  (\w+): \['([^']+)', '(\w+)', '([^']+)'\],$", script, re.MULTILINE)

    assert tuple(state.name for state in LEGEND) == STATES
    assert found == [(each.name, each.word, each.tone, each.meaning) for each in LEGEND]
    assert [state for state in STATES if f'id="g-{state}"' not in template] == []


# --- texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é", "plain é"),
        ("a\u202eb", "a\\u{202E}b"),
        ("tab\tnull\0", "tab\\u{9}null\\u{0}"),
        ("\u200b\ufeff\u3164\ufe0f", "\\u{200B}\\u{FEFF}\\u{3164}\\u{FE0F}"),
        ("a\u00a0b", "a\\u{A0}b"),
    ],
)
def test_hidden_characters_are_shown(text: str, expected: str) -> None:
    """A reader sees each character that changes a text without being seen."""
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(-5, "0 min"), (59, "59 min"), (150, "2.5 h"), (600, "10 h"), (2879, "47 h"), (2880, "2 d")],
)
def test_lengths_of_time(minutes: int, expected: str) -> None:
    """Minutes, hours, days."""
    assert span(minutes) == expected


def test_times() -> None:
    """Times are UTC; what is the same as in the page's time is left out."""
    made = "2026-11-28T15:02:00Z"

    assert moment(made) == "28 Nov 2026 15:02"
    assert moment("no time") == "no time"
    assert near("2026-11-28T15:00:00Z", made) == "15:00"
    assert near("2026-11-27T15:00:00Z", made) == "27 Nov 15:00"
    assert near("2025-11-28T15:00:00Z", made) == "28 Nov 2025 15:00"
    assert at_minute(None, made) == ""
    assert at_minute(10**12, made) == ""
    assert at_minute(0, made) == "1 Jan 1970 00:00"


def test_code_in_texts() -> None:
    """Text between two backquotes is code; a single backquote is text."""
    assert coded("run `a b`, then") == [("run ", False), ("a b", True), (", then", False)]
    assert coded("one ` only") == [("one ` only", False)]
