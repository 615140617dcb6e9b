"""What is kept of botocore's data, and that clients made from it behave as from the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape, StructureShape
from botocore.regions import EndpointResolver

from infra.package.calls import CALLS, Operations
from infra.package.models import (
    UnknownOperationError,
    cut_endpoints,
    cut_paginators,
    cut_service,
)
from infra.package.service_data import service_data

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
                "documentation": {"shape": "Text", "documentation": "A member, not prose."},
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


def test_only_what_operations_reach_is_kept() -> None:
    """Shapes in members, lists, maps, errors and circles stay; those of other operations go."""
    cut = cut_service(MODEL, {"Plant"})

    assert list(cut["operations"]) == ["Plant"]
    assert list(cut["shapes"]) == [
        "PlantRequest", "Wood", "Tree", "Tags", "Text", "Number", "Frost",
    ]  # fmt: skip


def test_prose_goes_and_members_of_that_name_stay() -> None:
    """A member called `documentation` is a member; prose is dropped at every place it has."""
    cut = cut_service(MODEL, {"Plant"})

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


def test_the_whole_model_is_left_alone() -> None:
    """Cutting makes a new document, since botocore's loader hands out its own."""
    before = json.dumps(MODEL)
    cut_service(MODEL, {"Plant"})

    assert json.dumps(MODEL) == before


def test_an_unknown_operation_is_named() -> None:
    """A slip in the table of calls says where it stands, and what the service lacks."""
    with pytest.raises(
        UnknownOperationError, match=r"calls\.py: Trees has no operation Climb, Graft"
    ):
        cut_service(MODEL, {"Plant", "Graft", "Climb"})


def test_paginators_of_other_operations_go() -> None:
    """What cannot be called need not be paged."""
    pages = {"pagination": {"Plant": {"input_token": "a"}, "Fell": {}}, "version": "1.0"}

    assert cut_paginators(pages, {"Plant"}) == {
        "pagination": {"Plant": {"input_token": "a"}},
        "version": "1.0",
    }


def test_partitions_and_regions_stay() -> None:
    """A region that a service is not listed for is still told to be of its partition."""
    forest = {"partition": "forest", "regions": {"north": {}}, "services": {"trees": {}, "x": {}}}

    assert cut_endpoints({"version": 3, "partitions": [forest]}, {"trees"}) == {
        "version": 3,
        "partitions": [{**forest, "services": {"trees": {}}}],
    }


# --- botocore's own data


@pytest.fixture(scope="module", name="whole")
def whole_loader() -> Loader:
    """Botocore's data as it is shipped."""
    return Loader([str(BOTOCORE / "data")], include_default_search_paths=False)


@pytest.fixture(scope="module", name="cut")
def cut_loader(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    """The data that all functions together keep."""
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


def _told(shape: Shape | None, seen: frozenset[str] = frozenset()) -> object:
    """All that serializing, parsing and validating may ask of a shape, and of what it holds."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    below = seen | {shape.name}
    parts: dict[str, object] = {
        name: _told(getattr(shape, name), below)
        for name in ("member", "key", "value")
        if hasattr(shape, name)
    }
    if isinstance(shape, StructureShape):
        parts |= {name: _told(member, below) for name, member in shape.members.items()}
    about = (shape.name, shape.type_name, shape.serialization, shape.metadata)
    return (*about, getattr(shape, "enum", None), parts)


@pytest.mark.parametrize(("service", "operation"), EVERY_CALL)
def test_a_cut_operation_is_the_whole_one(
    whole: Loader, cut: Loader, service: str, operation: str
) -> None:
    """Input, output, errors and bindings are equal, down to the last shape."""
    ours, theirs = (_model(loader, service).operation_model(operation) for loader in (cut, whole))

    assert _told(ours.input_shape) == _told(theirs.input_shape)
    assert _told(ours.output_shape) == _told(theirs.output_shape)
    assert [_told(e) for e in ours.error_shapes] == [_told(e) for e in theirs.error_shapes]
    for attribute in (
        "http", "auth", "auth_type", "endpoint_discovery", "static_context_parameters",
        "operation_context_parameters", "context_parameters", "idempotent_members",
        "has_event_stream_output",
    ):  # fmt: skip
        assert repr(getattr(ours, attribute)) == repr(getattr(theirs, attribute)), attribute


@pytest.mark.parametrize("service", sorted({service for service, _ in EVERY_CALL}))
def test_a_cut_service_is_described_as_the_whole_one(
    whole: Loader, cut: Loader, service: str
) -> None:
    """Metadata, latest version and endpoint rules are botocore's own."""
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
    """What the code walks page by page can be walked."""
    ours, theirs = (
        loader.load_service_model(service, "paginators-1")["pagination"] for loader in (cut, whole)
    )

    assert ours[operation] == theirs[operation]


def _regions(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for partition in document["partitions"]:
        for region in partition["regions"]:
            yield partition["partition"], region
            if region.count("-") > 1:
                yield partition["partition"], f"{region.rsplit('-', 2)[0]}-nowhere-9"


def test_endpoints_are_resolved_as_before(whole: Loader, cut: Loader) -> None:
    """Each service has its endpoint in each region of each partition, yet unknown ones too."""
    document = whole.load_data("endpoints")
    ours, theirs = EndpointResolver(cut.load_data("endpoints")), EndpointResolver(document)
    prefixes = {_model(cut, service).endpoint_prefix for service, _ in EVERY_CALL}

    for name, region in _regions(document):
        assert ours.get_partition_for_region(region) == theirs.get_partition_for_region(region)
        for prefix in prefixes:
            arguments = (prefix, region, name)
            assert ours.construct_endpoint(*arguments) == theirs.construct_endpoint(*arguments)


def test_a_function_has_the_services_that_it_calls(tmp_path: Path) -> None:
    """The scheduler cannot even name EC2."""
    _write(tmp_path, CALLS["scheduler"])
    loader = Loader([str(tmp_path / "botocore/data")], include_default_search_paths=False)

    assert loader.list_available_services("service-2") == ["dynamodb", "sqs"]
