"""The images and the targets of a lookup."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.catalogue.sdk_regions import sdk_regions
from services.console.lookup.problems import UsageProblem
from services.kernel.model import Catalogue, Image, Target
from services.kernel.wire import REGION

_LISTED = 10

Selection = Mapping[Target, Sequence[Image]]
"""The images to look up in each target."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look up: the configured targets, and the regions that the command names.

    `account_id` is the caller's account. With `caller_only`, it replaces the configured accounts:
    with the caller's own credentials, and without regions.yaml.
    """

    configured: Sequence[Target]
    regions: Sequence[str]
    account_id: str
    caller_only: bool

    def targets(self, region: str) -> Sequence[Target]:
        """The targets of a region."""
        if self.caller_only:
            return [Target(self.account_id, region)]
        return [target for target in self.configured if target.region == region]

    def tracks(self, image: Image, target: Target) -> bool:
        """Whether the image is looked up there; the caller's account replaces the configured."""
        if not self.caller_only:
            return image.is_tracked_in(target)
        listed = [each for each in self.configured if each.region == target.region]
        if not listed:
            return image.regions is None or target.region in image.regions
        return any(image.is_tracked_in(each) for each in listed)


def named_images(catalogue: Catalogue, names: Sequence[str]) -> Sequence[Image]:
    """The images of these names; all of them without names.

    Raises:
        UsageProblem: there is no image of a name.
    """
    if not names:
        return catalogue.images
    known = {image.name: image for image in catalogue.images}
    for name in names:
        if name not in known:
            raise UsageProblem(_unknown(name, known))
    return [known[name] for name in dict.fromkeys(names)]


def _unknown(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f"no image is named {name!r} in the files of --images{guess}"


def nearest(text: str, known: Iterable[str], count: int = 1) -> Sequence[str]:
    """The most similar texts, in any case."""
    lower = {each.lower(): each for each in sorted(known)}
    found = difflib.get_close_matches(text.lower()[:300], lower, n=count)
    return [lower[each] for each in found]


def checked_regions(regions: Sequence[str], configured: Iterable[str]) -> Sequence[str]:
    """The regions without duplicates.

    Raises:
        UsageProblem: one is not a region, neither of this version's list nor of regions.yaml.
    """
    known = {*sdk_regions(), *configured}
    for region in regions:
        if not re.match(REGION, region) or region not in known:
            near = nearest(region, known)
            guess = f"; did you mean {near[0]}?" if near else ""
            file = "; --regions takes names, and --regions-file a file" if "." in region else ""
            message = f"{region!r} is not in this version's list of regions{guess}{file}"
            raise UsageProblem(message)
    return list(dict.fromkeys(regions))


def selected(images: Sequence[Image], places: Places, *, named: bool) -> Selection:
    """The images in each target; with `named`, each image must have one.

    Raises:
        UsageProblem: a region or an image has no target.
    """
    chosen: dict[Target, list[Image]] = defaultdict(list)
    for region in places.regions:
        targets = places.targets(region)
        if not targets:
            message = (
                f"{region} is not in regions.yaml, so the account of its role is unknown; add it "
                "there, or use --no-assume-role"
            )
            raise UsageProblem(message)
        for target in targets:
            chosen[target] += [image for image in images if places.tracks(image, target)]
    found = {image.name for each in chosen.values() for image in each}
    missing = [image.name for image in images if image.name not in found]
    if missing and (named or not found):
        raise UsageProblem(_excluded(missing, places.regions))
    return {target: found for target, found in chosen.items() if found}


def _excluded(names: Sequence[str], regions: Sequence[str]) -> str:
    return (
        f"{', '.join(names[:_LISTED])}: Regions, Accounts or the ARN of the entry exclude "
        f"{', '.join(regions[:_LISTED])}; use other --regions"
    )
