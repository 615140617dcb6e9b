"""The answer of `ami-tracker status` as text: the verdict first, then each cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.console.render.lists import some
from services.console.render.moments import since
from services.console.render.writer import Writer, counted
from services.history.attention import Attention
from services.history.conditions import Urgency
from services.history.names import labels
from services.history.status import Freshness, Status

STYLES = {Urgency.ACT: "red", Urgency.WATCH: "yellow", Urgency.NOTE: ""}
_ENTRIES = 30
"""How many causes are shown; the worst come first."""
_UNREADABLE = 20
"""How many rows that cannot be decoded are shown."""


def print_status(writer: Writer, status: Status) -> None:
    """Print the verdict, the last rounds, what needs attention, and the counts."""
    _print_verdict(writer, status)
    for sentence in _rounds(status):
        writer.sentence(sentence)
    regions = len({each.target.region for each in status.findings})
    for entry in status.attention[:_ENTRIES]:
        writer.line()
        _print_entry(writer, entry, status.moment, regions)
    if len(status.attention) > _ENTRIES:
        writer.line()
        writer.sentence(f"… and {len(status.attention) - _ENTRIES:,} more causes (--output json)")
    writer.line()
    writer.sentence(_counts(status))


def _print_verdict(writer: Writer, status: Status) -> None:
    if status.healthy:
        writer.sentence("Healthy: nothing needs attention.", style="bold green")
        return
    act, watch = status.of_urgency(Urgency.ACT), status.of_urgency(Urgency.WATCH)
    parts = [f"{counted(act, 'cause')} to act on"] if act else []
    parts += [f"{counted(watch, 'cause')} to watch"] if watch else []
    style = "bold red" if act else "bold yellow"
    writer.sentence(f"Not healthy: {', '.join(parts)}.", style=style)


def _rounds(status: Status) -> Iterator[str]:
    """The last round of most regions, and those with another one."""
    interval = status.interval_minutes
    known = [each for each in status.freshness if each.last_round and each.age is not None]
    if interval is None and known:
        yield "The interval of the rounds is unknown, so missed rounds are not counted."
    for begin in sorted({each.last_round for each in known if each.last_round}, reverse=True):
        same = [each for each in known if each.last_round == begin]
        yield _round(begin, same, status.moment, total=len(status.freshness))
    without = [each.region for each in status.freshness if each.last_round is None]
    if without:
        yield f"No round: {some(without)}."


def _round(begin: datetime, same: Sequence[Freshness], moment: datetime, total: int) -> str:
    where = some([each.region for each in same]) if len(same) < total else "in every region"
    missed = same[0].missed
    late = f"; {counted(missed, 'round')} missed" if missed else ""
    return f"Last round: {since(begin, moment)}, {where}{late}."


def _print_entry(writer: Writer, entry: Attention, moment: datetime, regions: int) -> None:
    what = f": {entry.state}" if entry.state and entry.state.value != entry.condition.value else ""
    code = f" ({entry.code})" if entry.code else ""
    title = f"{entry.condition.upper()}{what}{code}: {entry.reason}."
    writer.sentence(title, style=STYLES[entry.urgency])
    writer.table(list(_properties(entry, moment, regions)), "  ")


def _properties(entry: Attention, moment: datetime, regions: int) -> Iterator[tuple[str, str]]:
    if entry.image_names:
        names = labels(entry.image_names)
        every = "every image: " if entry.whole_targets else ""
        yield "images", f"{every}{some(names, shown=3 if every else 8)}"
    if entry.regions:
        yield "where", _where(entry, regions)
    if entry.pairs:
        yield "pairs", f"{entry.pairs:,}"
    if entry.since:
        yield "since", since(entry.since, moment)
    if entry.detail:
        yield "answer", entry.detail
    yield "to do", f"{entry.todo}."


def _where(entry: Attention, total: int) -> str:
    count = len(entry.regions)
    where = f"all {count:,} regions" if count == total > 1 else some(entry.regions)
    if not entry.accounts:
        return where
    noun = "account" if len(entry.accounts) == 1 else "accounts"
    return f"{where}; {noun} {some(entry.accounts, shown=4)}"


def _counts(status: Status) -> str:
    pairs = len(status.findings)
    by_condition = ", ".join(
        f"{count:,} {condition}"
        for condition, count in reversed(list(status.counts.items()))
        if count
    )
    images = len({each.image_name for each in status.findings})
    targets = {each.target for each in status.findings}
    regions, accounts = ({getattr(t, n) for t in targets} for n in ("region", "account_id"))
    return (
        f"{counted(pairs, 'pair')}: {by_condition or 'none'}. {counted(images, 'image')}, "
        f"{counted(len(regions), 'region')}, {counted(len(accounts), 'account')}."
    )


def print_unreadable(writer: Writer, problems: Sequence[str]) -> None:
    """Print a warning for each row that cannot be decoded."""
    for problem in problems[:_UNREADABLE]:
        writer.sentence(f"warning: {problem}", style="yellow")
    if len(problems) > _UNREADABLE:
        writer.sentence(f"warning: {len(problems) - _UNREADABLE:,} more rows", style="yellow")
