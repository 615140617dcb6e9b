"""Cuts botocore's data down to given operations; pure, from JSON document to JSON document.

A client made from a cut model differs in nothing but the methods that it lacks: metadata, shapes,
errors and bindings of what is kept stay word for word, and prose alone is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.package.errors import PackagingError

Document = Mapping[str, Any]

_PROSE = frozenset({"documentation", "documentationUrl"})
_REFERENCES = ("input", "output", "member", "key", "value")


class UnknownOperationError(PackagingError):
    """The table of calls names an operation that the service does not have."""

    def __init__(self, service: str, unknown: Collection[str]) -> None:
        names = ", ".join(sorted(unknown))
        super().__init__(
            f"infra/package/calls.py: {service} has no operation {names} in the locked botocore"
        )


def cut_service(model: Document, operations: Collection[str]) -> Document:
    """The service model with these operations, and only the shapes that they reach.

    Raises:
        UnknownOperationError: the model lacks one of them.
    """
    if unknown := set(operations) - model["operations"].keys():
        raise UnknownOperationError(model["metadata"]["serviceId"], unknown)
    kept = {name: body for name, body in model["operations"].items() if name in operations}
    reached = _reached(kept.values(), model["shapes"])
    return {
        **_unspoken(model),
        "operations": {name: _silent(body) for name, body in kept.items()},
        "shapes": {
            name: _silent(shape) for name, shape in model["shapes"].items() if name in reached
        },
    }


def cut_paginators(model: Document, operations: Collection[str]) -> Document:
    """The paginators of these operations."""
    kept = {name: body for name, body in model["pagination"].items() if name in operations}
    return {**model, "pagination": kept}


def cut_endpoints(document: Document, prefixes: Collection[str]) -> Document:
    """The endpoints of services with these prefixes; every partition and region stays."""
    return {
        **document,
        "partitions": [
            {**partition, "services": _only(partition["services"], prefixes)}
            for partition in document["partitions"]
        ],
    }


def _only(services: Document, prefixes: Collection[str]) -> Document:
    return {name: body for name, body in services.items() if name in prefixes}


def _reached(operations: Collection[Document], shapes: Document) -> set[str]:
    """The names of all shapes that the operations and their errors lead to."""
    waiting = [name for operation in operations for name in _named(operation)]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_named(shapes[name]))
    return reached


def _named(body: Document) -> Iterator[str]:
    """The shapes that an operation or a shape refers to directly."""
    for reference in _REFERENCES:
        if reference in body:
            yield body[reference]["shape"]
    yield from (error["shape"] for error in body.get("errors", ()))
    yield from (member["shape"] for member in body.get("members", {}).values())


def _silent(body: Document) -> Document:
    """An operation or a shape without prose, that of its references included.

    Members may well be called `documentation`, so only the places of prose are looked at.
    """
    silent = dict(_unspoken(body))
    for reference in _REFERENCES:
        if reference in silent:
            silent[reference] = _unspoken(silent[reference])
    if "errors" in silent:
        silent["errors"] = [_unspoken(error) for error in silent["errors"]]
    if "members" in silent:
        members = silent["members"].items()
        silent["members"] = {name: _unspoken(member) for name, member in members}
    return silent


def _unspoken(body: Document) -> Document:
    return {key: value for key, value in body.items() if key not in _PROSE}
