"""The functions trust Amazon's roots only, unless a setting says otherwise."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path

import botocore
import pytest
from botocore.exceptions import SSLError

from benchmarks.certificates import write_certificate
from infra.package.roots import AMAZON_ROOTS as FILE_IN_PACKAGE
from infra.package.roots import amazon_roots
from services.kernel import settings
from services.kernel.hub_session import AssumedSession, HubSession
from services.kernel.settings import AMAZON_ROOTS, Environment

_ANSWER = b"""
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>
"""
_SDK = Path(botocore.__file__).parent / "cacert.pem"


class Sts(BaseHTTPRequestHandler):
    """A server that answers GetCallerIdentity."""

    def do_POST(self) -> None:
        """Answer one call."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture(name="certificate", scope="module")
def certificate_of_the_server(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that no authority has signed, and its key."""
    return write_certificate(tmp_path_factory.mktemp("server"))


@pytest.fixture(name="url")
def tls_server(certificate: tuple[Path, Path]) -> Iterator[str]:
    """The URL of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = HTTPServer(("127.0.0.1", 0), Sts)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a refused handshake
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="roots")
def packaged_roots(tmp_path: Path) -> Path:
    """The file that a package has."""
    path = tmp_path / FILE_IN_PACKAGE
    path.write_bytes(amazon_roots(_SDK))
    return path


def account(url: str, roots: Path, *, member: bool = False, region: str = "eu-west-1") -> str:
    """The answer of a call, with the hub's credentials or with those of a role."""
    hub = HubSession(region, endpoint_url=url, amazon_roots=roots)
    role = AssumedSession("ASIA", "secret", "token", datetime(2026, 11, 22, 7, tzinfo=UTC))
    client = hub.member_client("sts", region, role) if member else hub.client("sts")
    found: str = client.get_caller_identity()["Account"]
    return found


@pytest.fixture(name="with_server")
def roots_with_the_server(roots: Path, certificate: tuple[Path, Path]) -> Path:
    """The bundle of a package with one more certificate: that of the server."""
    path = roots.with_name("with-server.pem")
    path.write_bytes(roots.read_bytes() + certificate[0].read_bytes())
    return path


@pytest.mark.parametrize("member", [False, True])
def test_only_certificates_of_the_bundle_are_accepted(
    url: str, roots: Path, with_server: Path, *, member: bool
) -> None:
    """A server with another root is refused, one with a root of the bundle is accepted."""
    with pytest.raises(SSLError, match="certificate verify failed"):
        account(url, roots, member=member)
    assert account(url, with_server, member=member) == "111122223333"


@pytest.mark.parametrize("place", ["environment", "configuration file"])
def test_own_bundle_has_priority(
    url: str, roots: Path, with_server: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A bundle in AWS_CA_BUNDLE or in the configuration file is used instead."""
    if place == "environment":
        monkeypatch.setenv("AWS_CA_BUNDLE", str(with_server))
    else:
        file = roots.with_name("config")
        file.write_text(f"[default]\nca_bundle = {with_server}\n", encoding="utf-8")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))

    assert account(url, roots) == "111122223333"


@pytest.mark.parametrize(
    ("region", "used"),
    [
        ("eu-west-1", True),
        ("eu-central-9", True),  # a region that the SDK does not know yet
        ("cn-north-1", False),
        ("us-gov-west-1", False),
        ("eusc-de-east-1", False),
        ("us-iso-east-1", False),
        ("moon-1", False),
    ],
)
def test_other_partitions_use_the_bundle_of_the_sdk(
    roots: Path, region: str, *, used: bool
) -> None:
    """Servers of other partitions can have certificates of other authorities."""
    hub = HubSession(region, endpoint_url="https://127.0.0.1:1", amazon_roots=roots)
    verify = hub.client("sts")._endpoint.http_session._verify  # noqa: SLF001 - has no other name

    assert verify == (str(roots) if used else True)


@pytest.mark.parametrize(
    ("environ", "used"),
    [
        ({}, True),
        ({"AWS_CA_BUNDLE": "", "HTTPS_PROXY": ""}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"}, True),
        ({"AWS_CA_BUNDLE": "/opt/ca.pem"}, False),
        ({"REQUESTS_CA_BUNDLE": "/opt/ca.pem"}, False),
        ({"AWS_ENDPOINT_URL": "https://127.0.0.1:1"}, False),
        ({"AWS_ENDPOINT_URL_SSM": "https://127.0.0.1:1"}, False),
        ({"https_proxy": "https://127.0.0.1:1"}, False),
    ],
)
def test_settings_that_leave_the_decision_to_the_sdk(
    roots: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, used: bool
) -> None:
    """They name certificates, or a server whose certificate can be of another authority."""
    monkeypatch.setattr(settings, "AMAZON_ROOTS", roots)

    assert Environment("test", environ).amazon_roots() == (roots if used else None)


def test_only_packages_have_the_bundle() -> None:
    """The functions find it next to `services`, and outside of a package they do without it."""
    assert AMAZON_ROOTS.name == FILE_IN_PACKAGE
    assert AMAZON_ROOTS.parent == Path(settings.__file__).parents[2]
    assert Environment("test", {}).amazon_roots() is None


@pytest.mark.parametrize(
    ("function", "factory"),
    [
        ("scheduler", "_scheduler"),
        ("lookup", "_worker"),
        ("aggregator", "_relay"),
        ("publisher", "_clients"),
    ],
)
def test_every_function_uses_the_bundle(
    roots: Path, monkeypatch: pytest.MonkeyPatch, function: str, factory: str
) -> None:
    """The entry point gives the bundle of its package to its clients."""
    given = []

    class Hub(HubSession):
        def __init__(self, region: str, *, amazon_roots: Path | None = None) -> None:
            super().__init__(region, amazon_roots=amazon_roots)
            given.append(amazon_roots)

    monkeypatch.setattr(settings, "AMAZON_ROOTS", roots)
    module = import_module(f"services.{function}.handler")
    monkeypatch.setattr(module, "HubSession", Hub)
    names = ("TABLE_NAME", "QUEUE_URL", "BUCKET_NAME", "EXTERNAL_ID")
    environ = dict.fromkeys(names, "https://name") | {"AWS_REGION": "eu-west-1"}
    getattr(module, factory).__wrapped__(module.Settings.from_env(environ))

    assert given == [roots]
