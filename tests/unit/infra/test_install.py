"""INSTALL.md is tested: its names exist, its commands are valid, its sums are correct."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import botocore.session
import hcl2
import pytest
from botocore import xform_name
from support.aws.template import parse

from infra.package.cli import main as package
from services.kernel.model import State
from services.kernel.wire import REGION
from services.publisher.event import check_publish_event
from services.scheduler.event import parse_schedule_event

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "INSTALL.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TERRAFORM = ROOT / "infra" / "terraform"
TEMPLATES = ROOT / "infra" / "cloudformation"

BLOCKS = re.findall(r"^ *```(\w+)\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^ *```.*?^ *```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)

CREATED = ("build/", "blue/", "infra/terraform/examples/blue")
"""Paths that the commands create, or that are examples."""


# --- the commands


def commands(text: str = TEXT) -> list[str]:
    """Every command of the shell blocks, each on one line."""
    found: list[str] = []
    for language, block in re.findall(r"^ *```(\w+)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        if language == "console":
            joined = re.sub(r"\\\n\s*", "", block)
            found += re.findall(r"^\s*\$ (.*)$", joined, re.MULTILINE)
    return found


def calls_of(program: str, text: str = TEXT) -> list[list[str]]:
    """The words of every command that calls a program, nested ones too."""
    nested = [inner for command in commands(text) for inner in re.findall(r"\$\((.*?)\)", command)]
    split = (shlex.split(re.sub(r"\$\(.*?\)", "NESTED", c)) for c in [*commands(text), *nested])
    return [
        list(takewhile(lambda w: w not in {"|", ">"}, words))
        for words in split
        if words[0] == program
    ]


def sections() -> dict[str, str]:
    """The text below each heading."""
    parts = re.split(r"^## (.*)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_shell_block_is_a_console_with_commands() -> None:
    """Shell blocks have the language `console`, and commands have a prompt."""
    assert {language for language, _ in BLOCKS} == {"console", "hcl", "yaml"}
    assert [b for language, b in BLOCKS if language == "console" and "$ " not in b] == []
    assert len(commands()) > 50


def test_commands_parse() -> None:
    """The shell can parse all commands."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    script = "\n".join(commands())
    done = subprocess.run(
        [bash, "-n"], input=script, capture_output=True, text=True, check=False, timeout=10
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_make_targets_and_variables_exist() -> None:
    """Targets and variables of every `make` command are in the Makefile."""
    words = [w for call in calls_of("make") for w in call[1:]]
    words += [w for span in SPANS if span.startswith("make ") for w in span.split()[1:]]
    variables = {w.partition("=")[0] for w in [*words, *SPANS] if re.match(r"[A-Z]+=", w)}
    targets = {word for word in words if "=" not in word}

    assert targets == {"package", "plan", "deploy", "install", "bench"}
    assert variables == {"ROOT", "RUNTIME", "ARCHITECTURE", "APPROVE"}
    assert set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE)) >= variables
    assert set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)) >= targets


def test_options_of_python_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """`infra.package` has each option in the text."""
    with pytest.raises(SystemExit):
        package(["--help"], {})
    known = set(re.findall(r"--[a-z]+", capsys.readouterr().out))
    calls = calls_of(".venv/bin/python")

    assert calls
    for call in calls:
        assert call[1:3] == ["-m", "infra.package"]
        assert {word for word in call if word.startswith("--")} <= known


# --- the commands of the AWS command line, compared with the SDK's models

GLOBAL = {"--region", "--query", "--output", "--cli-binary-format"}
CUSTOM = {
    ("cloudformation", "deploy"): {
        "--stack-name",
        "--template-file",
        "--capabilities",
        "--parameter-overrides",
    },
    ("logs", "tail"): {"--since"},
    ("s3", "cp"): set[str](),
    ("s3", "presign"): {"--expires-in"},
    ("s3", "sync"): {"--cache-control", "--delete"},
}
"""Commands of the AWS command line that are not API operations."""
RENAMED = {("sns", "subscribe"): {"--notification-endpoint": "--endpoint"}}


@pytest.fixture(scope="module")
def sdk() -> Any:  # noqa: ANN401 - botocore has no types
    """The SDK's models."""
    return botocore.session.get_session()


def _numbered(names: Iterable[str]) -> list[str]:
    return [f"{number}: {name}" for number, name in enumerate(names, start=1)]


CALLS = calls_of("aws")


@pytest.mark.parametrize("call", CALLS, ids=_numbered(" ".join(c[1:3]) for c in CALLS))
def test_aws_commands_exist_with_their_options(call: list[str], sdk: Any) -> None:  # noqa: ANN401 - as above
    """Every command of the AWS command line exists and has its required options."""
    service, operation = call[1], call[2]
    given = {word for word in call if word.startswith("--")} - GLOBAL
    given = {RENAMED.get((service, operation), {}).get(option, option) for option in given}
    if operation == "wait":
        assert call[3] in {
            xform_name(name, "-") for name in sdk.get_waiter_model(service).waiter_names
        }
        return
    if (service, operation) in CUSTOM:
        assert given <= CUSTOM[service, operation]
        return
    model = sdk.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    members = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    required = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else ())}
    required -= {"--regions", "--no-retain-stacks"}

    assert given <= members
    assert required <= given


def events_for(function: str) -> list[dict[str, Any]]:
    """The events with which the text invokes a function."""
    calls = [call for call in CALLS if call[1:3] == ["lambda", "invoke"]]
    name = f"ami-tracker-{function}"
    return [json.loads(call[call.index("--payload") + 1]) for call in calls if name in call]


def test_events_of_manual_runs_of_the_publisher_are_valid() -> None:
    """The publisher accepts the event in the text."""
    (event,) = events_for("publisher")

    check_publish_event(event)


def test_events_of_manual_rounds_are_valid() -> None:
    """The scheduler accepts each event in the text; one of them is for some regions only."""
    events = events_for("scheduler")
    regions = [parse_schedule_event(event, datetime.now(UTC))[1] for event in events]

    assert frozenset({"eu-west-1"}) in regions
    assert None in regions


# --- the templates' parameters


@dataclass(frozen=True, slots=True)
class Deployment:
    """One `aws cloudformation deploy`."""

    template: str
    overrides: dict[str, str]
    capable: bool

    def parameters(self) -> dict[str, dict[str, Any]]:
        """The template's own parameters."""
        parameters: dict[str, dict[str, Any]] = template(self.template)["Parameters"]
        return parameters


@cache
def template(path: str) -> dict[str, Any]:
    """A template as a document."""
    return parse((ROOT / path).read_text(encoding="utf-8"))


def deployments(text: str) -> Iterator[Deployment]:
    """The deployments in a text, in order."""
    for call in calls_of("aws", text):
        if call[1:3] == ["cloudformation", "deploy"]:
            rest = (
                call[call.index("--parameter-overrides") + 1 :]
                if "--parameter-overrides" in call
                else []
            )
            given = dict(word.split("=", 1) for word in rest if not word.startswith("file://"))
            path = call[call.index("--template-file") + 1]
            yield Deployment(path, given, "CAPABILITY_NAMED_IAM" in call)


ALL = list(deployments(TEXT))
FIRST = [
    each
    for title, text in sections().items()
    if title.startswith("Several accounts")
    for each in deployments(re.sub(r"^.*file://.*$", "", text, flags=re.MULTILINE))
    if each.overrides
]
"""Deployments of a new stack, with parameters on the command line."""


def test_every_template_is_deployed() -> None:
    """The text deploys each of the three templates."""
    assert {each.template for each in ALL} == {
        f"infra/cloudformation/{path.name}" for path in TEMPLATES.glob("*.yaml")
    }
    assert len(FIRST) == 4


@pytest.mark.parametrize("each", ALL, ids=_numbered(e.template for e in ALL))
def test_deployments_have_valid_parameters(each: Deployment) -> None:
    """Each given parameter exists, and the template accepts its value."""
    for name, value in each.overrides.items():
        declared = each.parameters()[name]
        values = value.split(",") if declared["Type"] == "CommaDelimitedList" else [value]
        for one in values:
            assert re.fullmatch(declared.get("AllowedPattern", ".*"), one), (name, one)
            assert one in declared.get("AllowedValues", [one])


@pytest.mark.parametrize("each", FIRST, ids=_numbered(e.template for e in FIRST))
def test_first_deployments_have_all_required_parameters(each: Deployment) -> None:
    """A deployment of a new stack has every parameter without a default."""
    required = {name for name, declared in each.parameters().items() if "Default" not in declared}

    assert required <= each.overrides.keys()


@pytest.mark.parametrize("each", ALL, ids=_numbered(e.template for e in ALL))
def test_templates_with_roles_have_the_capability(each: Deployment) -> None:
    """Only deployments of templates with named roles have CAPABILITY_NAMED_IAM."""
    kinds = {resource["Type"] for resource in template(each.template)["Resources"].values()}

    assert ("AWS::IAM::Role" in kinds) == each.capable


def test_other_prefix_renames_everything() -> None:
    """The command for another prefix sets each parameter whose default has the prefix."""
    (blue,) = (each for each in FIRST if "blue" in each.overrides.values())
    named = {n for n, d in blue.parameters().items() if "ami-tracker" in str(d.get("Default"))}

    assert {name: blue.overrides.get(name) for name in named} == {
        name: blue.parameters()[name]["Default"].replace("ami-tracker", "blue") for name in named
    }


@pytest.mark.parametrize(
    ("output", "name"),
    [("member_roles_parameters", "member-roles"), ("region_topic_parameters", "region-topic")],
)
def test_outputs_have_every_parameter(output: str, name: str) -> None:
    """The outputs for parameter files have each of the template's parameters."""
    (value,) = (o[output]["value"] for o in _blocks("output", TERRAFORM) if output in o)

    assert set(template(f"infra/cloudformation/{name}.yaml")["Parameters"]) == set(value)
    assert f".{output}}}" in TEXT


def test_execution_roles_parameters_are_an_output() -> None:
    """The output exists; tests/infra/test_rendered.py compares it with the hub's stack."""
    assert "stack_set_execution_role_parameters" in declared("output", TERRAFORM)
    assert ".stack_set_execution_role_parameters}" in TEXT


# --- names in the text


def _blocks(kind: str, folder: Path) -> list[dict[str, Any]]:
    return [block for document in _documents(folder) for block in document.get(kind, [])]


@cache
def _documents(folder: Path) -> list[dict[str, Any]]:
    """The Terraform files of a folder; parsing them takes most of the time of these tests."""
    options = hcl2.SerializationOptions(
        with_comments=False, explicit_blocks=False, strip_string_quotes=True
    )
    return [
        hcl2.loads(file.read_text(), serialization_options=options)
        for file in sorted(folder.glob("*.tf"))
    ]


def declared(kind: str, *folders: Path) -> set[str]:
    """The names of all variables, or outputs, of some Terraform folders."""
    return {name for folder in folders for block in _blocks(kind, folder) for name in block}


EXAMPLES = (TERRAFORM / "examples" / "basic", TERRAFORM / "examples" / "organization")


def test_variables_that_are_set_exist() -> None:
    """Every assignment in the text is to a variable of the example roots."""
    code = [*SPANS, *(block for language, block in BLOCKS if language == "hcl")]
    assigned = {name for text in code for name in re.findall(r"^ *(\w+) += ", text, re.MULTILINE)}

    assert len(assigned) >= 8
    assert assigned - declared("variable", *EXAMPLES) == set()


def test_names_exist() -> None:
    """Every name in the text is a variable, an output, a state or part of the event."""
    named = {span for span in SPANS if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)}
    known = declared("variable", TERRAFORM, *EXAMPLES) | declared("output", TERRAFORM)

    assert len(named) >= 10
    assert named - known - {state.value for state in State} - {"event_id"} == set()


def test_terraform_outputs_and_addresses_exist() -> None:
    """The root's output and the table's address exist in the code."""
    words = [word for call in calls_of("terraform") for word in call]
    outputs = {call[call.index("-json") + 1] for call in calls_of("terraform") if "-json" in call}
    addresses = {word for word in words if word.startswith("module.")}
    tables = [
        name
        for block in _blocks("resource", TERRAFORM)
        for name in block.get("aws_dynamodb_table", {})
    ]

    assert outputs <= declared("output", *EXAMPLES)
    assert addresses == {f"module.ami_tracker.aws_dynamodb_table.{name}" for name in tables}
    assert "ami_tracker" in {n for block in _blocks("module", EXAMPLES[0]) for n in block}


def _paths() -> Iterable[str]:
    words = [word for command in commands() for word in shlex.split(command)]
    for word in [*words, *SPANS]:
        path = word.partition("=")[2] or word
        if re.match(r"(infra|services|tests|tracked_images|build|blue)/", path):
            yield path


def test_paths_exist() -> None:
    """Every file and folder in the text exists, except those that the commands create."""
    paths = {path.removesuffix("*") for path in _paths() if not path.startswith(CREATED)}
    written = {path for path in paths if not path.endswith("/terraform.tfvars")}

    assert len(written) >= 8
    assert [path for path in sorted(written) if not (ROOT / path).exists()] == []


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_links_are_valid() -> None:
    """Every relative link is to an existing file and heading."""
    links = re.findall(r"\]\(([^)]*)\)", PROSE)
    own = [link.partition("#") for link in links if "://" not in link]

    assert len(own) >= 20
    for path, _, anchor in own:
        target = ROOT / path if path else ROOT / "INSTALL.md"
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), (path, anchor)


def test_line_for_another_region_is_valid() -> None:
    """The example line can be appended to regions.yaml without changes."""
    (line,) = (block for language, block in BLOCKS if language == "yaml")
    names = re.findall(r"^  - Name: (\S+)$", (ROOT / "regions.yaml").read_text(), re.MULTILINE)
    found = re.fullmatch(r"  - Name: (\S+)\n", line)

    assert found is not None
    assert re.match(REGION, found[1])
    assert found[1] not in names


# --- costs


def _alarm_metrics() -> int:
    """The number of alarm metrics: two for each alarm on a percentage, one for the others."""
    maps = {
        name: b[name]
        for b in _blocks("locals", TERRAFORM)
        for name in ("alarms", "causes")
        if name in b
    }
    return len(maps["alarms"]) + 2 * (len(maps["causes"]) + 1)


def test_sizes_of_an_organisation_are_correct() -> None:
    """Two roles per account, one topic per target, and $1 for each key and the hub's key."""
    row = r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| nothing \| \$([\d,]+) \|$"
    rows = [
        [int(cell.replace(",", "")) for cell in cells]
        for cells in re.findall(row, TEXT, re.MULTILINE)
    ]

    assert len(rows) == 3
    for accounts, regions, *cells in rows:
        topics = accounts * regions
        assert cells == [2 * accounts, topics, topics + 1]


def test_sums_are_correct() -> None:
    """The last row of the costs is the sum of the others, and the alarms are those of Terraform."""
    dollars = r"\*{0,2}\$([\d.]+)\*{0,2}"
    rows = re.findall(
        rf"^\| ([^|]+) \|.*\| {dollars} \| {dollars} \| {dollars} \|$", TEXT, re.MULTILINE
    )
    *items, (last, *totals) = [
        (name, *(round(100 * float(c)) for c in cells)) for name, *cells in rows
    ]
    alarms = {cents for name, *cells in items if name == "CloudWatch, alarms" for cents in cells}

    assert last == "**all**"
    assert totals == [sum(column) for column in list(zip(*items, strict=True))[1:]]
    assert alarms == {10 * _alarm_metrics()}


@pytest.mark.parametrize("name", ["INSTALL.md", "infra/README.md"])
def test_table_can_be_deleted_before_a_destroy(name: str) -> None:
    """A section with `terraform destroy` says that deletion protection must be off before."""
    sections = re.split(r"^## ", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    destroying = [
        section
        for section in sections
        if any(re.match(r"terraform .*destroy$", command) for command in commands(section))
    ]

    assert destroying
    assert [s.splitlines()[0] for s in destroying if "`deletion_protection = false`" not in s] == []
