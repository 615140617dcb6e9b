"""Common mistakes in the names of SSM parameters, and what to write instead."""

from __future__ import annotations

import re

from services.catalogue import problems
from services.catalogue.arns import arn_mistake, is_arn, name_of

_EXAMPLE = "/aws/service/…/image_id"
_NOT_ALLOWED = "which is not allowed in a parameter's name"
_REFERENCE = re.compile(r"\{\{\s*|\s*\}\}|(resolve:)?ssm(-secure)?:")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}?|<[^>]*>|\$[A-Za-z_]\w*|\{[^}]*\}")
_SUFFIX = re.compile(r":([A-Za-z0-9_.-]+)$")
_FOREIGN = re.compile(r"[^A-Za-z0-9_./-]")
_LONGEST = 300  # characters of a name that a message shows; most public names have fewer than 100


def _shown(text: str) -> str:
    """A path or a part of it, quoted for a message."""
    return problems.shown(text, _LONGEST)


def path_mistake(path: str) -> str:
    """Why a text is not a parameter's name: one sentence about its first mistake."""
    return next((found for find in _MISTAKES if (found := find(path))), _NOT_A_NAME)


def _reference(path: str) -> str | None:
    """Dynamic references of CloudFormation, and the `resolve:ssm:` form of launch templates."""
    rest = _REFERENCE.sub("", path)
    for mark in ("{{", "resolve:ssm", "ssm:"):
        if mark in path and (mark == "{{" or path.startswith(mark)):
            name = f": {_shown(rest)}" if rest.startswith("/") else ""
            return f"contains {mark}, the syntax of other tools; write the parameter's name{name}"
    return None


def _arn(path: str) -> str | None:
    """The ARN of a parameter that another account shares."""
    return arn_mistake(path) if is_arn(path) else None


def _placeholder(path: str) -> str | None:
    found = _PLACEHOLDER.search(path)
    if found is None:
        return None
    return (
        f"contains the placeholder {_shown(found[0])}, which is not replaced here; "
        "write the text itself"
    )


def _space(path: str) -> str | None:
    if path != path.strip():
        return f"begins or ends with a space; write {_shown(path.strip())}"
    if re.search(r"\s", path):
        return f"contains a space, {_NOT_ALLOWED}; remove it"
    return None


def _suffix(path: str) -> str | None:
    found = _SUFFIX.search(path)
    if found is None:
        return None
    name = _shown(path[: found.start()])
    if found[1].isdigit():
        return f"ends with the version :{found[1]}, whose value never changes; write {name}"
    return f"ends with the label :{found[1]}, and labels are not supported; write {name}"


def _wildcard(path: str) -> str | None:
    if "*" not in path and "?" not in path:
        return None
    return "contains a wildcard, which is not supported; write one parameter's name, or use Filters"


def _slashes(path: str) -> str | None:
    if _FOREIGN.search(name_of(path)):
        return None
    if path.endswith("/"):
        return f"ends with a slash, so it is only a path; write a parameter's name: {_EXAMPLE}"
    if "//" in path:
        return f"contains two slashes in a row; write {_shown(re.sub('/+', '/', path))}"
    if "/" in path and not name_of(path).startswith("/"):
        return f"begins without a slash; write {_shown('/' + path)}"
    return None


def _character(path: str) -> str | None:
    found = _FOREIGN.search(name_of(path))
    if found is None:
        return None
    return (
        f"contains {_shown(found[0])}, {_NOT_ALLOWED}; "
        "use letters A to Z, digits and . _ - between slashes"
    )


_NOT_A_NAME = f"is not a parameter's name; write one such as {_EXAMPLE}"
_MISTAKES = (
    _reference, _placeholder, _space, _arn, _suffix, _wildcard, _slashes, _character,
)  # fmt: skip
