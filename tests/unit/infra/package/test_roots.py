"""Amazon's root certificates are taken out of botocore's bundle."""

from __future__ import annotations

import re
from pathlib import Path

import botocore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.package.roots import FINGERPRINTS, MissingRootError, amazon_roots

BUNDLE = Path(botocore.__file__).parent / "cacert.pem"

PUBLIC_KEYS = {
    "CN=Amazon Root CA 1,O=Amazon,C=US": (
        "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2"
    ),
    "CN=Amazon Root CA 2,O=Amazon,C=US": (
        "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461"
    ),
    "CN=Amazon Root CA 3,O=Amazon,C=US": (
        "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9"
    ),
    "CN=Amazon Root CA 4,O=Amazon,C=US": (
        "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5"
    ),
    "CN=Starfield Services Root Certificate Authority - G2,O=Starfield Technologies\\, Inc.,"
    "L=Scottsdale,ST=Arizona,C=US": (
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92"
    ),
}
"""SHA-256 of each public key, as https://www.amazontrust.com/repository/ lists them."""


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # that of Starfield is 0
def test_roots_are_those_of_amazon_trust_services() -> None:
    """Subjects and public keys are exactly those of the public list."""
    found = x509.load_pem_x509_certificates(amazon_roots(BUNDLE))

    assert {each.subject.rfc4514_string(): public_key(each) for each in found} == PUBLIC_KEYS
    assert [each.fingerprint(hashes.SHA256()).hex() for each in found] == [*FINGERPRINTS.values()]


def public_key(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate's public key."""
    digest = hashes.Hash(hashes.SHA256())
    key = certificate.public_key()
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_missing_root_is_an_error(tmp_path: Path, name: str) -> None:
    """The error names the certificate and its fingerprint, and where the list is."""
    own = re.search(rf"# {name}\n(.*?-----END CERTIFICATE-----)", amazon_roots(BUNDLE).decode(), 16)
    assert own is not None
    bundle = tmp_path / "cacert.pem"
    bundle.write_text(BUNDLE.read_text("utf-8").replace(own[1], ""), encoding="utf-8")

    with pytest.raises(MissingRootError, match=rf"no certificate {name} with the SHA-256 \w{{64}}"):
        amazon_roots(bundle)
