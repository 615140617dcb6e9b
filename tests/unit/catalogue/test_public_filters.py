"""Filter lists of public repositories are read unchanged, or are rejected."""

# ruff: noqa: E501 - a table reads best with one case in a line

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from services.catalogue.load import ConfigurationError, load, read_configuration
from services.kernel.model import FilterLookup

Write = Callable[..., tuple[Path, Path]]
Filters = Sequence[tuple[str, Sequence[object]]]

AMAZON = ["amazon"]
CANONICAL = ["099720109477"]
RED_HAT = ["309956199498"]
SELF = ["self"]

# fmt: off
ACCEPTED: list[tuple[list[str], Filters]] = [
    (AMAZON, [("name", ["al2023-ami-*-kernel-6.1-arm64"])]),
    (CANONICAL, [("name", ["ubuntu/images/hvm-ssd/ubuntu-focal-20.04-amd64-server-*"]), ("virtualization-type", ["hvm"])]),
    (["973714476881"], [("name", ["Centos-8-DevOps-Practice"]), ("root-device-type", ["ebs"]), ("virtualization-type", ["hvm"])]),
    (AMAZON, [("name", ["al2023-ami-2023.*-x86_64"])]),
    (AMAZON, [("name", ["al2023-ami-*-x86_64"]), ("virtualization-type", ["hvm"])]),
    (["973714476881"], [("name", ["Redhat-9-DevOps-Practice"]), ("virtualization-type", ["hvm"])]),
    (SELF, [("tag:Name", ["app-server"]), ("tag:Tested", ["true"])]),
    (CANONICAL, [("name", ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]), ("virtualization-type", ["hvm"])]),
    (CANONICAL, [("name", ["ubuntu/images/*ubuntu-xenial-16.04-amd64-server-*"]), ("root-device-type", ["ebs"]), ("virtualization-type", ["hvm"])]),
    (RED_HAT, [("name", ["RHEL_HA-8.4.0_HVM-*"]), ("root-device-type", ["ebs"]), ("virtualization-type", ["hvm"])]),
    (AMAZON, [("name", ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]), ("root-device-type", ["ebs"])]),
    (CANONICAL, [("name", ["ubuntu/images/hvm-ssd/ubuntu-*-22.04-*-server-*"]), ("virtualization-type", ["hvm"]), ("root-device-type", ["ebs"]), ("architecture", ["arm64"])]),
    (AMAZON, [("name", ["al2023-ami-2023*-x86_64"]), ("virtualization-type", ["hvm"]), ("root-device-type", ["ebs"]), ("architecture", ["x86_64"])]),
    (["aws-marketplace"], [("name", ["FortiGate-VM*(7.4*"]), ("product-code", ["2wqkpek696qhdeo7lbbjncqli"])]),
    ([], [("name", ["al2023-ami-2023*x86_64"]), ("virtualization-type", ["hvm"]), ("owner-alias", ["amazon"]), ("root-device-type", ["ebs"]), ("hypervisor", ["xen"]), ("image-type", ["machine"]), ("ena-support", ["true"]), ("state", ["available"]), ("block-device-mapping.volume-type", ["gp3"]), ("block-device-mapping.delete-on-termination", ["true"]), ("block-device-mapping.device-name", ["/dev/xvda"]), ("block-device-mapping.encrypted", ["false"])]),
    (AMAZON, [("architecture", ["x86_64"]), ("root-device-type", ["ebs"]), ("name", ["amzn2-ami-hvm-*"]), ("virtualization-type", ["hvm"]), ("block-device-mapping.volume-type", ["gp2"])]),
    (AMAZON, [("virtualization-type", ["hvm"]), ("architecture", ["x86_64"]), ("name", ["*amzn-ami-hvm-*"]), ("root-device-type", ["ebs"])]),
    (AMAZON, [("architecture", ["arm64"]), ("root-device-type", ["ebs"]), ("name", ["amzn2-ami-hvm-*"]), ("block-device-mapping.volume-type", ["gp2"])]),
    (AMAZON, [("architecture", ["x86_64"]), ("root-device-type", ["ebs"]), ("name", ["amzn-ami-*-amazon-ecs-optimized"]), ("virtualization-type", ["hvm"]), ("block-device-mapping.volume-type", ["gp2"])]),
    (AMAZON, [("virtualization-type", ["hvm"]), ("owner-alias", ["amazon"]), ("name", ["amzn2-ami-kernel-5.10-hvm*"])]),
    (AMAZON, [("owner-alias", ["amazon"]), ("name", ["amzn2-ami-hvm*"])]),
    (AMAZON, [("virtualization-type", ["hvm"]), ("owner-alias", ["amazon"]), ("name", ["amzn2-ami-ecs-hvm-*-x86_64-ebs"])]),
    ([], [("owner-alias", ["amazon"]), ("name", ["amzn2-ami-hvm*"])]),
    (AMAZON, [("name", ["amzn-ami-*-amazon-ecs-optimized"]), ("owner-alias", ["amazon"])]),
    (SELF, [("name", ["moodle-server*"])]),
    (SELF, [("tag:Project", ["nginx-immutable"])]),
    (AMAZON, [("name", ["Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04)*"]), ("state", ["available"])]),
    (AMAZON, [("name", ["amzn2-ami-hvm-*-x86_64-gp2"]), ("state", ["available"])]),
    (SELF, [("name", ["lucidity-web"]), ("tag:Project", ["lucidity"]), ("tag:Purpose", ["ami-release"]), ("tag:Role", ["web"]), ("tag:SourceRevision", ["abc"]), ("tag:ReleaseStatus", ["validated"])]),
    (["362381645759"], [("tag:System", ["Consul"]), ("tag:Product", ["Consul"]), ("tag:Release-Version", ["0.1.0"]), ("root-device-type", ["ebs"])]),
    (["075585003325"], [("name", ["Flatcar-stable-*-hvm"])]),
    (["792107900819"], [("name", ["Rocky-8-ec2-*.x86_64"])]),
    (RED_HAT, [("name", ["RHEL-8*_HVM-*-x86_64-*"])]),
    (["075585003325"], [("name", ["Flatcar-stable-*"]), ("architecture", ["arm64"]), ("root-device-type", ["ebs"]), ("virtualization-type", ["hvm"])]),
    (["125523088429"], [("name", ["Fedora-Cloud-Base-AmazonEC2.aarch64-43-*"]), ("architecture", ["arm64"])]),
    (["125523088429"], [("name", ["fedora-coreos-*"]), ("architecture", ["x86_64"]), ("virtualization-type", ["hvm"])]),
    (["856960422202"], [("name", ["webami_v*"])]),
    (AMAZON, [("name", ["amzn-ami-hvm-2017*-gp2"])]),
    (["766615329279"], [("name", ["Frontend*"])]),
    (["562637147889"], [("virtualization-type", ["hvm"]), ("is-public", ["true"]), ("name", ["consul-ubuntu-*"])]),
    (["656439170234"], [("description", ["Canonical, Ubuntu, 22.04 LTS, amd64 jammy image build on 2023-02-08"]), ("is-public", ["true"])]),
    (SELF, [("virtualization-type", ["hvm"]), ("is-public", ["false"]), ("name", ["docker-centos7-*"])]),
    (["312506926764"], [("name", ["hmr-core-*"]), ("is-public", ["no"]), ("virtualization-type", ["hvm"]), ("tag:ami_type", ["x"])]),
    (AMAZON, [("name", ["amzn2-ami-kernel-*"]), ("root-device-type", ["ebs"]), ("virtualization-type", ["hvm"]), ("architecture", ["arm64"]), ("is-public", ["true"]), ("block-device-mapping.volume-type", ["gp2"])]),
    (AMAZON, [("name", ["amzn2-ami-*-hvm-*-x86_64-gp2"]), ("creation-date", ["2022-04-28T*"])]),
    (AMAZON, [("creation-date", ["2023-11-10T20:17:21.000Z"])]),
    ([], [("image-id", ["ami-0123456789abcdef0"])]),
    (AMAZON, [("name", ["amzn2-ami-hvm-2.0.????????-x86_64-gp2"]), ("creation-date", ["2023*"])]),
    (["801119661308"], [("name", ["Windows_Server-2022-English-Full-Base-*"]), ("virtualization-type", ["hvm"])]),
    (AMAZON, [("name", ["al2023-ami*x86_64"])]),
    (CANONICAL, [("name", ["*ubuntu-jammy-22.04-amd64*"])]),
    (["135269210855"], [("name", ["runs-on-v2.2-ubuntu24-full-x64-*"]), ("state", ["available"])]),
    (SELF, [("name", ["cloudwatch-agent-integration-test-ubuntu-LTS-22 20*"])]),
    (["602401143452"], [("virtualization-type", ["hvm"]), ("architecture", ["x86_64"]), ("root-device-type", ["ebs"]), ("state", ["available"]), ("name", ["amazon-eks-node-*"])]),
    (["595879546273"], [("name", ["CoreOS-stable-*"]), ("virtualization-type", ["hvm"]), ("architecture", ["x86_64"])]),
]
REFUSED: list[tuple[list[str], Filters, str]] = [
    (AMAZON, [("name", ["bottlerocket-aws-k8s-${var.cluster_version}-x86_64-*"])], "contains the placeholder '${var.cluster_version}'"),
    (SELF, [("name", ["${var.project_name}-${var.project_environment}-*"]), ("tag:Environment", ["prod"]), ("tag:Project", ["shop"])], "contains the placeholder '${var.project_name}'"),
    ([], [("name", ["amzn2-ami-hvm-2.0.????????.?-x86_64-gp2"]), ("architecture", ["x86_64"]), ("block-device-mapping.volume-type", ["gp2"]), ("root-device-type", ["ebs"]), ("virtualization-type", ["hvm"])], "has no owner"),
    ([], [("owner-id", ["*"]), ("name", ["x-*"]), ("architecture", ["x86_64"]), ("block-device-mapping.volume-type", ["gp3"])], "the value '*' of owner-id must be an account id"),
    ([], [("name", ["ubuntu/images/hvm-ssd/ubuntu-bionic-18.04-amd64-server-*"]), ("virtualization_type", ["hvm"])], "has no owner"),
    ([], [("owner-alias", ["amazon"]), ("name", ["amzn2-ami-hvm*"]), ("virtualization_type", ["hvm"])], "EC2 has no filter 'virtualization_type'"),
    ([], [("name", ["amzn-ami-hvm*"]), ("root-device-type", ["ebs"])], "has no owner"),
    ([], [("name", ["debian*"])], "has no owner"),
    ([], [("tag-key", ["Name"]), ("tag-value", ["ami-deploy"])], "has no owner"),
    ([], [("name", ["Basic Secure Linux"])], "has no owner"),
    (["973714476881"], [], "has no lookup; add either ParameterPath or Filters"),
    (["136693071363"], [("public", [True])], "EC2 has no filter 'public'; did you mean is-public?"),
    (["136693071363"], [("public", ["true"])], "EC2 has no filter 'public'; did you mean is-public?"),
    (SELF, [("name", ["runner"]), ("value", ["ami-0123456789abcdef0"])], "EC2 has no filter 'value'"),
    (["125523088429"], [("name", ["Fedora-Cloud-Base-(.\\d)-([^.]*.){2}x86_64-hvm-(.*)-gp2(.*)"])], "contains \\d, which EC2 refuses"),
    ([], [("name", ["*OpenVPN Access Server*"]), ("root-device-type", ["ebs"]), ("architecture", ["x86_64"])], "has no owner"),
]
# fmt: on


def as_list(owners: list[str], filters: Filters) -> str:
    """Build an images file with the filters as a list."""
    maps = [{"Name": name, "Values": values} for name, values in filters]
    fields = [f"    Owners: {json.dumps(owners)}"] if owners else []
    fields += [f"    Filters: {json.dumps(maps)}"] if maps else []
    return "\n".join(["images:", "  - Name: x", *fields, ""])


def as_text(owners: list[str], filters: Filters) -> str:
    """Build an images file with the filters as text, which is the older form."""

    def quoted(text: object) -> str:
        return "'" + str(text).replace("'", "''") + "'"

    maps = ",\n".join(
        f"      {{'Name': {quoted(name)}, 'Values': [{', '.join(map(quoted, values))}]}}"
        for name, values in filters
    )
    fields = [f"    Owners: {json.dumps(owners)}"] if owners else []
    return "\n".join(["images:", "  - Name: x", *fields, "    Filters: >-", maps, ""])


@pytest.mark.parametrize(("owners", "filters"), ACCEPTED)
def test_a_public_list_is_read_unchanged(write: Write, owners: list[str], filters: Filters) -> None:
    """Every owner, name and value is read, with at most a warning about a missing architecture."""
    configuration = read_configuration(*write(as_list(owners, filters)))

    (image,) = configuration.catalogue.images
    assert isinstance(image.lookup, FilterLookup)
    assert {entry.name: set(entry.values) for entry in image.lookup.filters} == {
        name: set(values) for name, values in filters
    }
    assert list(image.lookup.owners) == sorted(owners)
    assert all("no architecture" in warning.message for warning in configuration.warnings)


@pytest.mark.parametrize(("owners", "filters"), ACCEPTED)
def test_a_public_list_may_be_written_in_the_older_form(
    write: Write, owners: list[str], filters: Filters
) -> None:
    """The older form and the list produce one lookup."""
    expected = load(*write(as_list(owners, filters)))

    assert load(*write(as_text(owners, filters))) == expected


@pytest.mark.parametrize(("owners", "filters", "says"), REFUSED)
def test_an_invalid_public_list_is_rejected(
    write: Write, owners: list[str], filters: Filters, says: str
) -> None:
    """The message has the mistake."""
    with pytest.raises(ConfigurationError) as caught:
        load(*write(as_list(owners, filters)))

    assert any(problem.message.startswith(says) for problem in caught.value.problems)
