"""Builds data of the report page: every state, any number of images, the same data each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast
from zlib import crc32

from services.report.page_data import STATES, Cause, ImageEntry, PageData, ReleaseEntry, TargetEntry

MADE = datetime(2026, 11, 28, 15, 2, tzinfo=UTC)
ACCOUNT, SECOND = "111122223333", "444455556666"
LAG_HOURS = 72.0
HOURS = 60
DAYS = 24 * HOURS

GEOGRAPHIES = ["Americas", "Europe", "Middle East and Africa", "Asia Pacific"]
_PLACES = {
    0: "us-east-1 Virginia,us-east-2 Ohio,us-west-1 California,us-west-2 Oregon,"
    "ca-central-1 Montreal,ca-west-1 Calgary,mx-central-1 Querétaro,sa-east-1 São Paulo",
    1: "eu-central-1 Frankfurt,eu-central-2 Zurich,eu-north-1 Stockholm,eu-south-1 Milan,"
    "eu-south-2 Spain,eu-west-1 Ireland,eu-west-2 London,eu-west-3 Paris",
    2: "af-south-1 Cape Town,il-central-1 Tel Aviv,me-central-1 UAE,me-south-1 Bahrain",
    3: "ap-east-1 Hong Kong,ap-east-2 Taipei,ap-northeast-1 Tokyo,ap-northeast-2 Seoul,"
    "ap-northeast-3 Osaka,ap-south-1 Mumbai,ap-south-2 Hyderabad,ap-southeast-1 Singapore,"
    "ap-southeast-2 Sydney,ap-southeast-3 Jakarta,ap-southeast-4 Melbourne,"
    "ap-southeast-5 Malaysia,ap-southeast-6 New Zealand,ap-southeast-7 Thailand",
}
_FAMILIES = (
    "eks-al2023",
    "bottlerocket",
    "amazon-linux",
    "ubuntu",
    "windows",
    "rhel",
    "debian",
    "golden",
)
_DETAILS = [
    "AccessDenied: User arn:aws:sts::111122223333:assumed-role/lookup may not sts:AssumeRole",
    "The name filter matches no image",
    "The value is “TBD”",
]
_ADVICE = [
    ("the account denies the lookups", "check that the account has the read role"),
    ("no lookup had a final result in two windows", "check the alarm requests-waiting"),
    ("the lookup has never found an image in any target", "correct the entry"),
    ("the known image was deregistered, disabled or made private", "choose another image"),
    ("a region does not have the newest release yet", "pin the previous release or wait"),
    ("the topic's key cannot be used", "allow kms:GenerateDataKey to the publish role"),
    ("the publisher went back to an earlier release", "replace what was launched since"),
    ("the deprecation time of the current image has passed", "plan to change to another image"),
    ("no lookup has ended yet", "wait for the first round"),
]
_WHOLE = {"me-south-1": ("failing", 0, 0), "il-central-1": ("stale", None, 1)}


def minutes(moment: datetime) -> int:
    """A time as the data has it."""
    return int(moment.timestamp()) // 60


NOW = minutes(MADE)


def _draw(limit: int, *parts: object) -> int:
    return crc32(repr(parts).encode()) % limit


def targets(count: int = 34) -> list[TargetEntry]:
    """The regions in the order of their geographies; from 34 on with a second account in one."""
    found = [
        TargetEntry(region=region, place=place, geo=geo, account=ACCOUNT)
        for geo, names in _PLACES.items()
        for region, _, place in (name.partition(" ") for name in names.split(","))
    ]
    if count > len(found):
        found.insert(
            14, found[13] | TargetEntry(region="eu-west-1", place="Ireland", geo=1, account=SECOND)
        )
    return found[:count]


def release(key: str, days: float, lag: list[int | None], **more: object) -> ReleaseEntry:
    """A release that the first target had `days` before the page was made."""
    found = {
        "key": key,
        "short": key[-4:] if key.startswith("v") else key,
        "ami": f"amazon-eks-node-al2023-x86_64-standard-1.36-{key}",
        "kind": "release",
        "at": NOW - int(days * DAYS),
        "exact": True,
        "state": "complete",
        "lag": lag,
        "until": [None] * len(lag),
    }
    return cast("ReleaseEntry", found | more)


def _lags(count: int, *parts: object) -> list[int | None]:
    lags: list[int | None] = [_draw(30, *parts, at) ** 2 * 3 // 2 for at in range(count)]
    lags[_draw(count, *parts)] = 0
    return lags


def _ids(count: int, *parts: object) -> str:
    return ",".join(
        f"0{crc32(repr((*parts, at)).encode()):08x}{crc32(repr((at, *parts)).encode()):08x}"
        for at in range(count)
    )


def _history(name: str, count: int, releases: int) -> list[ReleaseEntry]:
    found: list[ReleaseEntry] = []
    for at in range(releases):
        days = 3.9 + 7 * at + _draw(20, name.rpartition("-")[0], at) / 10
        moment = MADE - timedelta(days=days)
        key = f"v{moment:%Y%m%d}"
        each = release(key, days, _lags(count, name, at), src=NOW - int(days * DAYS) - 9)
        each["notes"] = f"https://github.com/awslabs/amazon-eks-ami/releases/tag/{key}"
        each["facts"] = {"release_version": f"1.36.{9 - at}-{key[1:]}", "kernel": f"6.12.{58 - at}"}
        each["was"] = {"release_version": f"1.36.{8 - at}", "kernel": f"6.12.{57 - at}"}
        if at < 2:
            each["ids"] = _ids(count, name, at)
            each["facts"] |= {"root_size_gib": 20, "ena": True, "owner_id": "602401143452"}
        found.append(each)
    found[-1] |= {"kind": "baseline", "exact": False}
    found[-1]["state"] = "superseded" if releases > 1 else "complete"
    return found


def set_until(image: ImageEntry) -> None:
    """Compute until when each release was current, from the times of the later ones."""
    for position in range(len(image["targets"])):
        later: int | None = None
        for each in image["releases"]:
            lag = each["lag"][position]
            each["until"][position] = None if later is None or lag is None else later - each["at"]
            later = each["at"] + lag if lag is not None else later


def _set_current(image: ImageEntry) -> None:
    image["current"] = [
        next(
            (at for at, each in enumerate(image["releases"]) if each["lag"][position] is not None),
            None,
        )
        for position in range(len(image["targets"]))
    ]


def image(name: str, family: int, count: int, releases: int = 7) -> ImageEntry:
    """An image that is current in all of `count` targets."""
    found = ImageEntry(
        name=name,
        family=family,
        source=f"parameter /aws/service/{name}/recommended/image_id",
        targets=list(range(count)),
        state={},
        current=[],
        releases=_history(name, count, releases),
    )
    _set_current(found)
    return found


def mark(
    image: ImageEntry, position: int, state: str, code: str | None, *places: int | None
) -> None:
    """Give a target of an image a state: with a code, and the places of the detail and advice."""
    detail, text = (*places, None, None)[:2]
    since = NOW - 4 * DAYS - position * 7
    image["state"][str(position)] = (STATES.index(state), since, code, detail, text)


# --- what differs between the images


def _lagging(image: ImageEntry, count: int, state: str = "lagging") -> None:
    newest = image["releases"][0]
    newest["state"] = "incomplete"
    if state == "behind":
        newest["at"] = NOW - 30 * HOURS
    for position in range(count - min(5, count // 2), count):
        newest["lag"][position] = None
        mark(image, position, state, None, None, 4)


def _rolled_back(image: ImageEntry, count: int) -> None:
    newest, before = image["releases"][:2]
    newest["state"] = "rolled_back"
    back = release(before["key"], 2.1, [3 * position for position in range(count)], kind="rollback")
    back |= {"ids": before["ids"], "facts": before["facts"], "was": newest["facts"]}
    image["releases"].insert(0, back)
    for position in range(count):
        mark(image, position, "rolledback", None, None, 6)


def _never(image: ImageEntry, count: int) -> None:
    image["releases"] = []
    for position in range(count):
        mark(image, position, "never", "NotFound", 1, 2)


def _withdrawn(image: ImageEntry, count: int) -> None:
    for position in range(1, min(3, count)):
        mark(image, position, "withdrawn", "Withdrawn", None, 3)


def _deprecated(image: ImageEntry, count: int) -> None:
    image["deprecation"] = {str(position): NOW - 9 * DAYS for position in range(count)}
    for position in range(count):
        mark(image, position, "deprecated", None, None, 7)


def _baseline(image: ImageEntry, count: int) -> None:
    image["releases"] = image["releases"][-1:]
    mark(image, count - 1, "unknown", None, None, 8)
    image["releases"][0]["lag"][count - 1] = None


def _not_joined(image: ImageEntry, count: int) -> None:
    first, second = image["releases"][:2]
    first["state"] = second["state"] = "not_joined"
    for position in range(count):
        (first if position else second)["lag"][position] = None
    image["releases"] = [first, second]


def _pending(image: ImageEntry, count: int) -> None:
    mark(image, count // 2, "pending", None, None, 5)


_STORIES = {
    0: _lagging,
    1: _lagging,
    2: _rolled_back,
    3: _rolled_back,
    9: _never,
    12: _withdrawn,
    16: _deprecated,
    20: _baseline,
    21: _not_joined,
    25: _pending,
}


def _tell(image: ImageEntry, number: int, count: int) -> None:
    if number in {5, 10, 30, 31}:
        _lagging(image, count, "behind")
    elif number in _STORIES:
        _STORIES[number](image, count)


def _whole_targets(image: ImageEntry, places: list[TargetEntry]) -> None:
    for position, target in enumerate(places):
        found = _WHOLE.get(target["region"])
        if found and image["releases"]:
            mark(image, position, found[0], "AccessDenied" if found[2] == 0 else None, *found[1:])


# --- causes


def cause(state: str, names: list[str], regions: list[str], **more: object) -> Cause:
    """A row of what needs attention."""
    found = {
        "state": state,
        "urgency": "watch",
        "names": names,
        "regions": regions,
        "accounts": [ACCOUNT],
        "images": [],
        "targets": [],
        "whole_targets": False,
        "since": NOW - 2 * DAYS,
        "pairs": 0,
        "why": "Rounds are missing, so the states are outdated",
        "todo": "Check the alarms round-missing and scheduler-errors",
        "detail": None,
        "command": "ami-tracker status",
    }
    return cast("Cause", found | more)


_ACT = {"failing", "never", "withdrawn"}


def _merged(names: list[str]) -> list[str]:
    """The labels of images; those that differ only in the architecture are one."""
    stems: dict[str, list[str]] = {}
    for name in names:
        stem, _, architecture = name.rpartition("-")
        stems.setdefault(stem, []).append(architecture)
    return [f"{stem}-{', -'.join(found)}" for stem, found in stems.items()]


def _cause_of(
    state: str, pairs: list[tuple[int, int, int | None, int | None]], data: PageData, *, whole: bool
) -> Cause:
    images, places = sorted({pair[0] for pair in pairs}), sorted({pair[1] for pair in pairs})
    names = [data["images"][at]["name"] for at in images]
    detail, text = pairs[0][2:]
    why, todo = data["advice"][text or 0]
    return cause(
        state,
        _merged(names),
        sorted({data["targets"][at]["region"] for at in places}),
        urgency="act" if state in _ACT else "note" if state == "deprecated" else "watch",
        images=images,
        targets=places,
        pairs=len(pairs),
        whole_targets=whole,
        why=why[0].upper() + why[1:],
        todo=todo[0].upper() + todo[1:],
        detail=None if detail is None else data["details"][detail],
        command=f"ami-tracker history {names[0]}",
        link=images[0],
    )


def _causes(data: PageData) -> list[Cause]:
    groups: dict[tuple[str, object], list[tuple[int, int, int | None, int | None]]] = {}
    whole_regions = {
        at: t["region"] for at, t in enumerate(data["targets"]) if t["region"] in _WHOLE
    }
    for number, each in enumerate(data["images"]):
        for position, (rank, _, _, detail, text) in each["state"].items():
            target = each["targets"][int(position)]
            state = data["states"][rank]
            is_whole = target in whole_regions and state in {"failing", "stale"}
            key = (state, ("target", target) if is_whole else each["name"].rpartition("-")[0])
            groups.setdefault(key, []).append((number, target, detail, text))
    found = [
        _cause_of(state, pairs, data, whole=isinstance(key, tuple))
        for (state, key), pairs in groups.items()
    ]
    ranks = {state: rank for rank, state in enumerate(STATES)}
    return sorted(found, key=lambda each: (ranks[each["state"]], -each["pairs"]))


# --- the page


def empty_page() -> PageData:
    """A deployment without images, and without a round."""
    return PageData(
        schema=1,
        made_at=f"{MADE:%Y-%m-%dT%H:%M:%SZ}",
        lag_hours=LAG_HOURS,
        releases_per_pair=10,
        hub={"table": "ami-tracker", "region": "us-east-1", "account": ACCOUNT},
        round={"at": None, "interval_minutes": None, "next_at": None, "missed": None},
        verdict={"act": 0, "watch": 0, "note": 0, "confirmed": 0, "pairs": 0},
        figures={
            "images": 0,
            "regions": 0,
            "accounts": 0,
            "changes": 0,
            "spread": 0,
            "spread_median": None,
            "spread_p95": None,
            "pending": 0,
            "pending_since": None,
        },
        geographies=[],
        states=list(STATES),
        details=[],
        advice=[],
        families=[],
        targets=[],
        images=[],
        attention=[],
        problems=[],
    )


def page_of(images: list[ImageEntry], places: list[TargetEntry]) -> PageData:
    """The page of these images, with what needs attention and the counts."""
    data = empty_page()
    data |= {
        "round": {
            "at": "2026-11-28T15:00:00Z",
            "interval_minutes": 15,
            "next_at": "2026-11-28T15:15:00Z",
            "missed": 0,
        },
        "geographies": list(GEOGRAPHIES),
        "details": list(_DETAILS),
        "advice": list(_ADVICE),
        "families": [{"name": name} for name in _FAMILIES],
        "targets": places,
        "images": images,
    }
    for each in images:
        set_until(each)
        _set_current(each)
    data["attention"] = _causes(data)
    _count(data)
    return data


def _count(data: PageData) -> None:
    pairs = sum(len(each["targets"]) for each in data["images"])
    quiet = {STATES.index("failing"), STATES.index("stale"), STATES.index("never")}
    failed = sum(state[0] in quiet for each in data["images"] for state in each["state"].values())
    urgencies = [each["urgency"] for each in data["attention"]]
    data["verdict"] = {
        "act": urgencies.count("act"),
        "watch": urgencies.count("watch"),
        "note": urgencies.count("note"),
        "confirmed": pairs - failed,
        "pairs": pairs,
    }
    data["figures"] |= {
        "images": len(data["images"]),
        "regions": len({each["region"] for each in data["targets"]}),
        "accounts": len({each["account"] for each in data["targets"]}),
        "changes": 26,
        "spread": 118,
        "spread_median": 15 * HOURS,
        "spread_p95": 91 * HOURS,
        "pending": 1,
        "pending_since": NOW - 38,
    }


def page(images: int = 40, regions: int = 34, releases: int = 7) -> PageData:
    """A page with every state, apart from the first images mostly quiet."""
    places = targets(regions)
    count = len(places)
    per_family = max(2, images // len(_FAMILIES) // 2 * 2)
    found = []
    for number in range(images):
        family = min(number // per_family, len(_FAMILIES) - 1)
        architecture = ("x86_64", "arm64")[number % 2]
        name = f"{_FAMILIES[family]}-1.{40 - number // 2 % 60}-{architecture}"
        each = image(name, family, count, releases)
        _tell(each, number, count)
        _whole_targets(each, places)
        found.append(each)
    return page_of(found, places)


HOSTILE = '<img src=x onerror="window.broken=1"></script><!--\u202eevil\u2028\u200b{{7*7}}\'`${1}'
"""Breaks out of an attribute, an element, a script and a comment, and hides its direction."""


def partial_rollback_page() -> PageData:
    """Build a page with an image that was rolled back in one of three regions."""
    rolled_back = image("eks-al2023-1.36-x86_64", 0, 3, 2)
    newest, before = rolled_back["releases"]
    back = release(before["key"], 2.1, [0, None, None], kind="rollback")
    back |= {"state": "incomplete", "ids": before["ids"]}
    rolled_back["releases"] = [back, newest, before]
    mark(rolled_back, 0, "rolledback", None, None, 6)
    return page_of([rolled_back], targets(3)[:3])


def hostile_page() -> PageData:
    """A page in which every foreign text is `HOSTILE`."""
    places = targets(3)
    each = image("hostile-x86_64", 0, 3, 3)
    each |= {"name": HOSTILE, "source": HOSTILE}
    for found in each["releases"]:
        found |= {
            "key": HOSTILE,
            "short": HOSTILE,
            "ami": HOSTILE,
            "notes": f"javascript:alert(1)//{HOSTILE}",
            "ids": ",".join([HOSTILE.replace(",", "")] * 3),
            "facts": {HOSTILE: HOSTILE, "__proto__": HOSTILE, "constructor": 1},
            "was": {HOSTILE: "before"},
            "kinds": {"0": HOSTILE},
        }
    mark(each, 0, "failing", HOSTILE, 0, 0)
    mark(each, 2, "lagging", HOSTILE, 0, 0)
    each["releases"][0]["lag"][2] = None
    data = page_of([each], places)
    data["details"] = [HOSTILE]
    data["advice"] = [(HOSTILE, HOSTILE)]
    data["families"] = [{"name": HOSTILE}]
    data["geographies"] = [HOSTILE]
    data["hub"] = {"table": HOSTILE, "region": HOSTILE, "account": HOSTILE}
    data["problems"] = [HOSTILE]
    places[1] |= {"region": HOSTILE, "place": HOSTILE}
    for row in data["attention"]:
        row |= {
            "names": [HOSTILE],
            "regions": [HOSTILE],
            "why": HOSTILE,
            "todo": HOSTILE,
            "detail": HOSTILE,
            "command": HOSTILE,
        }
    return data
