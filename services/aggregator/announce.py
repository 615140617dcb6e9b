"""Pure functions for the announcement of a release, in the `v1` format.

Body and attributes depend only on the release row, so every copy is identical byte for byte.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from services.kernel.errors import MalformedError
from services.kernel.keys import LAST_VERSION
from services.kernel.model import Kind, Release
from services.kernel.wire import timestamp

SUBJECT_LIMIT = 99  # sns:Publish, Subject: less than 100 characters, printable ASCII
_ATTRIBUTE_LIMIT = 256  # our limit: text from outside must not fill the 256 KiB of a message

_MESSAGES = {
    Kind.BASELINE: (
        "The {name} is now being watched. "
        "These AMIs are the current ones; later changes will be announced."
    ),
    Kind.RELEASE: (
        "A new version of the {name} has been released. "
        "You are now able to launch new EC2 instances from these AMIs."
    ),
    Kind.ROLLBACK: (
        "The {name} has been rolled back to an earlier version by its publisher. "
        "New EC2 instances should be launched from these AMIs again."
    ),
    Kind.RECONFIGURED: (
        "The lookup of the {name} has been changed in the tracker's configuration, "
        "and these AMIs answer it now. This is not a new release by the publisher."
    ),
}
_SUBJECTS = {
    Kind.BASELINE: "AMI watched",
    Kind.RELEASE: "AMI released",
    Kind.ROLLBACK: "AMI rolled back",
    Kind.RECONFIGURED: "AMI lookup changed",
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """The SNS message of a release; numbers in `attributes` become SNS Numbers."""

    event_id: str
    image_name: str
    subject: str
    body: str
    attributes: dict[str, str | int]


def announcement(release: Release) -> Announcement:
    """The announcement of a release.

    Raises:
        MalformedError: the release has a value that SNS does not accept, so it is damaged.
    """
    _check(release)
    subject = f"{_SUBJECTS[release.kind]}: {release.target.region} {release.image_name}"
    return Announcement(
        event_id=release.event_id,
        image_name=release.image_name,
        subject=subject[:SUBJECT_LIMIT],
        body=_body(release),
        attributes=_attributes(release),
    )


def _check(release: Release) -> None:
    what = f"release {release.version} of {release.image_name!r} in {release.target}"
    if not 1 <= release.version <= LAST_VERSION:
        raise MalformedError(what, f"its version is not between 1 and {LAST_VERSION}")
    texts = {
        "image_name": release.image_name,
        "region": release.target.region,
        "account_id": release.target.account_id,
        "image_id": release.observed.image_id,
        "previous_image_id": release.previous_image_id or "-",
    }
    for name, text in texts.items():
        if not (text.isascii() and text.isprintable() and 0 < len(text) <= _ATTRIBUTE_LIMIT):
            raise MalformedError(
                what, f"{name} is not 1 to {_ATTRIBUTE_LIMIT} printable characters"
            )


def _body(release: Release) -> str:
    event = {
        "v1": {
            "Message": _MESSAGES[release.kind].format(name=release.image_name),
            "image": {"image_name": release.image_name, "image_id": release.observed.image_id},
            "region": release.target.region,
        }
    }
    return json.dumps(event, ensure_ascii=True)


def _attributes(release: Release) -> dict[str, str | int]:
    """At most ten attributes: SQS drops a raw message that has more."""
    attributes: dict[str, str | int | None] = {
        "event_id": release.event_id,
        "kind": release.kind.value,
        "image_name": release.image_name,
        "region": release.target.region,
        "account_id": release.target.account_id,
        "previous_image_id": release.previous_image_id,
        "version": release.version,
        "ami_name": _clean(release.observed.ami_name),
        "detected_at": timestamp(release.detected_at),
        "release": _clean(release.about.release),
    }
    return {name: value for name, value in attributes.items() if value not in {None, ""}}


def _clean(text: str | None) -> str | None:
    """Text from outside in a form that SNS accepts: printable characters, capped."""
    return "".join(c for c in text if c.isprintable())[:_ATTRIBUTE_LIMIT] if text else None


def waves(releases: Iterable[Release]) -> list[list[Release]]:
    """Groups of releases with at most one release per image, each image's versions in order.

    Each group is published completely before the next, so the events of an image stay in order.
    """
    by_image: dict[str, list[Release]] = defaultdict(list)
    for release in sorted(releases, key=lambda r: (r.image_name, r.version)):
        by_image[release.image_name].append(release)
    longest = max((len(versions) for versions in by_image.values()), default=0)
    return [[v[n] for v in by_image.values() if len(v) > n] for n in range(longest)]
