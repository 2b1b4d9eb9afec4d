"""Do values belong to a field? Compares what a candidate makes of the drifted values with the field's healthy values.

`fit` gives a likeness from 0 to 1, the support that is specific to this field (values that come again, a rare form),
and the
conflicts: facts that no score can outweigh. Scores rank candidates, conflicts stop them.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from cta_core.diagnosis.formats import CLOCKS, OPAQUE, SPECIFIC
from cta_core.diagnosis.views import (
    INTEGER,
    NUMBER,
    Floats,
    View,
    kolmogorov,
    kolmogorov_noise,
    share_of,
    total_variation,
)


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How well values belong to a healthy field."""

    score: float
    """0 to 1."""
    support: float = 0.0
    """Log-odds from facts that few fields share; 0 when any field of the type would do."""
    conflicts: tuple[str, ...] = ()
    """Facts that forbid the match, each a phrase."""
    facts: tuple[str, ...] = ()
    """What was measured, for the report."""


REFUSED_LIMIT = 0.5
"""Share of refused values beyond which a candidate is none: more than half of its events would be held."""


MOVED = 0.08
"""Distance between two distributions beyond what chance explains at which a candidate is not for certain the same
quantity. A factor of 2.2, pounds for kilograms, moves a log-normal field of spread 1 by 0.3, 0.14 beyond chance at 200
values; a sale may do the same, and then a person says so."""

MOVED_ROWS = 100
"""Values on either side below which chance alone covers such a move."""


GRID_ROWS = 40
"""Healthy values from which their decimal places are a rule: finer ones that are a tenth of all would have shown in 98
of 100 cases."""


def fit(target: View, given: View, *, loose: bool = False) -> Fit:
    """Compares `given` (drifted values after a candidate's steps) with the healthy `target`.

    `loose` forgives a moderate shift of numbers and frequencies: what business does to a field that nobody changed.
    """
    if not given.total:
        return Fit(score=0.0, conflicts=("no values",))
    refused = given.types["refused"]
    if refused > REFUSED_LIMIT * given.total:
        return Fit(score=0.0, conflicts=("most values are refused",))
    if not given.solid:
        if not target.solid:
            return Fit(score=0.6, facts=("null in every event, before and now",))
        return Fit(score=0.3 if target.nulls else 0.0, conflicts=() if target.nulls else ("only nulls",))
    if not target.solid:
        # The field was null in every healthy event: nothing says what its values look like.
        return Fit(score=0.3, conflicts=("the healthy field has no values to compare with",))
    extra: frozenset[str] = given.solid_types - target.solid_types
    if extra == NUMBER and target.kind == "number" and np.all(given.numbers == np.round(given.numbers)):
        extra = frozenset()
    if extra == INTEGER and "number" in target.solid_types:
        extra = frozenset()
    conflicts: list[str] = []
    foreign = sum(given.types[kind] for kind in extra)
    if foreign > 0.02 * len(given.solid):
        return Fit(score=0.0, conflicts=("values of another type",))
    if given.nulls and not target.nulls and given.nulls > 0.3 * given.total:
        conflicts.append("many nulls where there was none")
    if target.kind == "number":
        found = _numbers(target, given, loose)
    elif target.kind == "boolean":
        found = _booleans(target, given)
    elif target.kind == "string":
        found = _texts(target, given, loose)
    elif target.kind == "mixed":
        found = _mixed(target, given)
    else:
        found = Fit(score=0.5)
    score = found.score * (1 - 0.5 * refused / given.total)
    return Fit(score=score, support=found.support, conflicts=(*conflicts, *found.conflicts), facts=found.facts)


def _mixed(target: View, given: View) -> Fit:
    left, right = target.types, given.types
    numbers_left = left["integer"] + left["number"]
    numbers_right = right["integer"] + right["number"]
    a = {"n": numbers_left, "s": left["string"], "b": left["boolean"]}
    b = {"n": numbers_right, "s": right["string"], "b": right["boolean"]}
    distance = total_variation(a, b)
    shared = sum(count for key, count in given.counts.items() if key in target.counts)
    overlap = shared / len(given.solid)
    if distance > 0.5:
        return Fit(score=0.2, conflicts=("other mixture of types",))
    return Fit(score=max(0.0, (1 - distance)) * (0.5 + 0.5 * overlap), support=2.0 * overlap)


def _booleans(target: View, given: View) -> Fit:
    yes = target.counts[("boolean", True)] / len(target.solid)
    now = given.counts[("boolean", True)] / len(given.solid)
    pooled = (yes * len(target.solid) + now * len(given.solid)) / (len(target.solid) + len(given.solid))
    spread = math.sqrt(max(1e-9, pooled * (1 - pooled)) * (1 / len(target.solid) + 1 / len(given.solid)))
    z = abs(yes - now) / spread if spread > 1e-4 else 0.0
    conflicts = ("true is far more or less frequent",) if z > 5 else ()
    return Fit(
        score=math.exp(-max(0.0, z - 2) / 3),
        conflicts=conflicts,
        facts=(f"true in {yes:.0%} of healthy and {now:.0%} of these values",),
    )


def _numbers(target: View, given: View, loose: bool) -> Fit:
    conflicts: list[str] = []
    a, b = target.sorted_numbers, given.sorted_numbers
    if not len(a) or not len(b):
        return Fit(score=0.0, conflicts=("no numbers",))
    facts = [f"median {_short(target.middle)} healthy, {_short(given.middle)} here"]
    support = 0.0
    counter = target.rising >= 0.97 and len(set(a.tolist())) > 8 and target.distinct_share > 0.5
    if counter:
        span = max(float(a[-1] - a[0]), abs(float(a[-1])) * 0.02, 1.0)
        near = float(a[0]) - span <= given.middle <= float(a[-1]) + 5 * span
        score = (0.9 if given.rising >= 0.9 else 0.4) if near else 0.05
        if not near:
            conflicts.append("far outside the range of a counter")
    else:
        distance = kolmogorov(a, b)
        over = max(0.0, distance - kolmogorov_noise(len(a), len(b)))
        if len(b) < 20:
            over = max(0.0, over - 0.1)
        score = math.exp(-4.0 * over)
        nonzero_a, nonzero_b = a[a != 0], b[b != 0]
        if 0.15 < len(nonzero_a) / len(a) < 0.85 and len(nonzero_b) >= 5:
            # Mostly zeros hide what the other values do: look at those alone.
            rest = kolmogorov(nonzero_a, nonzero_b) - kolmogorov_noise(len(nonzero_a), len(nonzero_b))
            score = min(score, math.exp(-4.0 * max(0.0, rest)))
        facts.append(f"distributions {distance:.2f} apart")
        if score < 0.35 and not loose:
            conflicts.append("another distribution")
        elif over > MOVED and not loose and min(len(a), len(b)) >= MOVED_ROWS:
            conflicts.append("the values moved by more than chance")
    low, high = float(np.mean(a < 0)), float(np.mean(b < 0))
    if low == 0 and high > 0.02:
        conflicts.append("negative values where there was none")
    if low > 0.1 and high == 0 and len(b) >= 40:
        conflicts.append("the sign is gone")
    places_a, places_b = target.most_decimals, given.most_decimals
    # Zeros are written without a fraction whatever the precision is: they say nothing here.
    some_a, some_b = int(np.sum(a != 0)), int(np.sum(b != 0))
    whole_a = (target.decimals[0] - (len(a) - some_a)) / max(1, some_a)
    whole_b = (given.decimals[0] - (len(b) - some_b)) / max(1, some_b)
    if places_b > places_a and (places_a == 0 or places_b > places_a + 1):
        score *= 0.6
        if places_a == 0 and some_a >= 15:
            conflicts.append("fractions where there were whole numbers")
        elif places_a and _finer(target, given):
            conflicts.append("finer: decimals that no healthy value has")
    if places_a > 0 and whole_a < 0.5 and whole_b > 0.97 and some_b >= 15:
        conflicts.append("coarser: the fractions are gone")
    elif places_a >= 2 and places_b < places_a and some_b >= 40 and _coarser(target, given):
        conflicts.append("coarser: decimals are gone")
    coming = _recurrence(target, given)
    if coming is not None and _sparse(target):
        expected, seen = coming
        if seen > 0.5 * expected > 0.05:
            support += min(3.0, 4.0 * seen)
            facts.append(f"{seen:.0%} of the values are known")
    return Fit(score=score, support=support, conflicts=tuple(conflicts), facts=tuple(facts))


def _sparse(target: View) -> bool:
    """Do the numbers fill so little of their range that known ones come again only if they are the same things?"""
    low, high = float(target.sorted_numbers[0]), float(target.sorted_numbers[-1])
    return len(target.counts) >= 5 and len(target.counts) < 0.02 * (high - low) * 10.0**target.most_decimals


def _coarser(target: View, given: View) -> bool:
    """Is the last decimal place gone that the healthy values nearly always used?"""
    last = target.decimals[target.most_decimals] / max(1, sum(target.decimals.values()))
    return last > 0.5 and given.decimals[target.most_decimals] == 0


def _finer(target: View, given: View) -> bool:
    """Are most values off the grid that every healthy one lies on: cents that came to fractions of cents by a factor?

    Sums of binary fractions are off by less than anybody writes down, and are no finer for it.
    """
    places = target.most_decimals
    numbers = given.numbers[np.isfinite(given.numbers)]
    if len(target.numbers) < GRID_ROWS or max(target.decimals) > places or not len(numbers):
        return False
    off = np.abs(numbers - np.round(numbers, places)) > 1e-9 * np.maximum(np.abs(numbers), 1.0)
    return float(np.mean(off)) > 0.5


def _recurrence(target: View, given: View) -> tuple[float, float] | None:
    """(share of values that come again within the healthy events, share of the given values that are known); None if
    too few.
    """
    solid = target.solid
    if len(solid) < 20 or len(target.counts) < 4 or isinstance(solid[0], (dict, list)):
        return None
    mine = [v for v in given.solid if not isinstance(v, (dict, list))]
    known = target.known
    seen = sum(1 for v in mine if v in known) / max(1, len(mine))
    return target.recurring, seen


def _texts(target: View, given: View, loose: bool) -> Fit:
    conflicts: list[str] = []
    facts: list[str] = []
    support = 0.0
    if target.labels:
        return _labels(target, given, loose)
    forms, now = target.date_formats, given.date_formats
    if forms:
        shared = [form for form in forms if form in now]
        if not shared:
            return Fit(score=0.05, conflicts=("another date format",))
        return _times(target, given, shared[0])
    family, other = target.family, given.family
    if family != other and (family or other) and not {family, other} <= (OPAQUE | {""}):
        distance = total_variation(target.families, given.families)
        score = 0.15 + 0.5 * (1 - distance)
        if distance > 0.5:
            conflicts.append("another form of text")
    else:
        score = 0.85
        if family in SPECIFIC and family == other:
            support += 1.2
            facts.append(f"both are {family}")
    masks = total_variation(target.masks, given.masks)
    length = kolmogorov(target.lengths, given.lengths) - kolmogorov_noise(len(target.lengths), len(given.lengths))
    if family not in ("uuid", "ulid", "hex") or other != family:
        # Natural text has a mask of its own for nearly every value: compare masks only where they come again.
        if len(target.masks) * 4 <= len(target.texts):
            score *= 1 - 0.6 * masks
            if masks > 0.6:
                conflicts.append("another pattern")
            elif masks < 0.15 and len(target.masks) <= 12 and family not in ("word", "text", "integer"):
                support += 0.6
        score *= 1 - 0.5 * max(0.0, length)
    if len(given.lengths) >= 12 and len(target.lengths) >= 20 and float(given.lengths[-1]) < float(target.lengths[0]):
        conflicts.append("shorter than every healthy value")
        score *= 0.5
    prefix = _prefix(target.texts)
    if prefix:
        if _prefix(given.texts) == prefix:
            support += 1.5
            facts.append(f"all values begin with {prefix!r}")
        else:
            conflicts.append(f"healthy values begin with {prefix!r}")
            score *= 0.5
    for mark, before, now_share in _marks(target, given):
        conflicts.append(
            f"{mark!r} stands in {before:.0%} of the healthy values and in none of these"
            if before > now_share
            else f"{mark!r} stands in {now_share:.0%} of these values and in no healthy one"
        )
        score *= 0.7
        break
    coming = _recurrence(target, given)
    if coming is not None:
        expected, seen = coming
        facts.append(f"{seen:.0%} of the values are known, {expected:.0%} expected")
        if expected > 0.05 and seen > 0.5 * expected:
            support += min(4.0, 1.0 + 4.0 * seen)
            score = max(score, min(1.0, 0.6 + 0.4 * seen / max(expected, 1e-9)))
        elif expected * len(given.solid) >= 8 and seen < 0.1 * expected:
            score *= 0.4
            conflicts.append("values unlike the known ones")
    if target.distinct_share > 0.98 and given.distinct_share < 0.7 and len(given.solid) >= 20:
        score *= 0.6
        conflicts.append("values come again where they were unique")
    if target.distinct_share < 0.5 and given.distinct_share > 0.98 and len(given.solid) >= 40:
        score *= 0.5
    return Fit(score=score, support=support, conflicts=tuple(conflicts), facts=tuple(facts))


def _prefix(texts: list[str]) -> str:
    """The letters, with a mark at their end, that all texts begin with (`ch_`, `ORD-`); empty where there are none."""
    if len(texts) < 8:
        return ""
    low, high = min(texts), max(texts)
    size = 0
    while size < min(len(low), len(high), 24) and low[size] == high[size] and not low[size].isdigit():
        size += 1
    found = low[:size]
    if len(found) < 2 or found == low:
        return ""
    return found if not found[-1].isalnum() or (found.isalpha() and found.isupper()) else ""


def _marks(target: View, given: View) -> list[tuple[str, float, float]]:
    """Punctuation that came regularly and is gone, or came up: (mark, share before, share now)."""
    left, right = target.marks, given.marks
    n, m = len(target.texts), len(given.texts)
    found: list[tuple[str, float, float]] = []
    for mark in set(left) | set(right):
        before, now = left[mark] / n, right[mark] / m
        # Eight expected and none seen is an accident once in 3,000 cases.
        if (now == 0 and before * m >= 8 and before >= 0.04) or (before == 0 and now * n >= 8 and now >= 0.04):
            found.append((mark, before, now))
    return sorted(found, key=lambda item: -abs(item[1] - item[2]))


def _times(target: View, given: View, form: str) -> Fit:
    a, b = target.times(form), given.times(form)
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if not len(a) or not len(b):
        return Fit(score=0.1, conflicts=("no times",))
    if form in CLOCKS:
        score = 0.85
    else:
        span = max(float(np.max(a) - np.min(a)), 3600.0)
        middle = float(np.median(b))
        distance = max(0.0, float(np.min(a)) - middle, middle - float(np.max(a)))
        score = 0.9 if distance <= 3 * span else max(0.2, 0.9 - 0.2 * math.log10(distance / (3 * span) + 1))
    masks = total_variation(target.masks, given.masks)
    conflicts: list[str] = []
    if masks > 0.6:
        score *= 0.6
        conflicts.append("times are written in another way")
    if form not in CLOCKS and _resolution(b) < 0.02 and _resolution(a) > 0.5 and len(b) >= 15:
        conflicts.append("coarser: seconds are gone")
        score *= 0.5
    return Fit(score=score, conflicts=tuple(conflicts), facts=(f"times in the form {form}",))


def _resolution(times: Floats) -> float:
    """Share of times that are not on a full minute."""
    return share_of(np.mod(times, 60) != 0)


def _labels(target: View, given: View, loose: bool) -> Fit:
    known = {value for _, value in target.counts}
    covered = sum(count for (_, value), count in given.counts.items() if value in known) / len(given.solid)
    facts = (f"{covered:.0%} of the values are known labels",)
    if covered < 0.5:
        return Fit(score=0.1 * covered, conflicts=("other labels",), facts=facts)
    distance = total_variation(target.counts, given.counts)
    noise = 0.5 * math.sqrt(len(target.counts) / max(1, len(given.solid)))
    over = max(0.0, distance - noise)
    score = covered * math.exp(-(1.0 if loose else 2.0) * over)
    conflicts: tuple[str, ...] = ()
    n, m = len(target.solid), len(given.solid)
    for key, count in target.counts.items():
        expected = count / n * m
        if expected >= 12 and given.counts[key] == 0 and not loose:
            conflicts = ("a frequent label is gone",)
    # Words in common say much, the more of them and the longer; `a`, `b` or `1` say little.
    letters = sum(len(v) for v in known if isinstance(v, str)) / max(1, len(known))
    support = min(3.5, 0.6 * min(len(known), 6) * min(1.0, letters / 4)) * covered if len(known) > 1 else 0.5 * covered
    return Fit(score=score, support=support, conflicts=conflicts, facts=facts)


def _short(value: float) -> str:
    return f"{value:.4g}"
