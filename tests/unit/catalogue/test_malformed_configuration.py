"""Malformed files of people, editors and attackers are rejected with file and line, and quickly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue.load import ConfigurationError, load
from services.console.cli import main

Write = Callable[..., tuple[Path, Path]]

GOOD_REGIONS = "AccountId: 111122223333\nregions: [{Name: eu-west-1}]\n"
GOOD = "images:\n  - Name: a\n    ParameterPath: /aws/a\n"
_MOST_SECONDS = 10


@dataclass(frozen=True)
class Case:
    """A malformed file, the expected line, and the expected words."""

    name: str
    text: str | bytes
    line: int
    says: str
    file: str = "images.yaml"


def entry(*lines: str) -> str:
    """Build an images file whose only image `a` has these lines, starting in line 3."""
    return "\n".join(["images:", "  - Name: a", *(f"    {line}" for line in lines), ""])


def release(fields: str) -> str:
    """Build an images file with one image, whose release rule is in line 4."""
    return entry("ParameterPath: /a", f"Release: {{{fields}}}")


def with_filter(values: str, name: str = "owner-id") -> str:
    """Build an images file with one filter: its name is in line 4, its values in line 5."""
    return entry("Filters:", f"  - Name: {name}", f"    Values: {values}")


def regions(name: str, text: str | bytes, line: int, says: str) -> Case:
    """Build a malformed regions.yaml."""
    return Case(f"regions: {name}", text, line, says, file="regions.yaml")


NOT_YAML = [
    Case("empty file", "", 1, "is empty"),
    Case("nothing but comments", "# none yet\n\n", 1, "is empty"),
    Case("nothing but a document mark", "---\n", 2, "is empty, but must be a map"),
    Case("unclosed bracket", "images: [\n  {Name: a\n", 2, "is not YAML"),
    Case("unclosed quote", 'images:\n  - Name: "a\n', 2, "a quote opens on this line"),
    Case("tab as indentation", "images:\n\t- Name: a\n", 2, "tab"),
    Case("tab deeper down", "images:\n  - Name: a\n\tParameterPath: /a\n", 3, "tab"),
    Case("UTF-16 with its mark", GOOD.encode("utf-16"), 1, "UTF-16"),
    Case("UTF-16 without a mark", GOOD.encode("utf-16-le"), 1, "U+0000"),
    Case("Latin-1", GOOD.encode() + b"# caf\xe9\n", 4, "is not UTF-8"),
    Case("half a character", GOOD.encode() + b"# \xf0\x9f\n", 4, "is not UTF-8"),
    Case("NUL", GOOD + "# \x00\n", 4, "U+0000"),
    Case("byte order mark in the middle", GOOD + "\ufeff# x\n", 4, "U+FEFF"),
    Case("right-to-left override", GOOD + "# \u202eevil\n", 4, "U+202E"),
    Case("zero-width space in a name", entry("Regions: [eu\u200b-west-1]"), 3, "U+200B"),
    Case("line separator", GOOD + "# \u2028\n", 4, "U+2028"),
    Case("NUL by an escape", entry('ParameterPath: "/aws/\\0"'), 3, "U+0000"),
    Case("bell in a name", 'images:\n  - Name: "a\\a"\n    ParameterPath: /a\n', 2, "U+0007"),
    Case("10 MB", GOOD + "#" * 10_000_000, 1, "is larger than"),
    Case("too many values", f"images: [{'1,' * 100_000}]", 1, "contains more than"),
    Case("nested lists", "[" * 900_000, 1, "levels deep"),
    Case("nested maps", "{a: " * 200_000, 1, "levels deep"),
    Case("nested blocks", "- " * 400_000, 1, "levels deep"),
    Case("nested keys", "? " * 400_000, 1, "levels deep"),
    Case("many directives", "%TAG !a! x\n" * 50_000 + GOOD, 1, "directives"),
    Case("YAML directive", "%YAML 1.1\n---\n" + GOOD, 1, "directives"),
    Case("noncharacter", GOOD + "# \uffff\n", 4, "U+FFFF"),
    Case("many anchors", f"images: [{'&a x,' * 50_000}]", 1, "and more problems"),
    Case("alias as a key", entry("ParameterPath: /a", "*b : c"), 4, "alias *b"),
    Case("two documents", GOOD + "---\n" + GOOD, 4, "second document"),
    Case("anchor", "images: &all\n  - Name: a\n    ParameterPath: /a\n", 1, "anchors (&)"),
    Case("alias", entry("ParameterPath: *path"), 3, "alias *path"),
    Case(
        "alias bomb",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n"
            for p, n in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + GOOD,
        1,
        "anchors (&)",
    ),
    Case(
        "merge-key bomb",
        "a: &a {x: 1}\n"
        + "".join(
            f"{n}: &{n} {{<<: [{','.join([f'*{p}'] * 9)}]}}\n"
            for p, n in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + GOOD,
        2,
        "merge keys (<<)",
    ),
    Case("merge key", entry("<<: {ParameterPath: /a}"), 3, "merge keys (<<)"),
    Case("Python tag", entry("ParameterPath: !!python/object/apply:os.system [ls]"), 3, "tags (!)"),
    Case("own tag", entry("ParameterPath: !path /a"), 3, "tags (!)"),
    Case("text tag", entry("ParameterPath: !!str /a"), 3, "tags (!)"),
    Case("duplicate field", entry("ParameterPath: /a", "ParameterPath: /b"), 4, "duplicate"),
    Case("duplicate top key", GOOD + "images: []\n", 4, "duplicate"),
    Case("list as a key", entry("ParameterPath: /a", "? [b]", ": c"), 4, "a key must be text"),
    Case("truth as a key", entry("ParameterPath: /a", "true: c"), 4, "a key must be text"),
    Case("nothing as a key", entry("ParameterPath: /a", "null: c"), 4, "a key must be text"),
]

WRONG_SHAPE = [
    Case("text instead of a map", "images", 1, "must be a map"),
    Case("list instead of a map", "- Name: a\n", 1, "must be a map"),
    Case("no images", "image: []\n", 1, "did you mean images?"),
    Case("images is null", "images:\n", 1, "is empty, but must be a list"),
    Case("images is empty", "images: []\n", 1, "is an empty list"),
    Case("images is a map", "images:\n  Name: a\n", 1, "is a map, but must be a list"),
    Case("an image is text", "images:\n  - a\n", 2, "must be a map"),
    Case("an image is null", "images:\n  -\n", 2, "is empty, but must be a map"),
    Case("name missing", "images:\n  - ParameterPath: /a\n", 2, "Name: is missing"),
    Case("name null", "images:\n  - Name:\n    ParameterPath: /a\n", 2, "is empty"),
    Case("name true", "images:\n  - Name: true\n    ParameterPath: /a\n", 2, "put it in quotes"),
    Case("name a list", "images:\n  - Name: [a]\n    ParameterPath: /a\n", 2, "must be text"),
    Case("name with a hash", "images:\n  - Name: a#b\n    ParameterPath: /a\n", 2, "128 letters"),
    Case("name with a space", "images:\n  - Name: a b\n    ParameterPath: /a\n", 2, "128 letters"),
    Case("name with a first hyphen", "images:\n  - Name: -a\n    ParameterPath: /a\n", 2, "128"),
    Case("name with an umlaut", "images:\n  - Name: ä\n    ParameterPath: /a\n", 2, "128 letters"),
    Case("name of 129", f"images:\n  - Name: {'a' * 129}\n    ParameterPath: /a\n", 2, "128"),
    Case("name with a line end", 'images:\n  - Name: "a\\n"\n    ParameterPath: /a\n', 2, "128"),
    Case("unknown field", entry("ParameterPath: /a", "Region: [eu-west-1]"), 4, "mean Regions?"),
    Case("field in lower case", entry("parameterpath: /a"), 3, "did you mean ParameterPath?"),
    Case(
        "field without a similar one",
        entry("ParameterPath: /a", "zzz: 1"),
        4,
        "expected one of Name",
    ),
    Case("no lookup", "images:\n  - Name: a\n", 2, "has no lookup"),
    Case("both lookups", entry("ParameterPath: /a", "Filters: []"), 4, "used with ParameterPath"),
    Case("Filter and Filters", entry("Filter: []", "Filters: []"), 4, "cannot be used with"),
    Case("path without a slash", entry("ParameterPath: aws/a"), 3, "write '/aws/a'"),
    Case(
        "a lookup that fits no message",
        entry(
            "Filters: [{Name: owner-id, Values: ['309956199498']}]",
            f"ExcludeNames: [{', '.join(f'{n}{chr(0x1F680) * 200}' for n in range(50))}]",
        ),
        2,
        "the limit is",
    ),
    Case("path with a last slash", entry("ParameterPath: /aws/a/"), 3, "is only a path"),
    Case("path with an empty part", entry("ParameterPath: /aws//a"), 3, "two slashes"),
    Case("path with a version", entry("ParameterPath: /aws/a:3"), 3, "whose value never changes"),
    Case("path with a space", entry("ParameterPath: /aws/a b"), 3, "contains a space"),
    Case("path too long", entry(f"ParameterPath: /{'a' * 1011}"), 3, "at most 1011"),
    Case("path empty", entry('ParameterPath: ""'), 3, "ParameterPath: "),
    Case("path a list", entry("ParameterPath: [/a]"), 3, "must be text"),
    Case("owners with a path", entry("ParameterPath: /a", "Owners: [self]"), 4, "no effect"),
    Case("exclusions with a path", entry("ParameterPath: /a", "ExcludeNames: [x]"), 4, "no effe"),
    Case("filters null", entry("Filters:"), 3, "is empty, but must be a list"),
    Case("filters empty", entry("Owners: [self]", "Filters: []"), 4, "is an empty list"),
    Case("filters a map", entry("Filters: {Name: a}"), 3, "is a map, but must be a list"),
    Case("a filter is text", entry("Filters: [a]", "Owners: [self]"), 3, "must be a map"),
    Case("a filter without values", entry("Filters: [{Name: owner-id}]"), 3, "Values: is missing"),
    Case(
        "a filter with a misspelt key", with_filter("[self]\n        Vals: [x]"), 6, "mean Values"
    ),
    Case("values is text", with_filter("'111122223333'"), 5, "write ['111122223333']"),
    Case("values is empty", with_filter("[]"), 5, "is an empty list"),
    Case("a value is empty", with_filter("['']"), 5, "Values[0]: is empty"),
    Case("a value is true", with_filter("[true]", "is-public"), 5, "put it in quotes"),
    Case("a value is null", with_filter("[null]"), 5, "Values[0]: is empty"),
    Case("a value has two lines", with_filter('["a\\nb"]', "name"), 5, "one line"),
    Case("a value of 256", with_filter(f"[{'a' * 256}]", "name"), 5, "at most 255"),
    Case("a value of many brackets", with_filter(f"['{'<' * 900_000}']", "name"), 5, "at most 255"),
    Case("a name of many letters", with_filter("[x]", "n" * 900_000), 4, "EC2 has no filter"),
    Case(
        "201 values", with_filter(f"[{', '.join(str(10**11 + i) for i in range(201))}]"), 3, "201"
    ),
    Case(
        "200 values, and state=available to come",
        entry("Owners: [self]", f"Filters: [{{Name: name, Values: {list(range(200))}}}]"),
        4,
        "including state=available",
    ),
    Case(
        "51 filters",
        entry(
            "Owners: [self]",
            f"Filters: [{', '.join(f'{{Name: f{i}, Values: [v]}}' for i in range(51))}]",
        ),
        4,
        "51 filters",
    ),
    Case(
        "the same filter twice",
        entry("Owners: [self]", "Filters:", *["  - {Name: name, Values: [a]}"] * 2),
        4,
        "'name' twice",
    ),
    Case("no owner", with_filter("[x]", "name"), 3, "has no owner"),
    Case(
        "no owner, older form", entry("Filters: \"{'Name': 'name', 'Values': ['x']}\""), 3, "owner"
    ),
    Case("owners empty", with_filter("[x]", "name") + "    Owners: []\n", 6, "is an empty list"),
    Case("owners is text", with_filter("[x]", "name") + "    Owners: self\n", 6, "write ['self']"),
    Case("wildcard owner", with_filter("[x]", "name") + "    Owners: ['*']\n", 6, "is a wildcard"),
    Case("owner of 11 digits", with_filter("[x]", "name") + "    Owners: [12345678901]\n", 6, "12"),
    Case(
        "unknown owner",
        with_filter("[x]", "name") + "    Owners: [someone]\n",
        6,
        "aws-marketplace",
    ),
    Case("wildcard owner-id", with_filter("['*']"), 4, "wildcards are not"),
    Case("wildcard owner-alias", with_filter("['?mazon']", "owner-alias"), 4, "wildcards are not"),
    Case("wildcard image-id", with_filter("['ami-*']", "image-id"), 4, "wildcards are not"),
    Case("one wildcard of two", with_filter("[111122223333, '1*']"), 4, "wildcards are not"),
    Case(
        "older form, no comma", entry("Filters: \"{'Name': 'a' 'Values': ['b']}\""), 3, "not YAML"
    ),
    Case(
        "older form, call", entry("Filters: \"__import__('os').system('id')\""), 3, "must be a map"
    ),
    Case("older form, endless", entry(f'Filters: "{" " * 900_000}"'), 3, "is longer than"),
    Case("older form, empty", entry('Filters: " "'), 3, "Filters: is empty"),
    Case(
        "older form, escape", entry(r"""Filters: '{"Name": "a\n", "Values": []}'"""), 3, "backslash"
    ),
    Case("older form, breaking out", entry('Filters: "{}], [{}"'), 3, "is not YAML"),
    Case("older form, deep", entry(f'Filters: "{"[" * 60_000}"'), 3, "levels deep"),
    Case(
        "older form, key twice",
        entry("Filters: \"{'Name': 'a', 'Name': 'b', 'Values': ['c']}\""),
        3,
        "duplicate key",
    ),
    Case("older form, alias", entry("Filters: \"{'Name': *a, 'Values': ['c']}\""), 3, "alias"),
    Case("a long pattern", release(f"Pattern: '{'(' * 900_000}'"), 4, "at most 200"),
    Case(
        "a long pattern with notes",
        release(f"Pattern: '{'a?' * 400_000}', Notes: 'https://a.b/{{release}}'"),
        4,
        "at most 200",
    ),
    Case("long notes", release(f"Notes: '{'{' * 900_000}'"), 4, "at most 200"),
    Case("nested groups", release(f"Pattern: '{'(' * 200}'"), 4, "levels deep"),
    Case("a long ARN", entry(f"ParameterPath: 'arn:aws:ssm:{'arn:' * 200_000}'"), 3, "1011 are"),
    Case(
        "many keys, and images without a pattern",
        "images:\n"
        + "".join(f"  - {{Name: a{n}, OrderBy: release, Filters: []}}\n" for n in range(90))
        + "".join(f"k{n}: 1\n" for n in range(20_000)),
        2,
        "needs a Pattern",
    ),
    Case("many keys", GOOD + "".join(f"relea{n}: 1\n" for n in range(20_000)), 4, "Release"),
    Case("unknown kind", entry("ParameterPath: /a", "Announce: [relase]"), 4, "'release'"),
    Case("kind is text", entry("ParameterPath: /a", "Announce: release"), 4, "write ['release']"),
    Case("unknown region", entry("ParameterPath: /a", "Regions: [eu-west-2]"), 4, "regions.yaml"),
    Case("region is no", entry("ParameterPath: /a", "Regions: [no]"), 4, "'no'"),
    Case("no region", entry("ParameterPath: /a", "Regions: []"), 4, "is an empty list"),
    Case("all excluded", entry("Owners: [self]", "ExcludeNames: ['*']"), 4, "every image"),
    Case("same name", GOOD + "  - {Name: a, ParameterPath: /b}\n", 4, "images.yaml:2"),
    Case("same name but for case", GOOD + "  - {Name: A, ParameterPath: /b}\n", 4, "only in case"),
]

WRONG_REGIONS = [
    regions("empty", "", 1, "is empty"),
    regions("no regions", 'AccountId: "111122223333"\n', 1, "regions: is missing"),
    regions("regions is null", "AccountId: 111122223333\nregions:\n", 2, "is empty"),
    regions("regions is empty", "AccountId: 111122223333\nregions: []\n", 2, "is an empty list"),
    regions("a region is text", "AccountId: 111122223333\nregions:\n  - eu-west-1\n", 3, "a map"),
    regions(
        "misspelt", "AccountId: 111122223333\nregions:\n  - Name: EU\n", 3, "such as eu-west-1"
    ),
    regions("name is no", "AccountId: 111122223333\nregions:\n  - Name: no\n", 3, "'no'"),
    regions(
        "two partitions",
        "AccountId: 111122223333\nregions:\n  - Name: us-east-1\n  - Name: cn-north-1\n",
        4,
        "another partition (aws-cn)",
    ),
    regions("no account", "regions:\n  - Name: eu-west-1\n", 2, "no account"),
    regions("11 digits", "AccountId: 11112222333\nregions:\n  - Name: eu-west-1\n", 1, "12 digits"),
    regions(
        "13 digits", "AccountId: 1111222233334\nregions:\n  - Name: eu-west-1\n", 1, "12 digits"
    ),
    regions("octal", "AccountId: 0o1234567\nregions:\n  - Name: eu-west-1\n", 1, "12 digits"),
    regions(
        "underscores", "AccountId: 111_222_333_4\nregions:\n  - Name: eu-west-1\n", 1, "12 dig"
    ),
    regions(
        "account of a region",
        "AccountId: 111122223333\nregions:\n  - Name: eu-west-1\n    AccountId: 1.30\n",
        4,
        "'1.30'",
    ),
    regions(
        "unknown key",
        "AccountID: 111122223333\nregions:\n  - Name: eu-west-1\n    AccountId: 111122223333\n",
        1,
        "did you mean AccountId?",
    ),
    regions(
        "the same target twice",
        "AccountId: 111122223333\nregions:\n  - Name: eu-west-1\n  - Name: eu-west-1\n"
        "    AccountId: '111122223333'\n",
        4,
        "duplicate of line 3",
    ),
]

CASES = NOT_YAML + WRONG_SHAPE + WRONG_REGIONS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_file_is_rejected_with_its_place(case: Case, write: Write) -> None:
    """File and line are named, with exit code 2, and no file is written.

    The limit is for texts of which the time grows with the square of their length: minutes. The
    others take at most half a second without coverage.
    """
    files: dict[str, str | bytes] = {"images.yaml": GOOD, "regions.yaml": GOOD_REGIONS}
    files[case.file] = case.text
    images_dir, regions_file = write(files["images.yaml"], files["regions.yaml"])
    out = images_dir.parent / "catalogue.json"
    options = ["--images", str(images_dir), "--regions", str(regions_file)]
    runner = CliRunner()

    started = time.process_time()
    checked = runner.invoke(main, ["check", *options])
    seconds = time.process_time() - started
    compiled = runner.invoke(main, ["compile", "--out", str(out), *options])

    path = regions_file if case.file == "regions.yaml" else images_dir / case.file
    blamed = [
        line
        for line in checked.stderr.splitlines()
        if line.startswith(f"error: {path}:{case.line}: ")
    ]
    assert any(case.says in line for line in blamed), checked.stderr[:2000]
    assert (checked.exit_code, compiled.exit_code) == (2, 2)
    assert checked.stdout + compiled.stdout == ""
    assert sorted(p.name for p in images_dir.parent.iterdir()) == ["regions.yaml", "tracked_images"]
    assert seconds < _MOST_SECONDS


def test_the_table_has_enough_cases() -> None:
    """There are more than a hundred malformed documents with unique names."""
    assert len(CASES) > 100
    assert len(CASES) == len({case.name for case in CASES})


FIELD_NAMES = st.sampled_from(
    [
        "Name",
        "ParameterPath",
        "Filters",
        "Owners",
        "Regions",
        "Accounts",
        "OrderBy",
        "Release",
        "Pattern",
        "Notes",
        "Kind",
    ]
)
# fmt: off
YAML_PIECES = st.sampled_from([
    "images", "Name", "Filters", "Values", "self", "/a", "name", "null", "true", "a", "1", "~", "é",
    ": ", "- ", "\n", "  ", "\n  - ", "\n    ", "[", "]", "{", "}", ",", "'", '"', "?", "|", ">-",
    "&a ", "*a", "!!str ", "<<", "#", "%", "---", "...", "\t", "\\", "\ufeff", "\x00", "\r",
])
# fmt: on
ANY_TEXT = st.one_of(
    st.binary(max_size=200),
    st.lists(YAML_PIECES, max_size=60).map("".join),
    st.lists(YAML_PIECES, max_size=60).map(lambda pieces: GOOD + "  - Name: b\n" + "".join(pieces)),
    st.lists(YAML_PIECES, max_size=30).map(
        lambda pieces: entry(f"Filters: {json.dumps(''.join(pieces))}")
    ),
)


PATTERN_PIECES = st.sampled_from(
    ["(?P<release>", "(?P<a>", "(", ")", "|", "a", r"\d", "[", "]", "^", "$", "+", "*", "?", "{2}"]
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(PATTERN_PIECES, max_size=60).map("".join),
    st.lists(st.sampled_from(["arn:", "aws:", "ssm:", "eu-west-1:", "", ":", "1" * 12, "/"])).map(
        "".join
    ),
    st.lists(st.sampled_from(["https://", "a.b", "/", "{release}", "{", "}", "%", " "])).map(
        "".join
    ),
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(FIELD_NAMES | TEXTS, inner, max_size=3),
    max_leaves=5,
)
ENTRY = st.dictionaries(FIELD_NAMES, VALUES, max_size=5)


@given(entries=st.lists(ENTRY, max_size=3), rule=VALUES | st.just(...))
@settings(max_examples=2 * settings().max_examples)
def test_any_values_of_fields_are_a_catalogue_or_problems(
    entries: list[dict[str, object]], rule: object, write: Write
) -> None:
    """Fields of any type, in images and at the top of the file."""
    file = {"images": entries} | ({} if rule is ... else {"Release": rule})

    try:
        load(*write(json.dumps(file)))
    except ConfigurationError as error:
        assert all(problem.file and problem.message for problem in error.problems)  # noqa: PT017 - both results are valid


@given(images=ANY_TEXT, where=st.sampled_from(["images", "regions"]))
@settings(max_examples=3 * settings().max_examples)
def test_any_input_is_a_catalogue_or_problems(
    images: str | bytes, where: str, write: Write
) -> None:
    """A file with any content is loaded, or rejected with its name."""
    paths = write(images) if where == "images" else write(GOOD, images)

    try:
        load(*paths)
    except ConfigurationError as error:
        assert all(problem.file and problem.message for problem in error.problems)  # noqa: PT017 - both results are valid
