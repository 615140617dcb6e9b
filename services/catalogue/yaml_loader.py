"""YAML as the people who edit it mean it: text stays text, and nothing clever is allowed.

Only `true`, `false`, `null` (and nothing at all), lists and maps become anything but text, so an
account id keeps its zeros and `1.30` its last digit. Anchors, aliases, merge keys, tags,
directives, second documents, keys that stand twice or are no text, and invisible characters are
refused. Input is bounded in bytes, nodes and depth before anything is built from it. A file is
UTF-8; the byte order mark that some Windows editors begin it with is accepted there, and nowhere
else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

import yaml

from services.catalogue.problems import Problem, printable, shown
from services.catalogue.syntax import conflict, fault_of, line_of

MAX_BYTES = 1024 * 1024
MAX_NODES = 60_000
"""Values in a file: 10,000 images with a parameter, and still an answer within a second."""
MAX_DEPTH = 20
MAX_PATH = 4096
"""Characters of a file's name that are shown: as many as Linux takes."""
MAX_PROBLEMS = 100
"""Problems that one file reports: more than anyone reads, few enough to answer at once."""

# libyaml where PyYAML was built with it, as every wheel is: ten times as fast.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: Mapping[str, bool | None] = {"": None, "null": None, "true": True, "false": False}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LAYOUT = frozenset("\t\n\r")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # Unicode general categories
_NONCHARACTERS = frozenset("\ufffe\uffff")  # YAML forbids them
_LONGEST_KEY = 80  # characters of a key that a problem shows
_STRANGE_SPACE = "Zs"  # Unicode's category of spaces; only U+0020 is one to YAML

Location = tuple[str | int, ...]
"""The keys and indexes that lead to a value, from the top of its file."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file's content, and the line of everything in it.

    `flagged` holds the lines on which something was refused, so what stands there is not as meant.
    """

    file: str
    value: object
    lines: Mapping[Location, int]
    flagged: frozenset[int] = frozenset()

    def problem(self, location: Location, message: str) -> Problem:
        """The problem of what stands at `location`, in the words of the file."""
        entry = self._entry(location)
        field = location[2:] if entry else location
        return Problem(self.file, self.line(location), entry, _path(field), message)

    def line(self, location: Location) -> int:
        """The line of `location`, or of the nearest thing around it that has one."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def _entry(self, location: Location) -> str:
        match location:
            case (str(group), int(index), *_):
                entries = self.value.get(group) if isinstance(self.value, dict) else None
                entry = entries[index] if isinstance(entries, list) else None
                name = entry.get("Name") if isinstance(entry, dict) else None
                return _label(name) if isinstance(name, str) and name else f"{group}[{index}]"
            case _:
                return ""


def _label(name: str) -> str:
    return name if name.isprintable() and len(name) <= 128 else shown(name)  # noqa: PLR2004 - a name


def _path(location: Location) -> str:
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{printable(part, _LONGEST_KEY)}"
        for part in location
    )
    return "".join(parts).removeprefix(".")


def read_document(path: Path, problems: list[Problem]) -> Document | None:
    """The content of a YAML file, or None where nothing can be made of it; problems are added."""
    try:
        data = _bytes_of(path)
    except _RefusedError as error:
        problems.append(Problem(str(path), error.line, "", "", str(error)))
        return None
    return parse_document(printable(str(path), MAX_PATH), data, problems)


def parse_document(file: str, data: bytes, problems: list[Problem]) -> Document | None:
    """The content of YAML text, or None where nothing can be made of it; problems are added."""
    found: list[Problem] = []
    try:
        text = _text_of(data)
        builder = _Builder(text, file, found)
        value = builder.document()
    except _RefusedError as error:
        problems.extend([*found, Problem(file, error.line, "", "", str(error))])
        return None
    flagged = frozenset(problem.line for problem in found)
    document = Document(file, value, builder.lines, flagged)
    problems.extend(builder.placed(problem, document) for problem in found)
    return document


class _RefusedError(Exception):
    """The rest of the file is not worth reading."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


# --- from bytes to text


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():  # a pipe or device would never end
        found = "is no regular file" if path.exists() else "does not exist"
        raise _RefusedError(0, f"{found}; expected a YAML file here")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _RefusedError(0, f"cannot be read: {error.strerror}") from error


def _text_of(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _RefusedError(1, f"is larger than {MAX_BYTES} bytes; split it into several files")
    if data.startswith(_UTF_16_MARKS):
        raise _RefusedError(1, "is UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _RefusedError(line, "is not UTF-8; save it as UTF-8") from error
    _refuse_invisible(text)
    merge = conflict(text)
    if merge:
        raise _RefusedError(merge.line, merge.message)
    directive = re.search(r"(?m)^%", text)
    if directive:
        message = "a line begins with %; YAML directives are not allowed"
        raise _RefusedError(_line_at(text, directive.start()), message)
    return text


def _refuse_invisible(text: str) -> None:
    places = [(text.index(character), character) for character in _invisible(text)]
    if places:
        position, character = min(places)
        message = f"holds the invisible character {_code_point(character)}; remove it"
        raise _RefusedError(_line_at(text, position), message)


def _invisible(text: str) -> list[str]:
    """Characters that no editor shows: names that look alike must be alike."""
    candidates = set(text) - _LAYOUT
    return sorted(
        c for c in candidates if unicodedata.category(c) in _INVISIBLE or c in _NONCHARACTERS
    )


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _line_at(text: str, position: int) -> int:
    return len(re.findall(r"\r\n|\r|\n", text[:position])) + 1


# --- from text to values


class _Builder:
    """Builds values from YAML events, which come one by one, so that nothing grows unseen."""

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
            raise _RefusedError(1, "is empty")
        value = self._node(self._next(), ())
        self._next()  # the document ends
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            message = "begins a second document (---); write one document a file"
            raise _RefusedError(_line(after), message)
        return value

    def placed(self, problem: Problem, document: Document) -> Problem:
        """The problem with its entry and field, which were not known when it was found."""
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
            raise _RefusedError(fault.line, fault.message) from error

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _problem(self, event: yaml.Event, message: str, location: Location = ()) -> None:
        if len(self._problems) == MAX_PROBLEMS:
            raise _RefusedError(_line(event), "has more problems than are listed")
        problem = Problem(self._file, _line(event), "", "", message)
        self._problems.append(problem)
        # A key has no place yet; what holds it has.
        place = location[:-1] if location[-1:] == ("?",) else location
        self._places.setdefault(problem, place)

    def _node(self, event: yaml.Event, location: Location) -> object:
        self._bound(event, location)
        self._refuse_cleverness(event, location)
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
            message = f"holds more than {MAX_NODES} values; split it into several files"
            raise _RefusedError(_line(event), message)
        if len(location) > MAX_DEPTH:
            message = f"is nested more than {MAX_DEPTH} levels deep"
            raise _RefusedError(_line(event), message)

    def _refuse_cleverness(self, event: yaml.Event, location: Location) -> None:
        if isinstance(event, yaml.AliasEvent):
            name = f"*{shown(event.anchor)[1:-1]}"
            message = f"alias {name}: put it in quotes if it is text, or write the value out here"
            self._problem(event, message, location)
            return
        if getattr(event, "anchor", None) is not None:
            message = "anchors (&) are not allowed; write the value out each time"
            self._problem(event, message, location)
        if getattr(event, "tag", None) is not None:
            message = "tags (!) are not allowed; put the text in quotes if it is text"
            self._problem(event, message, location)

    def _scalar(self, event: yaml.ScalarEvent, location: Location) -> str | bool | None:
        text = str(event.value)
        plain = not event.style
        mistake = _hidden_mistake(text) or (_space_mistake(text) if plain else "")
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
            # What stands under a refused key is still read, for its own problems.
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
            self._problem(event, "merge keys (<<) are not allowed; write the fields out", location)
            return None
        if key in known:
            self._problem(event, f"the key {shown(key)} is written twice here; keep one", location)
            return None
        return key


def _line(event: yaml.Event) -> int:
    return line_of(event.start_mark)


def _quotes_lines(event: yaml.Event) -> TypeGuard[yaml.ScalarEvent]:
    """Whether it is a quoted text over more than one line."""
    return (
        isinstance(event, yaml.ScalarEvent)
        and event.style in {"'", '"'}
        and line_of(event.start_mark) < line_of(event.end_mark)
    )


def _hidden_mistake(text: str) -> str:
    hidden = _invisible(text)
    return f"holds the invisible character {_code_point(hidden[0])}; remove it" if hidden else ""


def _space_mistake(text: str) -> str:
    """What looks like a space and is none to YAML, so that an indented key becomes another key."""
    if text.isascii():
        return ""
    found = next((c for c in text if c != " " and unicodedata.category(c) == _STRANGE_SPACE), "")
    name = "a non-breaking space" if found == "\u00a0" else "an unusual space"
    return f"holds {name} ({_code_point(found)}); write an ordinary one" if found else ""
