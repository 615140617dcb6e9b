"""What people write in place of an SSM parameter's name, and what to write instead."""

from __future__ import annotations

import re

from services.catalogue import problems

_EXAMPLE = "/aws/service/…/image_id"
_REFERENCE = re.compile(r"\{\{\s*|\s*\}\}|(resolve:)?ssm(-secure)?:")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}?|<[^>]*>|\$[A-Za-z_]\w*|\{[^}]*\}")
_ARN = re.compile(r"arn:[^:]*:ssm:[^:]*:[^:]*:parameter")
_SUFFIX = re.compile(r":([A-Za-z0-9_.-]+)$")
_FOREIGN = re.compile(r"[^A-Za-z0-9_./-]")
_LONGEST = 300  # characters that are shown of a name to write; most public ones have fewer than 100


def _shown(text: str) -> str:
    """A path or a part of it, as a sentence holds it."""
    return problems.shown(text, _LONGEST)


def path_mistake(path: str) -> str:
    """Why a text is no parameter's name: one sentence for the first thing that is wrong."""
    return next((said for find in _MISTAKES if (said := find(path))), _NO_NAME)


def _reference(path: str) -> str | None:
    """The dynamic references of CloudFormation and the form that EC2's launch templates take."""
    rest = _REFERENCE.sub("", path)
    for mark in ("{{", "resolve:ssm", "ssm:"):
        if mark in path and (mark == "{{" or path.startswith(mark)):
            name = f": {_shown(rest)}" if rest.startswith("/") else ""
            return f"holds {mark}, which only other tools read; write the parameter's name{name}"
    return None


def _arn(path: str) -> str | None:
    if not path.startswith("arn:"):
        return None
    name = _ARN.sub("", path)
    better = _shown(name) if name.startswith("/") else _EXAMPLE
    return f"is an ARN; write the parameter's name, {better}, which is read in each watched account"


def _placeholder(path: str) -> str | None:
    found = _PLACEHOLDER.search(path)
    if found is None:
        return None
    return (
        f"holds the placeholder {_shown(found[0])}, which nothing fills in here; "
        "write the text itself"
    )


def _space(path: str) -> str | None:
    if path != path.strip():
        return f"begins or ends with a space; write {_shown(path.strip())}"
    if re.search(r"\s", path):
        return "holds a space, and no parameter's name does; remove it"
    return None


def _suffix(path: str) -> str | None:
    found = _SUFFIX.search(path)
    if found is None:
        return None
    name = _shown(path[: found.start()])
    if found[1].isdigit():
        return f"ends with the version :{found[1]}, and a version never changes; write {name}"
    return f"ends with the label :{found[1]}, and labels are not supported; write {name}"


def _wildcard(path: str) -> str | None:
    if "*" not in path and "?" not in path:
        return None
    return "holds a wildcard, and SSM knows none; write one parameter's whole name, or use Filters"


def _slashes(path: str) -> str | None:
    if _FOREIGN.search(path):
        return None
    if path.endswith("/"):
        return f"ends with a slash, so it names a folder; write a parameter's name: {_EXAMPLE}"
    if "//" in path:
        return f"holds two slashes in a row; write {_shown(re.sub('/+', '/', path))}"
    if "/" in path and not path.startswith("/"):
        return f"begins without a slash; write {_shown('/' + path)}"
    return None


def _character(path: str) -> str | None:
    found = _FOREIGN.search(path)
    if found is None:
        return None
    return (
        f"holds {_shown(found[0])}, and no parameter's name does; "
        "write letters A to Z, digits and . _ - between slashes"
    )


_NO_NAME = f"is no parameter's name; write one such as {_EXAMPLE}"
_MISTAKES = (
    _reference, _arn, _placeholder, _space, _suffix, _wildcard, _slashes, _character,
)  # fmt: skip
