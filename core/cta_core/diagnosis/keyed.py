"""Rescaling that shows per key: a route has one length, an article one weight, so the ratio per key is the factor.

Where a key decides a number, the factor needs no distribution: it is read key by key, and it is the same for all of
them or
there is none. This also proves that a number that moved did not change its unit.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from cta_core.adapter.steps import Scale
from cta_core.diagnosis.assemble import Part
from cta_core.diagnosis.candidates.scale import LIBRARY
from cta_core.diagnosis.relations import Relations, by_row
from cta_core.diagnosis.views import View, decimals_of

FEWEST = 12
"""Values with a known key from which a ratio is read."""

CLOSE = 0.004
"""Log distance between the ratio and a factor of the library: rounding of the values costs up to that much."""


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """What the keys say about a number field."""

    ratio: float
    """Healthy value over drifted value of the same key."""
    part: Part | None
    """The rescaling; None where the values did not change, or where the ratio is no known factor."""
    fact: str


def keyed_ratio(target: View, source: View, relations: Relations) -> Keyed | None:
    """The ratio that holds for every key, with the step that undoes it; None where no key tells."""
    values = by_row(source, relations.drifted_count)
    if values is None or target.kind != "number" or source.kind != "number":
        return None
    for path, known, keys in relations.memory(target):
        pairs = [
            (float(known[key]), float(value))
            for key, value in zip(keys, values, strict=True)
            if _is_number(value) and key in known and _is_number(known[key]) and value != 0 and known[key] != 0
        ]
        if len(pairs) < FEWEST or len({pair[0] for pair in pairs}) < 4:
            continue
        ratios = np.array([healthy / drifted for healthy, drifted in pairs])
        middle = float(np.median(ratios))
        if middle <= 0 or float(np.mean(np.abs(ratios / middle - 1) < 0.01)) < 0.95:
            continue
        if abs(middle - 1) < 0.003:
            return Keyed(ratio=1.0, part=None, fact=f"values are unchanged for the same {path}")
        for factor in LIBRARY:
            if factor.offset or abs(math.log(factor.size / middle)) > CLOSE:
                continue
            places = target.most_decimals
            made = [round(drifted * factor.numerator / factor.denominator, places) for _, drifted in pairs]
            exact = sum(math.isclose(one, healthy, rel_tol=1e-9) for one, (healthy, _) in zip(made, pairs, strict=True))
            if exact < 0.99 * len(pairs) or max(decimals_of(one) for one in made) > places:
                continue
            step = Scale(path=source.path, numerator=factor.numerator, denominator=factor.denominator, decimals=places)
            return Keyed(
                ratio=middle,
                part=Part(targets=(target.path,), sources=(source.path,), move=False, steps=(step,)),
                fact=f"for the same {path} healthy values are {middle:.5g} times these ({factor.words}), "
                f"in {exact} of {len(pairs)} cases exactly",
            )
        return Keyed(ratio=middle, part=None, fact=f"for the same {path} healthy values are {middle:.5g} times these")
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
