"""What was read about one image in one target, for the views of its releases."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.model import Pair, Release, State, Target
from services.kernel.release_records import ReleaseRow

DAMAGED = "damaged"
"""The reason if the image row or a release row cannot be decoded."""
NEVER = "never_looked_up"
"""The reason if the pair has no state yet."""


@dataclass(frozen=True, slots=True)
class ImageInTarget:
    """An image in a target: its pair, and its last releases, newest first.

    `pair` is None if there is no image row, or if it cannot be decoded. `stale` is true if the pair
    is stale by the round row, which a row with the state `ok` does not show yet. `complete` is
    false if there are older releases. `problems` has a sentence per row that cannot be decoded.
    """

    target: Target
    pair: Pair | None
    releases: tuple[ReleaseRow, ...] = ()
    stale: bool = False
    complete: bool = True
    problems: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the image is tracked here; true if the image row cannot be decoded."""
        return self.pair is None or self.pair.active

    @property
    def trouble(self) -> str | None:
        """Why the current image is uncertain: a failure state or `stale`; None if it is known."""
        if self.pair is None or self.problems:
            return DAMAGED
        if self.pair.state is None:
            return NEVER
        if self.pair.state is not State.OK:
            return self.pair.state.value
        return State.STALE.value if self.stale else None


def label_of(release: Release) -> str:
    """The release key, else the AMI name, else the image id."""
    return release.about.release or release.observed.ami_name or release.observed.image_id


def link(url: str | None) -> str | None:
    """The URL if it is safe to show as a link: http or https, without invisible characters."""
    if url is None or not url.startswith(("https://", "http://")):
        return None
    return url if url.isprintable() and " " not in url else None
