"""`ami-tracker rollout` on the embedded AWS."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from support.builders.releases import ACCOUNT, IRELAND, NAME, OHIO, TOKYO, a_release
from support.fakes.table import Row
from support.labs.image_lab import REGIONS, Lab, announced, targets, with_facts

from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.history import reader
from services.kernel.clock import now
from services.kernel.keys import release_record
from services.kernel.model import Kind, Target
from services.kernel.release_records import ReleaseRow, decode_release_row

A, B, C = "release:1.0", "release:1.1", "release:1.2"
BASELINE, RELEASE, ROLLBACK = Kind.BASELINE, Kind.RELEASE, Kind.ROLLBACK
WIDTH = 80


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None) -> Lab:  # noqa: ARG001 - the environment
    """Return the command on an empty table."""
    return Lab(aws, hub, "rollout")


@pytest.fixture
def three(lab: Lab) -> Lab:
    """Return the command with an image of which the newest release is missing in Tokyo."""
    lab.track(OHIO, IRELAND, TOKYO)
    lab.image(OHIO, (A, BASELINE, 100), (B, RELEASE, 30))
    lab.image(IRELAND, (A, BASELINE, 100), (B, RELEASE, 27.5))
    lab.image(TOKYO, (A, BASELINE, 100))
    return lab


def test_the_newest_release_is_missing_in_a_region(three: Lab) -> None:
    """The answer has the durations, and the lag of the region without it."""
    lines = three.run(NAME).stdout.splitlines()

    assert lines[0] == "al2023: 3 regions, newest roll-out first"
    assert lines[2] == "1.1: incomplete, 2 of 3"
    assert lines[3].startswith("  first        20")
    assert lines[4:6] == [
        "  took         first: us-east-2; 2 h 30 min: eu-west-1",
        "  missing      ap-northeast-1 (for 1 d 6 h)",
    ]
    assert lines[7] == "1.0: complete, 3 of 3"
    assert lines[8].endswith(" or before")
    assert lines[9] == "  no duration  baseline: ap-northeast-1, eu-west-1, us-east-2"


def test_the_output_for_programs(three: Lab) -> None:
    """The keys are documented and only added."""
    found = three.json(NAME)
    newest, older = found["rollouts"]

    assert found.keys() == {
        "schema", "ok", "time", "image_name", "lag_hours", "lagging", "rollouts", "more",
        "unjoined", "unreadable",
    }  # fmt: skip
    assert newest.keys() == {
        "join_key", "release", "outcome", "first_seen_at", "began_before", "ended_at",
        "lag_seconds", "notes_url", "counts", "targets",
    }  # fmt: skip
    assert newest["counts"] == {
        "has": 2, "had": 0, "rolled_back": 0, "later": 0, "lacks": 1, "unknown": 0,
    }  # fmt: skip
    assert newest["targets"][0].keys() == {
        "region", "account_id", "standing", "version", "kind", "detected_at", "took_seconds",
        "later_at", "trouble",
    }  # fmt: skip
    assert [each["standing"] for each in newest["targets"]] == ["lacks", "has", "has"]
    assert [each["took_seconds"] for each in newest["targets"]] == [None, 9000, 0]
    assert (older["outcome"], older["began_before"], older["lag_seconds"]) == (
        "complete",
        True,
        None,
    )


@pytest.mark.parametrize(("hours", "code"), [("31", 0), ("29", 1), ("0", 1)])
def test_the_exit_code_is_that_of_the_lag(three: Lab, hours: str, code: int) -> None:
    """It is 1 if a region lacks the newest roll-out for longer than the limit."""
    result = three.run(NAME, "--lag-hours", hours, code=code)
    found = three.json(NAME, "--lag-hours", hours, code=code)

    assert ("has been missing in a region for more than" in result.stderr) == bool(code)
    assert (found["lagging"], found["ok"]) == (bool(code), not code)


def test_the_limit_is_72_hours(lab: Lab) -> None:
    """Unless the command says another."""
    lab.track(OHIO, IRELAND)
    lab.image(OHIO, (A, BASELINE, 100), (B, RELEASE, 73))
    lab.image(IRELAND, (A, BASELINE, 100))

    assert "more than 72 hours (--lag-hours)" in lab.run(NAME, code=1).stderr


@pytest.mark.parametrize("state", ["access_denied", "throttled", "stale"])
def test_a_failing_region_is_unknown(three: Lab, state: str) -> None:
    """It keeps the roll-out from being complete, and is not said to lag."""
    three.image(TOKYO, (A, BASELINE, 100), state=state)

    text = three.run(NAME, "--lag-hours", "1").stdout

    assert "1.1: incomplete, 2 of 3\n" in text
    assert f"  unknown      {state.replace('_', ' ')}: ap-northeast-1\n" in text
    assert "missing" not in text


def test_a_region_that_got_it_and_fails_now(three: Lab) -> None:
    """It has the release, and what is current there now is uncertain."""
    three.image(IRELAND, (A, BASELINE, 100), (B, RELEASE, 27.5), state="access_denied")

    newest = three.run(NAME).stdout.split("\n\n")[1]

    assert "1.1: incomplete, 2 of 3\n" in newest
    assert "  fails now    access denied: eu-west-1" in newest


def test_a_stale_region_by_the_round_row_is_unknown(three: Lab) -> None:
    """The image row is still `ok`."""
    three.track(OHIO, IRELAND, TOKYO, stale=[1])

    [lacks, *_] = three.json(NAME)["rollouts"][0]["targets"]

    assert (lacks["standing"], lacks["trouble"]) == ("unknown", "stale")


def test_a_rollback(lab: Lab) -> None:
    """A region that was not reached is not said to be rolled back."""
    lab.track(OHIO, IRELAND, TOKYO)
    lab.image(OHIO, (A, BASELINE, 100), (B, RELEASE, 90), (A, ROLLBACK, 80))
    lab.image(IRELAND, (A, BASELINE, 100), (B, RELEASE, 90), state="access_denied")
    lab.image(TOKYO, (A, BASELINE, 100))

    text = lab.run(NAME).stdout

    assert "1.1: rolled back, 2 of 3\n" in text
    assert "  rolled back  us-east-2\n" in text


def test_superseded_and_first_sight(lab: Lab) -> None:
    """A region that only has a later release, and one that was added later."""
    other = Target("444455556666", OHIO.region)
    lab.track(OHIO, IRELAND, other)
    lab.image(OHIO, (A, BASELINE, 100), (B, RELEASE, 90), (C, RELEASE, 80))
    lab.image(IRELAND, (A, BASELINE, 100), (C, RELEASE, 79))
    lab.image(other, (C, BASELINE, 2))

    newest, older, *_ = lab.run(NAME).stdout.split("\n\n")[1:]

    assert "1.2: complete, 3 of 3\n" in newest
    assert "  no duration  baseline: us-east-2 (444455556666)" in newest
    assert "1.1: superseded, 1 of 3\n" in older
    assert f"  later only   eu-west-1 ({ACCOUNT}), us-east-2 (444455556666)" in older


def test_names_that_differ_cannot_be_joined(lab: Lab) -> None:
    """The output says so, and what to do."""
    lab.track(OHIO, IRELAND)
    lab.image(OHIO, ("name:use2-1", BASELINE, 100))
    lab.image(IRELAND, ("name:euw1-1", BASELINE, 100))

    text = lab.run(NAME, "--lag-hours", "0").stdout

    assert text.count("cannot be joined, 1 of 2\n") == 2
    assert "Release.Pattern of the image can read a key" in text


def test_only_the_last_roll_outs(three: Lab) -> None:
    """There are older ones."""
    text = three.run(NAME, "--last", "1").stdout

    assert "1.0: " not in text
    assert text.endswith("\n… and older roll-outs (--last)\n")


def test_34_regions_are_few_calls(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two queries for each region; no more rows are decoded than needed; 80 columns."""
    decoded = []

    def count(row: Row) -> ReleaseRow:
        decoded.append(row["record"])
        return decode_release_row(row)

    lab.track(*targets(*REGIONS))
    for number, target in enumerate(targets(*REGIONS)):
        steps = [(f"release:{n}", RELEASE, 200 - n - number / 60) for n in range(1, 7)]
        lab.image(target, *steps)
    monkeypatch.setattr(reader, "decode_release_row", count)

    text = lab.narrow(NAME, "--last", "2")

    assert text.count(": complete, 34 of 34\n") == 2
    assert lab.counted() == {"GetItem": 1, "BatchGetItem": 1, "Query": 68}
    assert len(decoded) == 34 * 5
    assert max(map(len, text.splitlines())) <= WIDTH


def test_damaged_rows_are_named(three: Lab) -> None:
    """The region is unknown, since the row can be the release that it seems to lack."""
    record = release_record(ACCOUNT, NAME, 2)
    three.write({"region": TOKYO.region, "record": record, "kind": "\x1b[31m"})

    result = three.run(NAME, code=1)

    assert f"warning: row {record} of ap-northeast-1 is malformed" in result.stderr
    assert "  unknown      damaged: ap-northeast-1\n" in result.stdout
    assert three.json(NAME, code=1)["ok"] is False


def test_hostile_texts_are_harmless(lab: Lab) -> None:
    """Names, keys and links come from outside."""
    hostile = "x\x1b]0;owned\x07\u202e[red]"
    lab.track(OHIO)
    lab.image(OHIO, (A, BASELINE, 9))
    release = with_facts(
        a_release(OHIO, 1, f"name:{hostile}", moment=now()),
        release=hostile,
        notes_url="javascript:alert(1)",
    )
    lab.write(announced(release))

    text = lab.run(NAME).stdout

    assert "x\\x1b]0;owned\\x07\\u202e[red]: complete" in text
    assert "javascript" not in text
    assert lab.json(NAME)["rollouts"][0]["notes_url"] is None


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
@pytest.mark.usefixtures("three")
def test_a_pipe_and_no_color(env: dict[str, str]) -> None:
    """No colours are written."""
    shown = CliRunner().invoke(main, ["rollout", NAME], env=env).stdout

    assert "\x1b[3" not in shown
    assert "1.1: incomplete, 2 of 3" in shown


# --- nothing to show, and what is wrong with the call


def test_an_image_that_was_never_found(lab: Lab) -> None:
    """It has no releases yet."""
    lab.track(OHIO)
    lab.image(OHIO, state="not_found")

    assert lab.run(NAME).stdout.splitlines()[1:] == ["no roll-outs"]
    assert lab.json(NAME)["rollouts"] == []


def test_an_empty_table(lab: Lab) -> None:
    """There is nothing to suggest."""
    assert "there are no images in table ami-tracker" in lab.run(NAME, code=2).stderr


def test_an_unknown_image(three: Lab) -> None:
    """Similar names are suggested."""
    assert "did you mean al2023?" in three.run("al2032", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a\x1b[31m",), "NAME 'a\\x1b[31m' is not valid"),
        ((NAME, "--last", "0"), "0 is not in the range"),
        ((NAME, "--lag-hours", "-1"), "-1.0 is not in the range"),
        ((), "Missing argument 'NAME'"),
    ],
)
def test_wrong_usage(lab: Lab, arguments: tuple[str, ...], problem: str) -> None:
    """It is refused before any call."""
    assert problem in lab.run(*arguments, code=2).stderr
    assert lab.aws.calls() == ()


@pytest.mark.parametrize("operation", ["GetItem", "Query", "BatchGetItem"])
def test_denied_calls(three: Lab, operation: str) -> None:
    """The missing permission is named, and the policy that has it."""
    with three.aws.fault(operation=operation, code="AccessDeniedException", status=403):
        result = three.run(NAME, code=1)

    assert f"dynamodb:{operation} on table ami-tracker is denied" in result.stderr
    assert "-read-only of the Terraform module" in result.stderr


def test_a_wrong_table(lab: Lab) -> None:
    """The option is named."""
    assert "there is no table none in us-east-1; check --table" in (
        lab.run(NAME, "--table", "none", code=2).stderr
    )


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says how to get them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    assert "no AWS credentials; use --profile" in lab.run(NAME, code=2).stderr


def test_the_help_ends_with_an_example(lab: Lab) -> None:
    """The last line is a command."""
    last = lab.run("--help").stdout.rstrip().splitlines()[-1]

    assert last.strip().startswith("ami-tracker rollout ")
