"""The changes of a resource's attributes, without sensitive values; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.deploy.text import listed, short

UNKNOWN = "(known after apply)"
SENSITIVE = "(sensitive)"


def differences(change: Mapping[str, Any]) -> list[str]:
    """Each changed attribute as `name: before → after`, sorted by name."""
    found = _compared(
        "",
        (change.get("before"), change.get("after")),
        (change.get("before_sensitive"), change.get("after_sensitive")),
        change.get("after_unknown"),
    )
    return list(found)


def forcing(change: Mapping[str, Any]) -> list[str]:
    """The attributes that force a replacement, with their changes."""
    paths = [_path(path) for path in change.get("replace_paths", [])]
    changes = differences(change)
    found = []
    for path in paths:
        inside = [line for line in changes if line.startswith((f"{path}:", f"{path}.", f"{path}["))]
        found += inside or [path]
    return found


def _path(steps: Iterable[str | int]) -> str:
    path = ""
    for step in steps:
        path = _below(path, step)
    return path


def _below(path: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def _compared(
    path: str, values: tuple[Any, Any], sensitive: tuple[Any, Any], unknown: object
) -> Iterator[str]:
    before, after = values
    if unknown is True:
        yield f"{path}: {UNKNOWN}"
    elif True in sensitive:
        if before != after:
            yield f"{path}: {SENSITIVE}"
    elif steps := _common_steps(before, after, unknown):
        for step in steps:
            yield from _compared(
                _below(path, step),
                (_member(before, step), _member(after, step)),
                (_member(sensitive[0], step), _member(sensitive[1], step)),
                _member(unknown, step),
            )
    elif before != after:
        yield from _whole(path, before, after, sensitive, unknown)


def _common_steps(before: object, after: object, unknown: object) -> Iterable[str | int]:
    """The members by which two values are compared; none if they are compared as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        return sorted({*before, *after, *(unknown if isinstance(unknown, dict) else ())})
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        plain = all(map(_is_plain, [*before, *after]))
        return () if plain and not _marks(unknown) else range(len(before))
    return ()


def _whole(
    path: str, before: object, after: object, sensitive: tuple[Any, Any], unknown: object
) -> Iterator[str]:
    if any(map(_marks, sensitive)):
        yield f"{path}: {SENSITIVE}"
    elif isinstance(before, list) and isinstance(after, list):
        yield f"{path}: {_lists(before, after, unknown)}"
    elif (texts := _documents(before, after)) is not None:
        yield from _compared(path, texts, (None, None), None)
    else:
        yield f"{path}: {_value(before)} → {_value(after)}"


def _lists(before: Sequence[object], after: Sequence[object], unknown: object) -> str:
    if not all(map(_is_plain, [*before, *after])):
        return f"{len(before)} → {len(after)} entries"
    gone = [f"-{_value(each)}" for each in before if each not in after]
    new = [
        f"+{UNKNOWN if _member(unknown, number) is True else _value(each)}"
        for number, each in enumerate(after)
        if each not in before
    ]
    return listed([*gone, *new], 6) or "order changed"


def _documents(before: object, after: object) -> tuple[Any, Any] | None:
    """Both values as JSON documents, if they are JSON, such as policies."""
    if not (isinstance(before, str) and isinstance(after, str)):
        return None
    if not (before[:1] in "{[" and after[:1] in "{["):
        return None
    try:
        return json.loads(before), json.loads(after)
    except ValueError:
        return None


def _value(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "{…}" if isinstance(value, dict) else "[…]"
    return short(json.dumps(value, ensure_ascii=False))


def _marks(mask: object) -> bool:
    """Whether the mask marks any part of a value."""
    if isinstance(mask, dict):
        return any(map(_marks, mask.values()))
    if isinstance(mask, list):
        return any(map(_marks, mask))
    return mask is True


def _member(value: object, step: str | int) -> Any:  # noqa: ANN401 - a part of a document or a mask
    """A part of a value or of a mask; a mask of a whole value applies to each of its parts."""
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list):
        return value[step] if isinstance(step, int) and step < len(value) else None
    return value


def _is_plain(value: object) -> bool:
    return not isinstance(value, (dict, list))
