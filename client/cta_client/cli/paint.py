"""Colour and signs: every state is word, sign and colour, so that it reads without any of the latter two.

Blue means good, yellow wants attention, red is bad: told apart also by eyes that see no green. NO_COLOR and pipes get
none, terminals that cannot show the signs get letters. It knows words, not messages.
"""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

import click

GOOD, ATTENTION, BAD, QUIET, PLAIN = "bright_blue", "yellow", "red", "bright_black", ""

SIGNS: Final[dict[str, tuple[str, str]]] = {
    # outcomes of events
    "HEALTHY": ("✓", GOOD),
    "HEALED": ("✓", GOOD),
    "QUARANTINED": ("■", ATTENTION),
    "HELD": ("■", ATTENTION),
    "REDRIVEN": ("✓", GOOD),
    # streams
    "LEARNING": ("·", QUIET),
    "INCIDENT": ("!", BAD),
    # incidents
    "DETECTED": ("!", ATTENTION),
    "ANALYZING": ("▶", ATTENTION),
    "PATCHED": ("▶", ATTENTION),
    "CANARY": ("◆", ATTENTION),
    "AWAITING APPROVAL": ("!", BAD),
    "PROMOTED": ("✓", GOOD),
    "RESOLVED": ("✓", GOOD),
    "ROLLED BACK": ("◀", BAD),
    "ESCALATED": ("!", BAD),
    # adapters
    "PROPOSED": ("·", QUIET),
    "ACTIVE": ("✓", GOOD),
    "REJECTED": ("×", BAD),
    "RETIRED": ("·", QUIET),
    # verdicts and decisions
    "PASS": ("✓", GOOD),
    "FAIL": ("×", BAD),
    "INCONCLUSIVE": ("!", ATTENTION),
    "ERROR": ("×", BAD),
    "HEAL": ("✓", GOOD),
    "ESCALATE": ("!", BAD),
    "QUIET": ("·", QUIET),
    # sources
    "RUNNING": ("▶", GOOD),
    "STOPPED": ("■", QUIET),
    "FINISHED": ("✓", QUIET),
    "FAILED": ("×", BAD),
}
"""Sign and colour of every state word of the API."""

_ASCII: Final = str.maketrans(
    {"✓": "+", "×": "x", "■": "#", "◆": "*", "▶": ">", "◀": "<", "·": ".", "→": ">", "…": "~"}
) | str.maketrans({"─": "-", "━": "=", "│": "|", "█": "#", "░": ".", "▲": "^", "▼": "v"})


def coloured(stream: TextIO | None = None) -> bool:
    """Whether colours are shown: on a terminal, unless NO_COLOR is set or the terminal is dumb."""
    target = stream or sys.stdout
    return target.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, *, bold: bool = False, stream: TextIO | None = None) -> str:
    """The text in a colour, where colours are shown."""
    if not coloured(stream) or not (colour or bold):
        return text
    return click.style(text, fg=colour or None, bold=bold or None)


def state(word: str) -> str:
    """Sign and word: `✓ PROMOTED`. Words of a newer server get no sign."""
    sign, _colour = SIGNS.get(word, (" ", PLAIN))
    return f"{sign} {word}" if word else ""


def colour_of(text: str) -> str:
    """The colour of a cell that `state` made; plain for other text."""
    sign, _space, rest = text.partition(" ")
    known_sign, colour = SIGNS.get(rest, ("", PLAIN))
    return colour if sign == known_sign else PLAIN


def shown(text: str, stream: TextIO | None = None) -> str:
    """The text with signs that the terminal's encoding has."""
    encoding = (getattr(stream or sys.stdout, "encoding", "") or "ascii").lower().replace("-", "")
    return text if encoding.startswith("utf") else text.translate(_ASCII)
