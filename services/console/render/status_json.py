"""The answer of `ami-tracker status` as JSON: `"schema": 1`, in which keys are only added."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.history.attention import Attention
from services.history.conditions import Finding
from services.history.status import Freshness, Status
from services.kernel.wire import timestamp

SCHEMA = 1


def as_json(status: Status, *, matrix: bool) -> dict[str, object]:
    """The status; with `matrix`, also each pair."""
    return {
        "schema": SCHEMA,
        "healthy": status.healthy,
        "time": timestamp(status.moment),
        "interval_minutes": status.interval_minutes,
        "counts": {condition.value: count for condition, count in status.counts.items()},
        "attention": [_entry(entry) for entry in status.attention],
        "rounds": [_round(each) for each in status.freshness],
        "unreadable": list(status.unreadable),
        **({"pairs": [_pair(each) for each in status.findings]} if matrix else {}),
    }


def time_or_none(moment: datetime | None) -> str | None:
    """A time as text."""
    return timestamp(moment) if moment else None


def _entry(entry: Attention) -> dict[str, object]:
    return {
        "condition": entry.condition,
        "urgency": entry.urgency,
        "state": entry.state,
        "code": entry.code,
        "detail": entry.detail,
        "reason": entry.reason,
        "todo": entry.todo,
        "image_names": list(entry.image_names),
        "regions": list(entry.regions),
        "accounts": list(entry.accounts),
        "targets": entry.targets,
        "pairs": entry.pairs,
        "whole_targets": entry.whole_targets,
        "since": time_or_none(entry.since),
    }


def _round(fresh: Freshness) -> dict[str, object]:
    age = fresh.age
    return {
        "region": fresh.region,
        "last_round": time_or_none(fresh.last_round),
        "age_minutes": int(age / timedelta(minutes=1)) if age is not None else None,
        "missed": fresh.missed,
    }


def _pair(finding: Finding) -> dict[str, object]:
    pair = finding.row.pair
    return {
        "image_name": pair.image_name,
        "family": pair.family,
        **pair.target.fields(),
        "condition": finding.condition,
        "state": pair.state,
        "code": finding.code,
        "detail": finding.row.detail,
        "since": time_or_none(finding.since),
        "version": pair.version,
        "image_id": pair.known.image_id if pair.known else None,
        "ami_name": pair.known.ami_name if pair.known else None,
        "changed_at": time_or_none(finding.row.changed_at),
    }
