"""The data of the page in fewer characters: pure.

`assets/expand.js` restores the data. Equal texts, states and facts are in it once, values that are
usual are left out, and what follows from other values is not in it:

* `names`: a release key and its short text; `words`: a text as the part before a release key and
  the part after it, or the whole text if it does not contain the key; `cells`: states of pairs;
  `pairs`: names and values of facts.
* A release is a list: the place of its key in `names`, that of its AMI name in `words`, `at`, and
  `lag` as numbers of base 36, joined by commas, empty for None. What is unusual follows as an
  object. `until` has only the times that are not those of the next release of the target.
* `targets` of an image are left out if they are all targets, `current` if it is 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from services.kernel.model import Fact
from services.report.indexes import Places
from services.report.page_data import ImageEntry, PageData, ReleaseEntry

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def compact(data: PageData) -> dict[str, Any]:
    """The data in fewer characters, for JSON."""
    return _Compact(len(data["targets"])).data(data)


def _base36(number: int | None) -> str:
    if number is None:
        return ""
    digits = ""
    while number >= len(_DIGITS):
        number, last = divmod(number, len(_DIGITS))
        digits = _DIGITS[last] + digits
    return _DIGITS[number] + digits


class _Compact:
    """The lists of values that are in the data once."""

    def __init__(self, targets: int) -> None:
        self._all_targets = list(range(targets))
        self._names = Places[tuple[str, str]]()
        self._words = Places[tuple[str, ...]]()
        self._cells = Places[tuple[int | str | None, ...]]()
        self._pairs = Places[tuple[str, type, Fact]]()

    def data(self, data: PageData) -> dict[str, Any]:
        images = [self._image(image) for image in data["images"]]
        return {
            **data,
            "names": self._names.all(),
            "words": self._words.all(),
            "cells": self._cells.all(),
            "pairs": [[name, value] for name, _, value in self._pairs.all()],
            "images": images,
        }

    def _image(self, image: ImageEntry) -> dict[str, Any]:
        found: dict[str, Any] = {**image}
        found["state"] = {at: self._cells.of(tuple(s)) for at, s in image["state"].items()}
        if image["targets"] == self._all_targets:
            del found["targets"]
        if not any(place != 0 for place in image["current"]):
            del found["current"]
        later = _until(image["releases"])
        found["releases"] = [
            self._release(release, until)
            for release, until in zip(image["releases"], later, strict=True)
        ]
        return found

    def _release(self, release: ReleaseEntry, until: Sequence[int | None]) -> list[Any]:
        key = release["key"]
        row = [
            self._names.of((key, release["short"])),
            self._words.of(_around(release["ami"], key)),
            release["at"],
            ",".join(map(_base36, release["lag"])).rstrip(","),
        ]
        more = self._more(release)
        if release["until"] != until:
            pairs = enumerate(zip(release["until"], until, strict=True))
            more["until"] = {str(at): value for at, (value, usual) in pairs if value != usual}
        return [*row, more] if more else row

    def _more(self, release: ReleaseEntry) -> dict[str, Any]:
        """What is unusual about a release."""
        more: dict[str, Any] = {n: release[n] for n in ("kinds", "ids") if n in release}
        usual = {"kind": "release", "exact": True, "state": "complete"}
        more |= {n: release[n] for n, value in usual.items() if release[n] != value}  # type: ignore[literal-required]
        if "src" in release:
            more["src"] = release["at"] - release["src"]
        if "notes" in release:
            more["notes"] = self._words.of(_around(release["notes"], release["key"]))
        if "facts" in release:
            more["facts"] = self._facts(release["facts"])
        if "was" in release:
            more["was"] = self._facts(release["was"])
        return more

    def _facts(self, facts: Mapping[str, Fact]) -> list[int]:
        return [self._pairs.of((name, type(value), value)) for name, value in facts.items()]


def _around(text: str, key: str) -> tuple[str, ...]:
    """The parts of a text before and after the key; the text if the key is not in it."""
    before, found, after = text.partition(key) if key else (text, "", "")
    return (before, after) if found else (text,)


def _until(releases: Sequence[ReleaseEntry]) -> list[list[int | None]]:
    """`until` of each release if it ends when the next one of the target begins."""
    usual = [list[int | None]([None] * len(release["lag"])) for release in releases]
    for position in range(len(releases[0]["lag"]) if releases else 0):
        times = [
            (release["at"] + lag, -place)
            for place, release in enumerate(releases)
            if (lag := release["lag"][position]) is not None
        ]
        times.sort()
        for (_, place), (later, _) in pairwise(times):
            usual[-place][position] = later - releases[-place]["at"]
    return usual
