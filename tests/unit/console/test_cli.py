"""The two configuration commands, as people and programs use them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.catalogue.load import load
from services.catalogue.sdk_regions import sdk_regions
from services.console.cli import main
from services.kernel.catalogue_file import encode_catalogue

IMAGES = "images:\n  - Name: a\n    ParameterPath: /aws/a\n  - {Name: b, ParameterPath: /aws/b}\n"
REGIONS = 'AccountId: "111122223333"\nregions: [{Name: us-east-1}, {Name: eu-west-1}]\n'


def configuration(folder: Path, images: str = IMAGES, regions: str = REGIONS) -> Path:
    """Write a configuration with the usual file names into a folder."""
    (folder / "tracked_images").mkdir()
    (folder / "tracked_images" / "family.yaml").write_text(images, encoding="utf-8")
    (folder / "regions.yaml").write_text(regions, encoding="utf-8")
    return folder


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """Run a command and return its result."""
    return CliRunner(env=env).invoke(main, arguments)


pytestmark = pytest.mark.usefixtures("_here")


def test_check_summarizes_the_configuration(tmp_path: Path) -> None:
    """`check` shows images by file, regions, accounts, and the number of lookups per round."""
    configuration(tmp_path)

    result = run("check")

    assert result.exit_code == 0
    assert "tracked_images/family.yaml" in result.stdout
    assert result.stdout.endswith("2 images in 2 regions of 1 account: 4 pairs a round.\n")
    assert result.stderr == ""


def test_check_counts_pairs_only_in_the_regions_of_an_image(tmp_path: Path) -> None:
    """An image with its own regions counts only there, once for each account."""
    configuration(
        tmp_path,
        "images:\n  - {Name: a, ParameterPath: /a, Regions: [eu-west-1]}\n",
        REGIONS.replace("]", ", {Name: eu-west-1, AccountId: '222233334444'}]"),
    )

    assert "1 image in 2 regions of 2 accounts: 2 pairs a round." in run("check").stdout


@pytest.mark.parametrize(
    ("fields", "pairs"),
    [
        ("ParameterPath: /a, Accounts: ['222233334444']", 1),
        ("ParameterPath: /a, Accounts: ['111122223333']", 2),
        ("ParameterPath: 'arn:aws:ssm:eu-west-1:999988887777:parameter/a'", 2),
        ("ParameterPath: 'arn:aws:ssm:us-east-1:999988887777:parameter/a'", 1),
    ],
)
def test_check_counts_pairs_only_in_the_targets_of_an_image(
    tmp_path: Path, fields: str, pairs: int
) -> None:
    """An image can be limited to accounts, and an ARN to its region."""
    more = REGIONS.replace("]", ", {Name: eu-west-1, AccountId: '222233334444'}]")
    configuration(tmp_path, f"images: [{{Name: a, {fields}}}]\n", more)

    assert f" of 2 accounts: {pairs} pair" in run("check").stdout


def test_a_problem_of_a_file_has_no_entry(tmp_path: Path) -> None:
    """A `Release` at the top of a file is reported once, with its field."""
    configuration(tmp_path, f"Release: {{Pattern: '(a+)+'}}\n{IMAGES}")

    lines = run("check").stderr.splitlines()

    assert len(lines) == 1
    assert lines[0].startswith("error: tracked_images/family.yaml:1: Release.Pattern: has no group")


def test_check_as_json(tmp_path: Path) -> None:
    """`check --json` prints the same counts."""
    configuration(tmp_path)

    result = run("check", "--output", "json")

    expected = {
        "ok": True,
        "images": 2,
        "files": {"tracked_images/family.yaml": 2},
        "regions": ["eu-west-1", "us-east-1"],
        "accounts": ["111122223333"],
        "pairs": 4,
        "warnings": [],
    }
    assert json.loads(result.stdout) == expected


COMPILE = ["compile", "--out", "catalogue.json"]
MISSPELT = REGIONS.replace("eu-west-1", "eu-wset-1")


@pytest.mark.parametrize("command", [["check"], COMPILE], ids=["check", "compile"])
def test_an_unknown_region_is_a_warning(tmp_path: Path, command: list[str]) -> None:
    """One unwrapped line on stderr warns of it; a region may be newer than this version."""
    configuration(tmp_path, regions=MISSPELT)

    result = run(*command, env={"COLUMNS": "20"})

    expected = (
        "warning: regions.yaml:2: eu-wset-1: Name: "
        "eu-wset-1 is not in this version's list of regions; did you mean eu-west-1?"
    )
    assert result.stderr.splitlines()[0] == expected
    assert result.exit_code == 0


@pytest.mark.parametrize("command", [["check"], COMPILE], ids=["check", "compile"])
def test_warnings_as_json(tmp_path: Path, command: list[str]) -> None:
    """The output has each warning's parts and the counts, and stderr is empty."""
    configuration(tmp_path, regions=MISSPELT)

    result = run(*command, "--output", "json")

    warning = {
        "file": "regions.yaml",
        "line": 2,
        "entry": "eu-wset-1",
        "field": "Name",
        "message": "eu-wset-1 is not in this version's list of regions; did you mean eu-west-1?",
    }
    answer = json.loads(result.stdout)
    assert (answer["ok"], answer["warnings"]) == (True, [warning])
    assert (result.exit_code, result.stderr) == (0, "")


UNKNOWN_FILTER = (
    "images: [{Name: a, Owners: [self], Filters: [{Name: boot-colour, Values: [red]}]}]\n"
)


@pytest.mark.parametrize("command", [["check"], COMPILE], ids=["check", "compile"])
@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}])
def test_each_line_begins_with_its_severity(
    tmp_path: Path, command: list[str], env: dict[str, str]
) -> None:
    """Errors come before warnings, with and without colours, and all of them are printed."""
    configuration(tmp_path, "images: []\n", MISSPELT)

    result = run(*command, env=env)

    assert [line.split(":")[:2] for line in result.stderr.splitlines()] == [
        ["error", " tracked_images/family.yaml"],
        ["warning", " regions.yaml"],
    ]
    assert result.exit_code == 2


@pytest.mark.parametrize("command", [["check"], COMPILE], ids=["check", "compile"])
def test_strict_makes_warnings_errors(tmp_path: Path, command: list[str]) -> None:
    """Warnings are printed as errors, and no file is written."""
    configuration(tmp_path, regions=MISSPELT)

    result = run(*command, "--strict")

    (line,) = result.stderr.splitlines()
    assert line.startswith("error: regions.yaml:2: eu-wset-1: Name: ")
    assert (result.exit_code, result.stdout) == (2, "")
    assert not (tmp_path / "catalogue.json").exists()


def test_strict_as_json(tmp_path: Path) -> None:
    """The warnings are among the problems."""
    configuration(tmp_path, regions=MISSPELT)

    answer = json.loads(run("check", "--strict", "--output", "json").stdout)

    assert (answer["ok"], len(answer["problems"]), answer["warnings"]) == (False, 1, [])


def test_strict_changes_nothing_without_warnings(tmp_path: Path) -> None:
    """A configuration without warnings passes."""
    configuration(tmp_path)

    assert run("check", "--strict").exit_code == 0


@pytest.mark.parametrize("command", [["check"], COMPILE], ids=["check", "compile"])
def test_filters_newer_than_this_version_can_be_allowed(tmp_path: Path, command: list[str]) -> None:
    """EC2 may have a filter that the list does not contain."""
    configuration(tmp_path, UNKNOWN_FILTER)

    refused, allowed = run(*command), run(*command, "--allow-unknown-filters")

    assert "a: Filters[0].Name: EC2 has no filter 'boot-colour'" in refused.stderr
    assert (refused.exit_code, allowed.exit_code) == (2, 0)


@pytest.mark.parametrize("command", [["check"], COMPILE], ids=["check", "compile"])
def test_a_file_as_argument_is_explained(tmp_path: Path, command: list[str]) -> None:
    """The message says that the whole folder is read, and names the options."""
    configuration(tmp_path)

    result = run(*command, "tracked_images/family.yaml")

    assert result.exit_code == 2
    assert (
        "Error: unexpected argument 'tracked_images/family.yaml': the command reads the "
        "whole configuration; use --images DIR for its folder and --regions FILE for its regions"
    ) in result.stderr


def test_check_needs_no_profile(tmp_path: Path) -> None:
    """The list of regions needs no AWS access, so a missing profile is no error."""
    configuration(tmp_path)
    sdk_regions.cache_clear()

    assert run("check", env={"AWS_PROFILE": "missing"}).exit_code == 0


def test_problems_are_one_line_each(tmp_path: Path) -> None:
    """File, line, entry, field and message are on stderr, unwrapped, with exit code 2."""
    configuration(tmp_path, IMAGES.replace("/aws/a", "[/aws/a]"), REGIONS.replace("3333", "333"))

    result = run("check", env={"COLUMNS": "20"})

    expected = [
        (
            "error: regions.yaml:1: AccountId: is the text '11112222333', "
            "but must be an account id, which has exactly 12 digits"
        ),
        "error: tracked_images/family.yaml:3: a: ParameterPath: is a list, but must be text",
    ]
    assert result.stderr.splitlines() == expected
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("command", [["check"], ["compile", "--out", "catalogue.json"]])
def test_problems_as_json(tmp_path: Path, command: list[str]) -> None:
    """The output on stdout has each problem's parts, with exit code 2."""
    configuration(tmp_path, "images: []\n")

    result = run(*command, "--output", "json")

    problem = {
        "file": "tracked_images/family.yaml",
        "line": 1,
        "entry": "",
        "field": "images",
        "message": "is an empty list; add at least one, or remove the key",
    }
    assert json.loads(result.stdout) == {"ok": False, "problems": [problem], "warnings": []}
    assert result.exit_code == 2


def test_colours_can_be_switched_off(tmp_path: Path) -> None:
    """`NO_COLOR` takes precedence over every setting that enables colours."""
    configuration(tmp_path, "images: []\n")

    forced = run("check", env={"FORCE_COLOR": "1", "TERM": "xterm"})
    plain = run("check", env={"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"})

    assert "31m" in forced.stderr
    assert "31m" not in plain.stderr


def test_compile_writes_the_catalogue(tmp_path: Path) -> None:
    """The file holds the catalogue that the scheduler reads, and no temporary file is left."""
    configuration(tmp_path)

    result = run("compile", "--out", "catalogue.json")

    expected = encode_catalogue(load(tmp_path / "tracked_images", tmp_path / "regions.yaml"))
    assert (tmp_path / "catalogue.json").read_text(encoding="utf-8") == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "catalogue.json",
        "regions.yaml",
        "tracked_images",
    ]
    assert (result.exit_code, result.stdout) == (0, "")
    assert "wrote catalogue.json: 2 images" in result.stderr


def test_compile_as_json(tmp_path: Path) -> None:
    """The output has the path and the counts of the written file."""
    configuration(tmp_path)

    answer = json.loads(run("compile", "--out", "catalogue.json", "--output", "json").stdout)

    assert (answer["ok"], answer["images"], answer["out"]) == (True, 2, "catalogue.json")


def test_compile_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """Equal configurations produce equal files."""
    configuration(tmp_path)

    run("compile", "--out", "one.json")
    run("compile", "--out", "two.json")

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_an_invalid_configuration_leaves_the_old_catalogue(tmp_path: Path) -> None:
    """A catalogue that was compiled before is unchanged."""
    configuration(tmp_path)
    run("compile", "--out", "catalogue.json")
    before = (tmp_path / "catalogue.json").read_bytes()
    (tmp_path / "tracked_images" / "family.yaml").write_text("images: []\n", encoding="utf-8")

    result = run("compile", "--out", "catalogue.json")

    assert result.exit_code == 2
    assert (tmp_path / "catalogue.json").read_bytes() == before


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The folder must exist, and no temporary file is left."""
    configuration(tmp_path)

    result = run("compile", "--out", "nowhere/catalogue.json")

    assert result.exit_code == 2
    assert "nowhere/catalogue.json cannot be written: No such file or directory" in result.stderr


@pytest.mark.parametrize("command", ["check", "compile"])
def test_the_files_may_be_elsewhere(tmp_path: Path, command: str) -> None:
    """Options name both paths, so another repository can hold the files."""
    (tmp_path / "elsewhere").mkdir()
    folder = configuration(tmp_path / "elsewhere")
    options = ["--images", str(folder / "tracked_images"), "--regions", f"{folder}/regions.yaml"]
    out = ["--out", "catalogue.json"] if command == "compile" else []

    assert run(command, *options, *out).exit_code == 0


@pytest.mark.parametrize(
    "arguments", [["compile"], ["check", "--output", "xml"], ["check", "--image", "x"], ["chek"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    """A missing or unknown option, value or command has exit code 2."""
    assert run(*arguments).exit_code == 2


def test_schemas_are_written_for_make() -> None:
    """The hidden command for developers writes both files."""
    result = run("schemas")

    assert result.exit_code == 0
    written = {path.name for path in Path("schemas").iterdir()}
    assert written == {"regions.schema.json", "tracked_images.schema.json"}
    assert "schemas" not in run("--help").stdout


def test_help_loads_nothing_heavy() -> None:
    """Help and completion load no AWS library, YAML, pydantic or tables, so they are fast."""
    program = (
        "import sys; from services.console.cli import main;"
        "main(['--help'], standalone_mode=False);"
        "print(*sorted({'boto3', 'botocore', 'pydantic', 'yaml', 'rich'} & set(sys.modules)))"
    )

    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert finished.stdout.splitlines()[-1] == ""


def test_the_version_is_shown() -> None:
    """`--version` prints the program and its version."""
    assert run("--version").stdout.startswith("ami-tracker, version ")
