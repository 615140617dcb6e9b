"""Lambda's runtime client starts each package without other packages on its path.

The sizes and times that infra/README.md quotes are printed at the end of the run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore
import pytest
from support.aws.packages import ROOT, require_linux
from support.aws.runtime_api import Function, FunctionFailedError

from infra.package.calls import CALLS
from services.catalogue.load import load
from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.queue_mapping import QueueMapping
from services.embedded.event_sources.stream_mapping import StreamMapping
from services.embedded.tracker.pipeline import NEW_RELEASES
from services.embedded.tracker.resources import create_hub, create_member, environment
from services.embedded.tracker.subscriptions import subscribe
from services.kernel.model import ParameterLookup

pytestmark = [pytest.mark.timeout(900)]

RUNTIME_PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
STOCK_DATA = Path(botocore.__file__).parent / "data"
REGION = "us-east-1"
RUNS = 3
_IN_A_ROUND = ("scheduler", "lookup", "aggregator")


@pytest.fixture(scope="module", name="python")
def runtime_python() -> Path:
    """The Python with Lambda's runtime client, but without the functions' dependencies."""
    require_linux()
    if not RUNTIME_PYTHON.exists():
        pytest.skip("there is no .venv-runtime; `make test` creates it if Python 3.13 is found")
    return RUNTIME_PYTHON


@pytest.fixture(scope="module", name="unpacked")
def unpacked_packages(
    built_packages: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """The folder of each unpacked package."""
    folder = tmp_path_factory.mktemp("task")
    for function, path in built_packages.items():
        zipfile.ZipFile(path).extractall(folder / function)
    return {function: folder / function for function in built_packages}


@pytest.fixture(name="aws")
def embedded_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """A running embedded AWS, without moto's own images."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with EmbeddedAws() as running:
        yield running


def handler_of(function: str) -> str:
    """The value of the function's `Handler` setting."""
    return f"services.{function}.handler.handler"


def run(python: Path, package: Path, program: str, **environ: str) -> str:
    """Run a Python program in a package with the given environment; return its output."""
    return subprocess.run(
        [str(python), "-c", program],
        cwd=package,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout.strip()


# --- behaviour


@pytest.mark.slow
def test_packages_run_a_round_from_schedule_to_announcement(
    python: Path, unpacked: Mapping[str, Path], aws: EmbeddedAws
) -> None:
    """Three processes with only their packages look up, announce and replay one release."""
    account_id, image_name, path = _first_parameter()
    hub = create_hub(aws, REGION)
    inbox = subscribe(aws, create_member(aws, account_id, [REGION]), [REGION])
    environ = environment(aws, hub)
    functions = {f: Function(python, unpacked[f], handler_of(f), environ) for f in _IN_A_ROUND}
    with (
        functions["scheduler"] as schedule,
        functions["lookup"] as look_up,
        functions["aggregator"] as aggregate,
    ):
        sqs = aws.client("sqs", REGION)
        lookups = QueueMapping(sqs, hub.queue_url, look_up, window_seconds=10)
        streams = aws.client("dynamodbstreams", REGION)
        stream = StreamMapping(streams, hub.stream_arn, aggregate, pattern=NEW_RELEASES)
        released = []
        for hour in ("07", "08"):
            released.append(_release(aws, account_id, path, hour))
            answer = schedule({"round": f"2026-11-22T{hour}:00:00Z", "regions": [REGION]})
            delivered = lookups.drain_visible()
            stream.drain()
        swept = aggregate({"sweep": True})
        (first,) = inbox.receive()
        target = {"region": REGION, "account_id": account_id, "image_name": image_name}
        replayed = aggregate({"replay": {**target, "versions": [2]}})

    assert answer["enqueued"] == len(load(ROOT / "tracked_images", ROOT / "regions.yaml").images)
    # More messages than fit into one batch, or a busy machine, make several batches.
    assert [failed for delivery in delivered for failed in delivery.failed] == []
    assert swept["pending"] == 0
    assert _image(first.body) == (image_name, released[1])
    assert [result["outcome"] for result in replayed["replay"]["results"]] == ["published"]
    (copy,) = inbox.receive()
    assert (copy.body, copy.attributes) == (first.body, first.attributes)


def _first_parameter() -> tuple[str, str, str]:
    """An account of the shipped configuration, and an image with its parameter."""
    catalogue = load(ROOT / "tracked_images", ROOT / "regions.yaml")
    for image in catalogue.images:
        if isinstance(image.lookup, ParameterLookup):
            return catalogue.targets[0].account_id, image.name, image.lookup.parameter_path
    message = "the shipped configuration has no image with a parameter"
    raise LookupError(message)


def _release(aws: EmbeddedAws, account_id: str, path: str, name: str) -> str:
    image_id = aws.publishers.register_image(
        account_id, REGION, name, datetime(2026, 1, 1, tzinfo=UTC)
    )
    aws.publishers.put_parameter(account_id, REGION, path, image_id)
    return image_id


def _image(body: str) -> tuple[str, str]:
    image = json.loads(body)["v1"]["image"]
    return image["image_name"], image["image_id"]


@pytest.mark.parametrize("function", CALLS)
def test_errors_are_returned_as_errors(
    python: Path, unpacked: Mapping[str, Path], function: str
) -> None:
    """A function without its settings returns an error that names the missing variable."""
    with (
        Function(python, unpacked[function], handler_of(function), {}) as packaged,
        pytest.raises(FunctionFailedError) as raised,
    ):
        packaged({"Records": []})

    assert raised.value.error["errorType"] == "SettingsError"
    assert "environment variable TABLE_NAME is not set" in raised.value.error["errorMessage"]
    assert f"services/{function}/handler.py" in str(raised.value.error["stackTrace"])


@pytest.mark.parametrize("log_format", ["JSON", "Text"])
def test_each_log_line_is_a_json_object(
    python: Path, unpacked: Mapping[str, Path], log_format: str
) -> None:
    """Lambda's log handler adds and changes no lines, so CloudWatch finds the metrics."""
    environ = {
        **_CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_LAMBDA_LOG_FORMAT": log_format,
        "TABLE_NAME": "table",
        "EXTERNAL_ID": "of-the-test",
    }
    packaged = Function(python, unpacked["lookup"], handler_of("lookup"), environ)
    with packaged as look_up:
        look_up({"Records": [{"messageId": "1", "body": "no request"}]})

    error, metrics = map(json.loads, packaged.output.splitlines())
    assert (error["level"], error["message"]) == ("ERROR", "message malformed")
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AmiTracker"
    assert metrics["MalformedMessages"] == [1]


def test_missing_handler_is_an_error(python: Path, unpacked: Mapping[str, Path]) -> None:
    """The scheduler's package does not contain the lookup, so the runtime cannot import it."""
    with (
        Function(python, unpacked["scheduler"], handler_of("lookup"), {}) as packaged,
        pytest.raises(FunctionFailedError, match=r"Runtime\.ImportModuleError"),
    ):
        packaged({})


@pytest.mark.parametrize("function", CALLS)
def test_all_imports_are_in_the_package(
    python: Path, unpacked: Mapping[str, Path], function: str
) -> None:
    """Every imported module is in the package or in the standard library."""
    program = f"""
import sys, services.{function}.handler
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print(*(file for file in files if file and "site-packages" in file))
"""

    assert run(python, unpacked[function], program) == ""


@pytest.mark.parametrize("function", CALLS)
def test_byte_code_is_used(
    python: Path, unpacked: Mapping[str, Path], tmp_path: Path, function: str
) -> None:
    """The handler can be imported if the source of every module raises an error."""
    package = tmp_path / "package"
    shutil.copytree(unpacked[function], package)
    for source in package.rglob("*.py"):
        source.write_text("raise AssertionError\n", encoding="utf-8")
    program = f"import services.{function}.handler as it; print(it.handler.__name__)"

    assert run(python, package, program) == "handler"


@pytest.mark.parametrize("function", CALLS)
def test_clients_have_the_declared_operations(
    python: Path, unpacked: Mapping[str, Path], function: str
) -> None:
    """The client of each service has the declared operations, and no others."""
    operations = {service: sorted(names) for service, names in CALLS[function].items()}
    program = f"""
import json
from services.kernel.hub_session import HubSession
hub, found = HubSession("eu-west-1"), {{}}
for service in {sorted(operations)}:
    client = hub.client(service)
    found[service] = sorted(client.meta.method_to_api_mapping.values())
print(json.dumps([hub.partition, found]))
"""

    assert json.loads(run(python, unpacked[function], program, **_CREDENTIALS)) == [
        "aws",
        operations,
    ]


# --- sizes and times


_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
_MEASURE = """
import time; start = time.process_time()
import {handler}; imported = time.process_time()
from services.kernel.hub_session import HubSession
hub = HubSession("eu-west-1")
for service in {services}: hub.client(service)
made = time.process_time()
status = open("/proc/self/status").read()  # unlike rusage, starts at zero in each program
print(imported - start, made - imported, int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def measure(python: Path, packages: Mapping[str, Path], function: str) -> Mapping[str, list[float]]:
    """For each variant: CPU seconds of imports, and of creating each client once; peak MiB.

    Variants run in turn, and the minimum of each is used, because a busy machine adds time.
    """
    module = handler_of(function).removesuffix(".handler")
    program = _MEASURE.format(handler=module, services=sorted(CALLS[function]))
    environ = {**_CREDENTIALS, "PYTHONDONTWRITEBYTECODE": "1"}
    runs: dict[str, list[list[float]]] = {name: [] for name in packages}
    for _ in range(RUNS):
        for name, package in packages.items():
            runs[name].append([float(n) for n in run(python, package, program, **environ).split()])
    return {
        name: [min(column) for column in zip(*found, strict=True)] for name, found in runs.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("function", CALLS)
def test_byte_code_and_reduced_models_save_time(
    python: Path,
    built_packages: Mapping[str, Path],
    unpacked: Mapping[str, Path],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    function: str,
) -> None:
    """Imports are faster with byte code, and clients are created faster from reduced models."""
    plain, stock = tmp_path / "plain", tmp_path / "stock"
    shutil.copytree(unpacked[function], plain, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(unpacked[function], stock)
    shutil.rmtree(stock / "botocore" / "data")
    (stock / "botocore" / "data").symlink_to(STOCK_DATA)
    packages = {"as built": unpacked[function], "no byte code": plain, "stock models": stock}
    found = measure(python, packages, function)
    record_property("measured", _figures(function, built_packages[function], found))
    built = found["as built"]

    assert built[0] < 0.6 * found["no byte code"][0]
    assert built[1] < 0.5 * found["stock models"][1]
    assert built_packages[function].stat().st_size < 6_000_000


def _figures(function: str, path: Path, found: Mapping[str, list[Any]]) -> str:
    """The sizes and times that infra/README.md quotes."""
    sizes = [entry.file_size for entry in zipfile.ZipFile(path).infolist()]
    size = path.stat().st_size
    lines = [f"{function}: zip {size / 1e6:.2f} MB, {sum(sizes) / 1e6:.2f} MB unpacked"]
    lines += [
        f"  {name:<13} import {imported:.3f} s, clients {made:.3f} s, peak {peak:.0f} MiB"
        for name, (imported, made, peak) in found.items()
    ]
    return "\n".join(lines)
