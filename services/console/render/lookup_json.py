"""The results of `ami-tracker lookup` as JSON: `"schema": 1`, in which keys are only added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.kernel.wire import encode_lookup, timestamp
from services.lookup.decide import Changed
from services.lookup.explain import FilterExplanation, ParameterExplanation
from services.lookup.resolve import deprecated

if TYPE_CHECKING:
    from services.console.lookup.report import Report, Result
    from services.console.lookup.trial import Trial
    from services.lookup.explain import Candidate
    from services.lookup.responses import Ami

SCHEMA = 1
MAX_EXCLUDED = 100


def as_json(report: Report, top: int) -> dict[str, object]:
    """The report; `top` limits the candidates of each result."""
    return {
        "schema": SCHEMA,
        "ok": report.complete,
        "time": timestamp(report.moment),
        "credentials": {
            "account_id": report.access.account_id,
            "arn": report.access.arn,
            "role_name": report.access.role_name,
        },
        "results": [_result(result, report.moment, top) for result in report.results],
        "different_names": report.differences,
    }


def _result(result: Result, moment: datetime, top: int) -> dict[str, object]:
    trial = result.trial
    seen = trial.observed
    return {
        "image_name": trial.image.name,
        "account_id": trial.target.account_id,
        "region": trial.target.region,
        "state": trial.failure.state if trial.failure else "ok",
        "problem": _problem(trial),
        "image_id": seen.image_id if seen else None,
        "ami_name": seen.ami_name if seen else None,
        "creation_date": seen.creation_date if seen else None,
        **_about(trial),
        "lookup": encode_lookup(trial.image.lookup),
        "why": _why(trial, moment, top),
        "known": _known(trial),
        "warnings": list(result.warnings),
        "hints": list(result.hints),
        "commands": [
            {"command": each.text, "purpose": each.purpose, "differs": each.differs or None}
            for each in result.commands
        ],
    }


def _problem(trial: Trial) -> dict[str, str] | None:
    failure = trial.failure
    return {"code": failure.code, "detail": failure.detail} if failure else None


def _about(trial: Trial) -> dict[str, object]:
    about = trial.about
    return {
        "release": about.release,
        "notes_url": about.notes_url,
        "join_key": about.join_key,
        "facts": dict(about.facts),
    }


def _known(trial: Trial) -> dict[str, object] | None:
    """What the result would change for the pair of `--known`."""
    known = trial.pair.known
    if known is None:
        return None
    decision = trial.decision
    return {
        "image_id": known.image_id,
        "ami_name": known.ami_name,
        "creation_date": known.creation_date,
        "changes": isinstance(decision, Changed),
        "kind": decision.release.kind if isinstance(decision, Changed) else None,
    }


def _why(trial: Trial, moment: datetime, top: int) -> Mapping[str, object] | None:
    match trial.explanation:
        case ParameterExplanation() as found:
            return {"parameter": _parameter(found)}
        case FilterExplanation() as found:
            return {"filters": _filters(found, moment, top)}
        case _:
            return None


def _parameter(found: ParameterExplanation) -> dict[str, object]:
    value = found.value
    return {
        "path": found.path,
        "exists": value is not None,
        "image_id": found.image_id,
        "version": value.version if value else None,
        "modified": timestamp(value.modified) if value and value.modified else None,
        "image_state": found.image.state if found.image else None,
    }


def _filters(found: FilterExplanation, moment: datetime, top: int) -> dict[str, object]:
    return {
        "order_by": found.order_by,
        "pages": found.pages,
        "asked_again": found.asked_again,
        "candidate_count": len(found.candidates),
        "candidates": [_candidate(each, moment) for each in found.candidates[:top]],
        "excluded_count": len(found.excluded),
        "excluded": [
            {**_image(each.image), "pattern": each.pattern}
            for each in found.excluded[:MAX_EXCLUDED]
        ],
    }


def _candidate(candidate: Candidate, moment: datetime) -> dict[str, Any]:
    return {
        **_image(candidate.image),
        "release": candidate.release,
        "deprecated": deprecated(candidate.image, moment),
        "chosen": candidate.chosen,
        "verdict": candidate.verdict,
    }


def _image(image: Ami) -> dict[str, object]:
    return {
        "image_id": image.image_id,
        "ami_name": image.name,
        "creation_date": image.creation_date or None,
    }
