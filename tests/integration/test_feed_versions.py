"""The order of the feed's versions is that of the real Renovate's versioning `loose`."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import product
from pathlib import Path
from random import Random

import pytest

from infra.node import NoNodeError, find
from services.feed.versions import order

ROOT = Path(__file__).parents[2]
LOOSE = ROOT / ".node-renovate/node_modules/renovate/dist/modules/versioning/loose/index.js"
SCRIPT = """
const loose = require(process.argv[1]).api;
const versions = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const order = (a, b) => (a && b ? Math.sign(loose.sortVersions(a, b)) : 0);
const valid = versions.map((each) => loose.isVersion(each));
const compared = versions.map((a, i) =>
  versions.map((b, j) => (valid[i] && valid[j] ? order(a, b) : null)));
console.log(JSON.stringify({ valid, compared }));
"""
CHOSEN = (
    *("1", "01", "v1", "V1", "1.0", "1.0.0", "9.8", "9.8.0", "9.10", "2023.12.20260803"),
    *("20261126", "20261126.1", "20261126.010000", "20261126-1", "v1.50.0", "1.2.3.4.5.6"),
    *("9.8_HVM-20260908", "9.8.0_HVM-20260728", "9.8_HVM_GA-20260908", "15.7.7-20251016-214125"),
    *("1.0-rc1", "1.0-rc2", "1.0-RC1", "1.0-rc10", "1.0-rc.1", "1.0_a", "1.0-a", "1.0+a", "1.0~a"),
    *("1.0a", "1.0A", "1.0b", "1.0aa", "1.0a1", "1.0a01", "1.0a_1", "1.0a-1", "1.0a.1", "1.", "1-"),
)
REFUSED = ("deadbee", "1234abcdef", "x", "", "-1", "1.2.3.4.5.6.7", "focal-20261126")


@pytest.fixture(scope="module")
def loose() -> list[str]:
    """Return the command that compares versions."""
    if not LOOSE.is_file():
        pytest.skip("Renovate is not installed: make .node-renovate/.ready")
    try:
        return [str(find(os.environ).program), "-e", SCRIPT, str(LOOSE)]
    except NoNodeError as error:
        pytest.skip(str(error))


def some_versions() -> list[str]:
    """Return the chosen versions, and random ones of few characters, which often begin alike."""
    random = Random(20261126)  # noqa: S311 - examples, not secrets
    made = [
        "1" + "".join(random.choices("019aAbBzZ._-+~", k=random.randint(0, 6))) for _ in "x" * 400
    ]
    return [*CHOSEN, *(each for each in dict.fromkeys(made) if order(each))]


def test_the_order_is_that_of_loose(loose: list[str]) -> None:
    """Every pair of versions compares as there, and each is a version there."""
    versions = some_versions()
    asked = json.dumps(versions)
    answer = subprocess.run(loose, input=asked, check=True, capture_output=True, text=True)
    found = json.loads(answer.stdout)
    orders = [order(each) for each in versions]

    assert [v for v, valid in zip(versions, found["valid"], strict=True) if not valid] == []
    different = [
        (versions[i], versions[j])
        for i, j in product(range(len(versions)), repeat=2)
        if (orders[i] > orders[j]) - (orders[i] < orders[j]) != found["compared"][i][j]  # type: ignore[operator] # none is None
    ]
    assert different == []


def test_what_loose_refuses_is_no_version(loose: list[str]) -> None:
    """A release with such a key would be ignored."""
    asked = json.dumps(REFUSED)
    answer = subprocess.run(loose, input=asked, check=True, capture_output=True, text=True)

    assert json.loads(answer.stdout)["valid"] == [False] * len(REFUSED)
    assert [order(each) for each in REFUSED] == [None] * len(REFUSED)
