"""The details of one result, as `ami-tracker lookup` prints them."""

from __future__ import annotations

import io
import json
from typing import cast

import pytest
from rich.console import Console
from support.builders.lookup import AMAZON, HERE, MOMENT, PATH, image_id
from support.fakes.lookup import FakeFacts

from services.console.lookup.access import Access
from services.console.lookup.advice import advice
from services.console.lookup.report import Result
from services.console.lookup.trial import Trials
from services.console.lookup.warnings import warnings
from services.console.render.lookup_details import print_details
from services.console.render.writer import Writer
from services.kernel.errors import Failure
from services.kernel.model import (
    Filter,
    FilterLookup,
    Image,
    ParameterLookup,
    ReleaseRule,
    State,
)
from services.lookup.responses import Ami
from services.lookup.visits import Sessions

RULE = ReleaseRule("^acme-(?P<release>[0-9.]+)", "https://example.com/{release}")
BY_FILTER = FilterLookup((Filter("name", ("acme-*",)),), (AMAZON,), ("*BETA*",))


def publishers() -> FakeFacts:
    """Publish three images and eight betas."""
    facts = FakeFacts()
    for number in (1, 2, 3):
        facts.register(HERE, Ami(image_id(number), f"acme-{number}.0", f"2026-10-0{number}"))
    for number in range(10, 18):
        facts.register(HERE, Ami(image_id(number), f"acme-{number}-BETA", "2026-11-01"))
    return facts


def details(facts: FakeFacts, image: Image, known: str | None = None, top: int = 5) -> list[str]:
    """Return the lines about an image, without commands."""
    [trial] = Trials(facts, MOMENT).look_up(HERE, [image], known)
    file = io.StringIO()
    result = Result(trial, tuple(warnings(trial, MOMENT)), ("do this",))
    print_details(Writer(Console(file=file)), result, MOMENT, top)
    return file.getvalue().splitlines()


def test_a_parameter() -> None:
    """The reason is a sentence, and facts are a table."""
    facts = publishers()
    facts.put_parameter(HERE, PATH, json.dumps({"image_id": image_id(2), "agent": "1.2"}))

    assert details(facts, Image("linux", ParameterLookup(PATH), release=RULE)) == [
        f"linux in {HERE.region} of account {HERE.account_id}",
        f"  AMI id    {image_id(2)}",
        "  AMI name  acme-2.0",
        "  created   2026-10-02",
        "  release   2.0",
        "  notes     https://example.com/2.0",
        "Why:",
        (
            f"  the parameter {PATH} (version 1, changed 2026-11-22T06:30:00.000Z) names "
            f"{image_id(2)}, which is available here"
        ),
        "Facts:",
        "  agent  1.2",
        "hint: do this",
    ]


def test_filters() -> None:
    """The chosen candidate has a mark; exclusions are counted, and some are shown."""
    lines = details(publishers(), Image("linux", BY_FILTER, release=RULE), top=2)

    assert lines[6:11] == [
        (
            "Why: 3 candidates by creation date, then name, the newest first; 8 excluded by name; "
            "1 page"
        ),
        f"  * {image_id(3)}  2026-10-03  newest, release 3.0",
        "      acme-3.0",
        f"    {image_id(2)}  2026-10-02  older, release 2.0",
        "      acme-2.0",
    ]
    assert lines[11] == "    … and 1 more (--top)"
    assert lines[12] == "    excluded by *BETA*: acme-10-BETA"
    assert lines[17] == "    … and 3 more excluded"


def test_a_chosen_candidate_below_the_top_is_shown() -> None:
    """A known image stays, although newer images are deprecated."""
    facts = publishers()
    for number in (2, 3):
        ami = Ami(image_id(number), f"acme-{number}.0", f"2026-10-0{number}", "available", MOMENT)
        facts.register(HERE, ami)

    lines = details(facts, Image("linux", BY_FILTER), image_id(1), top=1)

    assert f"    {image_id(3)}  2026-10-03  deprecated" in lines
    assert lines.index("    … and 2 more (--top)") + 1 == lines.index(
        f"  * {image_id(1)}  2026-10-01  known"
    )
    assert lines[lines.index(f"Known image {image_id(1)}:") + 1] == (
        "  stays: the lookup still selects it"
    )


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        (1, f"changes to {image_id(2)}; kind: release (without the history in the table)"),
        (3, f"changes to {image_id(2)}; kind: rollback (without the history in the table)"),
        (
            9,
            (
                f"changes to {image_id(2)}; kind: release (without the history in the table, and "
                "without both creation dates)"
            ),
        ),
        (2, "stays: the lookup still selects it"),
    ],
)
def test_a_known_image_of_a_parameter(known: int, sentence: str) -> None:
    """The change and its kind, as far as they can be known."""
    facts = publishers()
    facts.put_parameter(HERE, PATH, image_id(2))

    assert f"  {sentence}" in details(facts, Image("linux", ParameterLookup(PATH)), image_id(known))


@pytest.mark.parametrize(
    ("value", "error", "why"),
    [
        (None, "not_found: ParameterNotFound", f"the parameter {PATH} does not exist here"),
        ("secret", "bad_value: NotAnImageId", "does not name an image"),
        (image_id(9), "not_launchable: NotLaunchable", "which is not visible here"),
    ],
)
def test_a_parameter_without_an_image(value: str | None, error: str, why: str) -> None:
    """The error is first, then the reason; a known image stays."""
    facts = publishers()
    if value:
        facts.put_parameter(HERE, PATH, value)

    lines = details(facts, Image("linux", ParameterLookup(PATH)), image_id(1))

    assert lines[1].startswith(f"  error  {error}")
    assert lines[3].endswith(why)
    assert lines[5] == "  the lookup failed, so the image stays"


@pytest.mark.parametrize(
    ("state", "code", "sentence"),
    [
        (State.TRANSIENT, "ReadTimeoutError", "eu-west-1 does not respond; check the network"),
        (State.TRANSIENT, "InternalError", None),
        (State.THROTTLED, "Throttling", "AWS limits the rate of requests; try again"),
        (State.BAD_LOOKUP, "InvalidParameterValue", None),
    ],
)
def test_advice_about_failures(state: State, code: str, sentence: str | None) -> None:
    """Some failures need a sentence more than the text of AWS."""
    access = Access(cast("Sessions", None), HERE.account_id, "arn:aws:iam::1:user/me", "aws")

    found = advice(Failure.of(state, code, "text"), HERE, access)

    assert (found or "").startswith(sentence or "")
    assert bool(found) == bool(sentence)
