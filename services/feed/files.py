"""The files of the feed."""

from __future__ import annotations

from services.feed.atom import ATOM, atom_file
from services.feed.index import INDEX, earlier_entries, index_file
from services.feed.pairs import is_unread, tracked_pairs
from services.feed.renovate import renovate_file
from services.history.overview import Overview


def feed(overview: Overview, earlier_index: str | None = None) -> dict[str, str]:
    """The text of each file by its path relative to the feed's folder.

    Equal rows give equal texts, whatever their order and the time. If it is unknown which image of
    a pair is current, its file is left out: an earlier one stays, see `services.feed.pairs`.
    `earlier_index` is the `index.json` of before, for the entries of pairs whose image row cannot
    be decoded.
    """
    pairs = tracked_pairs(overview)
    unread = {
        key: entry
        for key, entry in earlier_entries(earlier_index).items()
        if is_unread(overview, key[1])
    }
    files = {
        pair.path: renovate_file(pair, pair.releases) for pair in pairs if pair.releases is not None
    }
    return {**files, INDEX: index_file(pairs, unread), ATOM: atom_file(pairs)}
