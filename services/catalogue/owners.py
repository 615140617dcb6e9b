"""What people write in place of an owner, and what to write instead."""

from __future__ import annotations

import difflib
import re

from services.catalogue.problems import shown

_ALIASES = ("self", "amazon", "aws-marketplace", "aws-backup-vault")
_KNOWN = "an account id of exactly 12 digits, self, amazon, aws-marketplace or aws-backup-vault"
_PUBLISHERS = {
    "canonical": "099720109477",
    "ubuntu": "099720109477",
    "debian": "136693071363",
    "redhat": "309956199498",
    "rhel": "309956199498",
}
"""Publishers that EC2 has no alias for: the accounts that their own documents name."""


def owner_mistake(owner: str) -> str:
    """Why a text names no owner: one sentence for the first thing that is wrong."""
    digits = re.sub(r"[\s-]", "", owner)
    if re.search(r"[*?]", owner):
        return f"{shown(owner)} is a wildcard, and a wildcard names no owner; write {_KNOWN}"
    if digits.isascii() and digits.isdigit():
        return _account(owner, digits)
    plain = owner.strip().lower()
    account = _PUBLISHERS.get(re.sub(r"[\s_-]", "", plain))
    if account:
        return f"EC2 knows no owner {shown(owner)}; write the publisher's account: '{account}'"
    hint = alias_hint(owner)
    if hint:
        return f"EC2 knows no owner {shown(owner)}{hint}"
    return f"is the text {shown(owner)}, but must be {_KNOWN}"


def alias_hint(owner: str) -> str:
    """The end of a sentence about an owner: what was meant, or why a wildcard is refused."""
    if re.search(r"[*?]", owner):
        return "; a wildcard names no owner"
    near = difflib.get_close_matches(owner.strip().lower()[:100], _ALIASES, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _account(owner: str, digits: str) -> str:
    if len(digits) == 12:  # noqa: PLR2004 - an account id
        return f"{shown(owner)} is no account id; write '{digits}'"
    zeros = "; keep the zeros at its beginning" if len(digits) < 12 else ""  # noqa: PLR2004
    return f"{shown(owner)} has {len(digits)} digits, and an account id has exactly 12{zeros}"
