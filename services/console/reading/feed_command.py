"""What `ami-tracker feed` does, after click has read its options."""

from __future__ import annotations

from pathlib import Path

from services.console.acting.hub import open_session
from services.console.acting.writers import waiting, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.feed_folder import FeedFolder
from services.console.lookup.problems import AwsProblem
from services.console.reading.options import HubOptions
from services.console.reading.output import print_json
from services.console.reading.overview import overview
from services.console.render.status_text import print_unreadable
from services.console.render.writer import counted
from services.feed.files import feed
from services.feed.pairs import obsolete, unsafe_names
from services.history.overview import Overview
from services.history.status import unreadable


def run(options: HubOptions, out: Path, releases: int) -> int:
    """Read the table, write what changed, and return the exit code."""
    rows = overview(open_session(options.aws), options, releases)
    problems = _problems(rows)
    print_unreadable(writer(err=True), problems)
    if not rows.images:
        message = f"no image is tracked in table {options.table}; nothing was written"
        raise AwsProblem(message)
    folder = FeedFolder(out)
    with waiting("writing"):
        files = feed(rows, folder.index())
        changed = folder.write(files)
        removed = folder.remove(obsolete(rows, folder.pair_paths()))
    summary = f"{counted(len(files), 'file')}, {len(changed):,} changed, {len(removed):,} removed"
    writer(err=True).line(summary)
    if options.output == "json":
        paths = {"files": sorted(files), "changed": changed, "removed": removed}
        print_json({"schema": 1, **paths, "problems": problems})
    return EXIT_WRONG if problems else 0


def _problems(rows: Overview) -> list[str]:
    """A sentence for each row that is not in the feed, and for each region that was not read."""
    cut = [
        f"region {each.region} has more image rows than are read, so its feed is incomplete"
        for each in rows.snapshot.regions
        if not each.images.complete
    ]
    return [*unreadable(rows.snapshot), *rows.problems, *unsafe_names(rows), *cut]
