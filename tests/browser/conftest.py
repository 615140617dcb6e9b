"""One Chromium for all tests of a process, and pages that assert that nothing went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from support.builders.page import MADE, empty_page, hostile_page, page, partial_rollback_page

from infra.browser.chromium import MISSING, Scheme, chromium, find, offline, open_page
from services.report.page import render
from services.report.page_data import PageData

DESKTOP, PHONE = (1400, 1000), (390, 844)

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    if find() is None:
        pytest.skip(MISSING)
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The rendered pages: every state, hostile texts, no image, over 100 images, a rollback."""
    folder = tmp_path_factory.mktemp("pages")
    pages: dict[str, PageData] = {
        "story": page(32, 35, 4),
        "hostile": hostile_page(),
        "empty": empty_page(),
        "many": page(104, 3, 2),
        "partial": partial_rollback_page(),
    }
    for name, data in pages.items():
        (folder / f"{name}.html").write_text(render(data), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture
def opened(browser: Browser, files: dict[str, Path]) -> Iterator[Open]:
    """Open a page, some minutes after it was made.

    At the end, it has reported no error and has requested nothing.
    """
    problems: list[str] = []
    contexts = []

    def open_(
        name: str = "story",
        fragment: str = "",
        size: tuple[int, int] = DESKTOP,
        scheme: Scheme = "light",
        *,
        script: bool = True,
        minutes: int | None = None,
    ) -> Page:
        context, refused = offline(browser, size, scheme, script=script)
        contexts.append((context, refused))
        if minutes is not None:
            context.clock.set_fixed_time(MADE + timedelta(minutes=minutes))
        context.on("console", lambda message: problems.append(f"console: {message.text}"))
        context.on("weberror", lambda error: problems.append(f"error: {error.error}"))
        context.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        return open_page(context, files[name], fragment)

    yield open_
    requested = [url for _, refused in contexts for url in refused]
    for context, _ in contexts:
        context.close()
    assert (problems, requested) == ([], [])
