"""The files of the feed."""

from __future__ import annotations

from services.feed.pairs import tracked_pairs
from services.feed.renovate import renovate_file
from services.history.overview import Overview


def feed(overview: Overview) -> dict[str, str]:
    """The text of each file by its path relative to the feed's folder.

    Equal rows give equal texts, whatever their order and the time. If it is unknown which image of
    a pair is current, its file is left out: an earlier one stays, see `services.feed.pairs`.
    """
    return {
        pair.path: renovate_file(pair, pair.releases)
        for pair in tracked_pairs(overview)
        if pair.releases is not None
    }
