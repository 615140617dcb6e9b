"""The report page in Chromium with hostile texts, without scripts, and in print."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]
READABLE = "\\u{202E}evil\\u{2028}\\u{200B}"


@pytest.mark.parametrize("size", [(1400, 1000), (390, 844)])
def test_hostile_texts_do_nothing_and_are_readable(opened: Open, size: tuple[int, int]) -> None:
    """No text becomes an element, an attribute or a link; hidden characters are shown."""
    page = opened("hostile", size=size)
    page.locator("#causes button.names").first.click()
    page.locator("#history-close").click()
    page.locator(".rollout .toggle").first.click()

    assert page.evaluate("[typeof window.broken, document.querySelectorAll('img').length]") == [
        "undefined",
        0,
    ]
    assert page.locator("a[href^='javascript'], [onerror]").count() == 0
    assert page.evaluate("document.body.innerText.includes('\\u202e')") is False
    for place in ("#causes", ".rollout", "#change-rows", ".hub", "#history"):
        assert READABLE in (page.locator(place).first.text_content() or ""), place


def test_copied_text_has_no_hidden_character(opened: Open) -> None:
    """What is copied into a shell is what is shown."""
    page = opened("hostile")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".copy").first.click()

    expect(page.locator("#message")).to_have_text("Copied")
    assert READABLE in page.evaluate("navigator.clipboard.readText()")


def test_page_without_scripts(opened: Open) -> None:
    """Verdict, causes and current images are plain HTML; nothing that needs a script is shown."""
    page = opened(script=False)

    expect(page.locator(".verdict")).to_contain_text("Not healthy")
    assert page.locator("#causes > tr:visible").count() > 5
    assert page.locator(".plain tr:visible").count() > 32
    assert page.locator(".plain", has_text="lagging: ap-southeast-3").count() == 1
    assert page.locator("button:visible, select:visible, input:visible").count() == 0


def test_page_prints_its_tables(opened: Open) -> None:
    """In print there are no controls, and the head of the table is plain text."""
    page = opened()
    page.emulate_media(media="print")

    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#causes")).to_be_visible()
    expect(page.locator("#grid .geo .plain").first).to_be_visible()
    assert page.locator("#grid .geo button:visible").count() == 0
    assert page.evaluate("document.getElementById('grid-scroll').scrollHeight") <= page.evaluate(
        "document.getElementById('grid-scroll').clientHeight"
    )
    assert page.pdf(format="A4", landscape=True).startswith(b"%PDF")
