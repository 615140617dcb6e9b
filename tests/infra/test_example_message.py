"""The example that sends messages: the exact requests, over TLS to a server of this machine."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import logging
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto import mock_aws
from support.aws.terraform import ROOT
from support.builders.aggregator import a_release
from support.loopback import served
from support.recipes import files_of

from services.aggregator.announce import announcement
from services.kernel.model import Kind

EXAMPLE = ROOT / "infra" / "examples" / "message"
TABLE = "ami-messages-sent"
IMAGE = "al2023-eks-1.33"
TOKEN = "example-token"


class Function(Protocol):
    """The part of the example's module that the tests use."""

    LEASE: int
    PAYLOAD: tuple[str, ...]
    MessageRefusedError: type[Exception]

    def handler(self, event: dict[str, Any], _context: object) -> dict[str, list[str]]:
        """The Lambda handler."""


@dataclass
class Service:
    """The service to which messages are sent: what it answers, and what it received."""

    address: str = ""
    status: int = 204
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        """The bodies of all requests."""
        return [request[3] for request in self.requests]


@pytest.fixture(scope="module", name="certificate")
def make_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(name="service")
def run_service(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """A running service with a certificate that the function trusts."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.requests.append((self.command, self.path, dict(self.headers), body))
            self.send_response(service.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            service.requests.append((self.command, self.path, dict(self.headers), None))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with served(Handler, context) as address:
        service.address = address
        yield service


@pytest.fixture(name="function")
def load_function(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    """The function with its table and a secret: the URL of a webhook."""
    monkeypatch.setenv("TABLE_NAME", TABLE)
    monkeypatch.setenv("SERVICE", "slack")
    monkeypatch.setenv("REPOSITORY", "octo-org/images")
    monkeypatch.setenv("GITHUB_API_URL", f"https://{service.address}/api/v3")
    spec = importlib.util.spec_from_file_location("example_message", EXAMPLE / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "event_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "event_id", "KeyType": "HASH"}],
        )
        url = f"https://{service.address}/hooks/T0?sig=secret"
        made = boto3.client("secretsmanager").create_secret(Name="messages", SecretString=url)
        monkeypatch.setenv("SECRET_ARN", made["ARN"])
        yield module


def event(version: int = 2, kind: Kind = Kind.RELEASE, **changed: str) -> dict[str, Any]:
    """The event with which SNS invokes a function; `changed` replaces attributes."""
    sent = announcement(a_release(IMAGE, version=version, kind=kind))
    attributes = {
        name: {"Type": "Number" if isinstance(value, int) else "String", "Value": str(value)}
        for name, value in sent.attributes.items()
    }
    attributes |= {name: {"Type": "String", "Value": value} for name, value in changed.items()}
    return {"Records": [{"Sns": {"Message": sent.body, "MessageAttributes": attributes}}]}


def value(sent: dict[str, Any], name: str) -> str:
    """An attribute of an event."""
    found: str = sent["Records"][0]["Sns"]["MessageAttributes"][name]["Value"]
    return found


def image_id(sent: dict[str, Any]) -> str:
    """The image id of an event."""
    found: str = json.loads(sent["Records"][0]["Sns"]["Message"])["v1"]["image"]["image_id"]
    return found


def set_secret(text: str) -> None:
    """Replace the secret."""
    boto3.client("secretsmanager").put_secret_value(SecretId="messages", SecretString=text)


def test_github_gets_the_event(
    function: Function,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request is that of GitHub's API, with the token of the secret."""
    monkeypatch.setenv("SERVICE", "github")
    set_secret(f"{TOKEN}\n")
    sent = event(release="20261120")

    assert function.handler(sent, None) == {"sent": [value(sent, "event_id")]}
    ((method, path, headers, body),) = service.requests
    assert (method, path) == ("POST", "/api/v3/repos/octo-org/images/dispatches")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Accept"] == "application/vnd.github+json"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert headers["User-Agent"] == "ami-tracker"
    assert body["event_type"] == "ami-release"
    payload = body["client_payload"]
    assert payload == {
        "event_id": value(sent, "event_id"),
        "kind": "release",
        "image_name": IMAGE,
        "image_id": image_id(sent),
        "previous_image_id": value(sent, "previous_image_id"),
        "ami_name": value(sent, "ami_name"),
        "release": "20261120",
        "account_id": value(sent, "account_id"),
        "region": value(sent, "region"),
        "version": "2",
    }
    assert len(payload) <= 10


def test_slack_gets_a_message(function: Function, service: Service) -> None:
    """The request goes to the URL of the secret, with a message in two forms."""
    sent = event(kind=Kind.ROLLBACK, release="20261120")

    function.handler(sent, None)

    ((method, path, headers, body),) = service.requests
    assert (method, path) == ("POST", "/hooks/T0?sig=secret")
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    text = (
        f"*Image rolled back*\n*Image:* `{IMAGE}`\n*Release:* `20261120`\n"
        f"*Image id:* `{image_id(sent)}`\n*Before:* `{value(sent, 'previous_image_id')}`\n"
        f"*Where:* `{value(sent, 'region')}, account {value(sent, 'account_id')}`"
    )
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    assert body == {"text": f"Image rolled back: {IMAGE}", "blocks": [section]}


def test_slack_message_has_no_foreign_format(function: Function, service: Service) -> None:
    """A name cannot mention a channel, make a link, end its code or add a line."""
    function.handler(event(release="`<!channel> & *x*\n<https://a.example|b>`"), None)

    text = service.bodies[0]["blocks"][0]["text"]["text"]
    escaped = "'&lt;!channel&gt; &amp; *x* &lt;https://a.example|b&gt;'"
    assert f"*Release:* `{escaped}`\n" in text


def test_teams_gets_a_card(
    function: Function,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request is a message with a card, whose foreign text is in text runs only."""
    monkeypatch.setenv("SERVICE", "teams")
    hostile = "[a](https://a.example) **b**"
    sent = event(release=hostile)

    function.handler(sent, None)

    ((_, path, _, body),) = service.requests
    assert path == "/hooks/T0?sig=secret"
    (attachment,) = body["attachments"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    blocks = attachment["content"]["body"]
    assert {block["type"] for block in blocks} == {"RichTextBlock"}
    assert {run["type"] for block in blocks for run in block["inlines"]} == {"TextRun"}
    assert ["".join(run["text"] for run in block["inlines"]) for block in blocks] == [
        "New image",
        f"Image: {IMAGE}",
        f"Release: {hostile}",
        f"Image id: {image_id(sent)}",
        f"Before: {value(sent, 'previous_image_id')}",
        f"Where: {value(sent, 'region')}, account {value(sent, 'account_id')}",
    ]


def test_copy_of_an_event_is_not_sent(function: Function, service: Service) -> None:
    """A duplicate event sends nothing; the next event of the image is sent."""
    function.handler(event(), None)

    assert function.handler(event(), None) == {"sent": []}
    function.handler(event(version=3), None)
    assert len(service.requests) == 2


@pytest.mark.parametrize("status", [302, 307, 400, 403, 404, 429, 500])
def test_refused_message_is_retried(
    function: Function,
    service: Service,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The function raises, follows no redirect, logs no secret, and sends at Lambda's retry."""
    caplog.set_level(logging.INFO)
    service.status = status
    with pytest.raises(
        function.MessageRefusedError, match=f"127.0.0.1 answered {status}"
    ) as caught:
        function.handler(event(), None)
    service.status = 200
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)

    assert len(function.handler(event(), None)["sent"]) == 1
    assert [request[0] for request in service.requests] == ["POST", "POST"]
    assert "sig=secret" not in f"{caught.value}{caplog.text}"


def test_rotated_secret_is_read_again(
    function: Function,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a refusal, the next attempt uses the new secret."""
    service.status = 404
    with pytest.raises(function.MessageRefusedError):
        function.handler(event(), None)
    set_secret(f"https://{service.address}/hooks/new")
    service.status = 200
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)

    function.handler(event(), None)

    assert [request[1] for request in service.requests] == ["/hooks/T0?sig=secret", "/hooks/new"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/hooks/secret", "hooks/secret", "https:///x"])
def test_only_https_is_used(function: Function, url: str) -> None:
    """Another URL is refused without repeating it."""
    set_secret(url)
    with pytest.raises(function.MessageRefusedError) as caught:
        function.handler(event(), None)

    assert "secret" not in str(caught.value)


def test_certificate_is_checked(
    function: Function,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server with an unknown certificate gets no message."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        function.handler(event(), None)

    assert service.requests == []


def test_lease_is_longer_than_the_timeout_and_shorter_than_the_retry_delay(
    function: Function,
) -> None:
    """A shorter lease would allow two runs at once; a longer one would drop Lambda's retry."""
    timeout = int((EXAMPLE / "main.tf").read_text().partition("timeout          = ")[2][:2])

    assert timeout < function.LEASE < 60


def test_workflow_uses_what_is_sent(function: Function) -> None:
    """The workflow reads fields of the payload, and none of them is a part of its script."""
    workflow = yaml.safe_load(files_of(EXAMPLE / "README.md")[".github/workflows/image.yml"])
    (step,) = workflow["jobs"]["build"]["steps"]
    fields = [text.split(".")[-1].removesuffix(" }}") for text in step["env"].values()]

    assert set(fields) <= set(function.PAYLOAD)
    assert "${{" not in step["run"]
    assert workflow[True] == {"repository_dispatch": {"types": ["ami-release"]}}
