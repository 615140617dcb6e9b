"""The folder of the feed: writes what changed, and never touches a file of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.console.files import UnwritableError, replace_file
from services.console.lookup.problems import UsageProblem
from services.feed.index import INDEX
from services.feed.origin import is_of_a_feed

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FeedFolder:
    """A folder with a feed, or in which one will be. Other files in it stay as they are."""

    path: Path

    def index(self) -> str | None:
        """The `index.json` of the last run; None if there is none that can be read."""
        content = self._content(INDEX)
        return content.decode(errors="replace") if content is not None else None

    def pair_paths(self) -> list[str]:
        """The paths at which files of pairs can be, relative to the folder."""
        return sorted(
            each.relative_to(self.path).as_posix() for each in self.path.glob("*/*/*.json")
        )

    def write(self, files: Mapping[str, str]) -> tuple[str, ...]:
        """Write the files whose content differs, and return their paths.

        The files at the root come last, since they refer to others.

        Raises:
            UsageProblem: a file of others has the path of one of the files; nothing is written.
            UnwritableError: a file cannot be written.
        """
        earlier = {path: self._content(path) for path in files}
        changed = [path for path, text in files.items() if earlier[path] != text.encode()]
        self._refuse_others(path for path in changed if self._is_of_others(path, earlier[path]))
        for path in sorted(changed, key=lambda each: ("/" not in each, each)):
            self._write(path, files[path])
        return tuple(sorted(changed))

    def remove(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Delete those of the files that are a feed's, and return their paths.

        Raises:
            UnwritableError: a file cannot be deleted.
        """
        removed = []
        for path in paths:
            content = self._content(path)
            if content is not None and is_of_a_feed(path, content):
                self._remove(self.path / path)
                removed.append(path)
        return tuple(removed)

    def _content(self, path: str) -> bytes | None:
        try:
            return (self.path / path).read_bytes()
        except OSError:
            return None

    def _is_of_others(self, path: str, content: bytes | None) -> bool:
        if content is None:
            return (self.path / path).exists()
        return not is_of_a_feed(path, content)

    def _refuse_others(self, paths: Iterable[str]) -> None:
        found = sorted(paths)
        if found:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            message = (
                f"--out {self.path}: {', '.join(found[:_SHOWN])}{more} is not a file of a feed, so "
                "it is not replaced; use another folder, or delete it; nothing was written"
            )
            raise UsageProblem(message)

    def _write(self, path: str, text: str) -> None:
        file = self.path / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnwritableError(file, error) from error
        replace_file(file, text)

    def _remove(self, file: Path) -> None:
        try:
            file.unlink()
            for folder in (file.parent, file.parent.parent):
                if not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as error:
            raise UnwritableError(file, error) from error
