"""The answer of `ami-tracker coverage` as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.console.render.lists import some
from services.console.render.moments import since
from services.console.render.status_json import time_or_none
from services.console.render.writer import Writer, counted
from services.history.coverage import Access, Coverage, Covered
from services.kernel.wire import timestamp

SCHEMA = 1
_STYLES = {Access.DENIED: "red", Access.DISABLED: "red", Access.UNKNOWN: "yellow"}


def print_coverage(writer: Writer, coverage: Coverage) -> None:
    """Print the verdict, a row for each account, and why targets are not reachable."""
    total, reachable = len(coverage.targets), coverage.counts[Access.REACHABLE]
    if not total:
        writer.sentence("No target: no image is tracked.", style="bold yellow")
        return
    style = "bold green" if coverage.complete else "bold red"
    writer.sentence(f"{reachable:,} of {counted(total, 'target')} reachable.", style=style)
    writer.line()
    writer.table(list(_accounts(coverage.targets)))
    for access in (Access.DENIED, Access.DISABLED, Access.UNKNOWN):
        for group in _causes([each for each in coverage.targets if each.access is access]):
            writer.line()
            _print_cause(writer, group, coverage)
    _print_denied(writer, coverage.targets)


def _accounts(targets: Sequence[Covered]) -> Iterator[tuple[str, ...]]:
    yield ("account", *Access, "pairs")
    for account in dict.fromkeys(each.account_id for each in targets):
        here = [each for each in targets if each.account_id == account]
        counts = (f"{sum(each.access is access for each in here):,}" for access in Access)
        padded = (text.rjust(len(access)) for text, access in zip(counts, Access, strict=True))
        yield (account or "?", *padded, f"{sum(each.pairs for each in here):,}".rjust(5))


def _causes(targets: Sequence[Covered]) -> list[list[Covered]]:
    """The targets with the same reason in the same account."""
    groups: dict[object, list[Covered]] = {}
    for each in targets:
        groups.setdefault((each.account_id, each.code, each.advice), []).append(each)
    return list(groups.values())


def _print_cause(writer: Writer, group: Sequence[Covered], coverage: Coverage) -> None:
    first = group[0]
    code = f" ({first.code})" if first.code else ""
    reason = f": {first.advice.reason}." if first.advice else ""
    writer.sentence(f"{first.access.upper()}{code}{reason}", style=_STYLES[first.access])
    begins = [each.since for each in group if each.since]
    rows = [
        ("account", first.account_id or "unknown"),
        ("regions", some([each.region for each in group])),
        ("since", since(min(begins), coverage.moment) if begins else ""),
        ("answer", first.detail or ""),
        ("to do", f"{first.advice.todo}." if first.advice else ""),
    ]
    writer.table([row for row in rows if row[1]], "  ")


def _print_denied(writer: Writer, targets: Sequence[Covered]) -> None:
    """Single images that are denied in a target that is reachable."""
    denied = [each for each in targets if each.access is Access.REACHABLE and each.denied]
    if denied:
        count = sum(each.denied for each in denied)
        writer.line()
        writer.sentence(
            f"In {counted(len(denied), 'reachable target')}, {counted(count, 'pair')} denied: "
            "ami-tracker status shows them."
        )


def as_json(coverage: Coverage) -> dict[str, object]:
    """The coverage for programs: `"schema": 1`, in which keys are only added."""
    return {
        "schema": SCHEMA,
        "complete": coverage.complete,
        "time": timestamp(coverage.moment),
        "counts": {access.value: count for access, count in coverage.counts.items()},
        "targets": [_target(each) for each in coverage.targets],
        "unreadable": list(coverage.unreadable),
    }


def _target(target: Covered) -> dict[str, object]:
    return {
        "account_id": target.account_id,
        "region": target.region,
        "access": target.access,
        "pairs": target.pairs,
        "answered": target.answered,
        "denied": target.denied,
        "state": target.state,
        "code": target.code,
        "detail": target.detail,
        "reason": target.advice.reason if target.advice else None,
        "todo": target.advice.todo if target.advice else None,
        "since": time_or_none(target.since),
    }
