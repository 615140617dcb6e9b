"""The demo's configuration, what publishers do in it, and the expected events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.embedded.aws.publishers import Publishers
from services.embedded.aws.server import HUB_ACCOUNT
from services.embedded.tracker.subscriptions import Received
from services.kernel.model import Kind, Target

MEMBER_ACCOUNT = "222233334444"
GOLDEN_OWNER = "444455556666"
RED_HAT = "309956199498"

HUB_REGIONS = (
    "us-east-1", "us-west-2", "eu-west-1", "eu-north-1", "ap-northeast-1", "sa-east-1",
)  # fmt: skip
MEMBER_REGION = "eu-central-1"
LAGGING_REGIONS = ("ap-northeast-1", "sa-east-1")

AL2023_PATH = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ECS_PATH = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"

AL2023 = "al2023-x86_64"
"""The name of an image that `tracked_images/` of this repository has too."""

FILES = {
    "tracked_images/amazon-linux.yaml": f"""\
images:
  - Name: {AL2023}
    ParameterPath: {AL2023_PATH}
    Release:
      Pattern: '^al2023-ami-(?P<release>2023\\.\\d+\\.\\d{{8}})\\.\\d+-kernel-'
  - Name: ecs-al2023
    ParameterPath: {ECS_PATH}
""",
    "tracked_images/golden.yaml": f"""\
images:
  - Name: golden-base
    Owners: ["{GOLDEN_OWNER}"]
    Filters:
      - Name: name
        Values: ["golden-base-*"]
      - Name: architecture
        Values: [x86_64]
""",
    "tracked_images/red-hat.yml": """\
---
images:
  - Name: redhat-8.6.0-hvm
    Filters: >-
      {
        'Name': 'name',
        'Values': ['RHEL-8.6.0_HVM-*-x86_64-*-Hourly2-GP2']
      },
      {
        'Name': 'owner-alias',
        'Values': ['amazon']
      }
""",
    "regions.yaml": f"""\
AccountId: "{HUB_ACCOUNT}"
regions:
"""
    + "".join(f"  - Name: {region}\n" for region in HUB_REGIONS)
    + f"""\
  - Name: {MEMBER_REGION}
    AccountId: "{MEMBER_ACCOUNT}"
""",
}

MEMBER = Target(MEMBER_ACCOUNT, MEMBER_REGION)
TARGETS = (*(Target(HUB_ACCOUNT, region) for region in HUB_REGIONS), MEMBER)


def write_files(folder: Path) -> None:
    """Write the files of the configuration."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """The fields of an announcement that the demo predicts."""

    region: str
    account_id: str
    image_name: str
    kind: str
    image_id: str
    previous_image_id: str

    @classmethod
    def of(cls, received: Received) -> Event:
        """The event that a subscriber received, with every field from its message."""
        content = json.loads(received.body)["v1"]
        return cls(
            region=content["region"],
            account_id=received.attributes["account_id"],
            image_name=content["image"]["image_name"],
            kind=received.attributes["kind"],
            image_id=content["image"]["image_id"],
            previous_image_id=received.attributes.get("previous_image_id", ""),
        )


_FIRST_DAY = datetime(2026, 10, 1, tzinfo=UTC)
"""The creation date of the images that are current at the beginning."""


class Publications:
    """Publishes images: each step changes images and returns the expected events.

    `_current` is the demo's own record of the current images. It contains nothing from the service,
    so the service's events can be compared with it.
    """

    def __init__(self, publishers: Publishers) -> None:
        self._publishers = publishers
        self._current: dict[tuple[Target, str], str] = {}
        self._hidden_ecs = ""

    def begin(self, done: Callable[[], None]) -> None:
        """Publish the images that are current at the start; `done` is called for each target."""
        for target in TARGETS:
            done()
            self._remember_parameter(target, AL2023, AL2023_PATH)
            self._remember_parameter(target, "ecs-al2023", ECS_PATH)
            self._golden(target, "2026-10-01")
            self._golden(target, "2026-11-01")
            self._red_hat(target, "20220503", datetime(2022, 5, 3, tzinfo=UTC))

    def before_second_round(self) -> list[Event]:
        """Publish images in some regions, roll one image back, and name one that is not visible."""
        first = [t for t in TARGETS if t.region not in LAGGING_REGIONS]
        events = [self._new_al2023(target) for target in first]
        europe, north = _target("eu-west-1"), _target("eu-north-1")
        events.append(self._roll_back_golden(europe))
        events += [self._new_red_hat(_target(region)) for region in ("us-east-1", "sa-east-1")]
        self._hidden_ecs = "ami-0ec5000000000e0c5"
        self._publishers.put_parameter(north.account_id, north.region, ECS_PATH, self._hidden_ecs)
        return _without_member_account(events)

    def before_fourth_round(self) -> list[Event]:
        """Publish the images in the remaining regions, and make the image visible."""
        events = [self._new_al2023(_target(region)) for region in LAGGING_REGIONS]
        north = _target("eu-north-1")
        self._image(
            north,
            "al2023-ami-ecs-hvm-2023.0.20261117-kernel-6.1-x86_64",
            datetime(2026, 11, 17, tzinfo=UTC),
            image_id=self._hidden_ecs,
        )
        events.append(self._changed(north, "ecs-al2023", Kind.RELEASE, self._hidden_ecs))
        return events

    # --- single images

    def _new_al2023(self, target: Target) -> Event:
        new = self._image(
            target,
            "al2023-ami-2023.13.20261116.0-kernel-6.18-x86_64",
            datetime(2026, 11, 16, tzinfo=UTC),
        )
        self._publishers.put_parameter(target.account_id, target.region, AL2023_PATH, new)
        return self._changed(target, AL2023, Kind.RELEASE, new)

    def _new_red_hat(self, target: Target) -> Event:
        known = self._current[target, "redhat-8.6.0-hvm"]
        new = self._red_hat(target, "20261110", datetime(2026, 11, 10, tzinfo=UTC))
        self._current[target, "redhat-8.6.0-hvm"] = known
        return self._changed(target, "redhat-8.6.0-hvm", Kind.RELEASE, new)

    def _roll_back_golden(self, target: Target) -> Event:
        account_id, region = target.account_id, target.region
        self._publishers.deregister_image(account_id, region, self._current[target, "golden-base"])
        older = self._current[target, "golden-base before"]
        return self._changed(target, "golden-base", Kind.ROLLBACK, older)

    def _golden(self, target: Target, day: str) -> None:
        self._current[target, "golden-base before"] = self._current.get((target, "golden-base"), "")
        self._current[target, "golden-base"] = self._image(
            target,
            f"golden-base-{day}",
            datetime.fromisoformat(f"{day}T00:00:00+00:00"),
            owner_id=GOLDEN_OWNER,
        )

    def _red_hat(self, target: Target, day: str, moment: datetime) -> str:
        name = f"RHEL-8.6.0_HVM-{day}-x86_64-2-Hourly2-GP2"
        new = self._image(target, name, moment, owner_id=RED_HAT, owner_alias="amazon")
        self._current[target, "redhat-8.6.0-hvm"] = new
        return new

    def _image(self, target: Target, name: str, moment: datetime, **settings: str) -> str:
        return self._publishers.register_image(
            target.account_id,
            target.region,
            name,
            moment,
            **settings,  # type: ignore[arg-type]
        )

    def _remember_parameter(self, target: Target, name: str, path: str) -> None:
        account_id, region = target.account_id, target.region
        current = self._current[target, name] = (
            self._publishers.parameter(account_id, region, path) or ""
        )
        self._publishers.set_image_date(account_id, region, current, _FIRST_DAY)

    def _changed(self, target: Target, name: str, kind: Kind, new: str) -> Event:
        previous = self._current[target, name]
        self._current[target, name] = new
        return Event(target.region, target.account_id, name, kind.value, new, previous)


def _target(region: str) -> Target:
    return next(target for target in TARGETS if target.region == region)


def _without_member_account(events: Iterable[Event]) -> list[Event]:
    """The events to expect: the member account has no role yet, so its lookups fail."""
    return [event for event in events if event.account_id != MEMBER_ACCOUNT]
