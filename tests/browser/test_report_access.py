"""The report page has no serious violation that axe-core finds, in its main views."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from infra.browser.chromium import Scheme, offline, open_page

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".node-axe" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"desktop": (1400, 1000), "phone": (390, 844)}
VIEWS = {
    "page": ("", ".rollout .toggle"),
    "history": ("open=eks-al2023-1.39-arm64@us-east-1@111122223333", ""),
    "one region": ("region=eu-west-2&state=ok,lagging&cells=age", "#f-toggle:visible"),
}
RUN = """() => axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations
  .filter((each) => ['serious', 'critical'].includes(each.impact))
  .map((each) => `${each.id}: ${each.nodes.length}: ${each.nodes[0].html.slice(0, 200)}`))"""


def violations(page: Page) -> list[str]:
    """The serious and critical violations of a page."""
    page.add_script_tag(path=AXE)
    found: list[str] = page.evaluate(RUN)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_no_serious_violation(
    browser: Browser, files: dict[str, Path], size: str, scheme: Scheme
) -> None:
    """Names, roles, contrast and structure, with an opened roll-out, a history, and filters.

    The script of axe-core is not in the content security policy, which these contexts ignore.
    """
    if not AXE.is_file():
        pytest.skip("no axe-core: run `make test`, which installs it into .node-axe")
    context, _ = offline(browser, SIZES[size], scheme, ignore_policy=True)
    found = {}
    for view, (fragment, click) in VIEWS.items():
        page = open_page(context, files["story"], fragment)
        if click and page.locator(click).count():
            page.locator(click).first.click()
        found[view] = violations(page)
        page.close()
    context.close()

    assert found == {view: [] for view in VIEWS}
