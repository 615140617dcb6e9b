"""What is probably not intended in a lookup that finds an image: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from services.console.lookup.trial import Trial
from services.kernel.model import FilterLookup, Observation, OrderBy
from services.lookup.explain import FilterExplanation
from services.lookup.resolve import deprecated

_LISTED = 3


def warnings(trial: Trial, moment: datetime) -> list[str]:
    """Sentences about a result."""
    return [
        *_accounts(trial),
        *_known(trial),
        *_pattern(trial),
        *_candidates(trial),
        *(["the image is deprecated"] if _is_deprecated(trial, moment) else ()),
    ]


def _is_deprecated(trial: Trial, moment: datetime) -> bool:
    return trial.found is not None and deprecated(trial.found, moment)


def _accounts(trial: Trial) -> Iterator[str]:
    limited = trial.image.accounts
    if limited is not None and trial.target.account_id not in limited:
        yield (
            f"the entry is limited to Accounts {', '.join(sorted(limited))}, and this is what "
            f"account {trial.target.account_id} sees"
        )


def _known(trial: Trial) -> Iterator[str]:
    known = trial.pair.known
    if known and known.ami_name is known.creation_date is None:
        yield (
            f"{known.image_id} is not visible here, so its name and date, which the table would "
            "have, are unknown"
        )


def _pattern(trial: Trial) -> Iterator[str]:
    rule = trial.image.release
    name = trial.observed.ami_name if trial.observed else None
    if rule is None or name is None:
        return
    if rule.pattern and trial.about.release is None:
        yield f"Release.Pattern does not read a release from the AMI name {name}"
    elif rule.notes and trial.about.notes_url is None:
        yield f"Release.Notes has a group that Release.Pattern does not read from {name}"


def _candidates(trial: Trial) -> Iterator[str]:
    found = trial.explanation
    if not isinstance(found, FilterExplanation) or not isinstance(trial.image.lookup, FilterLookup):
        return
    architectures = {
        str(kind) for each in found.candidates if (kind := each.image.details.get("Architecture"))
    }
    if len(architectures) > 1:
        kinds = ", ".join(sorted(architectures))
        yield f"the candidates have different architectures: {kinds}; add the filter architecture"
    unread = sum(each.release is None for each in found.candidates)
    if found.order_by is OrderBy.RELEASE and unread:
        yield f"Release.Pattern reads no release from {unread} candidate(s), which come last"


def differences(trials: Sequence[Trial]) -> dict[str, Mapping[str, Sequence[str]]]:
    """The images whose AMI name is not the same everywhere: the targets of each name."""
    names: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        if isinstance(trial.observed, Observation) and trial.observed.ami_name:
            names[trial.image.name][trial.observed.ami_name].append(trial.target.region)
    return {image: found for image, found in names.items() if len(found) > 1}
