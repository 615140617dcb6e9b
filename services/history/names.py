"""Names of images without their architecture, to show siblings together: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ARCHITECTURE = re.compile(r"-(x86_64|arm64|amd64|aarch64)(?=-|$)")


def family_of(image_name: str) -> str:
    """The name without its architecture; equal for architecture siblings."""
    return _ARCHITECTURE.sub("", image_name, count=1) or image_name


def labels(image_names: Iterable[str]) -> list[str]:
    """The names for people: siblings are one label, with their architectures."""
    groups: dict[str, list[str]] = {}
    for name in sorted(set(image_names)):
        groups.setdefault(family_of(name), []).append(name)
    return [_label(base, names) for base, names in sorted(groups.items())]


def _label(base: str, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    found = (_ARCHITECTURE.search(name) for name in names)
    return f"{base} ({', '.join(match[1] if match else 'no architecture' for match in found)})"
