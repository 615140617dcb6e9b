"""Parameters that an account shares with others: moto answers only for those of the caller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moto.ssm.models import ssm_backends

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response

_ARN = re.compile(r"arn:[\w-]+:ssm:([\w-]+):([0-9]{12}):parameter(/.+|[^/]+)")
_OK = 200


class SharedParameters:
    """Adds shared parameters, which are requested by ARN, to responses of `GetParameters`.

    A parameter that is not shared is invalid, as if it did not exist. Sharing itself is not
    modelled: it is done by AWS Resource Access Manager, with an advanced parameter.
    """

    def __init__(self) -> None:
        self._shared: set[tuple[str, str, str]] = set()

    def share(self, owner_id: str, region: str, path: str) -> str:
        """Share a parameter with every account; returns its ARN."""
        self._shared.add((owner_id, region, path))
        separator = "" if path.startswith("/") else "/"
        return f"arn:aws:ssm:{region}:{owner_id}:parameter{separator}{path}"

    def clear(self) -> None:
        """Share no parameter."""
        self._shared.clear()

    def completed(self, request: ApiRequest, whole: Response) -> Response:
        """The response, with the shared parameters that the request names."""
        if whole.status != _OK or not self._shared:
            return whole
        document = json.loads(whole.body)
        found = dict(self._found(document["InvalidParameters"], request.region))
        if not found:
            return whole
        document["Parameters"] += found.values()
        document["InvalidParameters"] = [n for n in document["InvalidParameters"] if n not in found]
        return Response(whole.status, whole.headers, json.dumps(document).encode())

    def _found(self, names: list[str], region: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in names:
            match = _ARN.fullmatch(name)
            if match is None or match[1] != region:
                continue
            owner_id, path = match[2], match[3]
            if (owner_id, region, path) in self._shared:
                versions = ssm_backends[owner_id][region]._parameters[path]  # noqa: SLF001 - there is no API for it
                if versions:
                    yield name, _shown(versions[-1].response_object(region=region), name)


def _shown(parameter: dict[str, Any], arn: str) -> dict[str, Any]:
    """A parameter as SSM describes it: the plain name, and the ARN of its owner."""
    moment = parameter["LastModifiedDate"]
    if isinstance(moment, datetime):
        moment = moment.timestamp()
    return {**parameter, "ARN": arn, "LastModifiedDate": moment}
