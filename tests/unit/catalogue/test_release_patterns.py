"""The patterns of the repository's image files read the names of their images, and no others."""

# ruff: noqa: E501 - a table reads best with one case in a line

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import moto
import pytest
from support.shipped import UNREAD, Name, images, names

from services.kernel.release_key import notes_url, release_key

RECORDED = Path(moto.__file__).parent / "ec2" / "resources"
"""moto's copies of AWS's responses: images of Amazon Linux and Amazon ECS in 30 regions."""
AL2 = "https://docs.aws.amazon.com/AL2/latest/relnotes"
AL2023 = "https://docs.aws.amazon.com/linux/al2023/release-notes"
ECS_WINDOWS = (
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-windows-ami-versions.html"
)
EKS_WINDOWS = "https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-versions-windows.html"
WINDOWS = "https://docs.aws.amazon.com/ec2/latest/windows-ami-reference/ec2-windows-ami-version-history.html"
RED_HAT = "https://docs.redhat.com/en/documentation/red_hat_enterprise_linux"
NEURON = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/release-notes/components/dlamis.html"
)
MACOS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/macos-ami-overview.html"
GITHUB = "https://github.com"


def _pattern(entry: str) -> str:
    rule = images()[entry].release
    assert rule is not None
    assert rule.pattern is not None
    return rule.pattern


@cache
def _tested() -> dict[str, str]:
    """The pattern of each section of release_keys.txt."""
    return {name.entry: _pattern(name.entry) for name in names() if name.entry != UNREAD}


@pytest.mark.parametrize("name", names(), ids=lambda name: name.text)
def test_only_the_pattern_of_its_family_reads_a_name(name: Name) -> None:
    """The key is the expected one. With the pattern of another family there is no key."""
    read = {entry: release_key(pattern, name.text) for entry, pattern in _tested().items()}

    found = {entry: key for entry, key in read.items() if key is not None}
    assert found == ({} if name.entry == UNREAD else {name.entry: name.key})


def test_every_entry_has_a_tested_pattern() -> None:
    """An entry with a new pattern needs a section with names."""
    untested = [name for name in images() if _pattern(name) not in _tested().values()]

    assert untested == []


def _recorded_names() -> set[str]:
    files = [
        path
        for kind in ("latest_amis", "ecs/optimized_amis")
        for path in (RECORDED / kind).glob("*.json.gz")
    ]
    return {
        image["name"] for path in files for image in json.loads(gzip.decompress(path.read_bytes()))
    }


def test_every_recorded_name_is_read_by_one_pattern() -> None:
    """This includes each kernel, minimal images and all images for Amazon ECS."""
    # No entry tracks Amazon Linux 1 and 2022, whose support has ended.
    current = {n for n in _recorded_names() if not n.startswith(("amzn-ami-", "al2022-"))}
    read = {name: [p for p in _tested().values() if release_key(p, name)] for name in current}

    assert len(current) > 1600
    assert [name for name, patterns in read.items() if len(patterns) != 1] == []


# fmt: off
NOTES = [
    ("al2023-x86_64", "al2023-ami-2023.12.20260930.0-kernel-6.18-x86_64", f"{AL2023}/relnotes-2023.12.20260930.html"),
    ("al2023-minimal-arm64", "al2023-ami-minimal-2023.12.20260930.0-kernel-6.18-arm64", f"{AL2023}/relnotes-2023.12.20260930.html"),
    ("al2-kernel-5.10-x86_64", "amzn2-ami-kernel-5.10-hvm-2.0.20260918.0-x86_64-gp2", f"{AL2}/relnotes-20260918.html"),
    ("ecs-al2023-gpu-x86_64", "al2023-ami-ecs-gpu-hvm-2023.0.20260813-kernel-6.1-x86_64-ebs", f"{GITHUB}/aws/amazon-ecs-ami/releases/tag/20260813"),
    ("al2023-eks-1.36-x86_64", "amazon-eks-node-al2023-x86_64-standard-1.36-v20260714", f"{GITHUB}/awslabs/amazon-eks-ami/releases/tag/v20260714"),
    ("bottlerocket-aws-k8s-1.35-x86_64", "bottlerocket-aws-k8s-1.35-x86_64-v1.58.0-c5c37032", f"{GITHUB}/bottlerocket-os/bottlerocket/releases/tag/v1.58.0"),
    ("ubuntu-24.04-amd64", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260911", "https://cloud-images.ubuntu.com/releases/noble/release-20260911/"),
    ("ubuntu-22.04-arm64", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-arm64-server-20260731", "https://cloud-images.ubuntu.com/releases/jammy/release-20260731/"),
    ("ubuntu-24.04-eks-1.34-amd64", "ubuntu-eks/k8s_1.34/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260923", "https://cloud-images.ubuntu.com/docs/aws/eks/"),
    ("windows-2022-english-full-base", "Windows_Server-2022-English-Full-Base-2026.09.17", f"{WINDOWS}#amis-2026"),
    ("ecs-windows-2025-english-full", "Windows_Server-2025-English-Full-ECS_Optimized-2025.09.13", ECS_WINDOWS),
    ("windows-2025-english-core-eks-1.35", "Windows_Server-2025-English-Core-EKS_Optimized-1.35-2026.04.18", EKS_WINDOWS),
    ("rhel-9-x86_64", "RHEL-9.6.0_HVM-20260811-x86_64-0-Hourly2-GP3", f"{RED_HAT}/9/html/9.6_release_notes/index"),
    ("rhel-8-arm64", "RHEL-8.10_HVM-20241008-arm64-2259-Hourly2-GP3", f"{RED_HAT}/8/html/8.10_release_notes/index"),
    ("debian-13-amd64", "debian-13-amd64-20260914-2601", "https://cloud.debian.org/images/cloud/trixie/20260914-2601/"),
    ("debian-12-arm64", "debian-12-arm64-20260923-2610", "https://cloud.debian.org/images/cloud/bookworm/20260923-2610/"),
    ("almalinux-10-x86_64", "AlmaLinux OS 10.2.20260817.0 x86_64", "https://wiki.almalinux.org/release-notes/10.2.html"),
    ("sles-15-sp7-x86_64", "suse-sles-15-sp7-v20260630-hvm-ssd-x86_64", None),
    ("rocky-9-arm64", "Rocky-9-EC2-Base-9.7-20251123.2.aarch64", None),
    ("flatcar-stable-amd64", "Flatcar-stable-4593.2.4-hvm", "https://www.flatcar.org/releases#release-4593.2.4"),
    ("freebsd-14.4-amd64", "FreeBSD 14.3-RELEASE-amd64 UEFI-PREFERRED cloud-init UFS", "https://www.freebsd.org/releases/14.3R/relnotes/"),
    ("talos-amd64", "talos-v1.8.2-us-east-1-amd64", f"{GITHUB}/siderolabs/talos/releases/tag/v1.8.2"),
    ("neuron-base-al2023", "Deep Learning Base Neuron AMI (Ubuntu 22.04) 20260511", NEURON),
    ("macos-tahoe-arm64", "amzn-ec2-macos-26.7-20260918-025529-arm64", MACOS),
    ("dlami-base-gpu-al2023-arm64", "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20260915", None),
]
# fmt: on


@pytest.mark.parametrize(("entry", "name", "url"), NOTES)
def test_the_notes_of_a_release(entry: str, name: str, url: str | None) -> None:
    """The URL is the one that the publisher uses; without a page there is none."""
    assert notes_url(images()[entry].release, name) == url
