"""Converts JSON values to types. Only this module decodes with msgspec; threads can use it."""

from __future__ import annotations

from threading import Lock
from typing import TypeVar

import msgspec

from services.kernel.errors import MalformedError

T = TypeVar("T")

_first_use = Lock()
_prepared: set[object] = set()


def checked(what: str, value: object, shape: type[T]) -> T:
    """The value, converted to this type.

    Raises:
        MalformedError: it does not match the schema.
    """
    _prepare(shape)
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise MalformedError(what, str(error)) from error


def parsed(what: str, text: object, shape: type[T]) -> T:
    """The value of a JSON text, converted to this type.

    Raises:
        MalformedError: it is not a JSON text, or does not match the schema.
    """
    if not isinstance(text, str):
        raise MalformedError(what, "it is not a string")
    _prepare(shape)
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(what, str(error)) from error


def _prepare(shape: object) -> None:
    """Let msgspec inspect a type in one thread, before the first value is converted to it.

    msgspec (0.22) stores on each Struct class what it found of its fields, but stores it before it
    is complete. If a second thread uses it at that moment, the process ends with SIGSEGV.
    """
    if shape not in _prepared:
        with _first_use:
            msgspec.json.Decoder(shape)
            _prepared.add(shape)
