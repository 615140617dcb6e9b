"""The tables of README.md, INSTALL.md and benchmarks/README.md, from the stored results of a run.

Each table is between two markers. `make bench-figures` stores the last run and writes them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.costs import Deployment, dollars_per_month, total
from benchmarks.goals import goals
from benchmarks.growth import picture
from benchmarks.plan import STEADY, STEADY_TLS
from benchmarks.usage import calls_per_pair, usage

Json = Mapping[str, Any]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PICTURE = ROOT / "docs" / "images" / "growth.svg"
BEGIN, END = "<!-- BEGIN_BENCH -->", "<!-- END_BENCH -->"
_BETWEEN = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)
_RECEIVE_AND_DELETE_ALONE = 2
_EXAMPLES = {
    "small": "1,000 pairs, 1 acc., steady, dense",
    "medium": "10,000 pairs, 1 acc., steady, dense",
    "large": "100,000 pairs, 5 acc., steady, dense",
}
"""The deployments of INSTALL.md's table, by the round that has their use per pair."""
_MINUTES = 30
_FIXED = (
    ("CloudWatch, alarms", "19, of which 5 compare two metrics", "$0.10 per metric", 2.40),
    ("CloudWatch, dashboard", "1 (three are free)", "$3.00 each", 3.00),
)


def documents(results: Json) -> dict[Path, str]:
    """The table of each document."""
    made: dict[str, Callable[[Json], str]] = {
        "README.md": summary,
        "INSTALL.md": costs,
        "benchmarks/README.md": measured,
    }
    return {ROOT / name: make(results) for name, make in made.items()}


def replaced(text: str, table: str) -> str:
    """A document with this table between its markers.

    Raises:
        ValueError: it does not have the two markers once.
    """
    if len(_BETWEEN.findall(text)) != 1:
        message = f"the document must have {BEGIN} and {END} once"
        raise ValueError(message)
    return _BETWEEN.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text)


# --- README.md


def summary(results: Json) -> str:
    """What the service needs, next to the naive way."""
    return _markdown(("", "this service", "naive way"), _summary(results)) + "\n\n" + made(results)


def made(results: Json) -> str:
    """When and on which machine the run was made."""
    at, machine = results["made"]["at"][:10], results["made"]["machine"]
    processor = f"{machine['processors']} processors, {machine['processor']}"
    return f"Measured on {at} ({processor}, Python {machine['python']}) with `make bench`."


def _summary(results: Json) -> Iterator[Sequence[str]]:
    compared, target = results["compared"], results["one target"]["250 ms"]
    naive = compared["naive HTTP"]
    polls = _RECEIVE_AND_DELETE_ALONE
    naive_calls = sum(naive["calls"].values()) / naive["pairs"] + polls
    calls = round_of(results, str(STEADY))["calls_per_pair"]
    yield "AWS calls per lookup, SQS's included", f"{calls:.2f}", f"{naive_calls:.1f}"
    for case, scheme in ((STEADY, "HTTP"), (STEADY_TLS, "TLS")):
        own = round_of(results, str(case))["cpu_ms_per_pair"]
        other = compared[f"naive {scheme}"]["cpu_ms_per_pair"]
        yield (
            f"processor time per lookup, {scheme}",
            f"{own:.2f} ms",
            f"{other:.1f} ms, {other / own:.0f} times as much",
        )
    tls = round_of(results, str(STEADY_TLS))["functions"]["lookup"]
    yield "memory of the lookup over 34 regions, TLS", f"{tls['mib']:.0f} MiB", ""
    yield (
        "1,000 lookups in one account and region, 250 ms a call",
        f"{target['wall_seconds']:.0f} s",
        "",
    )
    first = results["largest first round"]
    yield (
        "scheduler, first round of 170,000 pairs (time-out 300 s)",
        f"at most {first['seconds']:.0f} s",
        "",
    )
    cost, deployment = results["costs"], results["costs"]["deployment"]
    millions = cost["pairs per month"] / 1e6
    images, regions = deployment["images"], deployment["regions"]
    minutes = deployment["minutes"]
    yield (
        f"{images} images in {regions} regions, a round every {minutes} minutes, per month",
        f"${total(cost['per month']):.2f}",
        f"${total(cost['naive, per million pairs']) * millions:.2f}",
    )


# --- benchmarks/README.md


def measured(results: Json) -> str:
    """The goals with what was measured."""
    rows = ((each.name, each.goal, each.text, each.verdict) for each in goals(results))
    table = _markdown(("", "goal", "measured", ""), rows)
    return f"{table}\n\n{made(results)}"


# --- INSTALL.md


def costs(results: Json) -> str:
    """The cost of a month for three deployments, with a round every half hour."""
    heads = ("item", "quantity", "price", *_EXAMPLES)
    rows = list(_costs(results))
    # The sum of what is shown, so that the table can be checked.
    sums = [sum(round(row[3 + at], 2) for row in rows) for at in range(len(_EXAMPLES))]
    lines = [(*row[:3], *(f"${cost:.2f}" for cost in row[3:])) for row in rows]
    everything = ("**all**", "", "", *(f"**${cost:.2f}**" for cost in sums))
    return _markdown(heads, [*lines, everything], right=len(_EXAMPLES))


def _costs(results: Json) -> Iterator[tuple[Any, ...]]:
    waiting = results["one target"]["250 ms"]
    rounds = [round_of(results, name) for name in _EXAMPLES.values()]
    used = [usage(each, waiting) for each in rounds]
    months = [
        dollars_per_month(use, _deployment(results, found))
        for use, found in zip(used, rounds, strict=True)
    ]
    metrics = results["costs"]["deployment"]["custom_metrics"]
    sqs = calls_per_pair(rounds[1])["SQS"]
    reads, writes, cpu = (
        _range([getattr(use, name) for use in used], digits)
        for name, digits in (("read_units", 2), ("write_units", 3), ("cpu_seconds", 5))
    )
    items = {
        "SQS": (f"{sqs:.2f} requests per pair and round", "$0.40 per million"),
        "SQS, idle pollers": ("5 pollers, each with a request every 20 s", "$0.40 per million"),
        "DynamoDB reads": (f"{reads} units per pair and round", "$0.125 per million"),
        "DynamoDB writes": (f"{writes} units per pair and round", "$0.625 per million"),
        "Lambda, computing": (f"{cpu} s of a processor per pair", "$0.0000133334 per GB-second"),
        "Lambda, waiting": (
            f"{1000 * used[0].waiting_seconds:.1f} ms per pair, at 100 ms a call",
            "$0.0000133334 per GB-second",
        ),
        "Lambda, invocations": ("a scheduler per round, a lookup per 1,000", "$0.20 per million"),
        "sweeps": ("8,640, of 0.1 s", "as Lambda and DynamoDB"),
        "CloudWatch, metrics": (f"at most {metrics}, for any number of regions", "$0.30 each"),
        "CloudWatch, logs": ("2 to 20 bytes per pair", "$0.50 per GB"),
    }
    for item, (quantity, price) in items.items():
        yield (item, quantity, price, *(month[item] for month in months))
    for item, quantity, price, dollars in _FIXED:
        yield (item, quantity, price, *(dollars for _ in months))


def _deployment(results: Json, found: Json) -> Deployment:
    """The deployment of a round: as many pairs, in one region."""
    metrics = results["costs"]["deployment"]["custom_metrics"]
    return Deployment(images=found["pairs"], regions=1, minutes=_MINUTES, custom_metrics=metrics)


def _range(values: Sequence[float], digits: int) -> str:
    least, most = (f"{each:.{digits}f}" for each in (min(values), max(values)))
    return least if least == most else f"{least} to {most}"


# --- all of them


def round_of(results: Json, name: str) -> Json:
    """The round with a name."""
    rounds: dict[str, Json] = {each["name"]: each for each in results["rounds"]}
    return rounds[name]


def _markdown(heads: Sequence[str], rows: Any, *, right: int = 0) -> str:  # noqa: ANN401 - rows of any iterable
    rule = ["---"] * (len(heads) - right) + ["--:"] * right
    return "\n".join(
        f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (heads, rule, *rows)
    )


def main(run: Path) -> None:
    """Store a run, and write its tables and its picture."""
    if run != RESULTS:
        shutil.copy(run, RESULTS)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for path, table in documents(results).items():
        path.write_text(replaced(path.read_text(encoding="utf-8"), table), encoding="utf-8")
    PICTURE.write_text(picture(results), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
