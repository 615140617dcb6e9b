"""Rules that no linter checks: names, sizes, access to the environment, forbidden texts."""

from __future__ import annotations

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
INFRA = ROOT / "infra"
BENCHMARKS = ROOT / "benchmarks"

MEANINGLESS = {"base", "common", "helper", "helpers", "misc", "util", "utils"}
MODULE_LINES = 200
HANDLER_LINES = 40

# Built here from parts, so that this file does not contain the texts that it forbids.
MACHINE_PATHS = re.compile(r"(?<![\w.-])/(?:" + "|".join(["wor" + "k", "roo" + "t"]) + r")/")
INDEX_HOSTS = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org"]))


# --- reading the repository


def written() -> list[Path]:
    """Return every file that git tracks or would add."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so what belongs to the repository is unknown")
    listing = subprocess.run(
        [git, "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = [ROOT / name for name in listing.split("\0") if name]
    return [path for path in paths if path.is_file()]


def lines_of(path: Path) -> list[str]:
    """Return a file's lines, or none if it is not text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def finds(pattern: re.Pattern[str]) -> list[str]:
    """Return each line of the repository that matches a pattern, as file and line."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in written()
        for number, line in enumerate(lines_of(path), start=1)
        if pattern.search(line)
    ]


def docstring_lines(source: str) -> set[int]:
    """Return the lines of strings that are statements, which are docstrings."""
    alone = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return {line for node in alone for line in range(node.lineno, (node.end_lineno or 0) + 1)}


def code_lines(source: str) -> int:
    """Count the lines of code: neither blank, nor comment, nor docstring."""
    ignored = {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    counted = {
        line
        for token in tokens
        if token.type not in ignored
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(counted - docstring_lines(source))


def reads_environment(source: str) -> bool:
    """Return whether a module reads the environment, with any name of the import."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv"):
                return True
            case ast.ImportFrom(module="os", names=names):
                if {name.name for name in names} & {"environ", "environb", "getenv"}:
                    return True
    return False


def modules(folder: Path) -> list[Path]:
    """Return the Python files in a folder, without `__init__.py`."""
    return sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


def relative(path: Path) -> str:
    """Return a path relative to the repository."""
    return path.relative_to(ROOT).as_posix()


# --- structure


def test_every_module_has_a_descriptive_name() -> None:
    """A module's name describes its content, which `utils` and similar names do not."""
    found = [*modules(SERVICES), *modules(INFRA), *modules(BENCHMARKS)]
    named = {path: {path.stem, *path.relative_to(ROOT).parent.parts} for path in found}

    assert [relative(path) for path, names in named.items() if names & MEANINGLESS] == []


def test_modules_are_small() -> None:
    """A module has one purpose; a module above the limit has two."""
    found = [*modules(SERVICES), *modules(BENCHMARKS)]
    sizes = {relative(path): code_lines(path.read_text(encoding="utf-8")) for path in found}
    large = {name: size for name, size in sizes.items() if size > MODULE_LINES}

    assert large == {}, "split it by purpose"


@cache
def imported(path: Path) -> set[str]:
    """Return the modules that a file imports from, and the names as if they were modules too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", modules(SERVICES / "kernel"), ids=relative)
def test_two_services_need_a_module_of_the_kernel(module: Path) -> None:
    """A module that only one package of `services` needs belongs into that package."""
    name = f"services.kernel.{module.stem}"
    users = {
        path.relative_to(SERVICES).parts[0] for path in modules(SERVICES) if name in imported(path)
    } - {"kernel"}

    assert len(users) > 1, f"only {users} need it: move it there"


@pytest.mark.parametrize("handler", sorted(SERVICES.glob("*/handler.py")), ids=relative)
def test_handler_only_translates(handler: Path) -> None:
    """A handler reads settings, builds adapters, makes one call and responds; no more."""
    lines = code_lines(handler.read_text(encoding="utf-8"))

    assert lines <= HANDLER_LINES, f"{lines} code lines: move the work out of the handler"


def test_environment_is_read_only_at_entry_points() -> None:
    """Handlers, the console and the embedded AWS read the environment and pass values on."""
    readers = [
        path for path in modules(SERVICES) if reads_environment(path.read_text(encoding="utf-8"))
    ]
    free = (SERVICES / "console", SERVICES / "embedded")
    allowed = {
        *SERVICES.glob("*/handler.py"),
        *(p for folder in free for p in folder.rglob("*.py")),
    }

    assert [relative(path) for path in readers if path not in allowed] == []


# --- texts in files


def test_one_module_of_the_functions_creates_clients() -> None:
    """The embedded AWS and the console, which are no functions, may have other sessions."""
    found = {
        path.relative_to(SERVICES).as_posix()
        for path in SERVICES.rglob("*.py")
        if "create_client" in path.read_text(encoding="utf-8")
        and path.relative_to(SERVICES).parts[0] not in {"console", "embedded"}
    }

    assert found == {"kernel/hub_session.py"}


def test_no_file_names_this_machine() -> None:
    """A path of the author's machine has no meaning on any other machine."""
    assert finds(MACHINE_PATHS) == []


def test_no_file_names_a_package_index() -> None:
    """The package index is a setting of the installer; hashes identify the packages."""
    assert finds(INDEX_HOSTS) == []


def documented_targets() -> Iterator[tuple[str, str]]:
    """Return each `make` target in code of a Markdown file, with that file's name."""
    for path in (path for path in written() if path.suffix == ".md"):
        text = path.read_text(encoding="utf-8")
        for code in re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL):
            for target in re.findall(r"\bmake ([a-z][a-z-]*)", code):
                yield relative(path), target


def test_documented_make_targets_exist() -> None:
    """Every `make` command in a document can be run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))

    assert [found for found in documented_targets() if found[1] not in targets] == []


# --- tests of the rules


SAMPLE = '''"""A docstring
of two lines."""

import os  # a remark

LIMIT = 3
"""The limit."""

# a comment
TEXT = """no
docstring"""


def size() -> int:
    """One sentence."""

    return LIMIT
'''


def test_code_lines_exclude_comments_and_docstrings() -> None:
    """Blank lines, comments and docstrings do not count; an assigned string does."""
    assert code_lines(SAMPLE) == 6


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os\nx = os.environ['A']", True),
        ("from os import environ as e", True),
        ("from os import path", False),
        ("import os\nx = os.sep", False),
        ("'os.environ'", False),
    ],
)
def test_environment_is_recognised(source: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Imports of the environment count, mentions do not."""
    assert reads_environment(source) == expected


def test_forbidden_texts_are_recognised() -> None:
    """Paths of a machine are found, and similar texts are not."""
    machine = Path("/", "work", "main").as_posix()
    index = "https://pypi,org/simple".replace(",", ".")

    assert MACHINE_PATHS.search(f"cd {machine}")
    assert not MACHINE_PATHS.search(f"docs{machine}")
    assert INDEX_HOSTS.search(index)


# --- the foundation of the tests


TRIAL = """
import os
from urllib.request import proxy_bypass
import pytest

def test_environment():
    assert "SECRET_SETTING" not in os.environ
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
    assert os.environ["AWS_CONFIG_FILE"] == os.devnull
    assert os.environ["HOME"] != "/nonexistent"
    assert "AWS_PROFILE" not in os.environ
    assert {"PATH", "COVERAGE_TRIAL"} <= os.environ.keys()
    os.environ["LEFT_BEHIND"] = "1"

@pytest.fixture(scope="module")
def direct():
    return {host: bool(proxy_bypass(host)) for host in ("127.0.0.1:80", "example.org", "a.test")}

def test_proxies(direct):
    assert direct == {"127.0.0.1:80": True, "example.org": True, "a.test": False}

def test_environment_is_new():
    assert "LEFT_BEHIND" not in os.environ

def test_skip():
    pytest.skip("no terraform")

@pytest.mark.skip(reason="no browser")
def test_mark():
    pass

@pytest.mark.xfail(reason="known")
def test_known():
    raise AssertionError
"""


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """Build a folder with this foundation and a few tests on it."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_trial.py").write_text(TRIAL, encoding="utf-8")
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.skip('no docker', allow_module_level=True)\n", encoding="utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def run_trial(trial: Path, environ: dict[str, str]) -> str:
    """Return pytest's output for the trial tests with an environment."""
    plugins = ("-p", "no:cacheprovider", "--continue-on-collection-errors")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-rA", str(trial)],
        cwd=trial,
        env={"PATH": "/usr/bin", "HOME": "/nonexistent", "COVERAGE_TRIAL": "1"} | environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


@pytest.mark.slow
def test_tests_have_their_own_environment(trial: Path) -> None:
    """No profile or setting of a shell reaches a test, and none stays for the next test."""
    proxies = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "example.org"}
    out = run_trial(trial, {"SECRET_SETTING": "1", "AWS_PROFILE": "production", **proxies})

    assert "3 passed, 3 skipped, 1 xfailed" in out
    assert "versions: python 3." in out
    assert re.search(r"boto3 \d.*moto \d.*aws-lambda-powertools \d", out)


@pytest.mark.slow
def test_required_tests_cannot_skip(trial: Path) -> None:
    """With `REQUIRE_ALL=1` each skip fails with its reason; expected failures stay expected."""
    out = run_trial(trial, {"REQUIRE_ALL": "1", "NO_PROXY": "example.org"})

    assert "1 failed, 3 passed, 1 xfailed, 2 errors" in out
    for reason in ("no terraform", "no browser", "no docker"):
        assert f"reported: Skipped: {reason}" in out
