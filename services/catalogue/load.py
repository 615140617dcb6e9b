"""Loads the configuration; an invalid one is refused as a whole, with every problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.catalogue.arns import parse_arn
from services.catalogue.document import MAX_PROBLEMS, Document, ReadFile
from services.catalogue.explain import problems_of
from services.catalogue.files import family_of, find_image_files, missing_regions_file
from services.catalogue.filter_models import FilterEntry
from services.catalogue.models import ImageEntry, ImagesFile, RegionsFile
from services.catalogue.problems import ConfigurationError, Problem
from services.catalogue.region_rules import region_problems, region_warnings
from services.catalogue.release_models import ReleaseEntry
from services.catalogue.rules import (
    Surroundings,
    image_problems,
    image_warnings,
)
from services.catalogue.sdk_regions import sdk_regions
from services.catalogue.yaml_loader import read_document
from services.kernel.model import (
    Catalogue,
    Filter,
    FilterLookup,
    Image,
    Lookup,
    OrderBy,
    ParameterLookup,
    ReleaseRule,
    Target,
)

__all__ = ["Configuration", "ConfigurationError", "load", "read_configuration", "read_images"]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The catalogue, the number of images in each file, and warnings."""

    catalogue: Catalogue
    images_by_file: Mapping[str, int]
    warnings: tuple[Problem, ...] = ()

    @property
    def pairs(self) -> int:
        """How many lookups a round makes: each image in each of its targets."""
        return sum(len(self.catalogue.images_in(target)) for target in self.catalogue.targets)


def load(images_dir: Path, regions_file: Path) -> Catalogue:
    """The catalogue of a folder of image files and a regions file.

    Raises:
        ConfigurationError: the files are invalid; it lists every problem.
    """
    return read_configuration(images_dir, regions_file).catalogue


def read_configuration(
    images_dir: Path, regions_file: Path, *, allow_unknown_filters: bool = False
) -> Configuration:
    """The catalogue, with the number of images in each file, and warnings.

    Every `*.yaml` and `*.yml` in `images_dir` and its subfolders is read, in the order of their
    names. Hidden files and files with other names are not read; each gives a warning.

    Raises:
        ConfigurationError: the files are invalid; it lists every problem.
    """
    file = _read_regions_file(regions_file)
    regions, misshapen = _regions(file.document)
    found = find_image_files(images_dir)
    around = Surroundings(_known_targets(regions), allow_unknown_filters)
    read = [read_document(path) for path in found.read]
    documents = [each.document for each in read if each.document is not None]
    images, mistakes = _read_images(documents, around)
    problems = [
        *file.problems,
        *misshapen,
        *found.problems,
        *chain.from_iterable(each.problems for each in read),
        *mistakes,
    ]
    warnings = [*found.unread, *image_warnings(documents)]
    warnings.extend(region_warnings(file.document, sdk_regions()) if file.document else ())
    if problems or regions is None:
        raise ConfigurationError(_first(problems), _first(warnings))
    return Configuration(
        catalogue=Catalogue(
            targets=_targets(regions),
            images=tuple(sorted(_images(images), key=lambda image: image.name)),
        ),
        images_by_file={file: len(content.images) for file, content in images.items()},
        warnings=tuple(_first(warnings)),
    )


def read_images(
    document: Document, *, allow_unknown_filters: bool = False
) -> tuple[tuple[Image, ...], tuple[Problem, ...]]:
    """The images of one document and the warnings about them, without a regions file.

    Raises:
        ConfigurationError: the document is invalid; it lists every problem.
    """
    images, problems = _read_images([document], Surroundings(None, allow_unknown_filters))
    warnings = tuple(_first(image_warnings([document])))
    if problems:
        raise ConfigurationError(_first(problems), warnings)
    return tuple(_images(images)), warnings


def _first(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first problems of each file, and a last one that says whether there are more."""
    for file, group in groupby(sorted(problems), key=lambda problem: problem.file):
        found = list(group)
        yield from found[:MAX_PROBLEMS]
        if len(found) > MAX_PROBLEMS:
            last = found[MAX_PROBLEMS - 1]
            message = f"and more problems; only the first {MAX_PROBLEMS} are listed"
            yield Problem(file, last.line, "", "", message)


# --- reading


def _read_regions_file(path: Path) -> ReadFile:
    missing = missing_regions_file(path)
    return ReadFile(None, (missing,)) if missing else read_document(path)


def _regions(document: Document | None) -> tuple[RegionsFile | None, list[Problem]]:
    if document is None:
        return None, []
    regions, misshapen = _shaped(document, RegionsFile)
    return regions, [*region_problems(document), *misshapen]


def _known_targets(regions: RegionsFile | None) -> tuple[Target, ...] | None:
    return None if regions is None else _targets(regions)


def _read_images(
    documents: Sequence[Document], around: Surroundings
) -> tuple[dict[str, ImagesFile], list[Problem]]:
    files: dict[str, ImagesFile] = {}
    problems = list(image_problems(documents, around))
    for document in documents:
        content, misshapen = _shaped(document, ImagesFile)
        problems += misshapen
        if content is not None:
            files[document.file] = content
    return files, problems


def _shaped(document: Document, model: type[M]) -> tuple[M | None, list[Problem]]:
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, list(problems_of(document, model, error))


# --- from the files' entries to the kernel's values


def _targets(regions: RegionsFile) -> tuple[Target, ...]:
    return tuple(
        sorted(
            Target(entry.account_id or regions.account_id, entry.name) for entry in regions.regions
        )
    )


def _images(files: Mapping[str, ImagesFile]) -> Iterable[Image]:
    for file, content in files.items():
        family = content.family or family_of(file)
        yield from (_image(entry, content.release, family) for entry in content.images)


def _image(entry: ImageEntry, of_file: ReleaseEntry, family: str) -> Image:
    arn = parse_arn(entry.parameter_path)
    pattern = entry.release.pattern or of_file.pattern or None
    notes = entry.release.notes or of_file.notes or None
    return Image(
        name=entry.name,
        lookup=_lookup(entry, pattern),
        announce=frozenset(entry.announce),
        regions=frozenset([arn.region] if arn else entry.regions) or None,
        accounts=frozenset(entry.accounts) or None,
        release=ReleaseRule(pattern, notes) if pattern or notes else None,
        family=family,
    )


def _lookup(entry: ImageEntry, pattern: str | None) -> Lookup:
    if entry.parameter_path:
        return ParameterLookup(entry.parameter_path)
    by_release = entry.order_by is OrderBy.RELEASE
    return FilterLookup(
        order_by=entry.order_by,
        pattern=pattern if by_release else None,
        filters=tuple(sorted(map(_filter, entry.filters or entry.filter))),
        owners=_ordered(entry.owners),
        exclude_names=_ordered(entry.exclude_names),
    )


def _filter(entry: FilterEntry) -> Filter:
    return Filter(entry.name, _ordered(entry.values))


def _ordered(values: Iterable[str]) -> tuple[str, ...]:
    """The distinct values, sorted, so a change of order does not change the lookup."""
    return tuple(sorted(set(values)))
