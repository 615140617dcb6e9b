"""The pictures and the figures of a report page."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from infra.browser import chromium, measure, screenshots


def png_size(file: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    width, height = struct.unpack(">II", file.read_bytes()[16:24])
    return width, height


@pytest.mark.parametrize("name", ["desktop-rollouts", "phone-history"])
def test_pictures_have_the_size_of_the_window(
    browser: Browser, files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """A picture of a section, and one of an opened history."""
    shot = next(each for each in screenshots.SHOTS if each.name == name)

    picture = screenshots.take(browser, files["story"], shot, tmp_path)

    assert png_size(picture) == shot.size


def test_figures_of_a_page(
    browser: Browser, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, elements, and times of both windows."""
    monkeypatch.setattr(measure, "RUNS", 1)

    size, desktop, phone = measure.report(browser, files["many"]).splitlines()

    assert size.endswith("KB with gzip")
    for name in ("first paint", "elements", "expand all", "filter"):
        assert f"{name} " in desktop, name
    assert phone.startswith("390 pixels: first paint ")


@pytest.mark.parametrize("tool", [screenshots, measure], ids=["screenshots", "measure"])
def test_tools_say_that_a_browser_is_missing(
    tool: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without Chromium they fail with what to install."""
    monkeypatch.setattr(chromium, "find", lambda: None)
    arguments = ["tool", str(tmp_path / "page.html"), str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments if tool is screenshots else arguments[:2])

    assert tool.main() == 1  # type: ignore[attr-defined]
    assert capsys.readouterr().err == f"{chromium.MISSING}\n"
