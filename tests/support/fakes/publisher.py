"""The files of a bucket in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class FakeFiles:
    """Keeps every file, behind the port `services.publisher.publish.Files`.

    An ETag is a number that grows with each write: it is not a digest, as with a customer key.
    `errors` has the exception of a path, and `undeleted` the paths that are not deleted. `calls`
    has each call and its path, in order.
    """

    name: str = "site"
    texts: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    undeleted: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    _etags: dict[str, str] = field(default_factory=dict)

    def etags(self, folder: str) -> dict[str, str]:
        """Return the ETags of a folder."""
        self.calls.append(("etags", folder))
        return {
            path.removeprefix(folder): etag
            for path, etag in self._etags.items()
            if path.startswith(folder)
        }

    def read(self, path: str) -> str:
        """Return the text of a file."""
        self.calls.append(("read", path))
        return self.texts[path]

    def write(self, path: str, text: str, content_type: str) -> str:
        """Keep a file."""
        self.calls.append(("write", path))
        if path in self.errors:
            raise self.errors[path]
        self.texts[path] = text
        self.types[path] = content_type
        self._etags[path] = f'"{len(self.calls)}"'
        return self._etags[path]

    def delete(self, paths: Sequence[str]) -> list[str]:
        """Delete files."""
        for path in paths:
            self.calls.append(("delete", path))
            if path not in self.undeleted:
                del self.texts[path], self._etags[path]
        return [path for path in paths if path in self.undeleted]

    def called(self, operation: str) -> list[str]:
        """Return the paths of the calls of an operation, and forget all calls."""
        found = [path for name, path in self.calls if name == operation]
        self.calls.clear()
        return found
