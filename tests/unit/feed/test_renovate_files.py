"""The files in the form of Renovate's datasource `custom`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.builders.feed import (
    IRELAND,
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
from services.history.observed import ImageInTarget
from services.kernel.model import Release, Target

PATH = f"111122223333/eu-west-1/{NAME}.json"
HOSTILE = "`x` [a](javascript:1) <script> @team #1 \x1b[31m\n# h \u202e ``` $(id) {{x}}"


def the_file(seen: ImageInTarget) -> dict[str, Any]:
    """Return the content of a pair's file."""
    found: dict[str, Any] = json.loads(feed(an_overview(seen))[PATH])
    return found


def the_release(release: Release) -> dict[str, Any]:
    """Return the only release of a file."""
    (found,) = the_file(of_releases(release))["releases"]
    return dict(found)


def test_the_file_of_an_image() -> None:
    """It has the keys of Renovate's schema, and says which pair it is of."""
    seen = of_releases(
        a_step("A", 1, "baseline", "20261015"),
        a_step(
            "B",
            2,
            "release",
            "20261101",
            notes_url="https://example.com/20261101",
            facts={"kernel": "6.2", "imds_support": True},
            changed={"kernel": "6.1", "imds_support": False, "tpm_support": "v2.0"},
        ),
    )

    assert the_file(seen) == {
        "schema": 1,
        "generator": "ami-tracker",
        "image_name": NAME,
        "account_id": "111122223333",
        "region": "eu-west-1",
        "releases": [
            {
                "version": "20261015",
                "digest": image_id("A"),
                "releaseTimestamp": "2026-11-01T07:00:00.000Z",
                "changelogContent": "`al2023-A` became current in eu-west-1 of account "
                "111122223333 on 2026-11-01 07:00 UTC.",
            },
            {
                "version": "20261101",
                "digest": image_id("B"),
                "releaseTimestamp": "2026-11-02T07:00:00.000Z",
                "changelogUrl": "https://example.com/20261101",
                "changelogContent": "`al2023-B` became current in eu-west-1 of account "
                "111122223333 on 2026-11-02 07:00 UTC.\n"
                "\nWhat changed:\n\n"
                "* `imds_support`: was `false`, is now `true`\n"
                "* `kernel`: was `6.1`, is now `6.2`\n"
                "* `tpm_support`: was `v2.0`, is now unknown",
            },
        ],
    }


def test_foreign_text_has_no_effect_in_markdown() -> None:
    """Names and values are code, in which nothing is interpreted, and each is one line."""
    release = a_step("A", ami_name=HOSTILE, facts={HOSTILE: HOSTILE}, changed={HOSTILE: HOSTILE})
    lines = the_release(release)["changelogContent"].split("\n")

    shown = "'x' [a](javascript:1) <script> @team #1 \ufffd[31m\ufffd# h \ufffd ''' $(id) {{x}}"
    assert lines[0].startswith(f"`{shown}` became current")
    assert lines[1:-1] == ["", "What changed:", ""]
    assert lines[-1] == f"* `{shown[:60]}...`: was `{shown}`, is now `{shown}`"


def test_what_changed_is_bounded() -> None:
    """At most 20 facts of at most 200 characters are in a file."""
    facts = {f"fact{number:02}": "x" * 10_000 for number in range(50)}
    content = the_release(a_step("A", facts=facts, changed=facts))["changelogContent"]

    assert content.count("\n* ") == 21
    assert content.endswith("\n* and 30 more")
    assert len(content) < 10_000


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a(1)'", "https://example.com/a%281%29%27"),
        ("javascript:alert(1)", None),
        ("https://example.com/ x", None),
        ('https://example.com/"><script>', None),
        ("https://example.com/\u202e", None),
        ("https://example.com/" + "x" * 300, None),
        (None, None),
    ],
)
def test_links_to_notes(url: str | None, expected: str | None) -> None:
    """Only a link that cannot be misunderstood is in a file."""
    assert the_release(a_step("A", notes_url=url)).get("changelogUrl") == expected


@pytest.mark.parametrize(
    ("deprecated_at", "expected"),
    [("2026-11-29T07:00:00.000Z", True), ("2026-11-29T07:00:01.000Z", None), ("soon", None)],
)
def test_a_deprecated_image(deprecated_at: str, expected: bool | None) -> None:  # noqa: FBT001 - a value of the table
    """An image is deprecated if its time has passed at the scheduled time of the last round."""
    step = a_step("A", facts={"deprecation_time": deprecated_at})
    seen = of_releases(step, a_step("B", 2))
    oldest, _ = the_file(seen)["releases"]

    assert oldest.get("isDeprecated") == expected


def test_the_deprecation_time_of_the_known_image_is_the_one_last_seen() -> None:
    """The owner of an image can change the time after the release."""
    step = a_step("A", facts={"deprecation_time": "2020-01-01T00:00:00Z"})
    passed = replace(step.observed, deprecation_time=datetime(2026, 11, 1, tzinfo=UTC))

    now, then = of_releases(step), with_pair(of_releases(step), known=passed)
    assert "isDeprecated" not in the_file(now)["releases"][0]
    assert the_file(then)["releases"][0]["isDeprecated"] is True


def test_every_tracked_pair_has_a_file() -> None:
    """An image without any release has one without releases; an inactive pair has none."""
    here, there = a_history(), a_history("A:baseline:1", target=TOKYO)

    found = feed(an_overview(here, with_pair(there, active=False)))

    assert [path for path in found if path.count("/") == 2] == [PATH]
    assert json.loads(found[PATH])["releases"] == []


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("../../etc/passwd", IRELAND),
        ("a/b", IRELAND),
        ("", IRELAND),
        (".git", IRELAND),
        ("a\n", IRELAND),
        ("x" * 129, IRELAND),
        (NAME, Target("..", "eu-west-1")),
        (NAME, Target("111122223333", "../x")),
    ],
)
def test_names_of_which_no_path_can_be_made(name: str, target: Target) -> None:
    """The configuration accepts no such names, so such a row is damaged: it has no file."""
    seen = of_releases(a_step("A", name=name, target=target), name=name, target=target)

    assert [path for path in feed(an_overview(seen)) if "/" in path] == []


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("1.34.2-20261015", "1.34.2-20261015"),
        ('1.34"\n}', None),
        ("latest", None),
        (1, None),
    ],
)
def test_release_version_of_node_groups(fact: str | int, expected: str | None) -> None:
    """The fact is a key of the release, unless it has characters with an effect in a file."""
    found = the_release(a_step("A", facts={"release_version": fact}))

    assert found.get("release_version") == expected
