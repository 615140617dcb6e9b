"""The states of pairs in words: what the page calls them, how urgent they look, what they mean."""

from __future__ import annotations

from dataclasses import dataclass

from services.report.texts import shown


@dataclass(frozen=True, slots=True)
class StateWords:
    """A state's name in the data, its word, its tone (a class of the style) and its meaning."""

    name: str
    word: str
    tone: str
    meaning: str


LEGEND = (
    StateWords("failing", "Failing", "act", "The last lookup failed"),
    StateWords("never", "Never found", "act", "The lookup has never found an image in any target"),
    StateWords("withdrawn", "Withdrawn", "act", "The known image can no longer be launched"),
    StateWords("stale", "Stale", "watch", "No lookup had a final result in two rounds"),
    StateWords("unknown", "Unknown", "watch", "No lookup has ended yet"),
    StateWords(
        "lagging",
        "Lagging",
        "watch",
        "Other regions have had a newer release for longer than the limit",
    ),
    StateWords("pending", "Pending", "watch", "A release is not announced yet"),
    StateWords(
        "rolledback",
        "Rolled back",
        "move",
        "The publisher went back to this release in the last 7 days",
    ),
    StateWords(
        "behind", "Rolling out", "move", "Other regions have a newer release, within the limit"
    ),
    StateWords("deprecated", "Deprecated", "note", "The deprecation time of the image has passed"),
    StateWords("ok", "Current", "ok", "The newest release"),
)
"""All states, the worst first."""

_KNOWN = {state.name: state for state in LEGEND}


def words_of(state: str) -> StateWords:
    """The words of a state; a condition without pairs, such as missed rounds, has its own name."""
    found = shown(state)
    return _KNOWN.get(state) or StateWords("other", found[:1].upper() + found[1:], "watch", "")
