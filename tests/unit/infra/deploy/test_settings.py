"""Values of undeclared variables are found in every file that Terraform reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.deploy.settings import Value, assignments, declared, undeclared, undeclared_message

ROOTS = Path(__file__).parents[4] / "infra" / "terraform" / "examples"

VALUES = """\
# commented = "out"
// so = 1
/* and
   this = 2 */
name_prefix = "blue = green" # trailing = 1
tags        = { team = "a", note = "{ \\" }" }
list = [
  "one = 1",
  { inner = 2 },
]
text = <<-END
  here = "too"
  END
last=true
flag = 1 == 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with two variables, one in HCL and one in JSON."""
    (tmp_path / "variables.tf").write_text('variable "name" {}\n  # variable "no" {}\n', "utf-8")
    (tmp_path / "more.tf.json").write_text('{"variable": {"size": {}}}', encoding="utf-8")
    return tmp_path


def test_top_level_names_are_found_with_their_lines() -> None:
    """Names in comments, strings, lists and maps are ignored."""
    assert list(assignments(VALUES)) == [
        ("name_prefix", 5),
        ("tags", 6),
        ("list", 7),
        ("text", 11),
        ("last", 14),
        ("flag", 15),
    ]


def test_unterminated_string_is_tolerated() -> None:
    """Names before an unterminated string are found; Terraform reports the syntax error."""
    assert next(assignments('name = "open\nother = 1\n')) == ("name", 1)


def test_only_files_that_terraform_loads_are_read(root: Path) -> None:
    """Files that Terraform loads automatically are read; the example file is not."""
    for file in ("terraform.tfvars", "b.auto.tfvars", "other.tfvars", "terraform.tfvars.example"):
        (root / file).write_text('name = "x"\n\nnmae = "y"\n', encoding="utf-8")
    for file in ("terraform.tfvars.json", "a.auto.tfvars.json"):
        (root / file).write_text('{"size": 1, "sise": 2}', encoding="utf-8")

    assert declared(root) == {"name", "size"}
    assert undeclared(root) == [
        Value("nmae", root / "terraform.tfvars", 3),
        Value("sise", root / "terraform.tfvars.json"),
        Value("nmae", root / "b.auto.tfvars", 3),
        Value("sise", root / "a.auto.tfvars.json"),
    ]


@pytest.mark.parametrize("text", ["{", "[1]", '"text"'])
def test_invalid_json_is_left_to_terraform(root: Path, text: str) -> None:
    """A JSON file without an object is ignored here, because Terraform reports it."""
    (root / "terraform.tfvars.json").write_text(text, encoding="utf-8")

    assert undeclared(root) == []


def test_message_has_place_and_remedy() -> None:
    """The message has file, line, name, a similar name, and the list of variables."""
    value = Value("max_removed_percnt", Path("x/terraform.tfvars"), 7)
    said = undeclared_message(value, {"max_removed_percent", "tags"}, "x/terraform.tfvars", "x")

    assert said == (
        "x/terraform.tfvars:7: max_removed_percnt: x has no such variable, so Terraform would "
        "ignore the value. Did you mean max_removed_percent? Correct the name or delete the line; "
        "variables.tf in x lists all variables."
    )


def test_no_suggestion_without_a_similar_name() -> None:
    """The message has no suggestion, and no line for a JSON file."""
    said = undeclared_message(
        Value("colour", Path("t.tfvars.json")), {"tags"}, "x/t.tfvars.json", "x"
    )

    assert said.startswith("x/t.tfvars.json: colour: x has no such variable")
    assert "Did you mean" not in said


@pytest.mark.parametrize("example", ["basic", "organization"])
def test_example_settings_are_declared(example: str) -> None:
    """The example's settings are declared variables, including commented ones."""
    text = (ROOTS / example / "terraform.tfvars.example").read_text(encoding="utf-8")
    settings = [line.removeprefix("# ") for line in text.splitlines() if " = " in line]
    names = {name for name, _ in assignments("\n".join(settings))}

    assert len(names) >= 5
    assert names <= declared(ROOTS / example)


def test_declaration_without_quotes_counts(root: Path) -> None:
    """HCL accepts the label of a block without quotes."""
    (root / "bare.tf").write_text("variable bare {}\n", encoding="utf-8")

    assert declared(root) == {"name", "size", "bare"}


def test_lock_file_of_an_editor_is_ignored(root: Path) -> None:
    """Emacs creates a broken link next to a file with changes that are not saved."""
    (root / ".#variables.tf").symlink_to("user@host.1234")

    assert declared(root) == {"name", "size"}


def test_heredoc_with_carriage_returns_is_one_value() -> None:
    """Files of Windows editors have carriage returns."""
    text = "text = <<END\r\n  here = 1\r\nEND\r\nlast = 2\r\n"

    assert list(assignments(text)) == [("text", 1), ("last", 4)]
