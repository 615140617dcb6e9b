"""How to use the commands with the deployment that `demo --keep` leaves running."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.console.demo.faults import SILENT_REGION, UPDATED_REGIONS
from services.console.demo.page import Page
from services.console.demo.scenario import AL2023, MEMBER_ACCOUNT, MEMBER_REGION
from services.embedded.tracker.resources import HUB_REGION, TOPIC

_UNUSED = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AMI_TRACKER_TABLE",
    "AMI_TRACKER_EXTERNAL_ID",
)
"""Variables of the user that would lead to another account or table."""
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Block:
    """What a command answers, and how to try it."""

    command: str
    text: str
    lines: tuple[str, ...]


BLOCKS = (
    Block(
        "status",
        "Is everything healthy? No: a service control policy now denies the lookups in "
        f"{MEMBER_REGION} of account {MEMBER_ACCOUNT}.",
        (
            "ami-tracker status",
            "ami-tracker status --matrix",
            "ami-tracker status 'al2023*' --regions us-east-1,eu-west-1",
        ),
    ),
    Block(
        "coverage",
        "Which accounts and regions can be looked up?",
        ("ami-tracker coverage",),
    ),
    Block(
        "rollout",
        "Which regions do not yet have the newest image? A fifth round found a release in "
        f"{', '.join(UPDATED_REGIONS)} only.",
        (f"ami-tracker rollout {AL2023} --last 1",),
    ),
    Block(
        "history",
        "When did a release reach eu-west-1, and what changed?",
        (f"ami-tracker history {AL2023}", f"ami-tracker history {AL2023} --regions eu-west-1"),
    ),
    Block(
        "pending",
        f"What is not announced yet? The topic of {SILENT_REGION} was deleted.",
        ("ami-tracker pending",),
    ),
    Block(
        "report",
        "All of this as one page: open the file in a browser, from the folder below.",
        ("ami-tracker report --out report.html",),
    ),
    Block(
        "feed",
        "The releases as files for update tools. A second run changes nothing.",
        ("ami-tracker feed --out feed",),
    ),
    Block(
        "replay",
        "Publish an event again. It asks first, unless --yes is used. The second command shows the "
        "answer of the deleted topic. If the topic is created again, with the AWS CLI, the command "
        "succeeds; without it, the next sweep publishes the event within a minute.",
        (
            f"ami-tracker replay {AL2023} --target-region us-east-1 --last",
            f"ami-tracker replay {AL2023} --target-region {SILENT_REGION} --last --yes",
            f"aws sns create-topic --region {SILENT_REGION} --name {TOPIC}",
        ),
    ),
    Block(
        "redrive",
        "Dead letters: a lookup request and a malformed message. The command shows them, and 20 "
        "seconds later --move can move them back: the request then succeeds, and the malformed "
        "message returns after about ten seconds. --purge deletes all messages.",
        ("ami-tracker redrive", "ami-tracker redrive --move", "ami-tracker redrive --purge --yes"),
    ),
    Block(
        "lookup",
        "Which image would a lookup select now, and why? The command does not read the table.",
        (
            f"ami-tracker lookup {AL2023} --regions us-east-1,eu-west-1",
            f"ami-tracker lookup {AL2023} --regions us-east-1 --explain",
        ),
    ),
)


def setup_lines(endpoint_url: str, folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """The shell commands after which the commands use the embedded AWS."""
    yield f"export AWS_ENDPOINT_URL={endpoint_url}"
    yield "export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo"
    yield f"export AWS_REGION={HUB_REGION} AWS_DEFAULT_REGION={HUB_REGION}"
    yield f"unset {' '.join(_UNUSED)}"
    if any(environ.get(name) for name in _PROXIES):
        yield 'export no_proxy="127.0.0.1,${no_proxy:-$NO_PROXY}"'
    installed = Path(sys.argv[0]).absolute()
    if installed.name == "ami-tracker" and shutil.which("ami-tracker") != str(installed):
        yield f'export PATH={shlex.quote(str(installed.parent))}:"$PATH"'
    yield f"cd {shlex.quote(str(folder))}"


def print_guide(page: Page, endpoint_url: str, folder: Path, end: datetime) -> None:
    """Print how to use every command, and when it ends."""
    page.title("Try the commands")
    page.say(
        "The embedded AWS is running, and a round starts every half hour. In another terminal, "
        "prepare a shell with these lines; the folder has the configuration files of the demo:"
    )
    for line in setup_lines(endpoint_url, folder, os.environ):
        page.verbatim(f"  {line}")
    for block in BLOCKS:
        page.say(f"[bold]{block.command}[/]: {block.text}")
        for line in block.lines:
            page.verbatim(f"  {line}")
    page.say(
        "Every command has --help with examples, and docs/console.md has their outputs. The "
        f"embedded AWS stops at {end:%H:%M} UTC, or with Ctrl-C."
    )
