"""The commands about one image and about pending releases, with rows that are written directly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from click.testing import CliRunner

from services.console.cli import main
from services.kernel.clock import now
from services.kernel.keys import NOTE_KEY
from services.kernel.model import Kind, Release, Target
from services.kernel.release_records import encode_release
from services.kernel.table import to_item
from services.kernel.wire import timestamp
from support.builders.releases import ACCOUNT, NAME, a_release
from support.builders.scheduler import a_pair, a_window, an_image, image_row, round_row
from support.fakes.table import Row
from support.labs.acting_lab import HOSTILE
from support.labs.acting_lab import Lab as CommandLab

BATCH = 25
REGIONS = [f"eu-west-{number}" for number in range(1, 35)]
"""As many regions as regions.yaml has."""

Step = tuple[str, Kind, float]
"""The join key, the kind and the age in hours of a release."""


@dataclass
class Lab(CommandLab):
    """A command that reads the rows of one image."""

    def write(self, *rows: Mapping[str, object]) -> None:
        """Write rows in batches, and forget these calls."""
        client = self.aws.client("dynamodb", self.hub.region)
        for start in range(0, len(rows), BATCH):
            requests = [{"PutRequest": {"Item": to_item(r)}} for r in rows[start : start + BATCH]]
            client.batch_write_item(RequestItems={self.hub.table_name: requests})
        self.aws.clear_calls()

    def track(self, *targets: Target, stale: Sequence[int] = ()) -> None:
        """Write the scheduler's note, and the round rows of these targets."""
        note = {**NOTE_KEY, "regions": sorted({target.region for target in targets})}
        rounds = [round_row(target, a_window(stale=stale)) for target in targets]
        self.write(note, *rounds)

    def image(
        self, target: Target, *steps: Step, state: str = "ok", name: str = NAME, number: int = 1
    ) -> list[Release]:
        """Write the image row and the release rows of a target; the releases are announced."""
        moment = now()
        releases = [
            a_release(target, version, key, kind, hours=age, name=name, moment=moment)
            for version, (key, kind, age) in enumerate(steps, start=1)
        ]
        last = releases[-1].observed if releases else None
        pair = a_pair(
            an_image(name), target, version=len(steps), known=last, state=state, number=number
        )
        row = {key: value for key, value in image_row(pair).items() if value is not None}
        self.write(row, *map(announced, releases))
        return releases

    def narrow(self, *arguments: str, code: int = 0) -> str:
        """Return the output on a terminal of 80 columns, which shows no styles."""
        environment = {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}
        result = CliRunner().invoke(main, [self.command, *arguments], env=environment)
        assert result.exit_code == code, result.output
        assert [c for c in HOSTILE if c in result.output] == []
        return result.stdout

    def counted(self) -> dict[str, int]:
        """Return the number of calls by operation."""
        return dict(Counter(self.operations()))


def announced(release: Release, moment: datetime | None = None) -> Row:
    """Build the row of an announced release; a baseline is never announced."""
    row = {key: value for key, value in encode_release(release).items() if value is not None}
    if release.kind is Kind.BASELINE:
        return row
    return row | {"published_at": timestamp(moment or release.detected_at), "message_id": "m-1"}


def waiting(release: Release, problem: Mapping[str, object] | None = None) -> Row:
    """Build the row of a pending release, with what the topic answered."""
    row = {key: value for key, value in encode_release(release).items() if value is not None}
    return row | {"pending": release.target.region} | ({"last_problem": problem} if problem else {})


def with_facts(release: Release, /, **about: Any) -> Release:  # noqa: ANN401 - the fields of `About`
    """Return the release with other properties."""
    return replace(release, about=replace(release.about, **about))


def targets(*regions: str, account: str = ACCOUNT) -> list[Target]:
    """Return the targets of these regions."""
    return [Target(account, region) for region in regions]
