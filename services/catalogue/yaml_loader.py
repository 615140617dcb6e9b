"""A strict subset of YAML in which text stays text.

Only `true`, `false`, `null`, empty values, lists and maps are not text, so an account id keeps its
zeros and `1.30` its last digit. Anchors, aliases, merge keys, tags, directives, second documents,
keys that are duplicates or not text, and invisible characters are refused. The limits of bytes,
nodes and depth are checked before values are built. A file is UTF-8; a byte order mark, which some
Windows editors write, is accepted only at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

import yaml

from services.catalogue.document import MAX_PROBLEMS, Document, Location, ReadFile
from services.catalogue.problems import Problem, printable, shown
from services.catalogue.syntax import fault_of, line_of
from services.catalogue.yaml_text import (
    RefusedError,
    bytes_of,
    hidden_mistake,
    space_mistake,
    text_of,
)

MAX_NODES = 60_000
"""Values in a file: enough for 10,000 images with a parameter, checked within a second."""
MAX_DEPTH = 20
MAX_PATH = 4096
"""Characters of a file's name that are shown: the limit of Linux."""

# libyaml, ten times as fast, if PyYAML was built with it, as every wheel is.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: Mapping[str, bool | None] = {"": None, "null": None, "true": True, "false": False}


def read_document(path: Path) -> ReadFile:
    """The content of a YAML file, with its problems."""
    try:
        data = bytes_of(path)
    except RefusedError as error:
        return ReadFile(None, (Problem(str(path), error.line, "", "", str(error)),))
    return parse_document(printable(str(path), MAX_PATH), data)


def parse_document(file: str, data: bytes) -> ReadFile:
    """The content of YAML text, with its problems."""
    found: list[Problem] = []
    try:
        text = text_of(data)
        builder = _Builder(text, file, found)
        value = builder.document()
    except RefusedError as error:
        return ReadFile(None, (*found, Problem(file, error.line, "", "", str(error))))
    flagged = frozenset(problem.line for problem in found)
    document = Document(file, value, builder.lines, flagged)
    return ReadFile(document, tuple(builder.placed(problem, document) for problem in found))


class _Builder:
    """Builds values from YAML events one by one, so the limits are checked before memory grows."""

    def __init__(self, text: str, file: str, problems: list[Problem]) -> None:
        self.lines: dict[Location, int] = {}
        self._text = text
        self._file = file
        self._problems = problems
        self._places: dict[Problem, Location] = {}
        self._nodes = 0
        self._events = self._read()

    def document(self) -> object:
        """The one document of the text."""
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise RefusedError(1, "is empty")
        value = self._node(self._next(), ())
        self._next()  # the document ends
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            message = "begins a second document (---); write one document a file"
            raise RefusedError(_line(after), message)
        return value

    def placed(self, problem: Problem, document: Document) -> Problem:
        """The problem with its entry and field, which were unknown when it was found."""
        location = self._places.get(problem)
        if location is None:
            return problem
        around = document.problem(location, problem.message)
        return replace(around, line=problem.line)

    def _read(self) -> Iterator[yaml.Event]:
        quoted: yaml.ScalarEvent | None = None
        try:
            for event in yaml.parse(self._text, Loader=_Loader):
                if _quotes_lines(event):
                    quoted = event
                yield event
        except yaml.YAMLError as error:
            fault = fault_of(error, self._text, quoted)
            raise RefusedError(fault.line, fault.message) from error

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _problem(self, event: yaml.Event, message: str, location: Location = ()) -> None:
        if len(self._problems) == MAX_PROBLEMS:
            raise RefusedError(
                _line(event), f"has more than {MAX_PROBLEMS} problems; the rest was not read"
            )
        problem = Problem(self._file, _line(event), "", "", message)
        self._problems.append(problem)
        # A key has no location yet; its map has one.
        place = location[:-1] if location[-1:] == ("?",) else location
        self._places.setdefault(problem, place)

    def _node(self, event: yaml.Event, location: Location) -> object:
        self._bound(event, location)
        self._refuse_unsupported(event, location)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event, location)
            case yaml.SequenceStartEvent():
                return self._sequence(location)
            case yaml.MappingStartEvent():
                return self._mapping(location)
            case _:
                return ""  # an alias; its line is flagged

    def _bound(self, event: yaml.Event, location: Location) -> None:
        self._nodes += 1
        self.lines.setdefault(location, _line(event))
        if self._nodes > MAX_NODES:
            message = f"contains more than {MAX_NODES} values; split it into several files"
            raise RefusedError(_line(event), message)
        if len(location) > MAX_DEPTH:
            message = f"is nested more than {MAX_DEPTH} levels deep"
            raise RefusedError(_line(event), message)

    def _refuse_unsupported(self, event: yaml.Event, location: Location) -> None:
        if isinstance(event, yaml.AliasEvent):
            name = f"*{shown(event.anchor)[1:-1]}"
            message = f"alias {name}: put it in quotes if it is text, or repeat the value here"
            self._problem(event, message, location)
            return
        if getattr(event, "anchor", None) is not None:
            message = "anchors (&) are not allowed; repeat the value in each place"
            self._problem(event, message, location)
        if getattr(event, "tag", None) is not None:
            message = "tags (!) are not allowed; put the text in quotes if it is text"
            self._problem(event, message, location)

    def _scalar(self, event: yaml.ScalarEvent, location: Location) -> str | bool | None:
        text = str(event.value)
        plain = not event.style
        mistake = hidden_mistake(text) or (space_mistake(text) if plain else "")
        if mistake:
            self._problem(event, mistake, location)
        return _CONSTANTS[text] if plain and text in _CONSTANTS else text

    def _sequence(self, location: Location) -> list[object]:
        values: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            values.append(self._node(event, (*location, len(values))))
        return values

    def _mapping(self, location: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, location, values)
            # The value of a refused key is still read, to report its problems.
            inside = (*location, "?" if key is None else key)
            self.lines[inside] = _line(event)
            value = self._node(self._next(), inside)
            if key is not None:
                values[key] = value
        return values

    def _key(self, event: yaml.Event, location: Location, known: dict[str, object]) -> str | None:
        key = self._node(event, (*location, "?"))
        if not isinstance(key, str):
            braces = isinstance(event, yaml.MappingStartEvent) and event.flow_style
            what = "put a value that begins with {{ in quotes" if braces else "put it in quotes"
            self._problem(event, f"a key must be text; {what}", location)
            return None
        if isinstance(event, yaml.AliasEvent):
            return None
        if key == "<<":
            self._problem(event, "merge keys (<<) are not allowed; repeat the fields", location)
            return None
        if key in known:
            self._problem(event, f"duplicate key {shown(key)}; keep one", location)
            return None
        return key


def _line(event: yaml.Event) -> int:
    return line_of(event.start_mark)


def _quotes_lines(event: yaml.Event) -> TypeGuard[yaml.ScalarEvent]:
    """Whether the event is a quoted text over several lines."""
    return (
        isinstance(event, yaml.ScalarEvent)
        and event.style in {"'", '"'}
        and line_of(event.start_mark) < line_of(event.end_mark)
    )
