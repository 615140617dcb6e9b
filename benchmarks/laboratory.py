"""A stub, the packages, and the processes of the functions, for one run of the benchmarks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.catalogue import catalogue
from benchmarks.certificates import write_certificate
from benchmarks.function import Function
from benchmarks.packages import Packages, unpack
from benchmarks.stub_process import Stub
from benchmarks.world import HUB_REGION, World
from infra.package.roots import AMAZON_ROOTS
from services.kernel.catalogue_file import encode_catalogue

TABLE = "ami-tracker"


@dataclass(slots=True)
class Laboratory:
    """What every measurement uses; `folder` is removed at the end."""

    stub: Stub
    packages: Packages
    folder: Path
    _logs: int = field(default=0, init=False)

    def function(
        self, name: str, world: World, *, tls: bool = False, timeout_seconds: int = 900
    ) -> Function:
        """A function that is started from its package."""
        module = f"services.{name}.handler"
        environ = {**self._environ(tls=tls), **self._settings(world)}
        environ["BENCH_TIMEOUT_SECONDS"] = str(timeout_seconds)
        roots = self.packages.functions[name] / AMAZON_ROOTS
        if tls and roots.exists():
            # The functions do not use this file by themselves if an endpoint is configured.
            environ["AWS_CA_BUNDLE"] = str(roots)
        log = self.new_log(name)
        return Function(self.packages.python, self.packages.functions[name], module, environ, log)

    def compared(
        self, module: str, *, tls: bool = False, one_certificate: bool = False
    ) -> Function:
        """A module of this package that is compared with the functions.

        With one certificate, it does not need to read those of the SDK for each connection.
        """
        environ = self._environ(tls=tls)
        if tls:
            own = self.folder / "certificate.pem"
            environ["AWS_CA_BUNDLE"] = str(own if one_certificate else self.packages.bundle)
        environ["BENCH_SDK"] = str(self.packages.sdk)
        here = Path(__file__).parent / "compared"
        return Function(self.packages.python, here, module, environ, self.new_log(module))

    def new_log(self, name: str) -> Path:
        """A path for the output of a process."""
        self._logs += 1
        return self.folder / f"{self._logs:03d}-{name}.log"

    def _environ(self, *, tls: bool) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-benchmark",
            "AWS_SESSION_TOKEN": "token" * 60,
            "AWS_REGION": HUB_REGION,
            "AWS_DEFAULT_REGION": HUB_REGION,
            "AWS_ENDPOINT_URL": self.stub.url(tls=tls),
            "AWS_EC2_METADATA_DISABLED": "true",
            "TABLE_NAME": TABLE,
            "QUEUE_URL": f"{self.stub.url(tls=tls)}/999900000000/ami-tracker-requests",
        }

    def _settings(self, world: World) -> Mapping[str, str]:
        path = self.folder / f"catalogue-{world.images}-{world.accounts}-{world.family}.json"
        if not path.exists():
            path.write_text(encode_catalogue(catalogue(world)), encoding="utf-8")
        return {"CATALOGUE_PATH": str(path), "EXTERNAL_ID": "of-the-benchmark"}


@contextmanager
def laboratory(zips: Mapping[str, Path], environ: Mapping[str, str]) -> Iterator[Laboratory]:
    """Start a stub and unpack the packages; stop and remove them at the end."""
    with tempfile.TemporaryDirectory(prefix="ami-tracker-bench-") as name:
        folder = Path(name)
        certificate = write_certificate(folder)
        packages = unpack(zips, folder / "packages", environ, certificate[0])
        with Stub(certificate) as stub:
            yield Laboratory(stub, packages, folder)
