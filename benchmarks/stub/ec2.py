"""DescribeImages: evaluates filters, wildcards and owners on the images of the world."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote_plus

from benchmarks.stub.responses import ServiceError
from benchmarks.world import (
    Builds,
    World,
    ami_name,
    architecture,
    build_date,
    image_id,
    image_of,
    name_prefix,
    owner,
)

_FIELD = re.compile(rb"(?:^|&)([^=&]+)=([^&]*)")
_FILTER = re.compile(r"Filter\.(\d+)\.(?:Name|Value\.\d+)\Z")
_LAST = "\U0010ffff"

_IMAGE = """<item><imageId>{id}</imageId><imageLocation>{owner}/{name}</imageLocation>\
<imageState>available</imageState><imageOwnerId>{owner}</imageOwnerId>\
<creationDate>{created}</creationDate><isPublic>true</isPublic><productCodes/>\
<architecture>{architecture}</architecture><imageType>machine</imageType>\
<sriovNetSupport>simple</sriovNetSupport><name>{name}</name>\
<description>A published image for {architecture}, built on {created}</description>\
<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>\
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>\
<snapshotId>snap-{digits}</snapshotId><volumeSize>20</volumeSize>\
<deleteOnTermination>true</deleteOnTermination><volumeType>gp3</volumeType><iops>3000</iops>\
<encrypted>false</encrypted><throughput>125</throughput></ebs></item></blockDeviceMapping>\
<virtualizationType>hvm</virtualizationType><hypervisor>xen</hypervisor>\
<enaSupport>true</enaSupport><bootMode>uefi-preferred</bootMode>\
<imdsSupport>v2.0</imdsSupport><platformDetails>Linux/UNIX</platformDetails>\
<usageOperation>RunInstances</usageOperation><sourceImageId>ami-{digits}</sourceImageId>\
<sourceImageRegion>us-west-2</sourceImageRegion><deprecationTime>2028-01-01T00:00:00.000Z\
</deprecationTime></item>"""


class Ec2:
    """The images of the world, with an index by name."""

    def __init__(self, builds: Builds) -> None:
        self._builds = builds
        self._world = builds.world
        numbers = range(self._world.images)
        self._prefixes = sorted((name_prefix(self._world, index), index) for index in numbers)

    def prepare(self) -> None:
        """Render all images, so this is not part of the time of the calls."""
        for region in self._world.region_names():
            for index in range(self._world.images):
                for build in self._builds.visible(index):
                    _rendered(self._world, region, index, build)

    def answer(self, region: str, body: bytes) -> bytes:
        """The response to DescribeImages.

        Raises:
            ServiceError: the request has too many filter values.
        """
        filters, owners, limit, start = _request(body)
        if sum(map(len, filters.values())) > 200:
            raise ServiceError("FilterLimitExceeded", "more than 200 filter values")
        if not all(
            _passes(_CONSTANT[name], filters[name]) for name in filters if name in _CONSTANT
        ):
            return _rendered_page(b"", "")
        found = [
            (index, build)
            for index, builds, names in self._candidates(region, filters)
            if self._has_attributes(index, filters, owners)
            for build in builds
            if _passes(ami_name(self._world, index, build), names)
        ]
        page, rest = found[start : start + limit], found[start + limit :]
        items = b"".join(_rendered(self._world, region, *each) for each in page)
        token = f"<nextToken>{start + limit}</nextToken>" if rest else ""
        return _rendered_page(items, token)

    def _candidates(
        self, region: str, filters: Mapping[str, Sequence[str]]
    ) -> Iterable[tuple[int, Iterable[int], Sequence[str]]]:
        """The images that can match, each with its builds and the names that can match them."""
        names = filters.get("name", ("*",))
        if "image-id" in filters:
            known = ((each, image_of(each)) for each in dict.fromkeys(filters["image-id"]))
            return (
                (found[0], [found[1]], names)
                for each, found in known
                if found and self._is_visible(region, each, *found)
            )
        named: dict[int, list[str]] = defaultdict(list)
        for name in names:
            for index in self._named(name):
                named[index].append(name)
        return ((index, self._builds.visible(index), own) for index, own in named.items())

    def _is_visible(self, region: str, wanted: str, index: int, build: int) -> bool:
        if index >= self._world.images or build not in self._builds.visible(index):
            return False
        return wanted == image_id(region, index, build)

    def _named(self, pattern: str) -> Iterable[int]:
        """The images whose names can match: those whose prefix agrees with the pattern's."""
        literal = re.split(r"[*?\\]", pattern, maxsplit=1)[0]
        first = bisect_right(self._prefixes, (literal, len(self._prefixes))) - 1
        last = bisect_left(self._prefixes, (literal + _LAST, 0))
        return (index for _, index in self._prefixes[max(0, first) : last])

    def _has_attributes(
        self, index: int, filters: Mapping[str, Sequence[str]], owners: Sequence[str]
    ) -> bool:
        """Whether the attributes that all builds of an image share match."""
        own = owner(self._world, index)
        if owners and own not in owners:
            return False
        shared = {"architecture": architecture(self._world, index), "owner-id": own}
        for name, values in filters.items():
            if name in shared and not _passes(shared[name], values):
                return False
            if name not in shared and name not in _OTHERS:
                raise ServiceError("InvalidParameterValue", f"the stub does not know {name}")
        return True


def _passes(actual: str, values: Sequence[str]) -> bool:
    return any(_pattern(value).fullmatch(actual) for value in values)


def _rendered_page(items: bytes, token: str) -> bytes:
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        b"<requestId>00000000-0000-4000-8000-000000000000</requestId>"
        b"<imagesSet>%b</imagesSet>%b</DescribeImagesResponse>" % (items, token.encode())
    )


_CONSTANT = {
    "state": "available",
    "virtualization-type": "hvm",
    "root-device-type": "ebs",
    "is-public": "true",
    "image-type": "machine",
}
_OTHERS = {*_CONSTANT, "name", "image-id"}


@lru_cache(maxsize=100_000)
def _pattern(value: str) -> re.Pattern[str]:
    """A filter value as a regular expression; `?` is at most one character."""
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    wild = {"*": ".*", "?": ".?"}
    return re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


@lru_cache(maxsize=500_000)
def _rendered(world: World, region: str, index: int, build: int) -> bytes:
    own = image_id(region, index, build)
    return _IMAGE.format(
        id=own,
        digits=own[4:],
        owner=owner(world, index),
        name=ami_name(world, index, build),
        architecture=architecture(world, index),
        created=f"{build_date(build):%Y-%m-%dT%H:%M:%S}.000Z",
    ).encode()


def _request(body: bytes) -> tuple[dict[str, list[str]], list[str], int, int]:
    """The filters, the owners, the size of the page and where it begins."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = defaultdict(list)
    owners: list[str] = []
    limit, start = 1000, 0
    for key, raw in _FIELD.findall(body):
        field, text = key.decode(), raw.decode()
        if "%" in text or "+" in text:
            text = unquote_plus(text)
        if match := _FILTER.match(field):
            if field.endswith("Name"):
                names[match[1]] = text
            else:
                values[match[1]].append(text)
        elif field.startswith("Owner."):
            owners.append(text)
        elif field == "MaxResults":
            limit = int(text)
        elif field == "NextToken":
            start = int(text)
    return {names[number]: texts for number, texts in values.items()}, owners, limit, start
