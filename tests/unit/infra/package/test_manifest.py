"""The manifest describes the packages, and is reproducible."""

from __future__ import annotations

import json

from infra.package.build import Package
from infra.package.lambda_platform import LambdaPlatform
from infra.package.manifest import FILE_NAME, files, manifest
from services.kernel.catalogue_file import encode_catalogue
from services.kernel.model import Catalogue, Filter, FilterLookup, Image, ParameterLookup, Target

PLATFORM = LambdaPlatform("python3.12", "x86_64")
IRELAND, VIRGINIA = Target("111122223333", "eu-west-1"), Target("023456701234", "us-east-1")
CATALOGUE = encode_catalogue(Catalogue((IRELAND, VIRGINIA), ()))
PACKAGES = (Package("scheduler", b"one", 9, 2), Package("lookup", b"two", 9, 2))


def test_manifest_describes_the_packages() -> None:
    """The manifest has the platform, targets, and digests of the catalogue and of every zip."""
    found = json.loads(manifest(PACKAGES, PLATFORM, CATALOGUE))

    assert found == {
        "schema": 1,
        "runtime": "python3.12",
        "architecture": "x86_64",
        "catalogue_digest": json.loads(CATALOGUE)["digest"],
        "targets": [
            {"account_id": "023456701234", "region": "us-east-1"},
            {"account_id": "111122223333", "region": "eu-west-1"},
        ],
        "parameter_paths": [],
        "shared_parameter_arns": [],
        "packages": {
            "scheduler": {"file": "scheduler.zip", "sha256": PACKAGES[0].sha256},
            "lookup": {"file": "lookup.zip", "sha256": PACKAGES[1].sha256},
        },
    }


def test_manifest_has_the_parameters_that_need_permissions() -> None:
    """Parameters that are not public are sorted and distinct, shared ones separate from others."""
    arns = [
        f"arn:aws:ssm:{region}:444455556666:parameter/web" for region in ("us-east-1", "eu-west-1")
    ]
    paths = ["/golden/web", *arns, "/aws/service/ami/one", "base", "/aws/reference/x", arns[0]]
    images = [Image(f"image-{n}", ParameterLookup(path)) for n, path in enumerate(paths)]
    images.append(Image("filtered", FilterLookup((Filter("name", ("web-*",)),), ("self",))))
    catalogue = encode_catalogue(Catalogue((IRELAND,), tuple(images)))
    found = json.loads(manifest(PACKAGES, PLATFORM, catalogue))

    assert found["parameter_paths"] == ["/aws/reference/x", "/golden/web", "base"]
    assert found["shared_parameter_arns"] == sorted(arns)


def test_manifest_does_not_depend_on_order() -> None:
    """The same packages give the same manifest, which ends with a newline."""
    other = encode_catalogue(Catalogue((VIRGINIA, IRELAND), ()))
    content = manifest(PACKAGES, PLATFORM, CATALOGUE)

    assert content == manifest(reversed(PACKAGES), PLATFORM, other)
    assert content.endswith(b"}\n")


def test_manifest_is_written_with_the_zips() -> None:
    """The files of a build are the zips and the manifest."""
    found = files(PACKAGES, PLATFORM, CATALOGUE)

    assert found == {
        "scheduler.zip": b"one",
        "lookup.zip": b"two",
        FILE_NAME: manifest(PACKAGES, PLATFORM, CATALOGUE),
    }
