"""Which regions are warned of: those that the AWS SDK does not know."""

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
    """A regions file that watches regions from one account, beginning in line 3."""
    return "\n".join([f'AccountId: "{ACCOUNT}"', "regions:", *(f"  - Name: {n}" for n in names)])


def warnings(write: Write, regions: str) -> tuple[Problem, ...]:
    """What is warned of in a regions file."""
    return read_configuration(*write(IMAGES, regions)).warnings


@pytest.mark.parametrize(
    "region", ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-7"]
)
def test_a_region_of_any_partition_is_known(write: Write, region: str) -> None:
    """China, the government's and the sovereign cloud's too."""
    assert warnings(write, where(region)) == ()


def test_a_misspelt_region_is_warned_of_where_it_stands(write: Write) -> None:
    """By file, line and entry, with the region that it resembles most."""
    images, regions = write(IMAGES, where("us-east-1", "eu-wset-1"))

    message = "eu-wset-1 is not in this version's list of regions; did you mean eu-west-1?"
    expected = Problem(str(regions), 4, "eu-wset-1", "Name", message)
    assert read_configuration(images, regions).warnings == (expected,)
    assert str(expected) == f"{regions}:4: eu-wset-1: Name: {message}"


def test_a_region_like_no_other_is_warned_of_without_a_guess(write: Write) -> None:
    """A guess that is far off would only mislead."""
    (warning,) = warnings(write, where("zz-qqqqqqqqqq-9"))

    assert warning.message == "zz-qqqqqqqqqq-9 is not in this version's list of regions"


def test_each_unknown_region_is_warned_of(write: Write) -> None:
    """Line by line, also where one stands twice with different accounts."""
    twice = "\n  - {Name: eu-wset-1, AccountId: '222233334444'}\n"

    found = warnings(write, where("eu-wset-1", "us-aest-1") + twice)

    assert [(warning.line, warning.entry) for warning in found] == [
        (3, "eu-wset-1"),
        (4, "us-aest-1"),
        (5, "eu-wset-1"),
    ]


def test_a_region_that_is_not_known_loads_all_the_same(write: Write) -> None:
    """It may be newer than this version."""
    catalogue = load(*write(IMAGES, where("eu-new-1")))

    assert catalogue.targets == (Target(ACCOUNT, "eu-new-1"),)


def test_warnings_are_bounded(write: Write) -> None:
    """More of them in one file would help nobody."""
    names = [f"xx-new-{n}" for n in range(100)]
    accounts = [f"{n:012}" for n in range(MAX_PROBLEMS // 100 + 1)]
    entries = [f"  - {{Name: {n}, AccountId: '{a}'}}" for n in names for a in accounts]

    found = warnings(write, "\n".join(["regions:", *entries, ""]))

    assert len(found) == MAX_PROBLEMS + 1


def test_the_sdk_knows_regions_of_several_partitions() -> None:
    """Its endpoint data was read: what each partition began with is there."""
    assert {"us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"} <= sdk_regions()
