"""Reduces botocore's data to given operations; pure, from JSON document to JSON document.

A client of a reduced model differs only in its missing methods, in the members of responses that
nothing reads, and in shapes whose content is not converted: metadata, shapes, errors and bindings
of the kept operations are otherwise unchanged, except for their documentation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.package.errors import PackagingError

Document = Mapping[str, Any]

_DOCUMENTATION = frozenset({"documentation", "documentationUrl"})
_REFERENCES = ("input", "output", "member", "key", "value")


class UnknownOperationError(PackagingError):
    """The table of calls contains an operation that the service does not have."""

    def __init__(self, service: str, unknown: Collection[str]) -> None:
        names = ", ".join(sorted(unknown))
        super().__init__(
            f"infra/package/calls.py: {service} has no operation {names} in the locked botocore"
        )


class UnknownShapeError(PackagingError):
    """The table of documents contains a shape that the service does not have."""

    def __init__(self, service: str, unknown: Collection[str]) -> None:
        names = ", ".join(sorted(unknown))
        super().__init__(
            f"infra/package/calls.py: {service} has no shape {names} in the locked botocore"
        )


class UnknownMemberError(PackagingError):
    """The table of members contains one that the shape does not have."""

    def __init__(self, service: str, shape: str, unknown: Collection[str]) -> None:
        names = ", ".join(sorted(unknown))
        super().__init__(
            f"infra/package/calls.py: {service}: the shape {shape} has no member {names} in the "
            "locked botocore"
        )


def cut_service(
    model: Document, operations: Collection[str], members: Mapping[str, Collection[str]]
) -> Document:
    """The service model with only these operations and the shapes that they use.

    `members` are the members of shapes that are kept; those of other shapes are all kept.

    Raises:
        UnknownOperationError: the model has no such operation.
        UnknownMemberError: a shape has no such member.
    """
    service = model["metadata"]["serviceId"]
    if unknown := set(operations) - model["operations"].keys():
        raise UnknownOperationError(service, unknown)
    kept = {name: body for name, body in model["operations"].items() if name in operations}
    narrow = {
        name: _narrowed(service, name, model["shapes"].get(name, {}), names)
        for name, names in members.items()
    }
    shapes = {**model["shapes"], **narrow}
    reached = _reached(kept.values(), shapes)
    return {
        **_without_own_docs(model),
        "operations": {name: _without_docs(body) for name, body in kept.items()},
        "shapes": {name: _without_docs(body) for name, body in shapes.items() if name in reached},
    }


def _narrowed(service: str, name: str, shape: Document, kept: Collection[str]) -> Document:
    members = shape.get("members", {})
    if unknown := set(kept) - members.keys():
        raise UnknownMemberError(service, name, unknown)
    return {**shape, "members": {each: members[each] for each in members if each in kept}}


def as_documents(model: Document, names: Collection[str]) -> Document:
    """The service model in which these shapes have any content that JSON can have.

    Raises:
        UnknownShapeError: the model has no such shape.
    """
    shapes = model["shapes"]
    if unknown := set(names) - shapes.keys():
        raise UnknownShapeError(model["metadata"]["serviceId"], unknown)
    document = {"type": "structure", "members": {}, "document": True}
    return {**model, "shapes": {**shapes, **dict.fromkeys(names, document)}}


def cut_paginators(model: Document, operations: Collection[str]) -> Document:
    """The paginators of these operations."""
    kept = {name: body for name, body in model["pagination"].items() if name in operations}
    return {**model, "pagination": kept}


def cut_endpoints(document: Document, prefixes: Collection[str]) -> Document:
    """The endpoints of services with these prefixes, in all partitions and regions."""
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
    """The names of all shapes that the operations and their errors use, directly or indirectly."""
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


def _without_docs(body: Document) -> Document:
    """An operation or a shape without documentation, also in its references.

    A member can be called `documentation`, so the names of members are not filtered.
    """
    result = dict(_without_own_docs(body))
    for reference in _REFERENCES:
        if reference in result:
            result[reference] = _without_own_docs(result[reference])
    if "errors" in result:
        result["errors"] = [_without_own_docs(error) for error in result["errors"]]
    if "members" in result:
        members = result["members"].items()
        result["members"] = {name: _without_own_docs(member) for name, member in members}
    return result


def _without_own_docs(body: Document) -> Document:
    return {key: value for key, value in body.items() if key not in _DOCUMENTATION}
