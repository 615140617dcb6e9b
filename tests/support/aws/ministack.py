"""ministack in a separate process: an AWS emulator with several accounts that enforces policies.

ministack runs what is deployed to it: schedules start functions, event source mappings poll,
functions run from their zips, and every call is authorised with the caller's policies.

    with ministack(folder, {"AWS_ENDPOINT_URL_SSM": …}) as aws:
        aws.client("sqs", "us-east-1", "111122223333").list_queues()
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import botocore.session
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

T = TypeVar("T")

_PYTHON = Path(__file__).parents[3] / ".venv-ministack" / "bin" / "python"
_SERVER = Path(__file__).with_name("ministack_server.py")
_HOST = "127.0.0.1"
_START_SECONDS = 300
_STOP_SECONDS = 60
_SECRET = "test"  # ministack's secret of every account's root
_CLIENT = Config(retries={"total_max_attempts": 2}, read_timeout=300)


@dataclass(slots=True)
class Ministack:
    """A running ministack: its endpoint, its certificate and its log."""

    endpoint_url: str
    certificate: Path
    log: Path
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str, account_id: str) -> Any:  # noqa: ANN401 - the caller narrows it
        """A client that acts as the root of an account."""
        key = (service, region, account_id)
        if key not in self._clients:
            self._clients[key] = _session().create_client(
                service,
                region_name=region,
                endpoint_url=self.endpoint_url,
                verify=str(self.certificate),
                aws_access_key_id=account_id,
                aws_secret_access_key=_SECRET,
                config=_CLIENT,
            )
        return self._clients[key]

    def environment(self, account_id: str, region: str) -> dict[str, str]:
        """The environment variables with which a program acts as the root of an account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": account_id,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": region,
        }

    def close(self) -> None:
        """Close every client's connections."""
        for client in self._clients.values():
            client.close()


@cache
def _session() -> botocore.session.Session:
    """A session that reads no profile: fixtures of a module see the user's environment."""
    nothing = {"profile": (None, None, None, None)}
    files = {f"{name}_file": (None, None, os.devnull, None) for name in ("config", "credentials")}
    return botocore.session.Session(session_vars={**nothing, **files})


@contextmanager
def ministack(
    folder: Path, functions: Mapping[str, str], *, seconds: int = 3600
) -> Iterator[Ministack]:
    """A ministack that enforces policies, until the block ends or `seconds` have passed.

    `functions` is added to the environment of the functions; all files are written below `folder`.
    Skips the test where ministack is not installed.
    """
    if not _PYTHON.exists():
        pytest.skip("ministack is not installed: run `make test` with the functions' Python")
    folder.mkdir(parents=True)
    certificate, key = _certificate(folder)
    log = folder / "ministack.log"
    # -P: this folder has a module with the name of the package.
    command = [_PYTHON, "-P", _SERVER, certificate, key, str(seconds)]
    with log.open("wb") as output, _process(command, output, _environment(folder, functions)) as it:
        port = int(_first_line(it, log))
        running = Ministack(f"https://{_HOST}:{port}", certificate, log)
        try:
            _wait_until_ready(running)
            yield running
        finally:
            running.close()


def _environment(folder: Path, functions: Mapping[str, str]) -> dict[str, str]:
    certificate = str(folder / "server.pem")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_CA_BUNDLE": certificate,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **functions,
    }


@contextmanager
def _process(
    command: Sequence[str | Path],
    output: BinaryIO,
    environment: Mapping[str, str],
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends; its child processes end too."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=output,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()  # the process ends when its input ends
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # the functions' processes
    except ProcessLookupError:
        return


def _first_line(process: subprocess.Popen[bytes], log: Path) -> str:
    line = process.stdout.readline().decode() if process.stdout else ""
    if not line.strip():
        raise RuntimeError(_not_started(log))
    return line


def _not_started(log: Path) -> str:
    return f"ministack did not start; end of its log: {log.read_text(encoding='utf-8')[-2000:]}"


def _wait_until_ready(running: Ministack) -> None:
    trust = ssl.create_default_context(cafile=str(running.certificate))

    def healthy() -> bool:
        try:
            urllib.request.urlopen(  # noqa: S310 - our own https address
                f"{running.endpoint_url}/_ministack/health", timeout=5, context=trust
            ).close()
        except OSError:
            return False
        return True

    if not eventually(healthy, bool, seconds=_START_SECONDS):
        raise RuntimeError(_not_started(running.log))


def eventually(
    read: Callable[[], T], accept: Callable[[T], bool], *, seconds: float, every: float = 0.5
) -> T:
    """Call `read` until its value is accepted or the time is over; return the last value."""
    end = time.monotonic() + seconds
    while not accept(value := read()) and time.monotonic() < end:
        time.sleep(every)
    return value


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address that is valid for one day, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ministack")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address(_HOST))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "server.pem", folder / "server.key"
    pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    private.write_bytes(key.private_bytes(*encoding, serialization.NoEncryption()))
    return pem, private
