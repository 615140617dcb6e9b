"""The reduced data of botocore, which clients use in the same way as the complete data."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape, StructureShape
from botocore.regions import EndpointResolver

from infra.package.calls import CALLS, DOCUMENTS, MEMBERS, Operations
from infra.package.models import (
    UnknownMemberError,
    UnknownOperationError,
    UnknownShapeError,
    as_documents,
    cut_endpoints,
    cut_paginators,
    cut_service,
)
from infra.package.service_data import service_data

ROOT = Path(__file__).parents[4]
BOTOCORE = Path(botocore.__file__).parent
EVERY_CALL = [
    (service, operation)
    for service in sorted({service for calls in CALLS.values() for service in calls})
    for operation in sorted({o for calls in CALLS.values() for o in calls.get(service, ())})
]

MODEL: Mapping[str, Any] = {
    "version": "2.0",
    "metadata": {"serviceId": "Trees"},
    "documentation": "All about trees.",
    "operations": {
        "Plant": {
            "name": "Plant",
            "http": {"method": "POST"},
            "input": {"shape": "PlantRequest", "documentation": "What to plant."},
            "errors": [{"shape": "Frost", "documentation": "Too cold."}],
            "documentation": "Plants.",
            "documentationUrl": "https://example.com",
        },
        "Fell": {"name": "Fell", "input": {"shape": "FellRequest"}},
    },
    "shapes": {
        "PlantRequest": {
            "type": "structure",
            "required": ["documentation"],
            "members": {
                "documentation": {"shape": "Text", "documentation": "A member, not a description."},
                "wood": {"shape": "Wood"},
            },
        },
        "Wood": {"type": "list", "member": {"shape": "Tree", "documentation": "One."}},
        "Tree": {
            "type": "structure",
            "members": {"parent": {"shape": "Tree"}, "tags": {"shape": "Tags"}},
            "documentation": "Refers to itself.",
        },
        "Tags": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Number"}},
        "Text": {"type": "string"},
        "Number": {"type": "integer"},
        "Frost": {"type": "structure", "members": {}, "exception": True},
        "FellRequest": {"type": "structure", "members": {"axe": {"shape": "Axe"}}},
        "Axe": {"type": "string"},
    },
}


# --- small documents


def test_only_shapes_of_the_operations_are_kept() -> None:
    """Shapes in members, lists, maps, errors and cycles are kept, others are removed."""
    cut = cut_service(MODEL, {"Plant"}, {})

    assert list(cut["operations"]) == ["Plant"]
    assert list(cut["shapes"]) == [
        "PlantRequest", "Wood", "Tree", "Tags", "Text", "Number", "Frost",
    ]  # fmt: skip


def test_documentation_is_removed_except_members_of_that_name() -> None:
    """Documentation is removed everywhere, but a member called `documentation` is kept."""
    cut = cut_service(MODEL, {"Plant"}, {})

    assert "documentation" not in cut
    assert cut["operations"]["Plant"] == {
        "name": "Plant",
        "http": {"method": "POST"},
        "input": {"shape": "PlantRequest"},
        "errors": [{"shape": "Frost"}],
    }
    assert cut["shapes"]["PlantRequest"]["members"] == {
        "documentation": {"shape": "Text"},
        "wood": {"shape": "Wood"},
    }
    assert cut["shapes"]["Wood"] == {"type": "list", "member": {"shape": "Tree"}}
    assert "documentation" not in cut["shapes"]["Tree"]


def test_original_model_is_not_changed() -> None:
    """The original document, which botocore's loader returned, is not changed."""
    before = json.dumps(MODEL)
    cut_service(MODEL, {"Plant"}, {})

    assert json.dumps(MODEL) == before


def test_unknown_operation_is_named() -> None:
    """The error names the file with the table of calls, the service and the unknown operations."""
    with pytest.raises(
        UnknownOperationError, match=r"calls\.py: Trees has no operation Climb, Graft"
    ):
        cut_service(MODEL, {"Plant", "Graft", "Climb"}, {})


def test_only_listed_members_of_a_shape_are_kept() -> None:
    """Other members are removed, with the shapes that only they use."""
    cut = cut_service(MODEL, {"Plant"}, {"Tree": {"parent"}})

    assert cut["shapes"]["Tree"] == {"type": "structure", "members": {"parent": {"shape": "Tree"}}}
    assert list(cut["shapes"]) == ["PlantRequest", "Wood", "Tree", "Text", "Frost"]


@pytest.mark.parametrize(("shape", "member"), [("Tree", "leaf"), ("Leaf", "tree")])
def test_unknown_member_is_named(shape: str, member: str) -> None:
    """The error names the file with the table of members, the service, the shape and the member."""
    with pytest.raises(
        UnknownMemberError, match=rf"calls\.py: Trees: the shape {shape} has no member {member} in"
    ):
        cut_service(MODEL, {"Plant"}, {shape: {"parent", member} if shape == "Tree" else {member}})


def test_a_document_has_any_content() -> None:
    """Its own members are removed."""
    cut = cut_service(as_documents(MODEL, {"Tree"}), {"Plant"}, {})

    assert cut["shapes"]["Tree"] == {"type": "structure", "members": {}, "document": True}
    assert list(cut["shapes"]) == ["PlantRequest", "Wood", "Tree", "Text", "Frost"]


def test_unknown_document_is_named() -> None:
    """The error names the file with the table of documents, the service and the shape."""
    with pytest.raises(UnknownShapeError, match=r"calls\.py: Trees has no shape Leaf in"):
        as_documents(MODEL, {"Tree", "Leaf"})


def test_paginators_of_other_operations_are_removed() -> None:
    """Only paginators of the kept operations remain."""
    pages = {"pagination": {"Plant": {"input_token": "a"}, "Fell": {}}, "version": "1.0"}

    assert cut_paginators(pages, {"Plant"}) == {
        "pagination": {"Plant": {"input_token": "a"}},
        "version": "1.0",
    }


def test_partitions_and_regions_are_kept() -> None:
    """All regions are kept, so the partition of each region can be determined."""
    forest = {"partition": "forest", "regions": {"north": {}}, "services": {"trees": {}, "x": {}}}

    assert cut_endpoints({"version": 3, "partitions": [forest]}, {"trees"}) == {
        "version": 3,
        "partitions": [{**forest, "services": {"trees": {}}}],
    }


# --- botocore's own data


@pytest.fixture(scope="module", name="whole")
def whole_loader() -> Loader:
    """The complete data of botocore."""
    return Loader([str(BOTOCORE / "data")], include_default_search_paths=False)


@pytest.fixture(scope="module", name="cut")
def cut_loader(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    """The reduced data for all functions together."""
    calls: dict[str, set[str]] = {}
    for service, operation in EVERY_CALL:
        calls.setdefault(service, set()).add(operation)
    folder = tmp_path_factory.mktemp("cut")
    _write(folder, {service: frozenset(names) for service, names in calls.items()})
    return Loader([str(folder / "botocore" / "data")], include_default_search_paths=False)


def _write(folder: Path, operations: Operations) -> None:
    for name, content in service_data(BOTOCORE, operations).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _model(loader: Loader, service: str) -> ServiceModel:
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def _described(
    shape: Shape | None,
    seen: frozenset[str] = frozenset(),
    *,
    members: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> object:
    """Everything that serializing, parsing and validating use of a shape and its members.

    Of the shapes in `members`, only these members; of documents, only the name.
    """
    if shape is None or shape.name in seen | DOCUMENTS["dynamodb"]:
        return shape and shape.name
    below = seen | {shape.name}
    parts: dict[str, object] = {
        name: _described(getattr(shape, name), below, members=members)
        for name in ("member", "key", "value")
        if hasattr(shape, name)
    }
    if isinstance(shape, StructureShape):
        kept = members.get(shape.name, shape.members)
        parts |= {
            name: _described(member, below, members=members)
            for name, member in shape.members.items()
            if name in kept
        }
    about = (shape.name, shape.type_name, shape.serialization, shape.metadata)
    return (*about, getattr(shape, "enum", None), parts)


@pytest.mark.parametrize(("service", "operation"), EVERY_CALL)
def test_reduced_operation_is_complete(
    whole: Loader, cut: Loader, service: str, operation: str
) -> None:
    """Input, output, errors and bindings are equal, including all nested shapes.

    Only members of responses that nothing reads are missing, and documents are compared in
    test_documents.
    """
    reduced, complete = (
        _model(loader, service).operation_model(operation) for loader in (cut, whole)
    )

    assert _described(reduced.input_shape) == _described(complete.input_shape)
    used = MEMBERS.get(service, {})
    assert _described(reduced.output_shape) == _described(complete.output_shape, members=used)
    assert [_described(e) for e in reduced.error_shapes] == [
        _described(e) for e in complete.error_shapes
    ]
    for attribute in (
        "http", "auth", "auth_type", "endpoint_discovery", "static_context_parameters",
        "operation_context_parameters", "context_parameters", "idempotent_members",
        "has_event_stream_output",
    ):  # fmt: skip
        assert repr(getattr(reduced, attribute)) == repr(getattr(complete, attribute)), attribute


@pytest.mark.parametrize("service", sorted({service for service, _ in EVERY_CALL}))
def test_reduced_service_has_the_complete_metadata(
    whole: Loader, cut: Loader, service: str
) -> None:
    """Metadata, latest version and endpoint rules are those of the complete data."""
    assert _model(cut, service).metadata == _model(whole, service).metadata
    assert cut.load_service_model(service, "endpoint-rule-set-1") == whole.load_service_model(
        service, "endpoint-rule-set-1"
    )
    assert [cut.determine_latest_version(service, "service-2")] == cut.list_api_versions(
        service, "service-2"
    )


@pytest.mark.parametrize(
    ("service", "operation"),
    [("dynamodb", "Query"), ("dynamodb", "Scan"), ("ec2", "DescribeImages")],
)
def test_paged_operations_keep_their_paginators(
    whole: Loader, cut: Loader, service: str, operation: str
) -> None:
    """The paginators of paged operations are those of the complete data."""
    reduced, complete = (
        loader.load_service_model(service, "paginators-1")["pagination"] for loader in (cut, whole)
    )

    assert reduced[operation] == complete[operation]


def _regions(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for partition in document["partitions"]:
        for region in partition["regions"]:
            yield partition["partition"], region
            if region.count("-") > 1:
                yield partition["partition"], f"{region.rsplit('-', 2)[0]}-nowhere-9"


def test_endpoints_are_those_of_the_complete_data(whole: Loader, cut: Loader) -> None:
    """Each service has the same endpoint in each region, including unknown regions."""
    document = whole.load_data("endpoints")
    reduced, complete = EndpointResolver(cut.load_data("endpoints")), EndpointResolver(document)
    prefixes = {_model(cut, service).endpoint_prefix for service, _ in EVERY_CALL}

    for name, region in _regions(document):
        assert reduced.get_partition_for_region(region) == complete.get_partition_for_region(region)
        for prefix in prefixes:
            arguments = (prefix, region, name)
            assert reduced.construct_endpoint(*arguments) == complete.construct_endpoint(*arguments)


def test_function_has_only_the_services_that_it_calls(tmp_path: Path) -> None:
    """The scheduler's data has only DynamoDB and SQS."""
    _write(tmp_path, CALLS["scheduler"])
    loader = Loader([str(tmp_path / "botocore/data")], include_default_search_paths=False)

    assert loader.list_available_services("service-2") == ["dynamodb", "sqs"]


# --- members of responses


READERS = ("lookup", "kernel")
"""The parts of `services` that read responses of SSM and EC2."""


def literals() -> set[str]:
    """Every text in the source of these parts."""
    paths = [path for part in READERS for path in (ROOT / "services" / part).rglob("*.py")]
    return {
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize(
    ("service", "shape"), [(s, shape) for s, shapes in MEMBERS.items() for shape in shapes]
)
def test_members_are_those_that_the_source_names(whole: Loader, service: str, shape: str) -> None:
    """A member that the code begins to read must be added to `infra/package/calls.py`.

    Otherwise it would be missing in the packages, although all tests with the complete models pass.
    """
    members = set(whole.load_service_model(service, "service-2")["shapes"][shape]["members"])

    assert members & literals() == MEMBERS[service][shape]
