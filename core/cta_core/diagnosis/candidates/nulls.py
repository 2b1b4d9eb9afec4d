"""Recipes that turn stand-ins for "no value" (`N/A`, empty text, -1, -999) back into null.

A stand-in is a value that the healthy field never had, that comes about as often as null did, and that either does
not fit the field's form at all or lies outside its range. A value that the field really had (-1.0 degrees) is never
one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cta_core.adapter.steps import NullForm
from cta_core.diagnosis.candidates.recipe import PLACE, Recipe, after
from cta_core.diagnosis.promises import Promise
from cta_core.diagnosis.views import View

NULL_WORDS = frozenset(
    [
        "n/a",
        "na",
        "n.a.",
        "#n/a",
        "null",
        "nil",
        "none",
        "nan",
        "undefined",
        "unknown",
        "unspecified",
        "missing",
        "empty",
        "-",
        "--",
        "?",
        ".",
        "(null)",
        "(none)",
        "<null>",
        "not",
        "available",
        "\\n",
        "",
        "not available",
    ]
)
"""Words that stand for no value in exports and forms."""

SENTINELS = frozenset(
    {
        -1,
        -2,
        -9,
        -99,
        -999,
        -9999,
        -99999,
        -999999,
        9,
        99,
        999,
        9999,
        99999,
        999999,
        9999999,
        0,
        2147483647,
        -2147483648,
        -32768,
        65535,
        32767,
    }
)
"""Numbers that systems without null use for it."""


def stand_ins(target: View, source: View, promise: Promise) -> tuple[list[Any], list[str]]:
    """(stand-ins for null among the drifted values, what speaks against them)."""
    if not target.nulls and not (promise.types and promise.nullable):
        return [], []
    found: list[Any] = []
    for (kind, value), count in source.counts.items():
        if (kind, value) in target.counts:
            continue
        if kind == "string" and _is_word(value):
            found.append(value)
        elif kind == "number" and target.kind == "number" and value in SENTINELS and len(target.numbers) and count >= 2:
            low, high = float(target.sorted_numbers[0]), float(target.sorted_numbers[-1])
            span = max(high - low, 1e-9)
            if (
                value < low - min(0.02 * span, 1.0) + 1e-12 and (value < 0 <= low or value < low - 0.5 * span)
            ) or value > high + 2 * span:
                found.append(value)
    if not found:
        return [], []
    share = (
        sum(source.counts[key] for key in source.counts if key[1] in found and key not in target.counts) / source.total
    )
    before = target.nulls / max(1, target.total)
    now = source.nulls / max(1, source.total)
    doubts: list[str] = []
    numeric = any(not isinstance(value, str) for value in found)
    if before == 0 and share > 0.1:
        doubts.append("stand-ins for null where there was hardly any")
    pooled = (before * target.total + (share + now) * source.total) / (target.total + source.total)
    spread = math.sqrt(max(pooled * (1 - pooled), 1e-6) * (1 / max(1, target.total) + 1 / max(1, source.total)))
    # A word for "nothing" cannot be a value, however often it comes; a number outside the range could be one.
    if numeric and abs(before - share - now) / spread > 5 and not before / 4 <= share + now <= 4 * before:
        doubts.append("the stand-ins come far more or less often than null did")
    return found, doubts


def _is_word(text: str) -> bool:
    if text.strip().lower() in NULL_WORDS:
        return True
    digits = [letter for letter in text if letter.isdigit()]
    return len(digits) >= 6 and set(digits) == {"0"} and len(digits) * 2 >= len(text) - 4


def null_recipe(target: View, source: View, promise: Promise) -> Recipe | None:
    """The step that makes the stand-ins null, with what is left after it; None where there are none."""
    found, doubts = stand_ins(target, source, promise)
    if not found:
        return None
    forms: Sequence[Any] = sorted(found, key=lambda value: (type(value).__name__, str(value)))
    steps = (NullForm(path=PLACE, forms=tuple(forms)),)
    return Recipe(
        kind="null_form",
        steps=steps,
        view=after(steps, source),
        prior=-0.3,
        support=1.0,
        conflicts=tuple(doubts),
        facts=(f"{len(forms)} forms of no value, as often as null was before",),
        family="null",
    )
