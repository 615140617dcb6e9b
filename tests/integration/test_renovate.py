"""The real Renovate reads the feed with the files that docs/recipes.md shows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from support.labs.feed_lab import demo_feed, eks_feed, image_id, write_feed
from support.labs.laboratory import IRELAND, VIRGINIA
from support.loopback import served
from support.recipes import recipe_files
from support.renovate import Run, apply, renovate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ACCOUNT = VIRGINIA.account_id
AL2023 = "al2023-x86_64"
OF_THE_DEMO = """\
locals {{
  # renovate: release={release} image={account}/{region}/{name}
  ami_id = "{image_id}"
}}
"""


@pytest.fixture(scope="module", name="feeds")
def make_feeds(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The feed of the demo's story, and that of a story with a release that is withdrawn."""
    folders = [tmp_path_factory.mktemp(name) for name in ("eks", "demo")]
    files = eks_feed(folders[0]) | demo_feed(folders[1])
    return {name: text for name, text in files.items() if name.count("/") == 2}


def releases(feeds: Mapping[str, str], name: str, region: str) -> list[dict[str, Any]]:
    """The releases of an image in a region, the oldest first."""
    found: list[dict[str, Any]] = json.loads(feeds[f"{ACCOUNT}/{region}/{name}.json"])["releases"]
    return found


def of_the_demo(feeds: Mapping[str, str], name: str, region: str) -> str:
    """A file that has the first release of an image of the demo."""
    first = releases(feeds, name, region)[0]
    return OF_THE_DEMO.format(
        release=first["version"],
        account=ACCOUNT,
        region=region,
        name=name,
        image_id=first["digest"],
    )


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The configuration with both: lists are joined, and maps are merged."""
    return {
        key: value + second[key] if isinstance(value, list) else value | second[key]
        for key, value in first.items()
    }


@pytest.fixture(scope="module", name="repository")
def make_repository(feeds: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the document's files, the same with other releases, and the feed."""
    folder = tmp_path_factory.mktemp("repository") / "files"
    write_feed(feeds, folder / "feed")
    shown = recipe_files()
    files = {name: shown[name] for name in ("main.tf", "node-class.yaml", "node-group.tf")}
    files["renovate.json"] = json.dumps(
        merged(*(json.loads(shown[n]) for n in ("renovate.json", "renovate-node-group.json")))
    )
    files["withdrawn/node-group.tf"] = files["node-group.tf"].replace("20260901", "20261110")
    for name in ("main.tf", "node-class.yaml"):
        files[f"withdrawn/{name}"] = files[name].replace("20260901", "20261110")
    files["newest/main.tf"] = files["main.tf"].replace("20260901", "20261126")
    files["too-old/main.tf"] = files["main.tf"].replace("20260901", "20260101")
    files["demo/first.tf"] = of_the_demo(feeds, AL2023, "us-east-1")
    files["demo/late.tf"] = of_the_demo(feeds, AL2023, "ap-northeast-1")
    files["demo/golden.tf"] = OF_THE_DEMO.format(
        release="20261101.000000",
        account=ACCOUNT,
        region="eu-west-1",
        name="golden-base",
        image_id="ami-00000000020261101",
    )
    write_feed(files, folder)
    return folder


@pytest.fixture(scope="module", name="run")
def make_run(repository: Path) -> Run:
    """What Renovate found in the repository."""
    return renovate(repository)


def proposed(run: Run, at: str) -> list[tuple[str, str, str]]:
    """The type, release and image id of each update that Renovate would make now."""
    return [
        (update["updateType"], update["newValue"], update["newDigest"])
        for update in run.dependencies()[at]["updates"]
        if not update.get("pendingChecks")
    ]


def pending(run: Run, at: str) -> list[str]:
    """The releases that Renovate would propose later."""
    updates = run.dependencies()[at]["updates"]
    waiting = [update["newValue"] for update in updates if update.get("pendingChecks")]
    return sorted([*waiting, *(v for u in updates for v in u.get("pendingVersions", []))])


@pytest.mark.parametrize(("file", "target"), [("main.tf", VIRGINIA), ("node-class.yaml", IRELAND)])
def test_release_of_a_sufficient_age_is_proposed(run: Run, file: str, target: Any) -> None:  # noqa: ANN401 - a table
    """The release of 14 days ago, with the image id of the region; the one of yesterday waits."""
    at = f"{file} 20260901"

    assert proposed(run, at) == [("major", "20261015", image_id("20261015", target))]
    assert pending(run, at) == ["20261126"]


@pytest.mark.parametrize(("file", "target"), [("main.tf", VIRGINIA), ("node-class.yaml", IRELAND)])
def test_withdrawn_release_leads_back(run: Run, file: str, target: Any) -> None:  # noqa: ANN401 - a table
    """A file with the withdrawn release gets the release before it, and its image id."""
    at = f"withdrawn/{file} 20261110"

    assert proposed(run, at) == [("rollback", "20261015", image_id("20261015", target))]
    assert pending(run, at) == ["20261126"]


@pytest.mark.parametrize(
    ("file", "release", "expected"),
    [
        ("node-group.tf", "1.34.2-20260901", ["1.34.2-20261015"]),
        ("withdrawn/node-group.tf", "1.34.2-20261110", []),
    ],
)
def test_release_version_of_a_node_group(
    run: Run, file: str, release: str, expected: list[str]
) -> None:
    """It is proposed like an image id, but never an earlier one, which EKS would refuse."""
    updates = run.dependencies()[f"{file} {release}"]["updates"]

    assert [each["newValue"] for each in updates if not each.get("pendingChecks")] == expected
    assert pending(run, f"{file} {release}") == ["1.34.2-20261126"]


def test_withdrawn_release_is_never_proposed(run: Run) -> None:
    """No update has it, neither now nor later."""
    found = [each for each in run.dependencies() if "20261110" not in each]

    assert [at for at in found if "20261110" in str(run.dependencies()[at]["updates"])] == []


def test_newest_release_has_no_update(run: Run) -> None:
    """A file that has the newest release stays as it is."""
    assert run.dependencies()["newest/main.tf 20261126"]["updates"] == []


def test_release_before_the_feed_is_reported(run: Run) -> None:
    """With `rollbackPrs`, a release that is older than the feed gets a warning, and no update."""
    found = run.dependencies()["too-old/main.tf 20260101"]

    assert found["updates"] == []
    assert "Can't find version matching 20260101" in found["warnings"][0]["message"]


def test_story_of_the_demo(run: Run, feeds: Mapping[str, str]) -> None:
    """Proposed where the release came 14 days ago, pending where it came yesterday, and back."""
    old, new = releases(feeds, AL2023, "us-east-1")
    (golden,) = releases(feeds, "golden-base", "eu-west-1")
    first, late = (f"demo/{name}.tf {old['version']}" for name in ("first", "late"))
    withdrawn = "demo/golden.tf 20261101.000000"

    assert proposed(run, first) == [("minor", "2023.13.20261116", new["digest"])]
    assert pending(run, first) == []
    assert proposed(run, late) == []
    assert pending(run, late) == ["2023.13.20261116"]
    assert proposed(run, withdrawn) == [("rollback", "20261001.000000", golden["digest"])]


def test_no_host_is_called(run: Run) -> None:
    """Renovate needs only the files of the repository, and reports no problem with them."""
    assert run.hosts() == set()
    assert run.warnings() == []


def test_files_are_changed_completely(run: Run, repository: Path, tmp_path: Path) -> None:
    """A branch of Renovate changes the release in the comment and the image id, nothing else."""
    copy = tmp_path / "files"
    shutil.copytree(repository, copy)

    apply(run.updates(), copy)

    for name in ("main.tf", "node-class.yaml", "node-group.tf"):
        expected = recipe_files()[name].replace("20260901", "20261015")
        assert (copy / name).read_text(encoding="utf-8") == expected
        if name != "node-group.tf":
            assert (copy / "withdrawn" / name).read_text(encoding="utf-8") == expected
    for name in ("newest/main.tf", "too-old/main.tf", "demo/late.tf"):
        assert (copy / name).read_bytes() == (repository / name).read_bytes()


# --- over HTTP


class Files(BaseHTTPRequestHandler):
    """Serves the feed to a client with the token."""

    feeds: ClassVar[Mapping[str, str]]
    requests: ClassVar[list[tuple[str, str | None]]]

    def do_GET(self) -> None:
        """Respond to one request."""
        authorization = self.headers["Authorization"]
        self.requests.append((self.path, authorization))
        text = self.feeds.get(self.path.removeprefix("/"), "")
        self.send_response(200 if authorization == "Bearer example-token" and text else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write no log."""


def test_feed_is_read_over_http(feeds: Mapping[str, str], tmp_path: Path) -> None:
    """With the second configuration, Renovate calls only the feed's server, with the token."""
    shown = recipe_files()
    handler: Any = type("Handler", (Files,), {"feeds": feeds, "requests": []})
    with served(handler) as address:
        config = json.loads(shown["renovate.json"]) | json.loads(shown["renovate-https.json"])
        text = json.dumps(config).replace("https://feed.example.com", f"http://{address}")
        rules = shown["host-rules.json"].replace("feed.example.com", "127.0.0.1")
        files = {"renovate.json": text, "main.tf": shown["main.tf"]}
        write_feed(files, tmp_path / "files")
        run = renovate(tmp_path / "files", RENOVATE_HOST_RULES=rules)

    assert proposed(run, "main.tf 20260901") == [("major", "20261015", image_id("20261015"))]
    assert set(handler.requests) == {
        (f"/{ACCOUNT}/us-east-1/al2023-eks-1.34-x86_64.json", "Bearer example-token")
    }
    assert run.hosts() == {"127.0.0.1"}
    assert run.warnings() == []


# --- the job that commits the feed


@pytest.fixture(name="job")
def make_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """A function that runs the job's commands in a clone; returns the subjects of all commits."""
    for program in ("bash", "git"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    steps = yaml.safe_load(recipe_files()[".github/workflows/ami-feed.yml"])["jobs"]["feed"]
    (script,) = (step["run"] for step in steps["steps"] if "run" in step)
    (tmp_path / "bin").mkdir()
    aws = tmp_path / "bin" / "aws"
    aws.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/call\nrm -rf feed\ncp -r ../bucket feed\n')
    aws.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin")
    git(tmp_path, "clone", "-q", "origin", "clone")
    git(tmp_path / "clone", "checkout", "-q", "-b", "main")

    def run() -> str:
        command = [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            script.replace("git push", "git push origin main"),
        ]
        subprocess.run(command, cwd=tmp_path / "clone", check=True, timeout=60)
        return git(tmp_path / "origin", "log", "--format=%s", "--name-status", "main")

    return run


def git(folder: Path, *arguments: str) -> str:
    """Run git and return its output."""
    done = subprocess.run(
        [shutil.which("git") or "git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_job_commits_the_feed_if_it_changed(job: Callable[[], str], tmp_path: Path) -> None:
    """The job makes a commit for a changed feed, also for a removed file, and else none."""
    write_feed({"a.json": "{}", "b.json": "{}"}, tmp_path / "bucket")
    first = job()
    again = job()
    (tmp_path / "bucket" / "b.json").unlink()
    third = job()

    assert first == again == "Update the AMI feed\n\nA\tfeed/a.json\nA\tfeed/b.json\n"
    assert third == f"Update the AMI feed\n\nD\tfeed/b.json\n{first}"
    assert (tmp_path / "call").read_text() == (
        "s3 sync --delete --only-show-errors s3://example-bucket/feed/ feed/\n"
    )
