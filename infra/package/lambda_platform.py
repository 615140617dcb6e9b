"""The properties of a Lambda runtime that a package depends on."""

from __future__ import annotations

from dataclasses import dataclass

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_AMAZON_LINUX_2, _AMAZON_LINUX_2023 = 26, 34
_GLIBC = {
    "python3.11": _AMAZON_LINUX_2,
    "python3.12": _AMAZON_LINUX_2023,
    "python3.13": _AMAZON_LINUX_2023,
}
"""The minor version of each runtime's glibc.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""
_OLDEST_GLIBC = 17

RUNTIMES = tuple(_GLIBC)
ARCHITECTURES = tuple(_MACHINES)


@dataclass(frozen=True, slots=True)
class LambdaPlatform:
    """A runtime and a processor architecture, with Lambda's names."""

    runtime: str
    architecture: str

    @property
    def python(self) -> str:
        """The version of Python, such as `3.13`."""
        return self.runtime.removeprefix("python")

    @property
    def tags(self) -> tuple[str, ...]:
        """The platform tags of wheels for this platform, the most specific first."""
        machine = _MACHINES[self.architecture]
        newest = _GLIBC[self.runtime]
        numbered = (f"manylinux_2_{minor}" for minor in range(newest, _OLDEST_GLIBC - 1, -1))
        return tuple(f"{tag}_{machine}" for tag in (*numbered, "manylinux2014"))

    def __str__(self) -> str:
        return f"{self.runtime}-{self.architecture}"
