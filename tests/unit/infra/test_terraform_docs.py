"""The tables in the READMEs of Terraform folders match the code and are readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.terraform_docs import BEGIN, END, INFRA, documented, main, renewed

EMPTY = f"# A module\n\nSome words.\n\n{BEGIN}\n{END}\n\nMore words.\n"

LONG = "a name that is long enough for several lines"

VERSIONS = """
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = ">= 5.100, < 7"
      configuration_aliases = [aws.other]
    }
  }
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Terraform folder with marks in its README and no code yet."""
    (tmp_path / "README.md").write_text(EMPTY)
    return tmp_path


def _table(folder: Path, title: str, code: str) -> list[str]:
    """The rows of a table for some code, without its two header lines."""
    (folder / "main.tf").write_text(code)
    section = renewed(folder).partition(f"## {title}\n\n")[2].partition("\n\n")[0]
    return section.partition(END)[0].strip().splitlines()[2:]


def _input(folder: Path, body: str) -> list[str]:
    """The cells of the only input."""
    (row,) = _table(folder, "Inputs", f'variable "it" {{\n{body}\n}}')
    return [cell.strip() for cell in row.strip("|").split(" | ")]


# --- the six tables


def test_text_outside_of_the_marks_is_kept(folder: Path) -> None:
    """The text before and after the tables is not changed."""
    (folder / "versions.tf").write_text(VERSIONS)

    text = renewed(folder)

    assert text.startswith(f"# A module\n\nSome words.\n\n{BEGIN}\n## Requirements\n")
    assert text.endswith(f"{END}\n\nMore words.\n")


def test_tables_have_the_layout_of_terraform_docs(folder: Path) -> None:
    """Headings, headers and rows are those of terraform-docs."""
    (folder / "versions.tf").write_text(VERSIONS)
    (folder / "main.tf").write_text('variable "it" {}')

    assert renewed(folder).partition(BEGIN)[2].partition(END)[0] == (
        "\n## Requirements\n\n| Name | Version |\n| ---- | ------- |\n"
        "| terraform | >= 1.5 |\n| aws | >= 5.100, < 7 |\n"
        "\n## Providers\n\nNo providers.\n"
        "\n## Modules\n\nNo modules.\n"
        "\n## Resources\n\nNo resources.\n"
        "\n## Inputs\n\n| Name | Description | Type | Default | Required |\n"
        "| ---- | ----------- | ---- | ------- | :------: |\n"
        "| it | n/a | `any` | n/a | yes |\n"
        "\n## Outputs\n\nNo outputs.\n"
    )


def test_providers_are_those_of_resources(folder: Path) -> None:
    """The table has each used provider and alias; undeclared providers have no version."""
    (folder / "versions.tf").write_text(VERSIONS)
    rows = _table(
        folder,
        "Providers",
        'resource "aws_sqs_queue" "a" {\n  provider = aws.other\n}\n'
        'data "aws_region" "here" {}\nresource "random_id" "b" {}',
    )

    assert rows == [
        "| aws | >= 5.100, < 7 |",
        "| aws.other | >= 5.100, < 7 |",
        "| random | n/a |",
    ]


def test_resources_come_before_data_sources_with_links(folder: Path) -> None:
    """A row has the address of the resource and a link to the provider's documentation."""
    (folder / "versions.tf").write_text(VERSIONS)
    pages = "https://registry.terraform.io/providers/hashicorp/aws/latest/docs"
    rows = _table(
        folder,
        "Resources",
        'data "aws_region" "here" {}\nresource "terraform_data" "z" {}\n'
        'resource "aws_sqs_queue" "b" {}\nresource "aws_sqs_queue" "a" {\n  count = 1\n}',
    )

    assert rows == [
        f"| [aws_sqs_queue.a]({pages}/resources/sqs_queue) | resource |",
        f"| [aws_sqs_queue.b]({pages}/resources/sqs_queue) | resource |",
        "| terraform_data.z | resource |",
        f"| [aws_region.here]({pages}/data-sources/region) | data source |",
    ]


def test_modules_have_source_and_version(folder: Path) -> None:
    """Modules of a registry have a version, local ones do not."""
    rows = _table(
        folder,
        "Modules",
        'module "z" {\n  source  = "a/b/aws"\n  version = "~> 1.2"\n}\n'
        'module "a" {\n  source = "./modules/a"\n}',
    )

    assert rows == ["| a | ./modules/a | n/a |", "| z | a/b/aws | ~> 1.2 |"]


def test_inputs_are_sorted_with_the_required_ones_first(folder: Path) -> None:
    """Required inputs of all files come first."""
    (folder / "others.tf").write_text('variable "c" {}\nvariable "b" {\n  default = null\n}')
    rows = _table(folder, "Inputs", 'variable "a" {\n  default = 1\n}\nvariable "d" {}')

    assert [row.split()[1] for row in rows] == ["c", "d", "a", "b"]
    assert [row.split()[-2] for row in rows] == ["yes", "yes", "no", "no"]


def test_outputs_have_descriptions(folder: Path) -> None:
    """An output has its description, and a note if it is sensitive."""
    rows = _table(
        folder,
        "Outputs",
        'output "key" {\n  description = "The key."\n  value       = 1\n  sensitive   = true\n}\n'
        'output "arn" {\n  description = "The ARN."\n  value       = 1\n}',
    )

    assert rows == ["| arn | The ARN. |", "| key | The key. _Sensitive._ |"]


# --- types, defaults, descriptions


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("string", "`string`"),
        ("list(string)", "`list(string)`"),
        ("map(list(number))", "`map(list(number))`"),
        ("tuple([string, number])", "`tuple([string, number])`"),
        ("object({})", "`object({})`"),
        (
            "object({ a = string, longer = optional(number, 3) })",
            "<pre>object({<br/>  a      = string<br/>  longer = optional(number, 3)<br/>})</pre>",
        ),
        (
            'list(object({\n  # a comment\n  a = optional(string, "x, y({")\n  b = any\n}))',
            '<pre>list(object({<br/>  a = optional(string, "x, y({")<br/>  b = any<br/>}))</pre>',
        ),
        (
            "object({\n  a = optional(object({ on = any }), {})\n})",
            "<pre>object({<br/>  a = optional(object({<br/>    on = any<br/>  }), {})<br/>})</pre>",
        ),
    ],
)
def test_types_are_readable(folder: Path, written: str, shown: str) -> None:
    """A simple type is on one line; an object has a line for each attribute."""
    assert _input(folder, f"  type = {written}")[2] == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("null", "`null`"),
        ('""', '`""`'),
        ('"rate(30 minutes)"', '`"rate(30 minutes)"`'),
        (r'"say \"a\" \\ b"', r'`"say \"a\" \\ b"`'),
        ("true", "`true`"),
        ("0", "`0`"),
        ("-1.5", "`-1.5`"),
        ("1e3", "`1e3`"),
        ("[]", "`[]`"),
        ('["a", "b"]', '`["a", "b"]`'),
        ("{ a = null }", '`{"a": null}`'),
        ('"a|b"', r'`"a\|b"`'),
        ('"`"', '``"`"``'),
        (
            f'{{ a = ["*"], b = "{LONG}" }}',
            f'<pre>{{<br/>  "a": [<br/>    "&#42;"<br/>  ],<br/>  "b": "{LONG}"<br/>}}</pre>',
        ),
    ],
)
def test_defaults_are_readable(folder: Path, written: str, shown: str) -> None:
    """Strings have quotes, null is `null`, and long values have several lines."""
    assert _input(folder, f"  default = {written}")[3] == shown


def test_no_default_is_not_null(folder: Path) -> None:
    """A required input has the default `n/a`, not `null`."""
    assert _input(folder, "  type = string")[3:] == ["n/a", "yes"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('"Say \\"hi\\"."', 'Say "hi".'),
        ('"Either a|b or `c|d`."', r"Either a\|b or `c\|d`."),
        ('"Role <prefix>-read, `<p>` in code."', "Role &#60;prefix>-read, `<p>` in code."),
        ('"An escaped $${name}."', "An escaped ${name}."),
        ('<<-EOT\n    One "line".\n\n      * two\n  EOT', 'One "line".<br/><br/>  * two'),
        ("<<EOT\nOne.\nTwo.\nEOT", "One.<br/>Two."),
        (
            '<<-EOT\n    So:\n    ```hcl\n    a = [\n      "*"\n    ]\n    ```\n    Done.\n  EOT',
            'So:<pre>a = [<br/>  "&#42;"<br/>]</pre>Done.',
        ),
    ],
)
def test_descriptions_are_readable(folder: Path, written: str, shown: str) -> None:
    """A description keeps its lines and code in one cell, with escaped HTML."""
    code = f'variable "it" {{\n  description = {written}\n}}'

    assert _table(folder, "Inputs", code) == [f"| it | {shown} | `any` | n/a | yes |"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("sensitive = true", "n/a _Sensitive._"),
        ("sensitive = false", "n/a"),
        ("nullable = false", "n/a _Must not be null._"),
        ("nullable = true", "n/a"),
        ("nullable = false\ndefault = 0", "n/a _Null selects the default._"),
        ("ephemeral = true\nsensitive = true", "n/a _Sensitive._ _Ephemeral._"),
    ],
)
def test_restrictions_of_a_value_are_noted(folder: Path, written: str, shown: str) -> None:
    """The description ends with notes about sensitive, ephemeral and non-nullable values."""
    assert _input(folder, written)[1] == shown


# --- the command


def test_tables_are_stable(folder: Path) -> None:
    """A second run changes nothing, and the check succeeds."""
    (folder / "main.tf").write_text(VERSIONS)

    assert main([str(folder)]) == 0
    written = (folder / "README.md").read_text()
    assert main([str(folder)]) == 0
    assert main(["--check", str(folder)]) == 0
    assert (folder / "README.md").read_text() == written
    assert written != EMPTY


def test_check_names_outdated_readmes_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check of an outdated README fails and names the command that updates it."""
    (folder / "main.tf").write_text(VERSIONS)

    assert main(["--check", str(folder)]) == 1
    assert f"{folder / 'README.md'}: the tables are outdated; run: make tables\n" == (
        capsys.readouterr().err
    )
    assert (folder / "README.md").read_text() == EMPTY


@pytest.mark.parametrize(
    ("readme", "code", "reason"),
    [
        (
            "no marks",
            "",
            f"README.md: must contain the line {BEGIN} once and, below it, {END} once",
        ),
        (f"{END}{BEGIN}", "", "README.md: must contain the line"),
        (f"{BEGIN}{BEGIN}{END}", "", "README.md: must contain the line"),
        (EMPTY, 'variable "a" {', "main.tf: cannot be parsed: "),
    ],
)
def test_errors_name_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str], readme: str, code: str, reason: str
) -> None:
    """An error has the file and the remedy, and nothing is written."""
    (folder / "README.md").write_text(readme)
    (folder / "main.tf").write_text(code)

    assert main([str(folder)]) == 1
    assert f"{folder}/{reason}" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == readme


def test_marks_without_code_are_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Marks in a folder without Terraform files are an error."""
    assert main([str(folder)]) == 1
    assert "has the markers, but its folder has no *.tf file" in capsys.readouterr().err


def test_folders_are_found_by_their_marks(tmp_path: Path) -> None:
    """Folders with marks are found at any depth, except in `.terraform`."""
    for name in ("b/c", "a", "a/.terraform/modules/x", "unmarked"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "README.md").write_text("words" if name == "unmarked" else EMPTY)

    assert documented(tmp_path) == [tmp_path / "a", tmp_path / "b" / "c"]


def test_every_terraform_folder_is_documented() -> None:
    """Each folder with Terraform code below infra/ has a README with the tables."""
    code = {file.parent for file in INFRA.rglob("*.tf") if ".terraform" not in file.parts}

    assert sorted(code - set(documented(INFRA))) == []


@pytest.mark.parametrize(
    "folder", documented(INFRA), ids=lambda folder: str(folder.relative_to(INFRA))
)
def test_tables_of_the_repository_are_up_to_date(folder: Path) -> None:
    """The tables of the READMEs match the code; `make tables` writes them."""
    assert main(["--check", str(folder)]) == 0
