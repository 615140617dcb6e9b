"""Common mistakes in owners, and what to write instead."""

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
"""The accounts of publishers for which EC2 has no alias, from the publishers' documentation."""


def owner_mistake(owner: str) -> str:
    """Why a text is not an owner: one sentence about its first mistake."""
    digits = re.sub(r"[\s-]", "", owner)
    if re.search(r"[*?]", owner):
        return f"{shown(owner)} is a wildcard, which is not allowed here; write {_KNOWN}"
    if digits.isascii() and digits.isdigit():
        return _account(owner, digits)
    plain = owner.strip().lower()
    account = _PUBLISHERS.get(re.sub(r"[\s_-]", "", plain))
    if account:
        return f"EC2 has no owner alias {shown(owner)}; write the publisher's account: '{account}'"
    hint = alias_hint(owner)
    if hint:
        return f"EC2 has no owner alias {shown(owner)}{hint}"
    return f"is the text {shown(owner)}, but must be {_KNOWN}"


def alias_hint(owner: str) -> str:
    """The end of a message about an owner: the nearest alias, or that wildcards are not allowed."""
    if re.search(r"[*?]", owner):
        return "; wildcards are not allowed here"
    near = difflib.get_close_matches(owner.strip().lower()[:100], _ALIASES, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _account(owner: str, digits: str) -> str:
    if len(digits) == 12:  # noqa: PLR2004 - an account id
        return f"{shown(owner)} is not an account id; write '{digits}'"
    zeros = "; keep the zeros at its beginning" if len(digits) < 12 else ""  # noqa: PLR2004
    return f"{shown(owner)} has {len(digits)} digits, and an account id has exactly 12{zeros}"
