"""JSON Schemas of the two files, for editors: generated from the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from services.catalogue.models import ImagesFile, RegionsFile

_MODELS: Mapping[str, type[BaseModel]] = {
    "tracked_images.schema.json": ImagesFile,
    "regions.schema.json": RegionsFile,
}


def schemas() -> dict[str, str]:
    """The text of each schema file by its name."""
    return {
        name: json.dumps(_schema(model), indent=2, ensure_ascii=False) + "\n"
        for name, model in _MODELS.items()
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    # Editors' YAML support is best for draft 7, and the schemas need nothing newer.
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_without_noise(model.model_json_schema(by_alias=True)),
    }


def _without_noise(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """The value without generated titles and without empty defaults, which mean "left out"."""
    match value:
        case dict():
            return {
                key: _without_noise(member)
                for key, member in value.items()
                if not _is_noise(key, member)
            }
        case list():
            return [_without_noise(member) for member in value]
        case _:
            return value


def _is_noise(key: str, member: object) -> bool:
    return (key == "title" and isinstance(member, str)) or (key == "default" and not member)
