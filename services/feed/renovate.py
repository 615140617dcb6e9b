"""The file of an image in a target, in the form of Renovate's datasource `custom`."""

from __future__ import annotations

from collections.abc import Iterator

from services.feed.listing import Listed
from services.feed.pairs import TrackedPair
from services.feed.text import GENERATOR, SCHEMA, code, json_text, safe_link, visible
from services.feed.versions import node_version
from services.kernel.model import Release, Target
from services.kernel.wire import timestamp

_MOST_FACTS = 20
_FACT_NAME = 60


def renovate_file(pair: TrackedPair, releases: tuple[Listed, ...]) -> str:
    """The text of the file."""
    found = [_release(pair, each) for each in releases]
    return json_text({**marker(pair.name, pair.target), "releases": found})


def marker(name: str, target: Target) -> dict[str, object]:
    """What a file says about itself; Renovate ignores it."""
    return {
        "schema": SCHEMA,
        "generator": GENERATOR,
        "image_name": name,
        "account_id": target.account_id,
        "region": target.region,
    }


def _release(pair: TrackedPair, each: Listed) -> dict[str, str | bool]:
    url = safe_link(each.last.about.notes_url)
    node_group = node_version(each.last)
    return {
        "version": each.version,
        "digest": each.last.observed.image_id,
        "releaseTimestamp": timestamp(each.since),
        "changelogContent": "\n".join(_changelog(each.first)),
        **({"changelogUrl": url} if url else {}),
        **({"release_version": node_group} if node_group else {}),
        **({"isDeprecated": True} if pair.is_deprecated(each.last) else {}),
    }


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
    after = release.about.facts.get(name)
    return "is now unknown" if after is None else f"is now {code(after)}"
