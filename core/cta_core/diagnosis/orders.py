"""Order, equality and containment between two fields, healthy against drifted: does what held still hold?

Pure comparisons of aligned columns; `relations` asks them about candidates, `decide` about exchanged sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cta_core.diagnosis.views import Floats, share_of

CLIP = 6.0
"""Most log-odds that one kind of relation may add: fields hang together, so their facts are not independent."""

LEAST = 30
"""Healthy events with both fields below which their order is chance."""


def compare_order(a: Floats, x: Floats, b: Floats, y: Floats) -> tuple[float, float, str] | None:
    """(gain, loss, words) of the order between two ordered fields, healthy (a, x) against drifted (b, y); None if
    there is none.
    """
    good, here = ~np.isnan(a) & ~np.isnan(x), ~np.isnan(b) & ~np.isnan(y)
    n, m = int(good.sum()), int(here.sum())
    if n < LEAST or m < 12:
        return None
    gain = loss = 0.0
    words = ""
    for test, name, before, mixed in _orders(a[good], x[good]):
        now = share_of(test(b[here], y[here]))
        pooled = (before * n + now * m + 1) / (n + m + 2)
        z = (before - now) / math.sqrt(max(pooled * (1 - pooled), 1e-4) * (1 / n + 1 / m))
        lost = min(z * z / 2, 20.0) if before > now else 0.0
        # Among the drifted events as well the order must hold better than by chance, or it says nothing of this field.
        chance = share_of(test(np.roll(b[here], 7), y[here]))
        clear = now - chance > 3 * math.sqrt(max(chance * (1 - chance), 1e-3) / m)
        won = min(CLIP, m * (before * math.log((before + 1e-9) / (mixed + 0.02)))) if lost < 3 and clear else 0.0
        if won > gain:
            gain, words = won, name
        if lost > loss:
            loss, words = lost, name
    return gain, loss, words


def is_ordered(a: Floats, x: Floats) -> bool:
    """Is there an order between two healthy fields that `compare_order` could miss among drifted events?"""
    good = ~np.isnan(a) & ~np.isnan(x)
    return int(good.sum()) >= LEAST and bool(_orders(a[good], x[good]))


def _orders(a: Floats, x: Floats) -> list[tuple[Callable[..., Any], str, float, float]]:
    """The orders that hold between two fields: test, words, share of events, and share by chance."""
    found: list[tuple[Callable[..., Any], str, float, float]] = []
    for test, name in ((np.less_equal, "never above"), (np.greater_equal, "never below"), (np.equal, "equal to")):
        before = share_of(test(a, x))
        if before < (0.1 if name == "equal to" else 0.98):
            continue
        # By chance: the same values in another order of the events.
        mixed = share_of(test(np.roll(a, 7), x))
        if mixed <= 0.85:
            found.append((test, name, before, mixed))
    return found


def text_relation(
    mine: Sequence[Any], left: Sequence[Any], theirs: Sequence[Any], right: Sequence[Any]
) -> tuple[float, float, str]:
    """(gain, loss, words) of equality or containment between two texts, healthy (mine, left) against drifted."""
    best = (0.0, 0.0, "")
    for name, test, before, mixed in _texts(mine, left):
        now = [test(one, two) for one, two in zip(theirs, right, strict=True) if type(one) is str and type(two) is str]
        if len(now) < 12:
            continue
        share, here = sum(before) / len(before), sum(now) / len(now)
        pooled = (share * len(before) + here * len(now) + 1) / (len(before) + len(now) + 2)
        z = (share - here) / math.sqrt(max(pooled * (1 - pooled), 1e-4) * (1 / len(before) + 1 / len(now)))
        loss = min(z * z / 2, 20.0) if share > here else 0.0
        gain = (
            min(CLIP, len(now) * here * math.log((here + 0.01) / (mixed + 0.02))) if loss < 4 and here > mixed else 0.0
        )
        if gain > best[0] or loss > best[1]:
            best = (max(gain, best[0]), max(loss, best[1]), name)
    return best


def is_text_related(mine: Sequence[Any], left: Sequence[Any]) -> bool:
    """Is there a relation between two healthy texts that `text_relation` could miss among drifted events?"""
    return next(_texts(mine, left), None) is not None


def _texts(
    mine: Sequence[Any], left: Sequence[Any]
) -> Iterator[tuple[str, Callable[[str, str], bool], list[bool], float]]:
    """The relations that hold between two texts: words, test, whether by event, and share by chance."""
    tests: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
        ("equal to", lambda one, two: one == two),
        ("contains", lambda one, two: len(two) >= 3 and one != two and two.lower() in one.lower()),
        ("is part of", lambda one, two: len(one) >= 3 and one != two and one.lower() in two.lower()),
    )
    pairs = [(one, two) for one, two in zip(mine, left, strict=True) if type(one) is str and type(two) is str]
    if len(pairs) < LEAST:
        return
    texts = [one for one in mine if type(one) is str]
    others = [two for two in left if type(two) is str]
    for name, test in tests:
        if not any(test(one, two) for one, two in pairs[:40]):
            continue  # a relation that a tenth of the events shows is seen among the first forty
        before = [test(one, two) for one, two in pairs]
        if sum(before) < 0.1 * len(before):
            continue
        mixed = sum(test(one, two) for one, two in zip(texts, others[7:] + others[:7], strict=False)) / len(texts)
        if mixed <= 0.5 * sum(before) / len(before):
            yield name, test, before, mixed
