"""The files below `botocore/data` for a function, reduced to the operations that it calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from botocore.loaders import Loader

from infra.package.calls import DOCUMENTS, MEMBERS, Operations
from infra.package.models import (
    Document,
    as_documents,
    cut_endpoints,
    cut_paginators,
    cut_service,
)

_WHOLE = ("_retry", "partitions", "sdk-default-configuration")
"""Small files that apply to all services."""


def service_data(botocore: Path, operations: Operations) -> Mapping[str, bytes]:
    """The content of each file by its path in the package; `botocore` is the unpacked library.

    The files are not compressed, since the zip of the package is.

    Raises:
        UnknownOperationError: a service has no such operation.
        UnknownShapeError: a service has no such shape.
        UnknownMemberError: a shape has no such member.
    """
    loader = Loader([str(botocore / "data")], include_default_search_paths=False)
    files: dict[str, Document] = {name: loader.load_data(name) for name in _WHOLE}
    prefixes = set()
    for service, names in operations.items():
        version = loader.determine_latest_version(service, "service-2")
        model = loader.load_service_model(service, "service-2", version)
        prefixes.add(model["metadata"]["endpointPrefix"])
        model = as_documents(model, DOCUMENTS.get(service, ()))
        files[f"{service}/{version}/service-2"] = cut_service(
            model, names, MEMBERS.get(service, {})
        )
        rules = loader.load_service_model(service, "endpoint-rule-set-1", version)
        files[f"{service}/{version}/endpoint-rule-set-1"] = rules
        pages = loader.load_service_model(service, "paginators-1", version)
        files[f"{service}/{version}/paginators-1"] = cut_paginators(pages, names)
    files["endpoints"] = cut_endpoints(loader.load_data("endpoints"), prefixes)
    return {f"botocore/data/{name}.json": _encoded(files[name]) for name in sorted(files)}


def _encoded(document: Document) -> bytes:
    """The document as compact JSON, in its original order, which is the order of serialisation."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
