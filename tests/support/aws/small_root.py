"""A root module with only `terraform_data` resources; its plans have every kind of change.

`documents(folder)` returns real plans, as `terraform show -json` prints them. The unit tests read
recorded plans; `python tests/support/aws/small_root.py` records them again.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.aws.terraform import Terraform

RECORDED = Path(__file__).parents[2] / "unit" / "infra" / "deploy" / "plans.json"
SECRET = "never-to-be-printed"
CONFIGURATION = """\
variable "secret" {
  type      = string
  sensitive = true
}

variable "step" {
  type = number
}

variable "places" {
  type = list(string)
}

resource "terraform_data" "settings" {
  input = {
    memory_mb = 512 * var.step
    secret    = "${var.secret}-${var.step}"
    addresses = ["both@example.com", "only-${var.step}@example.com"]
    policy    = jsonencode({ Statement = [{ Sid = "Read", Resource = "r-${var.step}" }] })
    text      = join("", [for i in range(5) : "line ${var.step}\\n"])
  }
}

resource "terraform_data" "named" {
  triggers_replace = { name = "step-${var.step}", secret = "${var.secret}-${var.step}" }
}

resource "terraform_data" "former" {
  count = var.step == 1 ? 2 : 0
}

resource "terraform_data" "topics" {
  for_each = toset(var.places)
  input    = "kept"
}

resource "terraform_data" "updated" {
  for_each = toset(["one", "two"])
  input    = "step-${var.step}"
}

check "even" {
  assert {
    condition     = var.step == 1
    error_message = "The step is ${var.step}."
  }
}

output "secret" {
  value     = "${var.secret}-${var.step}"
  sensitive = true
}
"""
FIRST = ["111122223333/eu-west-1", "222233334444/eu-west-1", "111122223333/us-east-1"]
MORE = [*FIRST, "111122223333/eu-north-1"]


def small_root(folder: Path) -> Terraform:
    """The root module, initialised but not applied."""
    (folder / "main.tf").write_text(CONFIGURATION, encoding="utf-8")
    terraform = Terraform(folder, {})
    terraform.init()
    return terraform


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """The plans of a first apply, of an apply that changes everything, and without changes."""
    terraform = small_root(folder)
    first: Mapping[str, Any] = {"secret": SECRET, "step": 1, "places": FIRST}
    found = {"first": dict(terraform.plan(**first).document)}
    terraform.apply(**first)
    found["none"] = dict(terraform.plan(**first).document)
    found["second"] = dict(terraform.plan(secret=SECRET, step=2, places=MORE).document)
    return found


def _record() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plans = documents(Path(folder))
    kept = ("resource_changes", "output_changes", "checks", "planned_values", "variables")
    short = {name: {k: plan[k] for k in kept if k in plan} for name, plan in plans.items()}
    RECORDED.parent.mkdir(exist_ok=True)
    RECORDED.write_text(json.dumps(short, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote {RECORDED}\n")


if __name__ == "__main__":
    _record()
