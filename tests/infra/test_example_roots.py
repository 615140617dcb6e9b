"""Plans of the example roots: StackSet models, keys, settings that exclude each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.aws.terraform import HUB_ACCOUNT, HUB_REGION, Terraform, TerraformError, rendered

pytestmark = [pytest.mark.timeout(900)]

KEY = f"arn:aws:kms:{HUB_REGION}:{HUB_ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
UNITS: dict[str, Any] = {
    "stack_set_model": "SERVICE_MANAGED",
    "organization_id": "o-a1b2c3d4e5",
    "organizational_unit_ids": ["ou-ab12-c3d4e5f6"],
}
ACCOUNTS: dict[str, Any] = {
    "stack_set_model": "SELF_MANAGED",
    "stack_set_call_as": "SELF",
    "organization_id": None,
    "organizational_unit_ids": [],
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plans."""
    return tmp_path_factory.mktemp("roots")


def test_both_roots_plan_the_same_resources(scratch: Path) -> None:
    """With the same settings, both roots plan the same resources with the same values."""
    same: dict[str, Any] = {
        "external_id": "of-the-test",
        "alarm_emails": [],
    }

    plans = [rendered(scratch, r, **same, **ACCOUNTS) for r in ("basic", "organization")]
    units = rendered(scratch, "basic", **same, **UNITS)

    assert plans[0].resources() == plans[1].resources()
    assert units.of_type("aws_cloudformation_stack_set_instance")


def test_basic_root_creates_customer_keys(scratch: Path) -> None:
    """A customer key does not need an organisation."""
    plan = rendered(scratch, "basic", external_id="of-the-test", customer_keys=True)

    assert len(plan.of_type("aws_kms_key")) == 1


def test_new_and_existing_key_exclude_each_other(scratch: Path) -> None:
    """`customer_keys` and `kms_key_arn` cannot be combined."""
    with pytest.raises(TerraformError, match="set only one of them"):
        rendered(scratch, "basic", external_id="x-y", customer_keys=True, kms_key_arn=KEY)


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"alarm_emails": ["team@example.com"]}, False),
        ({"alarm_topic_arns": [f"arn:aws:sns:{HUB_REGION}:{HUB_ACCOUNT}:pager"]}, False),
        ({"alarm_topic_arns": None, "alarm_emails": None}, True),
    ],
)
def test_alarms_without_a_receiver_give_a_warning(
    scratch: Path, settings: dict[str, Any], warned: object
) -> None:
    """A deployment without a receiver of its alarms is allowed with a warning."""
    plan = rendered(scratch, "basic", external_id="of-the-test", **settings)

    (check,) = (c for c in plan.document["checks"] if c["address"]["to_display"] == "check.alarms")
    assert (check["status"] == "fail") == warned


def test_plans_show_no_external_id(scratch: Path) -> None:
    """No plan shows an external id, neither in functions and StackSets nor in outputs."""
    ids: dict[str, Any] = {"external_id": "id-of-today", "previous_external_ids": ["id-of-old"]}
    plan = rendered(scratch, "basic", **ids)
    root = scratch / "infra/terraform/examples/basic"

    shown = Terraform(root, {}).shown()

    assert str(plan.resources()).count("id-of-today") >= 3
    assert "id-of-" not in shown
    assert "EXTERNAL_ID" in shown
    assert re.search(r"\+ ami_tracker += \(sensitive value\)", shown)


def test_refused_external_id_is_not_printed(scratch: Path) -> None:
    """The message names the variable and the rule, but not the value."""
    with pytest.raises(TerraformError, match="external_id must be 2 to 1224") as caught:
        rendered(scratch, "basic", external_id="not, an, id")

    assert "not, an, id" not in str(caught.value)
