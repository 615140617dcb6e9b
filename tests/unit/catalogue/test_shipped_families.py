"""The filters of the repository choose the right image among real names of publishers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache

import pytest
from support.shipped import images, names

from services.kernel.errors import Failure
from services.kernel.model import FilterLookup, Observation
from services.lookup.resolve import candidates, current, newest
from services.lookup.responses import Ami
from services.lookup.wildcards import matches_wildcard

LATER = datetime.fromisoformat("2026-11-28T00:00:00.000Z")


@cache
def _lookups() -> dict[str, FilterLookup]:
    """Return the filter lookups of the compiled catalogue, by entry."""
    lookups = {name: image.lookup for name, image in images().items()}
    return {name: each for name, each in lookups.items() if isinstance(each, FilterLookup)}


def _filter(entry: str) -> FilterLookup:
    return _lookups()[entry]


def _architecture(name: str) -> str:
    return "arm64" if "arm64" in name or "aarch64" in name else "x86_64"


def _found(lookup: FilterLookup, published: Iterable[Ami]) -> list[Ami]:
    """Return the images that EC2 finds by name and architecture, and that can be chosen."""
    wanted = {each.name: each.values for each in lookup.filters}
    patterns = wanted["name"]
    architectures = wanted.get("architecture", ("x86_64", "arm64"))
    found = (
        image
        for image in published
        if any(matches_wildcard(pattern, image.name or "") for pattern in patterns)
        and _architecture(image.name or "") in architectures
    )
    return candidates(lookup, found)


def _published(*published: str) -> list[Ami]:
    """Build images that were published in this order, one a day."""
    return [
        Ami(f"ami-{day:017x}", name, f"2026-08-{day:02}T00:00:00.000Z")
        for day, name in enumerate(published, start=1)
    ]


def _baseline(lookup: FilterLookup, published: Iterable[Ami]) -> Observation:
    found = newest(lookup, _found(lookup, published), LATER)
    assert not isinstance(found, Failure)
    return found


def _announced(lookup: FilterLookup, published: Sequence[str]) -> list[str | None]:
    """Return the images that are current in rounds, one round after each publication."""
    amis = _published(*published)
    followed: list[Observation] = []
    for count in range(1, len(amis) + 1):
        found = _found(lookup, amis[:count])
        if not followed and found:
            followed.append(_baseline(lookup, found))
        elif followed:
            now = current(lookup, found, followed[-1], LATER)
            assert now is not None
            followed += [now] if now != followed[-1] else []
    return [each.ami_name for each in followed]


def _rhel(*releases: str, arch: str = "x86_64") -> list[str]:
    return [f"RHEL-{release}-{arch}-0-Hourly2-GP3" for release in releases]


# --- Red Hat

NINE = ("9.8.0_HVM-20260728", "9.6.0_HVM-20260811", "9.8.0_HVM-20260908", "9.6.0_HVM-20260922")
"""The names in the order of creation; 9.6 was rebuilt for its extended support."""
TEN = ("10.2.0_HVM-20260728", "10.0.0_HVM-20260812", "10.2.0_HVM-20260908")
NEW_NINE = ("9.7.0_HVM-20260513", "9.8.0_HVM_GA-20260521", "9.8.0_HVM-20260618", *NINE)
NEW_TEN = ("10.1.0_HVM_GA-20251031", "10.2.0_HVM_GA-20260521", *TEN)


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize(
    ("major", "published", "announced"),
    [
        (9, NINE, ("9.8.0_HVM-20260728", "9.8.0_HVM-20260908")),
        (9, NEW_NINE, (*NEW_NINE[:4], "9.8.0_HVM-20260908")),
        (10, TEN, ("10.2.0_HVM-20260728", "10.2.0_HVM-20260908")),
        (10, NEW_TEN, (*NEW_TEN[:3], "10.2.0_HVM-20260908")),
    ],
)
def test_a_rebuilt_older_minor_is_never_current(
    major: int, published: Sequence[str], announced: Sequence[str], arch: str
) -> None:
    """Red Hat rebuilds older minors after newer ones; only newer versions are announced."""
    lookup = _filter(f"rhel-{major}-{arch}")

    assert _announced(lookup, _rhel(*published, arch=arch)) == _rhel(*announced, arch=arch)


@pytest.mark.parametrize(
    ("entry", "published", "chosen"),
    [
        ("rhel-9-x86_64", NEW_NINE, "9.8.0_HVM-20260908"),
        ("rhel-10-x86_64", NEW_TEN, "10.2.0_HVM-20260908"),
    ],
)
def test_the_first_round_chooses_the_newest_minor(
    entry: str, published: Sequence[str], chosen: str
) -> None:
    """If an older minor was rebuilt last, the baseline is the newest minor nevertheless."""
    baseline = _baseline(_filter(entry), _published(*_rhel(*published)))

    assert _rhel(chosen) == [baseline.ami_name]


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("first", ["10.2.0_HVM_GA-20260521", "9.8.0_HVM_GA-20260521"])
def test_the_first_image_of_a_minor_is_announced(first: str, arch: str) -> None:
    """The first name contains `_HVM_GA-`; the first plain name follows 4 to 10 weeks later."""
    entry = f"rhel-{first.partition('.')[0]}-{arch}"

    assert _announced(_filter(entry), _rhel(first, arch=arch)) == _rhel(first, arch=arch)


@pytest.mark.parametrize("coming", ["9.9.0_HVM_GA-20261110", "9.10.0_HVM_GA-20270511"])
def test_a_future_minor_is_announced(coming: str) -> None:
    """A new minor needs no edit of the entry, even 9.10 after 9.9 and 9.1."""
    announced = _announced(_filter("rhel-9-x86_64"), _rhel("9.8.0_HVM-20260908", coming))

    assert announced == _rhel("9.8.0_HVM-20260908", coming)


@pytest.mark.parametrize("minor", range(8))
@pytest.mark.parametrize("form", ["9.{}.0_HVM-20261001", "9.{}_HVM-20261001", "9.{}.0_HVM_GA-1"])
def test_older_minors_are_not_chosen_in_any_form_of_their_names(form: str, minor: int) -> None:
    """Red Hat writes `9.4.0` and `9.4`; `RHEL-9.4_HVM_GA-20240827` is such a name."""
    published = _rhel("9.8.0_HVM-20260908", form.format(minor))

    assert _announced(_filter("rhel-9-x86_64"), published) == _rhel("9.8.0_HVM-20260908")


def test_the_date_decides_between_two_forms_of_one_minor() -> None:
    """A name without the third number does not stay current when a newer image has one."""
    published = _rhel("8.10.0_HVM-20240514", "8.10_HVM-20241008", "8.10.0_HVM-20260721")

    assert _announced(_filter("rhel-8-x86_64"), published) == published


# --- all filters

LVM = "Rocky-10-EC2-LVM-10.0-20250612.0.x86_64"
FEDORA_BETA = "Fedora-Cloud-Base-AmazonEC2.x86_64-44-Beta-1.1"
RHEL_BETA = [f"RHEL-{v}_HVM_BETA-20261001-x86_64-0-Hourly2-GP3" for v in ("9.9.0", "10.3.0")]
# By the publishers' rules: the list of real names has none of this architecture.
BY_RULE = [
    "RHEL-8.10.0_HVM-20260721-arm64-2225-Hourly2-GP3",
    "RHEL-9.8.0_HVM-20260908-arm64-0-Hourly2-GP3",
    "Rocky-10-EC2-Base-10.0-20250612.0.aarch64",
    "Rocky-9-EC2-Base-9.7-20251123.2.x86_64",
    "AlmaLinux OS 10.2.20260817.0 aarch64",
    "AlmaLinux OS 9.7.20251118 aarch64",
    "CentOS Stream 9 aarch64 20260930",
    "Fedora-Cloud-Base-AmazonEC2.aarch64-44-20260501.0",
    "fedora-coreos-43.20260217.3.1-aarch64",
    "talos-v1.8.2-us-east-1-arm64",
]
ALL = sorted({*(name.text for name in names()), *BY_RULE, *RHEL_BETA, LVM, FEDORA_BETA})
RHEL = r"RHEL-{}\.[\d.]+_HVM(_GA)?-\d{{8}}-{}-\d+-Hourly2-GP3"

# fmt: off
CHOSEN = {
    "rhel-10-x86_64": (RHEL.format(10, "x86_64"), "RHEL-10.2.0_HVM-20260908-x86_64-0-Hourly2-GP3"),
    "rhel-10-arm64": (RHEL.format(10, "arm64"), "RHEL-10.2.0_HVM-20260728-arm64-0-Hourly2-GP3"),
    "rhel-9-x86_64": (RHEL.format(9, "x86_64"), "RHEL-9.8.0_HVM-20260908-x86_64-0-Hourly2-GP3"),
    "rhel-9-arm64": (RHEL.format(9, "arm64"), "RHEL-9.8.0_HVM-20260908-arm64-0-Hourly2-GP3"),
    "rhel-8-x86_64": (RHEL.format(8, "x86_64"), "RHEL-8.10.0_HVM-20260721-x86_64-2225-Hourly2-GP3"),
    "rhel-8-arm64": (RHEL.format(8, "arm64"), "RHEL-8.10.0_HVM-20260721-arm64-2225-Hourly2-GP3"),
    "redhat-8.6.0-hvm": ("", "RHEL-8.6.0_HVM-20220503-x86_64-2-Hourly2-GP2"),
    "rocky-10-x86_64": ("", "Rocky-10-EC2-Base-10.0-20250612.0.x86_64"),
    "rocky-10-arm64": ("", "Rocky-10-EC2-Base-10.0-20250612.0.aarch64"),
    "rocky-9-x86_64": ("", "Rocky-9-EC2-Base-9.7-20251123.2.x86_64"),
    "rocky-9-arm64": ("", "Rocky-9-EC2-Base-9.7-20251123.2.aarch64"),
    "almalinux-10-x86_64": ("", "AlmaLinux OS 10.2.20260817.0 x86_64"),
    "almalinux-10-arm64": ("", "AlmaLinux OS 10.2.20260817.0 aarch64"),
    "almalinux-9-x86_64": ("", "AlmaLinux OS 9.7.20251118 x86_64"),
    "almalinux-9-arm64": ("", "AlmaLinux OS 9.7.20251118 aarch64"),
    "centos-stream-9-x86_64": (r"CentOS Stream 9 x86_64 \d{8}", "CentOS Stream 9 x86_64 20260930"),
    "centos-stream-9-arm64": ("", "CentOS Stream 9 aarch64 20260930"),
    "fedora-cloud-44-x86_64": ("", "Fedora-Cloud-Base-AmazonEC2.x86_64-44-20260501.0"),
    "fedora-cloud-44-arm64": ("", "Fedora-Cloud-Base-AmazonEC2.aarch64-44-20260501.0"),
    "fedora-coreos-stable-x86_64": ("", "fedora-coreos-43.20260217.3.1-x86_64"),
    "fedora-coreos-stable-arm64": ("", "fedora-coreos-43.20260217.3.1-aarch64"),
    "flatcar-stable-amd64": ("", "Flatcar-stable-4593.2.4-hvm"),
    "flatcar-stable-arm64": ("", "Flatcar-stable-4593.2.4-arm64-hvm"),
    "talos-amd64": ("", "talos-v1.8.2-us-east-1-amd64"),
    "talos-arm64": ("", "talos-v1.8.2-us-east-1-arm64"),
}
# fmt: on


@pytest.mark.parametrize(("entry", "allowed", "chosen"), [(e, *c) for e, c in CHOSEN.items()])
def test_filters_choose_among_all_names_of_all_families(
    entry: str, allowed: str, chosen: str
) -> None:
    """Each filter finds only its own images: no beta, other architecture, variant or family."""
    published = [Ami(f"ami-{n:017x}", name, "2026-08-01") for n, name in enumerate(ALL)]
    found = _found(_filter(entry), published)

    pattern = allowed or re.escape(chosen)
    assert [ami.name for ami in found if not re.fullmatch(pattern, ami.name or "")] == []
    assert _baseline(_filter(entry), found).ami_name == chosen


def test_a_patch_of_an_older_minor_of_talos_is_not_current() -> None:
    """Talos releases patches of older minor versions after a newer minor version."""
    published = [f"talos-v{v}-us-east-1-amd64" for v in ("1.9.0", "1.10.0", "1.9.7", "1.10.1")]

    announced = _announced(_filter("talos-amd64"), published)

    assert announced == [published[0], published[1], published[3]]


def test_every_shipped_filter_is_tested() -> None:
    """A new filter needs a line in the table above."""
    assert set(_lookups()) == set(CHOSEN)
