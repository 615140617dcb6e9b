"""The count of words that do not belong in technical English: what is counted, and how."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.words import LIST, ROOT, ListError, count, main, read_list

TEXT = """\
Upon the bears, nobody told the teller. It TELLS, tells_ and retells;
makes no sense, and makes sense: nobody
beside
takes
for x. mend-ended unmended lest lestX
xere "stand" stands-in of old, of  old
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the list of words and no texts."""
    (tmp_path / LIST).parent.mkdir()
    shutil.copy(ROOT / LIST, tmp_path / LIST)
    return tmp_path


def write(path: Path, text: str) -> None:
    """A file with a text, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def matched(root: Path, *places: str) -> list[str]:
    """The matches in some places, as file, line and word."""
    group = count(root, "any", places, read_list(root / LIST))
    return [f"{match.file.as_posix()}:{match.number}:{match.text}" for match in group.matches]


def test_words_are_counted_as_grep_counts_them(root: Path) -> None:
    """The matches are those of `grep -oiwE`, in order."""
    grep = shutil.which("grep")
    if grep is None:
        pytest.skip("grep is not installed")
    write(root / "docs" / "a.md", TEXT)
    patterns = [p for p in (root / LIST).read_text("utf-8").splitlines() if not p.startswith("#")]
    write(root / "patterns", "\n".join(patterns) + "\n")
    done = subprocess.run(
        [grep, "-noiwE", "-f", "patterns", "docs/a.md"],
        cwd=root,
        env={"LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )

    assert len(done.stdout.splitlines()) > 10
    assert matched(root, "docs") == [f"docs/a.md:{line}" for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("a.py", True),
        ("deep/a.tf", True),
        ("a.tftest.hcl", True),
        ("a.md", True),
        ("a.yaml", True),
        ("a.yml", True),
        ("a.toml", True),
        ("Makefile", True),
        ("a.txt", False),
        ("a.zip", False),
        (".terraform/modules/a.tf", False),
        ("__pycache__/a.pyc", False),
    ],
)
def test_kinds_of_files(root: Path, name: str, counted: bool) -> None:  # noqa: FBT001 - a table
    """Texts and code are counted; other files and hidden folders are not."""
    write(root / "infra" / name, "nobody\n")

    assert matched(root, "infra") == ([f"infra/{name}:1:nobody"] if counted else [])


def test_this_file_is_not_counted(root: Path) -> None:
    """The test of the count needs the words, so it is left out."""
    write(root / "tests/unit/infra/test_words.py", "nobody\n")
    write(root / "tests/unit/infra/test_other.py", "\nnobody\n")

    assert matched(root, "tests") == ["tests/unit/infra/test_other.py:2:nobody"]


def test_files_and_folders_named_in_a_group_may_be_missing_or_hidden(root: Path) -> None:
    """A hidden folder is counted if a group names it; a missing one counts as empty."""
    write(root / ".github" / "a.md", "nobody\n")

    assert matched(root, ".github", "docs", "INSTALL.md") == [".github/a.md:1:nobody"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [(2001, 0), (2000, 1)],
    ids=["below the limit", "at the limit"],
)
def test_exit_code_depends_on_the_limit(
    root: Path, capsys: pytest.CaptureFixture[str], lines: int, code: int
) -> None:
    """0.5 matches per 1,000 lines are too many."""
    write(root / "services" / "a.py", "nobody\n" + "\n" * (lines - 1))

    assert main([], root) == code

    printed = capsys.readouterr()
    assert re.search(rf"^services +1 +{lines} +1 +0\.50(  too many)?$", printed.out, re.MULTILINE)
    assert ("too many" in printed.out) == (code == 1)
    assert ("must be below 0.5" in printed.err) == (code == 1)


def test_matches_are_listed_on_request(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--list` prints file, line, word and text of each match before the table."""
    write(root / "services" / "a.py", "\n  # nobody knows\n")

    assert main(["--list"], root) == 1
    assert capsys.readouterr().out.startswith("services/a.py:2: nobody: # nobody knows\ngroup ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# only a comment\n\n", "no words"),
        ("# (\nbeside\nmends?(\n", ":3: not a valid regular expression"),
        (None, "cannot be read: No such file"),
    ],
)
def test_unusable_list_is_an_error(
    root: Path, capsys: pytest.CaptureFixture[str], text: str | None, reason: str
) -> None:
    """A list that is missing, empty or invalid gives a message and exit code 2."""
    (root / LIST).unlink()
    if text is not None:
        write(root / LIST, text)

    assert main([], root) == 2
    assert reason in capsys.readouterr().err
    with pytest.raises(ListError, match=re.escape(reason)):
        read_list(root / LIST)
