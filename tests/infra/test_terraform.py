"""The Terraform module: its format, its own tests, and its messages for invalid values."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from support.aws.terraform import (
    ROOT,
    Terraform,
    TerraformError,
    caller,
    checkout,
    environment,
    rendered,
)

from infra import terraform_docs

INFRA = ROOT / "infra"
MODULE = INFRA / "terraform"
MODULES = (
    "",
    "modules/function",
    "modules/key",
    "modules/members",
    "examples/basic",
    "examples/organization",
)
WITHOUT_RULE = {"bool", "map(string)"}
"""Types for which every value is valid: switches and tags."""

pytestmark = [pytest.mark.timeout(900)]


# --- reading HCL


def parsed(path: Path) -> dict[str, Any]:
    """A file's blocks as python-hcl2 returns them."""
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = hcl2.load(file)
    return document


def plain(text: str) -> str:
    """A string of python-hcl2 without the quotes and braces that it adds."""
    return text.removeprefix("${").removesuffix("}").strip('"')


def variables(folder: Path) -> dict[str, dict[str, Any]]:
    """The variables of a module, by name."""
    blocks = parsed(folder / "variables.tf")["variable"]
    return {plain(name): body for block in blocks for name, body in block.items()}


def runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Every run of a module's own tests, and the variables of each file."""
    for path in sorted((folder / "tests").glob("*.tftest.hcl")):
        document = parsed(path)
        yield {"variables": document.get("variables", [])}
        yield from (body for block in document["run"] for body in block.values())


def given(run: dict[str, Any]) -> set[str]:
    """The variables that a run sets."""
    return {plain(name) for block in run.get("variables", []) for name in block}


def refused(run: dict[str, Any]) -> set[str]:
    """The variables that a run expects to be refused."""
    names = re.findall(r"var\.(\w+)", str(run.get("expect_failures", "")))
    return set(names)


# --- format and validity


def test_everything_is_formatted() -> None:
    """Every file is formatted with `terraform fmt`."""
    assert Terraform(INFRA, {}).format_problems() == []


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's infrastructure."""
    return checkout(tmp_path_factory.mktemp("terraform"))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_valid(tree: Path, name: str) -> None:
    """Each module and each example is valid by itself."""
    terraform = Terraform(tree / "infra/terraform" / name, environment("http://127.0.0.1:9"))

    terraform.init()

    terraform.validate()


@pytest.mark.parametrize("name", ["", "modules/function", "modules/key", "modules/members"])
def test_modules_have_no_provider_block(name: str) -> None:
    """A module with a provider block could not be used with `for_each` or removed."""
    found = [path.name for path in (MODULE / name).glob("*.tf") if "provider" in parsed(path)]

    assert found == []


# --- the module's own tests


@pytest.mark.slow
def test_module_tests_pass(tree: Path) -> None:
    """`terraform test` passes: validations, both StackSet models, keys, prefixes, regions.yaml."""
    with caller() as endpoint_url:
        terraform = Terraform(tree / "infra/terraform", environment(endpoint_url))
        terraform.init()
        statuses = terraform.test()

    assert set(statuses.values()) == {"pass"}
    assert len(statuses) == sum("command" in run for run in runs(MODULE))


@pytest.mark.parametrize("name", sorted(variables(MODULE)))
def test_every_variable_has_a_rule(name: str) -> None:
    """Each variable has a validation rule, unless every value of its type is valid."""
    variable = variables(MODULE)[name]

    assert plain(variable["type"]) in WITHOUT_RULE or "validation" in variable


@pytest.mark.parametrize("name", sorted(variables(MODULE)))
def test_every_rule_is_tested(name: str) -> None:
    """The module's tests set each variable, and make each validation rule fail."""
    tested = list(runs(MODULE))
    ruled = "validation" in variables(MODULE)[name]

    assert any(name in given(run) - refused(run) for run in tested)
    assert any(name in refused(run) for run in tested) == ruled


@pytest.mark.parametrize("name", MODULES)
def test_every_variable_is_described_and_typed(name: str) -> None:
    """Each variable has a description and a type, for the READMEs' tables."""
    found = variables(MODULE / name)

    assert [n for n, body in found.items() if not {"description", "type"} <= set(body)] == []


# --- error messages


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plans."""
    return tmp_path_factory.mktemp("plans")


WRONG = """
Regions: []
regions:
  - Name: us-east-1
  - Name: eu-west-1
    AccountId: 12345
  - Name: eu-west-2
    AccountId: "222233334444"
    Account: "222233334444"
  - Name: Virginia
    AccountId: "222233334444"
  - eu-west-3
  - Name: eu-north-1
    AccountId: "222233334444"
  - {Name: eu-north-1, AccountId: 222233334444}
"""

WHAT_IS_WRONG = """
regions.yaml: unknown key Regions; the allowed keys are AccountId and regions.
regions.yaml, entry 1 (us-east-1): AccountId is missing; set it in the entry, or once at the top of
the file.
regions.yaml, entry 2 (eu-west-1): AccountId is 12345, but must be exactly 12 digits; put it in
quotes.
regions.yaml, entry 3 (eu-west-2): unknown key Account; the allowed keys are Name and AccountId.
regions.yaml, entry 4 (Virginia): Name must be the name of a region, such as eu-west-1.
regions.yaml, entry 5: not a map; the allowed keys are Name and AccountId.
regions.yaml, entry 5: Name must be the name of a region, such as eu-west-1.
regions.yaml, entry 5: AccountId is missing; set it in the entry, or once at the top of the file.
regions.yaml names a region twice for the same account; remove one of the entries.
"""


def test_all_problems_of_the_regions_file_are_reported_together(scratch: Path) -> None:
    """One error message has the file, entry, field and remedy of every problem."""
    with pytest.raises(TerraformError) as caught:
        rendered(scratch, "basic", regions=WRONG, external_id="of-the-test")

    assert " ".join(WHAT_IS_WRONG.split()) in str(caught.value)
    assert str(caught.value).count("Resource precondition failed") == 1


ONE_REGION = 'AccountId: "111122223333"\nregions:\n  - Name: us-east-1\n'


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ("regions: []\n", "contains no region; add at least one below regions, such as `- Name: "),
        ("regions: [\n", "is empty or not valid YAML; `ami-tracker check` prints the line."),
        ("", "is empty or not valid YAML; `ami-tracker check` prints the line."),
        (f"{ONE_REGION}  - Name: cn-north-1\n", "cn-north-1 is not in the hub's partition, aws"),
    ],
)
def test_regions_file_without_a_usable_target_is_refused(
    scratch: Path, regions: str, expected: str
) -> None:
    """A regions file without targets in the hub's partition is refused."""
    with pytest.raises(TerraformError) as caught:
        rendered(scratch, "basic", regions=regions, external_id="of-the-test")

    assert f"regions.yaml {expected}" in str(caught.value).replace("regions.yaml:", "regions.yaml")


def test_missing_packages_are_reported(scratch: Path) -> None:
    """Without packages, the message has the command that builds them."""
    with pytest.raises(TerraformError, match="run `make package` first"):
        rendered(
            scratch,
            "basic",
            regions=ONE_REGION,
            packages_folder="/nowhere",
            external_id="of-the-test",
        )


# --- schedules


WEEKDAYS = "cron(0 7-19 ? * MON-FRI *)"
"""Every hour from 7 to 19 on weekdays: 60 hours from Friday's last round to Monday's first."""
SHORTEST_WINDOWS = [
    ("cron(5 * * * ? *)", 120),
    ("cron(0,20 * ? * * *)", 80),
    ("cron(0 */6 * * ? *)", 720),
    ("cron(0 0-12/4,18 * * ? *)", 720),
    ("cron(15,45 6,18 * * ? *)", 1380),
    (WEEKDAYS, 7200),
    ("cron(0 6 ? * SUN,TUE,THU,SAT *)", 5760),
]
"""Schedules and their shortest alarm window: twice the longest time between two rounds."""


def refusal(scratch: Path, schedule: str, minutes: int) -> str:
    """The error for a schedule with an alarm window; empty if there is none."""
    try:
        rendered(
            scratch,
            "basic",
            regions=ONE_REGION,
            external_id="of-the-test",
            schedule_expression=schedule,
            round_alarm_minutes=minutes,
        )
    except TerraformError as error:
        return " ".join(str(error).split())
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "shortest"), SHORTEST_WINDOWS)
def test_alarm_window_must_hold_two_intervals(scratch: Path, schedule: str, shortest: int) -> None:
    """One minute less than two intervals is refused with the shortest valid number."""
    wrong = shortest - 1

    expected = f"round_alarm_minutes is {wrong}, but must be at least {shortest}: twice"
    assert expected in refusal(scratch, schedule, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schedule", "shortest"), [(WEEKDAYS, 7200), ("rate(5 minutes)", 15)], ids=["cron", "rate"]
)
def test_shortest_alarm_window_is_accepted(scratch: Path, schedule: str, shortest: int) -> None:
    """A window of two intervals, but at least 15 minutes, is accepted."""
    assert refusal(scratch, schedule, shortest) == ""


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 6 1 * ? *)",
        "cron(0 6 * * ? 2027)",
        "cron(0 6 ? * MON#1 *)",
        "cron(0 6 L * ? *)",
        "cron(0 6 * * *)",
        "cron(0 25 * * ? *)",
        "cron(a b * * ? *)",
    ],
)
def test_schedule_of_unknown_interval_is_refused(scratch: Path, schedule: str) -> None:
    """A schedule whose longest interval is unknown is refused with every alarm window."""
    assert "between two of its rounds cannot be computed" in refusal(scratch, schedule, 10080)


@pytest.mark.parametrize(
    ("schedule", "apart"),
    [
        ("rate(1 minute)", 1),
        ("cron(* * * * ? *)", 1),
        ("cron(0,3 * * * ? *)", 3),
        ("cron(0/56 * * * ? *)", 4),
    ],
)
def test_rounds_that_would_overlap_are_refused(scratch: Path, schedule: str, apart: int) -> None:
    """A round may run for five minutes, so shorter intervals are refused."""
    message = refusal(scratch, schedule, 10080)

    assert f"rounds {apart} minutes apart, but they must be at least 5 minutes apart" in message


def test_schedule_with_too_long_intervals_is_refused(scratch: Path) -> None:
    """Two intervals must be within one week, the longest window of an alarm."""
    message = refusal(scratch, "cron(0 6 ? * MON *)", 10080)

    assert "at least 20160: twice" in message
    assert "CloudWatch evaluates at most 10080 minutes, so use a shorter interval." in message


# --- checkov


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The reports of checkov about Terraform and CloudFormation."""
    program = ROOT / ".venv-checkov/bin/checkov"
    if not program.exists():
        pytest.skip("checkov is not installed: `make test` creates .venv-checkov")
    arguments = ["-d", str(INFRA), "--skip-download", "--compact", "--output", "json"]
    done = subprocess.run(
        [program, *arguments, "--framework", "terraform", "cloudformation"],
        cwd=tmp_path_factory.mktemp("checkov"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode not in {0, 1}:
        pytest.fail(f"checkov ended with {done.returncode}: {done.stderr}")
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    return reports


@pytest.mark.slow
def test_checkov_finds_nothing(scanned: list[dict[str, Any]]) -> None:
    """Terraform and CloudFormation pass all checks of checkov."""
    failed = [
        f"{check['check_id']} {check['resource']}"
        for report in scanned
        for check in report["results"]["failed_checks"]
    ]

    assert failed == []
    assert {report["check_type"] for report in scanned} == {"terraform", "cloudformation"}
    assert all(report["summary"]["passed"] >= 15 for report in scanned)


@pytest.mark.slow
def test_every_exception_gives_its_reason(scanned: list[dict[str, Any]]) -> None:
    """Every skipped check has a comment with a reason."""
    reasons = {
        f"{check['check_id']} {check['resource']}": check["check_result"].get("suppress_comment")
        for report in scanned
        for check in report["results"]["skipped_checks"]
    }

    assert [check for check, reason in reasons.items() if len(reason or "") < 30] == []


def test_there_is_no_checkov_configuration() -> None:
    """No configuration file of checkov skips a check for all resources."""
    assert list(INFRA.rglob(".checkov*")) == list(ROOT.glob(".checkov*")) == []


# --- declarations


def declared(folder: Path) -> Iterator[str]:
    """Each variable, local value and data source of a module, as the code refers to it."""
    for path in folder.glob("*.tf"):
        document = parsed(path)
        yield from (f"var.{plain(n)}" for block in document.get("variable", []) for n in block)
        yield from (f"local.{plain(n)}" for block in document.get("locals", []) for n in block)
        for block in document.get("data", []):
            yield from (f"data.{plain(kind)}.{plain(n)}" for kind in block for n in block[kind])


@pytest.mark.parametrize("name", MODULES)
def test_every_declaration_is_used(name: str) -> None:
    """Every variable, local value and data source of a module is used."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (MODULE / name).glob("*.tf"))
    found = [each for each in declared(MODULE / name) if "__" not in each]

    assert [each for each in found if not re.search(rf"\b{re.escape(each)}\b", text)] == []


@pytest.mark.parametrize("example", ["basic", "organization"])
def test_example_settings_have_no_valid_external_id(example: str, tmp_path: Path) -> None:
    """The example settings must be edited: their external id is refused."""
    root = checkout(tmp_path) / "infra/terraform/examples" / example
    (root / "terraform.tfvars.example").rename(root / "terraform.tfvars")

    with pytest.raises(TerraformError, match="external_id must be 2 to 1224") as caught:
        rendered(tmp_path, example)
    assert str(caught.value).count("Invalid value") == 1


# --- the provider's next major version


def test_every_resource_type_is_checked_for_provider_6() -> None:
    """The decision record about provider 6 has one row for each resource type in use."""
    record = (ROOT / "docs/decisions/0061-aws-provider-6.md").read_text(encoding="utf-8")
    folders = {path.parent for path in INFRA.rglob("*.tf")}
    used = {each.type for folder in folders for each in terraform_docs.read(folder).resources}

    assert set(re.findall(r"^\| `(aws_\w+)`", record, re.MULTILINE)) == used
