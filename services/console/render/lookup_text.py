"""The results of `ami-tracker lookup` as text: a row for each image and region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from services.console.lookup.aws_cli import Purpose
from services.console.render.lookup_details import print_details

if TYPE_CHECKING:
    from services.console.lookup.access import Access
    from services.console.lookup.report import Report, Result
    from services.console.render.writer import Writer

_LISTS = 3
_LONGEST_RELEASE = 26
_LONGEST_NAME = 38
_ID = 21
_DATE = 10
"""Characters of a date without its time."""


def print_report(writer: Writer, report: Report, *, details: bool, top: int) -> None:
    """Print a summary of all results, or everything about each of them."""
    writer.sentence(_credentials(report.access))
    if details:
        for result in report.results:
            writer.line()
            print_details(writer, result, report.moment, top)
    else:
        _print_summary(writer, report)
    for image, names in report.differences.items():
        _print_names(writer, image, names.items())
    writer.line()
    found = sum(result.trial.failure is None for result in report.results)
    writer.line(
        f"{found:,} of {len(report.results):,} found.{'' if details else ' Details: --explain'}"
    )


def _credentials(access: Access) -> str:
    if access.role_name is None:
        return f"Credentials: your own ({access.arn}), in account {access.account_id}."
    return f"Credentials: the role {access.role_name} of each account, assumed by {access.arn}."


def _print_names(writer: Writer, image: str, names: Iterable[tuple[str, Sequence[str]]]) -> None:
    writer.line()
    writer.sentence(f"{image}: the AMI name is not the same in all regions:", style="yellow")
    for name, regions in names:
        writer.sentence(f"{name}: {', '.join(regions)}", "  ")


# --- the summary


def _print_summary(writer: Writer, report: Report) -> None:
    places = {result.trial.target for result in report.results}
    if len(places) == 1:
        writer.line()
        _print_rows(writer, [(_name(r), r) for r in report.results], "image")
    else:
        several = len({place.account_id for place in places}) > 1
        for image, group in groupby(report.results, key=lambda result: result.trial.image.name):
            writer.line()
            writer.line(image, "bold")
            _print_rows(writer, [(_place(r, several=several), r) for r in group], "region", "  ")
    _print_problems(writer, report.results)
    _print_lists(writer, report.results)


def _name(result: Result) -> str:
    return result.trial.image.name


def _place(result: Result, *, several: bool) -> str:
    target = result.trial.target
    return f"{target.region} {target.account_id}" if several else target.region


def _print_rows(
    writer: Writer, rows: Sequence[tuple[str, Result]], first: str, indent: str = ""
) -> None:
    """Print a table; if it is wider than the terminal, without the dates."""
    width = min(_LONGEST_NAME, max(len(first), *(len(label) for label, _ in rows)))
    cells = [(label, *_cells(result)) for label, result in rows]
    room = writer.width - len(f"{indent}{'':{width}}  {'':{_ID}}  ")
    dated = max(len(cell[-1]) for cell in cells) + _DATE + len("  ") <= room
    for label, image_id, created, release in [(first, "AMI id", "created", "release"), *cells]:
        if len(label) > width:
            writer.line(f"{indent}{label}")
        name = "" if len(label) > width else label
        date = f"{created:{_DATE}}  " if dated else ""
        begin = f"{indent}{name:{width}}  {image_id:{_ID}}  {date}"
        writer.line(f"{begin}{_cut(release, writer.width - len(begin))}".rstrip())


def _cells(result: Result) -> tuple[str, str, str]:
    seen, failure = result.trial.observed, result.trial.failure
    if seen is None:
        return (failure.state if failure else "", "", "")
    created = (seen.creation_date or "")[:_DATE]
    return seen.image_id, created, _cut(result.trial.about.release or "", _LONGEST_RELEASE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _print_problems(writer: Writer, results: Sequence[Result]) -> None:
    """Each problem, hint and warning once, with the places where it occurs."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        for severity, sentence in _sentences(result):
            key = (result.trial.image.name, severity, sentence)
            said.setdefault(key, []).append(result.trial.target.region)
    if said:
        writer.line()
    for (image, severity, sentence), regions in said.items():
        where = ", ".join(dict.fromkeys(regions))
        writer.sentence(f"{severity}: {image}: {sentence} ({where})", style=STYLES[severity])


def _print_lists(writer: Writer, results: Sequence[Result]) -> None:
    """The commands that list parameters similar to those that do not exist."""
    found: dict[str, str] = {}
    for result in results:
        for command in result.commands:
            if command.purpose is Purpose.LIST:
                found.setdefault(result.trial.image.name, command.text)
    if found:
        writer.line("Similar parameters:")
    for text in list(dict.fromkeys(found.values()))[:_LISTS]:
        writer.line(f"  {text}")


STYLES = {"error": "red", "hint": "", "warning": "yellow"}


def _sentences(result: Result) -> Iterator[tuple[str, str]]:
    failure = result.trial.failure
    if failure is not None:
        yield "error", f"{failure.state}: {failure.code}: {failure.detail}"
    yield from (("hint", sentence) for sentence in result.hints)
    yield from (("warning", sentence) for sentence in result.warnings)
