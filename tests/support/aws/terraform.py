"""Runs Terraform for the tests, in a copy of the infrastructure and without the internet.

A test copies the repository's infrastructure (`checkout`), because Terraform writes its state, lock
file and plugins into its folder. `Terraform` runs the commands in one root module of the copy:

    root = checkout(tmp_path) / "infra/terraform/examples/basic"
    terraform = Terraform(root, environment("http://127.0.0.1:4566"))
    terraform.init()
    plan = terraform.plan(external_id="of-the-test")
    terraform.apply(external_id="of-the-test")

`rendered(tmp_path, "basic", …)` returns the plan of an example from an empty state, for assertions
on planned resources. It needs no emulator, because a plan calls only sts:GetCallerIdentity.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest

from infra.package.build import Package
from infra.package.lambda_platform import LambdaPlatform
from infra.package.manifest import FILE_NAME, manifest
from services.catalogue.load import ConfigurationError, load
from services.kernel.catalogue_file import encode_catalogue
from services.kernel.model import Catalogue

ROOT = Path(__file__).parents[3]
HUB_ACCOUNT = "111122223333"
"""The account of a rendered plan, which is the account of the repository's regions.yaml."""
HUB_REGION = "us-east-1"
SERVICES = ("scheduler", "lookup", "aggregator", "publisher")

_SYSTEM_FOLDERS = (
    "/opt",
    "/usr/local/share/terraform/plugins",
    "/usr/local/lib/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/usr/lib/terraform/plugins",
)
_OFFLINE = (
    "no such host",
    "could not connect",
    "failed to query available provider packages",
    "could not query provider registry",
    "deadline exceeded",
    "connection refused",
    "network is unreachable",
)
_SECONDS = 600
"""Time limit of a command, which takes a few seconds if the machine is idle."""
_GRACE_SECONDS = 10


class TerraformError(RuntimeError):
    """A Terraform command failed; the message has `summary: detail` of each error."""

    def __init__(self, command: str, problem: str) -> None:
        super().__init__(f"terraform {command}: {problem.strip()}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as `terraform show -json` prints it; `document` is the complete output.

    Addresses are Terraform's: `module.ami_tracker.aws_sqs_queue.lookups`. Values that are known
    only after an apply are absent from a resource's values.
    """

    document: Mapping[str, Any] = field(repr=False)

    def resources(self) -> dict[str, dict[str, Any]]:
        """Every resource's planned values by address, including those in modules."""
        root = self.document.get("planned_values", {}).get("root_module", {})
        return {
            found["address"]: found.get("values", {})
            for found in _resources_below(root)
            if found["mode"] == "managed"
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The planned values of every resource of a type, by address."""
        return {
            address: values
            for address, values in self.resources().items()
            if _plain_address(address).split(".")[-2] == kind
        }

    def values(self, address: str) -> dict[str, Any]:
        """The planned values of one resource; `address` may leave its modules out.

        Raises:
            LookupError: no resource, or more than one, has that address.
        """
        found = {a: v for a, v in self.resources().items() if a == address}
        found = found or {a: v for a, v in self.resources().items() if a.endswith(f".{address}")}
        if len(found) != 1:
            problem = (
                f"{len(found)} resources have the address {address}: {sorted(self.resources())}"
            )
            raise LookupError(problem)
        return next(iter(found.values()))

    def policy(self, address: str, attribute: str = "policy") -> dict[str, Any]:
        """The policy document in a JSON attribute of a resource.

        Raises:
            LookupError: the policy is not known before an apply.
        """
        text = self.values(address).get(attribute)
        if text is None:
            problem = f"{attribute} of {address} is not known at plan time"
            raise LookupError(problem)
        document: dict[str, Any] = json.loads(text)
        return document

    def role_policies(self, role_name: str) -> list[dict[str, Any]]:
        """Every inline policy document of a role, by the role's name."""
        return [
            json.loads(values["policy"])
            for values in self.of_type("aws_iam_role_policy").values()
            if values.get("role") == role_name
        ]

    def changes(self) -> dict[str, tuple[str, ...]]:
        """The planned actions of each resource that changes, by address."""
        found = self.document.get("resource_changes", [])
        actions = {change["address"]: tuple(change["change"]["actions"]) for change in found}
        return {a: done for a, done in actions.items() if done not in {("no-op",), ("read",)}}

    def differences(self) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
        """The attributes that change in each existing resource: before, and after."""
        found = {}
        for change in self.document.get("resource_changes", []):
            before, after = change["change"]["before"] or {}, change["change"]["after"] or {}
            names = [n for n in before if n in after and before[n] != after[n]]
            if change["address"] in self.changes() and before:
                found[change["address"]] = (
                    {name: before[name] for name in names},
                    {name: after[name] for name in names},
                )
        return found

    def outputs(self) -> dict[str, Any]:
        """The root's outputs; values that are known only after the apply are absent."""
        found = self.document.get("output_changes", {})
        return {name: change["after"] for name, change in found.items()}


def _resources_below(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources_below(child)


def _plain_address(address: str) -> str:
    """An address without its keys, which may hold dots: `a["x.y"].b` becomes `a.b`."""
    plain, _, rest = address.partition("[")
    return plain + _plain_address(rest.partition("]")[2]) if rest else plain


def environment(endpoint_url: str, region: str = HUB_REGION) -> dict[str, str]:
    """The environment variables with which Terraform works on an emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": region,
    }


_FIXED = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "CHECKPOINT_DISABLE": "1",
    "TF_CLI_CONFIG_FILE": os.devnull,
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true",
}
_FEWER_COLLECTIONS = {"GOGC": "400"}
"""Go's garbage collection takes a fifth of the processor time of Terraform and its provider."""
_INIT_ARGUMENTS = "TF_CLI_ARGS_init"
_INHERITED = ("PATH", "HOME", "TMPDIR", _INIT_ARGUMENTS, "TF_PLUGIN_CACHE_DIR")


class Terraform:
    """Runs Terraform commands in one root module, each with a time limit.

    `folder` must be a copy (see `checkout`): Terraform writes its state and plugins into it.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._environment = {**inherited, **_FIXED, **_FEWER_COLLECTIONS, **environment}
        self._environment.setdefault("TF_PLUGIN_CACHE_DIR", _plugin_cache())

    def shell_environment(self) -> dict[str, str]:
        """The environment in which a shell runs Terraform in the same way."""
        arguments = {_INIT_ARGUMENTS: " ".join(_plugin_argument())} if _plugin_argument() else {}
        return {**self._environment, **arguments}

    def init(self) -> None:
        """Install the providers from this machine, or from the registry.

        Skips the test if Terraform is missing, or if there are neither providers nor a network.

        Raises:
            TerraformError: the configuration cannot be initialised.
        """
        arguments = ["init", "-input=false", "-no-color", *_plugin_argument()]
        # Terraform does not support concurrent writes to a plugin cache.
        with _plugin_cache_lock():
            done = self._run(arguments, seconds=_SECONDS)
        if done.returncode == 0:
            return
        if not providers() and any(sign in done.stderr.lower() for sign in _OFFLINE):
            pytest.skip("Terraform's AWS provider is not on this machine and cannot be downloaded")
        raise TerraformError("init", done.stderr)

    def validate(self) -> None:
        """Check the configuration.

        Raises:
            TerraformError: the configuration is not valid.
        """
        self._json_lines(["validate", "-json"], seconds=_SECONDS)

    def plan(self, *flags: str, **variables: object) -> Plan:
        """The plan of an apply with these variables.

        Raises:
            TerraformError: the plan failed.
        """
        out = self.folder / "test.tfplan"
        arguments = ["plan", "-json", f"-out={out}", *flags]
        self._json_lines(arguments, variables, seconds=_SECONDS)
        return Plan(self._document(["show", "-json", str(out)]))

    def shown(self) -> str:
        """The last plan in Terraform's human-readable format.

        Raises:
            TerraformError: there is no plan.
        """
        done = self._run(["show", "-no-color", "test.tfplan"], seconds=_SECONDS)
        if done.returncode != 0:
            raise TerraformError("show", done.stderr)
        return done.stdout

    def apply(self, *flags: str, seconds: float = 1200, **variables: object) -> None:
        """Apply the configuration.

        Raises:
            TerraformError: a resource could not be created or changed.
        """
        self._json_lines(["apply", "-json", "-auto-approve", *flags], variables, seconds=seconds)

    def destroy(self, *flags: str, seconds: float = 1200, **variables: object) -> None:
        """Destroy every resource of the state.

        Raises:
            TerraformError: a resource could not be deleted.
        """
        self._json_lines(["destroy", "-json", "-auto-approve", *flags], variables, seconds=seconds)

    def state(self) -> dict[str, dict[str, Any]]:
        """The attributes of every resource in the state, by address; data sources too."""
        values = self._document(["show", "-json"]).get("values", {})
        return {
            found["address"]: found.get("values", {})
            for found in _resources_below(values.get("root_module", {}))
        }

    def outputs(self) -> dict[str, Any]:
        """The values of the root's outputs, sensitive ones too."""
        found = self._document(["output", "-json"])
        return {name: output["value"] for name, output in found.items()}

    def test(self) -> dict[str, str]:
        """Run the module's own tests; return the status of each run, by file and name.

        Raises:
            TerraformError: a run failed; the message has its name and the errors.
        """
        lines = self._json_lines(["test", "-json"], seconds=_SECONDS)
        runs = [line["test_run"] for line in lines if line.get("type") == "test_run"]
        return {
            f"{run['path']}: {run['run']}": run["status"]
            for run in runs
            if run.get("progress", "complete") == "complete"
        }

    def applied_by_test(self, file: str) -> Plan:
        """The state after the last apply of one of the module's tests, with mocked providers.

        It has all values, also those that a plan shows only after the apply.

        Raises:
            TerraformError: a run failed.
        """
        arguments = ["test", "-json", "-verbose", f"-filter={file}"]
        lines = self._json_lines(arguments, seconds=_SECONDS)
        *_, state = (line["test_state"] for line in lines if line.get("type") == "test_state")
        return Plan({"planned_values": state})

    def format_problems(self) -> list[str]:
        """Files below the folder that `terraform fmt` would write differently."""
        done = self._run(["fmt", "-check", "-recursive", "-no-color"], seconds=_SECONDS)
        if done.returncode not in {0, 3} or done.stderr:
            raise TerraformError("fmt", done.stderr)
        return done.stdout.split()

    def _document(self, arguments: Sequence[str]) -> dict[str, Any]:
        done = self._run([*arguments, "-no-color"], seconds=_SECONDS)
        if done.returncode != 0:
            raise TerraformError(arguments[0], done.stderr or done.stdout)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def _json_lines(
        self,
        arguments: Sequence[str],
        variables: Mapping[str, object] | None = None,
        *,
        seconds: float,
    ) -> list[dict[str, Any]]:
        with _variables_file(variables) as given:
            done = self._run([*arguments, "-no-color", *given], seconds=seconds)
        lines = _documents(done.stdout)
        if done.returncode != 0:
            raise TerraformError(arguments[0], _problems(lines) or done.stderr)
        return lines

    def _run(self, arguments: Sequence[str], *, seconds: float) -> _Finished:
        return _run_bounded([_terraform(), *arguments], self.folder, self._environment, seconds)


@dataclass(frozen=True, slots=True)
class _Finished:
    returncode: int
    stdout: str
    stderr: str


def _run_bounded(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> _Finished:
    """Run a command; after the time limit, stop it together with its plugins."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException as error:
            _stop(process)
            if isinstance(error, subprocess.TimeoutExpired):
                problem = f"not finished after {seconds} s; its output: {error.stdout!r}"
                raise TerraformError(command[1], problem) from error
            raise
    return _Finished(process.returncode, out, err)


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the process, which then writes its state; kill it after a grace period."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _variables_file(variables: Mapping[str, object] | None) -> Iterator[list[str]]:
    """Write the variables to a file until the block ends; return the argument for it."""
    if not variables:
        yield []
        return
    with tempfile.NamedTemporaryFile("w", suffix=".tfvars.json", encoding="utf-8") as file:
        json.dump(variables, file)
        file.flush()
        yield [f"-var-file={file.name}"]


def _documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents of an output: a single one (`validate`), or one on each line."""
    try:
        return [json.loads(text)]
    except ValueError:
        lines = [line for line in text.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]


def _problems(documents: Sequence[Mapping[str, Any]]) -> str:
    """Every error that Terraform reports, as `summary: detail`."""
    found = [each for d in documents for each in [d.get("diagnostic"), *d.get("diagnostics", [])]]
    errors = [each for each in found if each and each["severity"] == "error"]
    return "\n".join(map(_problem, errors))


def _problem(diagnostic: Mapping[str, Any]) -> str:
    where = diagnostic.get("range")
    place = f" ({where['filename']}:{where['start']['line']})" if where else ""
    return f"{diagnostic['summary']}: {' '.join(diagnostic.get('detail', '').split())}{place}"


def _terraform() -> str:
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not installed: https://developer.hashicorp.com/terraform/install")
    return program


@cache
def providers() -> Path | None:
    """The folder of providers on this machine, None if it has none."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    folders = [*map(Path, _SYSTEM_FOLDERS), home / ".terraform.d/plugins"]
    found = (
        path.parent
        for folder in folders
        for pattern in ("registry.terraform.io", "*/registry.terraform.io")
        for path in folder.glob(pattern)
    )
    return next(found, None)


def _plugin_argument() -> list[str]:
    if os.environ.get(_INIT_ARGUMENTS) or providers() is None:
        return []
    return [f"-plugin-dir={providers()}"]


def _plugin_cache() -> str:
    folder = Path(tempfile.gettempdir()) / f"terraform-plugin-cache-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder)


@contextmanager
def _plugin_cache_lock() -> Iterator[None]:
    with (Path(_plugin_cache()) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def checkout(
    folder: Path, *, regions: str | None = None, packages: Mapping[str, Path] | None = None
) -> Path:
    """Copy the files that a deployment reads into `folder`, and return `folder`.

    The copy has `infra/`, `regions.yaml` (or the text in `regions`) and `build/packages/`: the
    given zips by service with their manifest, or empty zips with a manifest that describes them.
    """
    ignored = shutil.ignore_patterns(
        ".terraform*", "*.tfstate*", "*.tfplan", "terraform.tfvars", "__pycache__"
    )
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=ignored)
    text = (ROOT / "regions.yaml").read_text(encoding="utf-8") if regions is None else regions
    (folder / "regions.yaml").write_text(text, encoding="utf-8")
    zips = folder / "build" / "packages"
    zips.mkdir(parents=True)
    for service in SERVICES:
        if packages is None:
            with zipfile.ZipFile(zips / f"{service}.zip", "w") as package:
                package.writestr(zipfile.ZipInfo("empty.py"), "")
        else:
            shutil.copyfile(packages[service], zips / f"{service}.zip")
    if packages is None:
        write_manifest(folder)
    else:
        shutil.copyfile(packages["scheduler"].with_name(FILE_NAME), zips / FILE_NAME)
    return folder


def write_manifest(
    folder: Path, runtime: str | None = None, architecture: str | None = None
) -> Path:
    """Write the manifest for the zips and the regions.yaml of a checkout, as `make package` does.

    If regions.yaml is not valid, the manifest has no targets.
    """
    zips = folder / "build" / "packages"
    platform = LambdaPlatform(runtime or "python3.13", architecture or "arm64")
    found = [Package(s, (zips / f"{s}.zip").read_bytes(), 0, 0) for s in SERVICES]
    images = folder / "build" / "no-images"
    images.mkdir(exist_ok=True)
    (images / "one.yaml").write_text(_IMAGE, encoding="utf-8")
    try:
        catalogue = load(images, folder / "regions.yaml")
    except ConfigurationError:
        catalogue = Catalogue((), ())
    path = zips / FILE_NAME
    path.write_bytes(manifest(found, platform, encode_catalogue(catalogue)))
    return path


_IMAGE = "images:\n  - Name: one\n    ParameterPath: /aws/service/one/image_id\n"


def rendered(
    folder: Path,
    example: str,
    *,
    regions: str | None = None,
    account_id: str = HUB_ACCOUNT,
    **variables: object,
) -> Plan:
    """The plan of an example from an empty state, in `folder`, which can be used again.

    `regions` is the text of regions.yaml; `variables` are the example's. The first plan in a folder
    takes about ten seconds, the others five.

    Raises:
        TerraformError: the plan failed.
    """
    if not (folder / "infra").exists():
        checkout(folder)
    if regions is not None:
        (folder / "regions.yaml").write_text(regions, encoding="utf-8")
    platform = {n: str(variables[n]) for n in ("runtime", "architecture") if variables.get(n)}
    write_manifest(folder, **platform)
    with caller(account_id) as endpoint_url:
        root = folder / "infra/terraform/examples" / example
        terraform = Terraform(root, environment(endpoint_url))
        if not (root / ".terraform").exists():
            terraform.init()
        return terraform.plan("-refresh=false", **variables)


@contextmanager
def caller(account_id: str = HUB_ACCOUNT) -> Iterator[str]:
    """Serve sts:GetCallerIdentity on the loopback interface until the block ends.

    All other calls are denied. Returns the endpoint URL.
    """
    handler = type("Handler", (_Sts,), {"account_id": account_id})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="caller")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/operator</Arn><UserId>OPERATOR</UserId>
<Account>{account}</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
_ACCESS_DENIED = """<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>a plan may call only GetCallerIdentity</Message></Error></ErrorResponse>"""


class _Sts(BaseHTTPRequestHandler):
    """Responds to sts:GetCallerIdentity."""

    account_id: ClassVar[str]
    timeout = 10

    def do_POST(self) -> None:
        """Respond to one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        allowed = parse_qs(body).get("Action") == ["GetCallerIdentity"]
        response = _IDENTITY.format(account=self.account_id) if allowed else _ACCESS_DENIED
        payload = response.encode()
        self.send_response(200 if allowed else 403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST  # noqa: N815 - likewise

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write no log."""
