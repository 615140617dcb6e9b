"""Names of images in the form of real ones, for the large overview.

`{key}` in the name of an AMI is the release key, whose form is that of the publisher.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, product, zip_longest

from services.kernel.model import Filter, FilterLookup, Lookup, ParameterLookup

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1"),
    *("mx-central-1", "sa-east-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1"),
    *("eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "af-south-1", "il-central-1"),
    *("me-central-1", "me-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1"),
    *("ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1"),
    *("ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
    *("ap-southeast-6", "ap-southeast-7"),
)
_KUBERNETES = ("1.32", "1.33", "1.34", "1.35", "1.36")
_BOTH = ("x86_64", "arm64")
_DEBIAN = ("amd64", "arm64")


@dataclass(frozen=True, slots=True)
class Named:
    """An image: its family, its name, the name of its AMIs, its lookup and its release notes.

    `form` is the form of the release key, with the fields of a date and the number `n`.
    """

    family: str
    name: str
    ami: str
    form: str
    lookup: Lookup
    notes: str | None = None

    def key(self, year: int, month: int, day: int, number: int) -> str:
        """The release key of a release on a day; `number` counts releases."""
        date = {"y": year, "m": f"{month:02}", "d": f"{day:02}", "n": number}
        return self.form.format(**date)


def number_of(*parts: object, below: int) -> int:
    """A number that depends on the parts alone, the same in each run."""
    return zlib.crc32("/".join(map(str, parts)).encode()) % below


def names(count: int) -> list[Named]:
    """The first images, one of each family in turn."""
    turns = chain.from_iterable(zip_longest(*(list(family) for family in _families())))
    found = [each for each in turns if each][:count]
    return sorted(found, key=lambda each: (each.family, each.name))


def _families() -> Iterator[Iterator[Named]]:
    yield _eks()
    yield _bottlerocket()
    yield _amazon_linux()
    yield _ecs()
    yield _eks_windows()
    yield _windows()
    yield _ubuntu()
    yield _ubuntu_eks()
    yield _rhel()
    yield _debian()
    yield _deep_learning()
    yield _flatcar()
    yield _golden()


def _eks() -> Iterator[Named]:
    notes = "https://github.com/awslabs/amazon-eks-ami/releases/tag/v{key}"
    for version, flavour, arch in product(_KUBERNETES, ("standard", "nvidia", "neuron"), _BOTH):
        path = f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{arch}/{flavour}"
        name = f"al2023-eks-{version}-{flavour}-{arch}".replace("-standard", "")
        ami = f"amazon-eks-node-al2023-{arch}-{flavour}-{version}-v{{key}}"
        yield Named("eks", name, ami, "{y}{m}{d}", ParameterLookup(f"{path}/recommended"), notes)


def _bottlerocket() -> Iterator[Named]:
    notes = "https://github.com/bottlerocket-os/bottlerocket/releases/tag/v{key}"
    variants = [f"k8s-{each}" for each in _KUBERNETES] + ["ecs-2"]
    for variant, flavour, arch in product(variants, ("", "-nvidia", "-fips"), _BOTH):
        lookup = ParameterLookup(f"/aws/service/bottlerocket/aws-{variant}{flavour}/{arch}/latest")
        ami = f"bottlerocket-aws-{variant}{flavour}-{arch}-v{{key}}-c5c37032"
        name = f"bottlerocket-aws-{variant}{flavour}-{arch}"
        yield Named("bottlerocket", name, ami, "1.{n}.0", lookup, notes)


def _amazon_linux() -> Iterator[Named]:
    notes = "https://docs.aws.amazon.com/linux/al2023/release-notes/relnotes-{key}.html"
    for kernel, arch in product(("kernel-6.1", "kernel-6.12", "kernel-6.18", "minimal"), _BOTH):
        path = f"/aws/service/ami-amazon-linux-latest/al2023-ami-{kernel}-{arch}"
        ami = f"al2023-ami-{{key}}.0-{kernel}-{arch}"
        lookup = ParameterLookup(path)
        yield Named(
            "amazon-linux", f"al2023-{kernel}-{arch}", ami, "2023.12.{y}{m}{d}", lookup, notes
        )


def _ecs() -> Iterator[Named]:
    notes = "https://github.com/aws/amazon-ecs-ami/releases/tag/{key}"
    for line, arch in product(("al2023", "al2023-gpu", "al2-kernel-5.10", "al2"), _BOTH):
        path = f"/aws/service/ecs/optimized-ami/{line}/{arch}/recommended"
        ami = f"{line}-ami-ecs-hvm-2023.0.{{key}}-kernel-6.1-{arch}"
        yield Named("ecs", f"ecs-{line}-{arch}", ami, "{y}{m}{d}", ParameterLookup(path), notes)


def _eks_windows() -> Iterator[Named]:
    notes = "https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-versions-windows.html"
    for year, edition, version in product(("2022", "2025"), ("Core", "Full"), _KUBERNETES):
        base = f"Windows_Server-{year}-English-{edition}-EKS_Optimized-{version}"
        lookup = ParameterLookup(f"/aws/service/ami-windows-latest/{base}/image_id")
        name = f"windows-{year}-english-{edition.lower()}-eks-{version}"
        yield Named("eks-windows", name, f"{base}-{{key}}", "{y}.{m}.{d}", lookup, notes)


def _windows() -> Iterator[Named]:
    page = "ec2/latest/windows-ami-reference/ec2-windows-ami-version-history.html"
    editions = ("Full-Base", "Core-Base", "Full-SQL_2022_Standard", "Full-SQL_2022_Web")
    more = ("Full-SQL_2022_Express", "Full-SQL_2022_Enterprise", "Full-ECS_Optimized")
    older = ("Full-SQL_2019_Standard", "Full-SQL_2019_Web", "Full-SQL_2019_Express")
    for year, edition in product(("2016", "2019", "2022", "2025"), (*editions, *more, *older)):
        base = f"Windows_Server-{year}-English-{edition}"
        lookup = ParameterLookup(f"/aws/service/ami-windows-latest/{base}")
        name = f"windows-{year}-english-{edition.lower().replace('_', '-')}"
        notes = f"https://docs.aws.amazon.com/{page}"
        yield Named("windows", name, f"{base}-{{key}}", "{y}.{m}.{d}", lookup, notes)


def _ubuntu() -> Iterator[Named]:
    codenames = {"22.04": "jammy", "24.04": "noble", "26.04": "resolute"}
    for (version, codename), kind, arch in product(
        codenames.items(), ("server", "server-minimal", "pro-server"), _DEBIAN
    ):
        path = f"/aws/service/canonical/ubuntu/{kind}/{version}/stable/current/{arch}/hvm/ebs-gp3"
        ami = f"ubuntu/images/hvm-ssd-gp3/ubuntu-{codename}-{version}-{arch}-{kind}-{{key}}"
        name = f"ubuntu-{version}-{kind}-{arch}".replace("-server-a", "-a")
        notes = f"https://cloud-images.ubuntu.com/releases/{codename}/release-{{key}}/"
        yield Named("ubuntu", name, ami, "{y}{m}{d}", ParameterLookup(f"{path}/ami-id"), notes)


def _ubuntu_eks() -> Iterator[Named]:
    for version, arch in product(_KUBERNETES, _DEBIAN):
        path = f"/aws/service/canonical/ubuntu/eks/24.04/{version}/stable/current/{arch}/hvm"
        ami = (
            f"ubuntu-eks/k8s_{version}/images/hvm-ssd-gp3/ubuntu-noble-24.04-{arch}-server-{{key}}"
        )
        lookup = ParameterLookup(f"{path}/ebs-gp3/ami-id")
        yield Named("ubuntu-eks", f"ubuntu-eks-24.04-{version}-{arch}", ami, "{y}{m}{d}", lookup)


def _filters(owner: str, name: str, arch: str) -> FilterLookup:
    filters = (Filter("architecture", (arch,)), Filter("name", (name,)))
    return FilterLookup(filters, (owner,), ("*BETA*",))


def _rhel() -> Iterator[Named]:
    for major, arch in product(("8.10", "9.8", "10.2"), _BOTH):
        lookup = _filters("309956199498", f"RHEL-{major[:2]}*_HVM*-{arch}-*-Hourly2-GP3", arch)
        ami = f"RHEL-{{key}}-{arch}-0-Hourly2-GP3"
        name = f"rhel-{major.split('.')[0]}-{arch}"
        yield Named("rhel", name, ami, f"{major}.0_HVM-{{y}}{{m}}{{d}}", lookup)


def _debian() -> Iterator[Named]:
    for version, arch in product(("12", "13"), _DEBIAN):
        path = f"/aws/service/debian/release/{version}/latest/{arch}"
        ami = f"debian-{version}-{arch}-{{key}}"
        yield Named(
            "debian", f"debian-{version}-{arch}", ami, "{y}{m}{d}-2{n}", ParameterLookup(path)
        )


def _deep_learning() -> Iterator[Named]:
    bases = ("base-oss-nvidia-driver-gpu-ubuntu-24.04", "oss-nvidia-driver-gpu-pytorch-2.9")
    for base, arch in product((*bases, "base-neuron-amazon-linux-2023"), _BOTH):
        path = f"/aws/service/deeplearning/ami/{arch}/{base}/latest/ami-id"
        ami = f"Deep Learning OSS Nvidia Driver AMI ({base}, {arch}) {{key}}"
        yield Named("deep-learning", f"dl-{base}-{arch}", ami, "{y}{m}{d}", ParameterLookup(path))


def _flatcar() -> Iterator[Named]:
    notes = "https://www.flatcar.org/releases#release-{key}"
    for channel, arch in product(("stable", "beta"), _BOTH):
        lookup = _filters("075585003325", f"Flatcar-{channel}-*-hvm", arch)
        ami = f"Flatcar-{channel}-{{key}}-{arch}-hvm"
        yield Named("flatcar", f"flatcar-{channel}-{arch}", ami, "4593.2.{n}", lookup, notes)


def _golden() -> Iterator[Named]:
    for purpose, arch in product(("base", "build", "database", "legacy", "web"), _BOTH):
        lookup = _filters("111122223333", f"golden-{purpose}-{arch}-*", arch)
        ami = f"golden-{purpose}-{arch}-{{key}}"
        yield Named("golden", f"golden-{purpose}-{arch}", ami, "{y}{m}{d}.{n}", lookup)
