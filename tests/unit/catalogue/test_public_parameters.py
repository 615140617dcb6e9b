"""Parameters of public repositories and documents, as people write them."""

# ruff: noqa: E501 - a table reads best with one case in a line

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.catalogue.load import ConfigurationError, load, read_configuration
from services.kernel.model import ParameterLookup

Write = Callable[..., tuple[Path, Path]]

# fmt: off
ACCEPTED = [
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-6.1-arm64",
    "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
    "/aws/service/ami-amazon-linux-latest/amzn2-ami-kernel-5.10-hvm-arm64-gp2",
    "/aws/service/eks/optimized-ami/1.27/amazon-linux-2/recommended/image_id",
    "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id",
    "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/neuron/recommended/image_id",
    "/aws/service/eks/optimized-ami/1.21/amazon-linux-2/recommended",
    "/aws/service/eks/optimized-ami/1.16/amazon-linux-2/recommended/release_version",
    "/aws/service/eks/optimized-ami/1.23/amazon-linux-2/amazon-eks-node-1.23-v20230322/image_id",
    "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id",
    "/aws/service/ecs/optimized-ami/amazon-linux-2/gpu/recommended",
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    "/aws/service/ecs/optimized-ami/windows_server/2019/english/full/recommended/image_id",
    "/aws/service/ami-windows-latest/Windows_Server-2019-English-Full-Base",
    "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-ECS_Optimized",
    "/aws/service/ami-windows-latest/Windows_Server-2019-English-Core-EKS_Optimized-1.31/image_id",
    "/aws/service/ami-windows-latest/Windows_Server-2025-Korean-Full-Base",
    "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-SQL_2022_Standard",
    "/aws/service/bottlerocket/aws-k8s-1.32/x86_64/latest/image_id",
    "/aws/service/bottlerocket/aws-k8s-1.22/x86_64/1.11.1-104f8e0f/image_id",
    "/aws/service/bottlerocket/aws-k8s-1.22/x86_64/latest/image_version",
    "/aws/service/bottlerocket/aws-ecs-1/x86_64/latest/image_id",
    "/aws/service/bottlerocket/aws-k8s-1.34-nvidia/x86_64/latest/image_id",
    "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
    "/aws/service/canonical/ubuntu/server/noble/stable/current/amd64/hvm/ebs-gp3/ami-id",
    "/aws/service/canonical/ubuntu/eks/24.04/1.36/stable/current/arm64/hvm/ebs-gp3/ami-id",
    "/aws/service/canonical/ubuntu/pro-server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
    "/aws/service/canonical/meta/publisher-id",
    "/aws/service/debian/release/12/latest/amd64",
    "/aws/service/debian/release/trixie/latest/amd64",
    "/aws/service/debian/daily/bookworm/latest/amd64",
    "/aws/service/suse/sles/15-sp4/x86_64/latest",
    "/aws/service/suse/sles-byos/15-sp6/x86_64/latest",
    "/aws/service/freebsd/amd64/base/ufs/13.3/RELEASE",
    "/aws/service/freebsd/aarch64/base/ufs/14.3/RELEASE",
    "/aws/service/redhat/rhel/9/x86_64/latest",
    "/aws/service/redhat/release/amazon-linux-gp3/9.0/x86_64/latest",
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id",
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id",
    "/aws/service/marketplace/prod-wrwzhcymymama/latest",
    "/aws/service/marketplace/prod-sw4gdej5auini/3.0.0",
    "/aws/service/marketplace/prod-miayn6czrf6yi/2021.09.15",
    "/aws/service/marketplace/804fcc46-63fc-4eb6-85a1-50e66d6c7215/latest",
    "/mycompany/amis/internal/eks/1.31/latest",
    "/mcp/amis/aml2023-ecs",
    "golden-ami",
]
REFUSED = {
    "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64": "contains resolve:ssm",
    "{{resolve:ssm:/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id}}": "contains {{",
    "{{ssm:/aws/service/ami-windows-latest/Windows_Server-2019-English-Full-Base}}": "contains {{",
    "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id:42": "ends with the version :42",
    "/golden/al2023:production": "ends with the label :production",
    "arn:aws:ssm:us-east-1::parameter/aws/service/eks/optimized-ami/1.21/amazon-linux-2/recommended/image_id": "is the ARN of a public parameter",
    "arn:aws:ssm:eu-west-1:444455556666:parameter/golden/al2023:3": "ends with the version :3",
    "/aws/service/eks/optimized-ami/${var.eks_version}/amazon-linux-2/recommended/image_id": "contains the placeholder '${var.eks_version}'",
    "/aws/service/suse/sles/<sku>/<arch>/latest": "contains the placeholder '<sku>'",
    "/aws/service/bottlerocket/aws-k8s-1.29/x86_64/latest/*": "contains a wildcard",
    "/aws/service/ami-amazon-linux-latest/": "ends with a slash",
    "//aws/service/debian/release/12/latest/amd64": "contains two slashes in a row",
    "aws/service/debian/release/12/latest/amd64": "begins without a slash",
    "/aws/service/debian/release/12/latest/amd64 ": "begins or ends with a space",
}
# fmt: on


def an_image(path: str) -> str:
    """Build an images file with one parameter."""
    return f"images:\n  - Name: x\n    ParameterPath: {json.dumps(path)}\n"


@pytest.mark.parametrize("path", ACCEPTED)
def test_a_public_parameter_is_read_unchanged(write: Write, path: str) -> None:
    """A parameter with JSON, or without an image id, is read too; the lookup checks the value."""
    configuration = read_configuration(*write(an_image(path)))

    (image,) = configuration.catalogue.images
    assert image.lookup == ParameterLookup(path)
    assert configuration.warnings == ()


@pytest.mark.parametrize(("path", "says"), REFUSED.items())
def test_a_form_of_other_tools_is_rejected(write: Write, path: str, says: str) -> None:
    """One sentence explains the mistake."""
    with pytest.raises(ConfigurationError) as caught:
        load(*write(an_image(path)))

    (problem,) = caught.value.problems
    assert problem.message.startswith(says)
