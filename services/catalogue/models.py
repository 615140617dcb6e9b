"""The schema of the two files, for pydantic and for editors.

A field that is left out has an empty value here; an explicit empty value is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.catalogue.older_form import OlderFormError, parse_older_form
from services.catalogue.owners import alias_hint
from services.catalogue.problems import shown
from services.kernel.model import DEFAULT_ANNOUNCE, Kind
from services.kernel.wire import ACCOUNT_ID, IMAGE_NAME, REGION

MAX_FILTERS = 50  # ec2:DescribeImages, filters in a request
MAX_VALUES = 200  # ec2:DescribeImages, filter values in the whole request
MAX_TEXT = 255  # ec2:DescribeImages, characters of a filter value
MAX_PARAMETER_PATH = 1011  # ssm:PutParameter, characters of a name

# JSON Schema and pydantic's own regular expressions use "$" and do not support "\Z".
_ACCOUNT_ID = ACCOUNT_ID.replace(r"\Z", "$")
_IMAGE_NAME = IMAGE_NAME.replace(r"\Z", "$")
_REGION = REGION.replace(r"\Z", "$")
OWNER = r"^([0-9]{12}|self|amazon|aws-marketplace|aws-backup-vault)$"
PARAMETER_PATH = r"^([A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+)+)$"
_LINE = r"^[^\x00-\x1f\x7f]*$"

EXPECTED = {
    _ACCOUNT_ID: "an account id, which has exactly 12 digits",
    _IMAGE_NAME: "1 to 128 letters, digits, dots, underscores or hyphens, "
    "the first a letter or a digit",
    _REGION: "the name of a region, such as eu-west-1",
    _LINE: "one line of text",
}
"""What each pattern expects, for messages; the other patterns have a function in explain."""

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

AccountId = Annotated[str, StringConstraints(pattern=_ACCOUNT_ID)]
Region = Annotated[str, StringConstraints(pattern=_REGION)]
Owner = Annotated[str, StringConstraints(pattern=OWNER)]
Line = Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=MAX_TEXT)]


def _refuse(message: str) -> NoReturn:
    raise PydanticCustomError("configuration", message)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FilterEntry(_Model):
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
                _refuse(f"the value {shown(wrong[0])} of {self.name} must be {expected}{hint}")
        return self


def _from_older_form(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_older_form(value)
    except OlderFormError as error:
        _refuse(str(error))


def _fits_one_request(filters: tuple[FilterEntry, ...]) -> tuple[FilterEntry, ...]:
    names = Counter(entry.name for entry in filters)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        _refuse(f"has the filter {shown(twice[0])} twice; put all its values in one")
    # `state=available` is added to a request without a state filter.
    added = 0 if "state" in names else 1
    values = sum(len(set(entry.values)) for entry in filters)
    if len(filters) + added > MAX_FILTERS or values + added > MAX_VALUES:
        _refuse(
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


def _excludes_something(pattern: str) -> str:
    if not pattern.strip("*"):
        _refuse("excludes every image; write a narrower pattern")
    return pattern


class ImageEntry(_Model):
    """One tracked image: its name, and either a parameter or filters to look it up with."""

    # Editors mark an entry with neither lookup, or with both.
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in ("ParameterPath", "Filters", "Filter")]
        }
    )

    name: Annotated[str, StringConstraints(pattern=_IMAGE_NAME)] = Field(
        alias="Name",
        description="The image's name, here and in every announcement. Unique in all files, "
        "ignoring case. A renamed image starts a new history.",
    )
    parameter_path: Annotated[
        str, StringConstraints(pattern=PARAMETER_PATH, max_length=MAX_PARAMETER_PATH)
    ] = Field(
        default="",
        alias="ParameterPath",
        description="An SSM parameter whose value is an image id, or JSON with `image_id`. "
        "Either this or Filters.",
    )
    filters: Filters = Field(
        default=(),
        alias="Filters",
        description="Filters for DescribeImages; the newest image that matches all of them is "
        "current. A list of Name/Values maps. The older form is text with such maps, separated by "
        "commas, with or without brackets around them. Either this or ParameterPath.",
    )
    filter: Filters = Field(
        default=(), alias="Filter", description="Another spelling of Filters; use one of them."
    )
    owners: tuple[Owner, ...] = Field(
        default=(),
        alias="Owners",
        min_length=1,
        description="The owners whose images can be selected: account ids, self, amazon, "
        "aws-marketplace or aws-backup-vault. Required with Filters, unless there is an owner-id, "
        "owner-alias or image-id filter: anyone can publish an image under any name.",
    )
    regions: tuple[Region, ...] = Field(
        default=(),
        alias="Regions",
        min_length=1,
        description="Only these regions of regions.yaml; the default is all of them.",
    )
    exclude_names: tuple[Annotated[Line, AfterValidator(_excludes_something)], ...] = Field(
        default=(),
        alias="ExcludeNames",
        min_length=1,
        max_length=MAX_VALUES,
        description="Wildcards for names of images that are never selected, such as *-BETA-*. "
        "Only with Filters.",
    )
    announce: tuple[Kind, ...] = Field(
        default=tuple(sorted(DEFAULT_ANNOUNCE)),
        alias="Announce",
        description="The changes to announce: baseline (the first image), release, rollback, "
        "reconfigured (the lookup was edited). With an empty list, only the history is kept.",
    )


class ImagesFile(_Model):
    """Tracked images: one file per family."""

    images: tuple[ImageEntry, ...] = Field(
        min_length=1, description="The images of this family, in any order."
    )


class RegionEntry(_Model):
    """One region of one account: images are looked up and announced there."""

    name: Region = Field(alias="Name", description="The region, such as eu-west-1.")
    account_id: AccountId = Field(
        default="",
        alias="AccountId",
        description="The account where images are looked up and announced; the default is the "
        "file's AccountId. A region can be listed more than once with different accounts.",
    )


class RegionsFile(_Model):
    """Where images are looked up and announced."""

    account_id: AccountId = Field(
        default="",
        alias="AccountId",
        description="The account of every region without its own AccountId: 12 digits, in quotes.",
    )
    regions: tuple[RegionEntry, ...] = Field(
        min_length=1, description="The regions to watch. To add one, add a line and deploy."
    )


ENTRIES: dict[tuple[str, ...], type[BaseModel]] = {
    ("images",): ImageEntry,
    ("images", "Filters"): FilterEntry,
    ("images", "Filter"): FilterEntry,
    ("regions",): RegionEntry,
}
"""The entries of each list in the two files."""


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a map of this model can have, as they are written in YAML."""
    return [field.alias or name for name, field in model.model_fields.items()]
