"""Measures a report page: `python -m infra.browser.measure FILE`.

It prints the size of the file, and for a desktop and a phone the number of elements, the time to
the first paint, and how long expanding everything and a filter take.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from infra.browser.chromium import BrowserMissingError, chromium, offline, open_page
from infra.browser.screenshots import DESKTOP, PHONE

RUNS = 5

_PAINT = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    const paint = list.getEntriesByName('first-contentful-paint')[0];
    if (paint) done(paint.startTime);
  }).observe({ type: 'paint', buffered: true });
})"""
_ELEMENTS = "document.querySelectorAll('*').length"
# Both wait for the layout, which `offsetHeight` needs.
_EXPAND = """() => {
  const start = performance.now();
  document.getElementById('m-expand').click();
  document.body.offsetHeight;
  return performance.now() - start;
}"""
_FILTER = """() => {
  const start = performance.now();
  const select = document.getElementById('f-region');
  select.selectedIndex = 1;
  select.dispatchEvent(new Event('change'));
  document.body.offsetHeight;
  return performance.now() - start;
}"""


def _opened(browser: Browser, file: Path, size: tuple[int, int]) -> Page:
    context, _ = offline(browser, size)
    return open_page(context, file)


def measure(browser: Browser, file: Path, size: tuple[int, int]) -> dict[str, float]:
    """The figures for a size of the window; times in milliseconds, the medians of some runs."""
    found: dict[str, list[float]] = {}
    for _ in range(RUNS):
        page = _opened(browser, file, size)
        run = {"first paint": page.evaluate(_PAINT), "elements": page.evaluate(_ELEMENTS)}
        if size == DESKTOP:
            run["expand all"] = page.evaluate(_EXPAND)
            run["elements, expanded"] = page.evaluate(_ELEMENTS)
        run["filter"] = page.evaluate(_FILTER)
        page.context.close()
        for name, value in run.items():
            found.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def report(browser: Browser, file: Path) -> str:
    """The figures of a page as text."""
    content = file.read_bytes()
    lines = [f"{len(content) / 1000:.0f} KB, {len(gzip.compress(content)) / 1000:.0f} KB with gzip"]
    for size in (DESKTOP, PHONE):
        figures = measure(browser, file, size)
        found = ", ".join(f"{name} {value:.0f}" for name, value in figures.items())
        lines.append(f"{size[0]} pixels: {found}")
    return "\n".join(lines)


def main() -> int:
    """Print the figures of a page."""
    parser = argparse.ArgumentParser(description="Measure a report page in Chromium.")
    parser.add_argument("file", type=Path, help="the page")
    options = parser.parse_args()
    try:
        with chromium() as browser:
            sys.stdout.write(report(browser, options.file) + "\n")
    except BrowserMissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
