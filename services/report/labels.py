"""Short texts for the page: of a release in a cell, and of a lookup: pure."""

from __future__ import annotations

import re
from datetime import date

from services.kernel.model import Lookup, OrderBy, ParameterLookup

WIDTH = 6
"""The most characters of a cell."""
_DATE = re.compile(r"(?<!\d)(20\d\d)([.-]?)(\d\d)\2(\d\d)(?!\d)(\.[1-9])?(?!\d)")


def short_label(key: str, year: int) -> str:
    """The text in a cell for a release key, or for the AMI name or the id if there is no key.

    The month and the day of a date, such as 1124 for 20261124, with the year if it is another one:
    251124. Otherwise the key without a leading "v" and a final ".0", or its last five characters.
    """
    for found in _DATE.finditer(key):
        text = _short_date(found, year)
        if text:
            return text
    plain = re.sub(r"^v(?=\d)|\.0$", "", key)
    return plain if 0 < len(plain) <= WIDTH else f"…{key[-WIDTH + 1 :]}"


def _short_date(found: re.Match[str], year: int) -> str | None:
    """The date; None if it is not one. A build number, such as the 2 of 20260923.2, stays."""
    try:
        day = date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    if day.year != year:
        return f"{day:%y%m%d}"
    return f"{day:%m%d}{found[5] or ''}"


def source_of(lookup: Lookup) -> str:
    """The lookup of an image as text: the parameter, or the filters."""
    if isinstance(lookup, ParameterLookup):
        return lookup.parameter_path
    parts = [f"{each.name}={','.join(each.values)}" for each in lookup.filters]
    if lookup.owners:
        parts.append(f"owner {','.join(lookup.owners)}")
    if lookup.exclude_names:
        parts.append(f"not {','.join(lookup.exclude_names)}")
    if lookup.order_by is OrderBy.RELEASE:
        parts.append("newest by release key")
    return f"filters: {'; '.join(parts)}"
