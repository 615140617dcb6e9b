"""The data of the page as JSON in an element of HTML: pure."""

from __future__ import annotations

import json

from services.report.page_data import PageData, ReleaseEntry


def embedded(data: PageData) -> str:
    r"""The data as JSON for an element of HTML: ASCII only, with `<`, `>` and `&` as `\u003c`."""
    images = [{**image, "releases": _releases(image["releases"])} for image in data["images"]]
    text = json.dumps({**data, "images": images}, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _releases(releases: list[ReleaseEntry]) -> list[dict[str, object]]:
    """The releases without `until` where the times of the later releases give the same."""
    later: dict[int, int] = {}
    found = []
    for release in releases:
        computed = [
            None if lag is None or position not in later else later[position] - release["at"]
            for position, lag in enumerate(release["lag"])
        ]
        same = computed == release["until"]
        found.append({k: v for k, v in release.items() if k != "until" or not same})
        later |= {
            position: release["at"] + lag
            for position, lag in enumerate(release["lag"])
            if lag is not None
        }
    return found
