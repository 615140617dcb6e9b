"""Excludes local servers from the proxies in the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_LOWER = "no_proxy"
_UPPER = "NO_PROXY"


@contextmanager
def bypassed(*hosts: str) -> Iterator[None]:
    """Connect to these hosts without a proxy inside the block.

    Clients read the variable when they are created. They read the lower-case name first, so only it
    is set, to its previous value and these hosts.
    """
    before = os.environ.get(_LOWER)
    excepted = os.environ.get(_UPPER, "") if before is None else before
    hosts = () if excepted.strip() == "*" else hosts  # a single * excludes every host
    during = ",".join(filter(None, (excepted, *hosts)))
    os.environ[_LOWER] = during
    try:
        yield
    finally:
        # Another value means that a test replaced the environment in the meantime.
        if os.environ.get(_LOWER) == during:
            _put_back(before)


def _put_back(before: str | None) -> None:
    if before is None:
        del os.environ[_LOWER]
    else:
        os.environ[_LOWER] = before
