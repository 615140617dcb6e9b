"""Generates the tables in Terraform READMEs: requirements, modules, resources, inputs and outputs.

The tables are between two markers in README.md, in the layout of terraform-docs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import hcl2

INFRA = Path(__file__).parent
BEGIN = "<!-- BEGIN_TF_DOCS -->"
END = "<!-- END_TF_DOCS -->"
COMMAND = "python -m infra.terraform_docs"
LINE_LIMIT = 60  # longer types and defaults are written on several lines

_BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_HEREDOC = re.compile(r"<<(-?)\w+\r?\n(.*)^\s*\w+\Z", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[({\[\])},=]|[^\s"({\[\])},=]+')


class DocsError(Exception):
    """The tables of a file cannot be generated; the text contains the file and the reason."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")


# --- reading the code


@dataclass(frozen=True, slots=True)
class Input:
    """A variable; `default` is the text of the default, or None if a value is required."""

    name: str
    description: str
    type: str
    default: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """An output."""

    name: str
    description: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """A requirement in `required_providers`."""

    source: str
    version: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource or a data source, with its provider and the provider's alias."""

    type: str
    name: str
    mode: str
    provider: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module call."""

    name: str
    source: str
    version: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The declarations of a Terraform folder that the tables contain."""

    terraform: str = ""
    required: dict[str, Provider] = field(default_factory=dict)
    modules: tuple[Module, ...] = ()
    resources: tuple[Resource, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()


def read(folder: Path) -> Folder:
    """Read the declarations in the `*.tf` files of a folder.

    Raises: DocsError if there are no files or one cannot be parsed.
    """
    files = sorted(folder.glob("*.tf"))
    if not files:
        raise DocsError(folder / "README.md", "has the markers, but its folder has no *.tf file")
    parsed = [_parse(file) for file in files]

    def blocks(kind: str) -> list[dict[str, Any]]:
        return [block for document in parsed for block in document.get(kind, [])]

    terraform = blocks("terraform")
    modules = (named for block in blocks("module") for named in block.items())
    inputs = (named for block in blocks("variable") for named in block.items())
    outputs = (named for block in blocks("output") for named in block.items())
    return Folder(
        terraform=", ".join(b["required_version"] for b in terraform if "required_version" in b),
        required=dict(_required(terraform)),
        modules=tuple(sorted((_module(*m) for m in modules), key=lambda m: m.name)),
        resources=tuple(
            sorted(
                [*_resources(blocks("resource"), "resource"), *_resources(blocks("data"), "data")],
                key=lambda r: (r.mode != "resource", r.type, r.name),
            )
        ),
        inputs=tuple(sorted((_input(*i) for i in inputs), key=lambda i: (_optional(i), i.name))),
        outputs=tuple(sorted((_output(*o) for o in outputs), key=lambda o: o.name)),
    )


def _parse(file: Path) -> dict[str, Any]:
    options = hcl2.SerializationOptions(
        with_comments=False, explicit_blocks=False, strip_string_quotes=True
    )
    try:
        return hcl2.loads(file.read_text(encoding="utf-8"), serialization_options=options)
    except Exception as error:  # the parser's own errors have no common root
        reason = str(error).splitlines()[0]
        raise DocsError(file, f"cannot be parsed: {reason}; try terraform validate") from error


def _required(blocks: Iterable[dict[str, Any]]) -> Iterator[tuple[str, Provider]]:
    for block in blocks:
        for providers in block.get("required_providers", []):
            for name, body in providers.items():
                yield name, Provider(body.get("source", f"hashicorp/{name}"), body["version"])


def _module(name: str, body: dict[str, Any]) -> Module:
    return Module(name, body["source"], body.get("version", "n/a"))


def _resources(blocks: Iterable[dict[str, Any]], mode: str) -> Iterator[Resource]:
    for block in blocks:
        for kind, named in block.items():
            for name, body in named.items():
                provider = _expression(body.get("provider", kind.partition("_")[0]))
                yield Resource(kind, name, mode, provider)


def _input(name: str, body: dict[str, Any]) -> Input:
    default = _value(body["default"]) if "default" in body else None
    notes = list(_notes(body))
    if body.get("nullable") is False:
        notes.append("Null selects the default." if default else "Must not be null.")
    return Input(name, _text(body), _type(body.get("type", "any")), default, tuple(notes))


def _output(name: str, body: dict[str, Any]) -> Output:
    return Output(name, _text(body), tuple(_notes(body)))


def _notes(body: dict[str, Any]) -> Iterator[str]:
    for attribute in ("sensitive", "ephemeral"):
        if body.get(attribute) is True:
            yield f"{attribute.capitalize()}."


def _optional(wanted: Input) -> bool:
    return wanted.default is not None


def _expression(value: str) -> str:
    """An expression without `${}`: the parser returns expressions as interpolations."""
    return value[2:-1] if value.startswith("${") and value.endswith("}") else value


def _text(body: dict[str, Any]) -> str:
    written: str = body.get("description", "")
    heredoc = _HEREDOC.fullmatch(written)
    if heredoc:
        written = textwrap.dedent(heredoc[2]) if heredoc[1] else heredoc[2]
    return written.replace("$${", "${").replace("%%{", "%{").strip()


# --- types and defaults in Terraform's syntax


def _value(default: object) -> str:
    if isinstance(default, str):
        literal = _expression(default)
        return json.dumps(default, ensure_ascii=False) if literal == default else literal
    line = json.dumps(default, ensure_ascii=False)
    return line if len(line) <= LINE_LIMIT else json.dumps(default, ensure_ascii=False, indent=2)


def _type(written: str) -> str:
    """A type constraint, with each attribute of an object on its own line."""
    return _laid_out(deque(_WORD.findall(_expression(written))), 0)


def _laid_out(words: deque[str], depth: int) -> str:
    word = words.popleft()
    if word == "{":
        return _object(words, depth)
    if word == "[":
        return f"[{_items(words, ']', depth)}]"
    if words and words[0] == "(":
        words.popleft()
        return f"{word}({_items(words, ')', depth)})"
    return word


def _items(words: deque[str], end: str, depth: int) -> str:
    found = []
    while words[0] != end:
        found.append(_laid_out(words, depth))
        _skip(words, ",")
    words.popleft()
    return ", ".join(found)


def _object(words: deque[str], depth: int) -> str:
    attributes = {}
    while words[0] != "}":
        name = words.popleft()
        _skip(words, "=")
        attributes[name] = _laid_out(words, depth + 1)
        _skip(words, ",")
    words.popleft()
    if not attributes:
        return "{}"
    width = max(map(len, attributes))
    indent = "  " * (depth + 1)
    lines = [f"{indent}{name:<{width}} = {value}" for name, value in attributes.items()]
    return "\n".join(["{", *lines, "  " * depth + "}"])


def _skip(words: deque[str], word: str) -> None:
    if words[0] == word:
        words.popleft()


# --- the tables


def tables(folder: Folder) -> str:
    """The tables of a folder, as Markdown."""
    terraform = [("terraform", folder.terraform)] if folder.terraform else []
    required = [(name, provider.version) for name, provider in sorted(folder.required.items())]
    sections = (
        _section("Requirements", ("Name", "Version"), [*terraform, *required]),
        _section("Providers", ("Name", "Version"), _providers(folder)),
        _section(
            "Modules",
            ("Name", "Source", "Version"),
            [(m.name, m.source, m.version) for m in folder.modules],
        ),
        _section(
            "Resources", ("Name", "Type"), [_resource(r, folder.required) for r in folder.resources]
        ),
        _section(
            "Inputs",
            ("Name", "Description", "Type", "Default", "Required"),
            [_input_row(each) for each in folder.inputs],
        ),
        _section(
            "Outputs",
            ("Name", "Description"),
            [(o.name, _description(o.description, o.notes)) for o in folder.outputs],
        ),
    )
    return "\n".join(sections)


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return f"## {title}\n\nNo {title.lower()}.\n"
    rules = [":------:" if column == "Required" else "-" * len(column) for column in columns]
    lines = [f"| {' | '.join(cells)} |\n" for cells in (columns, rules, *rows)]
    return f"## {title}\n\n{''.join(lines)}"


def _providers(folder: Folder) -> list[tuple[str, str]]:
    """The providers of the resources, with the required versions."""
    used = sorted({resource.provider for resource in folder.resources})
    versions = {name: provider.version for name, provider in folder.required.items()}
    return [(name, versions.get(name.partition(".")[0], "n/a")) for name in used]


def _resource(resource: Resource, required: dict[str, Provider]) -> tuple[str, str]:
    label = f"{resource.type}.{resource.name}"
    mode, path = {"resource": ("resource", "resources"), "data": ("data source", "data-sources")}[
        resource.mode
    ]
    provider = required.get(resource.provider.partition(".")[0])
    if provider is None:
        return label, mode
    page = f"{provider.source}/latest/docs/{path}/{resource.type.partition('_')[2]}"
    return f"[{label}](https://registry.terraform.io/providers/{page})", mode


def _input_row(wanted: Input) -> tuple[str, str, str, str, str]:
    return (
        wanted.name,
        _description(wanted.description, wanted.notes),
        _code(wanted.type),
        "n/a" if wanted.default is None else _code(wanted.default),
        "yes" if wanted.default is None else "no",
    )


def _description(text: str, notes: Sequence[str]) -> str:
    """A description as one cell that keeps line breaks and fenced code."""
    parts = _FENCE.split(text)
    prose = [_prose(part.strip("\n")) for part in parts[::2]]
    code = [_preformatted(part.rstrip("\n")) for part in parts[1::2]]
    body = "".join(each for pair in zip_longest(prose, code, fillvalue="") for each in pair)
    return " ".join([body or "n/a", *(f"_{note}_" for note in notes)])


def _prose(text: str) -> str:
    """Text outside fences, with `<` escaped outside code, where Markdown would hide a tag."""
    shown = _between_code(text)
    return shown.replace("|", "\\|").replace("\n", "<br/>")


def _between_code(text: str) -> str:
    pieces, end = [], 0
    for code in _CODE.finditer(text):
        pieces += [_entities(text[end : code.start()], "<"), code[0]]
        end = code.end()
    return "".join([*pieces, _entities(text[end:], "<")])


def _code(text: str) -> str:
    if "\n" in text:
        return _preformatted(text)
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def _preformatted(text: str) -> str:
    """Preformatted lines, with special characters escaped: Markdown interprets them in `<pre>`."""
    return "<pre>" + _entities(text, "&<*`|").replace("\n", "<br/>") + "</pre>"


def _entities(text: str, marks: str) -> str:
    return "".join(f"&#{ord(c)};" if c in marks else c for c in text)


# --- the READMEs


def documented(root: Path) -> list[Path]:
    """Every folder at or below `root` whose README.md has the markers, sorted.

    Hidden folders are skipped: they contain copies made by Terraform.
    """
    return sorted(
        readme.parent
        for readme in root.rglob("README.md")
        if not any(part.startswith(".") for part in readme.relative_to(root).parts)
        and BEGIN in readme.read_text(encoding="utf-8")
    )


def renewed(folder: Path) -> str:
    """The text of a folder's README.md with tables from the current code.

    Raises: DocsError if the markers are missing or duplicated, or the code cannot be parsed.
    """
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if (text.count(BEGIN), text.count(END)) != (1, 1) or text.index(BEGIN) > text.index(END):
        raise DocsError(readme, f"must contain the line {BEGIN} once and, below it, {END} once")
    generated = f"{BEGIN}\n{tables(read(folder))}{END}"
    return _BETWEEN.sub(lambda _: generated, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or with `--check` list outdated ones, and return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if tables are outdated"
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="default: all")
    options = parser.parse_args(arguments)
    try:
        stale = _stale(options.folders or documented(INFRA))
    except DocsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.check:
        return _report(stale)
    for readme, text in stale.items():
        readme.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {readme}\n")
    return 0


def _stale(folders: Iterable[Path]) -> dict[Path, str]:
    texts = {folder / "README.md": renewed(folder) for folder in folders}
    return {readme: t for readme, t in texts.items() if readme.read_text(encoding="utf-8") != t}


def _report(stale: Iterable[Path]) -> int:
    names = [str(readme) for readme in stale]
    for name in names:
        sys.stderr.write(f"{name}: the tables are outdated; run: make tables\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
