"""Servers on this machine are reached without a proxy, and the environment is restored."""

from __future__ import annotations

import os
from urllib.request import getproxies, proxy_bypass

import pytest

from services.embedded.aws.proxies import bypassed

PROXY = "http://127.0.0.1:9"
HOST = "127.0.0.1"


@pytest.mark.parametrize(
    "excepted",
    [
        {},
        {"NO_PROXY": "example.org"},
        {"no_proxy": "example.org"},
        {"no_proxy": "", "NO_PROXY": "example.com"},
        {"no_proxy": "example.org", "NO_PROXY": "example.com"},
        {"no_proxy": "*"},
        {"NO_PROXY": "*"},
    ],
)
def test_a_host_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, excepted: dict[str, str]
) -> None:
    """Hosts that were excepted before still are, and all other hosts are not."""
    for name, value in {"http_proxy": PROXY, **excepted}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    others = ("example.org", "example.com", "example.net")
    direct = [bool(proxy_bypass(host)) for host in others]

    with bypassed(HOST):
        assert proxy_bypass(f"{HOST}:4566")
        assert [bool(proxy_bypass(host)) for host in others] == direct
        assert getproxies()["http"] == PROXY
    assert dict(os.environ) == before


def test_a_value_that_was_set_in_the_meantime_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user may set a variable in between, as fixtures of a module do."""
    monkeypatch.delenv("no_proxy", raising=False)
    with bypassed(HOST):
        monkeypatch.setenv("no_proxy", f"{HOST},localhost")

    assert os.environ["no_proxy"] == f"{HOST},localhost"
