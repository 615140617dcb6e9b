"""`ami-tracker replay` on the embedded AWS, with the aggregator function."""

from __future__ import annotations

import pytest
from support.builders.aggregator import ACCOUNT, a_release, pending_row, published_row
from support.fakes.table import DynamoTable
from support.labs.acting_lab import Lab

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import AGGREGATOR, Hub
from services.embedded.tracker.subscriptions import Inbox
from services.kernel.model import Kind
from services.kernel.release_records import encode_release

pytestmark = pytest.mark.usefixtures("inbox")

WHERE = ("al2023", "--target-region", "eu-west-1", "--target-account", ACCOUNT)
TWO = (*WHERE, "--version", "2")


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, deployed: Pipeline) -> Lab:  # noqa: ARG001 - the function
    """Return the command, with the aggregator deployed."""
    return Lab(aws, hub, "replay")


def test_events_are_published_again(lab: Lab, table: DynamoTable, inbox: Inbox) -> None:
    """The command shows the releases, and the function publishes identical copies in order."""
    for version in (2, 3):
        table.put(published_row(a_release(version=version)))

    result = lab.run(*WHERE, "--version", "3", "--version", "2", "--yes")

    assert [copy.attributes["version"] for copy in inbox.receive()] == ["2", "3"]
    assert result.stdout.splitlines() == [
        "version  result     details",
        *(
            f"{row['version']}        published  message {row['message_id']}"
            for row in table.rows()
        ),
    ]
    assert result.stderr.splitlines()[:2] == [
        "version  kind     image                  event",
        "2        release  ami-00000000000000002  published 2026-11-22T07:00:11Z",
    ]
    assert "FIFO topic drops a copy" in result.stderr
    assert "[y/N]" not in result.stderr


def test_the_output_for_programs(lab: Lab, table: DynamoTable) -> None:
    """Standard output is one JSON document, with the documented keys."""
    table.put(published_row(a_release()))
    table.put(encode_release(a_release(version=3)))

    found = lab.json(*TWO, "--version", "3", "--version", "4", "--yes", code=1)

    published, *others = found.pop("results")
    assert found == {
        "schema": 1,
        "region": "eu-west-1",
        "account_id": ACCOUNT,
        "image_name": "al2023",
    }
    assert published.keys() == {
        "version",
        "outcome",
        "kind",
        "event_id",
        "message_id",
        "recorded",
    }
    assert others == [
        {"version": 3, "outcome": "not_announced"},
        {"version": 4, "outcome": "not_found"},
    ]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "sent"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_the_command_asks_first(
    lab: Lab, table: DynamoTable, inbox: Inbox, answer: str, sent: int
) -> None:
    """Without `y` nothing is sent, and the function is not invoked."""
    table.put(published_row(a_release()))

    result = lab.run(*TWO, code=0 if sent else 1, answer=answer)

    question = f"Replay 1 event of al2023 to the topic in eu-west-1 of account {ACCOUNT}? [y/N]: "
    assert question in result.stderr
    assert len(inbox.receive()) == sent
    assert lab.operations().count("Invoke") == sent
    assert ("nothing was sent" in result.stderr) == (sent == 0)


def test_without_a_terminal_yes_is_required(lab: Lab, table: DynamoTable, inbox: Inbox) -> None:
    """The exit code is that of wrong usage, and nothing is sent."""
    table.put(published_row(a_release()))

    result = lab.run(*TWO, code=2)

    assert "Error: standard input is not a terminal" in result.stderr
    assert result.stdout == ""
    assert inbox.receive() == []
    assert lab.operations() == ["BatchGetItem"]


def test_the_last_event(lab: Lab, table: DynamoTable, inbox: Inbox) -> None:
    """Releases after it that were never events are skipped."""
    table.put(published_row(a_release(version=2)))
    table.put(pending_row(a_release(version=3)))
    table.put(encode_release(a_release(version=4)))

    results = lab.json(*WHERE, "--last", "--yes")["results"]

    assert [(each["version"], each["outcome"]) for each in results] == [(3, "published")]
    assert [copy.attributes["version"] for copy in inbox.receive()] == ["3"]


def test_the_account_is_the_callers_by_default(lab: Lab) -> None:
    """The hub's account has no such image."""
    result = lab.run("al2023", "--target-region", "eu-west-1", "--last", code=2)

    assert "no event of al2023 in eu-west-1 of account 123456789012" in result.stderr


def test_nothing_to_publish_is_no_question(lab: Lab, table: DynamoTable) -> None:
    """The function is not invoked for releases that were never events or are damaged."""
    table.put(encode_release(a_release(version=2)))
    table.put({**published_row(a_release(version=3)), "image_id": "\x1b[31m"})

    result = lab.run(*TWO, "--version", "3", code=1)

    assert "2        not announced  it was never an event" in result.stdout
    assert "3        damaged        the row cannot be decoded" in result.stdout
    assert lab.operations() == ["BatchGetItem"]


def test_the_reads_are_bounded(lab: Lab, table: DynamoTable) -> None:
    """A hundred versions are read with one call, the last event with one query."""
    table.put(encode_release(a_release()))
    versions = [part for n in range(1, 101) for part in ("--version", str(n))]

    lab.run(*WHERE, *versions, "--yes", code=1)
    lab.run(*WHERE, "--last", "--yes", code=2)

    assert lab.operations() == ["BatchGetItem", "Query"]


def test_a_damaged_last_release_is_named(lab: Lab, table: DynamoTable) -> None:
    """The command does not guess which event was the last."""
    table.put({**published_row(a_release(version=3)), "kind": "\x1b[31m\u202e"})
    table.put(published_row(a_release(version=2)))

    result = lab.run(*WHERE, "--last", "--yes", code=1)

    assert "cannot be decoded, so the last event is unknown; use --version" in result.stderr


def test_a_refusal_is_shown(lab: Lab, aws: EmbeddedAws, table: DynamoTable, inbox: Inbox) -> None:
    """The reason is that of SNS, escaped; the later version is not sent."""
    for version in (2, 3):
        table.put(published_row(a_release(version=version)))

    with aws.fault(service="sns", code="AuthorizationError", status=403, message="no\x9b[31m way"):
        result = lab.run(*TWO, "--version", "3", "--yes", code=1)

    two, three = result.stdout.splitlines()[1:]
    assert two.startswith("2        refused   access_denied: AuthorizationError: no")
    assert three.startswith("3        not sent  not sent, since a version before it was refused")
    assert inbox.receive() == []


def test_hostile_text_in_a_row_is_escaped(lab: Lab, table: DynamoTable, inbox: Inbox) -> None:
    """A name with control characters has no effect on the terminal."""
    release = a_release(ami_name="x\x1b]0;owned\x07\u202e")
    table.put(published_row(release))

    lab.run(*TWO, "--yes")

    assert len(inbox.receive()) == 1


def test_a_terminal_of_80_columns(lab: Lab, table: DynamoTable) -> None:
    """No line is wider, and nothing is broken inside a word."""
    table.put(published_row(a_release(version=2, kind=Kind.RECONFIGURED)))
    table.put({**pending_row(a_release(version=3, kind=Kind.RECONFIGURED))})

    result = lab.on_a_terminal(*WHERE, "--version", "2", "--version", "3", "--yes")

    assert max(map(len, result.output.splitlines())) <= 80
    assert (
        "reconfigured  ami-00000000000000003  pending since 2026-11-22T07:00:10Z" in result.stderr
    )


# --- what is wrong with the call


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (WHERE, "use either --version, which can be repeated, or --last"),
        ((*TWO, "--last"), "use either --version, which can be repeated, or --last"),
        ((*WHERE, "--version", "0"), "0 is not in the range"),
        ((*WHERE, "--version", "100000000"), "is not in the range"),
        (("al2023", "--last"), "Missing option '--target-region'"),
        (("a\x1b#b", *WHERE[1:], "--last"), "NAME 'a\\x1b#b' is not valid"),
        ((*WHERE[:2], "nowhere", "--last"), "--target-region 'nowhere' is not valid"),
        ((*WHERE[:4], "1", "--last"), "--target-account '1' is not valid"),
        (
            (*WHERE, *(part for n in range(1, 102) for part in ("--version", str(n)))),
            "there are more than 100 versions; use several commands",
        ),
        ((*TWO, "--endpoint-url", "127.0.0.1"), "must begin with https:// or http://"),
        ((*TWO, "--region", "here"), "--region 'here' is not the name of a region"),
        ((*TWO, "--profile", "none"), "The config profile (none) could not be found"),
    ],
)
def test_wrong_usage(lab: Lab, arguments: tuple[str, ...], problem: str) -> None:
    """It is refused before any call, in one sentence."""
    result = lab.run(*arguments, code=2)

    assert problem in result.stderr
    assert lab.aws.calls() == ()


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says how to get them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    assert "no AWS credentials; use --profile" in lab.run(*TWO, code=2).stderr


def test_missing_resources(lab: Lab, table: DynamoTable) -> None:
    """A wrong table or function is named with its option."""
    table.put(published_row(a_release()))

    missing_table = lab.run(*TWO, "--table", "none", code=2).stderr
    missing_function = lab.run(*TWO, "--yes", "--function", "none", code=2).stderr
    missing_release = lab.run(*WHERE, "--version", "9", code=2).stderr

    assert "there is no table none in us-east-1; check --table and --region" in missing_table
    assert "there is no function none in us-east-1; check --function" in missing_function
    assert "there is no such release of al2023 in eu-west-1" in missing_release


@pytest.mark.parametrize(
    ("operation", "arguments", "permission"),
    [
        ("BatchGetItem", TWO, "dynamodb:BatchGetItem on table ami-tracker"),
        ("Query", (*WHERE, "--last"), "dynamodb:Query on table ami-tracker"),
        ("Invoke", (*TWO, "--yes"), "lambda:InvokeFunction on function ami-tracker-aggregator"),
    ],
)
def test_denied_calls(
    lab: Lab, table: DynamoTable, operation: str, arguments: tuple[str, ...], permission: str
) -> None:
    """The missing permission is named."""
    table.put(published_row(a_release()))

    with lab.aws.fault(operation=operation, code="AccessDeniedException", status=403):
        result = lab.run(*arguments, code=1)

    assert f"{permission} is denied; ask for this permission" in result.stderr


# --- answers of the function


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (RuntimeError("out of \x1b[31mmemory"), "the function failed (RuntimeError: out of"),
        (
            RuntimeError("it is neither a stream event nor a sweep"),
            "the deployed function is older than this command; deploy it again",
        ),
        ({"batchItemFailures": []}, "the function's answer is not that of a replay"),
        ({"replay": {"results": [{"version": 2}]}}, "is not that of a replay"),
        (None, "is not that of a replay"),
    ],
)
def test_other_answers_of_the_function(
    lab: Lab, table: DynamoTable, answer: object, problem: str
) -> None:
    """They are explained in one sentence."""
    table.put(published_row(a_release()))

    def function(_: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with lab.aws.function(AGGREGATOR, function):
        result = lab.run(*TWO, "--yes", code=1)

    assert problem in result.stderr


def test_an_invocation_is_never_repeated(lab: Lab, table: DynamoTable) -> None:
    """A repeated call would send the events twice."""
    table.put(published_row(a_release()))

    with lab.aws.fault(operation="Invoke", code="ServiceException", status=500):
        result = lab.run(*TWO, "--yes", code=1)

    assert lab.operations().count("Invoke") == 1
    assert "got no answer, so its effect is unknown; try again" in result.stderr


def test_a_throttled_invocation(lab: Lab, table: DynamoTable) -> None:
    """The message differs from that of a call without an answer, which may have had an effect."""
    table.put(published_row(a_release()))

    with lab.aws.fault(operation="Invoke", code="TooManyRequestsException", status=429):
        result = lab.run(*TWO, "--yes", code=1)

    assert "ami-tracker-aggregator was throttled; try again" in result.stderr


def test_the_help_ends_with_an_example(lab: Lab) -> None:
    """The last line is a command."""
    last = lab.run("--help").stdout.rstrip().splitlines()[-1]

    assert last.strip().startswith("ami-tracker replay ")
