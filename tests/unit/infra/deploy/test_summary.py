"""The summary of a plan. tests/support/aws/small_root.py records the plans from Terraform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.differences import differences, forcing
from infra.deploy.summary import changes, is_empty, summary
from infra.deploy.text import listed

Plans = dict[str, dict[str, Any]]

SECOND = """\
Plan: 1 to replace, 2 to delete, 1 to create, 3 to update. (some/root)

!! REPLACE  terraform_data.named  forced by triggers_replace.name: "step-1" → "step-2", \
triggers_replace.secret: (sensitive)
!! DELETE   terraform_data.former[0]  its index is above the count
!! DELETE   terraform_data.former[1]  its index is above the count

To create:
  terraform_data.topics: 1 (111122223333/eu-north-1)

To update:
  terraform_data: 1 (settings)
      input.addresses: -"only-1@example.com", +"only-2@example.com"
      input.memory_mb: 512 → 1024
      input.policy.Statement[0].Resource: "r-1" → "r-2"
      input.secret: (sensitive)
      input.text: "line 1\\nline 1\\nline 1\\nline 1\\nline 1\\n" → \
"line 2\\nline 2\\nline 2\\nline 2\\nline 2\\n"
      output: (known after apply)
  terraform_data.updated: 2 (one, two)
      input: "step-1" → "step-2"
      output: (known after apply)

Outputs that change: secret

Check failed: check.even: The step is 2.
Warning: Deprecated: use another.

Show the whole plan: terraform -chdir=some/root show tfplan
"""
FIRST = """\
Plan: 9 to create. (some/root)

To create:
  terraform_data: 4 (former[0], former[1], named, settings)
  terraform_data.topics: 3 (eu-west-1 in 2 accounts, us-east-1 in 111122223333)
  terraform_data.updated: 2 (one, two)

Outputs that change: secret

Show the whole plan: terraform -chdir=some/root show tfplan
"""


@pytest.fixture(scope="module")
def plans() -> Plans:
    """Recorded plans, with only the parts that a summary reads."""
    text = Path(__file__).with_name("plans.json").read_text(encoding="utf-8")
    found: Plans = json.loads(text)
    return found


def test_replaced_and_deleted_resources_come_first(plans: Plans) -> None:
    """Replacements and deletions come before creations and updates, which name attributes."""
    assert summary(plans["second"], "some/root", ["Deprecated: use another."]) == SECOND


def test_created_resources_are_grouped(plans: Plans) -> None:
    """Targets are grouped by region, other resources by type with short names."""
    assert summary(plans["first"], "some/root", []) == FIRST


def test_plan_without_changes_is_one_line(plans: Plans) -> None:
    """The summary of a plan without changes is one line."""
    said = summary(plans["none"], "some/root", [])

    assert said == "No changes: all resources match the configuration. (some/root)\n"
    assert is_empty(plans["none"])
    assert not is_empty(plans["second"])


def test_nothing_sensitive_is_printed(plans: Plans) -> None:
    """The plans contain a sensitive value, but no summary does."""
    for plan in plans.values():
        assert "never-to-be-printed" in json.dumps(plan)
        assert "never-to-be-printed" not in summary(plan, "some/root", [])


def altered(plans: Plans, address: str, **body: object) -> dict[str, Any]:
    """A plan with one resource change of the second plan, with modified attributes."""
    (found,) = (c for c in plans["second"]["resource_changes"] if c["address"] == address)
    return {"resource_changes": [{**found, "change": {**found["change"], **body}}]}


def test_plan_with_only_outputs_is_not_empty(plans: Plans) -> None:
    """A plan that only changes outputs is not empty."""
    plan = {"output_changes": plans["second"]["output_changes"]}

    assert not is_empty(plan)
    assert summary(plan, "r", []).startswith("No changes to resources; outputs change. (r)\n")


def test_forgotten_resource_is_marked(plans: Plans) -> None:
    """A resource that a `removed` block removes from the state is marked as FORGET."""
    plan = altered(plans, "terraform_data.former[0]", actions=["forget"])

    assert "Plan: 1 to forget." in summary(plan, "r", [])
    assert "!! FORGET   terraform_data.former[0]  Terraform no longer" in summary(plan, "r", [])


def test_import_is_a_change(plans: Plans) -> None:
    """An import is listed, although Terraform's action is `no-op`."""
    plan = altered(plans, "terraform_data.named", actions=["no-op"], importing={"id": "x"})

    assert "To import:\n  terraform_data: 1 (named)" in summary(plan, "r", [])


def test_move_is_a_change(plans: Plans) -> None:
    """A move is listed, because it changes the address in the state."""
    plan = altered(plans, "terraform_data.named", actions=["no-op"])
    plan["resource_changes"][0]["previous_address"] = "terraform_data.called"

    assert not is_empty(plan)
    assert "To move:\n  terraform_data.called → terraform_data.named" in summary(plan, "r", [])


def test_deposed_object_is_named(plans: Plans) -> None:
    """A deposed object of a failed replacement is named as such."""
    plan = altered(plans, "terraform_data.former[0]")
    plan["resource_changes"][0]["deposed"] = "0a1b2c3d"

    assert "terraform_data.former[0] (left over from a failed" in summary(plan, "r", [])


def test_replacement_without_a_forcing_attribute_has_its_reason(plans: Plans) -> None:
    """A replacement of a tainted resource has its reason in the summary."""
    plan = altered(plans, "terraform_data.named", replace_paths=[])
    plan["resource_changes"][0]["action_reason"] = "replace_because_tainted"

    assert "!! REPLACE  terraform_data.named  forced by an earlier apply" in summary(plan, "r", [])


def test_functions_are_named_by_their_modules(plans: Plans) -> None:
    """The label is the module's name, without the outer module and `this`."""
    plan = altered(plans, "terraform_data.named", actions=["create"])
    (found,) = plan["resource_changes"]
    address = "module.ami_tracker.module.lookup[0].terraform_data.this"
    (change,) = changes({"resource_changes": [{**found, "address": address, "name": "this"}]})

    assert (change.group, change.label) == ("terraform_data", "lookup")


def test_organizational_units_are_counted(plans: Plans) -> None:
    """Service-managed stack instances are grouped by region, with the number of units."""
    plan = altered(plans, 'terraform_data.topics["111122223333/eu-north-1"]')
    (found,) = plan["resource_changes"]
    keys = ["ou-ab12-c3d4e5f6/eu-west-1", "r-ab12/eu-west-1"]
    plan["resource_changes"] = [{**found, "index": key} for key in keys]

    assert "terraform_data.topics: 2 (eu-west-1 in 2 units)" in summary(plan, "r", [])


# --- attributes


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"before": {"a": 1}, "after": {"a": 1}}, []),
        ({"before": {"a": None}, "after": {"a": "x"}}, ['a: null → "x"']),
        ({"before": {"a": [1, 2]}, "after": {"a": [2, 1]}}, ["a: order changed"]),
        ({"before": {"a": [{}]}, "after": {"a": [{}, {}]}}, ["a: 1 → 2 entries"]),
        (
            {
                "before": {"a": [{"b": "s", "c": 1}]},
                "after": {"a": [{"b": "t", "c": 2}]},
                "after_sensitive": {"a": [{"b": True}]},
            },
            ["a[0].b: (sensitive)", "a[0].c: 1 → 2"],
        ),
        ({"before": {"a": {"b": 1}}, "after": {"a": None}}, ["a: {…} → null"]),
        ({"before": {"a": "{"}, "after": {"a": "["}}, ['a: "{" → "["']),
        (
            {"before": {"a": 1}, "after": {}, "after_unknown": {"a": True}},
            ["a: (known after apply)"],
        ),
        (
            {
                "before": {"a": ["s", "t"]},
                "after": {"a": ["s", None]},
                "after_unknown": {"a": [False, True]},
            },
            ["a[1]: (known after apply)"],
        ),
        (
            {
                "before": {"a": ["s"]},
                "after": {"a": ["s", None]},
                "after_unknown": {"a": [False, True]},
            },
            ["a: +(known after apply)"],
        ),
        (
            {"before": {"a": ["s"]}, "after": {"a": ["t"]}, "after_sensitive": {"a": [True]}},
            ["a: (sensitive)"],
        ),
        (
            {
                "before": {"a": {"b": "s"}},
                "after": {"a": None},
                "before_sensitive": {"a": {"b": True}},
            },
            ["a: (sensitive)"],
        ),
        ({"before": {"a": "s"}, "after": {"a": "t"}, "before_sensitive": True}, [": (sensitive)"]),
        (
            {"before": {"a": "x" * 99}, "after": {"a": None}},
            [f'a: "{"x" * 58}… → null'],
        ),
    ],
)
def test_each_attribute_that_changes(change: dict[str, Any], expected: list[str]) -> None:
    """A change has the attribute and its values, shortened, without sensitive values."""
    assert differences(change) == expected


def test_forcing_attribute_without_a_difference_is_named() -> None:
    """Terraform may name the list of a changed element, or a value that is not known."""
    change = {"before": {"b": [{"c": 1}]}, "after": {"b": [{"c": 2}]}, "replace_paths": [["b", 0]]}

    assert forcing(change) == ["b[0].c: 1 → 2"]
    assert forcing({**change, "replace_paths": [["d"]]}) == ["d"]


def test_single_remaining_name_is_listed() -> None:
    """A single remaining name is listed instead of `and 1 more`."""
    assert listed(["a", "b", "c"], 2) == "a, b, c"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"
