"""`index.json`: its content, its schema, and entries of pairs that could not be read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.builders.feed import (
    NAME,
    TOKYO,
    a_history,
    a_step,
    an_overview,
    image_id,
    of_releases,
    with_pair,
)

from services.feed.files import feed
from services.feed.pairs import obsolete
from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.kernel.model import State

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "schemas" / "feed-index.schema.json").read_text("utf-8")
)
PATH = f"111122223333/eu-west-1/{NAME}.json"


def index(overview: Overview, earlier: str | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return the content of the file, which its schema accepts."""
    found = json.loads(feed(overview, earlier)["index.json"])
    jsonschema.Draft7Validator(SCHEMA).validate(found)
    return found


def entry(seen: ImageInTarget) -> dict[str, Any]:
    """Return the entry of a pair; the schema describes every key of it."""
    found: dict[str, Any] = index(an_overview(seen))["images"][NAME]["111122223333"]["eu-west-1"]
    assert found.keys() - SCHEMA["definitions"]["pair"]["properties"].keys() == set()
    return found


def test_the_schema_is_valid() -> None:
    """It is a JSON Schema, and describes every key."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    described = [
        *SCHEMA["properties"].values(),
        *SCHEMA["definitions"]["pair"]["properties"].values(),
    ]

    assert [each for each in described if not each.get("description")] == []


def test_the_entry_of_a_release() -> None:
    """It has what is known of the current image."""
    newest = a_step(
        "B",
        2,
        "release",
        "2.0",
        created="2026-10-30T00:00:00.000Z",
        notes_url="https://example.com/2.0",
        previous="A",
        facts={"deprecation_time": "2026-12-30T00:00:00.000Z"},
    )
    known = replace(newest.observed, deprecation_time=datetime(2026, 11, 5, tzinfo=UTC))
    seen = with_pair(of_releases(a_step("A", 1, "baseline", "1.0"), newest), known=known)

    assert entry(seen) == {
        "state": "ok",
        "file": PATH,
        "image_id": image_id("B"),
        "ami_name": "al2023-B",
        "creation_date": "2026-10-30T00:00:00.000Z",
        "release": "2.0",
        "kind": "release",
        "since": "2026-11-02T07:00:00.000Z",
        "previous_image_id": image_id("A"),
        "notes_url": "https://example.com/2.0",
        "deprecation_time": "2026-11-05T00:00:00.000Z",
        "deprecated": True,
    }


def test_a_rollback_is_current_since_the_return() -> None:
    """`since` is when the image became current again."""
    found = entry(a_history("A:baseline:1", "B:release:2", "A:rollback:1"))

    assert [found[key] for key in ("image_id", "kind", "since")] == [
        image_id("A"),
        "rollback",
        "2026-11-03T07:00:00.000Z",
    ]


def test_an_image_that_was_never_found() -> None:
    """It has a state and nothing else."""
    never = with_pair(a_history(), state=None)

    assert entry(never) == {"state": "never_looked_up", "file": PATH}


@pytest.mark.parametrize(
    ("state", "code", "stale", "expected"),
    [
        (State.OK, None, False, "ok"),
        (State.OK, None, True, "stale"),
        (State.NOT_LAUNCHABLE, "Withdrawn", False, "withdrawn"),
        (State.NOT_LAUNCHABLE, "NotVisible", False, "not_launchable"),
        (State.ACCESS_DENIED, "AccessDenied", False, "access_denied"),
    ],
)
def test_states(state: State, code: str | None, stale: bool, expected: str) -> None:  # noqa: FBT001 - a value of the table
    """The last known image stays, and the state says how certain it is."""
    seen = replace(with_pair(a_history("A:baseline:1"), state=state, code=code), stale=stale)
    found = entry(seen)

    assert (found["state"], found["image_id"]) == (expected, image_id("A"))


def test_a_damaged_release_row() -> None:
    """The image row has the id of the current image; the rest is unknown."""
    seen = a_history("A:baseline:1", "B:release:2")
    damaged = replace(seen, releases=seen.releases[1:], problems=("row 2 is damaged",))

    assert entry(damaged) == {
        "state": "damaged",
        "file": PATH,
        "image_id": image_id("B"),
        "ami_name": "al2023-B",
    }
    assert PATH not in feed(an_overview(damaged))


def test_text_from_outside_is_visible() -> None:
    """Control characters and surrogates, which some readers of JSON refuse, are replaced."""
    found = entry(of_releases(a_step("A", ami_name="a\x00\ud800\n" + "x" * 500)))

    assert found["ami_name"] == "a\ufffd\ufffd\ufffd" + "x" * 196 + "..."


# --- pairs that could not be read


def test_an_entry_of_a_region_that_was_not_read_stays() -> None:
    """An image row that cannot be decoded takes no entry away."""
    before = an_overview(a_history("A:baseline:1"), a_history("A:baseline:1", target=TOKYO))
    earlier = feed(before)["index.json"]
    after = an_overview(
        a_history("A:baseline:1"), unreadable={TOKYO.region: "row image#... is damaged"}
    )

    kept = index(after, earlier)["images"][NAME]["111122223333"]
    assert kept[TOKYO.region]["image_id"] == image_id("A")
    assert kept[TOKYO.region]["state"] == "damaged"
    assert kept["eu-west-1"]["state"] == "ok"
    assert feed(after, feed(after, earlier)["index.json"]) == feed(after, earlier)


def test_an_entry_of_a_pair_that_is_no_longer_tracked_does_not_stay() -> None:
    """The region was read, and has no such pair."""
    before = an_overview(a_history("A:baseline:1"), a_history("A:baseline:1", target=TOKYO))
    after = an_overview(a_history("A:baseline:1"))

    assert index(after, feed(before)["index.json"]) == index(after)


def an_index(name: str, regions: object, schema: int = 1) -> str:
    """Return the text of a file with one image."""
    images = {name: {"111122223333": regions}}
    return json.dumps({"schema": schema, "generator": "ami-tracker", "images": images})


@pytest.mark.parametrize(
    "earlier",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        an_index("a", {"eu-west-1": {}}, schema=2),
        an_index("../a", {"eu-west-1": {}}),
        an_index("a", {"eu-west-1": []}),
        an_index("a", 1),
    ],
)
def test_an_earlier_file_of_another_form_is_ignored(earlier: str) -> None:
    """It does not stop the feed, and nothing of it is taken."""
    overview = an_overview(a_history("A:baseline:1"), unreadable={"eu-west-1": "damaged"})

    assert index(overview, earlier) == index(overview)


# --- files that are obsolete


GONE = "111122223333/eu-west-1/gone.json"
OTHERS = (
    "README.md",
    "index.json",
    "../111122223333/eu-west-1/gone.json",
    "111122223333/eu-west-1/gone.txt",
    "111122223333/eu-west-1/a/gone.json",
    "1111/eu-west-1/gone.json",
    "111122223333/eu-west-1/.json",
)


def test_the_file_of_a_pair_that_is_no_longer_tracked_is_obsolete() -> None:
    """Files of tracked pairs, and files of others, are not."""
    overview = an_overview(a_history("A:baseline:1"))

    assert obsolete(overview, [PATH, GONE, *OTHERS]) == (GONE,)


def test_the_file_of_a_removed_region_is_obsolete() -> None:
    """All regions of the deployment were read, and the region is none of them."""
    overview = an_overview(a_history("A:baseline:1"))
    path = GONE.replace("eu-west-1", "us-east-1")

    assert obsolete(overview, [path]) == (path,)


@pytest.mark.parametrize("why", ["unreadable", "cut", "not read", "no answer", "damaged release"])
def test_no_file_of_a_region_that_was_not_read_is_obsolete(why: str) -> None:
    """Whether its pairs are tracked is unknown."""
    seen = a_history("A:baseline:1", "B:release:2")
    overview = an_overview(seen, unreadable={"eu-west-1": "damaged"} if why == "unreadable" else {})
    snapshot, (region,) = overview.snapshot, overview.snapshot.regions
    path = GONE
    if why == "cut":
        cut = replace(region, images=replace(region.images, complete=False))
        snapshot = replace(snapshot, regions=(cut,))
    if why == "not read":
        path, snapshot = GONE.replace("eu-west-1", "x-y-1"), replace(snapshot, every_region=False)
    if why == "no answer":
        path = GONE.replace("eu-west-1", "us-east-1")
        regions = frozenset({"eu-west-1", "us-east-1"})
        snapshot = replace(snapshot, note=replace(snapshot.note, regions=regions))
    if why == "damaged release":
        overview = an_overview(replace(seen, releases=seen.releases[1:]))
        path, snapshot = PATH, overview.snapshot

    assert obsolete(replace(overview, snapshot=snapshot), [path]) == ()


def test_nothing_is_obsolete_if_nothing_is_tracked() -> None:
    """An empty table is probably the wrong one."""
    assert obsolete(an_overview(), [GONE]) == ()


def test_the_release_version_of_node_groups() -> None:
    """The fact of EKS is a key of the entry, unless it is not a version."""
    facts = {"release_version": "1.34.2-20261015"}
    found = [
        entry(of_releases(a_step("A", facts=each))) for each in (facts, {"release_version": "x"})
    ]

    assert [each.get("release_version") for each in found] == ["1.34.2-20261015", None]
