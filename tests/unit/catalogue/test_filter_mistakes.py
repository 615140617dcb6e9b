"""Filters that EC2 rejects or that match no image, and their messages."""

from __future__ import annotations

import re

import pytest
from botocore.loaders import Loader

from services.catalogue.filters import (
    FILTER_NAMES,
    escape_mistake,
    filter_name_mistake,
    image_name_mistake,
    names_architecture,
    state_mistake,
)


def test_the_filter_names_are_those_of_botocore() -> None:
    """The list has all documented names, without the nested lists."""
    model = Loader().load_service_model("ec2", "service-2")
    text = model["shapes"]["DescribeImagesRequest"]["members"]["Filters"]["documentation"]
    without_inner_lists = re.sub(r"(?s)(<ul>.*?)<ul>.*?</ul>", r"\1", text)

    found = re.findall(r"<li> <p> <code>([^<]+)</code>", without_inner_lists)

    assert sorted(found) == sorted(FILTER_NAMES | {"tag:&lt;key&gt;"})


@pytest.mark.parametrize("severity", ["informational", "low", "medium", "high", "critical"])
def test_a_severity_is_no_filter(severity: str) -> None:
    """The model's documentation lists severities among the filters."""
    assert filter_name_mistake(severity) is not None


@pytest.mark.parametrize(
    "name", ["virtualization-type", "tag:Team", "tag:a:b", "tag-key", "creation-date", "name"]
)
def test_a_filter_of_ec2_is_accepted(name: str) -> None:
    """A tag's key is free text."""
    assert filter_name_mistake(name) is None


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("virtualization_type", "virtualization-type"),
        ("VirtualizationType", "virtualization-type"),
        ("public", "is-public"),
        ("Architecture", "architecture"),
        ("ownerid", "owner-id"),
        ("creation_date", "creation-date"),
        ("nmae", "name"),
        ("Name", "name"),
        ("name ", "name"),
        ("ImageId", "image-id"),
        ("Tag:Team", "tag:Team"),
        ("tag.Team", "tag:Team"),
        ("tag:", "tag:KEY"),
        ("tag-value", "tag:KEY, with the tag's own key"),
        ("root-device", "root-device-type"),
    ],
)
def test_a_misspelt_filter_is_recognised(name: str, guess: str) -> None:
    """The name is recognised by spelling, by case, or by its name in other tools."""
    assert filter_name_mistake(name) == f"EC2 has no filter {name!r}; did you mean {guess}?"


def test_a_filter_without_a_similar_name_gets_no_guess() -> None:
    """A bad guess would mislead."""
    expected = "EC2 has no filter 'value'; write a filter of DescribeImages, or tag:KEY"
    assert filter_name_mistake("value") == expected


@pytest.mark.parametrize("value", ["pending", "Available", "avail*", "*"])
def test_only_available_images_are_chosen(value: str) -> None:
    """A state is compared with case, as in EC2."""
    mistake = state_mistake(value)

    assert mistake is not None
    assert mistake.endswith("write [available], or remove the filter")
    assert state_mistake("available") is None


@pytest.mark.parametrize("value", [r"a\*b", r"a\?b", r"a\\b", r"\\\*", "a*b?c", ""])
def test_ec2_accepts_three_escapes(value: str) -> None:
    """A backslash may precede a wildcard or a backslash."""
    assert escape_mistake(value) is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (r"RHEL-\d", r"contains \d, which EC2 refuses"),
        (r"\\\d", r"contains \d, which EC2 refuses"),
        ("a\\", "ends with a backslash"),
        ("a\\\\\\", "ends with a backslash"),
        (r"amzn2\.0", r"contains \., which EC2 refuses"),
    ],
)
def test_ec2_rejects_other_escapes(value: str, says: str) -> None:
    """EC2 responds with `InvalidParameterValue` to each request with another escape."""
    assert (escape_mistake(value) or "").startswith(says)


@pytest.mark.parametrize(
    "value",
    [
        "al2023-ami-2023.*-x86_64",
        "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04)*",
        "ubuntu/images/hvm-ssd/*",
        "test-LTS-22 20*",
        "FortiGate-VM*(7.4*",
        "Bob's [x]@_*",
        r"a\*b",
        "amzn2-ami-hvm-2.0.????????.?-x86_64-gp2",
    ],
)
def test_a_name_that_ec2_allows_is_accepted(value: str) -> None:
    """Every character of RegisterImage and wildcards are accepted."""
    assert image_name_mistake(value) is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("k8s-${var.version}-*", "contains the placeholder '${var.version}'"),
        ("{{ami_prefix}}-*", "contains the placeholder '{{ami_prefix}}'"),
        ("<name>-*", "contains the placeholder '<name>'"),
        ("$NAME-*", "contains the placeholder '$NAME'"),
        ("%NAME%-*", "contains the placeholder '%NAME%'"),
        ("^amzn2-ami-hvm-.*$", "looks like a regular expression, and no image name contains '^'"),
        ("amzn2-(a|b)-*", "looks like a regular expression, and no image name contains '|'"),
        ("a*,b*", "contains a comma, which is not allowed in an image name; write"),
        ("\u201ca*\u201d", "contains the typographic quote \u201c"),
        ("al2023\u2013ami-*", "contains the long dash \u2013"),
        ("a:b", "contains ':', which is not allowed in an image name"),
        ("caf\u00e9", "contains '\u00e9', which is not allowed in an image name"),
    ],
)
def test_a_name_that_no_image_has_is_explained(value: str, says: str) -> None:
    """One sentence has the mistake and the repair."""
    assert (image_name_mistake(value) or "").startswith(says)


def test_an_architecture_is_found_in_a_name() -> None:
    """Any publisher's spelling of the architecture is found in each of the patterns."""
    assert names_architecture(["a-x86_64-*", "b-arm64*", "c-amd64", "d.aarch64", "e-X64", "i386"])
    assert not names_architecture(["a-x86_64-*", "b-*"])
