"""The outputs of `ami-tracker lookup` on hostile text and on narrow terminals."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.builders.lookup import AMAZON, HERE, MOMENT, PATH, THERE, image_id
from support.fakes.lookup import FakeFacts

from services.console.lookup.access import Access
from services.console.lookup.first_pages import FirstPage
from services.console.lookup.report import Report, report
from services.console.lookup.trial import Trials
from services.console.render.lookup_json import as_json
from services.console.render.lookup_text import print_report
from services.console.render.writer import Writer, counted
from services.kernel.errors import Failure
from services.kernel.model import (
    Filter,
    FilterLookup,
    Image,
    OrderBy,
    ParameterLookup,
    ReleaseRule,
    State,
    Target,
)
from services.lookup.responses import Ami
from services.lookup.visits import Sessions

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[H",
    "[red]markup[/red]",
    "[/]",
    ":smile:",
    "a\u202eb\u2066c",
    "line\nbreak\r\tend",
    "\x9b31m",
    "\u3164\u200b",
]
EVERYTHING = FilterLookup((Filter("name", ("*",)),), (AMAZON,), ("*never*",))


class NoPages:
    """No image on any page."""

    def first_page(
        self,
        target: Target,  # noqa: ARG002 - the port
        filters: Sequence[Filter],  # noqa: ARG002 - the port
        owners: Sequence[str],  # noqa: ARG002 - the port
    ) -> FirstPage | Failure:
        """Return an empty page."""
        return FirstPage(())


def access() -> Access:
    """Return the caller's own credentials."""
    return Access(cast("Sessions", None), HERE.account_id, "arn:aws:iam::1:user/\x1b[31mme", "aws")


def reported(facts: FakeFacts, *images: Image, targets: Sequence[Target] = (HERE,)) -> Report:
    """Look up in each target and report."""
    trials = Trials(facts, MOMENT)
    found = [trial for target in targets for trial in trials.look_up(target, images)]
    return report(found, access(), NoPages(), list, MOMENT)


def printed(found: Report, *, details: bool = True, width: int = 0) -> str:
    """Print a report into a pipe, or on a terminal of some width without its colours."""
    file = io.StringIO()
    terminal: dict[str, Any] = {"force_terminal": True, "width": width} if width else {}
    console = Console(file=file, markup=False, highlight=False, emoji=False, **terminal)
    print_report(Writer(console), found, details=details, top=5)
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()) if width else file.getvalue()


def hostile(name: str) -> Report:
    """Look up a parameter and filters whose responses have this text everywhere."""
    facts = FakeFacts()
    details = {"OwnerId": name, "Architecture": name, "PlatformDetails": name}
    ami = Ami(image_id(1), name, name, "available", None, details)
    facts.register(HERE, ami)
    facts.put_parameter(HERE, PATH, json.dumps({"image_id": image_id(1), "fact": name}))
    facts.put_parameter(HERE, "/bad", name)
    rule = ReleaseRule("(?s)(?P<release>.+)", "https://example.com/{release}")
    return reported(
        facts,
        Image("by-parameter", ParameterLookup(PATH), release=rule),
        Image("bad", ParameterLookup("/bad")),
        Image("by-filter", EVERYTHING, release=rule),
    )


def is_harmless(text: str) -> bool:
    """Whether a text has only characters that a terminal prints, and line feeds."""
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("details", [True, False])
def test_hostile_text_has_no_effect(text: str, *, details: bool) -> None:
    """Control characters and marks of direction are escaped, and markup is text."""
    shown = printed(hostile(text), details=details)

    assert is_harmless(shown)
    if details and text.isprintable() and "\u3164" not in text:
        assert text in shown


@given(st.text(max_size=30))
@settings(max_examples=150)
def test_any_text_is_harmless(text: str) -> None:
    """Both outputs have one line per entry, whatever AWS returns; JSON is ASCII."""
    found = hostile(text)

    assert is_harmless(printed(found))
    assert is_harmless(printed(found, details=False))
    assert json.dumps(as_json(found, 5)).isascii()


# --- widths


def many(names: Sequence[str], targets: Sequence[Target]) -> Report:
    """Look up images of these names, of which every third is not found."""
    facts = FakeFacts()
    for target in targets:
        for number, name in enumerate(names):
            facts.register(target, Ami(image_id(number), name, "2026-10-01T00:00:00.000Z"))
            if number % 3:
                facts.put_parameter(target, f"/{number}", image_id(number))
    images = [
        Image(name, ParameterLookup(f"/{number}"), release=ReleaseRule("(?P<release>.+)"))
        for number, name in enumerate(names)
    ]
    return reported(facts, *images, targets=targets)


LONG = [f"a-long-name-{number}-{'x' * (number * 9)}" for number in range(12)]


@pytest.mark.parametrize("targets", [[HERE], [HERE, THERE]], ids=["one", "two"])
@pytest.mark.parametrize("details", [True, False], ids=["details", "summary"])
def test_no_sentence_is_wider_than_the_terminal(
    targets: Sequence[Target], *, details: bool
) -> None:
    """Only commands and names of AMIs, which people copy, can be longer than 80 columns."""
    shown = printed(many(LONG, targets), details=details, width=80)

    wide = [line for line in shown.splitlines() if len(line) > 80]
    copied = [line for line in wide if line.startswith("  aws ") or "x" * 40 in line]
    assert wide == copied


def test_rows_are_aligned() -> None:
    """A name that is too long for its column has a line of its own."""
    lines = printed(many(LONG, [HERE]), details=False).splitlines()

    rows = [line for line in lines if "ami-" in line]
    assert {line.index("ami-") for line in rows} == {38 + 2}
    assert any(line.strip() == LONG[4] for line in lines)


@pytest.mark.parametrize(("width", "dated"), [(80, False), (110, True)])
def test_a_narrow_terminal_has_no_dates(width: int, *, dated: bool) -> None:
    """The release is worth more than the date, which it often contains."""
    names = [f"windows-server-image-{number:02}-core-20261019.1" for number in range(3)]

    shown = printed(many([name[:38] for name in names], [HERE]), details=False, width=width)

    assert ("2026-10-01" in shown) == ("created" in shown) == dated


def test_problems_are_said_once() -> None:
    """The same problem in several regions is one line with the regions."""
    shown = printed(many(["a", "b"], [HERE, THERE]), details=False)

    assert shown.count("there is no parameter /0 here (eu-west-1, us-west-2)") == 1
    assert "2 of 4 found. Details: --explain" in shown


# --- warnings


def test_a_pattern_that_reads_nothing_is_a_warning() -> None:
    """The AMI name is shown, so the pattern can be corrected."""
    facts = FakeFacts()
    facts.register(HERE, Ami(image_id(1), "acme-1", "2026-10-01T00:00:00.000Z"))
    image = Image("a", EVERYTHING, release=ReleaseRule("^other-(?P<release>.+)"))

    [result] = reported(facts, image).results

    assert result.warnings == ("Release.Pattern does not read a release from the AMI name acme-1",)


def test_candidates_that_an_order_cannot_compare_are_a_warning() -> None:
    """Different architectures are one too."""
    facts = FakeFacts()
    for number, name in enumerate(["acme-1", "other"]):
        details = {"Architecture": ["arm64", "x86_64"][number]}
        ami = Ami(image_id(number), name, "2026-10-01T00:00:00.000Z", details=details)
        facts.register(HERE, ami)
    lookup = FilterLookup(
        (Filter("name", ("*",)),), (AMAZON,), (), OrderBy.RELEASE, "acme-(?P<release>.+)"
    )

    [result] = reported(facts, Image("a", lookup)).results

    assert result.warnings == (
        "the candidates have different architectures: arm64, x86_64; add the filter architecture",
        "Release.Pattern reads no release from 1 candidate(s), which come last",
    )


def test_an_entry_for_other_accounts_is_a_warning() -> None:
    """With the caller's own credentials, another account than the configured one is shown."""
    image = Image("a", EVERYTHING, accounts=frozenset({THERE.account_id}))

    here, there = reported(FakeFacts(), image, targets=[HERE, THERE]).results

    assert here.warnings == (
        "the entry is limited to Accounts 444455556666, and this is what account 111122223333 sees",
    )
    assert there.warnings == ()


def test_a_deprecated_image_is_a_warning() -> None:
    """It is selected only if all are deprecated."""
    facts = FakeFacts()
    facts.register(HERE, Ami(image_id(1), "a", "2026", deprecation_time=MOMENT))

    [result] = reported(facts, Image("a", EVERYTHING)).results

    assert result.warnings == ("the image is deprecated",)


def test_an_unexpected_error_concerns_its_target_alone() -> None:
    """It is a result, and no traceback."""
    facts = FakeFacts()

    def fail(target: Target) -> None:
        if target == HERE:
            raise RuntimeError(str(target))

    facts.hold = fail

    here, there = reported(facts, Image("a", EVERYTHING), targets=[HERE, THERE]).results

    assert here.trial.failure == Failure.of(State.UNCLASSIFIED, "RuntimeError", str(HERE))
    assert there.trial.failure is not None
    assert there.trial.failure.state is State.NOT_FOUND


@pytest.mark.parametrize(("number", "text"), [(0, "0 pages"), (1, "1 page"), (1000, "1,000 pages")])
def test_numbers_have_their_nouns(number: int, text: str) -> None:
    """One is singular."""
    assert counted(number, "page") == text
