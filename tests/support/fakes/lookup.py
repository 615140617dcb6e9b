"""The lookup's ports in memory.

tests/contract/lookup runs one suite against these fakes and against the adapters over the embedded
AWS. So the table, SSM and EC2 behave in unit tests as the adapters do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Protocol

from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.model import (
    FilterLookup,
    Lookup,
    Observation,
    Pair,
    Release,
    State,
    Target,
)
from services.kernel.wire import lookup_digest
from services.lookup.commits import Commit
from services.lookup.find import ImageSource
from services.lookup.merge import ImageQuery, merged
from services.lookup.responses import Ami, Matches, ParameterValue
from services.lookup.target import PairRows
from support.builders.lookup import AMAZON, a_failure

# --- direct access for the contract tests to what a port reads and writes, fake or real


class RowsBackend(Protocol):
    """Direct access to the table, as the scheduler and a reader have it."""

    def put(self, pair: Pair) -> None:
        """Write the pair's row, whatever it was before."""
        ...

    def garble(self, pair: Pair) -> None:
        """Make the pair's row undecodable."""
        ...

    def begin(self, target: Target) -> None:
        """Start a window of the target."""
        ...

    def put_release(self, release: Release) -> None:
        """Write a release row, whatever the image row contains."""
        ...

    def garble_release(self, release: Release) -> None:
        """Write a release row that cannot be decoded."""
        ...

    def releases(self, pair: Pair) -> list[Release]:
        """Return the pair's release rows, oldest first."""
        ...

    def pending(self) -> set[str]:
        """Return the event ids of the pending releases."""
        ...

    def numbers(self, target: Target) -> frozenset[int] | None:
        """Return the answered pairs of the target's window, or None without a round row."""
        ...


class FactsBackend(Protocol):
    """Direct access to the targets, as publishers and administrators have it."""

    def put_parameter(self, target: Target, path: str, value: str) -> None:
        """Publish a parameter."""
        ...

    def register(self, target: Target, ami: Ami, owner: str = AMAZON) -> None:
        """Publish an image."""
        ...

    def close(self, account_id: str) -> None:
        """Remove the permission to assume the read role of an account."""
        ...

    def fail(self, operation: str, code: str) -> None:
        """Make a port's operation fail with an AWS error code, in every target."""
        ...

    def requests(self, operation: str) -> int:
        """Return the number of requests of the operation so far, without retries."""
        ...


@dataclass(frozen=True, slots=True)
class RowsLab:
    """A port to the table, and the backend behind it."""

    rows: PairRows
    backend: RowsBackend


@dataclass(frozen=True, slots=True)
class FactsLab:
    """A port to the targets, and the backend behind it."""

    facts: ImageSource
    backend: FactsBackend


# --- the table


_HISTORY = 50


@dataclass(slots=True)
class FakeRows:
    """Image, release and round rows in memory.

    `journal` lists the operations in order and may be shared with `FakeFacts`. `marks` lists every
    state that was written. `stale` holds what an eventually consistent read still returns for a
    name. `problems` holds the error that every operation in a target raises.
    """

    journal: list[str] = field(default_factory=list)
    marks: list[tuple[str, State]] = field(default_factory=list)
    stale: dict[str, Pair | None] = field(default_factory=dict)
    problems: dict[Target, CallFailedError | HubBrokenError] = field(default_factory=dict)
    _pairs: dict[tuple[Target, str], Pair | Failure] = field(default_factory=dict)
    _releases: dict[tuple[Target, str], list[Release]] = field(default_factory=dict)
    _pending: set[str] = field(default_factory=set)
    _garbled: set[tuple[Target, str, int]] = field(default_factory=set)
    _answered: dict[Target, frozenset[int]] = field(default_factory=dict)

    # --- the port

    def requested(self, target: Target, lookups: Mapping[str, Lookup]) -> dict[str, Pair | Failure]:
        """Return the pairs whose row has this lookup."""
        self._note("read", target)
        rows = {name: self._pairs.get((target, name)) for name in lookups}
        rows |= {name: row for name, row in self.stale.items() if name in rows}
        return {name: row for name, row in rows.items() if row and _has(row, lookups[name])}

    def read(self, target: Target, names: Sequence[str]) -> dict[str, Pair | Failure]:
        """Return the pairs that have a row."""
        self._note("read consistently", target)
        rows = {name: self._pairs.get((target, name)) for name in names}
        return {name: row for name, row in rows.items() if row}

    def history(self, pair: Pair) -> tuple[Release, ...]:
        """Return the pair's last releases up to the version that was read, oldest first."""
        self._note("history", pair.target)
        past = [release for release in self.releases(pair) if release.version <= pair.version]
        return tuple(past[-_HISTORY:])

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Store the release and advance the pair, or do neither."""
        self._note("commit", pair.target)
        stored = self._as_it_was_read(pair)
        if stored is not None and stored.announce == pair.announce:
            taken = {earlier.version for earlier in self.releases(pair)}
            garbled = (*_key(pair), release.version) in self._garbled
            if release.version in taken or garbled:
                return Commit.BEHIND
            self._advance(stored, release)
            return Commit.DONE
        if any(_same(release, earlier) for earlier in self.releases(pair)):
            return Commit.DONE
        current = self._pairs.get(_key(pair))
        gone = isinstance(current, Pair) and not _still(pair, current)
        return Commit.DROPPED if gone else Commit.OVERTAKEN

    def heal(self, pair: Pair) -> Release | None:
        """Bring the pair to its last release, if that is newer."""
        self._note("heal", pair.target)
        last = max(self.releases(pair), key=lambda r: r.version, default=None)
        if last is None or last.version <= pair.version:
            return None
        stored = self._as_it_was_read(pair)
        if stored is not None and stored.announce == pair.announce:
            self.put(
                replace(
                    stored,
                    version=last.version,
                    known=replace(last.observed, deprecation_time=None),
                    confirmed_digest=last.lookup_digest,
                )
            )
        return last

    def confirm(self, pair: Pair, seen: Observation | None = None) -> None:
        """Record that the pair's lookup returns the known image."""
        self._note("confirm", pair.target)
        if stored := self._as_it_was_read(pair):
            self.put(replace(_as_seen(stored, seen), confirmed_digest=pair.lookup_digest))

    def refresh(self, pair: Pair, seen: Observation) -> None:
        """Store the deprecation time of the known image."""
        self._note("refresh", pair.target)
        if stored := self._as_it_was_read(pair):
            self.put(_as_seen(stored, seen))

    def mark(
        self,
        pair: Pair,
        problem: Failure | None,
        moment: datetime,
        seen: Observation | None = None,
    ) -> None:
        """Store the pair's state, and the deprecation time of the known image."""
        assert moment.tzinfo is not None
        self._note("mark", pair.target)
        state = problem.state if problem else State.OK
        if stored := self._as_it_was_read(pair):
            self.marks.append((pair.image_name, state))
            code = problem.code if problem else None
            self.put(replace(_as_seen(stored, seen), state=state, code=code))

    def answered(self, target: Target, numbers: Collection[int]) -> None:
        """Add to the answered pairs of the target's window, if there is one."""
        self._note("answered", target)
        if target in self._answered:
            self._answered[target] |= frozenset(numbers)

    # --- the backend

    def put(self, pair: Pair) -> None:
        """Write the pair's row."""
        self._pairs[_key(pair)] = pair

    def garble(self, pair: Pair) -> None:
        """Make the pair's row undecodable."""
        self._pairs[_key(pair)] = Failure(State.TRANSIENT, "MalformedRow", "garbled")

    def begin(self, target: Target) -> None:
        """Start a window."""
        self._answered[target] = frozenset()

    def put_release(self, release: Release) -> None:
        """Write a release row."""
        self._releases.setdefault((release.target, release.image_name), []).append(release)

    def garble_release(self, release: Release) -> None:
        """Write a release row that cannot be decoded."""
        self._garbled.add((release.target, release.image_name, release.version))

    def releases(self, pair: Pair) -> list[Release]:
        """Return the pair's releases, oldest first."""
        return list(self._releases.get(_key(pair), ()))

    def pending(self) -> set[str]:
        """Return the event ids of the pending releases."""
        return set(self._pending)

    def numbers(self, target: Target) -> frozenset[int] | None:
        """Return the answered pairs of the target's window."""
        return self._answered.get(target)

    def stored(self, pair: Pair) -> Pair:
        """Return the pair as it is stored now."""
        row = self._pairs[_key(pair)]
        assert isinstance(row, Pair)
        return row

    # ---

    def _note(self, operation: str, target: Target) -> None:
        self.journal.append(operation)
        if target in self.problems:
            raise self.problems[target]

    def _as_it_was_read(self, pair: Pair) -> Pair | None:
        stored = self._pairs.get(_key(pair))
        if not isinstance(stored, Pair) or stored.version != pair.version:
            return None
        return stored if _still(pair, stored) else None

    def _advance(self, stored: Pair, release: Release) -> None:
        self._releases.setdefault(_key(stored), []).append(release)
        if release.kind in stored.announce:
            self._pending.add(release.event_id)
        self.put(
            replace(
                stored,
                version=release.version,
                known=release.observed,
                confirmed_digest=stored.lookup_digest,
                state=State.OK,
            )
        )


def _key(pair: Pair) -> tuple[Target, str]:
    return (pair.target, pair.image_name)


def _has(row: Pair | Failure, lookup: Lookup) -> bool:
    return isinstance(row, Failure) or row.lookup_digest == lookup_digest(lookup)


def _still(pair: Pair, stored: Pair) -> bool:
    return stored.active and stored.lookup_digest == pair.lookup_digest


def _as_seen(pair: Pair, seen: Observation | None) -> Pair:
    if seen is None or pair.known is None:
        return pair
    known = replace(pair.known, deprecation_time=seen.deprecation_time)
    return replace(pair, known=known)


def _same(ours: Release, stored: Release) -> bool:
    same_event = ours.event_id == stored.event_id
    return same_event and ours.observed.image_id == stored.observed.image_id


_NAMES, _IDS = 10, 200
PUBLISHED = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
"""When every parameter was changed."""


@dataclass(slots=True)
class FakeFacts:
    """Parameters and images of every target in memory.

    `journal` may be shared with `FakeRows`. `hold` runs before a target's session is created, so a
    test can make it slow or let it fail. `overlooked` images are missing from lists, as an
    eventually consistent response may be, but not from a read by id. `denied` has the arguments of
    the last read of parameters: the names denied before, and whether EC2 had responded.
    """

    journal: list[str] = field(default_factory=list)
    hold: Callable[[Target], None] = lambda _: None
    overlooked: set[str] = field(default_factory=set)
    denied: tuple[frozenset[str], bool] | None = None
    _parameters: dict[tuple[Target, str], ParameterValue | Failure] = field(default_factory=dict)
    _images: dict[tuple[Target, str], tuple[Ami, str]] = field(default_factory=dict)
    _closed: set[str] = field(default_factory=set)
    _failures: dict[str, Failure] = field(default_factory=dict)
    _requests: Counter[str] = field(default_factory=Counter)

    # --- the port

    def ensure_session(self, target: Target) -> None:
        """Create the session unless the account is closed."""
        self.journal.append("enter")
        self.hold(target)
        if target.account_id in self._closed:
            denied = "not authorized to perform: sts:AssumeRole"
            raise CallFailedError(Failure(State.ACCESS_DENIED, "AccessDenied", denied))

    def parameters(
        self,
        target: Target,
        paths: Sequence[str],
        denied: Collection[str] = (),
        *,
        images_allowed: bool = False,
    ) -> Iterator[tuple[str, ParameterValue | Failure | None]]:
        """Return each parameter's value; a request for ten is made when its first is taken."""
        self.denied = (frozenset(denied), images_allowed)
        distinct = sorted(set(paths))
        broken = self._failures.get("parameters")
        for number, path in enumerate(distinct):
            if number == 0:
                self.journal.append("parameters")
            if number % _NAMES == 0 and not (broken and number):
                self._requests["parameters"] += 1
            yield path, broken or self._parameters.get((target, path))

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """Return the images that pass each lookup's filters; a request is made when it is taken."""
        broken = self._failures.get("matching")
        distinct = list(dict.fromkeys(lookups))
        for number, request in enumerate(merged(map(ImageQuery.of, distinct))):
            if not (broken and number):
                self.journal.append("matching")
                self._requests["matching"] += 1
            for lookup in distinct:
                if ImageQuery.of(lookup) in request.queries:
                    yield lookup, broken or Matches(list(self._passing(target, lookup)))

    def images(
        self, target: Target, image_ids: Sequence[str]
    ) -> Mapping[str, Ami | Failure | None]:
        """Return each image that the target can see."""
        self.journal.append("images")
        distinct = set(image_ids)
        self._requests["images"] += math.ceil(len(distinct) / _IDS)
        if broken := self._failures.get("images"):
            return dict.fromkeys(distinct, broken)
        return {name: self._images.get((target, name), (None, ""))[0] for name in distinct}

    # --- the backend

    def put_parameter(self, target: Target, path: str, value: str) -> None:
        """Publish a parameter."""
        before = self._parameters.get((target, path))
        version = before.version if isinstance(before, ParameterValue) else None
        self._parameters[target, path] = ParameterValue(value, (version or 0) + 1, PUBLISHED)

    def reject(self, target: Target, path: str, problem: Failure) -> None:
        """Make one parameter fail."""
        self._parameters[target, path] = problem

    def register(self, target: Target, ami: Ami, owner: str = AMAZON) -> None:
        """Publish an image."""
        self._images[target, ami.image_id] = (ami, owner)

    def close(self, account_id: str) -> None:
        """Remove the permission to assume the read role of an account."""
        self._closed.add(account_id)

    def fail(self, operation: str, code: str) -> None:
        """Make an operation fail."""
        self._failures[operation] = a_failure(code)

    def heal(self) -> None:
        """Open every account and let every operation succeed again."""
        self._failures.clear()
        self._closed.clear()

    def requests(self, operation: str) -> int:
        """Return the number of requests of an operation."""
        return self._requests[operation]

    # ---

    def _passing(self, target: Target, lookup: FilterLookup) -> Iterable[Ami]:
        filters = {f.name: f.values for f in lookup.filters} | {"state": ("available",)}
        for (where, image_id_), (ami, owner) in self._images.items():
            if image_id_ in self.overlooked and "image-id" not in filters:
                continue
            if where != target or (lookup.owners and owner not in lookup.owners):
                continue
            if all(_passes(ami, name, values) for name, values in filters.items()):
                yield ami


def _passes(ami: Ami, name: str, values: Sequence[str]) -> bool:
    """Match only what the tests' filters use: `*` for any characters in names and states."""
    actual = {"name": ami.name, "state": ami.state, "image-id": ami.image_id}[name]
    return any(fnmatchcase(actual or "", value) for value in values)
