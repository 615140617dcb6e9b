"""Rows are sent and read with the reduced data of botocore as with the complete data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from infra.package.calls import CALLS
from infra.package.service_data import service_data
from services.kernel.table import from_item, to_item

BOTOCORE = Path(botocore.__file__).parent
TEXTS = st.text(max_size=5)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS
VALUES = st.recursive(
    SCALARS | st.frozensets(TEXTS, min_size=1) | st.frozensets(st.integers(), min_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.dictionaries(TEXTS, VALUES, max_size=4).map(to_item)
BINARY = {"one": {"B": "AAH/"}, "more": {"L": [{"BS": ["AAE=", ""]}, {"B": ""}]}}


@pytest.fixture(scope="module", name="models")
def dynamodb_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[ServiceModel, ServiceModel]:
    """The complete and the reduced model of DynamoDB, with the calls of all functions."""
    folder = tmp_path_factory.mktemp("cut")
    calls = frozenset(name for each in CALLS.values() for name in each.get("dynamodb", ()))
    for name, content in service_data(BOTOCORE, {"dynamodb": calls}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    complete, reduced = (_model(BOTOCORE / "data"), _model(folder / "botocore" / "data"))
    return complete, reduced


def _model(folder: Path) -> ServiceModel:
    loader = Loader([str(folder)], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model("dynamodb", "service-2"), "dynamodb")


def read(operation: OperationModel, content: object, status: int = 200) -> dict[str, Any]:
    """Return the response with this content as a client returns it."""
    response = {"status_code": status, "headers": {}, "body": json.dumps(content).encode()}
    assert operation.output_shape is not None
    parsed: dict[str, Any] = create_parser("json").parse(response, operation.output_shape)
    return parsed


def sent(operation: OperationModel, parameters: Mapping[str, Any]) -> object:
    """Return the body of a request as a client sends it."""
    serializer: Any = create_serializer("json", include_validation=True)
    return json.loads(serializer.serialize_to_request(parameters, operation)["body"])


@given(st.lists(ITEMS | st.just(BINARY), max_size=3))
def test_rows_of_responses_are_equal(
    models: tuple[ServiceModel, ServiceModel], items: list[dict[str, Any]]
) -> None:
    """Queries, reads by key, and the rows of a cancelled transaction."""
    complete, reduced = (
        [
            *read(model.operation_model("Query"), {"Items": items})["Items"],
            *read(model.operation_model("BatchGetItem"), {"Responses": {"t": items}})["Responses"][
                "t"
            ],
        ]
        for model in models
    )
    assert list(map(from_item, reduced)) == list(map(from_item, complete))
    assert len(reduced) == 2 * len(items)


@given(ITEMS, ITEMS)
def test_rows_of_requests_are_equal(
    models: tuple[ServiceModel, ServiceModel], item: dict[str, Any], values: dict[str, Any]
) -> None:
    """The rows, keys and values of a transaction and of a query."""
    update = {"TableName": "t", "Key": item, "UpdateExpression": "SET a = :a"}
    put = {"TableName": "t", "Item": item, "ExpressionAttributeValues": values}
    writes = [{"Put": put}, {"Update": {**update, "ExpressionAttributeValues": values}}]
    query = {"TableName": "t", "ExclusiveStartKey": item, "ExpressionAttributeValues": values}
    requests: dict[str, dict[str, Any]] = {"TransactWriteItems": {"TransactItems": writes}}
    for name, parameters in {**requests, "Query": query}.items():
        complete, reduced = (sent(model.operation_model(name), parameters) for model in models)
        assert reduced == complete


def test_binary_values_are_bytes(models: tuple[ServiceModel, ServiceModel]) -> None:
    """No row has them; a foreign one must not look like a text."""
    for model in models:
        (item,) = read(model.operation_model("Query"), {"Items": [BINARY]})["Items"]
        assert from_item(item) == {
            "one": b"\x00\x01\xff",
            "more": [frozenset({b"\x00\x01", b""}), b""],
        }
