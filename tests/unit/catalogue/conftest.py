"""Write configurations to disk for the catalogue's tests.

The fixtures have session scope, so hypothesis can use them. Each call uses its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from services.catalogue.load import ConfigurationError, load
from services.catalogue.problems import Problem
from services.kernel.model import Catalogue

REGIONS = """\
AccountId: "111122223333"
regions:
  - Name: us-east-1
  - Name: eu-west-1
"""

Text = str | bytes
Write = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Return a function that writes image files and regions.yaml and returns their paths."""

    def written(images: Text | Mapping[str, Text], regions: Text = REGIONS) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("configuration")
        files = images if isinstance(images, Mapping) else {"images.yaml": images}
        (folder / "tracked_images").mkdir()
        for name, text in files.items():
            _put(folder / "tracked_images" / name, text)
        _put(folder / "regions.yaml", regions)
        return folder / "tracked_images", folder / "regions.yaml"

    return written


def _put(path: Path, text: Text) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.fixture(scope="session")
def loaded(write: Write) -> Callable[..., Catalogue]:
    """Return a function that loads texts as a configuration."""

    def catalogue(images: Text | Mapping[str, Text], regions: Text = REGIONS) -> Catalogue:
        return load(*write(images, regions))

    return catalogue


@pytest.fixture(scope="session")
def refused(write: Write) -> Callable[..., tuple[Problem, ...]]:
    """Return a function that loads texts as a configuration and returns its problems."""

    def problems(images: Text | Mapping[str, Text], regions: Text = REGIONS) -> tuple[Problem, ...]:
        with pytest.raises(ConfigurationError) as caught:
            load(*write(images, regions))
        return caught.value.problems

    return problems
