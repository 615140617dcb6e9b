"""`releases.atom`: a valid Atom document, with one entry for each image and release."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree as ET

import pytest
from support.atom import problems
from support.builders.feed import (
    IRELAND,
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

NS = {"a": "http://www.w3.org/2005/Atom"}
HOSTILE = "]]></content><script>\x00\x0b\x1b\ud800\ufffe\uffff\u202e&amp;\n<!--"
STORY = ("A:baseline:1", "B:release:2", "A:rollback:1", "C:release:3")


def text_of(*images: ImageInTarget) -> str:
    """Return the file, which is valid."""
    text = feed(an_overview(*images))["releases.atom"]
    assert problems(text) == []
    return text


@dataclass(frozen=True)
class Entry:
    """What a reader shows of an entry."""

    title: str
    updated: str
    id: str
    content: Sequence[str]
    link: str | None


def entries(*images: ImageInTarget) -> list[Entry]:
    """Return the entries of the file."""
    root = ET.fromstring(text_of(*images))  # noqa: S314 - a file of the feed itself
    return [_entry(each) for each in root.findall("a:entry", NS)]


def _entry(found: ET.Element) -> Entry:
    link = found.find("a:link", NS)
    return Entry(
        title=found.findtext("a:title", "", NS),
        updated=found.findtext("a:updated", "", NS),
        id=found.findtext("a:id", "", NS),
        content=found.findtext("a:content", "", NS).split("\n"),
        link=None if link is None else link.get("href"),
    )


def test_one_entry_for_each_release_and_rollback() -> None:
    """Newest first; a baseline is not news."""
    assert [(each.title, each.updated) for each in entries(a_history(*STORY))] == [
        ("al2023: 3", "2026-11-04T07:00:00Z"),
        ("al2023: rollback to 1", "2026-11-03T07:00:00Z"),
        ("al2023: 2", "2026-11-02T07:00:00Z"),
    ]


def test_an_edited_lookup_is_no_news() -> None:
    """The publisher changed nothing."""
    assert entries(a_history("A:baseline:1", "B:reconfigured:2")) == []


def test_the_content_of_an_entry() -> None:
    """It says where, since when, and what changed; the link leads to the notes."""
    release = a_step(
        "B",
        2,
        "release",
        "2.0",
        notes_url="https://example.com/2.0",
        facts={"kernel": "6.2"},
        changed={"kernel": "6.1", "tpm_support": "v2.0"},
    )
    (entry,) = entries(of_releases(a_step("A", 1, "baseline"), release))

    assert entry.link == "https://example.com/2.0"
    assert list(entry.content) == [
        "al2023-B",
        "",
        "Became current:",
        f"2026-11-02T07:00:00Z {image_id('B')} in eu-west-1 of account 111122223333",
        "",
        "What changed:",
        "kernel: 6.1 -> 6.2",
        "tpm_support: v2.0 -> unknown",
    ]


def test_a_release_in_many_targets_is_one_entry() -> None:
    """The first target decides the time and the id; a later one is a line more."""
    late = a_history("A:baseline:1", "X:release:1.5", "B:release:2", target=TOKYO)
    before = entries(a_history("A:baseline:1", "B:release:2"))
    after = entries(a_history("A:baseline:1", "B:release:2"), late)

    (found,) = [each for each in after if each.title == "al2023: 2"]
    assert (found.id, found.updated) == (before[0].id, before[0].updated)
    assert [line.split()[0] for line in found.content if "ami-" in line] == [
        "2026-11-02T07:00:00Z",
        "2026-11-03T07:00:00Z",
    ]


def test_a_release_that_came_back_is_updated() -> None:
    """It is the same entry, and readers show it again."""
    steps = ("A:baseline:1", "B:release:2", "A:rollback:1", "B:release:2")
    newest, _ = entries(a_history(*steps))
    (before,) = entries(a_history(*steps[:2]))

    assert (newest.title, newest.id) == (before.title, before.id)
    assert newest.updated == "2026-11-04T07:00:00Z"


def test_releases_that_cannot_be_joined() -> None:
    """Without a join key each target has an entry of its own."""
    images = [
        of_releases(*(_unjoined(step, target) for step in (1, 2)), target=target)
        for target in (IRELAND, TOKYO)
    ]

    assert len({each.id for each in entries(*images)}) == 4


def _unjoined(step: int, target: Target) -> Release:
    release = a_step("AB"[step - 1], step, target=target)
    return replace(release, about=replace(release.about, join_key=None))


def test_images_with_the_same_release_have_their_own_entries() -> None:
    """The release keys of two images can be equal."""
    images = [a_history("A:baseline:1", "B:release:2", name=name) for name in ("x", "y")]

    assert [each.title for each in entries(*images)] in (["x: 2", "y: 2"], ["y: 2", "x: 2"])


def test_a_pair_that_is_not_tracked_has_no_entries() -> None:
    """Its rows stay in the table."""
    assert entries(with_pair(a_history(*STORY), active=False)) == []


def test_text_from_outside_cannot_damage_the_file() -> None:
    """Characters that XML does not allow are replaced, and markup is escaped."""
    step = a_step(
        "B", 1, ami_name=HOSTILE, facts={HOSTILE: HOSTILE}, changed={HOSTILE: 1}, notes_url=HOSTILE
    )
    (entry,) = entries(of_releases(step))
    shown = "]]></content><script>" + "\ufffd" * 7 + "&amp;\ufffd<!--"

    assert entry.title == f"al2023: {shown}"
    assert list(entry.content)[-1] == f"{shown}: 1 -> {shown}"
    assert entry.link is None


def test_the_file_is_bounded() -> None:
    """It has the newest 200 entries, and 100 targets of each."""
    images = [
        a_history(
            *(f"{chr(65 + n)}:release:{n}" for n in range(10)),
            name=f"image-{number:02}",
            target=Target("111122223333", f"eu-west-{number % 4 + 1}"),
        )
        for number in range(30)
    ]
    found = entries(*images)

    assert len(found) == 200
    assert min(each.updated for each in found) == "2026-11-04T07:00:00Z"


def test_an_entry_of_many_targets_is_bounded() -> None:
    """The number of targets that are left out is said."""
    images = [
        a_history("B:release:2", target=Target(f"{account:012}", "eu-west-1"))
        for account in range(103)
    ]
    (entry,) = entries(*images)

    assert [line for line in entry.content if "more" in line] == ["and 3 more"]


def test_a_feed_without_releases_is_valid() -> None:
    """It has a time all the same."""
    assert "<updated>1970-01-01T00:00:00Z</updated>" in text_of(a_history("A:baseline:1"))


# --- the validation detects mistakes


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("<id>urn:uuid:5b", "<id>5b"),
        ("<title>AMI releases</title>", ""),
        ("<author>.*?</author>", ""),
        ("<updated>[^<]*</updated>\n  <author>", "<updated>today</updated><author>"),
        ("T07:00:00Z</updated>", " 07:00:00Z</updated>"),
        ('term="release"', 'name="release"'),
        ("<entry>", "<item>"),
        ("<link rel", "<link rel='alternate' href='https://example.com/x'/><link rel"),
        ('href="https:', 'href="'),
        ('<content type="text">', '<content type="text"><b/>'),
        ("2026-11-02T07:00:00Z</published>", "2026-12-02T07:00:00Z</published>"),
        ("<title>al2023: [^<]*", "<title>"),
        ("al2023-B", "\x00"),
        ("(<entry>.*</entry>)", r"\1\1"),
        ("</feed>", "<title>x</title></feed>"),
    ],
)
def test_a_damaged_file_is_not_valid(pattern: str, replacement: str) -> None:
    """Each of these changes makes the document invalid."""
    release = a_step("B", 2, notes_url="https://example.com/2.0")
    text = text_of(of_releases(a_step("A", 1, "baseline"), release))
    damaged, count = re.subn(pattern, replacement, text, flags=re.DOTALL)

    assert count
    assert problems(damaged) != []
