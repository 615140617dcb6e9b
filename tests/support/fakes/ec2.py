"""`DescribeImages` in memory, with the filter rules of EC2's documents as regular expressions.

It shares no code with the lookup, so it can judge how the lookup separates merged responses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import Target

T = TypeVar("T")
Image = Mapping[str, Any]
MOST_VALUES = 200
_ATTRIBUTES = {
    "name": "Name",
    "image-id": "ImageId",
    "state": "State",
    "architecture": "Architecture",
    "owner-id": "OwnerId",
    "owner-alias": "ImageOwnerAlias",
}


@dataclass(slots=True)
class FakeEc2:
    """Sessions whose EC2 has these images in every target.

    `question_mark` is the meaning of `?` as a regular expression; the documents give two. `refuse`
    returns the failure of a request, or None. Each page has at most `page_size` images.
    """

    images: Sequence[Image] = ()
    question_mark: str = ".?"
    page_size: int = 1000
    refuse: Callable[[Mapping[str, Any]], Failure | None] = lambda _: None
    requests: list[dict[str, Any]] = field(default_factory=list)

    def ensure_session(self, account_id: str) -> None:
        """Do nothing: every role can be assumed."""

    def call(self, target: Target, service: str, use: Callable[[Any], T]) -> T:  # noqa: ARG002 - one world for all targets
        """Call `use` with a client of EC2."""
        assert service == "ec2"
        return use(self)

    def get_paginator(self, operation: str) -> FakeEc2:
        """Return the only paginator."""
        assert operation == "describe_images"
        return self

    def paginate(self, **params: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - botocore's
        """Return the pages of a request, each for one request to EC2."""
        page_size = min(params["PaginationConfig"]["PageSize"], self.page_size)
        assert sum(len(each["Values"]) for each in params["Filters"]) <= MOST_VALUES
        assert params["IncludeDeprecated"] is True
        found = [image for image in self.images if self._passes(image, params)]
        for start in range(0, max(1, len(found)), page_size):
            self.requests.append(params)
            if failure := self.refuse(params):
                raise CallFailedError(failure)
            yield {"Images": found[start : start + page_size]}

    def names(self) -> list[list[str]]:
        """Return the values of the filter `name` of each request."""
        return [
            each["Values"]
            for params in self.requests
            for each in params["Filters"]
            if each["Name"] == "name"
        ]

    def _passes(self, image: Image, params: Mapping[str, Any]) -> bool:
        owners = set(params["Owners"])
        owned = not owners or {image["OwnerId"], image.get("ImageOwnerAlias")} & owners
        return bool(owned) and all(self._passes_filter(image, each) for each in params["Filters"])

    def _passes_filter(self, image: Image, wanted: Mapping[str, Any]) -> bool:
        text = image.get(_ATTRIBUTES[wanted["Name"]])
        patterns = map(self._expression, wanted["Values"])
        return text is not None and any(re.fullmatch(p, text, re.DOTALL) for p in patterns)

    def _expression(self, value: str) -> str:
        expression, escaped = "", False
        for character in value:
            if escaped or character not in r"*?\\":
                expression, escaped = expression + re.escape(character), False
            elif character == "\\":
                escaped = True
            else:
                expression += ".*" if character == "*" else self.question_mark
        return expression
