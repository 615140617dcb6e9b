"""Proxies are for other machines: what runs on this one is reached without them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_LOWER = "no_proxy"
_UPPER = "NO_PROXY"


@contextmanager
def bypassed(*hosts: str) -> Iterator[None]:
    """Reach these hosts directly inside the block, whatever proxies the environment names.

    Clients read the variable when they are made. They read the lower-case name first, so it alone
    is set, to what was excepted before and these hosts.
    """
    before = os.environ.get(_LOWER)
    excepted = os.environ.get(_UPPER, "") if before is None else before
    if excepted.strip() != "*":
        os.environ[_LOWER] = ",".join(filter(None, (excepted, *hosts)))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_LOWER, None)
        else:
            os.environ[_LOWER] = before
