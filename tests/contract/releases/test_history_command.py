"""`ami-tracker history` on the embedded AWS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from support.builders.releases import ACCOUNT, IRELAND, NAME, OHIO, TOKYO, a_release
from support.fakes.table import Row
from support.labs.image_lab import REGIONS, Lab, announced, targets, waiting, with_facts

from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.history import reader
from services.kernel.clock import now
from services.kernel.keys import release_record, round_record
from services.kernel.model import Kind, Target
from services.kernel.release_records import ReleaseRow, decode_release_row
from services.kernel.wire import timestamp

A, B, C = "release:1.0", "release:1.1", "release:1.2"
BASELINE, RELEASE = Kind.BASELINE, Kind.RELEASE
STEPS = ((A, BASELINE, 100.0), (B, RELEASE, 30.0), (C, RELEASE, 2.0))
WIDTH = 80


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None) -> Lab:  # noqa: ARG001 - the environment
    """Return the command on an empty table."""
    return Lab(aws, hub, "history")


@pytest.fixture
def two(lab: Lab) -> Lab:
    """Return the command with an image in two regions."""
    lab.track(OHIO, IRELAND)
    for target in (OHIO, IRELAND):
        lab.image(target, *STEPS)
    return lab


def releases(lab: Lab, *arguments: str, code: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Return the releases of each region from the JSON."""
    found = lab.json(*arguments, code=code)
    return {each["region"]: each["releases"] for each in found["targets"]}


def test_several_regions_are_one_table_each(two: Lab) -> None:
    """Each has the last releases, newest first; the current one is marked."""
    lines = two.run(NAME).stdout.splitlines()

    assert lines[0] == f"al2023 in eu-west-1 of account {ACCOUNT}"
    assert lines[1].split() == [
        "version", "kind", "detected", "current", "for", "event", "release",
    ]  # fmt: skip
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["3", "release"],
        ["2", "release"],
        ["1", "baseline"],
    ]
    assert "2 h *" in lines[2]
    assert "1 d 4 h      announced  1.1" in lines[3]
    assert lines[4].split()[-2:] == ["-", "1.0"]
    assert lines[6] == f"al2023 in us-east-2 of account {ACCOUNT}"


def test_one_region_has_all_details(two: Lab) -> None:
    """With --regions: every property of each release."""
    release = a_release(OHIO, 4, "release:1.3", hours=1, moment=now())
    release = with_facts(
        release,
        facts={"ecs_agent_version": "1.107.0"},
        changed={"ecs_agent_version": "1.106.0"},
        notes_url="https://example.com/1.3",
        source_time=release.detected_at - timedelta(minutes=3),
    )
    problem = {"code": "NotFound", "detail": "no topic", "since": timestamp(release.detected_at)}
    two.write(waiting(release, problem))

    text = two.run(NAME, "--regions", OHIO.region).stdout

    assert "  version 4: release 1.3\n" in text
    assert "    image      ami-00000000000000004\n" in text
    assert "    changed    ecs_agent_version 1.106.0 → 1.107.0\n" in text
    assert "    notes      https://example.com/1.3\n" in text
    assert "Z by the publisher\n" in text
    assert "    event      pending; NotFound since" in text
    assert "    current    for 1 h, and now\n" in text
    assert "    event      not announced, since Announce does not contain baseline\n" in text
    assert "eu-west-1" not in text


def test_the_output_for_programs(two: Lab) -> None:
    """The keys are documented and only added."""
    found = two.json(NAME)
    [newest, *_] = found["targets"][0]["releases"]

    assert found.keys() == {"schema", "ok", "time", "image_name", "targets", "unreadable"}
    assert found["targets"][0].keys() == {
        "region", "account_id", "active", "trouble", "complete", "releases",
    }  # fmt: skip
    assert newest.keys() == {
        "version", "kind", "release", "ami_name", "image_id", "previous_image_id", "join_key",
        "event_id", "source_time", "detected_at", "event", "event_at", "last_problem", "current",
        "current_until", "current_seconds", "changed", "notes_url",
    }  # fmt: skip
    assert (newest["event"], newest["current"], newest["release"]) == ("announced", True, "1.2")
    assert newest["current_seconds"] // 3600 == 2


def test_the_limit(two: Lab) -> None:
    """It is for each region; that there are older releases is said."""
    found = releases(two, NAME, "--limit", "1")

    assert {region: len(each) for region, each in found.items()} == {
        IRELAND.region: 1,
        OHIO.region: 1,
    }
    assert two.run(NAME, "--limit", "1").stdout.count("… and older releases (--limit)") == 2


def test_accounts_and_regions_are_selected(lab: Lab) -> None:
    """The same region can be watched from two accounts."""
    other = Target("444455556666", OHIO.region)
    lab.track(OHIO, other, IRELAND)
    for target in (OHIO, other, IRELAND):
        lab.image(target, *STEPS)

    found = lab.json(NAME, "--account", other.account_id)["targets"]

    assert [(each["region"], each["account_id"]) for each in found] == [
        (OHIO.region, other.account_id)
    ]
    assert len(lab.json(NAME, "--regions", OHIO.region)["targets"]) == 2


def test_a_region_without_the_image_is_named(two: Lab) -> None:
    """It is a note apart from the result of the other region."""
    result = two.run(NAME, "--regions", f"{OHIO.region},{TOKYO.region}")

    assert result.stderr == "note: al2023 was never tracked in ap-northeast-1\n"
    assert result.stdout.startswith("al2023 in us-east-2")


def test_34_regions_are_few_calls(lab: Lab) -> None:
    """One query for the accounts and one for the releases of each region."""
    lab.track(*targets(*REGIONS))
    for target in targets(*REGIONS):
        lab.image(target, *STEPS)

    text = lab.run(NAME).stdout

    assert text.count("al2023 in ") == 34
    assert max(map(len, text.splitlines())) <= WIDTH
    assert lab.counted() == {"GetItem": 1, "BatchGetItem": 1, "Query": 68}


def test_one_region_needs_no_note(two: Lab) -> None:
    """The calls are those of the region."""
    two.run(NAME, "--regions", OHIO.region)

    assert two.counted() == {"BatchGetItem": 1, "Query": 2}


def test_no_more_rows_are_decoded_than_shown(two: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older releases and other images are not decoded."""
    decoded = []

    def count(row: Row) -> ReleaseRow:
        decoded.append(row["record"])
        return decode_release_row(row)

    two.image(OHIO, *STEPS, name="al2023-arm64", number=2)
    monkeypatch.setattr(reader, "decode_release_row", count)

    two.run(NAME, "--limit", "2")

    assert sorted(decoded) == sorted(2 * [release_record(ACCOUNT, NAME, n) for n in (2, 3)])


@pytest.mark.parametrize("state", ["access_denied", "stale"])
def test_a_failing_region_is_marked(two: Lab, state: str) -> None:
    """Its last known releases are shown."""
    two.image(OHIO, *STEPS, state=state)

    text = two.run(NAME).stdout

    assert f"al2023 in us-east-2 of account {ACCOUNT} ({state.replace('_', ' ')})\n" in text


def test_staleness_by_the_round_row(two: Lab) -> None:
    """The image row is still `ok`."""
    two.track(OHIO, IRELAND, stale=[1])

    assert [each["trouble"] for each in two.json(NAME)["targets"]] == ["stale", "stale"]


def test_damaged_rows_are_named(two: Lab) -> None:
    """The others are shown, and the exit code is 1."""
    record = release_record(ACCOUNT, NAME, 2)
    two.write({"region": OHIO.region, "record": record, "kind": "\x1b[31m"})
    two.write({"region": IRELAND.region, "record": round_record(ACCOUNT), "window": 3})

    result = two.run(NAME, code=1)
    found = two.json(NAME, code=1)

    assert f"warning: row {record} of us-east-2 is malformed" in result.stderr
    assert "warning: row round#111122223333 of eu-west-1 is malformed" in result.stderr
    assert len(found["unreadable"]) == 2
    assert [each["trouble"] for each in found["targets"]] == ["damaged", "damaged"]


def test_hostile_texts_are_harmless(two: Lab) -> None:
    """Names, facts and links come from outside."""
    hostile = "x\x1b]0;owned\x07\u202e[red]"
    release = with_facts(
        a_release(OHIO, 4, f"name:{hostile}", hours=1, moment=now()),
        facts={"fact": hostile},
        changed={"fact": hostile, hostile: "before"},
        notes_url="javascript:alert(1)",
        release=hostile,
    )
    problem = {"code": hostile, "detail": hostile, "since": timestamp(now())}
    two.write(waiting(release, problem))

    text = two.run(NAME, "--regions", OHIO.region).stdout

    assert "\\x1b]0;owned\\x07\\u202e[red]" in text
    assert "javascript" not in text
    assert releases(two, NAME)[OHIO.region][0]["notes_url"] is None


def test_a_long_name_is_not_broken(lab: Lab) -> None:
    """It is on a line of its own in a narrow terminal."""
    lab.track(OHIO, TOKYO)
    name = "n" * 70
    for target in (OHIO, TOKYO):
        lab.image(target, (A, BASELINE, 1))
        release = with_facts(a_release(target, 1, f"name:{name}", BASELINE), release=name)
        lab.write(announced(release))

    assert f"\n      {name}\n" in lab.narrow(NAME)


@pytest.mark.parametrize("arguments", [(), ("--regions", OHIO.region)])
def test_a_terminal_of_80_columns(two: Lab, arguments: tuple[str, ...]) -> None:
    """No line is longer, and nothing is lost."""
    lines = two.narrow(NAME, *arguments).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert [word for line in lines for word in line.split()] == (
        two.run(NAME, *arguments).stdout.split()
    )


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
@pytest.mark.usefixtures("two")
def test_a_pipe_and_no_color(env: dict[str, str]) -> None:
    """No colours are written; there is no progress bar in standard output."""
    shown = CliRunner().invoke(main, ["history", NAME], env=env).stdout

    assert "\x1b[3" not in shown
    assert ("\x1b[1m" in shown) == bool(env)


# --- nothing to show, and what is wrong with the call


def test_an_empty_table(lab: Lab) -> None:
    """There is nothing to suggest."""
    result = lab.run(NAME, code=2)

    assert "Error: there are no images in table ami-tracker in us-east-1\n" in result.stderr


def test_an_unknown_image(two: Lab) -> None:
    """Similar names are suggested, with one more query for each region."""
    assert "there is no image al2032 in table ami-tracker in us-east-1; did you mean al2023?" in (
        two.run("al2032", code=2).stderr
    )
    assert two.counted() == {"GetItem": 1, "Query": 4, "BatchGetItem": 1}
    assert "there is no image q in table ami-tracker in us-east-1; there are al2023" in (
        two.run("q", code=2).stderr
    )


def test_an_image_that_is_not_in_this_region(two: Lab) -> None:
    """The message says that not every region was read."""
    two.track(OHIO, IRELAND, TOKYO)
    two.image(TOKYO, (A, BASELINE, 1), name="rhel-9")

    result = two.run(NAME, "--regions", TOKYO.region, code=2)

    assert "in these regions and accounts" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a\x1b[31m",), "NAME 'a\\x1b[31m' is not valid"),
        ((NAME, "--regions", "here"), "--regions 'here' is not valid"),
        ((NAME, "--account", "1"), "--account '1' is not valid"),
        ((NAME, "--limit", "0"), "0 is not in the range"),
        ((NAME, "--endpoint-url", "localhost"), "must begin with https:// or http://"),
        ((), "Missing argument 'NAME'"),
    ],
)
def test_wrong_usage(lab: Lab, arguments: tuple[str, ...], problem: str) -> None:
    """It is refused before any call."""
    assert problem in lab.run(*arguments, code=2).stderr
    assert lab.aws.calls() == ()


@pytest.mark.parametrize("operation", ["GetItem", "Query", "BatchGetItem"])
def test_denied_calls(two: Lab, operation: str) -> None:
    """The missing permission is named, and the policy that has it."""
    with two.aws.fault(operation=operation, code="AccessDeniedException", status=403):
        result = two.run(NAME, code=1)

    assert f"dynamodb:{operation} on table ami-tracker is denied" in result.stderr
    assert "-read-only of the Terraform module" in result.stderr
    assert result.stdout == ""


def test_a_busy_table(two: Lab) -> None:
    """The command can be tried again."""
    with two.aws.fault(operation="Query", code="ThrottlingException"):
        assert "was throttled; try again" in two.run(NAME, code=1).stderr


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


def test_an_endpoint_that_does_not_answer(lab: Lab) -> None:
    """The name of the option is in the sentence."""
    result = lab.run(NAME, "--endpoint-url", "http://127.0.0.1:9", code=1)

    assert "does not respond" in result.stderr
    assert "--endpoint-url" in result.stderr


def test_the_help_ends_with_an_example(lab: Lab) -> None:
    """The last line is a command."""
    last = lab.run("--help").stdout.rstrip().splitlines()[-1]

    assert last.strip().startswith("ami-tracker history ")
