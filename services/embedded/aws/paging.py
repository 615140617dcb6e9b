"""Pages for `DescribeImages`: moto ignores `MaxResults` and returns all images."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from services.embedded.aws.faults import Response, error_response

_REMEMBERED_TOKENS = 200
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_OK = 200


@dataclass(frozen=True, slots=True)
class _Rest:
    images: Sequence[Element]
    size: int


class ImagePages:
    """Splits responses into pages and keeps the rest of each, so a page can be requested again.

    `largest` limits every page: AWS too can return a token with fewer images than `MaxResults`.
    """

    def __init__(self) -> None:
        self.largest: int | None = None
        self._rests: OrderedDict[str, _Rest] = OrderedDict()

    def continued(self, fields: Mapping[str, str]) -> Response | None:
        """The page of a request's token; None without a token."""
        token = fields.get("NextToken")
        if not token:
            return None
        rest = self._rests.get(token)
        if rest is None:
            message = "The specified pagination token is not valid or is expired."
            return error_response("ec2", "InvalidPaginationToken", message, 400)
        return self._page(rest.images, self._size(fields) or rest.size)

    def first(self, fields: Mapping[str, str], whole: Response) -> Response:
        """The first page of a response; the whole response if there is no page size."""
        size = self._size(fields)
        if size is None or whole.status != _OK:
            return whole
        document = fromstring(whole.body)  # noqa: S314 - moto's own answer
        return self._page(document.findall("{*}imagesSet/{*}item"), size)

    def _size(self, fields: Mapping[str, str]) -> int | None:
        sizes = [int(fields["MaxResults"])] if "MaxResults" in fields else []
        return min([*sizes, *([self.largest] if self.largest else [])], default=None)

    def _page(self, images: Sequence[Element], size: int) -> Response:
        root = Element("DescribeImagesResponse", xmlns=_NAMESPACE)
        SubElement(root, "requestId").text = secrets.token_hex(16)
        SubElement(root, "imagesSet").extend(images[:size])
        if images[size:]:
            SubElement(root, "nextToken").text = self._remember(_Rest(images[size:], size))
        body = tostring(root, encoding="utf-8", xml_declaration=True)
        return Response(_OK, (("Content-Type", "text/xml;charset=UTF-8"),), body)

    def _remember(self, rest: _Rest) -> str:
        token = secrets.token_urlsafe(32)
        self._rests[token] = rest
        if len(self._rests) > _REMEMBERED_TOKENS:
            self._rests.popitem(last=False)
        return token
