"""Loads the configuration: checked as a whole, and refused as a whole with all that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.catalogue.explain import problems_of
from services.catalogue.files import find_image_files, missing_regions_file
from services.catalogue.models import (
    FilterEntry,
    ImageEntry,
    ImagesFile,
    RegionsFile,
)
from services.catalogue.problems import ConfigurationError, Problem
from services.catalogue.rules import (
    Surroundings,
    image_problems,
    image_warnings,
    region_problems,
    region_warnings,
)
from services.catalogue.sdk_regions import sdk_regions
from services.catalogue.yaml_loader import MAX_PROBLEMS, Document, read_document
from services.kernel.model import (
    Catalogue,
    Filter,
    FilterLookup,
    Image,
    Lookup,
    ParameterLookup,
    Target,
)

__all__ = ["Configuration", "ConfigurationError", "load", "read_configuration"]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The catalogue, how many images each file gave to it, and what is odd without being wrong."""

    catalogue: Catalogue
    images_by_file: Mapping[str, int]
    warnings: tuple[Problem, ...] = ()

    @property
    def pairs(self) -> int:
        """How many lookups a round makes: each image in each account of each of its regions."""
        catalogue = self.catalogue
        return sum(
            len(catalogue.images_in(region)) * len(catalogue.accounts_in(region))
            for region in catalogue.regions()
        )


def load(images_dir: Path, regions_file: Path) -> Catalogue:
    """The catalogue of a folder of image files and a regions file.

    Raises:
        ConfigurationError: something is wrong with them; it lists everything.
    """
    return read_configuration(images_dir, regions_file).catalogue


def read_configuration(
    images_dir: Path, regions_file: Path, *, allow_unknown_filters: bool = False
) -> Configuration:
    """The catalogue, with what each file gave to it, and warnings.

    Every `*.yaml` and `*.yml` in `images_dir` and its folders is read, in the order of their
    names; hidden files and files with other names are not, and each is warned of.

    Raises:
        ConfigurationError: something is wrong with the files; it lists everything.
    """
    problems: list[Problem] = []
    document = _regions_document(regions_file, problems)
    regions = None if document is None else _regions(document, problems)
    found = find_image_files(images_dir)
    problems.extend(found.problems)
    around = Surroundings(_names(regions), allow_unknown_filters)
    documents = _documents(found.read, problems)
    images = _read_images(documents, around, problems)
    warnings = [*found.unread, *image_warnings(documents)]
    warnings.extend(region_warnings(document, sdk_regions()) if document else ())
    if problems or regions is None:
        raise ConfigurationError(_first(problems), _first(warnings))
    return Configuration(
        catalogue=Catalogue(
            targets=_targets(regions),
            images=tuple(sorted(_images(images.values()), key=lambda image: image.name)),
        ),
        images_by_file={file: len(content.images) for file, content in images.items()},
        warnings=tuple(_first(warnings)),
    )


def _first(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first problems of each file, and whether there are more, which would help nobody."""
    for file, group in groupby(sorted(problems), key=lambda problem: problem.file):
        found = list(group)
        yield from found[:MAX_PROBLEMS]
        if len(found) > MAX_PROBLEMS:
            last = found[MAX_PROBLEMS - 1]
            message = "and more; these are the first problems of the file"
            yield Problem(file, last.line, "", "", message)


# --- reading


def _regions_document(path: Path, problems: list[Problem]) -> Document | None:
    missing = missing_regions_file(path)
    if missing:
        problems.append(missing)
        return None
    return read_document(path, problems)


def _regions(document: Document, problems: list[Problem]) -> RegionsFile | None:
    problems.extend(region_problems(document))
    return _shaped(document, RegionsFile, problems)


def _names(regions: RegionsFile | None) -> frozenset[str] | None:
    return None if regions is None else frozenset(entry.name for entry in regions.regions)


def _documents(paths: Iterable[Path], problems: list[Problem]) -> list[Document]:
    documents = (read_document(path, problems) for path in paths)
    return [document for document in documents if document is not None]


def _read_images(
    documents: Iterable[Document], around: Surroundings, problems: list[Problem]
) -> dict[str, ImagesFile]:
    problems.extend(image_problems(documents, around))
    shaped = ((document.file, _shaped(document, ImagesFile, problems)) for document in documents)
    return {file: content for file, content in shaped if content is not None}


def _shaped(document: Document, model: type[M], problems: list[Problem]) -> M | None:
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        problems.extend(problems_of(document, model, error))
        return None


# --- from the files' words to the kernel's


def _targets(regions: RegionsFile) -> tuple[Target, ...]:
    return tuple(
        sorted(
            Target(entry.account_id or regions.account_id, entry.name) for entry in regions.regions
        )
    )


def _images(files: Iterable[ImagesFile]) -> Iterable[Image]:
    return (_image(entry) for content in files for entry in content.images)


def _image(entry: ImageEntry) -> Image:
    return Image(
        name=entry.name,
        lookup=_lookup(entry),
        announce=frozenset(entry.announce),
        regions=frozenset(entry.regions) or None,
    )


def _lookup(entry: ImageEntry) -> Lookup:
    if entry.parameter_path:
        return ParameterLookup(entry.parameter_path)
    return FilterLookup(
        filters=tuple(sorted(map(_filter, entry.filters or entry.filter))),
        owners=_ordered(entry.owners),
        exclude_names=_ordered(entry.exclude_names),
    )


def _filter(entry: FilterEntry) -> Filter:
    return Filter(entry.name, _ordered(entry.values))


def _ordered(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, sorted, so that cosmetic edits change no lookup."""
    return tuple(sorted(set(values)))
