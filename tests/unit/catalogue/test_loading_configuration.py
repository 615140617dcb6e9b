"""The result of a valid configuration, and the reports of several mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue.load import ConfigurationError, load
from services.catalogue.problems import Problem
from services.kernel.catalogue_file import decode_catalogue, encode_catalogue
from services.kernel.model import (
    Catalogue,
    Filter,
    FilterLookup,
    Image,
    Kind,
    OrderBy,
    ParameterLookup,
    ReleaseRule,
    Target,
)

Load = Callable[..., Catalogue]
Refuse = Callable[..., tuple[Problem, ...]]
Write = Callable[..., tuple[Path, Path]]

RHEL = "Owners: ['309956199498']"

EKS_PATH = (
    "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"
)

LIST_FORM_EXAMPLE = f"""\
images:
  - Name: al2023-eks-1.33
    ParameterPath: {EKS_PATH}
  - Name: rhel-9-hvm
    Owners: ["309956199498"]
    Filters:
      - Name: name
        Values: ["RHEL-9.*_HVM-*-x86_64-*-Hourly2-GP3"]
      - Name: architecture
        Values: [x86_64]
"""

OLDER_FORM_EXAMPLE = """\
---
images:
  - Name: redhat-8.6.0-hvm
    Filters: >-
      {
        'Name': 'name',
        'Values': ['RHEL-8.6.0_HVM-*-x86_64-*-Hourly2-GP2']
      },
      {
        'Name': 'owner-alias',
        'Values': ['amazon']
      }
"""

REGIONS_EXAMPLE = """\
AccountId: "111122223333"          # default account to look from
regions:
  - Name: us-east-1
  - Name: eu-west-1
    AccountId: "222233334444"      # this region is watched from, and announced in, another account
"""


def an_image(*lines: str, name: str = "a") -> str:
    """Build an images file with one image."""
    return "\n".join(["images:", f"  - Name: {name}", *(f"    {line}" for line in lines), ""])


def lookup_of(catalogue: Catalogue) -> object:
    """Return the lookup of the only image of a catalogue."""
    (image,) = catalogue.images
    return image.lookup


# --- the documented examples


def test_the_list_form_example_loads(loaded: Load) -> None:
    """The documented example has a parameter and a list of filters."""
    catalogue = loaded(LIST_FORM_EXAMPLE, REGIONS_EXAMPLE)

    expected = Catalogue(
        targets=(Target("111122223333", "us-east-1"), Target("222233334444", "eu-west-1")),
        images=(
            Image(
                "al2023-eks-1.33",
                ParameterLookup(EKS_PATH),
                family="images",
            ),
            Image(
                "rhel-9-hvm",
                FilterLookup(
                    filters=(
                        Filter("architecture", ("x86_64",)),
                        Filter("name", ("RHEL-9.*_HVM-*-x86_64-*-Hourly2-GP3",)),
                    ),
                    owners=("309956199498",),
                ),
                family="images",
            ),
        ),
    )
    assert catalogue == expected


@pytest.mark.parametrize("indicator", [">-", ">", "|", "|-", ">+"])
def test_the_older_form_example_loads(loaded: Load, indicator: str) -> None:
    """The older form is read equally with each way of folding lines in YAML."""
    catalogue = loaded(OLDER_FORM_EXAMPLE.replace(">-", indicator))

    expected = FilterLookup(
        (
            Filter("name", ("RHEL-8.6.0_HVM-*-x86_64-*-Hourly2-GP2",)),
            Filter("owner-alias", ("amazon",)),
        )
    )
    assert lookup_of(catalogue) == expected


def test_the_older_form_may_hold_one_map_and_a_last_comma(loaded: Load) -> None:
    """One map is enough, no space is required, and a trailing comma is accepted."""
    catalogue = loaded(an_image("Filters: \"{'Name':'owner-id','Values':['309956199498',],},\""))

    assert lookup_of(catalogue) == FilterLookup((Filter("owner-id", ("309956199498",)),))


def test_filter_is_another_spelling_of_filters(loaded: Load) -> None:
    """`Filter` and `Filters` produce the same lookup."""
    one = loaded(an_image("Filter: [{Name: name, Values: [x]}]", RHEL))
    other = loaded(an_image("Filters: [{Name: name, Values: [x]}]", RHEL))

    assert one == other


# --- text stays text


# fmt: off
AMBIGUOUS = [
    "023456701234", "010", "1.30", "1_000", "0x1F", "1e3", "-1", ".inf", "12:30:45", "2024-01-01",
    "no", "on", "Yes", "True", "NULL", "~", "=",
]
# fmt: on


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_values_that_look_like_other_types_stay_text(loaded: Load, text: str) -> None:
    """Only true, false and null are not read as text."""
    catalogue = loaded(an_image(RHEL, f"Filters: [{{Name: tag:x, Values: [{text}]}}]"))

    expected = FilterLookup((Filter("tag:x", (text,)),), owners=("309956199498",))
    assert lookup_of(catalogue) == expected


@pytest.mark.parametrize("text", ["true", "false", "null"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_quoted_words_stay_text(loaded: Load, text: str, quote: str) -> None:
    """Quoted words are text even if they are booleans or null without quotes."""
    catalogue = loaded(
        an_image(RHEL, f"Filters: [{{Name: tag:x, Values: [{quote}{text}{quote}]}}]")
    )

    expected = FilterLookup((Filter("tag:x", (text,)),), owners=("309956199498",))
    assert lookup_of(catalogue) == expected


@pytest.mark.parametrize("name", ["1.30", "no", "2024-01-01", "12", "1_000"])
def test_names_may_look_like_numbers(loaded: Load, name: str) -> None:
    """A name keeps every digit as it was written."""
    catalogue = loaded(an_image("ParameterPath: /aws/a", name=name))

    assert [image.name for image in catalogue.images] == [name]


@given(digits=st.from_regex(r"[0-9]{12}", fullmatch=True), quote=st.sampled_from(["", "'", '"']))
@settings(deadline=None, max_examples=60)
def test_every_account_id_is_unchanged(loaded: Load, digits: str, quote: str) -> None:
    """Twelve digits stay the same, quoted or not, even if they look octal."""
    catalogue = loaded(
        an_image(f"Owners: [{quote}{digits}{quote}]", "Filters: [{Name: name, Values: [x]}]"),
        f"AccountId: {quote}{digits}{quote}\nregions: [{{Name: eu-west-1}}]\n",
    )

    assert catalogue.targets == (Target(digits, "eu-west-1"),)
    expected = FilterLookup((Filter("name", ("x",)),), owners=(digits,))
    assert lookup_of(catalogue) == expected


def test_a_byte_order_mark_at_the_beginning_is_accepted(loaded: Load) -> None:
    """Some Windows editors write a byte order mark, which has no effect."""
    text = an_image("ParameterPath: /aws/a")

    assert loaded(text) == loaded(b"\xef\xbb\xbf" + text.encode())


def test_windows_line_ends_change_nothing(loaded: Load) -> None:
    """A file may have been saved on Windows."""
    assert loaded(OLDER_FORM_EXAMPLE) == loaded(OLDER_FORM_EXAMPLE.replace("\n", "\r\n"))


# --- normal form

WORDS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], exclude_characters="\\"),
    min_size=1,
    max_size=12,
)
FILTERS = st.dictionaries(
    WORDS.map(lambda word: f"tag:{word}"),
    st.lists(WORDS, min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)


def maps_of(filters: dict[str, list[str]]) -> list[dict[str, object]]:
    """Build the Name/Values maps of filters."""
    return [{"Name": name, "Values": values} for name, values in filters.items()]


def quoted(text: str) -> str:
    """Quote a text with single quotes, as the older form does."""
    return "'" + text.replace("'", "''") + "'"


def older_form(filters: dict[str, list[str]]) -> str:
    """Build filters in the older form."""
    return ",\n".join(
        f"{{'Name': {quoted(name)}, 'Values': [{', '.join(map(quoted, values))}]}}"
        for name, values in filters.items()
    )


@given(filters=FILTERS)
@settings(deadline=None, max_examples=60)
def test_both_forms_give_the_same_lookup(loaded: Load, filters: dict[str, list[str]]) -> None:
    """The older form and the list form of the same filters are equal lookups."""
    as_list = json.dumps(maps_of(filters), ensure_ascii=False)
    as_text = json.dumps(older_form(filters), ensure_ascii=False)

    catalogue = loaded(an_image(RHEL, f"Filters: {as_list}"))

    assert loaded(an_image(RHEL, f"Filters: {as_text}")) == catalogue
    expected = {name: tuple(sorted(set(values))) for name, values in filters.items()}
    lookup = lookup_of(catalogue)
    assert isinstance(lookup, FilterLookup)
    assert {entry.name: entry.values for entry in lookup.filters} == expected


A = """\
Name: a
    Owners: [self, amazon]
    Filters: [{Name: name, Values: [x, y]}, {Name: tag:m, Values: [z]}]
    ExcludeNames: [p, q]
    Announce: [release, baseline]"""

A_SHUFFLED = """\
Name: a
    Announce: [baseline, release]
    Owners: [amazon, self, amazon]
    ExcludeNames: [q, p, q]
    Filters: [{Values: [z, z], Name: tag:m}, {Name: name, Values: [y, x]}]"""

A_REWRITTEN = """\
Announce: [release, baseline, release]
    ExcludeNames:
    - q
    - p
    Filter: "{'Values': ['y', 'x'], 'Name': 'name'}, {'Name': 'tag:m', 'Values': ['z']}"
    Owners: ['self', "amazon"]
    Name: 'a'"""

THREE_REGIONS = ["us-east-1", "eu-west-1", "ap-south-1"]
ENTRIES = [
    A,
    "Name: b\n    ParameterPath: /aws/b\n    Regions: [us-east-1, eu-west-1]",
    "Name: c\n    ParameterPath: /aws/c",
    "Name: d\n    ParameterPath: /aws/d",
]


def as_files(entries: list[str], files: list[str]) -> dict[str, str]:
    """Distribute the entries over files."""
    texts: dict[str, str] = {}
    for entry, file in zip(entries, files, strict=True):
        texts[file] = texts.get(file, "Family: one\nimages:\n") + f"  - {entry}\n"
    return texts


@given(
    entries=st.permutations(ENTRIES),
    files=st.lists(st.sampled_from(["a.yaml", "b.yml", "c.yaml"]), min_size=4, max_size=4),
    regions=st.permutations(THREE_REGIONS),
)
@settings(deadline=None, max_examples=40)
def test_order_and_files_do_not_affect_the_compiled_catalogue(
    loaded: Load, entries: list[str], files: list[str], regions: list[str]
) -> None:
    """Entries may move within and between files of a family, and regions within theirs."""
    where = "AccountId: 111122223333\nregions:\n" + "".join(f"  - Name: {r}\n" for r in regions)

    compiled = encode_catalogue(loaded(as_files(entries, files), where))

    home = "AccountId: 111122223333\nregions:\n" + "".join(
        f"  - Name: {r}\n" for r in THREE_REGIONS
    )
    assert encode_catalogue(loaded(as_files(ENTRIES, ["a.yaml"] * 4), home)) == compiled


@pytest.mark.parametrize("entry", [A_SHUFFLED, A_REWRITTEN])
def test_cosmetic_edits_change_no_bytes(loaded: Load, entry: str) -> None:
    """Order, repetition, quoting and form within an entry do not affect the compiled file."""
    before = encode_catalogue(loaded(f"images:\n  - {A}\n"))

    assert encode_catalogue(loaded(f"images:\n  - {entry}\n")) == before


def test_a_compiled_catalogue_is_read_back(loaded: Load) -> None:
    """The catalogue file is read back as the same catalogue."""
    catalogue = loaded(as_files(ENTRIES, ["a.yaml"] * 4), REGIONS_EXAMPLE)

    assert decode_catalogue(encode_catalogue(catalogue)) == catalogue


# --- fields


def test_every_optional_field_is_read(loaded: Load) -> None:
    """The image has owners, exclusions, regions and `Announce`."""
    catalogue = loaded(
        an_image(
            "Owners: [aws-marketplace]",
            "Filters: [{Name: name, Values: [x]}]",
            "ExcludeNames: ['*-BETA-*']",
            "Regions: [eu-west-1]",
            "Announce: [baseline, reconfigured]",
        )
    )

    expected = Image(
        "a",
        FilterLookup((Filter("name", ("x",)),), ("aws-marketplace",), ("*-BETA-*",)),
        announce=frozenset({Kind.BASELINE, Kind.RECONFIGURED}),
        regions=frozenset({"eu-west-1"}),
        family="images",
    )
    assert catalogue.images == (expected,)


def test_the_family_is_the_name_of_the_file(loaded: Load) -> None:
    """`Family` at the top of a file takes precedence, and two files can have the same."""
    catalogue = loaded(
        {
            "al2023.eks-1.yaml": "images: [{Name: a, ParameterPath: /a}]\n",
            "one.yml": "Family: linux\nimages: [{Name: b, ParameterPath: /b}]\n",
            "two.yaml": "images: [{Name: c, ParameterPath: /c}]\nFamily: linux\n",
        }
    )

    assert [image.family for image in catalogue.images] == ["al2023.eks-1", "linux", "linux"]
    assert decode_catalogue(encode_catalogue(catalogue)) == catalogue


@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("our images (new).yaml", "our-images-new-"),
        ("_x.yaml", "x"),
        ("Bilder für x.yml", "Bilder-f-r-x"),
        ("äöü.yaml", "other"),
        (f"{'x' * 200}.yaml", "x" * 128),
    ],
)
def test_any_file_name_gives_a_valid_family(loaded: Load, file: str, family: str) -> None:
    """Other characters than those of an image's name are replaced."""
    catalogue = loaded({file: "images: [{Name: a, ParameterPath: /a}]\n"})

    assert [image.family for image in catalogue.images] == [family]
    assert decode_catalogue(encode_catalogue(catalogue)) == catalogue


@pytest.mark.parametrize("family", ["''", "a b", "-a", "a/b", "null", "[a]", "x" * 129])
def test_a_family_has_the_form_of_an_image_name(refused: Refuse, family: str) -> None:
    """The problem names file, line and field, and no image."""
    (problem,) = refused(f"Family: {family}\nimages: [{{Name: a, ParameterPath: /a}}]\n")

    assert (problem.line, problem.entry, problem.field) == (1, "", "Family")
    assert "but must be" in problem.message


def test_a_release_rule_is_merged_field_by_field(loaded: Load) -> None:
    """The fields of an image take precedence over those of its file."""
    catalogue = loaded(
        """\
Release: {Pattern: '-v(?P<release>[0-9]+)$', Notes: 'https://example.com/{release}'}
images:
  - {Name: a, ParameterPath: /a}
  - {Name: b, ParameterPath: /b, Release: {Notes: 'https://example.org/{release}'}}
  - {Name: c, ParameterPath: /c, Release: {Pattern: '^(?P<release>[0-9]+)'}}
"""
    )

    assert [image.release for image in catalogue.images] == [
        ReleaseRule("-v(?P<release>[0-9]+)$", "https://example.com/{release}"),
        ReleaseRule("-v(?P<release>[0-9]+)$", "https://example.org/{release}"),
        ReleaseRule("^(?P<release>[0-9]+)", "https://example.com/{release}"),
    ]


def test_a_rule_is_for_its_own_file(loaded: Load) -> None:
    """An image in another file has no rule."""
    ruled = "Release: {Notes: 'https://example.com/'}\nimages: [{Name: a, ParameterPath: /a}]\n"

    catalogue = loaded({"a.yaml": ruled, "b.yaml": "images: [{Name: b, ParameterPath: /b}]\n"})

    assert [image.release for image in catalogue.images] == [
        ReleaseRule(None, "https://example.com/"),
        None,
    ]


def test_images_are_ordered_by_release(loaded: Load) -> None:
    """The lookup has the pattern, so an edit of the pattern is an edit of the lookup."""
    lookup = "Owners: [self], Filters: [{Name: name, Values: [x]}]"
    catalogue = loaded(
        f"""\
Release: {{Pattern: '(?P<release>[0-9]+)'}}
images:
  - {{Name: a, {lookup}, OrderBy: release}}
  - {{Name: b, {lookup}, OrderBy: date}}
  - {{Name: c, {lookup}}}
"""
    )

    a, b, c = (image.lookup for image in catalogue.images)
    filters, owners = (Filter("name", ("x",)),), ("self",)
    pattern = "(?P<release>[0-9]+)"
    assert a == FilterLookup(filters, owners, order_by=OrderBy.RELEASE, pattern=pattern)
    assert b == c == FilterLookup(filters, owners)


def test_an_arn_is_read_in_its_region(loaded: Load) -> None:
    """Another region could not read it."""
    arn = "arn:aws:ssm:eu-west-1:999988887777:parameter/golden"

    (image,) = loaded(an_image(f"ParameterPath: {arn}")).images

    region = frozenset({"eu-west-1"})
    assert image == Image("a", ParameterLookup(arn), regions=region, family="images")


def test_an_image_is_limited_to_accounts(loaded: Load) -> None:
    """The other account of the region does not look the image up."""
    image = an_image("ParameterPath: /a", "Accounts: [222233334444]")

    catalogue = loaded(image, REGIONS_EXAMPLE)

    assert catalogue.images[0].accounts == frozenset({"222233334444"})
    tracked = [target for target in catalogue.targets if catalogue.images_in(target)]
    assert tracked == [Target("222233334444", "eu-west-1")]


def test_an_empty_announce_list_keeps_history_only(loaded: Load) -> None:
    """No event is sent for an image with an empty list."""
    catalogue = loaded(an_image("ParameterPath: /a", "Announce: []"))

    assert catalogue.images[0].announce == frozenset()


@pytest.mark.parametrize(
    "guard",
    [
        "{Name: owner-id, Values: ['309956199498']}",
        "{Name: owner-alias, Values: [amazon, aws-marketplace]}",
        "{Name: image-id, Values: [ami-0123456789abcdef0, ami-01234567]}",
    ],
)
def test_a_filter_may_name_the_owner(loaded: Load, guard: str) -> None:
    """With a filter for the owner or for the image, Owners is not required."""
    catalogue = loaded(an_image(f"Filters: [{{Name: name, Values: [x]}}, {guard}]"))

    assert len(catalogue.images) == 1


def test_the_largest_lookup_of_ec2_is_accepted(loaded: Load) -> None:
    """49 filters and 199 values are accepted, because the request adds state=available."""
    values = json.dumps([f"v{number}" for number in range(151)])
    filters = [f"{{Name: tag:{number}, Values: [v]}}" for number in range(48)]

    catalogue = loaded(
        an_image(RHEL, f"Filters: [{', '.join(filters)}, {{Name: name, Values: {values}}}]")
    )

    lookup = lookup_of(catalogue)
    assert isinstance(lookup, FilterLookup)
    assert sum(len(entry.values) for entry in lookup.filters) == 199


def test_a_lookup_with_its_own_state_may_have_200_values(loaded: Load) -> None:
    """No state is added to a request with its own state."""
    values = json.dumps([f"v{number}" for number in range(199)])
    filters = f"[{{Name: state, Values: [available]}}, {{Name: name, Values: {values}}}]"

    assert len(loaded(an_image(RHEL, f"Filters: {filters}")).images) == 1


def test_a_region_may_have_several_accounts(loaded: Load) -> None:
    """The region is tracked once for each account, and needs no default account."""
    catalogue = loaded(
        an_image("ParameterPath: /a"),
        "regions:\n"
        "  - {Name: eu-west-1, AccountId: 222233334444}\n"
        "  - {Name: eu-west-1, AccountId: 111122223333}\n",
    )

    expected = (Target("111122223333", "eu-west-1"), Target("222233334444", "eu-west-1"))
    assert catalogue.targets == expected


# --- files


def test_missing_files_are_named(tmp_path: Path) -> None:
    """One error names both the folder and the regions file."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "images", tmp_path / "regions.yaml")

    hint = "does not exist; run the command in the repository, or give"
    expected = [
        f"{tmp_path}/images: {hint} --images DIR",
        f"{tmp_path}/regions.yaml: {hint} --regions FILE",
    ]
    assert [str(problem) for problem in caught.value.problems] == expected


def test_a_device_is_not_read(write: Write) -> None:
    """A device with the name of a file is rejected, because reading it would not end."""
    folder, regions = write(an_image("ParameterPath: /a"))
    (folder / "zero.yaml").symlink_to("/dev/zero")

    with pytest.raises(ConfigurationError, match=r"zero\.yaml: is not a regular file"):
        load(folder, regions)


def test_an_unreadable_file_is_named(write: Write) -> None:
    """A broken link is reported like a missing file."""
    folder, regions = write(an_image("ParameterPath: /a"))
    (folder / "gone.yaml").symlink_to(folder / "nowhere")

    with pytest.raises(ConfigurationError, match=r"gone\.yaml: does not exist"):
        load(folder, regions)


def test_a_file_that_may_not_be_read_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the operating system's reason."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder, regions = write(an_image("ParameterPath: /a"))
    monkeypatch.setattr(Path, "open", denied)

    with pytest.raises(
        ConfigurationError, match=r"images\.yaml: cannot be read: Permission denied"
    ):
        load(folder, regions)


# --- all mistakes at once


def test_five_mistakes_are_five_problems(refused: Refuse) -> None:
    """Shape, owner, region, spelling and duplicates are reported together, in file order."""
    problems = refused(
        "images:\n"
        "  - Name: -one\n"
        "    ParameterPath: /aws/one\n"
        "  - Name: two\n"
        "    Filters: [{Name: name, Values: [x]}]\n"
        "  - Name: three\n"
        "    ParameterPath: /aws/three\n"
        "    Regions: [eu-west-3]\n"
        "  - Name: three\n"
        "    Parameterpath: /aws/three\n"
    )

    expected = [
        (2, "-one", "Name"),
        (5, "two", "Filters"),
        (8, "three", "Regions[0]"),
        (9, "three", "Name"),
        (10, "three", "Parameterpath"),
    ]
    assert [(p.line, p.entry, p.field) for p in problems] == expected


def test_a_parameter_at_the_root_needs_no_slash(loaded: Load) -> None:
    """SSM has parameters without a hierarchy, whose names have no slash."""
    (image,) = loaded({"a.yaml": an_image("ParameterPath: golden-ami")}).images

    assert image.lookup == ParameterLookup("golden-ami")


def test_mistakes_of_all_files_are_reported_together(refused: Refuse) -> None:
    """Unreadable, malformed and contradictory files, and regions.yaml, are reported together."""
    problems = refused(
        {
            "a.yaml": "images: [",
            "b.yaml": an_image("ParameterPath: /a/"),
            "c.yaml": an_image("ParameterPath: /c"),
        },
        "regions: [{Name: eu-west-1}]\n",
    )

    expected = [
        ("regions.yaml", 1, "AccountId"),
        ("a.yaml", 1, ""),
        ("b.yaml", 3, "ParameterPath"),
        ("c.yaml", 2, "Name"),
    ]
    assert [(Path(p.file).name, p.line, p.field) for p in problems] == expected


def test_names_are_unique_over_all_files(refused: Refuse) -> None:
    """The problem has both places."""
    text = an_image("ParameterPath: /a")

    (problem,) = refused({"a.yaml": text, "b.yml": "\n" + text})

    assert (Path(problem.file).name, problem.line) == ("b.yml", 3)
    assert problem.message.startswith("duplicate name, first defined at ")
    assert problem.message.endswith("a.yaml:2")


def test_consequences_of_a_rejected_line_are_not_reported(refused: Refuse) -> None:
    """An alias is reported once, not again as a value of the wrong shape."""
    (problem,) = refused(an_image("ParameterPath: /a", "Regions: *all"))

    expected = "alias *all: put it in quotes if it is text, or repeat the value here"
    assert expected == problem.message


def test_mistakes_in_the_regions_file_cause_no_problems_of_images(refused: Refuse) -> None:
    """If the regions are unknown, no image is reported for an unknown region."""
    (problem,) = refused(an_image("ParameterPath: /a", "Regions: [eu-west-1]"), "regions: [\n")

    assert Path(problem.file).name == "regions.yaml"


def test_a_file_reports_at_most_a_hundred_problems(refused: Refuse) -> None:
    """More problems would not help and would take time."""
    problems = refused("images:\n" + "  - {}\n" * 5000)

    assert len(problems) == 101
    assert problems[-1].message == "and more problems; only the first 100 are listed"


def test_the_error_reads_as_one_line_a_problem(write: Write) -> None:
    """The text has place, entry, field and repair, as a terminal should show it."""
    folder, regions = write(an_image("ParameterPath: /a", "Announce: [gossip]"))

    with pytest.raises(ConfigurationError) as caught:
        load(folder, regions)

    expected = (
        f"{folder}/images.yaml:4: a: Announce[0]: is the text 'gossip', but must be "
        "'baseline', 'release', 'rollback' or 'reconfigured'"
    )
    assert str(caught.value) == expected


def test_the_missing_owner_is_explained(refused: Refuse) -> None:
    """The message has the danger and the repair."""
    (problem,) = refused(an_image("Filters: [{Name: name, Values: [x]}]"))

    assert "whoAMI" in problem.message
    assert "Add Owners" in problem.message


def test_foreign_text_is_escaped_and_short(refused: Refuse) -> None:
    """The content of a file is escaped and capped in the output."""
    (problem,) = refused(an_image("ParameterPath: /a", name='"x\\ny' + "z" * 500 + '"'))

    assert "\n" not in str(problem)
    assert len(str(problem)) < 600
