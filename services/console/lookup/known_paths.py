"""The parameters in image files, to suggest one that is similar to a parameter that is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from services.catalogue.entries import entries
from services.catalogue.files import find_image_files
from services.catalogue.yaml_loader import read_document

SHIPPED = (Path("tracked_images"), Path("optional_images"))
"""The folders of this repository."""


def known_paths(folders: Iterable[Path]) -> frozenset[str]:
    """The parameters of every entry that can be read, also in files with mistakes."""
    found = {folder for folder in folders if folder.is_dir()}
    return frozenset(path for folder in found for path in _paths(folder))


def _paths(folder: Path) -> Iterator[str]:
    for file in find_image_files(folder).read:
        document = read_document(file).document
        for entry in entries(document, "images") if document else ():
            path = entry.content.get("ParameterPath")
            if isinstance(path, str):
                yield path
