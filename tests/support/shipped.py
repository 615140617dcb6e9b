"""The image files of the repository, and names of images with their release keys."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from services.catalogue.load import load
from services.kernel.catalogue_file import decode_catalogue, encode_catalogue
from services.kernel.model import Image

ROOT = Path(__file__).parents[2]
TRACKED = ROOT / "tracked_images"
OPTIONAL = ROOT / "optional_images"
FILES = sorted([*TRACKED.glob("*.y*ml"), *OPTIONAL.glob("*.y*ml")])
UNREAD = "none"
"""The section of names that no pattern reads."""


class Name(NamedTuple):
    """The name of an image, the entry whose pattern reads it, and its release key."""

    entry: str
    key: str
    text: str


@cache
def images() -> Mapping[str, Image]:
    """Each image of both folders by its name, as it is in the compiled catalogue."""
    with TemporaryDirectory() as both:
        for folder in (TRACKED, OPTIONAL):
            shutil.copytree(folder, Path(both) / folder.name)
        catalogue = load(Path(both), ROOT / "regions.yaml")
    compiled = decode_catalogue(encode_catalogue(catalogue))
    return {image.name: image for image in compiled.images}


@cache
def names() -> tuple[Name, ...]:
    """The names of images in release_keys.txt."""
    path = ROOT / "tests/unit/catalogue/release_keys.txt"
    return tuple(_names(path.read_text(encoding="utf-8").splitlines()))


def _names(lines: list[str]) -> Iterator[Name]:
    entry = ""
    for line in lines:
        if line.startswith("["):
            entry = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, text = line.partition(" ")
            yield Name(entry, key, text)
