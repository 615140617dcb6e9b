"""Amazon's root certificates, taken from botocore's bundle.

The packages contain them as a bundle of their own, since botocore reads the whole bundle again for
each connection. Amazon Trust Services recommends these five roots for custom trust stores:
https://www.amazontrust.com/repository/. That list has the SHA-256 of each public key, which a test
compares with these certificates.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

from infra.package.errors import PackagingError

AMAZON_ROOTS = "amazon-roots.pem"
"""File at the root of each package, as the settings of the functions expect."""

FINGERPRINTS: Mapping[str, str] = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}
"""SHA-256 of each certificate (DER), by the common name of its subject."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class MissingRootError(PackagingError):
    """botocore's bundle does not have a certificate."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"botocore/cacert.pem: the locked botocore has no certificate {name} with the SHA-256 "
            f"{FINGERPRINTS[name]}. Compare infra/package/roots.py with "
            "https://www.amazontrust.com/repository/"
        )


def amazon_roots(bundle: Path) -> bytes:
    """Amazon's roots in a bundle of certificates, in the order of `FINGERPRINTS`.

    Raises:
        MissingRootError: the bundle does not have one of them.
    """
    found = {
        hashlib.sha256(PEM_cert_to_DER_cert(pem)).hexdigest(): pem
        for pem in _CERTIFICATE.findall(bundle.read_text(encoding="utf-8"))
    }
    for name, fingerprint in FINGERPRINTS.items():
        if fingerprint not in found:
            raise MissingRootError(name)
    named = (f"# {name}\n{found[digest]}\n" for name, digest in FINGERPRINTS.items())
    return "".join(named).encode("ascii")
