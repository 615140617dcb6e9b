"""Starts the system's Chromium with Playwright, without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = f"no browser: install Chromium as one of {', '.join(NAMES)}"

Scheme = Literal["light", "dark"]


class BrowserMissingError(Exception):
    """No Chromium is installed."""


def find() -> str | None:
    """Find the program of Chromium in the path."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; end it afterwards."""
    program = find()
    if program is None:
        raise BrowserMissingError(MISSING)
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = ["--no-sandbox"] if as_root else []  # the sandbox does not work for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield browser
        finally:
            browser.close()


def offline(
    browser: Browser,
    size: tuple[int, int],
    scheme: Scheme = "light",
    *,
    script: bool = True,
    ignore_policy: bool = False,
) -> tuple[BrowserContext, list[str]]:
    """Make a context that requests only files; the list receives the URLs that it refused.

    `ignore_policy` is for scripts of a test, which the content security policy does not allow.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
        offline=True,
        java_script_enabled=script,
        bypass_csp=ignore_policy,
    )
    refused: list[str] = []

    def decide(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    context.route("**/*", decide)
    return context, refused


def open_page(context: BrowserContext, file: Path, fragment: str = "") -> Page:
    """Open a file."""
    page = context.new_page()
    page.goto(file.resolve().as_uri() + (f"#{fragment}" if fragment else ""))
    return page
