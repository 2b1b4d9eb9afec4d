"""The canary's value parity: do the values that an adapter made belong to the healthy profile?

A check of the healed fields only, by types, labels, forms, bands and decimal places. It can refute an adapter, never
prove
one; the canary asks it beside the error rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cta_core.drift.monitor import growing
from cta_core.profile import FieldProfile, Profile

FEWEST = 8
"""Healed values below which nothing is concluded."""

SHIFT = 0.15
"""Distance between the distributions of healthy and healed numbers that business may make: a rise of half in a
log-normal
field of spread 1 moves it by 0.16, a factor of 3 by 0.42, a factor of 10 by 0.75."""

NOISE = 2.23
"""Kolmogorov-Smirnov coefficient at 1 in 10,000: what chance adds to the distance, times sqrt(1/n + 1/m)."""

GROWTH = 12.0
"""Factor by which counters, ids and times may have grown: below any factor between two units of time."""


def values_belong(healthy: Profile, healed: Sequence[dict[str, Any]], paths: Sequence[str]) -> tuple[bool, str]:
    """(belongs, what was compared or what differs) for the fields at or below `paths`."""
    here = Profile.of(healed)
    compared = 0
    for path, field in here.fields.items():
        if not any(path == above or path.startswith(above + "/") for above in paths):
            continue
        was = healthy.fields.get(path)
        if was is None:
            continue
        if field.present < FEWEST or was.present < FEWEST:
            continue
        compared += 1
        wrong = _differs(was, field)
        if wrong:
            return False, f"{path}: {wrong}"
    if compared == 0:
        return True, "too few healed values to compare"
    return True, f"{compared} healed fields have the types, forms and magnitudes of the healthy profile"


def _differs(was: FieldProfile, now: FieldProfile) -> str:
    foreign = sum(
        times for kind, times in now.types.items() if was.types.get(kind, 0) == 0 and kind not in ("integer", "null")
    )
    if "number" in now.types and was.types.get("number", 0) == 0 and was.types.get("integer", 0):
        foreign -= now.types["number"] if set(now.decimals) <= {0} else 0
    if "integer" in now.types and not was.numbers:
        foreign += now.types["integer"]
    if foreign > 0.02 * now.present:
        return "values of a type that the healthy field never had"
    if was.labelled and now.types.get("string", 0):
        strange = sum(times for key, times in now.values.counts.items() if key not in was.values.counts)
        if strange > 0.2 * now.present:
            return f"{strange / now.present:.0%} of the labels were never seen in healthy events"
    if was.families and now.families:
        strange = sum(times for name, times in now.families.items() if was.families.get(name, 0) == 0)
        if strange > 0.3 * now.present:
            return "texts of another form"
    if was.numbers >= FEWEST and now.numbers >= FEWEST:
        return _numbers(was, now)
    return ""


def _numbers(was: FieldProfile, now: FieldProfile) -> str:
    if was.decimals.get(0, 0) == was.numbers and now.decimals.get(0, 0) < 0.9 * now.numbers:
        return "fractions where healthy numbers are whole"
    middle, here = was.quantile(0.5), now.quantile(0.5)
    if growing(was):
        if middle > 0 and here > 0 and abs(math.log(here / middle)) > math.log(GROWTH):
            return f"median {here:.4g} where {middle:.4g} is healthy"
        return ""
    apart = _distance(was.buckets, now.buckets)
    if apart > SHIFT + NOISE * math.sqrt(1 / was.numbers + 1 / now.numbers):
        return f"median {here:.4g} where {middle:.4g} is healthy; the distributions are {apart:.2f} apart"
    return ""


def _distance(one: Mapping[int, int], two: Mapping[int, int]) -> float:
    """Largest distance between two cumulative distributions (Kolmogorov-Smirnov), over logarithmic buckets."""
    total_one, total_two = sum(one.values()), sum(two.values())
    seen_one = seen_two = 0
    largest = 0.0
    for bucket in sorted(one.keys() | two.keys()):
        seen_one += one.get(bucket, 0)
        seen_two += two.get(bucket, 0)
        largest = max(largest, abs(seen_one / total_one - seen_two / total_two))
    return largest
