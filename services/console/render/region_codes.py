"""Short codes of regions for narrow columns, as in the ids of availability zones: use1, apse2."""

from __future__ import annotations

_DIRECTIONS = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
    "gov": "g",
    "iso": "i",
    "isob": "ib",
    "isoe": "ie",
    "isof": "if",
}


def region_code(region: str) -> str:
    """The code of a region."""
    first, *rest = region.split("-")
    return first + "".join(map(_short, rest))


def _short(part: str) -> str:
    return part if part.isdecimal() else _DIRECTIONS.get(part, part[:1])
