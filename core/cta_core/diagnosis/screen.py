"""A quick look at fields that should be healthy: which of them surely show nothing that would ask for a person.

A remembered adapter explains an incident only if nothing else is wrong with the events. Comparing every field as the
search does takes longer than all the rest; so a field is first looked at in bulk, and only one that might show a break
or a silent change of weight is compared in full by `symptoms`. The look may suspect too much and never too little: what
it calls calm, `findings` calls calm as well, but for texts of which hardly any comes again: `fit` tells those. `recall`
calls it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from cta_core.diagnosis.formats import epoch_format, family_of, mask_of, masks_of, seconds_of
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.views import INTEGER, Floats, View, kolmogorov, kolmogorov_noise, share_of, total_variation

APART = 0.09
"""Distance of two distributions beyond chance from which numbers are compared in full; they do so from 0.1."""

WHOLE = 0.15
"""Share of whole numbers among fractions from which decimals are compared in full; they do so from 0.2."""

FEW = 16
"""Texts that are parsed or told by family and pattern: a change that half of all texts show is missed once in 65,000
times."""

KNOWN = 0.9
"""Share of values that healthy events have as well, from which a text field is calm."""

STRANGE = 0.3
"""Share of unknown patterns, and distance of the families of few texts, from which texts are compared in full; they do
so from 0.5 and 0.6 of all."""


def suspects(healthy: Table, here: Table, promises: Promises) -> list[str]:
    """The paths of fields that have to be compared in full."""
    return [
        path
        for path, column in healthy.columns.items()
        if promises.names(path) and not _is_calm(View.of(column), healthy, here)
    ]


def _is_calm(view: View, healthy: Table, here: Table) -> bool:
    """Does the field surely show nothing?"""
    column = here.columns.get(view.path)
    if column is None or view.nulls or len(view.values) != healthy.count or len(column.values) != here.count:
        return False  # what comes and goes is counted in full
    types = set(map(type, column.values))
    match view.kind:
        case "boolean":
            return types == {bool} and _is_calm_flag(view, column.values)
        case "number":
            whole = view.solid_types == INTEGER
            return types <= ({int} if whole else {int, float}) and _are_calm_numbers(view, column.values)
        case "string":
            return types == {str} and (len(view.solid) < 20 or _are_calm_texts(view, column.values))
        case _:
            return False


def _is_calm_flag(view: View, values: Sequence[Any]) -> bool:
    before, now = view.counts[("boolean", True)] / len(view.values), sum(values) / len(values)
    return bool(abs(before + now - 1) >= 0.1 or abs(before - now) <= 0.4)


def _are_calm_numbers(view: View, values: Sequence[Any]) -> bool:
    if any(type(value) is int and abs(value) > 1 << 53 for value in values):
        return False
    numbers = np.sort(np.array(values, dtype=np.float64))
    if view.date_formats:
        edge = len(numbers) // 50
        return epoch_format([float(numbers[edge]), float(numbers[-1 - edge])]) == view.date_formats[0]
    before = view.sorted_numbers
    if before[0] < 0 <= numbers[0] or not np.isfinite(numbers[-1]):
        return False
    return _are_calm_decimals(view, numbers) and (
        kolmogorov(before, numbers) - kolmogorov_noise(len(before), len(numbers)) < APART
    )


def _are_calm_decimals(view: View, numbers: Floats) -> bool:
    """Did neither fractions come up nor whole numbers, nor did the last decimal place go?"""
    solid = numbers[numbers != 0]
    if not len(solid):
        return view.most_decimals == 0
    whole = float(np.count_nonzero(solid == np.round(solid))) / len(solid)
    if view.most_decimals == 0:
        return whole == 1
    before = view.decimals[0] / max(1, len(view.numbers))
    if whole > WHOLE and (before < WHOLE or whole > KNOWN):
        return False
    return view.most_decimals < 2 or bool(np.any(solid != np.round(solid, view.most_decimals - 1)))


def _are_calm_texts(view: View, values: Sequence[str]) -> bool:
    if view.labels:
        return view.known.issuperset(values)
    few = values[:: -(-len(values) // FEW)]
    if view.date_formats:
        times = [seconds_of(text, view.date_formats[0]) for text in few]
        fine = [time % 60 != 0 for time in times if time is not None]
        masked = view.masks.keys() >= masks_of(values)
        return masked and len(fine) == len(times) and (sum(fine) > 0.1 * len(fine) or not _has_seconds(view))
    if sum(map(view.known.__contains__, values)) > KNOWN * len(values):
        return True
    families = Counter(map(family_of, few))
    if total_variation(families, view.families) > STRANGE or families.most_common(1)[0][0] not in view.families:
        return False
    strange = sum(mask_of(text) not in view.masks for text in few)
    return len(view.masks) * 5 > len(view.texts) or strange < STRANGE * len(few)


def _has_seconds(view: View) -> bool:
    """Do the healthy times tell seconds?"""
    times = view.times(view.date_formats[0])
    return share_of(np.mod(times[~np.isnan(times)], 60) != 0) > 0.5
