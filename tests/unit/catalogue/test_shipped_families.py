"""The filters of the repository choose the right image among real names of publishers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from services.catalogue.load import load
from services.kernel.catalogue_file import decode_catalogue, encode_catalogue
from services.kernel.errors import Failure
from services.kernel.model import FilterLookup, Observation
from services.lookup.resolve import candidates, current, matches_wildcard, newest
from services.lookup.responses import Ami

ROOT = Path(__file__).parents[3]
NAMES = [
    line
    for line in (Path(__file__).parent / "ami_names.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
LATER = datetime.fromisoformat("2026-11-28T00:00:00.000Z")


@cache
def _lookups() -> dict[str, FilterLookup]:
    """Return the filter lookups of the compiled catalogue."""
    shipped = load(ROOT / "tracked_images", ROOT / "regions.yaml")
    compiled = decode_catalogue(encode_catalogue(shipped))
    lookups = {image.name: image.lookup for image in compiled.images}
    return {name: each for name, each in lookups.items() if isinstance(each, FilterLookup)}


def _filter(entry: str) -> FilterLookup:
    return _lookups()[entry]


def _found(lookup: FilterLookup, images: Iterable[Ami]) -> list[Ami]:
    """Return the images that EC2 finds by name and architecture, and that the lookup may choose."""
    wanted = {each.name: each.values for each in lookup.filters}
    names = wanted["name"]
    architectures = wanted.get("architecture", ("x86_64", "arm64"))
    found = (
        image
        for image in images
        if any(matches_wildcard(pattern, image.name or "") for pattern in names)
        and any(each in (image.name or "") for each in architectures)
    )
    return candidates(lookup, found)


def _published(*names: str) -> list[Ami]:
    """Build images that were published in this order, one a day."""
    return [
        Ami(f"ami-{day:017x}", name, f"2026-08-{day:02}T00:00:00.000Z")
        for day, name in enumerate(names, start=1)
    ]


def _baseline(lookup: FilterLookup, images: Iterable[Ami]) -> Observation:
    found = newest(lookup, _found(lookup, images), LATER)
    assert not isinstance(found, Failure)
    return found


def _announced(lookup: FilterLookup, names: Sequence[str]) -> list[str | None]:
    """Return the images that are current in rounds, one round after each publication."""
    images = _published(*names)
    followed: list[Observation] = []
    for count in range(1, len(images) + 1):
        found = _found(lookup, images[:count])
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
    ("major", "published"), [(9, NINE), (9, NEW_NINE), (10, TEN), (10, NEW_TEN)]
)
def test_a_rebuilt_older_minor_is_never_current(
    major: int, published: Sequence[str], arch: str
) -> None:
    """Red Hat rebuilds older minors after newer ones; only the newest minor is followed."""
    newest_minor = {9: "9.8.", 10: "10.2."}[major]
    wanted = [release for release in published if release.startswith(newest_minor)]

    announced = _announced(_filter(f"rhel-{major}-{arch}"), _rhel(*published, arch=arch))

    assert announced == _rhel(*wanted, arch=arch)


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


ALL_RHEL = [*_rhel(*NEW_NINE, *NEW_TEN), *_rhel(*NEW_NINE, *NEW_TEN, arch="arm64"), *NAMES]


@pytest.mark.parametrize(
    ("entry", "prefix"),
    [
        ("rhel-10-x86_64", "RHEL-10.2.0_HVM"),
        ("rhel-10-arm64", "RHEL-10.2.0_HVM"),
        ("rhel-9-x86_64", "RHEL-9.8.0_HVM"),
        ("rhel-9-arm64", "RHEL-9.8.0_HVM"),
        ("rhel-8-x86_64", "RHEL-8.10.0_HVM"),
        ("rhel-8-arm64", "RHEL-8.10.0_HVM"),
        ("redhat-8.6.0-hvm", "RHEL-8.6.0_HVM"),
    ],
)
def test_filters_choose_among_all_names_of_all_families(entry: str, prefix: str) -> None:
    """Each filter finds the newest minor, and no other minor, beta, architecture or family."""
    arch, volume = ("arm64" if "arm64" in entry else "x86_64"), entry.endswith("hvm")
    # By Red Hat's rule, like the betas: no list has one for this architecture.
    eight_ten = "RHEL-8.10.0_HVM-20260721-arm64-2225-Hourly2-GP3"
    beta = f"{prefix}_BETA-20261001-{arch}-0-Hourly2-GP3"
    chosen = {image.name or "" for image in _found(_filter(entry), _published_all(eight_ten, beta))}

    end = f"-{arch}-\\d+-Hourly2-GP{2 if volume else 3}"
    assert chosen
    assert [name for name in chosen if not re.fullmatch(f"{prefix}(_GA)?-\\d+{end}", name)] == []


def _published_all(*more: str) -> list[Ami]:
    names = sorted({*ALL_RHEL, *more})
    return [Ami(f"ami-{n:017x}", name, "2026-08-01") for n, name in enumerate(names)]


@pytest.mark.parametrize("minor", range(8))
@pytest.mark.parametrize("form", ["9.{}.0_HVM-20261001", "9.{}_HVM-20261001", "9.{}.0_HVM_GA-1"])
def test_older_minors_are_excluded_in_every_form_of_their_names(form: str, minor: int) -> None:
    """Red Hat writes `9.4.0` and `9.4`; `RHEL-9.4_HVM_GA-20240827` is such a name."""
    names = _rhel(form.format(minor))

    assert _found(_filter("rhel-9-x86_64"), _published(*names)) == []


def test_every_shipped_filter_is_tested() -> None:
    """A new filter needs a line in the tables above."""
    majors = {f"rhel-{major}-{arch}" for major in (8, 9, 10) for arch in ("x86_64", "arm64")}

    assert set(_lookups()) == {*majors, "redhat-8.6.0-hvm"}
