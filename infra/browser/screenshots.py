"""Makes screenshots of a report page: `python -m infra.browser.screenshots FILE FOLDER`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from infra.browser.chromium import BrowserMissingError, Scheme, chromium, offline, open_page

DESKTOP, PHONE = (1400, 1000), (390, 844)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: of a section, after a click on the first of some elements that exists."""

    name: str
    size: tuple[int, int] = DESKTOP
    scheme: Scheme = "light"
    section: str = ""
    clicks: tuple[str, ...] = ()
    fragment: str = ""


SHOTS = (
    Shot("desktop-light"),
    Shot("desktop-dark", scheme="dark"),
    Shot("desktop-rollouts", section="rollouts", clicks=(".rollout .toggle",)),
    Shot("desktop-dark-matrix", scheme="dark", section="matrix"),
    Shot("desktop-matrix-age", section="matrix", fragment="cells=age"),
    Shot("desktop-timeline", section="timeline"),
    Shot("desktop-history", clicks=("#grid td.move[data-target]", "#grid td[data-target]")),
    Shot("phone-light", PHONE),
    Shot("phone-dark-matrix", PHONE, "dark", section="matrix"),
    Shot("phone-rollouts", PHONE, section="rollouts"),
    Shot(
        "phone-history",
        PHONE,
        clicks=("#causes tr:has(.move) button.names", "#changes button.link"),
    ),
)


def take(browser: Browser, file: Path, shot: Shot, folder: Path) -> Path:
    """Make a picture."""
    context, _ = offline(browser, shot.size, shot.scheme)
    page = open_page(context, file, shot.fragment)
    _prepare(page, shot)
    target = folder / f"{shot.name}.png"
    page.screenshot(path=target)
    context.close()
    return target


def _prepare(page: Page, shot: Shot) -> None:
    if shot.section:
        page.evaluate("(id) => document.getElementById(id).scrollIntoView()", shot.section)
    found = (page.locator(selector).first for selector in shot.clicks)
    element = next((each for each in found if each.count()), None)
    if element:
        element.click()


def main() -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description="Make pictures of a report page.")
    parser.add_argument("file", type=Path, help="the page")
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        with chromium() as browser:
            for shot in SHOTS:
                sys.stdout.write(f"{take(browser, options.file, shot, options.folder)}\n")
    except BrowserMissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
