"""Recipes for dates and times: epochs, RFC 3339, RFC 2822, day and month orders, local times with a proven offset.

All formats that read every value are proposed. Two that read the values differently are two readings; a local time is
turned into an instant only by an offset that another time of the same events proves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from cta_core.adapter.steps import DateTime
from cta_core.diagnosis.candidates.recipe import PLACE, Recipe, after
from cta_core.diagnosis.formats import CLOCKS, DATES, ZONED
from cta_core.diagnosis.views import Floats, View, kolmogorov, share_of

_FRACTION = re.compile(r"[.,](\d+)")
_ZONE = re.compile(r"([Zz]|[+-]\d\d:\d\d)$")


class Witness(msgspec.Struct, frozen=True):
    """Another time of the same events that did not change: it tells the offset of a local time."""

    path: str
    healthy: Floats
    """Seconds by event of the baseline, NaN where absent."""
    drifted: Floats


class Style(msgspec.Struct, frozen=True):
    """How a column writes its times."""

    form: str
    digits: int = 0
    zulu: bool = True
    zone: str = "UTC"
    regular: bool = True
    """All values have the same number of fraction digits and the same zone."""
    whole_minutes: bool = False
    whole_days: bool = False


def style_of(view: View) -> Style | None:
    """How the healthy values write their times; None if they are none."""
    forms = view.date_formats
    if not forms:
        return None
    form = forms[0]
    if form.startswith("epoch"):
        return Style(form)
    digits = Counter(len(match[1]) if (match := _FRACTION.search(text)) else 0 for text in view.texts)
    zones = (
        Counter(match[1] if (match := _ZONE.search(text)) else "" for text in view.texts)
        if form == "rfc3339"
        else Counter({"": 1})
    )
    usual_digits, count = digits.most_common(1)[0]
    usual_zone, zone_count = zones.most_common(1)[0]
    total = len(view.texts)
    times = view.times(form)
    times = times[~np.isnan(times)]
    return Style(
        form=form,
        digits=usual_digits,
        zulu=usual_zone in ("Z", "z"),
        zone="UTC" if usual_zone in ("Z", "z", "", "+00:00") else usual_zone,
        regular=count >= 0.98 * total and (form != "rfc3339" or zone_count >= 0.98 * total),
        whole_minutes=bool(np.all(np.mod(times, 60) == 0)),
        whole_days=bool(np.all(np.mod(times, 86400) == 0)),
    )


def date_recipes(target: View, source: View, witnesses: Sequence[Witness] = ()) -> Iterator[Recipe]:
    """Recipes from the time formats that read `source` to the one that `target` is written in."""
    style = style_of(target)
    forms = source.date_formats
    if style is None:
        return
    if style.form in CLOCKS:
        yield from _clocks(source, style)
        return
    if not forms or (forms[0] == style.form and style.form != "rfc3339"):
        return
    for form in forms:
        if form in CLOCKS:
            continue
        if form == "rfc3339" == style.form and total_masks_alike(target, source):
            return
        yield from _from(target, source, form, style, witnesses)


def _clocks(source: View, style: Style) -> Iterator[Recipe]:
    for form in source.date_formats:
        if form in CLOCKS and form != style.form:
            steps = (
                DateTime(path=PLACE, source=form, target=style.form, digits=style.digits if "%f" in style.form else 0),
            )
            yield Recipe(
                kind="datetime",
                steps=steps,
                view=after(steps, source),
                prior=-0.5,
                support=0.5,
                facts=(f"all values read as {form}",),
                family="datetime",
            )


def total_masks_alike(target: View, source: View) -> bool:
    """Are the times written the same way, so that there is nothing to do?"""
    shared = sum(count for mask, count in source.masks.items() if mask in target.masks)
    return shared >= 0.9 * len(source.texts)


def _from(target: View, source: View, form: str, style: Style, witnesses: Sequence[Witness]) -> Iterator[Recipe]:
    conflicts: list[str] = []
    facts = [f"all values read as {form}"]
    if form in DATES and not style.whole_days:
        conflicts.append("coarser: the time of day is gone")
    if not style.regular:
        conflicts.append("the healthy times are not all written one way")
    times = source.times(form)
    known = ~np.isnan(times)
    fraction = share_of(np.mod(times[known], 1) > 1e-7) if known.any() else 0.0
    original = target.times(style.form)
    original = original[~np.isnan(original)]
    wanted_fraction = share_of(np.mod(original, 1) > 1e-7) if len(original) else 0.0
    if wanted_fraction > 0.5 and fraction == 0 and known.sum() >= 15:
        conflicts.append("coarser: fractions of seconds are gone")
    if (
        share_of(np.mod(original, 60) != 0) > 0.5
        and share_of(np.mod(times[known], 60) == 0) > 0.97
        and known.sum() >= 15
    ):
        conflicts.append("coarser: the seconds are gone")
    if _finer(target, source, form):
        conflicts.append("coarser: digits of the fraction are gone")
    zoned_target = style.form in ZONED
    zone, proof = "UTC", ""
    if zoned_target and form not in ZONED and not (form in DATES and style.whole_days):
        zone, proof = _offset(source, times, target, style, witnesses)
        if not proof:
            conflicts.append("zone unproven: local times without an offset")
        else:
            facts.append(proof)
    steps = (
        DateTime(
            path=PLACE,
            source=form,
            target=style.form,
            source_zone="" if form in ZONED else zone,
            target_zone=style.zone,
            digits=style.digits,
            zulu=style.zulu,
        ),
    )
    yield Recipe(
        kind="datetime",
        steps=steps,
        view=after(steps, source),
        prior=-0.5,
        support=1.0,
        conflicts=tuple(conflicts),
        facts=tuple(facts),
        family="datetime",
    )


_DIGITS = {"epoch_s": 0, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}


def _finer(target: View, source: View, form: str) -> bool:
    """Do most healthy times have digits of a fraction that the source cannot have?"""
    if form in _DIGITS and source.types["number"] == 0:
        places = _DIGITS[form]
    else:
        places = max((len(match[1]) for text in source.texts if (match := _FRACTION.search(text))), default=0)
        if not source.texts:
            return False
    deep = sum(1 for text in target.texts if (match := _FRACTION.search(text)) and match[1][places:].strip("0"))
    return bool(target.texts) and deep > 0.3 * len(target.texts)


OFFSETS = tuple(
    sorted(
        {hours * 3600 for hours in range(-12, 15)}
        | {int(h * 3600) for h in (-9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5)}
    )
)
"""Offsets of the world's zones, in seconds: whole hours and the broken ones in use."""


def _zone_text(offset: int) -> str:
    if offset == 0:
        return "UTC"
    sign = "+" if offset > 0 else "-"
    return f"{sign}{abs(offset) // 3600:02d}:{abs(offset) % 3600 // 60:02d}"


def _offset(source: View, times: Floats, target: View, style: Style, witnesses: Sequence[Witness]) -> tuple[str, str]:
    """(offset, why) where one offset alone agrees with another time of the same events; empty texts where none does."""
    original = target.times(style.form)
    for witness in witnesses:
        before = _differences(original, target.rows, witness.healthy)
        now = _differences(times, source.rows, witness.drifted)
        if len(before) < 20 or len(now) < 12:
            continue
        spread = float(np.percentile(before, 95) - np.percentile(before, 5))
        if spread > 6 * 3600:
            continue
        ranked = sorted((kolmogorov(np.sort(before), np.sort(now - offset)), abs(offset), offset) for offset in OFFSETS)
        best, second = ranked[0], ranked[1]
        if best[0] < 0.25 and second[0] > best[0] + 0.12:
            return _zone_text(
                best[2]
            ), f"the differences to {witness.path} keep their distribution with offset {_zone_text(best[2])} only"
    # A log in order of time goes on where the healthy events ended.
    good = original[~np.isnan(original)]
    here = times[~np.isnan(times)]
    if len(good) >= 40 and len(here) >= 20 and np.all(np.diff(good) >= 0) and np.all(np.diff(here) >= 0):
        # No pause was longer than this at that hour; half as much again for the one between the two files.
        pause = max(1.5 * float(np.max(np.diff(good)[-30:])), 60.0)
        gap = float(here[0] - good[-1])
        fitting = [offset for offset in OFFSETS if -1.0 <= gap - offset <= pause]
        if fitting == [0]:
            # Another offset could be a pause between the two files as well; that needs a witness.
            return _zone_text(0), "the times go on where the healthy ones ended"
    # The daily rhythm: shops and offices sleep at one time only.
    days = min(float(np.ptp(good)), float(np.ptp(here))) / 86400 if len(good) and len(here) else 0.0
    if len(good) >= 100 and len(here) >= 60 and days >= 3:
        ranked = sorted((_rhythm(good, here - offset), abs(offset), offset) for offset in OFFSETS if offset % 3600 == 0)
        if ranked[0][0] < 0.12 and ranked[1][0] > ranked[0][0] + 0.12:
            return _zone_text(ranked[0][2]), "the daily rhythm agrees with one offset only"
    return "", ""


def _differences(times: Floats, rows: Sequence[int], witness: Floats) -> Floats:
    found = np.array(
        [time - witness[row] for time, row in zip(times, rows, strict=True) if row < len(witness)], dtype=np.float64
    )
    return found[~np.isnan(found)]


def _rhythm(healthy: Floats, here: Floats) -> float:
    """Distance between the hours of the day of two sets of times, on the circle."""
    a = np.bincount((np.mod(healthy, 86400) // 3600).astype(int), minlength=24) / len(healthy)
    b = np.bincount((np.mod(here, 86400) // 3600).astype(int), minlength=24) / len(here)
    return float(np.max(np.abs(np.cumsum(a) - np.cumsum(b))))
