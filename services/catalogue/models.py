"""The schema of the two files, for pydantic and for editors.

A field that is left out has an empty value here; an explicit empty value is refused.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.catalogue.fields import (
    IMAGE,
    MAX_VALUES,
    AccountId,
    Line,
    Model,
    Owner,
    ParameterPath,
    Region,
    refuse,
)
from services.catalogue.filter_models import FilterEntry, Filters
from services.catalogue.release_models import ReleaseEntry, no_release
from services.kernel.model import DEFAULT_ANNOUNCE, Kind, OrderBy


def _excludes_something(pattern: str) -> str:
    if not pattern.strip("*"):
        refuse("excludes every image; write a narrower pattern")
    return pattern


class ImageEntry(Model):
    """One tracked image: its name, and either a parameter or filters to look it up with."""

    # Editors mark an entry with neither lookup, or with both.
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in ("ParameterPath", "Filters", "Filter")]
        }
    )

    name: Annotated[str, StringConstraints(pattern=IMAGE)] = Field(
        alias="Name",
        description="The image's name, here and in every announcement. Unique in all files, "
        "ignoring case. A renamed image starts a new history.",
    )
    parameter_path: ParameterPath = Field(
        default="",
        alias="ParameterPath",
        description="An SSM parameter whose value is an image id, or JSON with `image_id`: its "
        "name, or the ARN of a parameter that another account shares, which is read only in the "
        "ARN's region. Either this or Filters.",
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
    accounts: tuple[AccountId, ...] = Field(
        default=(),
        alias="Accounts",
        min_length=1,
        description="Only these accounts of regions.yaml; the default is all of them.",
    )
    order_by: OrderBy = Field(
        default=OrderBy.DATE,
        alias="OrderBy",
        description="Which of the images is the newest: date (the last creation date) or release "
        "(the highest release that Release.Pattern reads, then the last date). Only with Filters.",
    )
    release: ReleaseEntry = Field(
        default_factory=no_release,
        alias="Release",
        description="How to read the release from the AMI name, and its notes. Fields that are "
        "left out are those at the top of the file.",
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


class ImagesFile(Model):
    """Tracked images: one file per family."""

    family: Annotated[str, StringConstraints(pattern=IMAGE)] = Field(
        default="",
        alias="Family",
        description="The family of the images of this file, by which reports group them; the "
        "default is the file's name without its suffix. Files can have the same family.",
    )
    release: ReleaseEntry = Field(
        default_factory=no_release,
        alias="Release",
        description="How to read the release of each image of this file; fields of an image's own "
        "Release take precedence.",
    )
    images: tuple[ImageEntry, ...] = Field(
        min_length=1, description="The images of this family, in any order."
    )


class RegionEntry(Model):
    """One region of one account: images are looked up and announced there."""

    name: Region = Field(alias="Name", description="The region, such as eu-west-1.")
    account_id: AccountId = Field(
        default="",
        alias="AccountId",
        description="The account where images are looked up and announced; the default is the "
        "file's AccountId. A region can be listed more than once with different accounts.",
    )


class RegionsFile(Model):
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
    ("Release",): ReleaseEntry,
    ("images",): ImageEntry,
    ("images", "Release"): ReleaseEntry,
    ("images", "Filters"): FilterEntry,
    ("images", "Filter"): FilterEntry,
    ("regions",): RegionEntry,
}
"""The entries of each list in the two files."""


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a map of this model can have, as they are written in YAML."""
    return [field.alias or name for name, field in model.model_fields.items()]
