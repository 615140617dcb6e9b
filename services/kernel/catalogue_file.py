"""The compiled catalogue: a file in the scheduler's package."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from services.kernel.decoding import parsed
from services.kernel.errors import MalformedError
from services.kernel.model import Catalogue, Image, Kind, Target
from services.kernel.wire import (
    AccountId,
    ImageName,
    LookupShape,
    Region,
    ReleaseShape,
    canonical_json,
    decode_lookup,
    decode_rule,
    encode_lookup,
    encode_rule,
    sha256,
)


class _Target(Struct, frozen=True, forbid_unknown_fields=True):
    account_id: AccountId
    region: Region


class _Image(Struct, frozen=True, forbid_unknown_fields=True):
    name: ImageName
    lookup: LookupShape
    announce: frozenset[Kind]
    regions: frozenset[Region] | None
    accounts: frozenset[AccountId] | None
    release: ReleaseShape | None
    family: ImageName | None


class _CatalogueFile(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    targets: list[_Target]
    images: list[_Image]
    digest: str


def encode_catalogue(catalogue: Catalogue) -> str:
    """The catalogue file in canonical form: equal configurations have equal bytes."""
    content = {
        "schema": 1,
        "targets": [
            {"account_id": t.account_id, "region": t.region} for t in sorted(catalogue.targets)
        ],
        "images": [
            {
                "name": image.name,
                "lookup": encode_lookup(image.lookup),
                "announce": sorted(image.announce),
                "regions": None if image.regions is None else sorted(image.regions),
                "accounts": None if image.accounts is None else sorted(image.accounts),
                "release": encode_rule(image.release),
                "family": image.family,
            }
            for image in sorted(catalogue.images, key=lambda image: image.name)
        ],
    }
    return canonical_json({**content, "digest": sha256(content)}) + "\n"


def decode_catalogue(text: str) -> Catalogue:
    """The catalogue in a compiled file.

    Raises:
        MalformedError: it was not written by `encode_catalogue`, or was changed afterwards.
    """
    what = "catalogue"
    file = parsed(what, text, _CatalogueFile)
    catalogue = Catalogue(
        targets=tuple(Target(t.account_id, t.region) for t in file.targets),
        images=tuple(
            Image(
                i.name,
                decode_lookup(what, i.lookup),
                i.announce,
                i.regions,
                i.accounts,
                decode_rule(i.release),
                i.family,
            )
            for i in file.images
        ),
    )
    if encode_catalogue(catalogue) != text:
        raise MalformedError(what, "its digest does not match its content; compile it again")
    return catalogue
