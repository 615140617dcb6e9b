"""Checks filters of `DescribeImages`: their names, their escapes, and patterns of image names.

Each check returns one sentence that says what is wrong and what to write, or None.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from services.catalogue.problems import shown

# fmt: off
FILTER_NAMES = frozenset({
    "architecture", "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name", "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id", "block-device-mapping.volume-size",
    "block-device-mapping.volume-type", "boot-mode", "creation-date", "description", "ena-support",
    "free-tier-eligible", "hypervisor", "image-allowed", "image-id", "image-type",
    "image-watermark.source-image-creation-time", "image-watermark.source-image-id",
    "image-watermark.source-image-region", "image-watermark.watermark-creation-time",
    "image-watermark.watermark-key", "instance-type-specification.supported-instance-type",
    "instance-type-specification.unsupported-instance-type", "is-public", "kernel-id",
    "manifest-location", "name", "owner-alias", "owner-id", "platform", "product-code",
    "product-code.type", "public-ssm-parameter-name", "ramdisk-id", "root-device-name",
    "root-device-type", "scan-result.critical-fix-available-since",
    "scan-result.finding-scan-date", "scan-result.high-fix-available-since",
    "scan-result.highest-finding-severity-label", "scan-result.informational-fix-available-since",
    "scan-result.low-fix-available-since", "scan-result.medium-fix-available-since",
    "source-image-id", "source-image-region", "source-instance-id", "sriov-net-support", "state",
    "state-reason-code", "state-reason-message", "tag-key", "virtualization-type",
})
"""Filters of DescribeImages, without `tag:KEY`. A test compares them with botocore's model."""
# fmt: on

_OTHER_NAMES = {
    "owner": "owner-id",
    "public": "is-public",
    "arch": "architecture",
    "tag-value": "tag:KEY, with the tag's own key",
    "tags": "tag:KEY, with the tag's own key",
    "tag": "tag:KEY, with the tag's own key",
}
"""Common wrong names whose nearest filter name by spelling is missing or wrong."""

_LONGEST_NAME = 100
_ESCAPE = re.compile(r"\\([*?\\]|.?)", re.DOTALL)
_FOREIGN = re.compile(r"[^A-Za-z0-9 ()\[\]./\-'@_*?\\]")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}?|\{\{[^}]*(\}\})?|<[^>]*>|\$[A-Za-z_]\w*|\{[^}]*\}|%\w+%")
_REGEX = re.compile(r"\^|\$$|\.[*+]|[|+]|\[[^\]]*\^")
_TYPOGRAPHIC = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_NOT_ALLOWED = "which is not allowed in an image name"


def filter_name_mistake(name: str) -> str | None:
    """Why EC2 returns "The filter is invalid" for a filter's name."""
    if name in FILTER_NAMES or (name.startswith("tag:") and name != "tag:"):
        return None
    near = _nearest_name(name)
    guess = f"did you mean {near}?" if near else "write a filter of DescribeImages, or tag:KEY"
    return f"EC2 has no filter {shown(name)}; {guess}"


def _nearest_name(name: str) -> str | None:
    kebab = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name[:_LONGEST_NAME].strip())
    plain = re.sub(r"[_\s]+", "-", kebab).lower()
    if re.match(r"tag[:.]", plain):
        return f"tag:{name.strip()[4:][:_LONGEST_NAME] or 'KEY'}"
    if plain in _OTHER_NAMES:
        return _OTHER_NAMES[plain]
    return next(iter(difflib.get_close_matches(plain, sorted(FILTER_NAMES), n=1, cutoff=0.7)), None)


def state_mistake(value: str) -> str | None:
    """Why a value of the filter `state` matches no image that can be selected."""
    if value == "available":
        return None
    return (
        f"only available images are selected, so the state {shown(value)} matches none; "
        "write [available], or remove the filter"
    )


def escape_mistake(value: str) -> str | None:
    r"""Why EC2 returns "The escape sequence is invalid": it supports only \*, \? and \\."""
    wrong = next((m for m in _ESCAPE.finditer(value) if m[1] not in {"*", "?", "\\"}), None)
    if wrong is None:
        return None
    if not wrong[1]:
        return r"ends with a backslash, which EC2 refuses; remove it, or write \\ for a backslash"
    return (
        f"contains {wrong[0][:2]}, which EC2 refuses: it supports only \\*, \\? and \\\\, "
        "and filters are not regular expressions; write * for any characters and ? for one"
    )


def image_name_mistake(value: str) -> str | None:
    """Why no image's name can match: it contains a character that RegisterImage does not allow."""
    foreign = _FOREIGN.search(value)
    if foreign is None:
        return None
    placeholder = _PLACEHOLDER.search(value)
    if placeholder:
        return (
            f"contains the placeholder {shown(placeholder[0])}, which is not replaced here, so no "
            "image name can match; write the text itself, or *"
        )
    if _REGEX.search(value):
        return (
            f"looks like a regular expression, and no image name contains {shown(foreign[0])}; "
            "use wildcards: * for any characters, ? for one"
        )
    return f"contains {_foreign_character(foreign[0], value)}"


def _foreign_character(character: str, value: str) -> str:
    if character == ",":
        parts = ", ".join(shown(part.strip()) for part in value.split(","))
        return f"a comma, {_NOT_ALLOWED}; write a list of names: [{parts[:200]}]"
    if character in _TYPOGRAPHIC:
        return f"the typographic quote {character}, {_NOT_ALLOWED}; write ' or \""
    if character in _DASHES:
        return f"the long dash {character}, {_NOT_ALLOWED}; write -"
    return (
        f"{shown(character)}, {_NOT_ALLOWED}; write ? or * instead "
        "(allowed are letters A to Z, digits, spaces and ( ) [ ] . / - ' @ _)"
    )


ARCHITECTURES = re.compile(
    r"x86[_-]?64|amd64|arm64|aarch64|i[3-6]86|x64|x86|32[_-]?bit|64[_-]?bit", re.IGNORECASE
)
"""How publishers write an architecture in the names of their images."""


def names_architecture(patterns: Iterable[str]) -> bool:
    """Whether each of the name patterns contains an architecture."""
    return all(ARCHITECTURES.search(pattern) for pattern in patterns)
