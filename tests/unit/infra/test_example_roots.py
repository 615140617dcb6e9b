"""Both example roots declare every variable of the module and pass it to the module."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

MODULE = Path(__file__).parents[3] / "infra" / "terraform"
EXAMPLES = MODULE / "examples"
ROOTS = ("basic", "organization")
REPLACED = {"packages"}
"""Variables of the module that the roots compute from another one (packages_folder)."""
OWN = {"region", "packages_folder", "customer_keys"}
"""Variables of the roots that the module does not have."""
DEFAULTS_DIFFER = {
    "organization_id",
    "organizational_unit_ids",
    "stack_set_model",
    "stack_set_call_as",
    "alarm_emails",
}


def parsed(path: Path) -> dict[str, Any]:
    """A file's blocks."""
    options = hcl2.SerializationOptions(
        with_comments=False, explicit_blocks=False, strip_string_quotes=True
    )
    return hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=options)


def variables(folder: Path) -> dict[str, dict[str, Any]]:
    """The variables of a folder by name."""
    blocks = parsed(folder / "variables.tf")["variable"]
    return {name: body for block in blocks for name, body in block.items()}


def type_of(body: dict[str, Any]) -> str:
    """A variable's type; without the defaults of optional attributes, which only the module has."""
    plain = re.sub(r"\s+", "", str(body["type"]))
    return re.sub(r"optional\((\w+),[^)]*\)", r"optional(\1)", plain)


def arguments(root: str) -> dict[str, str]:
    """The arguments that a root passes to the module, by name."""
    blocks = parsed(EXAMPLES / root / "main.tf")["module"]
    (call,) = (block["ami_tracker"] for block in blocks if "ami_tracker" in block)
    return {name: str(value) for name, value in call.items()}


@pytest.mark.parametrize("root", ROOTS)
def test_root_declares_every_variable_of_the_module(root: str) -> None:
    """Every variable of the module can be set in both roots."""
    expected = (variables(MODULE).keys() - REPLACED) | OWN

    assert variables(EXAMPLES / root).keys() == expected


@pytest.mark.parametrize("root", ROOTS)
def test_root_has_the_types_of_the_module(root: str) -> None:
    """The variables of a root have the same types, so no value is refused or converted."""
    module = variables(MODULE)
    expected = {n: type_of(body) for n, body in module.items() if n not in REPLACED}
    found = {n: type_of(body) for n, body in variables(EXAMPLES / root).items() if n not in OWN}

    assert found == expected


@pytest.mark.parametrize("root", ROOTS)
def test_root_passes_every_variable(root: str) -> None:
    """Each variable is used in the argument of the same name."""
    names = variables(MODULE).keys() - REPLACED
    given = arguments(root)

    assert [n for n in sorted(names) if not re.search(rf"\bvar\.{n}\b", given.get(n, ""))] == []


@pytest.mark.parametrize("root", ROOTS)
def test_root_has_the_sensitive_variables_of_the_module(root: str) -> None:
    """A variable is sensitive in a root if it is sensitive in the module."""
    module = {n for n, body in variables(MODULE).items() if body.get("sensitive")}
    found = {n for n, body in variables(EXAMPLES / root).items() if body.get("sensitive")}

    assert found == module


@pytest.mark.parametrize("file", ["main.tf", "outputs.tf", "versions.tf"])
def test_roots_differ_only_in_defaults(file: str) -> None:
    """All files except variables.tf are the same in both roots."""
    first, second = ((EXAMPLES / root / file).read_text(encoding="utf-8") for root in ROOTS)

    assert first == second


def test_only_the_named_defaults_differ() -> None:
    """Only the defaults in DEFAULTS_DIFFER differ between the roots."""
    first, second = (variables(EXAMPLES / root) for root in ROOTS)
    missing = object()
    differ = {
        n for n in first if first[n].get("default", missing) != second[n].get("default", missing)
    }

    assert differ == DEFAULTS_DIFFER
    assert {n: {**body, "default": 0} for n, body in first.items()} == {
        n: {**body, "default": 0} for n, body in second.items()
    }
