"""Zip files are reproducible: they do not depend on time, place or user."""

from __future__ import annotations

import io
import zipfile

from infra.package.archive import zipped


def _entries(content: bytes) -> list[zipfile.ZipInfo]:
    return zipfile.ZipFile(io.BytesIO(content)).infolist()


def test_files_are_sorted_by_name() -> None:
    """The archive does not depend on the order of the files."""
    files = {"b/x.py": b"1", "a.py": b"2", "b.py": b"3"}
    backwards = dict(reversed(files.items()))

    assert [entry.filename for entry in _entries(zipped(files))] == ["a.py", "b.py", "b/x.py"]
    assert zipped(files) == zipped(backwards)


def test_content_is_unchanged() -> None:
    """Every file in the archive has its original content."""
    files = {"text.json": b'{"a": 1}' * 1000, "empty": b"", "tschüs.py": bytes(range(256))}
    archive = zipfile.ZipFile(io.BytesIO(zipped(files)))

    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == files


def test_entries_have_fixed_time_and_mode() -> None:
    """All entries have the same time; all users may read files and execute libraries."""
    entries = _entries(zipped({"a.py": b"", "lib/_core.so": b""}))

    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.create_system for entry in entries} == {3}
    assert {e.filename: oct(e.external_attr >> 16) for e in entries} == {
        "a.py": "0o100644",
        "lib/_core.so": "0o100755",
    }


def test_files_are_compressed() -> None:
    """Files are compressed."""
    content = zipped({"model.json": b"documentation" * 10_000})

    assert _entries(content)[0].compress_type == zipfile.ZIP_DEFLATED
    assert len(content) < 2_000
