"""Release keys: read from AMI names, compared as versions, and put into the URL of the notes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from services.kernel.model import ReleaseRule
from services.kernel.release_key import notes_url, release_key, version_order

EKS = r"-v(?P<release>\d{8})$"
ALMA = r"^AlmaLinux OS (?P<release>(?P<minor>\d+\.\d+)\.\d{8}(?:\.(?P<build>\d+))?) "


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amazon-eks-node-al2023-x86_64-standard-1.36-v20260930", "20260930"),
        ("amazon-eks-node-al2023-x86_64-standard-1.36-v2026093", None),
        ("", None),
        (None, None),
        ("x" * 120 + "-v20260930", None),  # no AMI name is longer than 128 characters
    ],
)
def test_reads_the_key_of_a_name(name: str | None, expected: str | None) -> None:
    """A name without a match has no key."""
    assert release_key(EKS, name) == expected


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("(?P<release>.*)", "x" * 65),
        ("(?P<release>.*)", "evil\x1b[31m"),
        ("(?P<release>x?)y", "y"),
        ("(?P<other>.*)", "x"),
        ("(?P<release>", "x"),
        (None, "x"),
    ],
)
def test_has_no_key(pattern: str | None, name: str) -> None:
    """A key is 1 to 64 printable characters, and a pattern of another version can be invalid."""
    assert release_key(pattern, name) is None


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ("https://example.com/v{release}", "https://example.com/v10.2.20260817.0"),
        ("https://example.com/{minor}.html#{release}", "https://example.com/10.2.html#10.2.20260817.0"),
        ("https://example.com/fixed", "https://example.com/fixed"),
        ("https://example.com/{other}", None),
        ("https://example.com/" + "x" * 250, None),
        (None, None),
    ],
)  # fmt: skip
def test_puts_groups_into_the_url_of_the_notes(notes: str | None, expected: str | None) -> None:
    """Without the text of a group, or with a URL that is too long, there is no URL."""
    rule = ReleaseRule(ALMA, notes)

    assert notes_url(rule, "AlmaLinux OS 10.2.20260817.0 x86_64") == expected


def test_has_no_notes_if_a_group_did_not_take_part() -> None:
    """An optional group can be missing in a name."""
    rule = ReleaseRule(ALMA, "https://example.com/{build}")

    assert notes_url(rule, "AlmaLinux OS 10.2.20260817 x86_64") is None
    assert notes_url(None, "AlmaLinux OS 10.2.20260817 x86_64") is None


def test_escapes_text_in_the_url_of_the_notes() -> None:
    """A name is text from outside."""
    rule = ReleaseRule("^(?P<release>.*)$", "https://example.com/{release}")

    assert (
        notes_url(rule, "a/../b?c=<d> é") == "https://example.com/a%2F..%2Fb%3Fc%3D%3Cd%3E%20%C3%A9"
    )


def test_compares_keys_as_versions() -> None:
    """Numbers compare as numbers, and pre-releases are earlier than their version."""
    ascending = [
        None,
        "stable",
        "1.0.0-alpha",
        "1.0.0-alpha.2",
        "1.0.0-beta",
        "1.0.0-rc.1",
        "1.0.0",
        "v1.0.1",
        "1.9",
        "1.10",
        "9.6.0_HVM-20260811",
        "9.8.0_HVM_BETA-20260301",
        "9.8.0_HVM_GA-20260521",
        "9.8.0_HVM-20260728",
        "9.10.0_HVM_GA-20261101",
        "20260930",
    ]

    assert [(a, b) for a, b in pairwise(ascending) if version_order(a) >= version_order(b)] == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("8.8.0_HVM-20240108", "8.8_HVM-20241008"),
        ("8.8_HVM-20241008", "8.8.0_HVM-20241206"),
        ("9.4_HVM_GA-20240827", "9.4.0_HVM-20240911"),
        ("1.0-beta", "1.0.0"),
        ("1.0", "1.0.1"),
    ],
)
def test_a_missing_number_is_zero(earlier: str, later: str) -> None:
    """Red Hat writes `8.8.0` and `8.8` for one minor version: then the date decides."""
    assert version_order(earlier) < version_order(later)


def test_equal_versions_have_an_equal_order() -> None:
    """The order of two such images is that of their creation dates."""
    assert version_order("1.0") == version_order("1.0.0")
