"""The results as text tables: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.usage import FUNCTIONS, calls_per_pair

Row = Sequence[str]


def report(document: Mapping[str, Any]) -> str:
    """All tables of a run."""
    return "\n\n".join(_sections(document)) + "\n"


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    made = document["made"]
    machine = made["machine"]
    yield (
        f"{made['at']}, commit {made['commit']}, {machine['processors']} x {machine['processor']}, "
        f"Python {machine['python']}"
    )
    if rounds := document["rounds"]:
        yield _table("Calls per pair", _CALLS, map(_round, rounds))
        yield _table("Per pair: DynamoDB's units and milliseconds of CPU", _USE, map(_use, rounds))
        listed = [each for each in rounds if _is_listed(each, rounds)]
        operations = (row for each in listed for row in _operations(each))
        yield _table("Operations", _OPERATIONS, operations)
        yield _table("Compared", _COMPARED, _compared(document))
    if targets := document.get("one target"):
        yield _table("A batch of 1,000", _TARGET, (_target(*each) for each in targets.items()))
    if releases := document.get("mass release"):
        rows = (_released(*each) for each in releases.items())
        yield _table("A new build of every image of one region", _RELEASED, rows)
    if first := document.get("largest first round"):
        yield (
            f"Scheduler in a first round of {first['pairs']:,} pairs: "
            f"{first['cpu_seconds']:.0f} s CPU, {first['calls']:,} calls, so at most "
            f"{first['seconds']:.0f} s with 512 MB and 5 ms a call"
        )
    if cold := document.get("cold starts"):
        rows = ((n, *(f"{value:.0f}" for value in each.values())) for n, each in cold.items())
        yield _table("Cold starts", _COLD, rows)
    if costs := document.get("costs"):
        yield _table("Dollars", _COSTS, _costs(costs))


_CALLS = ("round", "all", "SQS", "SSM", "EC2", "DynamoDB", "SSM/param.", "EC2/filter", "EC2/param.")
_USE = ("round", "reads", "writes", "scheduler", "lookup", "MiB", "events", "failed", "stub/client")
_OPERATIONS = ("round", "operation", "calls", "a pair")
_COMPARED = ("way", "calls", "CPU ms", "factor")
_TARGET = ("with a latency of", "wall s", "CPU s", "calls", "refused", "failed")
_RELEASED = ("round", "failed", "dead letters", "longest s", "refused", "events", "copies")
_COLD = ("function", "import ms", "first call ms", "MiB")
_COSTS = ("part", "a million pairs", "naive", "a month")


def _round(found: Mapping[str, Any]) -> Row:
    calls = calls_per_pair(found)
    columns = ("all", "SQS", "SSM", "EC2", "DynamoDB")
    return (
        found["name"],
        *(f"{calls[name]:.4f}" for name in columns),
        *(f"{calls[name]:.4f}" for name in ("SSM, parameters", "EC2, filters", "EC2, by id")),
    )


def _use(found: Mapping[str, Any]) -> Row:
    pairs = found["pairs"]
    both = [found["functions"][name] for name in FUNCTIONS]
    units = [sum(each["units"].get(unit, 0) for each in both) / pairs for unit in ("read", "write")]
    stub = sum(each["stub_cpu_seconds"] for each in both)
    return (
        found["name"],
        *(f"{unit:.3f}" for unit in units),
        *(f"{1000 * each['cpu_seconds'] / pairs:.3f}" for each in both),
        f"{both[1]['mib']:.0f}",
        str(found["events"]),
        str(both[1]["failed"]),
        f"{stub / sum(each['cpu_seconds'] for each in both):.0%}",
    )


def _is_listed(found: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether to list a round's operations: the others make the same ones."""
    case = found["case"]
    usual = {"pairs": 10_000, "accounts": 1, "family": 10, "batches": "dense", "tls": False}
    return len(rounds) == 1 or all(case[name] == value for name, value in usual.items())


def _operations(found: Mapping[str, Any]) -> Iterator[Row]:
    for function, use in found["functions"].items():
        for name, count in use["calls"].items():
            yield found["name"], f"{function} {name}", f"{count:,}", f"{count / found['pairs']:.4f}"


def _compared(document: Mapping[str, Any]) -> Iterator[Row]:
    own = {
        "TLS" if each["case"]["tls"] else "HTTP": each["cpu_ms_per_pair"]
        for each in sorted(document["rounds"], key=lambda each: each["case"]["pairs"])
        if _is_steady(each["case"])  # the largest one counts
    }
    for scheme, value in own.items():
        yield f"functions {scheme}", "", f"{value:.3f}", "1"
    for name, each in document["compared"].items():
        calls = sum(each["calls"].values()) / each["pairs"]
        scheme = name.rpartition(" ")[2]
        factor = f"{each['cpu_ms_per_pair'] / own[scheme]:.1f}" if scheme in own else ""
        yield name, f"{calls:.3f}", f"{each['cpu_ms_per_pair']:.3f}", factor


def _is_steady(case: Mapping[str, Any]) -> bool:
    """Whether a case is the one that the simpler ways are compared with, or the quick one."""
    usual = {"accounts": 1, "family": 10, "batches": "dense", "changed": 0, "first": False}
    return case["pairs"] <= 10_000 and all(case[name] == value for name, value in usual.items())


def _target(name: str, use: Mapping[str, Any]) -> Row:
    calls = sum(use["calls"].values())
    return (
        name,
        f"{use['wall_seconds']:.1f}",
        f"{use['cpu_seconds']:.2f}",
        str(calls),
        str(use["refused"]),
        str(use["failed"]),
    )


def _released(name: str, found: Mapping[str, Any]) -> Row:
    return (
        name,
        ", ".join(map(str, found["failed"])),
        str(found["dead_letters"]),
        f"{found['longest_seconds']:.1f}",
        str(sum(found["refused"].values())),
        str(found["announced"]),
        str(found["published"]),
    )


def _costs(costs: Mapping[str, Any]) -> Iterator[Row]:
    million, naive, month = (
        costs[name] for name in ("per million pairs", "naive, per million pairs", "per month")
    )
    for name, dollars in month.items():
        values = (million.get(name), naive.get(name), dollars)
        yield name, *("" if value is None else f"{value:.3f}" for value in values)
    yield "all", *(f"{sum(each.values()):.3f}" for each in (million, naive, month))


def _table(title: str, heads: Row, rows: Iterable[Row]) -> str:
    lines = [heads, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    text = "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
    return f"{title}\n{text}"
