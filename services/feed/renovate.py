"""The file of an image in a target, in the form of Renovate's datasource `custom`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from services.feed.listing import Listed
from services.feed.text import code, json_text, moment_of, safe_link, visible
from services.history.observed import ImageInTarget
from services.kernel.model import Fact, Release, Target
from services.kernel.wire import timestamp

GENERATOR = "ami-tracker"
SCHEMA = 1
_MOST_FACTS = 20
_FACT_NAME = 60


def renovate_file(
    name: str, seen: ImageInTarget, releases: tuple[Listed, ...], judged_at: datetime | None
) -> str:
    """The text of the file. `judged_at` is the time at which an image is deprecated or not."""
    return json_text(
        {
            **marker(name, seen.target),
            "releases": [_release(seen, each, judged_at) for each in releases],
        }
    )


def marker(name: str, target: Target) -> dict[str, object]:
    """What a file says about itself; Renovate ignores it."""
    return {
        "schema": SCHEMA,
        "generator": GENERATOR,
        "image_name": name,
        "account_id": target.account_id,
        "region": target.region,
    }


def _release(
    seen: ImageInTarget, each: Listed, judged_at: datetime | None
) -> dict[str, str | bool]:
    url = safe_link(each.last.about.notes_url)
    until = deprecation_time(seen, each.last)
    deprecated = judged_at is not None and until is not None and until <= judged_at
    return {
        "version": each.version,
        "digest": each.last.observed.image_id,
        "releaseTimestamp": timestamp(each.since),
        "changelogContent": "\n".join(_changelog(each.first)),
        **({"changelogUrl": url} if url else {}),
        **({"isDeprecated": True} if deprecated else {}),
    }


def deprecation_time(seen: ImageInTarget, release: Release) -> datetime | None:
    """When the image becomes deprecated: as last seen if it is the known one, else as committed."""
    known = seen.pair.known if seen.pair else None
    if known is not None and known.image_id == release.observed.image_id:
        return known.deprecation_time
    found = release.about.facts.get("deprecation_time")
    return moment_of(found) if isinstance(found, str) else None


def _changelog(release: Release) -> Iterator[str]:
    """What changed, in Markdown; foreign text is in code only."""
    label = code(release.observed.ami_name or release.observed.image_id)
    yield f"{label} became current in {release.target} on {release.detected_at:%Y-%m-%d %H:%M} UTC."
    changed = sorted(release.about.changed.items())
    if changed:
        yield "\nWhat changed:\n"
    for name, before in changed[:_MOST_FACTS]:
        yield f"* {code(visible(name, _FACT_NAME))}: was {code(before)}, {_now(release, name)}"
    if len(changed) > _MOST_FACTS:
        yield f"* and {len(changed) - _MOST_FACTS} more"


def _now(release: Release, name: str) -> str:
    after: Fact | None = release.about.facts.get(name)
    return "is now unknown" if after is None else f"is now {code(after)}"
