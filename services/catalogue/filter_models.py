"""The schema of `Filters`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from services.catalogue.fields import MAX_VALUES, Line, Model, refuse
from services.catalogue.older_form import OlderFormError, parse_older_form
from services.catalogue.owners import alias_hint
from services.catalogue.problems import shown

MAX_FILTERS = 50  # ec2:DescribeImages, filters in a request

_OWNER_FILTER_VALUES = {
    "owner-id": (r"[0-9]{12}", "an account id of exactly 12 digits"),
    "owner-alias": (
        r"amazon|aws-marketplace|aws-backup-vault",
        "amazon, aws-marketplace or aws-backup-vault",
    ),
    "image-id": (r"ami-([0-9a-f]{8}|[0-9a-f]{17})", "an image id, such as ami-0123456789abcdef0"),
}
OWNER_FILTERS = frozenset(_OWNER_FILTER_VALUES)
"""Filters that limit the owner of an image, or name the image itself."""


class FilterEntry(Model):
    """One `DescribeImages` filter: an image passes when any of the values matches."""

    name: Line = Field(
        alias="Name",
        description="The filter's name in DescribeImages: name, architecture, owner-id, "
        "tag:Team … Case-sensitive. Names that EC2 does not have are refused.",
    )
    values: tuple[Line, ...] = Field(
        alias="Values",
        min_length=1,
        description="A list of values, one of which must match. `*` matches any run of "
        "characters, `?` one or none; `\\` escapes `*`, `?` and `\\`, and EC2 refuses it before "
        "other characters. Case-sensitive.",
    )

    @model_validator(mode="after")
    def _owner_is_named(self) -> FilterEntry:
        if self.name in _OWNER_FILTER_VALUES:
            pattern, expected = _OWNER_FILTER_VALUES[self.name]
            wrong = [value for value in self.values if not re.fullmatch(pattern, value)]
            if wrong:
                hint = alias_hint(wrong[0])
                refuse(f"the value {shown(wrong[0])} of {self.name} must be {expected}{hint}")
        return self


def _from_older_form(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_older_form(value)
    except OlderFormError as error:
        refuse(str(error))


def _fits_one_request(filters: tuple[FilterEntry, ...]) -> tuple[FilterEntry, ...]:
    names = Counter(entry.name for entry in filters)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        refuse(f"has the filter {shown(twice[0])} twice; put all its values in one")
    # `state=available` is added to a request without a state filter.
    added = 0 if "state" in names else 1
    values = sum(len(set(entry.values)) for entry in filters)
    if len(filters) + added > MAX_FILTERS or values + added > MAX_VALUES:
        refuse(
            f"has {len(filters)} filters with {values} values; EC2 allows {MAX_FILTERS} filters "
            f"with {MAX_VALUES} values in total, including state=available; split the image"
        )
    return filters


_ListForm = Annotated[list[FilterEntry], Field(min_length=1)]
_OlderForm = Annotated[str, Field(min_length=1)]
Filters = Annotated[
    tuple[FilterEntry, ...],
    AfterValidator(_fits_one_request),
    Field(min_length=1),
    BeforeValidator(_from_older_form, json_schema_input_type=_ListForm | _OlderForm),
]
