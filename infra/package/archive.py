"""Reproducible zip files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in the zip format
_UNIX = 3
_READABLE = 0o100644
_EXECUTABLE = 0o100755
_LEVEL = 9


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip file of these files, sorted, with a fixed time and system, and a mode for each kind."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name], zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
    entry.create_system = _UNIX
    mode = _EXECUTABLE if name.endswith(".so") else _READABLE
    entry.external_attr = mode << 16
    return entry
