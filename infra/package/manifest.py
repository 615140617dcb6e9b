"""The manifest of a build, which Terraform compares with the zips and its variables."""

from __future__ import annotations

import json
from collections.abc import Iterable

from infra.package.build import Package
from infra.package.lambda_platform import LambdaPlatform

SCHEMA = 1
FILE_NAME = "manifest.json"
PUBLIC = "/aws/service/"


def manifest(packages: Iterable[Package], platform: LambdaPlatform, catalogue: str) -> bytes:
    """The manifest of packages that were built together with a compiled catalogue.

    The same packages produce the same bytes.
    """
    compiled = json.loads(catalogue)
    paths = {image["lookup"].get("parameter_path") for image in compiled["images"]} - {None}
    shared = {path for path in paths if path.startswith("arn:")}
    content = {
        "schema": SCHEMA,
        "runtime": platform.runtime,
        "architecture": platform.architecture,
        "catalogue_digest": compiled["digest"],
        "targets": compiled["targets"],
        # Parameters that the read roles must be allowed to read; they always read the public ones.
        "parameter_paths": sorted(p for p in paths - shared if not p.startswith(PUBLIC)),
        "shared_parameter_arns": sorted(shared),
        "packages": {
            package.function: {"file": package.file_name, "sha256": package.sha256}
            for package in packages
        },
    }
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def files(
    packages: Iterable[Package], platform: LambdaPlatform, catalogue: str
) -> dict[str, bytes]:
    """The contents of the zips and the manifest, by file name."""
    built = tuple(packages)
    zips = {package.file_name: package.content for package in built}
    return {**zips, FILE_NAME: manifest(built, platform, catalogue)}
