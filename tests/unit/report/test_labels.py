"""The short texts of releases and lookups."""

from __future__ import annotations

import pytest

from services.kernel.model import Filter, FilterLookup, Lookup, OrderBy, ParameterLookup
from services.report.labels import short_label, source_of


@pytest.mark.parametrize(
    ("key", "short"),
    [
        ("20261124", "1124"),
        ("v20261124", "1124"),
        ("20251124", "251124"),
        ("2023.12.20260930", "0930"),
        ("2026.11.17", "1117"),
        ("2026.11.26-1", "1126"),
        ("20260923.2", "0923.2"),
        ("20260914-2601", "0914"),
        ("9.8.0_HVM-20260908", "0908"),
        ("26.7-20260918-025529", "0918"),
        ("amzn2-ami-hvm-2.0.20260930.0-x86_64-gp2", "0930"),
        ("20261399", "…61399"),
        ("120261124", "…61124"),
        ("1.58.0", "1.58"),
        ("v1.58.0", "1.58"),
        ("v1.8.2", "1.8.2"),
        ("4459.2.2", "…9.2.2"),
        ("10.2.0.0", "10.2.0"),
        (".0", "….0"),
        ("", "…"),
        ("golden-web", "…n-web"),
        ("ami-0123456789abcdef0", "…cdef0"),
    ],
)
def test_a_short_label(key: str, short: str) -> None:
    """The day of a date, else the version without what all versions have, else the end."""
    assert short_label(key, 2026) == short


@pytest.mark.parametrize(
    ("lookup", "text"),
    [
        (ParameterLookup("/aws/service/p"), "/aws/service/p"),
        (FilterLookup((Filter("name", ("a*", "b*")),)), "filters: name=a*,b*"),
        (
            FilterLookup(
                (Filter("architecture", ("arm64",)), Filter("name", ("a*",))),
                ("3099",),
                ("*BETA*",),
                OrderBy.RELEASE,
                "(?P<release>.*)",
            ),
            "filters: architecture=arm64; name=a*; owner 3099; not *BETA*; newest by release key",
        ),
    ],
)
def test_a_lookup_as_text(lookup: Lookup, text: str) -> None:
    """Every part of a lookup that decides which image is chosen."""
    assert source_of(lookup) == text
