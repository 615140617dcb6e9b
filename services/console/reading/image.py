"""Reads one image in every target: the calls of `history` and `rollout`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from services.console.acting.hub import Hub, calls, open_session
from services.console.lookup.problems import AwsProblem, UsageProblem
from services.console.lookup.run import in_threads
from services.console.reading.options import HubOptions
from services.console.reading.snapshot import READ_ONLY
from services.history.image_reader import ImageReader, PairOf, RoundOf
from services.history.observed import ImageInTarget
from services.history.reader import HistoryReader
from services.kernel.errors import MalformedError
from services.kernel.model import Target
from services.kernel.wire import ACCOUNT_ID, IMAGE_NAME, REGION

_LISTED = 10
_WHAT = "reading"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many releases to read per target, if there is one target and if there are several."""

    one: int
    several: int


@dataclass(frozen=True, slots=True)
class Where:
    """The targets to read; empty regions are all regions, and no account is every account."""

    regions: tuple[str, ...] = ()
    account_id: str | None = None

    def matches(self, target: Target) -> bool:
        """Whether the account of a target is wanted."""
        return self.account_id in {None, target.account_id}


EVERYWHERE = Where()


class ImageReading:
    """The reads of a command about one image."""

    def __init__(self, options: HubOptions) -> None:
        self._hub: Hub = open_session(options.aws)
        self._table = options.table
        client = self._hub.session.client("dynamodb")
        self._rows = ImageReader(client, options.table)
        self._history = HistoryReader(client, options.table)

    def image(self, name: str, limits: Limits, where: Where = EVERYWHERE) -> list[ImageInTarget]:
        """What the table has about the image in each target, by region and account.

        Raises:
            UsageProblem: there is no such image or table.
            AwsProblem: the table cannot be read.
        """
        regions = where.regions or self._regions()
        rounds = {each.target: each for each in self._rounds(regions) if where.matches(each.target)}
        with self._calls("dynamodb:BatchGetItem"):
            pairs = self._rows.pairs(sorted(rounds, key=_place), name)
        if not pairs:
            raise self._unknown(name, regions, where)
        limit = limits.one if len(pairs) == 1 else limits.several
        work = [partial(self._seen, pair, rounds[pair.target], name, limit) for pair in pairs]
        with self._calls("dynamodb:Query"):
            return in_threads(work, _WHAT)

    def _calls(self, action: str) -> AbstractContextManager[None]:
        return calls(action, f"table {self._table}", self._hub.region, "--table", READ_ONLY)

    def _regions(self) -> Sequence[str]:
        try:
            with self._calls("dynamodb:GetItem"):
                return sorted(self._history.note().regions)
        except MalformedError as error:
            message = f"{error}; the next round writes it again, and --regions does not need it"
            raise AwsProblem(message) from error

    def _rounds(self, regions: Sequence[str]) -> list[RoundOf]:
        work = [partial(self._rows.targets, region) for region in regions]
        with self._calls("dynamodb:Query"):
            return [each for found in in_threads(work, _WHAT) for each in found]

    def _seen(self, row: PairOf, of: RoundOf, name: str, limit: int) -> ImageInTarget:
        releases = self._history.releases(row.target, name, limit)
        number = row.pair.number if row.pair else None
        stale = of.window is not None and number in of.window.unanswered()
        problems = [*filter(None, (row.problem, of.problem)), *releases.unreadable]
        return ImageInTarget(
            row.target, row.pair, releases.found, stale, releases.complete, tuple(problems)
        )

    def _unknown(self, name: str, regions: Sequence[str], where: Where) -> UsageProblem:
        """There is no image of this name: suggest one."""
        work = [partial(self._rows.names, region) for region in regions]
        with self._calls("dynamodb:Query"):
            names = sorted(frozenset[str]().union(*in_threads(work, _WHAT)))
        place = f"table {self._table} in {self._hub.region}"
        if where != EVERYWHERE:
            place = f"{place}, in these regions and accounts"
        if not names:
            return UsageProblem(f"there are no images in {place}")
        near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        if near and name not in near:
            return UsageProblem(
                f"there is no image {name} in {place}; did you mean {', '.join(near)}?"
            )
        listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
        return UsageProblem(f"there is no image {name} in {place}; there are {listed}")


def _place(target: Target) -> tuple[str, str]:
    return target.region, target.account_id


def check_names(values: Mapping[str, str | None]) -> None:
    """Refuse the name of an image, a region or an account that cannot exist, before any call.

    Raises:
        UsageProblem: a value is not valid.
    """
    patterns = {"NAME": IMAGE_NAME, "--regions": REGION, "--account": ACCOUNT_ID}
    for option, value in values.items():
        if value is not None and not re.match(patterns[option], value):
            message = f"{option} {value!r} is not valid"
            raise UsageProblem(message)
