"""Checks that compare an image's `Regions`, `Accounts` and ARN with regions.yaml."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from services.catalogue.arns import ParameterArn, parse_arn
from services.catalogue.entries import Entry
from services.catalogue.problems import Problem, shown
from services.catalogue.region_rules import partition_of
from services.kernel.model import Target
from services.kernel.wire import ACCOUNT_ID, REGION

_MOST_REGIONS = 5  # regions that a message lists


def target_problems(entry: Entry, targets: Sequence[Target]) -> Iterator[Problem]:
    """The regions and accounts that are not in regions.yaml, or an image without a target."""
    arn = _arn_of(entry)
    if arn is None and entry.content.keys().isdisjoint({"Regions", "Accounts"}):
        return  # tracked in every target
    regions = {target.region for target in targets}
    unlisted = list(_unlisted(entry, "Regions", REGION, regions))
    # A region without an account is a problem of regions.yaml.
    if all(target.account_id for target in targets):
        accounts = {target.account_id for target in targets}
        unlisted += _unlisted(entry, "Accounts", ACCOUNT_ID, accounts)
    if arn:
        unlisted += _arn_problems(entry, arn, regions)
    yield from unlisted
    if not unlisted:
        yield from _no_target(entry, arn, targets)


def target_warnings(entry: Entry) -> Iterator[Problem]:
    """Regions in which the ARN of a parameter is not read."""
    arn, regions = _arn_of(entry), _members(entry, "Regions")
    if arn and arn.region in regions and set(regions) != {arn.region}:
        message = f"the parameter of an ARN is read only in {arn.region}; remove the other regions"
        yield entry.problem("Regions", message)


def _arn_of(entry: Entry) -> ParameterArn | None:
    path = entry.content.get("ParameterPath")
    return parse_arn(path) if isinstance(path, str) else None


def _members(entry: Entry, field: str) -> dict[str, int]:
    """The texts in a list, with their index."""
    members = entry.content.get(field)
    return {
        member: index
        for index, member in enumerate(members if isinstance(members, list) else ())
        if isinstance(member, str)
    }


def _unlisted(entry: Entry, field: str, form: str, known: Collection[str]) -> Iterator[Problem]:
    for member, index in _members(entry, field).items():
        # The field's own check reports malformed names.
        if re.match(form, member) and member not in known:
            location = (*entry.location, field, index)
            message = f"{shown(member)} is not in regions.yaml; add it there or remove it here"
            yield entry.document.problem(location, message)


def _arn_problems(entry: Entry, arn: ParameterArn, regions: Collection[str]) -> Iterator[Problem]:
    listed = _members(entry, "Regions")
    partition = partition_of(arn.region)
    if arn.region not in regions:
        near = difflib.get_close_matches(arn.region, sorted(regions), n=1)
        repair = f"did you mean {near[0]}?" if near else "add it there, or use another ARN"
        message = f"the ARN's region {arn.region} is not in regions.yaml; {repair}"
        yield entry.problem("ParameterPath", message)
    elif arn.partition != partition:
        message = f"{arn.region} is in the partition {partition}, not {arn.partition}; write"
        yield entry.problem("ParameterPath", f"{message} arn:{partition}:ssm:{arn.region}:…")
    elif "Regions" in entry.content and listed and arn.region not in listed:
        message = f"does not list {arn.region}, the region of the ARN in ParameterPath"
        yield entry.problem("Regions", f"{message}; remove Regions, which an ARN does not need")


def _no_target(
    entry: Entry, arn: ParameterArn | None, targets: Sequence[Target]
) -> Iterator[Problem]:
    regions = {arn.region} if arn else set(_members(entry, "Regions"))
    accounts = _members(entry, "Accounts")
    known = {target.account_id for target in targets}
    candidates = [target for target in targets if not regions or target.region in regions]
    if not known.issuperset(accounts) or not candidates:
        return  # reported separately
    if not accounts or any(target.account_id in accounts for target in candidates):
        return
    by_region = {
        region: sorted(t.account_id for t in candidates if t.region == region)
        for region in sorted({target.region for target in candidates})
    }
    listed = [f"{region} in {' and '.join(ids)}" for region, ids in by_region.items()]
    more = " …" if len(listed) > _MOST_REGIONS else ""
    repair = "change Accounts" if arn else "change Accounts or Regions"
    message = f"leaves no target: regions.yaml has {', '.join(islice(listed, _MOST_REGIONS))}{more}"
    yield entry.problem("Accounts", f"{message}; {repair}")
