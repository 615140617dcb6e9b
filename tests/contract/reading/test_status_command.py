"""`ami-tracker status` on the embedded AWS."""

from __future__ import annotations

import re
from typing import Any

import pytest
from click.testing import CliRunner
from support.labs.reading_lab import (
    ACCOUNT,
    IRELAND,
    OTHER,
    VIRGINIA,
    Lab,
    a_note,
    a_pending_key,
    a_round,
    a_row,
)

from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None) -> Lab:  # noqa: ARG001 - the environment
    """Return the command on an empty table."""
    return Lab(aws, hub, "status")


def test_an_empty_table(lab: Lab) -> None:
    """Before the first round nothing is healthy, and the reason is said."""
    result = lab.run(code=1)

    assert result.stdout.splitlines()[0] == "Not healthy: 1 cause to watch."
    assert "EMPTY: no image is tracked." in result.stdout
    assert lab.json(code=1)["healthy"] is False


def test_a_healthy_table(lab: Lab) -> None:
    """The verdict comes first, then the last round, then the counts."""
    lab.healthy()

    verdict, last, *_, counts = lab.run().stdout.splitlines()

    assert verdict == "Healthy: nothing needs attention."
    assert last.startswith("Last round: 20")
    assert last.endswith("UTC (5 min ago), in every region.")
    assert counts == "4 pairs: 4 ok. 2 images, 2 regions, 1 account."


def test_the_output_for_programs(lab: Lab) -> None:
    """The keys are documented and only added."""
    lab.healthy()

    found = lab.json()

    assert found.keys() == {
        "schema", "healthy", "time", "interval_minutes", "counts", "attention", "rounds",
        "unreadable",
    }  # fmt: skip
    assert (found["healthy"], found["interval_minutes"], found["attention"]) == (True, 15, [])
    assert found["counts"]["ok"] == 4
    assert sum(found["counts"].values()) == 4
    assert [(r["region"], r["age_minutes"], r["missed"]) for r in found["rounds"]] == [
        (IRELAND, 5, 0),
        (VIRGINIA, 5, 0),
    ]


def test_a_region_that_fails_is_one_cause(lab: Lab) -> None:
    """It is one entry, with the answer of AWS and what to do."""
    lab.healthy()
    denied: dict[str, Any] = {
        "state": "access_denied",
        "code": "AccessDenied",
        "detail": "not authorized",
    }
    lab.write(*(a_row(name, **denied) for name in ("al2023", "rhel-9")))

    result = lab.run(code=1)
    [entry] = lab.entries()

    assert result.stdout.startswith("Not healthy: 1 cause to act on.\n")
    assert "FAILING: access_denied (AccessDenied): the account denies the lookups." in result.stdout
    assert "  images  every image: al2023, rhel-9\n" in result.stdout
    assert f"  where   {IRELAND}; account {ACCOUNT}\n" in result.stdout
    assert "  since   2026-11-28 10:00 UTC (" in result.stdout
    assert "  answer  not authorized\n" in result.stdout
    assert (entry["pairs"], entry["whole_targets"], entry["urgency"]) == (2, True, "act")
    assert entry["todo"] in result.stdout


def test_stale_and_unknown_are_not_green(lab: Lab) -> None:
    """The row of a stale pair says ok; a pair without a state was never looked up."""
    lab.healthy()
    lab.write(a_round(stale=[1, 2], answered=[2]), a_row("new", state=None, number=3))

    found = {each["condition"]: each for each in lab.entries()}

    assert found.keys() == {"stale", "unknown"}
    assert found["stale"]["image_names"] == ["al2023"]
    assert found["unknown"]["image_names"] == ["new"]


def test_images_that_are_not_ok(lab: Lab) -> None:
    """Withdrawn and deprecated images, releases that wait, and an image that was never found."""
    lab.healthy()
    wrong: dict[str, Any] = {
        "state": "not_found",
        "code": "ParameterNotFound",
        "confirmed_digest": "another",
    }
    lab.write(
        a_row("gone", state="not_launchable", code="Withdrawn", number=3),
        a_row("old", deprecation_time="2026-01-01T00:00:00.000Z", number=4),
        a_row("waits", number=5),
        a_pending_key("waits", 3),
        *(a_row(f"typo-{arch}", region, **wrong) for arch in ("arm64", "x86_64")
          for region in (IRELAND, VIRGINIA)),
    )  # fmt: skip

    found = {each["condition"]: each for each in lab.entries()}
    text = lab.run(code=1).stdout

    assert list(found) == ["never", "withdrawn", "pending", "deprecated"]
    assert found["never"]["image_names"] == ["typo-arm64", "typo-x86_64"]
    assert found["never"]["pairs"] == 4
    assert found["deprecated"]["urgency"] == "note"
    assert "  images  typo (arm64, x86_64)\n" in text
    assert "9 pairs: 4 ok, 1 deprecated" not in text
    assert "11 pairs: 4 ok, 1 deprecated, 1 pending, 1 withdrawn, 4 never." in text


def test_rounds_that_are_missing(lab: Lab) -> None:
    """Without rounds the states do not change, so the age of the last round counts."""
    lab.healthy()
    lab.write(a_round(minutes=50))

    [entry] = lab.entries()
    text = lab.run(code=1).stdout

    assert (entry["condition"], entry["regions"], entry["pairs"]) == ("rounds missed", [IRELAND], 0)
    assert "(50 min ago), eu-west-1; 3 rounds missed.\n" in text


def test_a_target_without_a_round(lab: Lab) -> None:
    """Its rows may be outdated, so they are unknown."""
    lab.write(a_row("al2023"), a_note(IRELAND))

    [entry] = lab.entries()

    assert (entry["condition"], entry["code"]) == ("unknown", "NoRound")
    assert f"No round: {IRELAND}.\n" in lab.run(code=1).stdout


def test_an_interval_that_is_unknown(lab: Lab) -> None:
    """Missed rounds are not counted then, which is said; a day without a round counts."""
    lab.healthy()
    lab.write(a_note(IRELAND, VIRGINIA, interval=None), a_round(minutes=600))
    assert "missed rounds are not counted" in lab.run().stdout

    lab.write(a_round(minutes=25 * 60))
    [entry] = lab.entries()

    assert (entry["condition"], entry["urgency"]) == ("rounds missed", "act")


def test_a_damaged_row_does_not_stop_the_rest(lab: Lab) -> None:
    """It is a warning with its key, and the other pairs are counted."""
    lab.healthy()
    lab.write(a_row("broken", version="three"), {"region": IRELAND, "record": "round#x"})

    result = lab.run(code=1)
    found = lab.json(code=1)

    assert f"warning: row image#{ACCOUNT}#broken of {IRELAND} is malformed: " in result.stderr
    assert f"warning: row round#x of {IRELAND} is malformed: " in result.stderr
    assert "4 pairs: 4 ok." in result.stdout
    assert [each["condition"] for each in found["attention"]] == ["unreadable"]
    assert len(found["unreadable"]) == 2


def test_a_damaged_note(lab: Lab) -> None:
    """The regions are in it, so without it they must be named."""
    lab.healthy()
    lab.write({**a_note(), "regions": "all"})

    assert "use --regions to read single regions" in lab.run(code=1).stderr
    assert lab.json("--regions", IRELAND)["counts"]["ok"] == 2


# --- selection


def test_names_with_wildcards(lab: Lab) -> None:
    """Only their pairs are counted, and causes are found from all pairs."""
    lab.healthy()
    lab.write(a_row("al2023", state="throttled"), a_row("al2", number=7))

    [entry] = lab.entries("al*")
    found = lab.json("rhel-9")

    assert (entry["image_names"], entry["pairs"], entry["whole_targets"]) == (["al2023"], 1, False)
    assert found["counts"] == {**found["counts"], "ok": 2}
    assert lab.json("al*", code=1)["counts"]["ok"] == 2
    assert "no tracked image matches 'al3*'" in lab.run("al3*", "rhel*", code=2).stderr


def test_regions(lab: Lab) -> None:
    """Only these are read. An image that is not found there can be found elsewhere."""
    lab.healthy()
    lab.write(a_row("x", state="not_found", confirmed_digest="another"), a_row("x", VIRGINIA))

    [entry] = lab.entries("--regions", IRELAND)

    assert (entry["condition"], entry["regions"]) == ("failing", [IRELAND])
    assert (
        "has no region eu-west-9; its regions" in lab.run("--regions", "eu-west-9", code=2).stderr
    )


# --- output


def test_the_index_of_pending_releases_is_denied(lab: Lab) -> None:
    """The permission for the index is a separate one, so it is named."""
    lab.healthy()

    with lab.aws.fault(operation="Scan", code="AccessDeniedException", status=403):
        result = lab.run(code=1)

    assert "dynamodb:Scan on index pending of table ami-tracker is denied; ask" in result.stderr
    assert result.stdout == ""


def test_the_matrix_fits_into_80_columns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, regions that do not fit into a line are in another group."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    regions = [f"ap-southeast-{number}" for number in range(10, 24)]
    lab.healthy(regions)
    lab.write(a_row("al2023", regions[-1], OTHER, state="throttled"), a_round(regions[-1], OTHER))

    result = CliRunner().invoke(main, ["status", "--matrix"])
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)

    assert set(re.findall(r"\x1b\[([0-9;]*)m", result.stdout)) == {"0", "1"}, "bold, no colour"
    assert max(map(len, text.splitlines())) <= 80
    headers = [line.split() for line in text.splitlines() if re.match(r" {7}(apse|…)", line)]
    codes = [f"apse{number}" for number in range(10, 24)]
    assert headers[0] + headers[2] == [*codes, "apse23"]
    assert headers[1] == ["…3333"] * 10
    rows = [line.split() for line in text.splitlines() if line.startswith("al2023")]
    assert [row[1:] for row in rows] == [["v3"] * 10, ["v3"] * 4 + ["FAIL"]]


def test_the_matrix_for_programs(lab: Lab) -> None:
    """It is a list of pairs."""
    lab.healthy()

    pairs = lab.json("--matrix")["pairs"]

    assert len(pairs) == 4
    assert pairs[0]["condition"] == "ok"
    assert (pairs[0]["version"], pairs[0]["image_name"]) == (3, "al2023")


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "\x9b31m", "\u202eright", "[red]x[/red]\r"])
def test_hostile_texts_are_escaped(lab: Lab, text: str) -> None:
    """Names, states, codes and details come from outside; the lab checks every output."""
    lab.healthy()
    hostile = {"state": text, "code": text, "detail": text, "ami_name": text, "family": text}
    lab.write(
        a_row(f"x{text}", **hostile, number=8),
        a_row("gone", state="not_launchable", code=text, detail=text, number=9),
        a_row(f"y{text}", version=text),
        {**a_round(), "round": text},
    )

    for arguments in ((), ("--matrix",)):
        text_shown = lab.run(*arguments, code=1)
        assert "gone" in text_shown.stdout
    assert lab.json("--matrix", code=1)["healthy"] is False
