"""A run: compares the site with the bucket, and writes what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Protocol

from services.history.overview import Overview
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, UnpublishedError
from services.kernel.observability import Log
from services.publisher.report import PublishReport
from services.publisher.site import (
    FEED,
    INDEX,
    PAGE,
    RECORD,
    Site,
    Written,
    content_type,
    decode_record,
    digest,
    encode_record,
    plan,
)

THREADS = 8
_TIME_IS_UP = "the time of the function is up; the next run continues"


class Files(Protocol):
    """The files of a bucket, below its prefix."""

    @property
    def name(self) -> str:
        """The name of the bucket."""
        ...

    def etags(self, folder: str) -> dict[str, str]:
        """The ETag of each file below a folder, by its path in the folder."""
        ...

    def read(self, path: str) -> str:
        """The text of a file that exists."""
        ...

    def write(self, path: str, text: str, content_type: str) -> str:
        """Write a file and return its ETag."""
        ...

    def delete(self, paths: Sequence[str]) -> list[str]:
        """Delete files; return those that are not deleted."""
        ...


class Publisher:
    """Writes the site of a deployment to its bucket.

    The files of pairs come first, then the files that list them, then the page. So a reader who
    follows the index finds every file that it names. Files that are no longer listed are deleted
    last. `make` gets the earlier index too, None if there is none.
    """

    def __init__(
        self,
        read: Callable[[datetime], Overview],
        make: Callable[[Overview, str | None], Site],
        files: Files,
        log: Log,
    ) -> None:
        self._read = read
        self._make = make
        self._files = files
        self._log = log

    def run(self, moment: datetime, deadline: Deadline) -> PublishReport:
        """Read the table at a moment, and publish.

        Raises:
            HubBrokenError: the table or the bucket cannot be used.
            CallFailedError: one of them is busy; no file was written.
            UnpublishedError: some files were not written or deleted.
        """
        overview = self._read(moment)
        etags = self._files.etags(FEED)
        earlier = {path: self._files.read(FEED + path) for path in (INDEX, RECORD) if path in etags}
        site = self._make(overview, earlier.get(INDEX))
        record = decode_record(earlier.get(RECORD, ""))
        return _Run(site, self._files, self._log, deadline).publish(etags, record)


class _Run:
    def __init__(self, site: Site, files: Files, log: Log, deadline: Deadline) -> None:
        self._site = site
        self._files = files
        self._log = log
        self._deadline = deadline
        self._problems: dict[str, str] = {}

    def publish(self, etags: Mapping[str, str], record: Mapping[str, Written]) -> PublishReport:
        changes = plan(self._site, etags, record)
        written = dict(changes.kept)
        report = PublishReport(unchanged=len(changes.kept))
        for paths in (changes.first, changes.then):
            if not self._problems:
                written |= self._write_all(paths)
        if written != record:
            self._files.write(FEED + RECORD, encode_record(written), content_type(RECORD))
        self._check()
        self._files.write(PAGE, self._site.page, content_type(PAGE))
        report.written = 1 + len(written) - len(changes.kept)
        report.deleted = self._delete(changes.delete)
        self._check()
        self._log.info("site published", extra=report.answer())
        return report

    def _write_all(self, paths: Sequence[str]) -> dict[str, Written]:
        """Write these files at the same time; the ones that were written."""
        with ThreadPoolExecutor(THREADS) as pool:
            return dict(_found(paths, pool.map(self._write, paths)))

    def _write(self, path: str) -> Written | None:
        text = self._site.feed[path]
        if self._deadline.passed():
            self._problems[path] = _TIME_IS_UP
            return None
        try:
            etag = self._files.write(FEED + path, text, content_type(path))
        except CallFailedError as error:
            self._problems[path] = str(error)
            extra = {"path": path, "code": error.failure.code, "detail": error.failure.detail}
            self._log.warning("file not written", extra=extra)
            return None
        return Written(digest(text), etag)

    def _delete(self, paths: Sequence[str]) -> int:
        left = self._files.delete([FEED + path for path in paths]) if paths else []
        self._problems |= dict.fromkeys(left, "S3 did not delete it")
        return len(paths) - len(left)

    def _check(self) -> None:
        """Raise an error if a file was not written or deleted."""
        for problem in self._problems.values():
            raise UnpublishedError(self._files.name, sorted(self._problems), problem)


def _found(
    paths: Sequence[str], results: Iterator[Written | None]
) -> Iterator[tuple[str, Written]]:
    for path, result in zip(paths, results, strict=True):
        if result is not None:
            yield path, result
