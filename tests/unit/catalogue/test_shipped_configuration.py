"""The files of the repository load, match their schemas, and have the documented content."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.shipped import FILES, OPTIONAL, ROOT, TRACKED, images

from services.catalogue.load import load, read_configuration
from services.catalogue.schema import schemas
from services.catalogue.yaml_loader import read_document
from services.kernel.model import Catalogue, FilterLookup, ParameterLookup

IMAGES_SCHEMA = "tracked_images.schema.json"


def shipped() -> Catalogue:
    """Load the catalogue of the repository's own files."""
    return load(TRACKED, ROOT / "regions.yaml")


def content(path: Path) -> Any:  # noqa: ANN401 - a YAML value
    """Read a YAML file."""
    read = read_document(path)
    assert read.document is not None
    assert read.problems == ()
    return read.document.value


def validator(schema: str) -> jsonschema.Draft7Validator:
    """Build a validator with a committed schema."""
    text = (ROOT / "schemas" / schema).read_text(encoding="utf-8")
    return jsonschema.Draft7Validator(json.loads(text))


def test_the_shipped_files_load() -> None:
    """Every documented family is in the catalogue."""
    names = {image.name for image in shipped().images}

    promised = {"al2023-x86_64", "ecs-al2023-arm64", "al2023-eks-1.36-x86_64", "rhel-9-x86_64"} | {
        "bottlerocket-aws-ecs-2-arm64",
        "windows-2025-english-full-base",
        "ubuntu-24.04-amd64",
        "redhat-8.6.0-hvm",
    }
    assert promised <= names


def test_the_active_images_are_a_moderate_number() -> None:
    """Each image is looked up in every region; rarer ones are in optional_images/."""
    assert len(shipped().images) < 150


def test_an_optional_file_can_be_copied_to_the_active_ones() -> None:
    """No name is used twice, so each file loads next to all others."""
    active = {image.name for image in shipped().images}
    optional = {name for path in OPTIONAL.iterdir() for name in names_in(path)}

    assert optional
    assert active | optional == set(images())
    assert active & optional == set()


def test_the_shipped_files_have_no_warnings() -> None:
    """`ami-tracker check --strict` accepts both folders."""
    read = [read_configuration(folder, ROOT / "regions.yaml") for folder in (TRACKED, OPTIONAL)]

    assert [configuration.warnings for configuration in read] == [(), ()]


def names_in(path: Path) -> list[str]:
    """Read the names of a file's images."""
    return [entry["Name"] for entry in content(path)["images"]]


def test_the_shipped_regions_use_a_made_up_account() -> None:
    """The repository does not contain a real account."""
    assert {target.account_id for target in shipped().targets} == {"111122223333"}


def test_shipped_parameters_are_public_ones() -> None:
    """Public parameters can be read from any account."""
    paths = [
        image.lookup.parameter_path
        for image in images().values()
        if isinstance(image.lookup, ParameterLookup)
    ]

    assert [path for path in paths if not path.startswith("/aws/service/")] == []


def test_shipped_red_hat_filters_exclude_betas() -> None:
    """An entry that follows RHEL by a pattern never chooses a beta."""
    lookups = [
        image.lookup
        for image in images().values()
        if isinstance(image.lookup, FilterLookup) and image.name.startswith("rhel-")
    ]

    assert lookups
    assert all({"*BETA*", "*Beta*"} <= set(lookup.exclude_names) for lookup in lookups)


def test_the_committed_schemas_are_current() -> None:
    """The committed schemas of YAML files are the output of `make schemas`."""
    committed = {name: (ROOT / "schemas" / name).read_text(encoding="utf-8") for name in schemas()}

    assert committed == schemas()


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schemas_are_valid(name: str) -> None:
    """The schemas are valid, and have a description for every field."""
    schema = json.loads(schemas()[name])

    jsonschema.Draft7Validator.check_schema(schema)
    fields = [
        field
        for shape in (schema, *schema["$defs"].values())
        for field in shape.get("properties", {}).values()
    ]
    assert [field for field in fields if not field.get("description")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_family_matches_the_schema_of_its_first_line(path: Path) -> None:
    """Editors find the schema from the first line, and report no problem."""
    first = path.read_text(encoding="utf-8").splitlines()[0]

    assert first == f"# yaml-language-server: $schema=../schemas/{IMAGES_SCHEMA}"
    assert list(validator(IMAGES_SCHEMA).iter_errors(content(path))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_family_links_the_source_of_its_names(path: Path) -> None:
    """A comment has a link to the publisher's documentation."""
    assert re.search(r"(?m)^# .*https://", path.read_text(encoding="utf-8"))


def test_the_regions_file_matches_its_schema() -> None:
    """Editors find the schema from the first line, and report no problem."""
    path = ROOT / "regions.yaml"
    first = path.read_text(encoding="utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=schemas/regions.schema.json"
    assert list(validator("regions.schema.json").iter_errors(content(path))) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"Name": "a"},
        {"Name": "a", "ParameterPath": "/a", "Filters": [{"Name": "n", "Values": ["v"]}]},
        {"Name": "a", "ParameterPath": "/a/"},
        {"Name": "a b", "ParameterPath": "/a"},
        {"Name": "a", "ParameterPath": "/a", "Region": ["eu-west-1"]},
        {"Name": "a", "ParameterPath": "/a", "Announce": ["gossip"]},
        {"Name": "a", "Owners": ["*"], "Filters": "{}"},
        {"Name": "a", "Owners": ["self"], "Filters": []},
        {"Name": "a", "Owners": ["self"], "Filters": [{"Name": "n", "Values": "v"}]},
        {"ParameterPath": "/a"},
        {"Name": "a", "ParameterPath": "arn:aws:ssm:eu-west-1::parameter/a"},
        {"Name": "a", "ParameterPath": "/a", "Accounts": ["1111"]},
        {"Name": "a", "ParameterPath": "/a", "Release": {}},
        {"Name": "a", "ParameterPath": "/a", "Release": {"Patterm": "(?P<release>a)"}},
        {"Name": "a", "Owners": ["self"], "Filters": "{}", "OrderBy": "version"},
    ],
)
def test_the_schema_rejects_mistakes(entry: dict[str, object]) -> None:
    """Editors show the mistakes that the schema can express."""
    assert not validator(IMAGES_SCHEMA).is_valid({"images": [entry]})


def test_the_schema_accepts_every_field() -> None:
    """A release rule can be at the top, and a parameter path can be an ARN."""
    arn = "arn:aws-cn:ssm:cn-north-1:111122223333:parameter/golden/al2023"
    rule = {"Pattern": "-v(?P<release>[0-9.]+)$", "Notes": "https://example.com/{release}"}
    entries = [
        {"Name": "a", "ParameterPath": arn, "Accounts": ["111122223333"]},
        {"Name": "b", "Filters": "{}", "OrderBy": "release", "Release": rule},
    ]

    assert validator(IMAGES_SCHEMA).is_valid({"Release": rule, "images": entries})


def test_the_schema_accepts_both_forms_of_filters() -> None:
    """The older form is not a mistake in the schema."""
    entries = [
        {"Name": "a", "Owners": ["self"], "Filters": [{"Name": "n", "Values": ["v"]}]},
        {"Name": "b", "Filter": "{'Name': 'owner-alias', 'Values': ['amazon']}"},
    ]

    assert validator(IMAGES_SCHEMA).is_valid({"images": entries})
