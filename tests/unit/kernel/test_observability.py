"""Logs and metrics: any foreign text becomes one valid line of JSON."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from hypothesis import given
from hypothesis import strategies as st

from services.embedded.event_sources.invocation import Context
from services.kernel.observability import TEXT_LIMIT, Log, Measure, begin, emit, log_fields, logger

INJECTIONS = {
    "line end": "a\nINFO all is well",
    "carriage return": "a\rINFO all is well",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "terminal codes": "\x1b[2J\x1b[31mred\x07",
    "braces": "{{}} {0} {service} ${jndi:x}",
    "per cent": "%s %d %(name)s %%",
    "JSON": '{"level":"ERROR","service":"other"}',
    "an end of the record": '"}\n{"level":"ERROR"}',
    "a number too large": "1e999",
    "not a number": "NaN",
    "arrays in arrays": "[" * 100_000,
    "huge": "x" * 300_000,
    "lone surrogates": "\ud800 \udfff",
    "direction": "\u202egnp.ima",
    "nul": "\x00",
    "letters of the world": "Zürich 東京 🛰",
}


def strict(line: str) -> dict[str, Any]:
    """Parse the JSON object in a line, strictly by the standard."""

    def refuse(constant: str) -> NoReturn:
        pytest.fail(f"{constant} is no JSON")

    record: dict[str, Any] = json.loads(line, parse_constant=refuse)
    assert isinstance(record, dict)
    return record


Records = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def records(capsys: pytest.CaptureFixture[str]) -> Records:
    """Return a function that reads the records since its last call, and checks each."""

    def read() -> list[dict[str, Any]]:
        captured = capsys.readouterr()
        assert captured.err == ""  # logging reports its own failures there
        assert captured.out.isascii()
        return [strict(line) for line in captured.out.split("\n")[:-1]]

    return read


def new_logger() -> Log:
    """Build a logger that writes to this test's output; loggers of one name are shared."""
    return logger(f"test-{uuid4()}")


def only(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the only record of a test that writes one."""
    (record,) = found
    return record


def fail(text: str) -> NoReturn:
    """Raise an error with a foreign text."""
    raise ValueError(text)


# --- logs


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
def test_foreign_text_is_one_field_of_one_line(text: str, records: Records) -> None:
    """A foreign value cannot start a line, end a record, or exceed the size limit."""
    new_logger().warning("lookup failed", extra={"detail": text, "more": {"list": [text, (text,)]}})
    record = only(records())

    assert record["message"] == "lookup failed"
    assert record["level"] == "WARNING"
    assert record["detail"][:TEXT_LIMIT] == text[:TEXT_LIMIT]
    assert record["more"] == {"list": [record["detail"], [record["detail"]]]}
    assert len(record["detail"]) < TEXT_LIMIT + 50


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
def test_foreign_text_as_message_or_key_is_one_field_too(text: str, records: Records) -> None:
    """Foreign text as message or key stays text that is neither decoded nor formatted."""
    new_logger().error(text, extra={"fields": {text: 1}})
    record = only(records())

    assert record["message"][:TEXT_LIMIT] == text[:TEXT_LIMIT]
    assert record["fields"] == {text[:TEXT_LIMIT]: 1}


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
def test_exception_is_one_line(text: str, records: Records) -> None:
    """A traceback with a foreign text is escaped and capped like any other text."""
    log = new_logger()
    try:
        fail(text)
    except ValueError:
        log.exception("bug")
    record = only(records())

    assert record["exception_name"] == "ValueError"
    assert len(json.dumps(record)) < 30 * TEXT_LIMIT


def test_capped_text_has_its_original_length(records: Records) -> None:
    """A capped value shows that it is capped."""
    new_logger().info("x", extra={"at": "y" * TEXT_LIMIT, "over": "y" * (TEXT_LIMIT + 1)})
    record = only(records())

    assert record["at"] == "y" * TEXT_LIMIT
    assert record["over"] == "y" * TEXT_LIMIT + "… (1001 characters)"


class LongText:
    """An object whose text is long."""

    def __str__(self) -> str:
        return "z" * 300_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        (0.5, 0.5),
        (None, None),
        (True, True),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ({"a": 1}, {"a": 1}),
        ({1: (2, [3])}, {"1": [2, [3]]}),
        (ValueError("why"), "why"),
        (LongText(), "z" * TEXT_LIMIT + "… (300000 characters)"),
        (b"\xff" * 3, "b'\\xff\\xff\\xff'"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_every_value_has_a_format(value: object, expected: object, records: Records) -> None:
    """Numbers stay numbers, and an object is logged as its text, capped too."""
    new_logger().info("x", extra={"value": value} if value is not None else {})

    assert only(records()).get("value") == expected


def test_record_has_service_and_time(records: Records) -> None:
    """Each line has its service and the time in UTC, in the format that Lambda reads."""
    new_logger().info("round finished")
    record = only(records())

    assert record["service"].startswith("test-")
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}\+00:00", record["timestamp"])


@given(st.text(st.characters()))
def test_any_text_is_one_line(text: str) -> None:
    """Any text, with surrogates too, stays on one line."""
    with redirect_stdout(StringIO()) as out:
        logger("test-any").info(text, extra={"value": text})

    assert out.getvalue().count("\n") == 1
    assert strict(out.getvalue())["value"] == text[:TEXT_LIMIT]


def test_the_http_library_is_silenced() -> None:
    """urllib3's warnings are plain text, and all other lines are JSON."""
    logger("test-silence")

    assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.WARNING)


def test_logger_follows_standard_output() -> None:
    """A logger that is built at import writes to the current standard output."""
    log = logger("test-follows")
    with redirect_stdout(StringIO()) as first:
        log.info("one")
    with redirect_stdout(StringIO()) as second:
        log.info("two")

    assert strict(first.getvalue())["message"] == "one"
    assert strict(second.getvalue())["message"] == "two"


# --- metrics


def embedded(record: dict[str, Any]) -> dict[str, Any]:
    """Return the metric directive of an embedded metric."""
    directive: dict[str, Any] = only(record["_aws"]["CloudWatchMetrics"])
    return directive


def test_metric_is_in_the_embedded_format(records: Records) -> None:
    """Namespace, dimensions, unit and value are where CloudWatch reads them."""
    emit("Ours", "lookup", [Measure("Failed", 3, dimensions={"state": "throttled"})])
    record = only(records())

    assert embedded(record)["Namespace"] == "Ours"
    assert embedded(record)["Dimensions"] == [["state", "service"]]
    assert embedded(record)["Metrics"] == [{"Name": "Failed", "Unit": "Count"}]
    assert isinstance(record["_aws"]["Timestamp"], int)
    assert (record["service"], record["state"]) == ("lookup", "throttled")
    assert record["Failed"] == [3]


def test_measures_share_a_line_where_they_share_dimensions(records: Records) -> None:
    """A count with a state has its own line; other measures share a line with their units."""
    emit(
        "Ours",
        "aggregator",
        [
            Measure("Published", 2),
            Measure("Failed", 1, dimensions={"state": "throttled"}),
            Measure("OldestPending", 61.5, MetricUnit.Seconds),
            Measure("Failed", 4, dimensions={"state": "not_found"}),
            Measure("Failed", 2, dimensions={"state": "throttled"}),
        ],
    )
    plain, throttled, not_found = records()

    assert embedded(plain)["Dimensions"] == [["service"]]
    assert embedded(plain)["Metrics"] == [
        {"Name": "Published", "Unit": "Count"},
        {"Name": "OldestPending", "Unit": "Seconds"},
    ]
    assert (plain["Published"], plain["OldestPending"]) == ([2], [61.5])
    assert "Failed" not in plain
    assert (throttled["state"], throttled["Failed"]) == ("throttled", [1, 2])
    assert (not_found["state"], not_found["Failed"]) == ("not_found", [4])


def test_fields_are_in_the_line_and_are_no_dimensions(records: Records) -> None:
    """Each combination of fields has its own line, and CloudWatch adds up the values."""
    emit(
        "Ours",
        "lookup",
        [
            Measure("Checked", 3, fields={"region": "eu-west-1"}),
            Measure("Checked", 4, fields={"region": "us-east-1"}),
            Measure("Failed", 1, fields={"region": "eu-west-1"}),
        ],
    )
    ireland, virginia = records()

    assert [embedded(each)["Dimensions"] for each in (ireland, virginia)] == [[["service"]]] * 2
    assert (ireland["region"], ireland["Checked"], ireland["Failed"]) == ("eu-west-1", [3], [1])
    assert (virginia["region"], virginia["Checked"]) == ("us-east-1", [4])
    assert ireland["_aws"]["Timestamp"] == virginia["_aws"]["Timestamp"]


def test_more_than_a_hundred_metrics_are_all_written(records: Records) -> None:
    """CloudWatch accepts a hundred metrics a line; the others are on the next line."""
    emit("Ours", "lookup", [Measure(f"M{number}", number) for number in range(130)])
    values = {name: value for record in records() for name, value in record.items()}

    assert [values[f"M{number}"] for number in range(130)] == [[number] for number in range(130)]


def test_no_measures_write_no_line(records: Records) -> None:
    """Without measures no line is written."""
    emit("Ours", "lookup", [])

    assert records() == []


LIMIT = 100  # of CloudWatch: metrics of a line, values of a metric


def assert_accepted(record: dict[str, Any]) -> None:
    """Fail unless CloudWatch accepts the whole line."""
    directive = embedded(record)
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert 1 <= len(names) <= LIMIT
    assert all(1 <= len(record[name]) <= LIMIT for name in names)
    assert all(len(dimensions) <= 30 for dimensions in directive["Dimensions"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dimensions", [{}, {"region": "eu-west-1"}], ids=["none", "region"])
@pytest.mark.parametrize("count", [0, 1, 98, 99, 100, 101, 199, 200, 300, 1000])
def test_any_number_of_values_is_written(
    count: int, dimensions: dict[str, str], records: Records
) -> None:
    """No value is lost, no line is too long, and no warning is printed."""
    values = [Measure("Seconds", n, MetricUnit.Seconds, dimensions) for n in range(count)]
    emit("Ours", "aggregator", [*values, Measure("Pending", 0)])
    found = records()

    for record in found:
        assert_accepted(record)
    assert [n for record in found for n in record.get("Seconds", [])] == list(range(count))
    assert [record["Pending"] for record in found if "Pending" in record] == [[0]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [99, 100, 101, 200, 1000])
def test_any_number_of_metrics_is_written(count: int, records: Records) -> None:
    """Each metric is written with its value."""
    emit("Ours", "lookup", [Measure(f"M{number}", number) for number in range(count)])
    found = records()

    for record in found:
        assert_accepted(record)
    values = {name: value for record in found for name, value in record.items()}
    assert [values[f"M{n}"] for n in range(count)] == [[n] for n in range(count)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 50, 100, 250])
def test_many_metrics_of_many_values_are_written(count: int, records: Records) -> None:
    """Metrics are written whatever their order."""
    emit("Ours", "lookup", [Measure(f"M{n % 7}", n) for n in range(7 * count)])
    found = records()

    for record in found:
        assert_accepted(record)
    assert sum(len(record.get(f"M{n}", [])) for record in found for n in range(7)) == 7 * count


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), 10**400, -(10**400), 1e300],
    ids=["nan", "inf", "-inf", "huge", "-huge", "1e300"],
)
def test_a_value_that_cloudwatch_rejects_is_left_out(value: float, records: Records) -> None:
    """CloudWatch would drop the line with such a value, and NaN is not JSON."""
    emit("Ours", "lookup", [Measure("Bad", value), Measure("Good", 1)])
    record = only(records())

    assert record["Good"] == [1]
    assert "Bad" not in record


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("dimensions", "kept"),
    [
        ({"region": ""}, set()),
        ({"region": " ", "class": "throttled"}, {"class"}),
        ({"": "x"}, set()),
        ({"service": "other"}, set()),
        ({f"d{n:02d}": "x" for n in range(40)}, {f"d{n:02d}" for n in range(28)}),
    ],
    ids=["empty", "blank", "no name", "service", "many"],
)
def test_a_dimension_that_cloudwatch_rejects_is_left_out(
    dimensions: dict[str, str], kept: set[str], records: Records
) -> None:
    """The value is written without the dimension and without a warning."""
    emit("Ours", "lookup", [Measure("M", 1, dimensions=dimensions)])
    record = only(records())

    assert record["service"] == "lookup"
    assert set(embedded(record)["Dimensions"][0]) == kept | {"service"}
    assert record["M"] == [1]


@pytest.mark.filterwarnings("error")
def test_values_that_are_all_left_out_write_no_line(records: Records) -> None:
    """There is no empty line and no warning."""
    emit("Ours", "lookup", [Measure("Bad", float("nan"))])

    assert records() == []


def test_lines_have_the_invocation_and_the_noted_fields(records: Records) -> None:
    """Lines of every thread have the request id; noted fields are of one thread and a block."""
    log = logger(f"test-{uuid4()}")
    begin(Context("lookup", aws_request_id="one"), round="morning")
    try:
        with log_fields(round="noon"), ThreadPoolExecutor() as pool:
            log.info("noted")
            pool.submit(log.info, "elsewhere").result()
        log.info("before", extra={"round": "evening"})
        begin(Context("lookup", aws_request_id="two"))
        log.info("later")
    finally:
        begin(None)
    log.info("outside")

    lines = records()
    found = [(r["message"], r.get("function_request_id"), r.get("round")) for r in lines]
    assert [name for line in lines for name in line if name == "location"] == []
    assert found == [
        ("noted", "one", "noon"),
        ("elsewhere", "one", "morning"),
        ("before", "one", "evening"),
        ("later", "two", None),
        ("outside", None, None),
    ]
