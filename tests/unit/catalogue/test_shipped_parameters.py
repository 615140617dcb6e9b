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
from support.shipped import images

from services.kernel.model import ParameterLookup
from services.lookup.resolve import parameter_image_id

RECORDED = Path(moto.__file__).parent
"""moto's copies of AWS's responses, here of us-east-1: paths, image ids, names of images."""


@cache
def _paths() -> dict[str, str]:
    return {
        name: image.lookup.parameter_path
        for name, image in images().items()
        if isinstance(image.lookup, ParameterLookup)
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
        if name == "Value" and ("image_id" in branch or path.endswith("/image_id")):
            # In AWS the value of such a parameter is text with this JSON.
            yield path, branch if isinstance(branch, str) else json.dumps(branch)
        elif isinstance(branch, dict):
            yield from _leaves(branch, f"{path}/{name}")


@cache
def _recorded_names() -> dict[str, str]:
    files = [
        RECORDED / f"ec2/resources/{kind}/us-east-1.json.gz"
        for kind in ("latest_amis", "ecs/optimized_amis")
    ]
    return {image["ami_id"]: image["name"] for file in files for image in _read(file)}


RECORDED_ENTRIES = [
    name
    for name, path in _paths().items()
    if path.startswith(("/aws/service/ami-amazon-linux-latest/", "/aws/service/ecs/optimized-ami/"))
]
SYSTEMS = {"al2023": "al2023-ami-", "al2027": "al2027-preview-ami-", "al2": "amzn2-ami-"}


@pytest.mark.parametrize("entry", RECORDED_ENTRIES)
def test_amazon_and_ecs_parameters_refer_to_the_named_image(entry: str) -> None:
    """In AWS's recorded data each path exists, and the image's name matches the entry's name."""
    image_id = parameter_image_id(_recorded_parameters()[_paths()[entry]])
    assert isinstance(image_id, str)
    name = _recorded_names()[image_id]

    parts = entry.split("-")
    system = next(prefix for part, prefix in SYSTEMS.items() if part in parts)
    kernel = re.search(r"kernel-[\d.]+", entry)
    assert name.startswith(system)
    assert ("-ecs-" in name) == entry.startswith("ecs-")
    assert ("arm64" if entry.endswith("arm64") else "x86_64") in name
    assert not kernel or f"{kernel[0]}-" in name
    assert all(
        (f"-{word}-" in name) == (word in parts) for word in ("gpu", "neuron", "inf", "minimal")
    )


@pytest.mark.parametrize("entry", sorted(_paths()))
def test_a_path_matches_its_entry(entry: str) -> None:
    """Versions and architecture in an entry's name are those in its path."""
    path = _paths()[entry]
    arch = re.search(r"(x86_64|arm64|amd64)$", entry)
    versions = re.findall(r"(?<=-)(?:\d+\.\d+|20\d\d)(?=-|$)", entry)

    assert [
        each for each in versions if not re.search(rf"[/_-]{re.escape(each)}([/_-]|$)", path)
    ] == []
    assert not arch or arch[1] in path or ("/ecs/" in path and arch[1] == "x86_64")


@pytest.mark.parametrize("publisher", ["eks/optimized-ami", "ecs/optimized-ami"])
def test_parameters_with_json_are_read_as_json(publisher: str) -> None:
    """The JSON has more than the image id, and the tracker records it."""
    paths = [path for path in _paths().values() if path.startswith(f"/aws/service/{publisher}/")]

    assert paths
    assert [path for path in paths if not path.endswith("/recommended")] == []


@pytest.mark.parametrize("version", ["1.32", "1.33", "1.34", "1.35", "1.36"])
def test_every_supported_kubernetes_version_has_its_entries(version: str) -> None:
    """Versions in standard or extended support have images for each kind of node."""
    entries = {
        f"{kind}-{arch}"
        for arch in ("x86_64", "arm64")
        for kind in (
            f"al2023-eks-{version}",
            f"al2023-eks-{version}-nvidia",
            f"bottlerocket-aws-k8s-{version}",
            f"bottlerocket-aws-k8s-{version}-nvidia",
            f"bottlerocket-aws-k8s-{version}-fips",
        )
    } | {f"al2023-eks-{version}-neuron-x86_64", f"windows-2022-english-core-eks-{version}"}

    assert entries <= set(_paths())
