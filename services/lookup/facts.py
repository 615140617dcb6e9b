"""What a release row says about its image, from the responses of calls that are made anyway: pure.

Values are text from outside. Each is capped, without invisible characters, and all together are
bounded, so a row grows by less than 1.5 KB. A fact that is absent is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.kernel.model import About, Fact, FilterLookup, Pair, Release, ReleaseRule
from services.kernel.release_key import notes_url, release_key
from services.lookup.responses import Ami, Finding, ParameterEvidence, ParameterValue

MAX_TEXT = 100
"""Characters of a fact's text."""
MAX_FACTS_BYTES = 700
MAX_CHANGED_BYTES = 250
MAX_SIBLINGS = 20
_MAX_JOIN_KEY = 200
_OVERHEAD = 3  # bytes that DynamoDB counts for each entry of a map, rounded up
_LARGEST = 2**53  # the largest number that every reader of JSON keeps exactly

_SIBLING = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_IMAGE_FACTS = {
    "owner_id": "OwnerId",
    "owner_alias": "ImageOwnerAlias",
    "architecture": "Architecture",
    "platform": "PlatformDetails",
    "root_device_name": "RootDeviceName",
    "boot_mode": "BootMode",
    "imds_support": "ImdsSupport",
    "tpm_support": "TpmSupport",
    "ena_support": "EnaSupport",
    "source_image_id": "SourceImageId",
    "source_image_region": "SourceImageRegion",
    "deprecation_time": "DeprecationTime",
}
"""Facts that are attributes of ec2:DescribeImages, Image."""
USED_ATTRIBUTES = frozenset({*_IMAGE_FACTS.values(), "BlockDeviceMappings", "ProductCodes"})
"""The attributes of an image in a response that become facts."""
_DIFFERS_ALWAYS = frozenset({"source_image_id", "deprecation_time"})
"""Facts that differ in each release, so a change of theirs is no news."""


def described(
    pair: Pair, finding: Finding, rule: ReleaseRule | None, last: Release | None
) -> About:
    """What is known about the image that was found for a pair.

    `last` is the release of the pair's known image, if it can be read.
    """
    rule = _with_lookup(rule, pair)
    image = finding.image()
    name = image.name if image else None
    value = finding.evidence.value if isinstance(finding.evidence, ParameterEvidence) else None
    facts = _bounded(_facts(image, value), MAX_FACTS_BYTES)
    release = release_key(rule.pattern, name)
    return About(
        release=release,
        previous_release=_previous(pair, rule, last),
        join_key=_join_key(pair, image, release),
        notes_url=notes_url(rule, name),
        source_time=value.modified if value else None,
        parameter_version=value.version if value else None,
        facts=facts,
        changed=_bounded(_changed(last, facts), MAX_CHANGED_BYTES),
    )


def _with_lookup(rule: ReleaseRule | None, pair: Pair) -> ReleaseRule:
    """The rule; the pattern of a lookup that orders by it is used if the rule has none."""
    given = rule or ReleaseRule()
    if given.pattern is None and isinstance(pair.lookup, FilterLookup):
        return ReleaseRule(pair.lookup.pattern, given.notes)
    return given


def _previous(pair: Pair, rule: ReleaseRule, last: Release | None) -> str | None:
    """The release key of the known image, by the same pattern if it has a name."""
    known = release_key(rule.pattern, pair.known.ami_name) if pair.known else None
    return known or (last.about.release if last else None)


def _join_key(pair: Pair, image: Ami | None, release: str | None) -> str | None:
    """The key that is equal for the same release in different targets.

    SourceImageId in the image's own region is the image that it was built from, not a copy.
    """
    if release:
        return f"release:{release}"
    if image is None:
        return None
    source_region = image.details.get("SourceImageRegion")
    source_id = image.details.get("SourceImageId")
    if source_id and source_region and source_region != pair.target.region:
        key = f"copy:{source_region}:{source_id}"
    elif image.details.get("OwnerId") == pair.target.account_id:
        key = f"copy:{pair.target.region}:{image.image_id}"
    elif image.name:
        key = f"name:{image.name}"
    else:
        return None
    return _printable(key)[:_MAX_JOIN_KEY]


def _changed(last: Release | None, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The previous value of each fact that is known in both releases and differs."""
    before = last.about.facts if last else {}
    return {
        name: before[name]
        for name, value in facts.items()
        if name in before and before[name] != value and name not in _DIFFERS_ALWAYS
    }


def _facts(image: Ami | None, value: ParameterValue | None) -> dict[str, Fact]:
    """The facts of the image, then those of its parameter that have other names."""
    found = dict(_image_facts(image.details)) if image else {}
    repeated = {image.image_id, image.name} if image else set[str | None]()
    siblings = _siblings(value.value) if value else ()
    return found | {
        name: fact for name, fact in siblings if name not in found and fact not in repeated
    }


def _image_facts(details: Mapping[str, Any]) -> Iterator[tuple[str, Fact]]:
    attributes = {name: details.get(key) for name, key in _IMAGE_FACTS.items()}
    attributes["root_volume_gib"] = _root_volume_gib(details)
    codes = (each.get("ProductCodeId", "") for each in details.get("ProductCodes", ()))
    attributes["product_codes"] = ",".join(sorted(filter(None, codes)))
    return _scalars(attributes.items())


def _root_volume_gib(details: Mapping[str, Any]) -> int | None:
    root = details.get("RootDeviceName")
    sizes = (
        mapping.get("Ebs", {}).get("VolumeSize")
        for mapping in details.get("BlockDeviceMappings", ())
        if root and mapping.get("DeviceName") == root
    )
    return next(sizes, None)


def _siblings(value: str) -> Iterator[tuple[str, Fact]]:
    """The scalar members of a parameter's JSON, by name; nested ones are left out."""
    try:
        content = json.loads(value) if value.lstrip().startswith("{") else {}
    except (ValueError, RecursionError):
        content = {}
    named = ((n, content[n]) for n in sorted(content) if _SIBLING.fullmatch(n) and n != "image_id")
    scalars = list(_scalars(named))
    return iter(scalars[:MAX_SIBLINGS])


def _scalars(values: Iterable[tuple[str, object]]) -> Iterator[tuple[str, Fact]]:
    for name, value in values:
        match value:
            case bool():
                yield name, value
            case int() if abs(value) <= _LARGEST:
                yield name, value
            case str() if text := _printable(value)[:MAX_TEXT]:
                yield name, text
            case float():
                yield name, str(value)
            case _:
                continue


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _bounded(facts: Mapping[str, Fact], limit: int) -> dict[str, Fact]:
    """The first facts that fit into this number of bytes."""
    kept: dict[str, Fact] = {}
    for name, value in facts.items():
        limit -= len(name) + len(str(value).encode()) + _OVERHEAD
        if limit < 0:
            break
        kept[name] = value
    return kept
