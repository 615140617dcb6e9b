"""The Terraform module by itself: its format, its own tests, what it refuses and in which words."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from terraform import ROOT, Terraform, TerraformError, caller, checkout, environment, rendered

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
"""What any value of the type is good for: a switch, and tags."""

pytestmark = [pytest.mark.timeout(900)]


# --- reading HCL


def parsed(path: Path) -> dict[str, Any]:
    """A file's blocks as python-hcl2 gives them."""
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = hcl2.load(file)
    return document


def plain(text: str) -> str:
    """A text as python-hcl2 gives it, without the quotes that it keeps and the braces it adds."""
    return text.removeprefix("${").removesuffix("}").strip('"')


def variables(folder: Path) -> dict[str, dict[str, Any]]:
    """The variables of a module, by name."""
    blocks = parsed(folder / "variables.tf")["variable"]
    return {plain(name): body for block in blocks for name, body in block.items()}


def runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Every run of a module's own tests, and the variables that stand above them."""
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
    """Every file is as `terraform fmt` writes it."""
    assert Terraform(INFRA, {}).format_problems() == []


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's infrastructure."""
    return checkout(tmp_path_factory.mktemp("terraform"))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_valid(tree: Path, name: str) -> None:
    """Each module can be used by itself, and each example stands alone."""
    terraform = Terraform(tree / "infra/terraform" / name, environment("http://127.0.0.1:9"))

    terraform.init()

    terraform.validate()


@pytest.mark.parametrize("name", ["", "modules/function", "modules/key", "modules/members"])
def test_modules_leave_the_provider_to_their_users(name: str) -> None:
    """A module with a provider block of its own cannot be used with `for_each` or removed."""
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
    """A value that cannot work is refused at once, in words about the variable."""
    variable = variables(MODULE)[name]

    assert plain(variable["type"]) in WITHOUT_RULE or "validation" in variable


@pytest.mark.parametrize("name", sorted(variables(MODULE)))
def test_every_rule_is_tested(name: str) -> None:
    """Some run gives each variable a value; each rule has refused one."""
    tested = list(runs(MODULE))
    ruled = "validation" in variables(MODULE)[name]

    assert any(name in given(run) - refused(run) for run in tested)
    assert any(name in refused(run) for run in tested) == ruled


@pytest.mark.parametrize("name", MODULES)
def test_every_variable_is_described_and_typed(name: str) -> None:
    """The tables of the READMEs are made of these."""
    found = variables(MODULE / name)

    assert [n for n, body in found.items() if not {"description", "type"} <= set(body)] == []


# --- what people read when something is wrong


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which plans are made."""
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
regions.yaml holds Regions, which means nothing here; it takes AccountId and regions.
regions.yaml, entry 1 (us-east-1): there is no account for it; give it an AccountId, or the file one
for all.
regions.yaml, entry 2 (eu-west-1): AccountId is 12345, but must be exactly 12 digits; put it in
quotes.
regions.yaml, entry 3 (eu-west-2): Account means nothing here; an entry takes Name and AccountId.
regions.yaml, entry 4 (Virginia): Name must be the name of a region, such as eu-west-1.
regions.yaml, entry 5: an entry that is no map means nothing here; an entry takes Name and
AccountId.
regions.yaml, entry 5: Name must be the name of a region, such as eu-west-1.
regions.yaml, entry 5: there is no account for it; give it an AccountId, or the file one for all.
regions.yaml names a region twice for the same account; leave one of them out.
"""


def test_every_problem_of_the_regions_file_is_named_at_once(scratch: Path) -> None:
    """The message names file, entry and field, and says what to do; nothing else is said."""
    with pytest.raises(TerraformError) as caught:
        rendered(scratch, "basic", regions=WRONG, external_id="of-the-test")

    assert " ".join(WHAT_IS_WRONG.split()) in str(caught.value)
    assert str(caught.value).count("Resource precondition failed") == 1


ONE_REGION = 'AccountId: "111122223333"\nregions:\n  - Name: us-east-1\n'


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ("regions: []\n", "names no region; list at least one below regions, such as `- Name: "),
        ("regions: [\n", "is empty or no valid YAML; `ami-tracker check` says in which line."),
        ("", "is empty or no valid YAML; `ami-tracker check` says in which line."),
        (f"{ONE_REGION}  - Name: cn-north-1\n", "cn-north-1 is not in the hub's partition, aws"),
    ],
)
def test_a_regions_file_that_names_no_place_is_refused(
    scratch: Path, regions: str, expected: str
) -> None:
    """There is nothing to watch, or nothing that can be reached from here."""
    with pytest.raises(TerraformError) as caught:
        rendered(scratch, "basic", regions=regions, external_id="of-the-test")

    assert f"regions.yaml {expected}" in str(caught.value).replace("regions.yaml:", "regions.yaml")


def test_missing_packages_are_asked_for(scratch: Path) -> None:
    """Who forgot to build the packages is told how."""
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
FITTING = [
    ("cron(5 * * * ? *)", 120),
    ("cron(0,20 * ? * * *)", 80),
    ("cron(0 */6 * * ? *)", 720),
    ("cron(0 0-12/4,18 * * ? *)", 720),
    ("cron(15,45 6,18 * * ? *)", 1380),
    (WEEKDAYS, 7200),
    ("cron(0 6 ? * SUN,TUE,THU,SAT *)", 5760),
]
"""Schedules, and the shortest alarm window that fits: twice the longest time between two rounds."""


def refusal(scratch: Path, schedule: str, minutes: int) -> str:
    """The message by which a schedule is refused with an alarm window; empty when it is taken."""
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
@pytest.mark.parametrize(("schedule", "shortest"), FITTING)
def test_an_alarm_window_must_fit_the_schedule(scratch: Path, schedule: str, shortest: int) -> None:
    """One minute less than two intervals is refused with the number that fits."""
    wrong = shortest - 1

    expected = f"round_alarm_minutes is {wrong}, but must be at least {shortest}: twice"
    assert expected in refusal(scratch, schedule, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schedule", "shortest"), [(WEEKDAYS, 7200), ("rate(5 minutes)", 15)], ids=["cron", "rate"]
)
def test_the_shortest_alarm_window_is_taken(scratch: Path, schedule: str, shortest: int) -> None:
    """Two intervals, and no window below a quarter of an hour."""
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
def test_a_schedule_of_unknown_length_is_refused(scratch: Path, schedule: str) -> None:
    """No alarm could tell that a round is missing, whatever its window."""
    assert "between two of its rounds is unknown" in refusal(scratch, schedule, 10080)


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
    """A round may run for five minutes, and the next must not begin before."""
    message = refusal(scratch, schedule, 10080)

    assert f"rounds {apart} minutes apart, but they must be at least 5 minutes apart" in message


def test_a_schedule_that_is_too_rare_for_any_alarm_is_refused(scratch: Path) -> None:
    """CloudWatch looks back a week, which must hold two rounds."""
    message = refusal(scratch, "cron(0 6 ? * MON *)", 10080)

    assert "at least 20160: twice" in message
    assert "CloudWatch looks back 10080 minutes at most, so use a shorter schedule." in message


# --- checkov


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What checkov says of the Terraform and the CloudFormation, each as one report."""
    program = ROOT / ".venv-checkov/bin/checkov"
    if not program.exists():
        pytest.skip("checkov is not installed: `make test` makes .venv-checkov")
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
    """No rule of checkov is broken, neither in the Terraform nor in the CloudFormation."""
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
    """Whoever switches a rule off says why beside it."""
    reasons = {
        f"{check['check_id']} {check['resource']}": check["check_result"].get("suppress_comment")
        for report in scanned
        for check in report["results"]["skipped_checks"]
    }

    assert [what for what, reason in reasons.items() if len(reason or "") < 30] == []


def test_exceptions_stand_in_the_files_alone() -> None:
    """No checkov configuration file switches a rule off for everything."""
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
def test_nothing_is_declared_in_vain(name: str) -> None:
    """Whatever is declared is used; a variable that nothing reads would be a promise not kept."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (MODULE / name).glob("*.tf"))
    found = [each for each in declared(MODULE / name) if "__" not in each]

    assert [each for each in found if not re.search(rf"\b{re.escape(each)}\b", text)] == []


@pytest.mark.parametrize("example", ["basic", "organization"])
def test_example_settings_ask_to_be_filled_in(example: str, tmp_path: Path) -> None:
    """Who copies the example's settings and forgets the external id gets none that is known."""
    root = checkout(tmp_path) / "infra/terraform/examples" / example
    (root / "terraform.tfvars.example").rename(root / "terraform.tfvars")

    with pytest.raises(TerraformError, match="external_id must be 2 to 1224") as caught:
        rendered(tmp_path, example)
    assert str(caught.value).count("Invalid value") == 1


# --- the provider's next major version


def test_every_type_is_looked_up_for_provider_6() -> None:
    """The record on provider 6 has a row for each type of resource that is used, and no other."""
    record = (ROOT / "docs/decisions/0082-aws-provider-6.md").read_text(encoding="utf-8")
    folders = {path.parent for path in INFRA.rglob("*.tf")}
    used = {each.type for folder in folders for each in terraform_docs.read(folder).resources}

    assert set(re.findall(r"^\| `(aws_\w+)`", record, re.MULTILINE)) == used
