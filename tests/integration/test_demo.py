"""The demo, end to end: its output, and its result when events are missing."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.text import Text

from services.console.cli import main
from services.console.demo.page import Page
from services.console.demo.walkthrough import Walkthrough
from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Run:
    """A demo run: its text, as people see it, and its result."""

    text: str
    right: bool
    pages: int = 0
    report: str = ""
    feed: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Return the lines of the text."""
        return self.text.splitlines()

    def body(self) -> str:
        """Return the line with the event as received."""
        (line,) = (line for line in self.lines if line.startswith("{"))
        return line


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run `ami-tracker demo`, piped, in an environment that sets 200 columns, as `make demo`."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(main, ["demo", "--out", "build"], env={"COLUMNS": "200"})
    report, feed = folder / "build" / "demo-report.html", folder / "build" / "demo-feed"
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    files = tuple(sorted(each.relative_to(feed).as_posix() for each in feed.rglob("*.*")))
    return Run(result.output, result.exit_code == 0, report=text, feed=files)


@pytest.fixture(scope="module")
def lossy() -> Run:
    """Run a demo on a terminal of 80 columns, with a failing topic in one region."""
    pages: list[None] = []
    text = io.StringIO()
    page = Page(Console(file=text, width=80, force_terminal=True, emoji=False))
    with TemporaryDirectory() as folder, EmbeddedAws() as aws:
        aws.add_fault(Fault(service="sns", region="us-west-2", code="AuthorizationError"))
        right = Walkthrough(aws, Path(folder), page, lambda: pages.append(None)).run()
    without_bars = re.sub(r"\x1b\[[0-9;?]*[A-Zhl]", "", text.getvalue())
    shown = (line.rpartition("\r")[2] for line in without_bars.split("\n"))
    return Run(Text.from_ansi("\n".join(shown)).plain, right, len(pages))


@pytest.fixture(params=["wide", "lossy"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return each of the two runs."""
    shared: Run = request.getfixturevalue(request.param)
    return shared


def test_the_demo_exits_0_and_shows_every_step(wide: Run) -> None:
    """`ami-tracker demo` exits with 0 and finds every event."""
    assert wide.right, wide.text
    for words in (
        "1/9", "9/9", "baseline, without events", "access", "rollback", "redhat-8.6.0-hvm",
        '"image_name": "al2023-x86_64"', "event_id",
        "Every expected event arrived once, and no other event.",
    ):  # fmt: skip
        assert words in wide.text


def test_the_demo_notices_lost_events(lossy: Run) -> None:
    """If one region's topic fails, the result names the missing events."""
    assert not lossy.right
    assert "The received events differ from the expected events." in lossy.text
    assert "Next steps" not in lossy.text
    assert lossy.pages == 7


def test_the_event_is_shown_as_it_was_received(run: Run) -> None:
    """The event is one line of JSON, longer than the page is wide, as README shows it."""
    content = json.loads(run.body())

    assert json.dumps(content) == run.body()
    assert content["v1"]["image"]["image_name"] == "al2023-x86_64"
    assert len(run.body()) > 100


def test_the_time_of_the_change_is_within_its_round(run: Run) -> None:
    """`detected_at` is within the second round, whose time the page shows."""
    second = re.search(r"(\d\d:\d\d:\d\d) UTC, second round", run.text)
    third = re.search(r"(\d\d:\d\d:\d\d) UTC, third round", run.text)
    detected = re.search(r"detected_at +\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d+Z", run.text)

    assert second is not None
    assert third is not None
    assert detected is not None
    start, moment, end = (
        datetime.strptime(each[1], "%H:%M:%S")  # noqa: DTZ007 - times of one day
        for each in (second, detected, third)
    )
    day = timedelta(days=1)
    assert (moment - start) % day <= (end - start) % day


def test_lines_are_clean(run: Run) -> None:
    """No line ends with a blank, and only the event is longer than 100 columns."""
    assert [line for line in run.lines if line != line.rstrip()] == []
    assert [line for line in run.lines if len(line) > 100 and line != run.body()] == []


def test_names_are_not_broken(run: Run) -> None:
    """Every table of images has all names in its heading."""
    names = ("al2023-x86_64", "ecs-al2023", "golden-base", "redhat-8.6.0-hvm")
    headings = [line.split() for line in run.lines if re.match("region +al2", line)]

    assert headings == [["region", *names]] * 3
    assert "…\n" not in run.text


def test_short_ids_are_explained_before_they_are_shown(run: Run) -> None:
    """The explanation of short ids comes before the first cell that contains one."""
    words = " ".join(run.text.split())

    assert words.index("v1 is the version") < words.index("…")
    assert words.index("last five characters of the image id") < words.index("v1 …")


def test_written_rows_agree_with_the_calls_that_are_listed(run: Run) -> None:
    """A round without changes writes no image or release row, and the page names its round rows."""
    words = " ".join(run.text.split())

    assert re.search(r"of \d+ image and release rows, 0 were written", words)
    assert "UpdateItem wrote other rows: 7 round rows" in words
    assert re.search(r"dynamodb UpdateItem +\d+", run.text)
    assert "PutItem" not in run.text[run.text.index("API call") :]


def test_status_shows_what_is_wrong_and_then_that_it_is_gone(wide: Run) -> None:
    """Before the fourth round there are two causes, after it none."""
    before, after = wide.text.split("$ ami-tracker ")[1:3]

    assert "Not healthy: 2 causes to act on." in before
    assert re.search(
        "FAILING: access_denied.*eu-central-1.*FAILING: not_launchable", before, re.DOTALL
    )
    assert "Healthy: nothing needs attention." in after


def test_history_and_rollout_are_those_of_the_story(wide: Run) -> None:
    """The release of the second round is version 2, and is complete after the fourth round."""
    history, rollout = wide.text.split("$ ami-tracker ")[3:5]

    assert history.startswith("history al2023-x86_64 --regions us-east-1\n")
    assert "version 2: release 2023.13.20261116" in history
    assert re.search(r"event +announced", history)
    assert rollout.startswith("rollout al2023-x86_64 --last 1\n")
    assert "2023.13.20261116: complete, 7 of 7" in rollout


def test_the_demo_ends_with_the_next_steps(wide: Run) -> None:
    """The files and commands that the demo names exist."""
    end = wide.text[wide.text.index("Next steps") :]

    for words in ("make install", "regions.yaml", "ami-tracker check", "INSTALL.md"):
        assert words in end
    assert [
        path
        for path in ("regions.yaml", "tracked_images", "INSTALL.md")
        if not (ROOT / path).exists()
    ] == []
    assert re.search(r"^install:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_last_screen_names_the_report_page(wide: Run) -> None:
    """The file exists, and has the story: the images, the rollback, no failure."""
    last = wide.text[wide.text.index("9/9") :]

    assert last.startswith("9/9  The report page and the feed")
    assert "\n  build/demo-report.html\n" in last
    assert wide.report.startswith("<!doctype html>")
    for words in ("golden-base", "al2023-x86_64", "2023.13.20261116", "rolledback"):
        assert words in wide.report


def test_the_demo_writes_the_feed_of_its_story(wide: Run) -> None:
    """A file for each of its 19 pairs, the index and the Atom feed."""
    assert "\n  build/demo-feed/\n" in wide.text
    assert {"index.json", "releases.atom"} <= set(wide.feed)
    assert len([path for path in wide.feed if path.count("/") == 2]) > 10


def test_a_demo_without_a_folder_writes_no_file(lossy: Run) -> None:
    """Its result is the last screen."""
    assert "8/8  Result" in lossy.text
    assert "demo-report.html" not in lossy.text
