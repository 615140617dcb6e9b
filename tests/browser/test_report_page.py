"""The report page in Chromium: filters, deep links, the history, the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]
PHONE = (390, 844)
DAY = 24 * 60
LAGGING = "eks-al2023-1.40-x86_64"
PAIR = f"open={LAGGING}@eu-west-2@111122223333"


def active(page: Page) -> str:
    """Text of the element that has the focus."""
    return str(page.evaluate("document.activeElement.textContent"))


def cell(page: Page, image: str, target: int) -> str:
    """Selector of a cell of the table."""
    row = page.locator("#grid tr.image", has=page.locator(f"th[title='{image}']"))
    number = row.get_attribute("data-image")
    return f"#grid tr[data-image='{number}'] td[data-target='{target}']"


# --- what is there


def test_page_opens_from_a_file(opened: Open) -> None:
    """All sections have content, and the fixture finds no error and no request."""
    page = opened()

    expect(page.locator("html")).to_have_class("scripted")
    expect(page.locator("#counts")).to_have_text("32 images, 34 regions")
    for rows in ("#causes > tr", ".rollout", "#grid tr.image", "#change-rows > tr", ".lane"):
        assert page.locator(rows).count() > 5, rows
    assert page.locator("#grid tr.image").count() == 32


def test_every_state_is_in_the_legend_and_in_the_table(opened: Open) -> None:
    """A state has a button with its count, and as many cells with its name."""
    page = opened()
    names = page.locator("#states button").all_inner_texts()

    assert [re.sub(r"\s+[\d,]+$", "", name) for name in names] == [
        "Failing",
        "Never found",
        "Withdrawn",
        "Stale",
        "Unknown",
        "Lagging",
        "Pending",
        "Rolled back",
        "Rolling out",
        "Deprecated",
        "Current",
    ]
    for name in ("Lagging", "Rolled back", "Withdrawn"):
        number = page.locator("#states button", has_text=name).locator("b").inner_text()
        cells = page.locator("#grid td[data-target]", has_text=name)
        assert cells.count() == int(number), name


def test_empty_page_says_what_to_do(opened: Open) -> None:
    """Without images there are no filters and no empty tables."""
    page = opened("empty")

    expect(page.locator("#attention .none")).to_contain_text("The first round")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#matrix")).to_be_hidden()


def test_families_start_collapsed_with_many_images(opened: Open) -> None:
    """Rows of an image are made when its family is opened."""
    page = opened("many")

    assert page.locator("#grid tr.image").count() == 0
    page.locator("#grid .family .toggle").first.click()
    opened_rows = page.locator("#grid tr.image").count()
    page.locator("#m-expand").click()
    assert (opened_rows, page.locator("#grid tr.image").count()) == (12, 104)


# --- age of the page


@pytest.mark.parametrize(
    ("name", "minutes", "expected"),
    [
        ("story", 42, "fresh"),
        ("story", 43, "late"),
        ("story", DAY, "old"),
        ("empty", DAY - 1, "fresh"),
        ("empty", DAY, "old"),
        ("story", -30, "late"),
    ],
)
def test_age_of_the_page(opened: Open, name: str, minutes: int, expected: str) -> None:
    """Amber from three missed rounds, red from a day; only red if the interval is unknown.

    The last round was two minutes before the page, and there is one every 15 minutes.
    """
    page = opened(name, minutes=minutes)

    expect(page.locator("#freshness")).to_have_class(expected)


# --- filters


def test_text_filter_finds_names_and_says_how_many(opened: Open) -> None:
    """The filter applies to the table, the roll-outs and the timeline."""
    page = opened()
    page.locator("#f-q").fill("eks-al2023-1.40")

    expect(page.locator("#counts")).to_have_text("2 of 32 images, 34 regions")
    assert page.locator("#grid tr.image").count() == 2
    assert page.url.endswith("#q=eks-al2023-1.40")


def test_image_id_in_the_search_says_what_it_is(opened: Open) -> None:
    """An id finds its release, region and whether it is current."""
    page = opened(fragment=PAIR)
    known = page.locator(".pair .copy").inner_text()
    page.keyboard.press("Escape")
    page.locator("#f-q").fill(known)

    expect(page.locator("#ids li").first).to_contain_text(
        f"{known} is v20261122 of {LAGGING} in eu-west-2"
    )


def test_nothing_matches(opened: Open) -> None:
    """Without a match the page says so, and Clear shows everything again."""
    page = opened(fragment="q=nothing-like-this")

    expect(page.locator("#nothing")).to_be_visible()
    page.locator("#f-clear").click()
    expect(page.locator("#nothing")).to_be_hidden()
    expect(page.locator("#counts")).to_have_text("32 images, 34 regions")


def test_deep_link_filters_and_back_returns(opened: Open) -> None:
    """The fragment is the state; the back button undoes a filter."""
    page = opened(fragment="region=ap-southeast-7&state=lagging")

    expect(page.locator("#f-region")).to_have_value("ap-southeast-7")
    expect(page.locator("#states [data-key=lagging]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#counts")).to_have_text("2 of 32 images, 1 of 34 regions")
    page.locator("#f-family").select_option("windows")
    expect(page.locator("#nothing")).to_be_visible()
    page.go_back()
    expect(page.locator("#counts")).to_have_text("2 of 32 images, 1 of 34 regions")


def test_state_buttons_toggle_and_keep_the_focus(opened: Open) -> None:
    """Two states show the images of both."""
    page = opened()
    button = page.locator("#states [data-key=never]")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#counts")).to_have_text("1 of 32 images, 34 regions")
    assert active(page).startswith("Never found")
    page.locator("#states [data-key=lagging]").click()
    expect(page.locator("#counts")).to_have_text("3 of 32 images, 34 regions")
    assert page.url.endswith("state=never,lagging")


def test_unknown_deep_links_are_harmless(opened: Open) -> None:
    """A link of an older page, or one that was written by hand."""
    page = opened(fragment="region=xx-1&state=no,&sort=__proto__&since=x&open=a@b@c&%zz=%")

    expect(page.locator("#history-body")).to_contain_text("no such image")
    page.keyboard.press("Escape")
    expect(page.locator("#f-region")).to_have_value("xx-1")
    expect(page.locator("#nothing")).to_be_visible()


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("name", "amazon-linux-1.35-arm64"),
        ("worst", "amazon-linux-1.36-arm64"),
        ("newest", "amazon-linux-1.35-x86_64"),
    ],
)
def test_sorts(opened: Open, sort: str, first: str) -> None:
    """Other orders have no families."""
    page = opened()
    page.locator("#f-sort").select_option(sort)

    assert page.locator("#grid .family").count() == 0
    assert page.locator("#grid tr.image th").first.get_attribute("title") == first


# --- history of a pair


def test_history_by_mouse(opened: Open) -> None:
    """A click on a cell opens the history; Close returns to the cell."""
    page = opened()
    place = cell(page, LAGGING, 0)
    page.locator(place).click()

    expect(page.locator("#history")).to_be_visible()
    expect(page.locator("#history-title")).to_have_text(LAGGING)
    expect(page.locator("#history-where")).to_contain_text("us-east-1, Virginia")
    assert page.locator(".history li").count() == 4
    assert f"#open={LAGGING}@us-east-1@111122223333" in page.url
    page.locator("#history-close").click()
    expect(page.locator("#history")).to_be_hidden()
    assert page.evaluate("(place) => document.activeElement.matches(place)", place)
    assert "#" not in page.url


def test_history_by_keyboard(opened: Open) -> None:
    """The table is one stop of the Tab key; Enter opens a cell, Escape returns to it."""
    page = opened()
    page.locator("#m-collapse").focus()
    page.keyboard.press("Tab")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "End", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator("#tip")).to_be_visible()
    before = page.evaluate("document.activeElement.dataset.target")
    page.keyboard.press("Enter")
    expect(page.locator("#history-title")).to_have_text("eks-al2023-1.40-arm64")
    page.keyboard.press("Escape")
    expect(page.locator("#history")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.target") == before == "33"
    page.keyboard.press("Control+End")
    assert page.evaluate("document.activeElement.dataset.target") == "34"
    page.keyboard.press("Control+Home")
    assert active(page) == "Americas"
    page.keyboard.press("Tab")
    assert page.evaluate("!document.getElementById('grid').contains(document.activeElement)")


def test_groups_close_by_keyboard_and_keep_the_focus(opened: Open) -> None:
    """A family is closed with Enter; the arrow keys go over it."""
    page = opened()
    page.locator("#grid .family .toggle").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#grid tr.image").count() == 28
    assert active(page) == "eks-al2023"
    page.keyboard.press("ArrowDown")
    assert active(page) == "bottlerocket"


def test_history_of_a_rollback_has_what_changed(opened: Open) -> None:
    """Reason, kind, ids, and commands for this pair."""
    page = opened(fragment="open=eks-al2023-1.39-arm64@us-east-1@111122223333")
    drawer = page.locator("#history-body")

    expect(drawer.locator(".reason")).to_contain_text("Rolled back since")
    expect(drawer.locator(".history li").first).to_contain_text("rollback")
    expect(drawer.locator(".facts")).to_contain_text("release_version")
    assert drawer.locator(".commands code").first.inner_text() == (
        "ami-tracker history eks-al2023-1.39-arm64 --regions us-east-1 --account 111122223333"
    )


def test_other_region_in_the_drawer(opened: Open) -> None:
    """The region can be changed without closing; one Escape closes."""
    page = opened()
    page.locator(cell(page, LAGGING, 0)).click()
    page.locator("#history-target").select_option(label="eu-west-2")

    expect(page.locator("#history-where")).to_contain_text("eu-west-2, London")
    page.keyboard.press("Escape")
    expect(page.locator("#history")).to_be_hidden()


def test_slash_goes_to_the_search_and_help_lists_the_keys(opened: Open) -> None:
    """Shortcuts do not apply while a text is typed."""
    page = opened()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("a/?")

    expect(page.locator("#f-q")).to_have_value("a/?")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#f-q")).to_have_value("")


# --- roll-outs, timeline, phone


def test_rollout_says_what_is_missing(opened: Open) -> None:
    """The lagging release is first, with its regions in words, and opens to the times."""
    page = opened()
    first = page.locator(".rollout").first

    expect(first).to_contain_text("Lagging: ap-southeast-3, ap-southeast-4")
    first.locator(".toggle").click()
    expect(first.locator(".targets li").first).to_contain_text("not yet")
    assert first.locator(".targets li").count() == 35


def test_timeline_of_a_period(opened: Open) -> None:
    """A shorter period has fewer changes, and is in the fragment."""
    page = opened()
    page.locator("#since").select_option("7d")

    expect(page.locator("#timeline-count")).to_contain_text("changes")
    assert page.url.endswith("#since=7d")
    assert page.locator("#change-rows", has_text="rollback").count() == 1


def test_phone_shows_cards_with_exceptions(opened: Open) -> None:
    """Whole targets are named once; the filter is closed and opens with a press."""
    page = opened(size=PHONE)

    expect(page.locator("#cards > p").first).to_contain_text("for all images")
    expect(page.locator("#f-fields")).to_be_hidden()
    page.locator("#f-toggle").click()
    expect(page.locator("#f-fields")).to_be_visible()
    card = page.locator(".card").first
    expect(card).to_contain_text("Lagging")
    card.locator("summary").click()
    card.locator(".pairs button").first.click()
    expect(page.locator("#history")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_rollback_in_some_regions_is_no_delay_of_the_others(opened: Open) -> None:
    """A publisher can go back in one region only: the other regions do not lag behind that."""
    page = opened("partial")
    row = page.locator("#rollout-rows > li", has_text="rollback")

    expect(row).to_contain_text("Rolled back in 1 of 3 regions")
    expect(row).to_contain_text("Not rolled back: ")
    row.locator(".toggle").click()
    assert row.locator(".targets li", has_text="not rolled back").count() == 2
