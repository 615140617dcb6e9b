"""Where the regions of AWS are: pure.

The names are those of the list of AWS Regions in the AWS documentation, without the part that the
geography has already: "Europe (Frankfurt)" is Frankfurt in Europe.
https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/using-govcloud-endpoints.html
https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html
"""

from __future__ import annotations

_AMERICAS, _EUROPE, _ASIA = "Americas", "Europe", "Asia Pacific"
_AFRICA, _CHINA, _GOV, _OTHER = "Middle East, Africa", "China", "GovCloud (US)", "Other"

GEOGRAPHIES = (_AMERICAS, _EUROPE, _AFRICA, _ASIA, _CHINA, _GOV, _OTHER)
"""The geographies, in the order of the page."""

_PLACES = {
    "af-south-1": "Cape Town",
    "ap-east-1": "Hong Kong",
    "ap-east-2": "Taipei",
    "ap-northeast-1": "Tokyo",
    "ap-northeast-2": "Seoul",
    "ap-northeast-3": "Osaka",
    "ap-south-1": "Mumbai",
    "ap-south-2": "Hyderabad",
    "ap-southeast-1": "Singapore",
    "ap-southeast-2": "Sydney",
    "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-6": "New Zealand",
    "ap-southeast-7": "Thailand",
    "ca-central-1": "Canada (Central)",
    "ca-west-1": "Calgary",
    "cn-north-1": "Beijing",
    "cn-northwest-1": "Ningxia",
    "eu-central-1": "Frankfurt",
    "eu-central-2": "Zurich",
    "eu-north-1": "Stockholm",
    "eu-south-1": "Milan",
    "eu-south-2": "Spain",
    "eu-west-1": "Ireland",
    "eu-west-2": "London",
    "eu-west-3": "Paris",
    "eusc-de-east-1": "Germany",
    "il-central-1": "Tel Aviv",
    "me-central-1": "UAE",
    "me-south-1": "Bahrain",
    "mx-central-1": "Mexico (Central)",
    "sa-east-1": "São Paulo",
    "us-east-1": "N. Virginia",
    "us-east-2": "Ohio",
    "us-gov-east-1": "US-East",
    "us-gov-west-1": "US-West",
    "us-west-1": "N. California",
    "us-west-2": "Oregon",
}
_GEOGRAPHY_OF_PREFIX = {
    "af": _AFRICA,
    "ap": _ASIA,
    "ca": _AMERICAS,
    "cn": _CHINA,
    "eu": _EUROPE,
    "eusc": _EUROPE,
    "il": _AFRICA,
    "me": _AFRICA,
    "mx": _AMERICAS,
    "sa": _AMERICAS,
    "us": _AMERICAS,
}


def place_of(region: str) -> str:
    """Where a region is, such as Frankfurt; the region itself if it is not in the table."""
    return _PLACES.get(region, region)


def geography_of(region: str) -> str:
    """The geography of a region; of a newer one, by its first part."""
    if region.startswith("us-gov-"):
        return _GOV
    if "-iso" in region:
        return _OTHER
    return _GEOGRAPHY_OF_PREFIX.get(region.split("-", 1)[0], _OTHER)
