"""A plan refuses packages that do not match, with the file and the command in the message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.aws.terraform import (
    SERVICES,
    Terraform,
    TerraformError,
    caller,
    checkout,
    environment,
    write_manifest,
)

pytestmark = [pytest.mark.timeout(900)]

REGIONS = 'AccountId: "111122223333"\nregions:\n  - Name: us-east-1\n  - Name: eu-west-1\n'
Planned = Callable[..., str]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the infrastructure with matching packages."""
    return checkout(tmp_path_factory.mktemp("manifest"), regions=REGIONS)


@pytest.fixture(scope="module")
def terraform(tree: Path) -> Iterator[Terraform]:
    """The basic root of the copy."""
    with caller() as endpoint_url:
        found = Terraform(tree / "infra/terraform/examples/basic", environment(endpoint_url))
        found.init()
        yield found


@pytest.fixture
def packages(tree: Path) -> Iterator[Path]:
    """The folder of matching packages, which is restored after the test."""
    folder, kept = tree / "build/packages", tree / "kept"
    (tree / "regions.yaml").write_text(REGIONS, encoding="utf-8")
    write_manifest(tree)
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


def refusal(terraform: Terraform, **variables: object) -> str:
    """The error of a plan; the test fails if there is none."""
    with pytest.raises(TerraformError) as caught:
        terraform.plan("-refresh=false", external_id="of-the-test", **variables)
    return str(caught.value)


def changed(path: Path, **members: object) -> None:
    """Replace members of a manifest."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | members), encoding="utf-8")


def test_zip_of_another_build_is_refused(terraform: Terraform, packages: Path) -> None:
    """The message names only the zip that does not match."""
    (packages / "lookup.zip").write_bytes(b"another")

    said = refusal(terraform)

    assert f"{packages}/lookup.zip is not the zip that {packages}/manifest.json describes" in said
    assert "run `make package` again" in said
    assert "scheduler.zip" not in said


def test_another_platform_is_refused(terraform: Terraform, packages: Path) -> None:
    """The message names both remedies: the variable and the command."""
    said = refusal(terraform, runtime="python3.12", architecture="x86_64")

    for name, wanted, built in (
        ("runtime", "python3.12", "python3.13"),
        ("architecture", "x86_64", "arm64"),
    ):
        assert (
            f"{name} is {wanted}, but the packages of {packages}/manifest.json were built "
            f'for {built}: set {name} = "{built}", or run `make package {name.upper()}={wanted}`.'
        ) in said


def test_another_regions_file_is_refused(tree: Path, terraform: Terraform, packages: Path) -> None:
    """Separate messages name missing targets and additional targets of the packages."""
    (tree / "regions.yaml").write_text(REGIONS.replace("eu-west-1", "eu-north-1"), encoding="utf-8")

    said = refusal(terraform)

    assert (
        "regions.yaml names 111122223333/eu-north-1, but the packages of "
        f"{packages}/manifest.json were built without these targets: run `make package` again."
    ) in said
    assert (
        f"The packages of {packages}/manifest.json were built for 111122223333/eu-west-1, which "
        "regions.yaml does not name: run `make package` again."
    ) in said


def test_long_list_of_targets_is_shortened(
    tree: Path, terraform: Terraform, packages: Path
) -> None:
    """The message names ten targets and counts the others."""
    more = "".join(f'  - {{Name: eu-west-2, AccountId: "2222333344{n}"}}\n' for n in range(10, 22))
    (tree / "regions.yaml").write_text(REGIONS + more, encoding="utf-8")

    said = refusal(terraform)

    assert packages.exists()
    assert "222233334419/eu-west-2 and 2 more, but the packages" in said


def arn(name: str, account_id: str = "444455556666") -> str:
    """The ARN of a shared parameter."""
    return f"arn:aws:ssm:eu-west-1:{account_id}:parameter{name}"


def test_parameters_that_are_not_allowed_are_refused(terraform: Terraform, packages: Path) -> None:
    """Separate messages name the parameters of the accounts and the shared ones."""
    changed(
        packages / "manifest.json",
        parameter_paths=["/base/web", "/golden", "/golden/web", "/golden2/web", "silver"],
        shared_parameter_arns=[arn("/golden"), arn("/golden/web"), arn("/golden/web", "5" * 12)],
    )

    said = refusal(
        terraform,
        parameter_paths=["/base", "/golden/*", "/silver/*"],
        shared_parameter_arns=[arn("/golden/*"), arn("/golden/we")],
    )

    assert (
        f"The images of {packages}/manifest.json use /base/web, /golden, /golden2/web, silver, "
        "which parameter_paths does not allow, so the lookups would be denied. Add them to "
        "parameter_paths, or a path that ends in /* and allows everything below, such as "
        '"/golden/*".'
    ) in said
    assert (
        f"The images of {packages}/manifest.json use {arn('/golden')}, "
        f"{arn('/golden/web', '5' * 12)}, which shared_parameter_arns does not allow, so the "
        "lookups would be denied. Add them to shared_parameter_arns, or a path that ends in /* "
        "and allows everything below, such as "
        '"arn:aws:ssm:us-east-1:111122223333:parameter/golden/*".'
    ) in said


def test_allowed_parameters_are_planned(terraform: Terraform, packages: Path) -> None:
    """A parameter is allowed by its name or ARN, or by a path above it."""
    changed(
        packages / "manifest.json",
        parameter_paths=["/base/web", "/golden/linux/web", "golden/web", "silver"],
        shared_parameter_arns=[arn("/golden/linux/web"), arn("/silver")],
    )

    plan = terraform.plan(
        "-refresh=false",
        external_id="of-the-test",
        parameter_paths=["/base/web", "/golden/*", "/silver"],
        shared_parameter_arns=[arn("/golden/*"), arn("/silver")],
    )

    assert plan.of_type("aws_lambda_function")


def test_long_list_of_parameters_is_shortened(terraform: Terraform, packages: Path) -> None:
    """The message names ten parameters and counts the others."""
    arns = [arn(f"/web{number}") for number in range(10, 22)]
    changed(packages / "manifest.json", shared_parameter_arns=arns)

    said = refusal(terraform)

    assert f", {arns[9]} and 2 more, which shared_parameter_arns does not allow" in said
    assert arns[10] not in said


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not valid JSON: run `make package` again"),
        ("null", "is not valid JSON: run `make package` again"),
        ('{"schema": 2}', "has schema 2, but this version of the module reads schema 1: run"),
        ("[]", "has schema ?, but this version of the module reads schema 1: run"),
    ],
)
def test_invalid_manifest_is_refused(
    terraform: Terraform, packages: Path, content: str, expected: str
) -> None:
    """The message names the problem of the manifest; there are no further messages."""
    (packages / "manifest.json").write_text(content, encoding="utf-8")

    said = refusal(terraform)

    assert f"{packages}/manifest.json {expected}" in said
    assert "zip that" not in said


def test_manifest_without_packages_is_refused(terraform: Terraform, packages: Path) -> None:
    """A zip that is not in the manifest is from another build."""
    changed(packages / "manifest.json", packages={})

    assert refusal(terraform).count("is not the zip that") == len(SERVICES)


def test_missing_manifest_is_refused(terraform: Terraform, packages: Path) -> None:
    """Packages of an earlier version, without a manifest, are refused."""
    (packages / "manifest.json").unlink()

    said = refusal(terraform)

    assert f"{packages}/manifest.json does not exist: run `make package` first." in said
