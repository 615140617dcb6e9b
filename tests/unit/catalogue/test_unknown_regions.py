"""Warnings about regions that the AWS SDK does not know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.catalogue.document import MAX_PROBLEMS
from services.catalogue.load import load, read_configuration
from services.catalogue.problems import Problem
from services.catalogue.sdk_regions import sdk_regions
from services.kernel.model import Target

Write = Callable[..., tuple[Path, Path]]

ACCOUNT = "111122223333"
IMAGES = "images: [{Name: a, ParameterPath: /a}]\n"


def where(*names: str) -> str:
    """Build a regions file with regions of one account, starting in line 3."""
    return "\n".join([f'AccountId: "{ACCOUNT}"', "regions:", *(f"  - Name: {n}" for n in names)])


def warnings(write: Write, regions: str) -> tuple[Problem, ...]:
    """Return the warnings of a regions file."""
    return read_configuration(*write(IMAGES, regions)).warnings


@pytest.mark.parametrize(
    "region", ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-7"]
)
def test_a_region_of_any_partition_is_known(write: Write, region: str) -> None:
    """Regions of China, GovCloud and the sovereign cloud are known too."""
    assert warnings(write, where(region)) == ()


def test_a_misspelt_region_has_a_warning_with_its_line(write: Write) -> None:
    """The warning has file, line, entry, and the most similar region."""
    images, regions = write(IMAGES, where("us-east-1", "eu-wset-1"))

    message = "eu-wset-1 is not in this version's list of regions; did you mean eu-west-1?"
    expected = Problem(str(regions), 4, "eu-wset-1", "Name", message)
    assert read_configuration(images, regions).warnings == (expected,)
    assert str(expected) == f"{regions}:4: eu-wset-1: Name: {message}"


def test_a_region_without_a_similar_one_has_a_warning_without_a_guess(write: Write) -> None:
    """A bad guess would mislead."""
    (warning,) = warnings(write, where("zz-qqqqqqqqqq-9"))

    assert warning.message == "zz-qqqqqqqqqq-9 is not in this version's list of regions"


def test_each_unknown_region_has_a_warning(write: Write) -> None:
    """Each line has a warning, even if a region is listed twice with different accounts."""
    twice = "\n  - {Name: eu-wset-1, AccountId: '222233334444'}\n"

    found = warnings(write, where("eu-wset-1", "us-aest-1") + twice)

    assert [(warning.line, warning.entry) for warning in found] == [
        (3, "eu-wset-1"),
        (4, "us-aest-1"),
        (5, "eu-wset-1"),
    ]


def test_an_unknown_region_is_loaded(write: Write) -> None:
    """The region may be newer than this version."""
    catalogue = load(*write(IMAGES, where("eu-new-1")))

    assert catalogue.targets == (Target(ACCOUNT, "eu-new-1"),)


def test_warnings_are_bounded(write: Write) -> None:
    """More warnings would not help."""
    names = [f"xx-new-{n}" for n in range(100)]
    accounts = [f"{n:012}" for n in range(MAX_PROBLEMS // 100 + 1)]
    entries = [f"  - {{Name: {n}, AccountId: '{a}'}}" for n in names for a in accounts]

    found = warnings(write, "\n".join(["regions:", *entries, ""]))

    assert len(found) == MAX_PROBLEMS + 1


def test_the_sdk_has_regions_of_several_partitions() -> None:
    """The SDK's endpoint data contains the first region of each partition."""
    assert {"us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"} <= sdk_regions()
