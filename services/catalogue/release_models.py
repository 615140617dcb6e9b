"""The schema of `Release`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from services.catalogue.fields import Model, NotesUrl, PatternText, refuse
from services.catalogue.notes import notes_mistake
from services.catalogue.patterns import pattern_mistake


def _checked(mistake: Callable[[str], str | None]) -> Callable[[str], str]:
    def text(value: str) -> str:
        found = mistake(value)
        if found:
            refuse(found)
        return value

    return text


class ReleaseEntry(Model):
    """How to read the release from an AMI name, and where its release notes are."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    pattern: Annotated[PatternText, AfterValidator(_checked(pattern_mistake))] = Field(
        default="",
        alias="Pattern",
        description="A regular expression over the AMI name with the named group release, such as "
        "-v(?P<release>[0-9.]+)$. It can have other named groups. In single quotes.",
    )
    notes: Annotated[NotesUrl, AfterValidator(_checked(notes_mistake))] = Field(
        default="",
        alias="Notes",
        description="The URL of the release notes; {release} and the other named groups of Pattern "
        "are replaced by their text.",
    )

    @model_validator(mode="after")
    def _has_a_field(self) -> ReleaseEntry:
        if not self.pattern and not self.notes:
            refuse("is empty; write Pattern, Notes or both, or remove it")
        return self


def no_release() -> ReleaseEntry:
    """The value of a `Release` that is left out."""
    return ReleaseEntry.model_construct()
