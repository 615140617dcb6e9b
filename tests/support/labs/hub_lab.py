"""A complete hub with StackSets, applied by Terraform to ministack and to moto.

ministack has no StackSets, so moto is the endpoint of CloudFormation. moto cannot create the hub's
queues, so ministack is the endpoint of all other services.

    with hub_lab(folder) as hub:
        hub.terraform.apply(…)
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto.cloudformation.models import StackSet
from moto.cloudformation.responses import CloudFormationResponse

from services.embedded.aws.server import EmbeddedAws
from support.aws.ministack import Ministack, ministack
from support.aws.terraform import Plan, Terraform, checkout, write_manifest

HUB = "111122223333"
HUB_REGION = "us-east-1"

# ministack has no saved queries.
WITHOUT_QUERIES = """\
resource "aws_cloudwatch_query_definition" "this" {
  for_each = {}
}
"""


@dataclass
class StackSetCalls:
    """StackSet operations with their preferences, which moto does not keep."""

    operations: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)


_KEPT = {
    "AutoDeployment": "auto_deployment",
    "Capabilities": "capabilities",
    "ManagedExecution": "managed_execution",
}


@contextmanager
def complete_stack_sets() -> Iterator[StackSetCalls]:
    """Patch moto's StackSets to keep auto-deployment, capabilities and managed execution.

    Without the patch, every plan replaces a service-managed StackSet.
    """
    calls = StackSetCalls()

    def keeping(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answer(request: Any) -> Any:  # noqa: ANN401 - moto's
            result = call(request)
            name = _parameter(request, "StackSetName")
            stack_set = request.cloudformation_backend.describe_stack_set(name)
            for parameter, attribute in _KEPT.items():
                given = _parameter(request, parameter)
                if given is not None:
                    setattr(stack_set, attribute, given)
            return result

        return answer

    def recording(operation: str, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answer(request: Any) -> Any:  # noqa: ANN401 - moto's
            name = _parameter(request, "StackSetName")
            preferences = _parameter(request, "OperationPreferences") or {}
            calls.operations.append((operation, name, preferences))
            return call(request)

        return answer

    with pytest.MonkeyPatch.context() as patch:
        responses = CloudFormationResponse
        patch.setattr(StackSet, "managed_execution", {"Active": False})
        patch.setattr(responses, "create_stack_set", keeping(responses.create_stack_set))
        update = recording("UpdateStackSet", keeping(responses.update_stack_set))
        patch.setattr(responses, "update_stack_set", update)
        create = recording("CreateStackInstances", responses.create_stack_instances)
        patch.setattr(responses, "create_stack_instances", create)
        yield calls


def _parameter(request: Any, name: str) -> Any:  # noqa: ANN401 - moto's
    return request._get_param(name)  # noqa: SLF001 - moto's way to read a request


@dataclass(frozen=True, slots=True)
class HubLab:
    """A hub before its first apply, with the files that it reads."""

    aws: Ministack
    stack_sets: EmbeddedAws
    tree: Path
    terraform: Terraform

    def watch(self, regions: str) -> None:
        """Write regions.yaml."""
        (self.tree / "regions.yaml").write_text(regions, encoding="utf-8")
        write_manifest(self.tree)

    def package(self, service: str, content: str) -> None:
        """Replace the zip of a function."""
        with zipfile.ZipFile(self.tree / "build/packages" / f"{service}.zip", "w") as package:
            package.writestr(zipfile.ZipInfo("content.py"), content)
        write_manifest(self.tree)


@contextmanager
def hub_lab(
    folder: Path,
    root: str = "infra/terraform/examples/basic",
    *,
    regions: str,
    files: Mapping[str, str] | None = None,
) -> Iterator[HubLab]:
    """A hub before its first apply, in a copy of the repository's infrastructure.

    `root` is the folder of the root module in the copy; `files` are written into it. Skips the test
    where ministack or Terraform is missing.
    """
    with EmbeddedAws() as stack_sets, ministack(folder / "ministack", {}) as aws:
        tree = checkout(folder / "tree", regions=regions)
        (tree / "infra/terraform/lab_override.tf").write_text(WITHOUT_QUERIES, encoding="utf-8")
        (tree / root).mkdir(exist_ok=True)
        for name, text in (files or {}).items():
            (tree / root / name).write_text(text, encoding="utf-8")
        environment = {
            **aws.environment(HUB, HUB_REGION),
            "AWS_ENDPOINT_URL_CLOUDFORMATION": stack_sets.endpoint_url,
            "NO_PROXY": os.environ.get("no_proxy", ""),
        }
        yield HubLab(aws, stack_sets, tree, Terraform(tree / root, environment))


def new_changes(plan: Plan, before: Plan) -> dict[str, tuple[str, ...]]:
    """The changes of a plan that are not in the plan of the unchanged configuration.

    Both plans have the differences that come from attributes which an emulator does not keep.
    """
    known, planned = _each(before), _each(plan)
    return {short(at): change[0] for at, change in planned.items() if known.get(at) != change}


def _each(plan: Plan) -> dict[str, tuple[tuple[str, ...], Any]]:
    differences = plan.differences()
    return {at: (done, differences.get(at)) for at, done in plan.changes().items()}


def short(address: str) -> str:
    """An address without the hub's and the members' module."""
    return re.sub(r"^module\.ami_tracker\.|module\.members(\[0\])?\.", "", address)
