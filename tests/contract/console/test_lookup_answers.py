"""`ami-tracker lookup` finds images: its answers, its calls, and its two outputs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from support.labs.lookup_lab import IRELAND, MEMBER, PATH, RED_HAT, VIRGINIA, Lab, image_id

from services.embedded.aws.server import HUB_ACCOUNT
from services.embedded.tracker.resources import EXTERNAL_ID

OWNER = "444455556666"
IDENTITY = ("sts", "GetCallerIdentity")
ASSUME = ("sts", "AssumeRole")
DESCRIBE = ("ec2", "DescribeImages")
GET = ("ssm", "GetParameters")
BY_FILTER = ("--owner", RED_HAT, "--filter", "name=RHEL-9.*-x86_64-*")
BY_RELEASE = (
    *BY_FILTER,
    *("--order-by", "release", "--release-pattern", "^RHEL-(?P<release>[0-9.]+)"),
    *("--exclude-name", "*BETA*", "--notes", "https://example.com/{release}"),
)


def test_a_parameter_with_the_callers_own_credentials(lab: Lab) -> None:
    """The result has the image, the parameter's version, facts and commands: three calls."""
    found = lab.one("by-parameter", "--regions", VIRGINIA, "--no-assume-role")

    assert lab.calls() == sorted([IDENTITY, GET, DESCRIBE])
    assert (found["account_id"], found["region"]) == (HUB_ACCOUNT, VIRGINIA)
    assert (found["state"], found["image_id"]) == ("ok", image_id(1))
    assert found["ami_name"] == "RHEL-9.6.0_HVM-x86_64-0"
    assert found["facts"]["owner_id"] == RED_HAT
    why = found["why"]["parameter"]
    assert (why["path"], why["exists"], why["version"]) == (PATH, True, 1)
    assert (why["image_id"], why["image_state"]) == (image_id(1), "available")
    assert re.fullmatch(r"[0-9]{4}-[0-9T:.-]+Z", why["modified"])
    assert [each["purpose"] for each in found["commands"]] == ["answer", "image"]


def test_filters_of_an_entry(lab: Lab) -> None:
    """The result has the candidates in order, what is excluded, and the release: two calls."""
    found = lab.one("by-filter", "--regions", VIRGINIA)

    assert lab.calls() == sorted([IDENTITY, DESCRIBE])
    assert (found["image_id"], found["release"]) == (image_id(1), "9.6.0")
    assert found["notes_url"] == "https://example.com/9.6.0"
    assert found["join_key"] == "release:9.6.0"
    why = found["why"]["filters"]
    assert (why["candidate_count"], why["excluded_count"], why["pages"]) == (3, 1, 1)
    assert [(c["release"], c["verdict"]) for c in why["candidates"]] == [
        ("9.7.0", "deprecated"),
        ("9.6.0", "newest"),
        ("9.8.0", "older"),
    ]
    [excluded] = why["excluded"]
    assert (excluded["image_id"], excluded["pattern"]) == (image_id(3), "*BETA*")


def test_an_entry_on_the_command_line_ordered_by_release(lab: Lab) -> None:
    """The newest release is not the newest date; no file is needed."""
    for file in lab.folder.rglob("*.yaml"):
        file.unlink()

    found = lab.one(*BY_RELEASE, "--region", VIRGINIA)

    assert (found["image_id"], found["release"]) == (image_id(2), "9.8.0")
    assert found["notes_url"] == "https://example.com/9.8.0"
    assert found["region"] == VIRGINIA


def test_top_limits_the_candidates(lab: Lab) -> None:
    """The other candidates are counted."""
    why = lab.one("by-filter", "--regions", VIRGINIA, "--top", "1")["why"]["filters"]

    assert (len(why["candidates"]), why["candidate_count"]) == (1, 3)
    text = lab.run("by-filter", "--regions", VIRGINIA, "--top", "1").stdout
    assert "… and 2 more (--top)" in text
    assert f"* {image_id(1)}" in text


def test_every_page_is_read(lab: Lab) -> None:
    """The number of pages is part of the reason."""
    lab.aws.images_per_page = 2
    try:
        found = lab.one("by-filter", "--regions", VIRGINIA)
    finally:
        lab.aws.images_per_page = None

    assert (found["image_id"], found["why"]["filters"]["pages"]) == (image_id(1), 2)
    assert lab.calls().count(DESCRIBE) == 2


def test_json_in_a_parameter(lab: Lab) -> None:
    """The other values of the JSON are facts."""
    value = {"image_id": image_id(2), "release_version": "9.8", "nested": {"a": 1}}
    lab.put(json.dumps(value), "/acme/json")

    found = lab.one("--parameter", "/acme/json", "--regions", IRELAND)

    assert (found["image_id"], found["facts"]["release_version"]) == (image_id(2), "9.8")
    assert "nested" not in found["facts"]


def test_a_marketplace_parameter(lab: Lab) -> None:
    """Parameters of the marketplace are below a path of their own."""
    path = "/aws/service/marketplace/prod-abcdefghijklm/latest"
    image = lab.register(9, "vendor-1", 1, owner_id="679593333241", owner_alias="aws-marketplace")
    lab.put(image, path)

    found = lab.one("--parameter", path, "--regions", VIRGINIA)

    assert (found["image_id"], found["facts"]["owner_alias"]) == (image, "aws-marketplace")


def test_a_shared_parameter_is_looked_up_in_its_region(lab: Lab) -> None:
    """An ARN has the region, so the command needs no --regions."""
    lab.aws.publishers.put_parameter(OWNER, IRELAND, "/golden/app", image_id(1))
    path = lab.aws.share_parameter(OWNER, IRELAND, "/golden/app")

    found = lab.one("--parameter", path)

    assert (found["region"], found["image_id"]) == (IRELAND, image_id(1))
    assert found["why"]["parameter"]["path"] == path


def test_a_parameter_that_is_not_shared(lab: Lab) -> None:
    """Its owner can correct this, which a hint says; another region is refused."""
    path = f"arn:aws:ssm:{IRELAND}:{OWNER}:parameter/golden/web"

    found = lab.one("--parameter", path, code=1)

    assert (found["region"], found["state"]) == (IRELAND, "not_found")
    assert "the owner must share the parameter with this account (AWS RAM)" in found["hints"]
    assert [each["purpose"] for each in found["commands"]] == ["answer"]
    other = lab.run("--parameter", path, "--regions", VIRGINIA)
    assert (other.exit_code, f"exclude {VIRGINIA}" in other.stderr) == (2, True)


def test_all_entries_in_all_regions(lab: Lab) -> None:
    """Without a NAME, every entry is looked up in every region, with one identity call."""
    found = lab.json()

    assert [(each["image_name"], each["region"]) for each in found["results"]] == [
        ("by-filter", IRELAND),
        ("by-filter", VIRGINIA),
        ("by-parameter", IRELAND),
        ("by-parameter", VIRGINIA),
    ]
    assert lab.calls() == sorted([IDENTITY, *[GET, DESCRIBE, DESCRIBE] * 2])
    assert (found["schema"], found["ok"], found["different_names"]) == (1, True, {})
    assert found["credentials"]["role_name"] is None


def test_the_roles_of_the_configured_accounts(lab: Lab) -> None:
    """With an external id, one role per account is assumed, and the account is the configured."""
    found = lab.json("by-parameter", "--external-id", EXTERNAL_ID)

    assert {each["account_id"] for each in found["results"]} == {MEMBER}
    assert found["credentials"]["role_name"] == "ami-tracker-read"
    assert lab.calls() == sorted([IDENTITY, ASSUME, *[GET, DESCRIBE] * 2])


def test_the_external_id_in_the_environment(lab: Lab) -> None:
    """It has the same effect as the option, and --no-assume-role overrides it."""
    env = {"AMI_TRACKER_EXTERNAL_ID": EXTERNAL_ID}

    roles = lab.run("by-parameter", env=env)
    own = lab.run("by-parameter", "--no-assume-role", env=env)

    assert roles.stdout.startswith("Credentials: the role ami-tracker-read of each account")
    assert own.stdout.startswith("Credentials: your own (arn:aws:sts::123456789012:")


def test_names_that_differ_between_regions(lab: Lab) -> None:
    """A region that lags behind has another AMI name, which is shown."""
    lab.register(11, "lag-1-x86_64", 1)
    lab.register(12, "lag-2-x86_64", 2, regions=(VIRGINIA,))
    entry = ("--owner", RED_HAT, "--filter", "name=lag-*-x86_64")

    found = lab.json(*entry)

    expected = {"lag-1-x86_64": [IRELAND], "lag-2-x86_64": [VIRGINIA]}
    assert found["different_names"] == {"this-lookup": expected}
    assert "this-lookup: the AMI name is not the same in all regions:" in lab.run(*entry).stdout


@pytest.mark.parametrize(
    ("known", "changes", "kind", "calls"),
    [
        (1, False, None, [IDENTITY, DESCRIBE, DESCRIBE]),
        (2, True, "release", [IDENTITY, DESCRIBE, DESCRIBE]),
        (3, True, "rollback", [IDENTITY, *[DESCRIBE] * 3]),
    ],
)
def test_a_known_image(
    lab: Lab,
    known: int,
    changes: bool,  # noqa: FBT001 - a table
    kind: str | None,
    calls: list[tuple[str, str]],
) -> None:
    """The command reads its name and date first, and says whether the image would change."""
    found = lab.one("by-filter", "--regions", VIRGINIA, "--known", image_id(known))

    assert (found["known"]["changes"], found["known"]["kind"]) == (changes, kind)
    assert found["known"]["ami_name"].startswith("RHEL-9.")
    assert lab.calls() == sorted(calls)


def test_a_known_image_that_is_gone(lab: Lab) -> None:
    """Its name and date are in the table alone, which a warning says."""
    found = lab.one("by-filter", "--regions", VIRGINIA, "--known", image_id(99))

    assert found["known"]["changes"]
    assert any("is not visible here" in each for each in found["warnings"])


def test_the_summary_on_80_columns(lab: Lab) -> None:
    """There is a row for each image and region, and no line is longer than the terminal."""
    env = {"FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"}

    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", lab.run(env=env).stdout)

    assert max(map(len, text.splitlines())) <= 80
    assert f"  {IRELAND}  {image_id(1)}  2026-10-20  9.6.0\n" in text.replace("   ", "  ")
    assert "4 of 4 found. Details: --explain" in text


def test_many_images_in_one_region(lab: Lab) -> None:
    """Then a row begins with the image's name."""
    text = lab.run("--regions", VIRGINIA).stdout

    assert f"\nby-filter     {image_id(1)}  2026-10-20  9.6.0\n" in text
    assert f"\nby-parameter  {image_id(1)}  2026-10-20\n" in text


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1", "TERM": "dumb"}])
def test_a_pipe_has_no_escapes(lab: Lab, env: dict[str, str]) -> None:
    """Nothing but text is on stdout, and nothing on stderr."""
    result = lab.run("--explain", env=env)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout


def test_no_color_has_no_colours(lab: Lab) -> None:
    """A terminal with NO_COLOR gets no colour."""
    lab.put(image_id(98), "/acme/gone")
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm"}
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9]m")

    coloured = lab.run("--parameter", "/acme/gone", env=terminal)
    plain = lab.run("--parameter", "/acme/gone", env={**terminal, "NO_COLOR": "1"})

    assert coloured.exit_code == plain.exit_code == 1
    assert colour.search(coloured.stdout)
    assert not colour.search(plain.stdout)


def test_markup_in_a_name_has_no_effect(lab: Lab) -> None:
    """Names with markup, emoji codes and marks of direction are shown as text."""
    lab.register(21, "[red]evil[/red]:smile:\u202e-x86_64", 1)

    text = lab.run("--owner", RED_HAT, "--filter", "name=*evil*-x86_64", "--regions", VIRGINIA)

    assert "[red]evil[/red]:smile:\\u202e-x86_64" in text.stdout
    assert "\u202e" not in text.stdout


def test_a_progress_bar_only_on_a_slow_terminal(lab: Lab) -> None:
    """It is on stderr; a pipe has none."""
    slow = {"service": "ssm", "when": "late", "code": "x", "delay": 1.3}
    with lab.aws.fault(**slow):
        piped = lab.run("by-parameter")
        shown = lab.run("by-parameter", env={"FORCE_COLOR": "1", "TERM": "xterm"})

    assert piped.stderr == ""
    assert "looking up" in shown.stderr
    assert "looking up" not in shown.stdout


def test_the_examples_of_the_help_are_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example of the help ends with an answer, on the shipped files and moto's parameters."""
    lab.register(41, "RHEL-9.8.0_HVM-20261001-x86_64-0-Hourly2-GP3", 1)
    monkeypatch.chdir(Path(__file__).parents[3])
    text = lab.run("--help").stdout.partition("Examples:")[2].replace("\\\n", " ")
    examples = [line.split("lookup ", 1)[1] for line in text.splitlines() if "lookup " in line]

    assert len(examples) == 4
    results = [lab.run(*shlex.split(example)) for example in examples]
    assert [result.exit_code for result in results] == [0, 1, 0, 0]
    assert {result.stdout[:21] for result in results} == {"Credentials: your own"}
