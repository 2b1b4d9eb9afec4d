"""A sign, a word and a style for every state: none is told by colour alone. Data only."""

from __future__ import annotations

from typing import Final, NamedTuple


class Sign(NamedTuple):
    """How a state is shown."""

    sign: str
    word: str
    style: str


STATES: Final[dict[str, Sign]] = {
    "LEARNING": Sign("·", "learning", "quiet"),
    "HEALTHY": Sign("✓", "healthy", "good"),
    "HEALED": Sign("✓", "healed", "good"),
    "INCIDENT": Sign("!", "incident", "attention"),
    "GAP": Sign("─", "gap", "attention"),
    "QUARANTINED": Sign("■", "held", "bad"),
    "DETECTED": Sign("!", "detected", "attention"),
    "ANALYZING": Sign("◆", "analysing", "attention"),
    "PATCHED": Sign("◆", "patched", "attention"),
    "CANARY": Sign("◆", "canary", "attention"),
    "AWAITING APPROVAL": Sign("!", "asks you", "attention"),
    "PROMOTED": Sign("▲", "promoted", "good"),
    "RESOLVED": Sign("✓", "resolved", "good"),
    "ROLLED BACK": Sign("◀", "rolled back", "bad"),
    "ESCALATED": Sign("×", "needs you", "bad"),
    "PROPOSED": Sign("·", "proposed", "quiet"),
    "ACTIVE": Sign("✓", "in force", "good"),
    "REJECTED": Sign("×", "rejected", "bad"),
    "RETIRED": Sign("·", "retired", "quiet"),
    "RUNNING": Sign("▶", "running", "good"),
    "STOPPED": Sign("■", "stopped", "quiet"),
    "FINISHED": Sign("✓", "finished", "quiet"),
    "FAILED": Sign("×", "failed", "bad"),
    "PASS": Sign("✓", "pass", "good"),
    "FAIL": Sign("×", "fail", "bad"),
    "INCONCLUSIVE": Sign("!", "inconclusive", "attention"),
    "ERROR": Sign("×", "error", "bad"),
}

METERS: Final = {"OBSERVE": "█░░░", "SUGGEST": "██░░", "APPROVE": "███░", "AUTONOMOUS": "████"}

STRIP: Final = ("STREAM", "DETECT", "ANALYSE", "PATCH", "CANARY", "PROMOTE", "LEARN")
"""The loop, as it is always on screen."""

REACHED: Final = {
    "DETECTED": 1,
    "ANALYZING": 2,
    "PATCHED": 3,
    "CANARY": 4,
    "AWAITING APPROVAL": 4,
    "PROMOTED": 5,
    "RESOLVED": 6,
    "ROLLED BACK": 4,
    "ESCALATED": 2,
}
"""How far along the strip a state is."""


def sign_of(state: str) -> Sign:
    """The sign of a state; a newer server's state is shown by its name."""
    return STATES.get(state, Sign("?", state.lower(), "quiet"))
