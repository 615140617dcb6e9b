"""Which wheels run on a Lambda runtime."""

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
def test_wheels_must_not_want_a_newer_library(runtime: str, architecture: str, newest: str) -> None:
    """Python 3.11 runs on Amazon Linux 2, later ones on Amazon Linux 2023."""
    assert LambdaPlatform(runtime, architecture).tags[0] == newest


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_older_libraries_are_asked_for_too(runtime: str, architecture: str) -> None:
    """Pip takes each tag by itself: without the older ones it would find few wheels."""
    tags = LambdaPlatform(runtime, architecture).tags
    machine = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]

    assert {f"manylinux_2_17_{machine}", f"manylinux2014_{machine}"} <= set(tags)
    assert {tag.endswith(machine) for tag in tags} == {True}


def test_a_platform_is_named_as_people_write_it() -> None:
    """Its name stands in messages and in the folder of kept wheels."""
    platform = LambdaPlatform("python3.13", "arm64")

    assert (str(platform), platform.python) == ("python3.13-arm64", "3.13")
