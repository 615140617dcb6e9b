"""What no linter checks: names, sizes, who reads the environment, what may stand in a file."""

from __future__ import annotations

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
INFRA = ROOT / "infra"

MEANINGLESS = {"base", "common", "helper", "helpers", "misc", "util", "utils"}
MODULE_LINES = 200
HANDLER_LINES = 40

# Put together here, so that this file does not hold what it forbids.
MACHINE_PATHS = re.compile(r"(?<![\w.-])/(?:" + "|".join(["wor" + "k", "roo" + "t"]) + r")/")
INDEX_HOSTS = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org"]))


# --- reading the repository


def written() -> list[Path]:
    """Every file that git knows or would add."""
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
    """A file's lines; none when it is not text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def finds(pattern: re.Pattern[str]) -> list[str]:
    """Each line of the repository in which a pattern occurs, as file and line."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in written()
        for number, line in enumerate(lines_of(path), start=1)
        if pattern.search(line)
    ]


def docstring_lines(source: str) -> set[int]:
    """The lines of the texts that stand alone: docstrings of whatever."""
    alone = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return {line for node in alone for line in range(node.lineno, (node.end_lineno or 0) + 1)}


def code_lines(source: str) -> int:
    """How many lines hold code: neither blank, nor comment, nor docstring."""
    silent = {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spoken = {
        line
        for token in tokens
        if token.type not in silent
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(spoken - docstring_lines(source))


def reads_environment(source: str) -> bool:
    """Whether a module touches the environment, under whatever name it imports it."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv"):
                return True
            case ast.ImportFrom(module="os", names=names):
                if {name.name for name in names} & {"environ", "environb", "getenv"}:
                    return True
    return False


def modules(folder: Path) -> list[Path]:
    """The Python files below a folder, `__init__.py` aside."""
    return sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


def relative(path: Path) -> str:
    """A path as people write it."""
    return path.relative_to(ROOT).as_posix()


# --- structure


def test_every_module_has_a_meaning() -> None:
    """A module is named for what it holds; `utils` and its kin hold whatever."""
    found = [*modules(SERVICES), *modules(INFRA)]
    named = {path: {path.stem, *path.relative_to(ROOT).parent.parts} for path in found}

    assert [relative(path) for path, names in named.items() if names & MEANINGLESS] == []


def test_modules_are_small() -> None:
    """A module holds one thing; one that grows beyond the limit holds two."""
    sizes = {
        relative(path): code_lines(path.read_text(encoding="utf-8")) for path in modules(SERVICES)
    }
    large = {name: size for name, size in sizes.items() if size > MODULE_LINES}

    assert large == {}, "split it by purpose"


def imported(path: Path) -> set[str]:
    """The modules that a file imports from, and the names as if they were modules too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", modules(SERVICES / "kernel"), ids=relative)
def test_two_services_need_a_module_of_the_kernel(module: Path) -> None:
    """What a single package of `services` needs belongs into that package."""
    name = f"services.kernel.{module.stem}"
    users = {
        path.relative_to(SERVICES).parts[0] for path in modules(SERVICES) if name in imported(path)
    } - {"kernel"}

    assert len(users) > 1, f"only {users} need it: move it there"


@pytest.mark.parametrize("handler", sorted(SERVICES.glob("*/handler.py")), ids=relative)
def test_handler_only_translates(handler: Path) -> None:
    """Read settings, build adapters, one call, answer: what is longer belongs into a module."""
    lines = code_lines(handler.read_text(encoding="utf-8"))

    assert lines <= HANDLER_LINES, f"{lines} code lines: move the work out of the handler"


def test_environment_is_read_at_the_entry_alone() -> None:
    """Handlers, the console and the embedded AWS read it; they pass it on as values."""
    readers = [
        path for path in modules(SERVICES) if reads_environment(path.read_text(encoding="utf-8"))
    ]
    free = (SERVICES / "console", SERVICES / "embedded")
    allowed = {
        *SERVICES.glob("*/handler.py"),
        *(p for folder in free for p in folder.rglob("*.py")),
    }

    assert [relative(path) for path in readers if path not in allowed] == []


# --- what stands in files


def test_no_file_names_this_machine() -> None:
    """A path of the machine something was written on means nothing anywhere else."""
    assert finds(MACHINE_PATHS) == []


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the installer's own setting; hashes say what they must be."""
    assert finds(INDEX_HOSTS) == []


def documented_targets() -> Iterator[tuple[str, str]]:
    """Each `make` target in code of a Markdown file, with that file's name."""
    for path in (path for path in written() if path.suffix == ".md"):
        text = path.read_text(encoding="utf-8")
        for code in re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL):
            for target in re.findall(r"\bmake ([a-z][a-z-]*)", code):
                yield relative(path), target


def test_documented_make_targets_exist() -> None:
    """A reader can type every `make` command that a document shows."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))

    assert [found for found in documented_targets() if found[1] not in targets] == []


# --- the rules' own tests


SAMPLE = '''"""A docstring
of two lines."""

import os  # a remark

LIMIT = 3
"""Said of the limit."""

# a comment
TEXT = """no
docstring"""


def size() -> int:
    """One sentence."""

    return LIMIT
'''


def test_code_lines_are_counted_by_meaning() -> None:
    """Blank lines, comments and docstrings are free; a text that is assigned is not."""
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
    """Imports of the environment count, mere mentions do not."""
    assert reads_environment(source) == expected


def test_forbidden_texts_are_recognised() -> None:
    """Paths of a machine are found, and what only resembles them is not."""
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
    assert os.environ["HOME"] != "/nobody"
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
    """A folder with this foundation and a few tests on it."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_trial.py").write_text(TRIAL, encoding="utf-8")
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.skip('no docker', allow_module_level=True)\n", encoding="utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def run_trial(trial: Path, environ: dict[str, str]) -> str:
    """What pytest says of the trial tests under an environment."""
    plugins = ("-p", "no:cacheprovider", "--continue-on-collection-errors")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-rA", str(trial)],
        cwd=trial,
        env={"PATH": "/usr/bin", "HOME": "/nobody", "COVERAGE_TRIAL": "1"} | environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def test_tests_see_an_environment_of_their_own(trial: Path) -> None:
    """No profile or setting of a shell reaches a test, and none leaks to the next."""
    proxies = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "example.org"}
    out = run_trial(trial, {"SECRET_SETTING": "1", "AWS_PROFILE": "production", **proxies})

    assert "3 passed, 3 skipped, 1 xfailed" in out
    assert "versions: python 3." in out
    assert re.search(r"boto3 \d.*moto \d.*aws-lambda-powertools \d", out)


def test_required_tests_cannot_skip(trial: Path) -> None:
    """With `REQUIRE_ALL=1` each skip fails with its reason; expected failures stay expected."""
    out = run_trial(trial, {"REQUIRE_ALL": "1", "NO_PROXY": "example.org"})

    assert "1 failed, 3 passed, 1 xfailed, 2 errors" in out
    for reason in ("no terraform", "no browser", "no docker"):
        assert f"says: Skipped: {reason}" in out
