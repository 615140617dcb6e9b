"""The places of regions, compared with the endpoint data of the AWS SDK."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from botocore.loaders import Loader

from services.report.places import GEOGRAPHIES, geography_of, place_of

_PARTITIONS = {"aws", "aws-cn", "aws-us-gov", "aws-eusc"}
_PARTS = {
    "Africa": "Middle East, Africa",
    "Asia Pacific": "Asia Pacific",
    "AWS European Sovereign Cloud": "Europe",
    "AWS GovCloud": "GovCloud (US)",
    "Canada": "Americas",
    "Canada West": "Americas",
    "China": "China",
    "Europe": "Europe",
    "Israel": "Middle East, Africa",
    "Mexico": "Americas",
    "Middle East": "Middle East, Africa",
    "South America": "Americas",
    "US East": "Americas",
    "US West": "Americas",
}


def _regions() -> Iterator[tuple[str, str]]:
    for partition in Loader().load_data("endpoints")["partitions"]:
        if partition["partition"] in _PARTITIONS:
            for region, about in partition["regions"].items():
                yield region, about["description"]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def test_every_region_of_the_sdk_has_the_place_and_the_geography_of_its_description() -> None:
    """Europe (Frankfurt) is Frankfurt in Europe; Canada (Central) keeps both parts."""
    wrong = {}
    for region, description in _regions():
        part, _, place = description.rstrip(")").partition(" (")
        places = {place, f"{part} ({place})"}
        if _plain(place_of(region)) not in places or geography_of(region) != _PARTS[part]:
            wrong[region] = (description, place_of(region), geography_of(region))

    assert wrong == {}


@pytest.mark.parametrize(
    ("region", "geography"),
    [
        ("eu-west-9", "Europe"),
        ("us-gov-south-1", "GovCloud (US)"),
        ("us-iso-east-1", "Other"),
        ("xx-new-1", "Other"),
        ("", "Other"),
    ],
)
def test_an_unknown_region_is_its_own_place(region: str, geography: str) -> None:
    """The geography of a newer region follows from its first part."""
    assert (place_of(region), geography_of(region)) == (region, geography)
    assert geography_of(region) in GEOGRAPHIES
