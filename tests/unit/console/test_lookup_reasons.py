"""The search for the filter that finds nothing, and the selection of targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from support.builders.lookup import HERE, MOMENT, a_failure
from support.fakes.lookup import FakeFacts

from services.console.lookup.access import Access
from services.console.lookup.first_pages import FirstPage
from services.console.lookup.problems import UsageProblem
from services.console.lookup.reasons import MAX_FILTERS, reasons
from services.console.lookup.report import MAX_SEARCHES, report
from services.console.lookup.selection import Places, selected
from services.console.lookup.trial import Trials, evaluated, new_pair
from services.kernel.errors import Failure
from services.kernel.model import Filter, FilterLookup, Image, ParameterLookup, State, Target
from services.lookup.responses import FilterEvidence, Finding
from services.lookup.visits import Sessions

ONE, TWO = Filter("architecture", ("x86_64",)), Filter("platform", ("windows",))
OWNED = ("137112412989",)


def access() -> Access:
    """Return the caller's own credentials."""
    return Access(cast("Sessions", None), HERE.account_id, "arn:aws:iam::1:user/me", "aws")


@dataclass
class FakePages:
    """First pages by the names of their filters; every request is recorded."""

    pages: dict[frozenset[str], FirstPage | Failure] = field(default_factory=dict)
    requests: list[frozenset[str]] = field(default_factory=list)

    def first_page(
        self,
        target: Target,  # noqa: ARG002 - the port
        filters: Sequence[Filter],
        owners: Sequence[str],  # noqa: ARG002 - the port
    ) -> FirstPage | Failure:
        """Return the page of these filters; an image if there is none."""
        names = frozenset(each.name for each in filters) - {"state"}
        self.requests.append(names)
        return self.pages.get(names, FirstPage(("acme-1",)))


def searched(pages: FakePages, *filters: Filter) -> list[str]:
    """Return the reasons why these filters find nothing."""
    image = Image("a", FilterLookup(filters, OWNED))
    failure = Failure.of(State.NOT_FOUND, "NoImageMatches", "no image")
    finding = Finding(failure, FilterEvidence())
    return reasons(evaluated(image, new_pair(HERE, image), finding, MOMENT), pages, [])


def test_a_page_that_is_not_the_last_may_find_something() -> None:
    """EC2 can return a page without images before one with images."""
    pages = FakePages({frozenset({"architecture"}): FirstPage((), more=True)})

    assert searched(pages, ONE) == []


def test_a_failure_ends_the_search() -> None:
    """Then the reason is not known."""
    pages = FakePages({frozenset(): a_failure("UnauthorizedOperation")})

    assert searched(pages, ONE, TWO) == []
    assert len(pages.requests) == 1


def test_every_filter_that_finds_nothing_is_named() -> None:
    """The others are not."""
    empty = FirstPage(())
    pages = FakePages({frozenset({"platform"}): empty, frozenset({"architecture"}): empty})

    assert searched(pages, ONE, Filter("name", ("a*",)), TWO) == [
        "architecture=x86_64 finds nothing, even as the only filter",
        "platform=windows finds nothing, even as the only filter",
    ]


def test_the_search_has_a_limit() -> None:
    """The number of filters that are tried, alone and left out, is bounded."""
    pages = FakePages()

    searched(pages, *(Filter(f"tag:{number:02}", ("a",)) for number in range(20)))

    assert len(pages.requests) == 1 + 2 * MAX_FILTERS


def test_few_images_are_searched() -> None:
    """With many images that are not found, the first ones are searched in one target each."""
    lookups = [FilterLookup((Filter("name", (f"x{number}",)),), OWNED) for number in range(20)]
    images = [Image(f"{number:02}", lookup) for number, lookup in enumerate(lookups)]
    trials = Trials(FakeFacts(), MOMENT)
    found = [trial for region in ("a", "b") for trial in trials.look_up(HERE, images)]

    made = report(found, access(), FakePages(), list, MOMENT)

    assert sum(bool(result.hints) for result in made.results) <= MAX_SEARCHES


# --- targets

A, B = "111122223333", "444455556666"
CONFIGURED = [Target(A, "eu-west-1"), Target(B, "eu-west-1"), Target(A, "us-east-1")]
EVERYWHERE = Image("everywhere", ParameterLookup("/a"))
IRISH = Image("irish", ParameterLookup("/a"), regions=frozenset({"eu-west-1"}))
OF_B = Image("of-b", ParameterLookup("/a"), accounts=frozenset({B}))


def chosen(*images: Image, regions: Sequence[str], caller_only: bool) -> set[tuple[str, str, str]]:
    """Return the account, region and image of each lookup; C is the caller's account."""
    places = Places(CONFIGURED, regions, "C", caller_only)
    found = selected(images, places, named=True)
    return {(t.account_id, t.region, i.name) for t, each in found.items() for i in each}


def test_with_roles_every_configured_account_is_looked_up() -> None:
    """Regions and Accounts limit an image as in a round."""
    found = chosen(EVERYWHERE, OF_B, regions=["eu-west-1", "us-east-1"], caller_only=False)

    assert found == {
        (A, "eu-west-1", "everywhere"),
        (B, "eu-west-1", "everywhere"),
        (A, "us-east-1", "everywhere"),
        (B, "eu-west-1", "of-b"),
    }


def test_own_credentials_replace_the_accounts() -> None:
    """A region is looked up once; one that is not configured has every image without Regions."""
    found = chosen(EVERYWHERE, IRISH, OF_B, regions=["eu-west-1", "eu-west-3"], caller_only=True)

    assert found == {
        ("C", "eu-west-1", "everywhere"),
        ("C", "eu-west-1", "irish"),
        ("C", "eu-west-1", "of-b"),
        ("C", "eu-west-3", "everywhere"),
        ("C", "eu-west-3", "of-b"),
    }


@pytest.mark.parametrize("caller_only", [True, False])
def test_a_named_image_must_have_a_target(*, caller_only: bool) -> None:
    """Its limits are named."""
    with pytest.raises(UsageProblem, match="irish: Regions, Accounts or the ARN of the entry"):
        chosen(EVERYWHERE, IRISH, regions=["us-east-1"], caller_only=caller_only)


def test_an_unnamed_image_may_have_none() -> None:
    """Without a NAME, images of other regions are left out."""
    places = Places(CONFIGURED, ["us-east-1"], "C", caller_only=True)

    found = selected([EVERYWHERE, IRISH], places, named=False)

    assert found == {Target("C", "us-east-1"): [EVERYWHERE]}
