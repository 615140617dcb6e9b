"""The summary of a plan: losses first, new resources in groups, no sensitive values.

Pure: converts the document of `terraform show -json` to lines.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.deploy.differences import differences, forcing
from infra.deploy.text import listed, plural, short

_MOST_NAMES = 12
_WIDTH = 100
_TRACKER_MODULE = "ami_tracker"
_MODULE = re.compile(r"module\.([^.\[]+)(?:\[[^\]]*\])?\.")
_TARGET = re.compile(r"(?P<owner>[0-9]{12}|(?:ou|r)-[a-z0-9-]+)/(?P<region>[a-z0-9-]+)")
_REASONS = {
    "delete_because_no_resource_config": "it is no longer in the configuration",
    "delete_because_no_module": "its module is no longer in the configuration",
    "delete_because_wrong_repetition": "it changed between count and for_each",
    "delete_because_count_index": "its index is above the count",
    "delete_because_each_key": "its key is no longer in the list",
    "replace_because_tainted": "an earlier apply marked it as tainted",
    "replace_by_request": "the replacement was requested",
    "replace_by_triggers": "a resource that it depends on changes",
}
_VERBS = ("replace", "delete", "forget", "create", "update", "import", "move")


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one resource."""

    verb: str
    address: str
    former: str
    kind: str
    name: str
    index: str | int | None
    reason: str
    body: Mapping[str, Any]

    @property
    def group(self) -> str:
        """The kind of the resource, with its name if it has keys."""
        keyed = isinstance(self.index, str) and self.name != "this"
        return f"{self.kind}.{self.name}" if keyed else self.kind

    @property
    def label(self) -> str:
        """The part of the address that is unique in its group."""
        if isinstance(self.index, str):
            return self.index
        modules = [name for name in _MODULE.findall(self.address) if name != _TRACKER_MODULE]
        names = [*modules, *([] if modules and self.name == "this" else [self.name])]
        number = "" if self.index is None else f"[{self.index}]"
        return ".".join(names) + number


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """The changes of a plan, without unchanged resources."""
    found = (_change(each) for each in plan.get("resource_changes", []))
    return [change for change in found if change is not None]


def is_empty(plan: Mapping[str, Any]) -> bool:
    """Whether applying the plan would change nothing, outputs included."""
    return not changes(plan) and not _outputs(plan)


def summary(plan: Mapping[str, Any], root: str, warnings: Sequence[str]) -> str:
    """The text that `make plan` and `make deploy` print."""
    found = changes(plan)
    lines = [f"{_headline(plan, found)} ({root})"]
    lines += _losses(found)
    lines += _groups("To create:", _of(found, "create"))
    lines += _groups("To import:", _of(found, "import"))
    lines += _updates(_of(found, "update"))
    lines += _moves(found)
    if outputs := _outputs(plan):
        lines += ["", f"Outputs that change: {listed(outputs, _MOST_NAMES)}"]
    lines += _notes(plan, warnings)
    if not is_empty(plan):
        command = shlex.join(["terraform", f"-chdir={root}", "show", "tfplan"])
        lines += ["", f"Show the whole plan: {command}"]
    return "\n".join(lines) + "\n"


# --- reading the document


def _change(found: Mapping[str, Any]) -> Change | None:
    body = found["change"]
    verb = _verb(found)
    if found["mode"] != "managed" or verb is None:
        return None
    deposed = " (left over from a failed replacement)" if "deposed" in found else ""
    return Change(
        verb=verb,
        address=found["address"] + deposed,
        former=found.get("previous_address", ""),
        kind=found["type"],
        name=found["name"],
        index=found.get("index"),
        reason=found.get("action_reason", ""),
        body=body,
    )


def _verb(found: Mapping[str, Any]) -> str | None:
    """The verb for the change of a resource; None if it does not change."""
    actions = found["change"]["actions"]
    if set(actions) == {"create", "delete"}:
        return "replace"
    if actions not in (["no-op"], ["read"]):
        return str(actions[-1])
    if "importing" in found["change"]:
        return "import"
    return "move" if "previous_address" in found else None


def _of(found: Iterable[Change], *verbs: str) -> list[Change]:
    return [change for change in found if change.verb in verbs]


def _outputs(plan: Mapping[str, Any]) -> list[str]:
    outputs = plan.get("output_changes", {}).items()
    return sorted(name for name, change in outputs if change["actions"] != ["no-op"])


# --- the parts


def _headline(plan: Mapping[str, Any], found: Sequence[Change]) -> str:
    counts = [f"{n:,} to {verb}" for verb in _VERBS if (n := len(_of(found, verb)))]
    if counts:
        return f"Plan: {', '.join(counts)}."
    if _outputs(plan):
        return "No changes to resources; outputs change."
    return "No changes: all resources match the configuration."


def _losses(found: Iterable[Change]) -> Iterator[str]:
    """A line for each lost resource, with the reason."""
    replaced, gone, left = (_of(found, verb) for verb in ("replace", "delete", "forget"))
    if replaced or gone or left:
        yield ""
    for change in replaced:
        forced = ", ".join(forcing(change.body)) or _REASONS.get(change.reason, "")
        because = f"  forced by {forced}" if forced else ""
        yield f"!! REPLACE  {change.address}{because}"
    for change in gone:
        reason = _REASONS.get(change.reason, "")
        yield f"!! DELETE   {change.address}{f'  {reason}' if reason else ''}"
    for change in left:
        yield f"!! FORGET   {change.address}  Terraform no longer manages it; it is not deleted"


def _groups(title: str, found: Iterable[Change]) -> Iterator[str]:
    """Resources by kind, with short names."""
    groups: dict[str, list[Change]] = defaultdict(list)
    for change in found:
        groups[change.group].append(change)
    if groups:
        yield ""
        yield title
    for group, members in sorted(groups.items()):
        labels = _labels([member.label for member in members])
        yield _wrapped(f"  {group}: {len(members):,} ({labels})")


def _wrapped(line: str) -> str:
    """A line, wrapped between names."""
    wrapper = textwrap.TextWrapper(
        _WIDTH, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(line)


def _labels(labels: Sequence[str]) -> str:
    """The labels; for accounts and regions, the regions with the number of accounts or units."""
    targets = [_TARGET.fullmatch(label) for label in labels]
    if len(labels) == 1 or not all(targets):
        return listed(sorted(labels), _MOST_NAMES)
    owners: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        if target:
            owners[target["region"]].append(target["owner"])
    return listed([f"{r} in {_owners(o)}" for r, o in sorted(owners.items())], _MOST_NAMES)


def _owners(owners: Sequence[str]) -> str:
    if len(owners) == 1:
        return owners[0]
    return plural(len(owners), "account" if owners[0].isdigit() else "unit")


def _updates(found: Iterable[Change]) -> Iterator[str]:
    """Resources of a kind with the same changes, with each changed attribute."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for change in found:
        groups[change.group, tuple(differences(change.body))].append(change.label)
    if groups:
        yield ""
        yield "To update:"
    for (group, attributes), labels in sorted(groups.items()):
        yield _wrapped(f"  {group}: {len(labels):,} ({_labels(labels)})")
        yield from (f"      {attribute}" for attribute in attributes)


def _moves(found: Iterable[Change]) -> Iterator[str]:
    """Resources that only get another address; those with other changes are listed above."""
    moved = [f"  {each.former} → {each.address}" for each in _of(found, "move")]
    if moved:
        yield from ("", "To move:", *moved)


def _notes(plan: Mapping[str, Any], warnings: Iterable[str]) -> Iterator[str]:
    """Failed checks and Terraform's warnings."""
    failed = [
        f"{check['address']['to_display']}: {short(problem['message'], 400)}"
        for check in plan.get("checks", [])
        if check["status"] in {"fail", "error"}
        for instance in check.get("instances", [])
        for problem in instance.get("problems", [])
    ]
    notes = [*(f"Check failed: {text}" for text in failed), *(f"Warning: {w}" for w in warnings)]
    if notes:
        yield ""
        yield from notes
