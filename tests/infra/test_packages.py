"""The packages have the expected files, are reproducible, and contain all called operations."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from email.parser import Parser
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from support.aws.packages import ARCHITECTURE, CACHE, ROOT, RUNTIME, interpreter
from support.labs.laboratory import IRELAND, VIRGINIA, Lab, build_lab
from support.labs.site_lab import publish_site

from infra.package import bytecode, dependencies
from infra.package.build import write
from infra.package.bytecode import compile_all
from infra.package.calls import CALLS
from infra.package.cli import main
from infra.package.dependencies import install_dependencies
from infra.package.errors import StepFailedError, UnwritableError
from infra.package.lambda_platform import ARCHITECTURES, LambdaPlatform
from infra.package.manifest import FILE_NAME
from infra.package.roots import FINGERPRINTS
from services.catalogue.load import load
from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws
from services.kernel.catalogue_file import decode_catalogue
from services.kernel.model import ParameterLookup

pytestmark = [pytest.mark.timeout(900)]

LOCK = ROOT / "requirements" / "functions.txt"
OWN_LOCKS = {"publisher": [ROOT / "requirements" / "publisher.txt"]}
OWN_ROOTS = {"publisher": {"jinja2", "markupsafe"}}
PARTS = {"publisher": ("history", "report", "feed")}
"""Parts of `services` that only this function needs."""
OTHER_ARCHITECTURE = next(name for name in ARCHITECTURES if name != ARCHITECTURE)
ELF_MACHINES = {"x86_64": 62, "arm64": 183}
PLATFORM = LambdaPlatform(RUNTIME, ARCHITECTURE)

Zips = Mapping[str, zipfile.ZipFile]


@pytest.fixture(scope="module", name="zips")
def opened_packages(built_packages: Mapping[str, Path]) -> Iterator[Zips]:
    """Each function's package, open."""
    opened = {function: zipfile.ZipFile(path) for function, path in built_packages.items()}
    yield opened
    for archive in opened.values():
        archive.close()


def locked(function: str) -> dict[str, str]:
    """The version of each locked dependency of a function."""
    texts = [lock.read_text(encoding="utf-8") for lock in (LOCK, *OWN_LOCKS.get(function, ()))]
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", "".join(texts), re.MULTILINE))


# --- reproducible builds


@pytest.mark.slow
def test_packages_are_reproducible(built_packages: Mapping[str, Path], tmp_path: Path) -> None:
    """A build in another folder and with another environment gives identical packages."""
    copy = tmp_path / "copy"
    for name in ("infra", "services", "requirements", "tracked_images"):
        ignored = shutil.ignore_patterns("__pycache__", "terraform", "cloudformation")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored, copy_function=shutil.copyfile)
    shutil.copyfile(ROOT / "regions.yaml", copy / "regions.yaml")
    command = [
        *(sys.executable, "-m", "infra.package", "--architecture", ARCHITECTURE),
        *("--python", str(interpreter()), "--out", "zips", "--cache", str(CACHE)),
    ]
    other_environment = {
        "PYTHONHASHSEED": "4711",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "HOME": str(tmp_path),
    }
    printed = subprocess.run(
        command,
        cwd=copy,
        env=other_environment,
        umask=0o077,
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout
    digests = {f: hashlib.sha256(p.read_bytes()).hexdigest() for f, p in built_packages.items()}

    assert digests == {
        function: hashlib.sha256((copy / "zips" / f"{function}.zip").read_bytes()).hexdigest()
        for function in CALLS
    }
    assert [line.split()[-1] for line in printed.splitlines()] == ["sha256", *digests.values()]
    manifest = built_packages["lookup"].with_name(FILE_NAME)
    assert (copy / "zips" / FILE_NAME).read_bytes() == manifest.read_bytes()


def test_no_package_has_a_path_of_the_build(zips: Zips) -> None:
    """No file contains the path of the repository, of the home folder or of a temporary folder."""
    folders = (str(ROOT), str(Path.home()), f"{tempfile.gettempdir()}/ami-tracker-")
    build_folder = re.compile("|".join(map(re.escape, folders)).encode())

    assert [
        name
        for archive in zips.values()
        for name in archive.namelist()
        if build_folder.search(archive.read(name))
    ] == []


# --- content


@pytest.mark.parametrize("function", CALLS)
def test_package_has_only_its_own_service(zips: Zips, function: str) -> None:
    """A package has its service, what it needs, and the kernel, but no other service or test."""
    modules = [
        n for n in zips[function].namelist() if n.startswith("services/") and n.endswith(".py")
    ]
    expected = [
        path.relative_to(ROOT).as_posix()
        for folder in ("", function, "kernel", *PARTS.get(function, ()))
        for path in (ROOT / "services" / folder).glob("*.py" if not folder else "**/*.py")
    ]

    assert modules == sorted(expected)


def test_only_the_scheduler_has_the_catalogue(zips: Zips) -> None:
    """The scheduler's package has the compiled configuration in its root folder."""
    holders = [function for function in CALLS if "catalogue.json" in zips[function].namelist()]
    catalogue = decode_catalogue(zips["scheduler"].read("catalogue.json").decode())

    assert holders == ["scheduler"]
    assert catalogue == load(ROOT / "tracked_images", ROOT / "regions.yaml")


@pytest.mark.parametrize("function", CALLS)
def test_package_has_no_unused_files(zips: Zips, function: str) -> None:
    """A package has no tests, programs, stubs or installation records.

    All files and folders at its root can be imported.
    """
    names = zips[function].namelist()
    unused = re.compile(
        r"^(?!services/report/).*\.(js|css)$|(^|/)(tests?|bin)/|\.(pyi|rst|exe)$"
        r"|/(RECORD|INSTALLER|WHEEL|REQUESTED|py\.typed)$"
    )
    roots = {name.split("/")[0] for name in names}
    distributions = {root for root in roots if root.endswith(".dist-info")}

    assert [name for name in names if unused.search(name)] == []
    assert roots - distributions - {"amazon-roots.pem", "catalogue.json"} == {
        "__pycache__", "aws_lambda_powertools", "botocore", "dateutil", "jmespath", "msgspec",
        "services", "six.py", "tenacity", "typing_extensions.py", "urllib3",
        *OWN_ROOTS.get(function, ()),
    }  # fmt: skip


@pytest.mark.parametrize("function", CALLS)
def test_package_has_exactly_the_roots_of_amazon(zips: Zips, function: str) -> None:
    """Each package has the five certificates next to `services`, and the bundle of the SDK."""
    pem = zips[function].read("amazon-roots.pem").decode()
    found = [
        hashlib.sha256(ssl.PEM_cert_to_DER_cert(each + "-----END CERTIFICATE-----\n")).hexdigest()
        for each in re.findall(r"-----BEGIN.*?(?=-----END)", pem, re.DOTALL)
    ]

    assert found == list(FINGERPRINTS.values())
    assert "botocore/cacert.pem" in zips[function].namelist()


def test_publisher_has_the_files_of_the_page(zips: Zips) -> None:
    """Template, style and script of the page are in the package, byte for byte."""
    folder = ROOT / "services" / "report"
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {
        name: zips["publisher"].read(name)
        for name in zips["publisher"].namelist()
        if name.startswith("services/report/") and not name.endswith(".pyc")
    }

    assert packed == files
    assert {".html", ".css", ".js"} <= {Path(name).suffix for name in files}


@pytest.mark.parametrize("function", CALLS)
def test_every_locked_dependency_is_included_with_its_licence(zips: Zips, function: str) -> None:
    """Each dependency has its metadata, for scanners, and its licence."""
    names = zips[function].namelist()
    found = {}
    for name in (name for name in names if name.endswith(".dist-info/METADATA")):
        metadata = Parser().parsestr(zips[function].read(name).decode())
        found[metadata["Name"].replace("_", "-").lower()] = metadata["Version"]
        folder = name.removesuffix("METADATA")
        licences = [n for n in names if n.startswith(folder) and "LICENSE" in n]
        assert licences or metadata["License"] or metadata["License-Expression"], name
        assert metadata.get_payload() == ""

    assert found == locked(function)


_EXAMINE = """
import importlib.util, io, json, marshal, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
wrong = []
for name in archive.namelist():
    if name.endswith(".py"):
        folder, _, module = name.rpartition("/")
        cached = f"__pycache__/{module[:-3]}.{sys.implementation.cache_tag}.pyc"
        cached = f"{folder}/{cached}" if folder else cached
        content, source = archive.read(cached), archive.read(name)
        head = importlib.util.MAGIC_NUMBER + b"\\1\\0\\0\\0" + importlib.util.source_hash(source)
        if content[:16] != head or marshal.loads(content[16:]).co_filename != "/var/task/" + name:
            wrong.append(name)
modules = sum(name.endswith(".py") for name in archive.namelist())
codes = sum(name.endswith(".pyc") for name in archive.namelist())
print(json.dumps([modules, codes, wrong]))
"""


@pytest.mark.parametrize("function", CALLS)
def test_every_module_has_its_byte_code(built_packages: Mapping[str, Path], function: str) -> None:
    """Every module has unchecked byte code of the runtime's Python, with Lambda's paths."""
    found = subprocess.run(
        [str(interpreter()), "-c", _EXAMINE, str(built_packages[function])],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout
    modules, codes, wrong = json.loads(found)

    assert wrong == []
    assert codes == modules
    assert modules > 500


@pytest.mark.slow
def test_libraries_are_for_the_architecture(
    zips: Zips, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packages of both architectures differ only in compiled libraries."""
    options = {
        "--architecture": OTHER_ARCHITECTURE,
        "--python": interpreter(),
        "--images": ROOT / "tracked_images",
        "--regions": ROOT / "regions.yaml",
        "--cache": CACHE,
        "--out": tmp_path,
    }
    code = main([str(word) for option in options.items() for word in option], {})
    listed = re.findall(rf"^{tmp_path}/(\w+)\.zip  ", capsys.readouterr().out, re.MULTILINE)
    with zipfile.ZipFile(tmp_path / "publisher.zip") as other:
        packages = {ARCHITECTURE: zips["publisher"], OTHER_ARCHITECTURE: other}
        machines = {name: _machines(archive) for name, archive in packages.items()}
        plain = [
            {n: archive.getinfo(n).CRC for n in archive.namelist() if not n.endswith(".so")}
            for archive in packages.values()
        ]

    assert (code, listed) == (0, list(CALLS))
    assert machines == {name: 2 * [ELF_MACHINES[name]] for name in packages}
    assert plain[0] == plain[1]


def _machines(archive: zipfile.ZipFile) -> list[int]:
    """The ELF machine numbers of a package's libraries."""
    libraries = [archive.read(name) for name in archive.namelist() if name.endswith(".so")]
    return [int.from_bytes(library[18:20], "little") for library in libraries]


# --- dependencies


def test_wheels_are_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels are downloaded once, from the configured index, and then used from the cache.

    Other settings of pip have no effect.
    """
    index = tmp_path / "index"
    index.mkdir()
    lock = tmp_path / "lock.txt"
    lock.write_text(f"tree==1.0 --hash=sha256:{write_wheel(index)}\n", encoding="utf-8")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "none.txt"))
    install_dependencies(lock, PLATFORM, tmp_path / "cache", tmp_path / "first")
    shutil.rmtree(index)
    install_dependencies(lock, PLATFORM, tmp_path / "cache", tmp_path / "second")

    for folder in ("first", "second"):
        assert (tmp_path / folder / "tree.py").read_text(encoding="utf-8") == "RINGS = 3\n"
    assert [path.name[:18] for path in (tmp_path / "cache").iterdir()] == [f"{PLATFORM}-"[:18]]


def write_wheel(folder: Path) -> str:
    """Write a small wheel and return its digest."""
    path = folder / "tree-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tree.py", "RINGS = 3\n")
        wheel.writestr(
            "tree-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tree\nVersion: 1.0\n"
        )
        wheel.writestr(
            "tree-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("tree-1.0.dist-info/RECORD", "tree.py,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- errors


def write_configuration(folder: Path, image: str) -> list[str]:
    """Write a configuration with one image and return the options for it."""
    images = folder / "images"
    images.mkdir()
    (images / "one.yaml").write_text(image, encoding="utf-8")
    regions = folder / "regions.yaml"
    regions.write_text('AccountId: "111122223333"\nregions: [{Name: us-east-1}]\n', "utf-8")
    return ["--images", str(images), "--regions", str(regions), "--out", str(folder / "out")]


def test_invalid_configuration_is_not_packaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid configuration is reported with exit code 2, and no file is written."""
    options = write_configuration(tmp_path, "images:\n  - Name: odd\n    ParameterPath: a b\n")

    assert main(options, {}) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(r"error: .*one\.yaml:3: odd: ParameterPath: ", err)
    assert not (tmp_path / "out").exists()


def test_failed_build_keeps_earlier_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed build reports the reason and does not change earlier packages."""
    options = write_configuration(
        tmp_path, "images:\n  - Name: fine\n    ParameterPath: /golden/fine\n"
    )
    before = tmp_path / "out" / "scheduler.zip"
    before.parent.mkdir()
    before.write_bytes(b"earlier")

    assert main(options, {"RUNTIME_PYTHON": str(tmp_path / "none")}) == 1
    assert "RUNTIME_PYTHON" in capsys.readouterr().err
    assert before.read_bytes() == b"earlier"


def test_unknown_filters_can_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Packaging has the same option for unknown filters as `ami-tracker check`."""
    filters = "[{Name: boot-colour, Values: [red]}]"
    options = write_configuration(
        tmp_path, f"images: [{{Name: odd, Owners: [self], Filters: {filters}}}]\n"
    )
    no_python = {"RUNTIME_PYTHON": str(tmp_path / "none")}

    assert main(options, no_python) == 2
    assert "EC2 has no filter 'boot-colour'" in capsys.readouterr().err
    assert main([*options, "--allow-unknown-filters"], no_python) == 1


def test_warnings_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A region that the SDK does not know gives a warning before the build."""
    options = write_configuration(
        tmp_path, "images:\n  - Name: fine\n    ParameterPath: /golden/fine\n"
    )
    regions = 'AccountId: "111122223333"\nregions: [{Name: us-nowhere-9}]\n'
    (tmp_path / "regions.yaml").write_text(regions, encoding="utf-8")
    main(options, {"RUNTIME_PYTHON": str(tmp_path / "none")})

    assert re.match(r"warning: .*us-nowhere-9", capsys.readouterr().err)


def test_wrong_usage_has_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown runtime is refused with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["--runtime", "python2.7"], {})

    assert ended.value.code == 2
    assert "python3.13" in capsys.readouterr().err


def test_unwritable_output_folder_is_reported(tmp_path: Path) -> None:
    """An output folder or package that cannot be written is named; no temporary file is left."""
    files = {f"{function}.zip": b"" for function in CALLS}
    (tmp_path / "file").touch()
    (tmp_path / "out" / "lookup.zip").mkdir(parents=True)

    for name in ("file", "out"):
        with pytest.raises(UnwritableError, match=rf"{tmp_path}/{name} cannot be written: "):
            write(files, tmp_path / name)
    assert list(tmp_path.rglob(".*")) == []


def cached_wheels(lock: Path, cache: Path) -> Path:
    """Create the empty cache folder for the wheels of a lock file."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = cache / f"{PLATFORM}-{digest}"
    folder.mkdir(parents=True)
    return folder


def test_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    """A wheel with another hash is not unpacked, and pip's message has the expected hash."""
    lock = tmp_path / "lock.txt"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    wheel = cached_wheels(lock, tmp_path / "cache") / "six-1.17.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("six-1.17.0.dist-info/METADATA", "Name: six\nVersion: 1.17.0\n")

    with pytest.raises(StepFailedError, match=r"DO NOT MATCH THE HASHES(.|\n)*pip install failed"):
        install_dependencies(lock, PLATFORM, tmp_path / "cache", tmp_path / "into")
    assert not (tmp_path / "into" / "six-1.17.0.dist-info").exists()


def test_missing_wheel_is_named(tmp_path: Path) -> None:
    """The message names a missing wheel and its platform."""
    lock = tmp_path / "lock.txt"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    cached_wheels(lock, tmp_path / "cache")

    with pytest.raises(StepFailedError, match=rf"six==1\.17\.0(.|\n)*wheel for {PLATFORM}"):
        install_dependencies(lock, PLATFORM, tmp_path / "cache", tmp_path / "into")


def test_source_that_does_not_compile_is_named(tmp_path: Path) -> None:
    """A module with a syntax error fails the build, not the function."""
    (tmp_path / "broken.py").write_text("def (:\n", encoding="utf-8")

    with pytest.raises(StepFailedError, match=r"broken\.py(.|\n)*compileall failed"):
        compile_all(tmp_path, Path(sys.executable))


def test_programs_have_a_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build stops pip and the interpreter after their time limits."""
    monkeypatch.setattr(bytecode, "_COMPILE_SECONDS", 0)
    monkeypatch.setattr(dependencies, "_PIP_SECONDS", 0)
    lock = tmp_path / "lock.txt"
    lock.touch()
    cached_wheels(lock, tmp_path)

    with pytest.raises(StepFailedError, match="pip install failed: it did not finish in 0 seconds"):
        dependencies.install_dependencies(lock, PLATFORM, tmp_path, tmp_path / "into")
    with pytest.raises(StepFailedError, match="compileall failed: it did not finish in 0 seconds"):
        compile_all(tmp_path, Path(sys.executable))


# --- calls of the functions


Recorded = dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module", name="recorded")
def recorded_calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The calls of each function in rounds with releases and errors."""
    with pytest.MonkeyPatch.context() as environment, EmbeddedAws() as aws:
        environment.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        lab = build_lab(aws, tmp_path_factory.mktemp("lab"), VIRGINIA, IRELAND)
        yield Scenario(lab).run()


class Scenario:
    """Runs the functions one after the other and records the calls of each one."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._recorded: Recorded = {function: set() for function in CALLS}

    def run(self) -> Recorded:
        """Run rounds with baselines, releases, edits, and a region that fails as a disabled one."""
        lab = self._lab
        lab.deploy(lab.image("golden"), lab.filtered("ubuntu"))
        for _ in range(2):
            lab.publish("golden")
            lab.publish("ubuntu")
            self._round()
        # A change without an announcement, then a release: the aggregator queries the index.
        edited = replace(lab.image("golden"), lookup=ParameterLookup("/images/other"))
        lab.deploy(edited, lab.filtered("ubuntu"))
        for _ in range(2):
            lab.publish("other")
            self._round()
        lab.deploy(lab.image("golden"), lab.filtered("ubuntu"))
        self._round()
        refused = Fault(region=IRELAND.region, code="AuthFailure", status=401)
        lab.publish("golden")
        lab.aws.add_fault(refused)
        self._round()
        lab.aws.heal(refused)
        lab.publish("golden", IRELAND)
        self._during("scheduler", lambda: lab.pipeline.schedule(lab.next_round()))
        self._during("lookup", lab.pipeline.queue.drain_visible)
        lab.aws.add_fault(refused)
        self._during("aggregator", lab.pipeline.stream.drain)
        self._during("aggregator", lab.pipeline.sweep)
        lab.aws.heal()
        self._during("publisher", lambda: publish_site(lab, "site"))
        lab.deploy(lab.image("golden"))
        self._round()
        self._during("publisher", lambda: publish_site(lab, "site"))
        return self._recorded

    def _round(self) -> None:
        lab = self._lab
        self._during("scheduler", lambda: lab.pipeline.schedule(lab.next_round()))
        self._during("lookup", lab.pipeline.queue.drain_visible)
        self._during("aggregator", lab.pipeline.stream.drain)
        self._during("aggregator", lab.pipeline.sweep)

    def _during(self, function: str, work: Callable[[], object]) -> None:
        mark = self._lab.aws.mark()
        work()
        calls = self._lab.aws.calls(mark)
        self._recorded[function] |= {(call.service, call.operation) for call in calls}


def packed_operations(archive: zipfile.ZipFile) -> set[tuple[str, str]]:
    """Every operation in the service models of a package."""
    models = [
        re.fullmatch(r"botocore/data/(.+)/(.+)/service-2\.json", n) for n in archive.namelist()
    ]
    return {
        (model[1], operation)
        for model in models
        if model
        for operation in json.loads(archive.read(model[0]))["operations"]
    }


@pytest.mark.slow
@pytest.mark.parametrize("function", CALLS)
def test_models_have_exactly_the_called_operations(
    zips: Zips, recorded: Recorded, function: str
) -> None:
    """A package has the models of all operations that its function calls, and of no others."""
    packed = packed_operations(zips[function])

    assert recorded[function] - packed == set()
    assert packed - recorded[function] == set()


@pytest.mark.parametrize("function", CALLS)
def test_models_have_all_operations_in_the_source(zips: Zips, function: str) -> None:
    """Every operation in the source is in the package, also those that no scenario calls."""
    folders = [f"services/{name}/" for name in (function, *PARTS.get(function, ()))]
    written = set[str]().union(*(operations_written(zips[function], each) for each in folders))
    packed = {operation for _, operation in packed_operations(zips[function])}

    assert written - packed == set()
    assert ("PutObject" if function == "publisher" else "UpdateItem") in written


def test_models_have_all_operations_in_the_kernel(zips: Zips) -> None:
    """Every operation in the kernel is in the package of some function."""
    written = operations_written(zips["lookup"], "services/kernel/")
    packed = {operation for archive in zips.values() for _, operation in packed_operations(archive)}

    assert written - packed == set()
    assert {"AssumeRole", "Query"} <= written


@pytest.mark.parametrize("function", CALLS)
def test_models_have_every_exception_in_the_source(zips: Zips, function: str) -> None:
    """Every `client.exceptions.X` in the source is in the models of the package."""
    archive = zips[function]
    names = archive.namelist()
    source = "".join(archive.read(n).decode() for n in names if re.match(r"services/.*\.py$", n))
    models = [json.loads(archive.read(n)) for n in names if n.endswith("/service-2.json")]
    kept = {name for m in models for name, shape in m["shapes"].items() if "exception" in shape}

    assert set(re.findall(r"\.exceptions\.(\w+)", source)) - kept == set()


def operations_written(archive: zipfile.ZipFile, folder: str) -> set[str]:
    """The operations whose methods or paginators are named in our modules.

    Methods of one word, such as `publish`, may be our own; only their paginators are found.
    """
    attributes, paged = set(), set()
    for name in archive.namelist():
        if name.startswith(folder) and name.endswith(".py"):
            for node in ast.walk(ast.parse(archive.read(name))):
                match node:
                    case ast.Call(ast.Attribute(attr="get_paginator"), [ast.Constant(value)]):
                        paged.add(value)
                    case ast.Attribute(attr=attribute) if "_" in attribute:
                        attributes.add(attribute)
    loader = Loader()
    return {
        operation
        for service in sorted({service for calls in CALLS.values() for service in calls})
        for operation in loader.load_service_model(service, "service-2")["operations"]
        if xform_name(operation) in attributes | paged
    }
