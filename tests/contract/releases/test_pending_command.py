"""`ami-tracker pending` on the embedded AWS."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from support.builders.releases import ACCOUNT, IRELAND, OHIO, a_release
from support.fakes.table import Row
from support.labs.image_lab import Lab, announced, targets, waiting

from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.kernel.clock import now
from services.kernel.keys import release_record
from services.kernel.model import Kind, Release, Target
from services.kernel.table import read_rows

MINUTE = 1 / 60
NO_TOPIC = {
    "code": "NotFound",
    "detail": "Topic does not exist",
    "since": "2026-11-28T07:00:00.000Z",
}
WIDTH = 80


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None) -> Lab:  # noqa: ARG001 - the environment
    """Return the command on an empty table."""
    return Lab(aws, hub, "pending")


def a_pending(
    target: Target = OHIO, version: int = 2, minutes: float = 5, name: str = "al2023"
) -> Release:
    """Build a release that was detected some minutes ago."""
    return a_release(target, version, hours=minutes * MINUTE, name=name, moment=now())


def test_nothing_is_pending(lab: Lab) -> None:
    """An announced release is not, and neither is a baseline."""
    lab.write(announced(a_pending()), announced(a_release(kind=Kind.BASELINE)))

    assert lab.run().stdout == "nothing is pending\n"
    found = lab.json()
    assert (found["ok"], found["complete"], found["pending"]) == (True, True, [])
    assert lab.counted() == {"Scan": 2}


def test_what_is_pending_and_why(lab: Lab) -> None:
    """Each region has its releases, the oldest first, and what its topic answered."""
    lab.write(
        waiting(a_pending(OHIO, 2, minutes=130), NO_TOPIC),
        waiting(a_pending(OHIO, 3, minutes=20)),
        waiting(a_pending(IRELAND, 2, minutes=5, name="rhel-9")),
    )

    lines = lab.run(code=1).stdout.splitlines()

    assert lines[0] == (
        f"us-east-2 of account {ACCOUNT}: 2 pending releases, 2 for more than 15 minutes"
    )
    assert lines[1].split() == ["version", "kind", "detected", "pending", "for", "why", "image"]
    assert lines[2].endswith("2 h 10 min   refused  al2023")
    assert lines[3].endswith("20 min       after 2  al2023")
    assert lines[4] == "  refused since 2026-11-28T07:00:00.000Z: NotFound: Topic does not exist"
    assert lines[6] == f"eu-west-1 of account {ACCOUNT}: 1 pending release"
    assert lines[8].endswith("5 min        not tried  rhel-9")


def test_the_output_for_programs(lab: Lab) -> None:
    """The keys are documented and only added."""
    lab.write(waiting(a_pending(OHIO, 2), NO_TOPIC), waiting(a_pending(OHIO, 3)))

    found = lab.json()
    first, second = found["pending"]

    assert found.keys() == {
        "schema", "ok", "time", "limit_seconds", "complete", "pending", "unreadable",
    }  # fmt: skip
    assert first.keys() == {
        "region", "account_id", "image_name", "version", "kind", "image_id", "event_id",
        "detected_at", "pending_seconds", "late", "why", "held_back_by", "last_problem",
    }  # fmt: skip
    assert (first["why"], first["last_problem"], first["late"]) == ("refused", NO_TOPIC, False)
    assert (second["why"], second["held_back_by"]) == ("held_back", 2)


@pytest.mark.parametrize(("minutes", "code"), [(14.5, 0), (15.5, 1)])
def test_the_exit_code_is_that_of_the_alarm(lab: Lab, minutes: float, code: int) -> None:
    """A quarter of an hour is the limit of the alarm release-pending."""
    lab.write(waiting(a_pending(minutes=minutes)))

    lab.run(code=code)
    found = lab.json(code=code)

    assert (found["ok"], found["pending"][0]["late"]) == (not code, bool(code))


def test_many_releases_are_few_calls(lab: Lab) -> None:
    """One scan of the index, and one read for each 100 rows."""
    regions = targets(*(f"eu-west-{number}" for number in range(1, 35)))
    lab.write(*(waiting(a_pending(t, v)) for t in regions for v in range(1, 5)))

    assert len(lab.json()["pending"]) == 136
    assert lab.counted() == {"Scan": 1, "BatchGetItem": 2}


def test_the_limit(lab: Lab) -> None:
    """That there are more is said, since these can be older."""
    lab.write(*(waiting(a_pending(OHIO, version)) for version in range(1, 5)))

    result = lab.run("--limit", "3")
    found = lab.json("--limit", "3")

    assert "There are more pending releases, which can be older (--limit)." in result.stdout
    assert (len(found["pending"]), found["complete"]) == (3, False)


def test_a_release_that_was_announced_meanwhile(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is eventually consistent; a row that is not pending is not even decoded."""
    lab.write(waiting(a_pending()))

    def read(*given: Any, **more: Any) -> list[Row]:  # noqa: ANN401 - as `read_rows`
        rows = read_rows(*given, **more)
        return [{**{k: row[k] for k in row if k != "pending"}, "kind": "x"} for row in rows]

    monkeypatch.setattr("services.history.image_reader.read_rows", read)

    assert lab.run().stdout == "nothing is pending\n"


def test_damaged_rows_are_named(lab: Lab) -> None:
    """They stay pending until a person repairs them; newer ones do not wait for them."""
    record = release_record(ACCOUNT, "al2023", 1)
    lab.write(
        {"region": OHIO.region, "record": record, "pending": OHIO.region, "kind": "\x1b[31m"},
        {"region": OHIO.region, "record": "\x1b[31m", "pending": OHIO.region},
        waiting(a_pending(OHIO, 2)),
    )

    result = lab.run(code=1)
    found = lab.json(code=1)

    assert f"warning: row {record} of us-east-2 is malformed" in result.stderr
    assert "warning: row \\x1b[31m of us-east-2 is malformed" in result.stderr
    assert "not tried  al2023" in result.stdout
    assert (found["ok"], len(found["unreadable"])) == (False, 2)


def test_hostile_texts_are_harmless(lab: Lab) -> None:
    """What the topic answered comes from outside."""
    hostile = "x\x1b]0;owned\x07\u202e[red]"
    lab.write(waiting(a_pending(), {**NO_TOPIC, "code": hostile, "detail": hostile}))

    assert "x\\x1b]0;owned\\x07\\u202e[red]: x\\x1b]0" in lab.run().stdout


def test_a_terminal_of_80_columns(lab: Lab) -> None:
    """A long name is on a line of its own."""
    name = "n" * 70
    lab.write(waiting(a_pending(name=name), {**NO_TOPIC, "detail": "why " * 60}))

    lines = lab.narrow().splitlines()

    assert f"      {name}" in lines
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_a_pipe_and_no_color(lab: Lab, env: dict[str, str]) -> None:
    """No colours are written."""
    lab.write(waiting(a_pending()))

    shown = CliRunner().invoke(main, ["pending"], env=env).stdout

    assert "\x1b[3" not in shown
    assert "1 pending release" in shown


# --- what is wrong with the call


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("Scan", "dynamodb:Scan on index pending of table ami-tracker"),
        ("BatchGetItem", "dynamodb:BatchGetItem on table ami-tracker"),
    ],
)
def test_denied_calls(lab: Lab, operation: str, permission: str) -> None:
    """The missing permission is named, and the policy that has it."""
    lab.write(waiting(a_pending()))

    with lab.aws.fault(operation=operation, code="AccessDeniedException", status=403):
        result = lab.run(code=1)

    assert f"{permission} is denied" in result.stderr
    assert "-read-only of the Terraform module" in result.stderr


def test_a_wrong_table(lab: Lab) -> None:
    """The option is named."""
    assert "table none in us-east-1; check --table" in lab.run("--table", "none", code=2).stderr


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says how to get them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    assert "no AWS credentials; use --profile" in lab.run(code=2).stderr


def test_an_endpoint_that_does_not_answer(lab: Lab) -> None:
    """The name of the option is in the sentence."""
    result = lab.run("--endpoint-url", "http://127.0.0.1:9", code=1)

    assert "--endpoint-url" in result.stderr


def test_the_help_ends_with_an_example(lab: Lab) -> None:
    """The last line is a command."""
    last = lab.run("--help").stdout.rstrip().splitlines()[-1]

    assert last.strip() == "ami-tracker pending"
