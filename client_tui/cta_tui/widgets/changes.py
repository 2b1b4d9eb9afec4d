"""A real event before and after, field by field: `-` and `+` lead what differs, so that no colour is needed."""

from __future__ import annotations

from itertools import zip_longest

from cta_tui.diff import Leaf, leaves
from cta_tui.ink import Line, Span, cut, fit, pad

SIDE_BY_SIDE = 66
"""Narrower than this, before stands above after."""
SAME_SHOWN = 3
"""Fields that stay as they are and are shown, for the eye to hold on to."""


def lines(
    before: str, after: str, width: int, *, titles: tuple[str, str] = ("BEFORE", "AFTER"), same: int = SAME_SHOWN
) -> list[Line]:
    """The event's fields that differ, some that do not, and how many more stay."""
    found = leaves(before, after)
    changed = [leaf for leaf in found if not leaf.same]
    stay = [leaf for leaf in found if leaf.same]
    if not changed:
        return [(Span("   no field differs", "quiet"),)]
    column = max((width - 4) // 2, 10)
    drawn: list[Line] = []
    side = width >= SIDE_BY_SIDE
    if side:
        drawn.append((Span("   "), pad(Span(titles[0], "quiet"), column - 1), Span(titles[1], "quiet")))
    for gone, came in _paired(changed):
        old = Span(f" - {gone.path}: {gone.before}", "bad") if gone is not None else Span("")
        new = Span(f" + {came.path}: {came.after}", "good") if came is not None else Span("")
        if side:
            drawn.append((Span(" "), pad(old, column), Span(cut(new.text, column), new.style)))
        else:
            drawn += [fit((Span(" "), each), width) for each in (old, new) if each.text]
    for leaf in stay[:same]:
        text = f"   {leaf.path}: {leaf.before}"
        drawn.append(
            (Span(" "), pad(Span(text), column), Span(cut(text, column))) if side else fit((Span(f" {text}"),), width)
        )
    if len(stay) > same:
        drawn.append((Span(f"    {len(stay) - same} other fields stay as they are", "quiet"),))
    return drawn


def _paired(changed: list[Leaf]) -> list[tuple[Leaf | None, Leaf | None]]:
    """What went beside what came, in order; a changed value beside itself."""
    pairs: list[tuple[Leaf | None, Leaf | None]] = [
        (leaf, leaf) for leaf in changed if leaf.before is not None and leaf.after is not None
    ]
    went = [leaf for leaf in changed if leaf.after is None]
    came = [leaf for leaf in changed if leaf.before is None]
    return [*zip_longest(went, came), *pairs]
