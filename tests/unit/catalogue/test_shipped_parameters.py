"""The parameters of the repository refer to the images of their entries."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import moto
import pytest

from services.catalogue.load import load
from services.kernel.model import ParameterLookup

ROOT = Path(__file__).parents[3]
RECORDED = Path(moto.__file__).parent
"""moto's copies of AWS's responses, here of us-east-1: paths, image ids, names of images."""


@cache
def _paths() -> dict[str, str]:
    images = load(ROOT / "tracked_images", ROOT / "regions.yaml").images
    lookups = {image.name: image.lookup for image in images}
    return {
        name: each.parameter_path
        for name, each in lookups.items()
        if isinstance(each, ParameterLookup)
    }


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads(gzip.decompress(path.read_bytes()))


@cache
def _recorded_parameters() -> dict[str, str]:
    amazon = _read(RECORDED / "ssm/resources/ami-amazon-linux-latest/us-east-1.json.gz")
    ecs = _read(RECORDED / "ssm/resources/ecs/optimized_amis/us-east-1.json.gz")
    tree = ecs["aws"]["service"]["ecs"]["optimized-ami"]
    below = dict(_leaves(tree, "/aws/service/ecs/optimized-ami"))
    return {each["Name"]: each["Value"] for each in amazon} | below


def _leaves(tree: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, branch in tree.items():
        if name == "Value" and isinstance(branch, str):
            yield path, branch
        elif isinstance(branch, dict):
            yield from _leaves(branch, f"{path}/{name}")


@cache
def _recorded_names() -> dict[str, str]:
    files = [
        RECORDED / f"ec2/resources/{kind}/us-east-1.json.gz"
        for kind in ("latest_amis", "ecs/optimized_amis")
    ]
    return {image["ami_id"]: image["name"] for file in files for image in _read(file)}


AMAZON = [name for name in _paths() if name.startswith(("al2-", "al2023-", "ecs-"))]
RECORDED_ENTRIES = [name for name in AMAZON if "-eks-" not in name]


@pytest.mark.parametrize("entry", RECORDED_ENTRIES)
def test_amazon_and_ecs_parameters_refer_to_the_named_image(entry: str) -> None:
    """In AWS's recorded data each path exists, and the image's name matches the entry's name."""
    name = _recorded_names()[_recorded_parameters()[_paths()[entry]]]

    system = "al2023-ami-" if "al2023" in entry else "amzn2-ami-"
    kernel = re.search(r"kernel-[\d.]+", entry)
    assert name.startswith(system)
    assert ("-ecs-" in name) == entry.startswith("ecs-")
    assert ("arm64" if entry.endswith("arm64") else "x86_64") in name
    assert not kernel or f"{kernel[0]}-" in name


@pytest.mark.parametrize("entry", sorted(_paths()))
def test_a_path_matches_its_entry(entry: str) -> None:
    """Version and architecture in an entry's name are those in its path."""
    path = _paths()[entry]
    arch = re.search(r"(x86_64|arm64|amd64)$", entry)
    version = re.search(r"-(\d+\.\d+|20\d\d)-", entry)

    assert not version or re.search(rf"[/-]{re.escape(version[1])}[/-]", path)
    assert not arch or arch[1] in path or ("/ecs/" in path and arch[1] == "x86_64")


@pytest.mark.parametrize("version", ["1.32", "1.33", "1.34", "1.35", "1.36"])
def test_every_supported_kubernetes_version_has_its_entries(version: str) -> None:
    """Versions in standard or extended support have Amazon Linux 2023 and Bottlerocket entries."""
    arches = ("x86_64", "arm64")
    wanted = {
        f"{kind}-{version}-{arch}"
        for arch in arches
        for kind in ("al2023-eks", "bottlerocket-aws-k8s")
    }

    assert wanted <= set(_paths())
