"""Recipes that rescale numbers: powers of ten, units of time, length, mass, temperature, shares.

The factor is read from quantile ratios and taken from a library of factors that exist. What makes a factor certain
is not the ratio but what comes back with it: the decimal grid, the ratio per key, a unit's word, the same fit in every
stratum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import numpy as np

from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Scale
from cta_core.diagnosis.candidates.recipe import PLACE, Recipe, after
from cta_core.diagnosis.lexicon import CANONICAL
from cta_core.diagnosis.names import NamePair, name_of
from cta_core.diagnosis.views import INTEGER, Floats, View, kolmogorov, kolmogorov_noise, share_of


class Factor(msgspec.Struct, frozen=True):
    """out = in * numerator / denominator + offset."""

    numerator: float
    denominator: float
    offset: float
    words: str
    decimal: bool = False
    """A power of ten."""

    @property
    def size(self) -> float:
        """The factor as one number."""
        return self.numerator / self.denominator

    def of(self, values: Floats) -> Floats:
        """The values after the factor."""
        return values * self.numerator / self.denominator + self.offset


def _library() -> tuple[Factor, ...]:
    found = [Factor(10.0**k, 1.0, 0.0, f"x 10^{k}", True) for k in range(1, 10)]
    found += [Factor(1.0, 10.0**k, 0.0, f"/ 10^{k}", True) for k in range(1, 10)]
    for size, words in (
        (60.0, "minutes and seconds"),
        (3600.0, "hours and seconds"),
        (86400.0, "days and seconds"),
        (24.0, "days and hours"),
        (1440.0, "days and minutes"),
        (60000.0, "minutes and milliseconds"),
        (3600000.0, "hours and milliseconds"),
        (7.0, "weeks and days"),
        (12.0, "years and months"),
        (1024.0, "binary kilo"),
        (1048576.0, "binary mega"),
        (1073741824.0, "binary giga"),
        (8.0, "bytes and bits"),
        (1.609344, "miles and kilometres"),
        (1609.344, "miles and metres"),
        (0.3048, "feet and metres"),
        (2.54, "inches and centimetres"),
        (25.4, "inches and millimetres"),
        (0.9144, "yards and metres"),
        (1.852, "nautical miles and kilometres"),
        (0.45359237, "pounds and kilograms"),
        (28.349523125, "ounces and grams"),
        (453.59237, "pounds and grams"),
        (3.6, "metres per second and kilometres per hour"),
        (0.44704, "miles per hour and metres per second"),
        (0.5144444444444445, "knots and metres per second"),
        (3.785411784, "gallons and litres"),
        (4.54609, "imperial gallons and litres"),
        (6.894757293168, "psi and kilopascals"),
        (0.06894757293168, "psi and bars"),
        (1.33322387415, "millimetres of mercury and hectopascals"),
        (33.86389, "inches of mercury and hectopascals"),
        (4.184, "calories and joules"),
    ):
        found.append(Factor(size, 1.0, 0.0, words))
        found.append(Factor(1.0, size, 0.0, words))
    found += [
        Factor(5.0, 9.0, -160.0 / 9.0, "Fahrenheit to Celsius"),
        Factor(9.0, 5.0, 32.0, "Celsius to Fahrenheit"),
        Factor(1.0, 1.0, -273.15, "Kelvin to Celsius"),
        Factor(1.0, 1.0, 273.15, "Celsius to Kelvin"),
    ]
    return tuple(found)


LIBRARY = _library()

MOST_CONFLICTS = 2
"""Conflicts beyond which a factor is not even shown: it explains nothing, and trying it costs more than all else."""

NEAR = 0.45
"""Log distance from the median ratio within which a factor is tried: a business shift of +-50 % must not hide the
unit."""


def scale_recipes(target: View, source: View, pair: NamePair, *, before: Recipe | None = None) -> Iterator[Recipe]:
    """Recipes that rescale `source` (after the steps of `before`) to the healthy numbers of `target`."""
    given = before.view if before is not None else source
    if target.kind != "number" or given.kind != "number" or len(given.numbers) < 8 or len(target.numbers) < 8:
        return
    if target.path != source.path and pair.source_unit is None and pair.score < 0.5:
        return  # another field in another unit, and nothing asks for it
    if target.date_formats and given.date_formats:
        # Two epochs: the unit of each is known from its size alone.
        yield from _epochs(target, source, given, before)
        return
    a, b = target.sorted_numbers, given.sorted_numbers
    as_it_is = kolmogorov(a, b)
    noise = kolmogorov_noise(len(a), len(b))
    unit = _unit_factor(pair)
    tried: list[tuple[float, Factor]] = []
    for factor in LIBRARY:
        if not _near(target, given, factor):
            continue
        tried.append((kolmogorov(a, np.sort(factor.of(b))), factor))
    tried.sort(key=lambda item: item[0])
    if not tried:
        return
    for distance, factor in tried[:3]:
        if distance - noise > 0.35 and unit is not factor:
            continue
        rivals = [
            other
            for d, other in tried
            if other is not factor
            and d < distance + 0.05 + 0.5 * noise
            and abs(math.log(other.size / factor.size)) > 1e-4
        ]
        recipe = _judged(target, source, given, before, factor, pair, distance, as_it_is, noise, rivals)
        if recipe is not None:
            yield recipe


def _near(target: View, given: View, factor: Factor) -> bool:
    """Does the factor bring the middle of the values near the healthy one?"""
    if factor.offset:
        moved = given.middle * factor.numerator / factor.denominator + factor.offset
        return abs(moved - target.middle) <= 0.75 * target.spread
    if not target.magnitude or not given.magnitude:
        return False
    return abs(math.log(target.magnitude / given.magnitude / factor.size)) <= NEAR


def _is_temperature(path: str) -> bool:
    words = (*name_of(path).leaf, *name_of(path).parents)
    return any("temperature" in (word, *CANONICAL.get(word, ())) for word in words)


def _unit_factor(pair: NamePair) -> Factor | None:
    """The factor that the unit words of both names ask for, where both have one of one dimension."""
    if pair.source_unit is None:
        return None
    if pair.target_unit is not None and pair.target_unit[0] == pair.source_unit[0]:
        size = pair.source_unit[1] / pair.target_unit[1]
    elif pair.target_unit is None and pair.source_unit[0] == "money":
        size = pair.source_unit[1]
    else:
        return None
    return next((factor for factor in LIBRARY if not factor.offset and abs(math.log(factor.size / size)) < 1e-9), None)


def _judged(
    target: View,
    source: View,
    given: View,
    before: Recipe | None,
    factor: Factor,
    pair: NamePair,
    distance: float,
    as_it_is: float,
    noise: float,
    rivals: list[Factor],
) -> Recipe | None:
    conflicts: list[str] = []
    facts = [f"{factor.words}: distributions {as_it_is:.2f} apart before, {distance:.2f} after"]
    support = 0.0
    proof = False
    round_to, grid_support, grid_fact, lost = _grid(target, given, factor)
    if lost:
        conflicts.append("coarser: the source has fewer places than the healthy values need")
    if grid_support:
        support += grid_support
        facts.append(grid_fact)
        proof = proof or grid_support >= 2.0
    asked = _unit_factor(pair)
    if asked is factor:
        support += 2.5
        facts.append("the unit words of both names ask for it")
        proof = True
    elif asked is not None or (
        pair.source_unit is not None and pair.target_unit is not None and pair.source_unit[0] == pair.target_unit[0]
    ):
        conflicts.append("the unit words of the names ask for something else")
    elif (
        pair.source_unit is not None
        and pair.target_unit is None
        and not factor.offset
        and pair.source_unit[0] != "epoch"
    ):
        # `weight_g` for `weight`: the word says the unit of one side; the size says the other.
        support += 1.0
        proof = proof or factor.size <= 0.2 or factor.size >= 5
    if factor.decimal and _signature(target, given, factor):
        support += 1.5
        facts.append("the decimal places of the healthy values come back")
        proof = proof or factor.size <= 0.2 or factor.size >= 5
    if not proof and pair.source_unit is None and target.path != source.path:
        conflicts.append("another field and another unit, and no word asks for the factor")
    if rivals and not (proof and all(not _explains(target, given, rival) for rival in rivals)):
        conflicts.append(f"the factor is not pinned down: {rivals[0].words} fits as well")
    if distance - noise > 0.25:
        conflicts.append("the values do not fit after the factor")
    if not proof:
        if factor.offset and not _is_temperature(target.path):
            conflicts.append("an offset needs more than the distribution")
        elif not factor.offset and 0.2 < factor.size < 5:
            conflicts.append("a small factor needs more than the distribution")
        elif distance - noise > 0.12:
            conflicts.append("the values do not fit well enough after the factor")
        elif as_it_is - distance < 0.3:
            conflicts.append("the factor explains too little")
        else:
            support += 0.3
    if as_it_is - noise < 0.1 and asked is not factor:
        conflicts.append("the values fit as they are")
    if len(conflicts) > MOST_CONFLICTS:
        return None
    to = JsonType.INTEGER if target.solid_types == INTEGER else None
    step = Scale(
        path=PLACE,
        numerator=factor.numerator,
        denominator=factor.denominator,
        offset=factor.offset,
        decimals=round_to,
        to=to,
    )
    steps = (*(before.steps if before is not None else ()), step)
    return Recipe(
        kind="scale",
        steps=steps,
        view=after(steps, source),
        prior=(before.prior if before else 0.0) - 1.0,
        support=support,
        conflicts=tuple(conflicts),
        facts=tuple(facts),
        family="number",
    )


def _grid(target: View, given: View, factor: Factor) -> tuple[int | None, float, str, bool]:
    """(places to round to, support, fact, information lost) of the decimal grid that the factor leads back to."""
    places = target.most_decimals
    if places > 8:
        return None, 0.0, "", False
    unit = 10.0**places
    values = factor.of(given.numbers) * unit
    off = np.abs(values - np.round(values))
    tolerance = 1e-6 * np.maximum(1.0, np.abs(values)) * 1e-3 + 1e-7
    exact = share_of(off <= tolerance)
    # What one last place of the source is worth in last places of the target.
    step = 10.0 ** (-given.most_decimals) * factor.size * unit
    wrong = Factor(factor.numerator * 1.0731, factor.denominator, factor.offset * 1.0731, "")
    other = wrong.of(given.numbers) * unit
    chance = share_of(np.abs(other - np.round(other)) <= tolerance)
    if exact >= 0.98:
        # An offset alone moves every grid onto itself, and a power of ten does so with most.
        # Whole steps land on every grid.
        telling = not factor.decimal and factor.size != 1.0 and abs(step - round(step)) > 1e-6
        support = 3.0 if chance < 0.5 and len(values) >= 20 and telling else 0.0
        if abs(step - round(step)) <= 1e-6 and step > 1.0 + 1e-9 and len(values) >= 20:
            # The source's last place is worth several of the target's: what stood behind it is gone, unless it never
            # varied.
            last = np.round(target.numbers * unit)
            lost = share_of(np.abs(np.mod(last, round(step))) > 0.5) > 0.2
            return places, 0.0, "", lost
        return places, support, f"{exact:.0%} of the values land on the healthy decimal grid", False
    if step <= 0.35 and share_of(off <= 0.5 * step * 1.05 + 1e-6) >= 0.995:
        return (
            places,
            (3.0 if len(values) >= 20 else 1.0),
            "rounding brings every value back to the healthy decimal grid",
            False,
        )
    if step > 1.0 or (places <= 4 and exact < 0.9):
        return (places if places <= 4 else None), 0.0, "", places <= 4
    return None, 0.0, "", False


def _signature(target: View, given: View, factor: Factor) -> bool:
    """Do the decimal places agree after moving the point, where they did not before?"""
    shift = round(math.log10(factor.size))
    return max(0, given.most_decimals - shift) == target.most_decimals != given.most_decimals


def _explains(target: View, given: View, factor: Factor) -> bool:
    """Does a rival factor lead back to the decimal grid as well?"""
    if factor.decimal:
        return _signature(target, given, factor)
    _, support, _, lost = _grid(target, given, factor)
    return support > 0 and not lost


_EPOCH_UNIT = {"epoch_s": 1.0, "epoch_ms": 1e3, "epoch_us": 1e6, "epoch_ns": 1e9}


def _epochs(target: View, source: View, given: View, before: Recipe | None) -> Iterator[Recipe]:
    wanted, have = _EPOCH_UNIT[target.date_formats[0]], _EPOCH_UNIT[given.date_formats[0]]
    if wanted == have:
        return
    conflicts: list[str] = []
    if have < wanted:
        rest = np.mod(target.numbers, wanted / have)
        if share_of(rest != 0) > 0.01:
            conflicts.append("coarser: fractions of the healthy times are gone")
    whole = target.solid_types == INTEGER
    ratio = wanted / have
    step = Scale(
        path=PLACE,
        numerator=max(1.0, ratio),
        denominator=max(1.0, 1.0 / ratio),
        to=JsonType.INTEGER if whole else None,
    )
    if whole and ratio < 1:
        rest = np.mod(given.numbers, 1.0 / ratio)
        if share_of(rest != 0) > 0.01:
            conflicts.append("finer than the healthy times: how they were rounded is not known")
    steps = (*(before.steps if before is not None else ()), step)
    yield Recipe(
        kind="scale",
        steps=steps,
        view=after(steps, source),
        prior=-0.5,
        support=1.5,
        conflicts=tuple(conflicts),
        facts=(f"times are {given.date_formats[0]} now and were {target.date_formats[0]}",),
        family="number",
    )
