"""`ami-tracker report` on the embedded AWS: the file, what is said about it, and exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.labs.reading_lab import IRELAND, Lab, a_row

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub


@pytest.fixture
def lab(
    aws: EmbeddedAws,
    hub: Hub,
    person: None,  # noqa: ARG001 - the environment
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Lab:
    """Return the command on a healthy table, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    found = Lab(aws, hub, "report")
    found.healthy()
    return found


def test_a_page_is_written_and_named(lab: Lab, tmp_path: Path) -> None:
    """One line on standard error; the missing folders are created, and no draft stays."""
    result = lab.run("--out", "site/new/report.html")
    page = (tmp_path / "site" / "new" / "report.html").read_text(encoding="utf-8")

    assert result.stdout == ""
    assert re.fullmatch(
        r"wrote site/new/report\.html \(\d+ KB\): 2 images in 2 regions\n", result.stderr
    )
    assert page.startswith("<!doctype html>")
    assert "al2023" in page
    assert [each.name for each in (tmp_path / "site" / "new").iterdir()] == ["report.html"]


def test_the_page_on_standard_output(lab: Lab, tmp_path: Path) -> None:
    """Nothing else is on standard output, and no file is written."""
    result = lab.run("--out", "-")

    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.rstrip().endswith("</html>")
    assert result.stderr.startswith("wrote to standard output (")
    assert list(tmp_path.iterdir()) == []


def test_an_unhealthy_deployment_is_no_error(lab: Lab) -> None:
    """The page shows it; `status` has an exit code for it."""
    lab.write(a_row("broken", state="not_found", number=3))

    lab.run("--out", "report.html", code=0)


def test_a_row_that_cannot_be_decoded(lab: Lab, tmp_path: Path) -> None:
    """The page is written and shows the row, which is named; the exit code is 1."""
    lab.write(a_row("damaged", number=3) | {"version": "five"})

    result = lab.run("--out", "report.html", code=1)

    assert "wrote report.html" in result.stderr
    assert "damaged" in result.stderr
    assert "damaged" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_an_earlier_page_is_replaced_at_once(lab: Lab, tmp_path: Path) -> None:
    """A reader of the earlier file keeps it; a failure keeps the file."""
    path = tmp_path / "report.html"
    path.write_text("earlier", encoding="utf-8")
    with lab.aws.fault(operation="BatchGetItem", code="AccessDeniedException", status=403):
        result = lab.run("--out", str(path), code=1)

    assert "dynamodb:BatchGetItem on table ami-tracker is denied" in result.stderr
    assert path.read_text(encoding="utf-8") == "earlier"

    with path.open(encoding="utf-8") as reader:
        lab.run("--out", str(path))
        assert reader.read() == "earlier"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_folder_cannot_be_the_file(lab: Lab, tmp_path: Path) -> None:
    """It is refused before anything is read."""
    (tmp_path / "site").mkdir()

    result = lab.run("--out", "site", code=2)

    assert "'--out': File 'site' is a directory." in result.stderr
    assert lab.counted() == {}


def test_a_folder_that_cannot_be_created(lab: Lab, tmp_path: Path) -> None:
    """A file is in the way; nothing is read."""
    (tmp_path / "site").write_text("a file", encoding="utf-8")

    result = lab.run("--out", "site/report.html", code=2)

    assert "site cannot be written: File exists" in result.stderr
    assert lab.counted() == {}


def test_a_file_that_cannot_be_written(lab: Lab, tmp_path: Path) -> None:
    """The reason of the operating system is shown."""
    result = lab.run("--out", f"{'x' * 300}.html", code=2)

    assert "cannot be written: File name too long" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--out'"),
        (("--out", "x", "--lag-hours", "-1"), "-1.0 is not in the range x>=0"),
        (("--out", "x", "--lag-hours", "nan"), "it must be a number of hours"),
        (("--out", "x", "--lag-hours", "inf"), "it must be a number of hours"),
        (("--out", "x", "--releases", "0"), "0 is not in the range 1<=x<=100"),
        (("--out", "x", "--table", "nope"), "there is no table nope in us-east-1"),
        (("--out", "x", "--region", IRELAND), "there is no table ami-tracker in eu-west-1"),
    ],
)
def test_wrong_usage(lab: Lab, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, a sentence, and no file."""
    result = lab.run(*arguments, code=2)

    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_calls(lab: Lab) -> None:
    """Two queries for each region, and one read of up to 100 releases, first from a replica."""
    lab.run("--out", "report.html")
    counted = lab.counted()

    assert (counted["Query"], counted["GetItem"], counted["Scan"]) == (4, 1, 1)
