"""The platform tags of wheels that run on a Lambda runtime."""

from __future__ import annotations

import pytest

from infra.package.lambda_platform import ARCHITECTURES, RUNTIMES, LambdaPlatform


@pytest.mark.parametrize(
    ("runtime", "architecture", "newest"),
    [
        ("python3.11", "x86_64", "manylinux_2_26_x86_64"),
        ("python3.12", "arm64", "manylinux_2_34_aarch64"),
        ("python3.13", "x86_64", "manylinux_2_34_x86_64"),
    ],
)
def test_newest_tag_matches_the_runtime(runtime: str, architecture: str, newest: str) -> None:
    """Python 3.11 runs on Amazon Linux 2, later ones on Amazon Linux 2023."""
    assert LambdaPlatform(runtime, architecture).tags[0] == newest


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tags_include_older_libraries(runtime: str, architecture: str) -> None:
    """Pip does not add older tags itself, and most wheels have older tags."""
    tags = LambdaPlatform(runtime, architecture).tags
    machine = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]

    assert {f"manylinux_2_17_{machine}", f"manylinux2014_{machine}"} <= set(tags)
    assert {tag.endswith(machine) for tag in tags} == {True}


def test_platform_has_a_readable_name() -> None:
    """The name of a platform is used in messages and in the path of cached wheels."""
    platform = LambdaPlatform("python3.13", "arm64")

    assert (str(platform), platform.python) == ("python3.13-arm64", "3.13")
