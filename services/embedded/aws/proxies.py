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
    hosts = () if excepted.strip() == "*" else hosts  # it excepts every host, if it is alone
    during = ",".join(filter(None, (excepted, *hosts)))
    os.environ[_LOWER] = during
    try:
        yield
    finally:
        # Another value is not ours: the environment was replaced in the meantime, as tests do.
        if os.environ.get(_LOWER) == during:
            _put_back(before)


def _put_back(before: str | None) -> None:
    if before is None:
        del os.environ[_LOWER]
    else:
        os.environ[_LOWER] = before
