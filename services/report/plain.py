"""What the template shows without a script: verdict, figures, causes, current images: pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.report.page_data import Cause, ImageEntry, PageData
from services.report.states import words_of
from services.report.texts import (
    at_minute,
    coded,
    counted,
    listed,
    minute_of,
    number,
    sentence,
    shown,
    span,
)


@dataclass(frozen=True, slots=True)
class VerdictText:
    """The verdict in one word, with its tone and mark, and the counts in words."""

    word: str
    tone: str
    glyph: str
    counts: str
    confirmed: str


def verdict(data: PageData) -> VerdictText:
    """The verdict: by the most urgent cause."""
    counts = data["verdict"]
    word, tone, glyph = _judged(data)
    parts = [f"{number(counts['act'])} to act on"] if counts["act"] else []
    parts += [f"{number(counts['watch'])} to watch"] if counts["watch"] else []
    parts += [f"{number(counts['note'])} to know"] if counts["note"] else []
    return VerdictText(
        word,
        tone,
        glyph,
        ", ".join(parts) or ("Nothing needs attention" if data["images"] else ""),
        _confirmed(data),
    )


def _judged(data: PageData) -> tuple[str, str, str]:
    counts = data["verdict"]
    if counts["act"]:
        return "Not healthy", "act", "failing"
    if not data["images"]:
        return "No images", "watch", "unknown"
    if data["round"]["at"] is None:
        return "No round yet", "watch", "unknown"
    if counts["watch"]:
        return "Watch", "watch", "other"
    return "Healthy", "ok", "ok"


def _confirmed(data: PageData) -> str:
    confirmed, pairs = data["verdict"]["confirmed"], data["verdict"]["pairs"]
    if not pairs:
        return "No pair of an image and a region is tracked."
    share = min(confirmed / pairs, 0.999) if confirmed < pairs else 1
    return (
        f"{number(confirmed)} of {counted(pairs, 'pair')} of an image and a region ({share:.1%}) "
        "confirmed in the last round."
    ).replace("100.0%", "100%")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at the top: its name, its value, and what belongs to it."""

    name: str
    value: str
    more: str


def figures(data: PageData) -> list[Figure]:
    """The four figures at the top."""
    found = data["figures"]
    median, p95 = found["spread_median"], found["spread_p95"]
    spread = f"median of {number(found['spread'])} in 30 days"
    if p95 is not None:
        spread += f"; 95% within {span(p95)}"
    waiting, made = found["pending_since"], minute_of(data["made_at"])
    return [
        Figure(
            "Tracked",
            counted(found["images"], "image"),
            f"{counted(found['regions'], 'region')}, {counted(found['accounts'], 'account')}",
        ),
        Figure("Changes in 7 days", number(found["changes"]), "releases and rollbacks"),
        Figure(
            "Time to all regions",
            "unknown" if median is None else span(median),
            "no complete roll-out in 30 days" if median is None else spread,
        ),
        Figure(
            "Not yet announced",
            number(found["pending"]),
            "" if waiting is None else f"oldest {span(made - waiting)}",
        ),
    ]


@dataclass(frozen=True, slots=True)
class CauseText:
    """A row of what needs attention."""

    word: str
    tone: str
    glyph: str
    names: str
    where: list[str]
    age: str
    since: str
    pairs: int
    why: list[tuple[str, bool]]
    todo: list[tuple[str, bool]]
    detail: str
    command: str


_TONES = {"act": "act", "note": "note"}


def causes(data: PageData) -> list[CauseText]:
    """The rows of what needs attention."""
    return [_cause(each, data) for each in data["attention"]]


def _cause(cause: Cause, data: PageData) -> CauseText:
    words = words_of(cause["state"])
    since = cause["since"]
    return CauseText(
        word=words.word,
        tone=words.tone if words.name != "other" else _TONES.get(cause["urgency"], "watch"),
        glyph=words.name,
        names=_names(cause),
        where=_where(cause, data),
        age="" if since is None else span(minute_of(data["made_at"]) - since),
        since=at_minute(since, data["made_at"]),
        pairs=cause["pairs"],
        why=coded(sentence(cause["why"])),
        todo=coded(sentence(cause["todo"])),
        detail=shown(cause["detail"] or ""),
        command=shown(cause["command"]),
    )


def _names(cause: Cause) -> str:
    if cause["whole_targets"]:
        return "All images"
    return listed(cause["names"], 2) or "The deployment"


_FEW_REGIONS = 6


def _where(cause: Cause, data: PageData) -> list[str]:
    """The regions, or how many there are; and the account, where that is not clear."""
    regions = [shown(region) for region in cause["regions"]]
    if len(regions) > 1 and len(regions) == data["figures"]["regions"]:
        regions = [f"all {len(regions)} regions"]
    elif len(regions) > _FEW_REGIONS:
        regions = [f"{len(regions)} regions"]
    if len(cause["accounts"]) == 1 and data["figures"]["accounts"] > 1:
        regions.append(f"account {shown(cause['accounts'][0])}")
    return [*(f"{text}," for text in regions[:-1]), *regions[-1:]]


# --- the current images


@dataclass(frozen=True, slots=True)
class ImageText:
    """An image: its newest release, since when, in how many targets, and the other targets."""

    name: str
    release: str
    first: str
    have: str
    other: str


@dataclass(frozen=True, slots=True)
class FamilyText:
    """A family and its images."""

    name: str
    images: list[ImageText]


def current(data: PageData) -> list[FamilyText]:
    """The images by family, in the order of the data."""
    families: dict[int, list[ImageText]] = {}
    for image in data["images"]:
        families.setdefault(image["family"], []).append(_image(image, data))
    names = dict(enumerate(each["name"] for each in data["families"]))
    return [
        FamilyText(shown(names.get(at, "Other images")), families[at]) for at in sorted(families)
    ]


def _image(image: ImageEntry, data: PageData) -> ImageText:
    newest = image["releases"][0] if image["releases"] else None
    have = sum(place == 0 for place in image["current"])
    first = "" if newest is None else at_minute(newest["at"], data["made_at"])
    return ImageText(
        name=shown(image["name"]),
        release=shown(newest["key"]) if newest else "unknown",
        first=first if newest is None or newest["exact"] else f"before {first}",
        have=f"{have} of {len(image['targets'])}",
        other=_others(image, data),
    )


def _others(image: ImageEntry, data: PageData) -> str:
    """The targets that are not ok, by state: `lagging: eu-west-1; failing: me-south-1`."""
    states: dict[str, list[str]] = {}
    for position, found in image["state"].items():
        target = data["targets"][image["targets"][int(position)]]
        word = words_of(data["states"][found[0]]).word.lower()
        states.setdefault(word, []).append(target["region"])
    return "; ".join(f"{word}: {listed(regions, 4)}" for word, regions in states.items())
