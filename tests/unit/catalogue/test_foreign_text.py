"""A problem is one line for any files, names of files, and keys."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from services.catalogue import yaml_loader
from services.catalogue.problems import Problem
from services.console.cli import main

REGIONS = 'AccountId: "111122223333"\nregions: [{Name: eu-west-1}]\n'
IMAGES = "images:\n  - Name: a\n    ParameterPath: /aws/a\n"
FORGED = "tracked_images/a.yaml:7: Name: forged"

INVISIBLE = {
    "line feed": "\n",
    "carriage return": "\r",
    "both": "\r\n",
    "tab": "\t",
    "escape": "\x1b",
    "bell": "\x07",
    "vertical tab": "\x0b",
    "delete": "\x7f",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "no-break space": "\u00a0",
    "Hangul filler": "\u3164",
    "grapheme joiner": "\u034f",
    "variation selector": "\ufe0f",
}
invisible = pytest.mark.parametrize("character", INVISIBLE.values(), ids=INVISIBLE)

# Each has a place for a text in double quotes, in which YAML reads escapes as JSON does.
PLACES: dict[str, tuple[str, str]] = {
    "key of regions.yaml": (IMAGES, REGIONS + "{}: 1\n"),
    "key of a region": (IMAGES, REGIONS.replace("eu-west-1", "eu-west-1, {}: 1")),
    "key of an image file": (IMAGES + "{}: 1\n", REGIONS),
    "key of an image": (IMAGES + "    {}: 1\n", REGIONS),
    "key of a filter": ("images:\n  - Name: a\n    Filters:\n      - {}: 1\n", REGIONS),
    "key of a key": (IMAGES + "    Release:\n      {}: {{{}: [1]}}\n", REGIONS),
    "the same key twice": (IMAGES + "    {}: 1\n    {}: 1\n", REGIONS),
    "name of an image": (IMAGES.replace("a\n", "{}\n", 1), REGIONS),
    "name of a broken image": ("images:\n  - Name: {}\n", REGIONS),
    "parameter": (IMAGES.replace("/aws/a", "{}"), REGIONS),
    "older form": ("images:\n  - Name: a\n    Filters: {}\n", REGIONS),
    "filter's name": (
        "images:\n  - Name: a\n    Filters:\n      - Name: {}\n        Values: []\n",
        REGIONS,
    ),
    "filter's value": (
        "images:\n  - Name: a\n    Filters:\n      - Name: owner-id\n        Values: [{}]\n",
        REGIONS,
    ),
    "owner": (IMAGES + "    Owners: [{}]\n", REGIONS),
    "ARN": (IMAGES.replace("/aws/a", "{}").replace('"', '"arn:aws:ssm:', 1), REGIONS),
    "account of an image": (IMAGES + "    Accounts: [{}]\n", REGIONS),
    "order": (IMAGES.replace("ParameterPath", "OrderBy: {}\n    Filter"), REGIONS),
    "pattern": (IMAGES + "    Release: {Pattern: {}}\n", REGIONS),
    "notes": (IMAGES + "    Release: {Notes: {}}\n", REGIONS),
    "key of a release": (IMAGES + "    Release: {{}: 1}\n", REGIONS),
    "pattern of a file": (IMAGES + "Release: {Pattern: {}}\n", REGIONS),
    "release of a file": (IMAGES + "Release: {}\n", REGIONS),
    "region of an image": (IMAGES + "    Regions: [{}]\n", REGIONS),
    "kind": (IMAGES + "    Announce: [{}]\n", REGIONS),
    "excluded name": (IMAGES + "    ExcludeNames: [{}]\n", REGIONS),
    "region": (IMAGES, REGIONS.replace("eu-west-1", "{}")),
    "account": (IMAGES, REGIONS.replace('"111122223333"', "{}")),
    "anchor": (IMAGES + "    Owners: &a [{}]\n", REGIONS),
}
places = pytest.mark.parametrize(("images", "regions"), PLACES.values(), ids=PLACES)


@pytest.fixture(params=["C", "Python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Select each of PyYAML's parsers."""
    fast = getattr(yaml, "CSafeLoader", None)
    if request.param == "C" and fast is None:
        pytest.skip("PyYAML was built without libyaml")
    chosen = fast if request.param == "C" else yaml.SafeLoader
    monkeypatch.setattr(yaml_loader, "_Loader", chosen)
    return str(request.param)


def check(folder: Path, images: str, regions: str, *more: str, name: str = "a.yaml") -> Result:
    """Run `ami-tracker check` with the texts of two files."""
    (folder / "images").mkdir()
    (folder / "images" / name).write_text(images, encoding="utf-8")
    (folder / "regions.yaml").write_text(regions, encoding="utf-8")
    paths = ["--images", str(folder / "images"), "--regions", str(folder / "regions.yaml")]
    return CliRunner().invoke(main, ["check", *paths, *more])


def lines_of(result: Result, folder: Path) -> list[str]:
    """Return the lines of the problems; each starts with a file of the folder, and is printable."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.removesuffix("\n").split("\n")
    lines = [line for line in lines if not line.startswith("warning: ")]
    assert lines
    for line in lines:
        assert re.match(
            rf"error: {re.escape(str(folder))}/(images/[^:]+|regions\.yaml)(:\d+)?: ", line
        )
        assert line.isprintable()
        assert not set(line) & set("".join(INVISIBLE.values()))
        assert len(line) < 2000
    return lines


@places
@pytest.mark.parametrize("character", "\n\r\t\x1b\x85\u2028\u202e\u200b\u3164", ids=ascii)
def test_no_text_of_a_file_breaks_its_line(
    images: str, regions: str, character: str, tmp_path: Path, loader: str
) -> None:
    """Keys and values are escaped, so they cannot contain a false problem."""
    text = json.dumps(f"k{character}{FORGED}")
    result = check(tmp_path, images.replace("{}", text), regions.replace("{}", text))
    lines_of(result, tmp_path)
    assert loader


@places
def test_texts_of_a_file_are_capped(images: str, regions: str, tmp_path: Path, loader: str) -> None:
    """Keys and values are capped."""
    text = json.dumps("k" * 900)  # YAML allows keys of 1,024 characters
    result = check(tmp_path, images.replace("{}", text), regions.replace("{}", text))
    assert result.exit_code in {0, 2}
    assert all(len(line) < 1000 for line in result.stderr.splitlines())
    assert loader


@invisible
@pytest.mark.parametrize("content", [IMAGES.replace("/aws/a", "/aws/"), "images: [", IMAGES])
def test_no_file_name_breaks_its_line(character: str, content: str, tmp_path: Path) -> None:
    """A repository may contain files of any name."""
    name = f"a{character}{FORGED.replace('/', '-')}.yaml"
    result = check(tmp_path, content, REGIONS, name=name)
    if result.exit_code:
        (line,) = result.stderr.removesuffix("\n").split("\n")
        assert line.isprintable()
    else:
        assert character not in result.output.replace("\n", "") or character == "\n"
        assert sum("forged" in line for line in result.output.split("\n")) == 1
        assert not any(line.startswith("tracked_images") for line in result.output.split("\n"))


def test_a_file_name_that_is_not_utf_8_is_escaped(tmp_path: Path) -> None:
    """Linux accepts any bytes in names."""
    (tmp_path / "images").mkdir()
    try:
        (Path(str(tmp_path / "images")) / "a\udcff.yaml").write_text("images: [", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    (tmp_path / "regions.yaml").write_text(REGIONS, encoding="utf-8")
    paths = ["--images", f"{tmp_path}/images", "--regions", f"{tmp_path}/regions.yaml"]
    result = CliRunner().invoke(main, ["check", *paths])
    assert result.exit_code == 2
    assert "a\\udcff.yaml:1: " in result.stderr


def test_the_forged_line_of_a_key_is_one_field(tmp_path: Path) -> None:
    """The key is shown with its line end escaped."""
    result = check(tmp_path, IMAGES, REGIONS + f'"k\\n{FORGED}": 1\n')
    (line,) = lines_of(result, tmp_path)
    assert line.startswith(f"error: {tmp_path}/regions.yaml:3: k\\n{FORGED}: ")


def test_problems_as_json_are_escaped_as_well(tmp_path: Path) -> None:
    """A script may print the problems."""
    result = check(tmp_path, IMAGES, REGIONS + '"k\\n\\t": 1\n', "--output", "json")
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["field"] == "k\\n\\t"


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_any_problem_is_one_line(one: str, other: str) -> None:
    """A problem with any texts is one line."""
    line = str(Problem(one, 7, other, one, other * 50))
    assert line.isprintable()
    assert line.encode()


# --- unpaired surrogates, which only the Python parser reads

SURROGATES = ["\\ud800", "a\\udfffb"]


@places
@pytest.mark.parametrize("text", SURROGATES)
def test_an_unpaired_surrogate_is_a_problem(
    images: str, regions: str, text: str, tmp_path: Path, loader: str
) -> None:
    """An unpaired surrogate in any place is a problem with file and line, not a crash."""
    quoted = f'"{text}"'
    result = check(tmp_path, images.replace("{}", quoted), regions.replace("{}", quoted))
    assert all(re.search(r"(\.yaml):\d+: ", line) for line in lines_of(result, tmp_path))
    assert loader


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('    Filters: "\\ud800"\n', "a.yaml:3: a: Filters: "),
        ('    Owners: ["\\ud800"]\n', "a.yaml:3: a: Owners[0]: "),
        ('    "\\ud800": x\n', "a.yaml:3: a: "),
        (
            '    Filters:\n      - Name: name\n        Values: [x, "\\ud800"]\n',
            "a.yaml:5: a: Filters[0].Values[1]: ",
        ),
    ],
)
def test_an_unpaired_surrogate_has_entry_and_field(
    text: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problem has entry and field, like any other problem of a value."""
    monkeypatch.setattr(yaml_loader, "_Loader", yaml.SafeLoader)
    result = check(tmp_path, f"images:\n  - Name: a\n{text}", REGIONS)
    found = lines_of(result, tmp_path)
    expected = f"{place}contains the invisible character U+D800; remove it"
    assert any(line.endswith(expected) for line in found), found
