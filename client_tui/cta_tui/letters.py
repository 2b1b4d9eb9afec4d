"""A letter for each kind of fault, so that a menu is one key deep. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cta_tui import facts


def letters(kinds: Sequence[facts.KindFact]) -> list[tuple[str, facts.KindFact]]:
    """A letter for each kind: its first one that is free, else the next free of the alphabet. `q` stays for leaving."""
    taken = {"q"}
    found: list[tuple[str, facts.KindFact]] = []
    for kind in kinds:
        own = [letter for letter in kind.kind.lower() if letter.isalpha()]
        free = [each for each in (*own, *"abcdefghijklmnopqrstuvwxyz0123456789") if each not in taken]
        letter = free[0] if free else ""
        taken.add(letter)
        found.append((letter, kind))
    return found
