"""Looks up images as the lookup function does, without its table.

The answer of a trial is the one that the function commits at first sight. With a known image, it is
the one for a pair that knows this image and has no other history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import About, Image, Observation, Pair, State, Target
from services.kernel.wire import lookup_digest
from services.lookup.decide import Decision, decide
from services.lookup.explain import Explanation, explained
from services.lookup.facts import described
from services.lookup.find import Finder, ImageSource
from services.lookup.responses import Ami, Finding


@dataclass(frozen=True, slots=True)
class Trial:
    """An image in a target: the pair, its result, why, and what is known about the image.

    `decision` is what the result would change in the table; None if the lookup failed.
    """

    image: Image
    pair: Pair
    finding: Finding
    explanation: Explanation | None
    about: About
    decision: Decision | None

    @property
    def target(self) -> Target:
        """Where the image was looked up."""
        return self.pair.target

    @property
    def failure(self) -> Failure | None:
        """Why there is no image."""
        return self.finding.answer if isinstance(self.finding.answer, Failure) else None

    @property
    def found(self) -> Ami | None:
        """The image that was found, as EC2 describes it."""
        return self.finding.image()

    @property
    def observed(self) -> Observation | None:
        """The image that was found."""
        return self.finding.answer if isinstance(self.finding.answer, Observation) else None


class SilentLog:
    """A log without output: each result of a trial has its failure."""

    def info(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Do nothing."""

    def warning(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Do nothing."""

    def error(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Do nothing."""

    def exception(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Do nothing."""


class Trials:
    """Looks up images of one target after the other; `moment` is the time of the lookup."""

    def __init__(self, source: ImageSource, moment: datetime) -> None:
        self._source = source
        self._moment = moment
        self._finder = Finder(source, SilentLog(), lambda: moment)

    def look_up(
        self, target: Target, images: Sequence[Image], known_id: str | None = None
    ) -> list[Trial]:
        """The trial of each image, in their order; `known_id` is the image that the pairs know."""
        pairs = {image.name: new_pair(target, image) for image in images}
        try:
            if known_id is not None:
                known = self._known(target, known_id)
                pairs = {name: knowing(pair, known) for name, pair in pairs.items()}
            findings = dict(self._finder.find(target, pairs))
        except CallFailedError as error:
            findings = dict.fromkeys(pairs, Finding(error.failure))
        except Exception as error:  # noqa: BLE001 - the boundary of a target
            failure = Failure.of(State.UNCLASSIFIED, type(error).__name__, str(error))
            findings = dict.fromkeys(pairs, Finding(failure))
        return [
            evaluated(image, pairs[image.name], findings[image.name], self._moment)
            for image in images
        ]

    def _known(self, target: Target, image_id: str) -> Observation:
        """The known image as it would be in the table; without a name if it is not visible."""
        self._source.ensure_session(target)
        shown = self._source.images(target, [image_id])[image_id]
        if isinstance(shown, Failure):
            raise CallFailedError(shown)
        return shown.observation() if shown else Observation(image_id)


def new_pair(target: Target, image: Image) -> Pair:
    """The pair as it is before its first lookup."""
    return Pair(
        target=target,
        image_name=image.name,
        active=True,
        lookup=image.lookup,
        lookup_digest=lookup_digest(image.lookup),
        announce=image.announce,
    )


def knowing(pair: Pair, known: Observation) -> Pair:
    """The pair after its present lookup found this image."""
    digest = pair.lookup_digest
    return replace(pair, version=1, known=known, confirmed_digest=digest, state=State.OK)


def evaluated(image: Image, pair: Pair, finding: Finding, moment: datetime) -> Trial:
    """The trial with the reason of the result, and what it would change."""
    decision = None
    if isinstance(finding.answer, Observation):
        decision = decide(pair, finding.answer, (), detected_at=moment, round_id="")
    return Trial(
        image=image,
        pair=pair,
        finding=finding,
        explanation=explained(pair, finding, image.release, moment),
        about=described(pair, finding, image.release, None),
        decision=decision,
    )
