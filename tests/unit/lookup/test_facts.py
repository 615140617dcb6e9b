"""What a release row says about its image: facts, keys, and their limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.lookup import (
    HERE,
    a_pair,
    a_release,
    an_ami,
    an_observation,
    by_name,
    image_id,
)

from services.kernel.model import About, Fact, OrderBy, Pair, Release, ReleaseRule
from services.kernel.release_records import encode_release
from services.kernel.table import to_item
from services.lookup.facts import described
from services.lookup.responses import (
    Ami,
    FilterEvidence,
    Finding,
    ParameterEvidence,
    ParameterValue,
)

RULE = ReleaseRule(r"-v(?P<release>\d{8})$", "https://example.com/v{release}")
MODIFIED = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
DETAILS = {
    "OwnerId": "602401143452",
    "ImageOwnerAlias": "amazon",
    "Architecture": "arm64",
    "PlatformDetails": "Linux/UNIX",
    "RootDeviceName": "/dev/xvda",
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "SnapshotId": "snap-1"}},
    ],
    "BootMode": "uefi-preferred",
    "ImdsSupport": "v2.0",
    "TpmSupport": "v2.0",
    "EnaSupport": True,
    "ProductCodes": [{"ProductCodeId": "b2"}, {"ProductCodeId": "a1"}],
    "SourceImageId": "ami-00000000000000077",
    "SourceImageRegion": "us-west-2",
    "DeprecationTime": "2028-11-21T18:00:00.000Z",
}
OWN = {"SourceImageRegion": HERE.region, "OwnerId": HERE.account_id}
"""Of an image that the target's account built in the target's region."""
EKS = "amazon-eks-node-al2023-arm64-standard-1.36-v20260930"
ECS_VALUE = {
    "ecs_agent_version": "1.107.0",
    "ecs_runtime_version": "Docker version 25.0.16",
    "image_id": image_id(2),
    "image_name": EKS,
    "image_version": "2023.0.20260922",
    "os": "Amazon Linux 2023",
    "schema_version": 1,
    "source_image_name": "al2023-ami-minimal-2023.12.20260918.0-kernel-6.1-x86_64",
}


def an_eks_ami(**details: object) -> Ami:
    """Build an image with these attributes and all others."""
    return replace(an_ami(2), name=EKS, details=DETAILS | details)


def by_parameter(image: Ami, value: object = ECS_VALUE) -> Finding:
    """Build the finding of a parameter with this value."""
    text = value if isinstance(value, str) else json.dumps(value)
    evidence = ParameterEvidence(ParameterValue(text, 7, MODIFIED), image)
    return Finding(image.observation(), evidence)


def by_filters(image: Ami) -> Finding:
    """Build the finding of filters."""
    return Finding(image.observation(), FilterEvidence([an_ami(1), image], pages=1))


def about(finding: Finding, rule: ReleaseRule | None = RULE, **known: Any) -> About:  # noqa: ANN401 - fields of a pair
    """Return what is known about an image."""
    return described(a_pair(**known), finding, rule, None)


def last_with(pair: Pair, facts: Mapping[str, Fact]) -> Release:
    """Build the release of the known image, with these facts."""
    return replace(a_release(pair, 1), version=pair.version, about=About(facts=facts))


def test_describes_an_image_that_a_parameter_names() -> None:
    """The facts of the image and of the parameter's JSON, without repeated ids and names."""
    found = about(by_parameter(an_eks_ami()))

    assert found == About(
        release="20260930",
        join_key="release:20260930",
        notes_url="https://example.com/v20260930",
        source_time=MODIFIED,
        parameter_version=7,
        facts={
            "owner_id": "602401143452",
            "owner_alias": "amazon",
            "architecture": "arm64",
            "platform": "Linux/UNIX",
            "root_device_name": "/dev/xvda",
            "boot_mode": "uefi-preferred",
            "imds_support": "v2.0",
            "tpm_support": "v2.0",
            "ena_support": True,
            "source_image_id": "ami-00000000000000077",
            "source_image_region": "us-west-2",
            "deprecation_time": "2028-11-21T18:00:00.000Z",
            "root_volume_gib": 20,
            "product_codes": "a1,b2",
            "ecs_agent_version": "1.107.0",
            "ecs_runtime_version": "Docker version 25.0.16",
            "image_version": "2023.0.20260922",
            "os": "Amazon Linux 2023",
            "schema_version": 1,
            "source_image_name": "al2023-ami-minimal-2023.12.20260918.0-kernel-6.1-x86_64",
        },
    )


def test_describes_an_image_that_filters_select() -> None:
    """An image without a parameter has no time and version of one."""
    found = about(by_filters(an_eks_ami()))

    assert (found.release, found.source_time, found.parameter_version) == ("20260930", None, None)
    assert found.facts["architecture"] == "arm64"


def test_knows_nothing_about_an_image_without_attributes() -> None:
    """An absent fact is unknown, and an empty text counts as absent."""
    bare = replace(an_ami(2), name=None, details={"BootMode": "", "ProductCodes": []})

    assert about(by_parameter(bare, image_id(2)), None) == About(
        source_time=MODIFIED, parameter_version=7
    )


@pytest.mark.parametrize(
    ("details", "rule", "expected"),
    [
        ({}, RULE, "release:20260930"),
        ({}, None, "copy:us-west-2:ami-00000000000000077"),
        ({"SourceImageRegion": HERE.region}, None, f"name:{EKS}"),
        (OWN, None, f"copy:eu-west-1:{image_id(2)}"),
        ({"SourceImageId": None}, None, f"name:{EKS}"),
    ],
)  # fmt: skip
def test_joins_the_same_release_in_other_targets(
    details: dict[str, Any], rule: ReleaseRule | None, expected: str
) -> None:
    """The key is the release, else the image that was copied, else the name."""
    assert about(by_filters(an_eks_ami(**details)), rule).join_key == expected


def test_copies_of_a_golden_image_have_the_key_of_the_original() -> None:
    """The original is in the account that owns it; the copies name its region and id."""
    original = an_eks_ami(
        SourceImageId="ami-base", SourceImageRegion=HERE.region, OwnerId=HERE.account_id
    )
    copied = an_eks_ami(
        SourceImageId=original.image_id, SourceImageRegion=HERE.region, OwnerId=HERE.account_id
    )
    there = replace(HERE, region="us-west-2")

    key = about(by_filters(original), None).join_key
    assert about(by_filters(copied), None, target=there).join_key == key


def test_names_the_release_before() -> None:
    """The same pattern reads the known image's name; else its release row has the key."""
    before = an_observation(1)
    known = replace(before, ami_name=EKS.replace("20260930", "20260901"))
    pair = a_pair(known=before, version=3)
    last = replace(a_release(pair, 1), version=3, about=About(release="20260815"))

    assert about(by_filters(an_eks_ami()), known=known).previous_release == "20260901"
    found = described(pair, by_filters(an_eks_ami()), RULE, last)
    assert found.previous_release == "20260815"
    assert about(by_filters(an_eks_ami()), known=before).previous_release is None


def test_an_order_by_release_has_its_own_pattern() -> None:
    """The pattern of the lookup is used if the message has no rule."""
    lookup = replace(by_name(), order_by=OrderBy.RELEASE, pattern=RULE.pattern)

    assert about(by_filters(an_eks_ami()), None, lookup=lookup).release == "20260930"


def test_lists_what_changed_with_the_previous_value() -> None:
    """Only facts that are known in both releases; ids and times of each release are no news."""
    pair = a_pair(known=an_observation(1), version=3)
    before: dict[str, Fact] = {
        "ecs_agent_version": "1.106.0",
        "architecture": "arm64",
        "root_volume_gib": 8,
        "ena_support": True,
        "source_image_id": "ami-00000000000000076",
        "deprecation_time": "2028-10-21T18:00:00.000Z",
        "unknown_now": "x",
    }

    found = described(pair, by_parameter(an_eks_ami()), RULE, last_with(pair, before))
    assert found.changed == {"root_volume_gib": 8, "ecs_agent_version": "1.106.0"}


# --- text from outside

NESTED = '{"a":' * 5_000 + "1" + "}" * 5_000


@pytest.mark.parametrize(
    "value",
    [
        NESTED,
        "{" + ",".join(f'"k{n:04}": "v"' for n in range(1_000)) + "}",
        json.dumps({"a": "x" * 4_096, "b": "y" * 4_096, "c": ["z"] * 4_096}),
        json.dumps({f"k{n}": "é" * 100 for n in range(30)}),
        json.dumps({"a" * 300: 1, "": 1, "a b": 1, "<b>": 1, "é": 1, "0": 1}),
        '{"big": ' + "9" * 4_000 + ', "huge": 1e400, "nan": NaN, "small": 1.5}',
        '{"a": "\\u001b[31m\\u202e\\u0000\\ud800x"}',
        "{",
        "[1, 2]",
    ],
)
def test_bounds_the_members_of_a_parameter(value: str) -> None:
    """Values that are nested, long, many or not printable do not reach the row."""
    found = about(by_parameter(an_eks_ami(), value))
    stored = {name: fact for name, fact in found.facts.items() if name not in about_the_image()}

    assert all(len(str(fact)) <= 100 and str(fact).isprintable() for fact in stored.values())
    assert all(len(name) <= 40 and name.isascii() for name in stored)
    assert size_of(found) < 1_500


def about_the_image() -> Mapping[str, Fact]:
    """Return the facts of the image alone."""
    return about(by_parameter(an_eks_ami(), image_id(2))).facts


def test_a_fact_of_the_image_is_not_replaced_by_the_parameter() -> None:
    """A parameter can have members with any name."""
    found = about(by_parameter(an_eks_ami(), {"architecture": "vax", "image_id": image_id(2)}))

    assert found.facts["architecture"] == "arm64"


def size_of(found: About) -> int:
    """Return the bytes that this adds to a release row, as DynamoDB counts them."""
    pair = a_pair(known=an_observation(1), version=3)
    plain = a_release(pair, 2)
    return _bytes(encode_release(replace(plain, about=found))) - _bytes(encode_release(plain))


def _bytes(row: Mapping[str, Any]) -> int:
    to_item(row)  # DynamoDB accepts it
    return sum(len(name.encode()) + _size(value) for name, value in row.items())


def _size(value: object) -> int:
    if isinstance(value, Mapping):
        return 3 + sum(1 + len(name.encode()) + _size(member) for name, member in value.items())
    return 1 if isinstance(value, bool) else len(str(value).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=150),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@given(
    members=st.dictionaries(st.text("abcdefghij_", min_size=1, max_size=12), json_values),
    texts=st.dictionaries(
        st.sampled_from([key for key, value in DETAILS.items() if isinstance(value, str)]),
        st.text(max_size=300),
    ),
    name=st.text(max_size=200),
    before=st.dictionaries(st.text("abcdefghij_", min_size=1, max_size=12), st.text(max_size=100)),
)
def test_a_row_grows_by_less_than_1_5_kilobytes(
    members: dict[str, Any], texts: dict[str, str], name: str, before: dict[str, Fact]
) -> None:
    """This holds for any text from outside."""
    rule = ReleaseRule(r"(?P<release>.{1,64})", "https://example.com/" + "x" * 160 + "{release}")
    pair = a_pair(known=an_observation(1), version=3)
    image = replace(an_eks_ami(**texts), name=name)
    finding = by_parameter(image, json.dumps(members))

    found = described(pair, finding, rule, last_with(pair, before))
    assert size_of(found) < 1_500
    facts = (*found.facts.values(), *found.changed.values())
    assert all(str(fact).isprintable() for fact in found.facts.values())
    assert all(len(str(fact)) <= 100 for fact in facts)
