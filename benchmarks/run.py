"""Runs measurements and collects their results in one JSON document."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.costs import (
    Deployment,
    Usage,
    computing,
    dollars_per_million,
    dollars_per_month,
    invocation_seconds,
)
from benchmarks.laboratory import Laboratory
from benchmarks.mass_release import MassRelease, measure_mass_release
from benchmarks.measure import (
    Case,
    FunctionUse,
    Measured,
    measure_cold_start,
    measure_compared,
    measure_first_schedule,
    measure_round,
    measure_target,
)
from benchmarks.packages import RUNTIME
from benchmarks.plan import (
    GROWTH,
    LARGEST_FIRST,
    MASS_RELEASE,
    OTHERS,
    QUICK,
    SAMPLES,
    STEADY,
    STEADY_TLS,
)
from benchmarks.usage import LATENCY_SECONDS, USUAL_LATENCY_SECONDS, usage

Document = dict[str, Any]
_CUSTOM_METRICS = 24
_DEPLOYMENT = Deployment(images=200, regions=34, minutes=15, custom_metrics=_CUSTOM_METRICS)
_FUNCTIONS = ("scheduler", "lookup", "aggregator")


def everything(bench: Laboratory, note: Callable[[str], None]) -> Document:
    """All measurements."""
    compared: Document = {}
    found: list[Measured] = []
    # The ways to compare with follow their round, as a busy machine makes all of them slower.
    for case in (STEADY, STEADY_TLS):
        found += _rounds(bench, [case], note)
        for way in SAMPLES:
            name = f"{way} {'TLS' if case.tls else 'HTTP'}"
            compared[name] = _compared(bench, way, note, tls=case.tls)
    compared["naive, one certificate, TLS"] = _compared(
        bench, "naive", note, tls=True, one_certificate=True
    )
    found += _rounds(bench, [each for each in (*GROWTH, *OTHERS) if each != STEADY], note)
    found.sort(key=lambda each: [*GROWTH, STEADY_TLS, *OTHERS].index(each.case))
    document = {**_document(found), "compared": compared}
    note("a batch of 1,000 messages of one target, 250 ms a call")
    waiting = measure_target(bench, latency_seconds=LATENCY_SECONDS)
    document["one target"] = {"250 ms": asdict(waiting)}
    note("the same with the rates of SSM and EC2, 30 ms a call")
    document["one target"]["30 ms, throttled"] = asdict(
        measure_target(bench, latency_seconds=0.03, throttles=True)
    )
    note("1,000 releases in one target")
    document["one target"]["all changed, 30 ms, throttled"] = asdict(
        measure_target(bench, latency_seconds=0.03, throttles=True, changed=True)
    )
    document["mass release"] = _mass_release(bench, MASS_RELEASE, note)
    note("the scheduler in a first round")
    document["largest first round"] = _first_round(bench)
    document["cold starts"] = {}
    for name in _FUNCTIONS:
        for tls in (False, True):
            scheme = "TLS" if tls else "HTTP"
            note(f"cold start of the {name}, {scheme}")
            document["cold starts"][f"{name} {scheme}"] = asdict(
                measure_cold_start(bench, name, tls=tls)
            )
    steady = next(each for each in found if each.case == STEADY)
    document["costs"] = _costs(steady, waiting, document["compared"])
    return document


def one_round(bench: Laboratory, case: Case, note: Callable[[str], None]) -> Document:
    """One round, and the naive way directly after it."""
    document = _document(list(_rounds(bench, [case], note)))
    scheme = "TLS" if case.tls else "HTTP"
    naive = _compared(bench, "naive", note, tls=case.tls, sample=100)
    return {**document, "compared": {f"naive {scheme}": naive}}


def mass_release(bench: Laboratory, case: MassRelease, note: Callable[[str], None]) -> Document:
    """A new build of every image of one region."""
    return {**_document([]), "compared": {}, "mass release": _mass_release(bench, case, note)}


def _mass_release(bench: Laboratory, case: MassRelease, note: Callable[[str], None]) -> Document:
    note(f"a mass release: {case}")
    return {str(case): asdict(measure_mass_release(bench, case))}


def quick(bench: Laboratory, note: Callable[[str], None]) -> Document:
    """The calls of a small steady round, and its processor time relative to the naive way."""
    document = _document(list(_rounds(bench, [QUICK], note)))
    document["compared"] = {"naive HTTP": _compared(bench, "naive", note, tls=False, sample=20)}
    return document


def _rounds(
    bench: Laboratory, cases: Iterable[Case], note: Callable[[str], None]
) -> Iterable[Measured]:
    for case in cases:
        note(str(case))
        yield measure_round(bench, case)


def _compared(
    bench: Laboratory,
    way: str,
    note: Callable[[str], None],
    *,
    tls: bool,
    sample: int | None = None,
    one_certificate: bool = False,
) -> Document:
    sample = sample or SAMPLES[way]
    note(f"{way}, {sample} pairs{', TLS' * tls}{', one certificate' * one_certificate}")
    use = measure_compared(bench, way, tls=tls, sample=sample, one_certificate=one_certificate)
    return {"pairs": sample, "cpu_ms_per_pair": 1000 * use.cpu_seconds / sample, **asdict(use)}


def _document(found: Sequence[Measured]) -> Document:
    return {
        "schema": 1,
        "made": {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _commit(),
            "machine": machine(),
        },
        "rounds": [each.as_json() for each in found],
    }


def _first_round(bench: Laboratory) -> Document:
    """The scheduler in the largest first round, and how long that takes at most."""
    use = measure_first_schedule(bench, LARGEST_FIRST)
    return {
        "pairs": LARGEST_FIRST.pairs,
        "cpu_seconds": use.cpu_seconds,
        "calls": use.total_calls,
        "mib": use.mib,
        "seconds": invocation_seconds(use.cpu_seconds, use.total_calls),
    }


def machine() -> dict[str, str]:
    """The processor and the system, which the processor times depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "processors": str(len(names) or "?"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": RUNTIME.removeprefix("python"),
    }


def _commit() -> str:
    command = ["git", "-c", "safe.directory=*", "describe", "--always", "--dirty"]
    found = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def _costs(steady: Measured, waiting: FunctionUse, compared: Document) -> Document:
    """The cost of a steady round of the functions, and of the naive way."""
    used = usage(steady.as_json(), asdict(waiting))
    naive = compared["naive HTTP"]
    pairs = naive["pairs"]
    naive_costs = dollars_per_million(
        Usage(
            sqs_sends=naive["calls"]["sqs.SendMessage"] / pairs,
            read_units=naive["units"]["read"] / pairs,
            write_units=naive["units"]["write"] / pairs,
            cpu_seconds=naive["cpu_seconds"] / pairs,
            waiting_seconds=USUAL_LATENCY_SECONDS * 3,
            invocations=1,
            log_bytes=0,
        )
    )
    # Each message is received and deleted alone.
    naive_costs["SQS"] *= 3 / 1.2
    return {
        "usage": asdict(used),
        "per million pairs": dollars_per_million(used),
        "naive, per million pairs": naive_costs,
        "deployment": asdict(_DEPLOYMENT),
        "pairs per month": _DEPLOYMENT.pairs_per_month,
        "per month": dollars_per_month(used, _DEPLOYMENT),
        "computing per CPU second": computing(1),
    }
