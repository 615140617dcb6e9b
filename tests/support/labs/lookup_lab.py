"""The command `lookup` in a folder with a configuration, on the embedded AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from services.console.cli import main
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws

MEMBER = "111122223333"
VIRGINIA, IRELAND = "us-east-1", "eu-west-1"
PATH = "/aws/service/acme/linux/9/image_id"
RED_HAT = "309956199498"
READS = {
    ("sts", "GetCallerIdentity"),
    ("sts", "AssumeRole"),
    ("ssm", "GetParameters"),
    ("ec2", "DescribeImages"),
}
IMAGES = f"""\
images:
  - Name: by-parameter
    ParameterPath: {PATH}
  - Name: by-filter
    Owners: ["{RED_HAT}"]
    Filters:
      - {{Name: name, Values: ["RHEL-9.*-x86_64-*"]}}
    ExcludeNames: ["*BETA*"]
    Release: {{Pattern: '^RHEL-(?P<release>[0-9.]+)', Notes: 'https://example.com/{{release}}'}}
"""
REGIONS = f'AccountId: "{MEMBER}"\nregions: [{{Name: {VIRGINIA}}}, {{Name: {IRELAND}}}]\n'


def image_id(number: int) -> str:
    """Return the id of example image `number`."""
    return f"ami-{number:017x}"


@dataclass
class Lab:
    """A folder with a configuration, and publishers in both accounts and regions."""

    aws: EmbeddedAws
    folder: Path

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the command in the folder."""
        return CliRunner(env=env).invoke(main, ["lookup", *arguments])

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Return the command's JSON after checking its exit code."""
        result = self.run(*arguments, "--output", "json")
        assert result.exit_code == code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def one(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Return the only result of the command's JSON."""
        [found] = self.json(*arguments, code=code)["results"]
        result: dict[str, Any] = found
        return result

    def calls(self) -> list[tuple[str, str]]:
        """Return the recorded calls, of which none writes."""
        found = [(call.service, call.operation) for call in self.aws.calls()]
        assert set(found) <= READS
        return sorted(found)

    def put(self, value: str, path: str = PATH, regions: tuple[str, ...] = ()) -> None:
        """Publish a parameter in both accounts."""
        for account in (HUB_ACCOUNT, MEMBER):
            for region in regions or (VIRGINIA, IRELAND):
                self.aws.publishers.put_parameter(account, region, path, value)

    def register(self, number: int, name: str, day: int, **more: Any) -> str:  # noqa: ANN401 - the properties of an image
        """Publish an image in both accounts and regions; return its id."""
        regions = more.pop("regions", (VIRGINIA, IRELAND))
        for account in (HUB_ACCOUNT, MEMBER):
            for region in regions:
                self.aws.publishers.register_image(
                    account,
                    region,
                    name,
                    datetime(2026, 10, day, tzinfo=UTC),
                    image_id=image_id(number),
                    **{"owner_id": RED_HAT, **more},
                )
        return image_id(number)
