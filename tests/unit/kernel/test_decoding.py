"""Decoding from several threads, and the one module that decodes with msgspec."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SERVICES = ROOT / "services"

# A process of its own: the fault ended the process. A thread switch after each microsecond makes
# two first uses at the same time certain within a few types.
_PROGRAM = """
import sys, threading
from msgspec import Struct, json
from services.kernel.decoding import checked, parsed

sys.setswitchinterval(1e-6)
for number in range(200):
    class Inner(Struct):
        a: int
        b: str = "b"
    class Outer(Struct):
        one: Inner
        more: list[Inner]
        text: str | None = None
    value = {"one": {"a": 1}, "more": [{"a": 2}]}
    text = json.encode(value).decode()
    start = threading.Barrier(4)
    def use(decode):
        start.wait()
        assert decode().more[0].a == 2
    decode = [lambda: checked("it", value, Outer), lambda: parsed("it", text, Outer)]
    threads = [threading.Thread(target=use, args=(decode[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("decoded")
"""


@pytest.mark.timeout(120)
def test_threads_can_use_a_type_for_the_first_time_at_once() -> None:
    """Without the lock, the process ends with SIGSEGV inside msgspec."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "decoded\n", "")


def test_only_this_module_decodes_with_msgspec() -> None:
    """Another module would use a type for the first time without the lock."""
    decodes = re.compile(r"\b(?:convert|Decoder|json\.decode|yaml\.decode)\b.*\b(?:type|shape)\b")
    found = {
        path.relative_to(SERVICES).as_posix()
        for path in SERVICES.rglob("*.py")
        if "msgspec" in (text := path.read_text(encoding="utf-8")) and decodes.search(text)
    }

    assert found == {"kernel/decoding.py"}
