"""Settings of all tests: an isolated environment, no silent skips, repeatable examples."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Generator, Iterator
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import botocore.session
import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

# Read once, because each test sees a replaced environment.
_REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"

# Variables that pytest itself and the programs that tests start require.
_KEPT = re.compile(
    r"PATH|TMPDIR|LANG|LC_[A-Z]+"
    r"|(COVERAGE|COV_CORE|PYTEST)_.*"  # coverage of child processes, pytest's own bookkeeping
    r"|TF_CLI_ARGS_init|TF_PLUGIN_CACHE_DIR"  # how Terraform finds its providers offline
)

_INFRA = Path(__file__).parent / "infra"
_INTEGRATION = Path(__file__).parent / "integration"
_SLOW_PART = 0.7
"""The position in a run, as a fraction, up to which all files of tests/infra have started."""

settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=20)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("ci")


def pytest_configure() -> None:
    """Connect to the servers of the tests without the user's proxies.

    Fixtures of a module or session need this, because they do not have a test's environment.
    """
    excepted = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    if excepted.strip() != "*":
        os.environ["no_proxy"] = f"127.0.0.1,localhost,{excepted}"


def pytest_report_header() -> str:
    """Report the versions that a failure may depend on."""
    packages = ("boto3", "botocore", "moto", "aws-lambda-powertools")
    found = ", ".join(f"{name} {version(name)}" for name in packages)
    required = "nothing may be skipped" if _REQUIRE_ALL else "REQUIRE_ALL=1 forbids skips"
    return f"versions: python {platform.python_version()}, {found}; {required}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one more worker than processors, because tests of deployments often wait.

    Unit tests do not wait, and each worker imports all of them.
    """
    only_unit = all(Path(each).is_relative_to("tests/unit") for each in config.args)
    return (os.cpu_count() or 1) + (not only_unit)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Distribute the files of tests/infra over the first part of a run.

    They wait for servers and schedules, while other files use the processor. In one block they
    would occupy every worker. The tests of a file stay together and in order.
    """
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    slow = [tests for tests in files if _INFRA in tests[0].path.parents]
    others = [tests for tests in files if _INFRA not in tests[0].path.parents]
    placed = [(_SLOW_PART * at / len(slow), tests) for at, tests in enumerate(slow)]
    placed += [((at + 1) / len(others), tests) for at, tests in enumerate(others)]
    placed.sort(key=lambda each: each[0])
    items[:] = [item for _, tests in placed for item in tests]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage during integration tests, except those of the demo.

    It doubles the processor time of the embedded AWS, which runs in the same process. The other
    tests have to reach `fail_under` without them.
    """
    unmeasured = item.path.parent == _INTEGRATION and item.path.name != "test_demo.py"
    coverage = Coverage.current() if unmeasured else None
    if coverage is None:
        return (yield)
    coverage.stop()
    try:
        return (yield)
    finally:
        coverage.start()


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL=1 forbids skips, but {report.nodeid} reported: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure if `REQUIRE_ALL=1`.

    pytest-xdist sends the output of a test to another process as UTF-8, which cannot encode
    unpaired surrogates.
    """
    report = yield
    _forbid_skip(report)
    report.sections = [
        (title, text.encode("utf-8", "replace").decode()) for title, text in report.sections
    ]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a module into a failure if `REQUIRE_ALL=1`."""
    report = yield
    _forbid_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the values that tests record as `measured`, which documents quote."""
    reports = terminalreporter.getreports("passed")
    measured = [text for r in reports for name, text in r.user_properties if name == "measured"]
    if measured:
        terminalreporter.section("measured")
        for text in measured:
            terminalreporter.write_line(str(text))


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session", autouse=True)
def _models_are_read_once() -> Iterator[None]:
    """Keep botocore's service models in memory: reading them takes most of a new session's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture(autouse=True)
def _environment(_home: Path) -> Iterator[None]:
    """Replace the whole environment: no profile, endpoint or setting of a user reaches a test."""
    before = dict(os.environ)
    fake = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(_home),
    }
    kept = {name: value for name, value in before.items() if _KEPT.fullmatch(name)}
    os.environ.clear()
    os.environ.update(kept | fake)
    yield
    os.environ.clear()
    os.environ.update(before)
