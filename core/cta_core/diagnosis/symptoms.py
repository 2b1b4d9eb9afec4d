"""What differs: which healthy fields are gone, broken or changed in their meaning, and which differences are harmless.

A finding on a field is BREAK (gone, another type or form), SILENT (the contract holds, the values mean something
else) or NOTICE (worth knowing, never a reason to act). Only breaks and silent changes ask for an adapter or a person.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import msgspec
import numpy as np

from cta_core.diagnosis.candidates.nulls import stand_ins
from cta_core.diagnosis.fit import fit
from cta_core.diagnosis.formats import OPAQUE
from cta_core.diagnosis.mixtures import half_whole, parted, two_units
from cta_core.diagnosis.promises import Promise, Promises
from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.table import Table, escape
from cta_core.diagnosis.views import INTEGER, NUMBER, View, kolmogorov, kolmogorov_noise, share_of, total_variation


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One field that is not as it was."""

    path: str
    rule: str
    """`gone`, `partly gone`, `type`, `form`, `labels`, `label lost`, `nulls`, `shift`, `precision`, `sign`, ..."""
    severity: Severity
    text: str
    count: int = 0
    """Drifted values (or events) that show it."""
    doubt: bool = False
    """A silent change that is heavy enough to ask a person when no adapter explains it."""


FEW = 8
"""Expected occurrences below which an absent optional field says nothing: e^-8 is 1 in 3,000."""

HEAVY_RATIO = 12.0
"""Medians further apart than this are beyond what business does to a field; a payday makes a factor of 5 to 8."""


def findings(
    healthy: Table,
    drifted: Table,
    promises: Promises,
    broken: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[Finding]:
    """Compares every field that counts. `broken` are paths at which the contract is violated in drifted events.

    `only` limits the comparison to fields below these keys of the event.
    """
    found: list[Finding] = []
    heads = None if only is None else {escape(key) for key in only}
    for path, column in healthy.columns.items():
        if (heads is not None and path.split("/", 2)[1] not in heads) or not promises.names(path):
            continue
        view = View.of(column)
        here = drifted.columns.get(path)
        finding = _presence(path, view, (here is not None and View.of(here)) or None, healthy, drifted, promises)
        if finding is None and here is not None:
            finding = compare(path, view, View.of(here), broken=path in broken)
        if finding is not None:
            found.append(finding)
    return found


def _presence(
    path: str, view: View, here: View | None, healthy: Table, drifted: Table, promises: Promises
) -> Finding | None:
    if path in drifted.nodes and here is None:
        return Finding(
            path=path,
            rule="type",
            severity=Severity.BREAK,
            text="a scalar became an object or an array",
            count=drifted.present(path),
        )
    solid = len(view.solid)
    seen = 0 if here is None else len(here.solid)
    needed = promises.needed(path)
    rate = solid / max(1, healthy.count)
    expected = rate * drifted.count
    if here is None and view.solid_types & {"object", "array"} and path in drifted.nodes:
        return None
    if not solid:
        if needed and (here is None or not here.total):
            return Finding(
                path=path, rule="gone", severity=Severity.BREAK, text="the field is gone", count=drifted.count
            )
        return None
    if seen == 0:
        if solid and not view.solid_types - {"object", "array"} and not needed:
            return None  # an empty list or object that is not sent any more
        nullable = here is not None and here.nulls > 0
        if nullable and promises.of(path).nullable and expected < 30:
            return None
        if expected < FEW and not (needed and drifted.holders(path)):
            return None
        if here is None or not nullable:
            return Finding(
                path=path, rule="gone", severity=Severity.BREAK, text="the field is gone", count=drifted.count
            )
        return Finding(
            path=path,
            rule="nulls",
            severity=Severity.SILENT,
            text="the field is null in every event",
            count=here.nulls,
            doubt=True,
        )
    # The share of parents that have the key, so that a rarer optional object does not look like lost fields.
    holders = drifted.holders(path)
    above = healthy.holders(path)
    if above and holders and not path.endswith("/*"):
        before, now = view.total / above, (here.total if here else 0) / holders
        pooled = (view.total + (here.total if here else 0)) / (above + holders)
        spread = math.sqrt(max(pooled * (1 - pooled), 1e-6) * (1 / above + 1 / holders))
        if needed and now < 1 and before >= 0.999:
            return Finding(
                path=path,
                rule="partly gone",
                severity=Severity.BREAK,
                text=f"missing in {1 - now:.1%} of the events",
                count=round((1 - now) * holders),
            )
        if before - now > 0.25 and (before - now) / spread > 6 and before > 0.9:
            return Finding(
                path=path,
                rule="partly gone",
                severity=Severity.SILENT,
                text=f"there in {before:.0%} of the healthy and {now:.0%} of these events",
                count=round((before - now) * holders),
                doubt=False,
            )
    return None


def compare(path: str, view: View, here: View, *, broken: bool) -> Finding | None:
    """How the values of a field that is still there differ; None if they do not, or harmlessly and not worth a word."""
    if not here.solid or not view.solid:
        return None
    extra: frozenset[str] = here.solid_types - view.solid_types
    if extra == INTEGER and "number" in view.solid_types:
        extra = frozenset()
    if (
        extra == NUMBER
        and "integer" in view.solid_types
        and np.all(here.numbers == np.round(here.numbers))
        and not broken
    ):
        extra = frozenset()
    foreign = sum(here.types[kind] for kind in extra)
    if foreign:
        share = foreign / len(here.solid)
        return Finding(
            path=path,
            rule="type",
            severity=Severity.BREAK if share > 0.02 or broken else Severity.SILENT,
            text=f"{share:.0%} of the values are of type {', '.join(sorted(extra))}",
            count=foreign,
            doubt=share > 0.02,
        )
    if here.nulls and not view.nulls and broken:
        return Finding(
            path=path,
            rule="nulls",
            severity=Severity.BREAK,
            text="null where the contract allows none",
            count=here.nulls,
        )
    kind = view.kind
    found: Finding | None = None
    regular = view.nulls * here.total >= 2 * view.total
    vanished = here.nulls * 4 < view.nulls * here.total / max(1, view.total)
    # Nulls that came regularly are gone; if a stand-in came up in their place, that is what they are now.
    if regular and vanished and kind in ("number", "string") and stand_ins(view, here, Promise(path=path))[0]:
        return Finding(
            path=path,
            rule="null form",
            severity=Severity.SILENT,
            text="nulls are gone and stand-ins for them came up",
            count=here.total,
            doubt=True,
        )
    if kind == "number":
        found = _numbers(path, view, here)
    elif kind == "string":
        found = _texts(path, view, here)
    elif kind == "boolean":
        found = _booleans(path, view, here)
    if found is None and broken:
        return Finding(
            path=path, rule="contract", severity=Severity.BREAK, text="values break the contract", count=here.total
        )
    if found is not None and broken and found.severity is not Severity.BREAK:
        return msgspec.structs.replace(found, severity=Severity.BREAK, doubt=True)
    return found


def _booleans(path: str, view: View, here: View) -> Finding | None:
    yes, now = view.counts[("boolean", True)] / len(view.solid), here.counts[("boolean", True)] / len(here.solid)
    if min(len(view.solid), len(here.solid)) >= 40 and abs(yes + now - 1) < 0.1 and abs(yes - now) > 0.5:
        return Finding(
            path=path,
            rule="flip",
            severity=Severity.SILENT,
            text="true and false have changed places",
            count=here.total,
            doubt=True,
        )
    return None


def _numbers(path: str, view: View, here: View) -> Finding | None:
    a, b = view.sorted_numbers, here.sorted_numbers
    if len(a) < 20 or len(b) < 12:
        return None
    counter = view.rising >= 0.97 and view.distinct_share > 0.5
    if view.date_formats and here.date_formats:
        if view.date_formats != here.date_formats:
            return Finding(
                path=path,
                rule="form",
                severity=Severity.SILENT,
                text="epoch times in another unit",
                count=here.total,
                doubt=True,
            )
        return None
    if view.date_formats and not here.date_formats:
        return Finding(
            path=path,
            rule="form",
            severity=Severity.SILENT,
            text="no epoch times any more",
            count=here.total,
            doubt=True,
        )
    result = fit(view, here, loose=True)
    distance = kolmogorov(a, b) - kolmogorov_noise(len(a), len(b))
    for conflict in result.conflicts:
        if conflict.startswith("the sign is gone") and share_of(a < 0) > 0.1:
            return Finding(
                path=path,
                rule="sign",
                severity=Severity.SILENT,
                text="negative values are gone",
                count=here.total,
                doubt=True,
            )
        if conflict.startswith("coarser") and len(b) >= 30:
            return Finding(
                path=path,
                rule="precision",
                severity=Severity.SILENT,
                text="decimal places are gone",
                count=here.total,
                doubt=True,
            )
        if conflict.startswith("fractions where") and len(b) >= 12:
            return Finding(
                path=path,
                rule="precision",
                severity=Severity.SILENT,
                text="fractions where there were whole numbers",
                count=here.total,
                doubt=True,
            )
    if counter or (distance < 0.1 and not half_whole(view, here)):
        return None
    left, right = np.abs(a[a != 0]), np.abs(b[b != 0])
    ratio = float(np.median(right)) / float(np.median(left)) if len(left) >= 10 and len(right) >= 10 else 1.0
    # A mixture that moved within the range of the healthy values (a payday) is no change of meaning, however far its
    # median goes.
    beyond = (
        share_of((right > 1.5 * np.percentile(left, 99.5)) | (right < np.percentile(left, 0.5) / 1.5))
        if len(left) and len(right)
        else 0.0
    )
    heavy = (ratio > HEAVY_RATIO or ratio < 1 / HEAVY_RATIO) and beyond > 0.2
    opaque = view.distinct_share > 0.95 and view.solid_types == INTEGER and float(np.median(a)) > 1e4
    if opaque:
        return None
    disjoint = float(b[0]) > float(a[-1]) or float(b[-1]) < float(a[0])
    bimodal = parted(a, b) or two_units(a, b) or half_whole(view, here)
    if distance < 0.15 and not heavy and not bimodal:
        return None
    return Finding(
        path=path,
        rule="shift",
        severity=Severity.SILENT,
        count=here.total,
        doubt=heavy or bimodal or (disjoint and len(view.counts) > 8 and (ratio > 3 or ratio < 1 / 3)),
        text=f"median {np.median(a):.4g} before and {np.median(b):.4g} now, distributions {kolmogorov(a, b):.2f} apart",
    )


def _texts(path: str, view: View, here: View) -> Finding | None:
    if len(view.solid) < 20 or len(here.solid) < 5:
        return None
    if view.labels:
        return _labels(path, view, here)
    if view.date_formats:
        if not set(view.date_formats) & set(here.date_formats):
            return Finding(
                path=path,
                rule="form",
                severity=Severity.BREAK,
                text="times are written in another form",
                count=here.total,
                doubt=True,
            )
        masks = sum(count for mask, count in here.masks.items() if mask not in view.masks)
        if masks > 0.1 * len(here.texts):
            return Finding(
                path=path,
                rule="form",
                severity=Severity.SILENT,
                text="times are written in another form",
                count=masks,
                doubt=True,
            )
        return _date_parts(path, view, here)
    family, other = view.family, here.family
    if family and other and family != other:
        if family in OPAQUE and other in OPAQUE:
            return Finding(
                path=path,
                rule="form",
                severity=Severity.NOTICE,
                text=f"identifiers are {other} now, {family} before",
                count=here.total,
            )
        if {family, other} <= {"word", "text"}:
            return None
        return Finding(
            path=path,
            rule="form",
            severity=Severity.SILENT,
            text=f"values are {other} now, {family} before",
            count=here.total,
            doubt=True,
        )
    distance = total_variation(view.families, here.families)
    if distance > 0.6 and (family or other):
        return Finding(
            path=path,
            rule="form",
            severity=Severity.SILENT,
            text="values have another form",
            count=here.total,
            doubt=True,
        )
    if len(view.masks) * 5 <= len(view.texts):
        strange = sum(count for mask, count in here.masks.items() if mask not in view.masks) / len(here.texts)
        if strange > 0.5:
            return Finding(
                path=path,
                rule="form",
                severity=Severity.SILENT,
                text=f"{strange:.0%} of the values have a pattern never seen before",
                count=round(strange * len(here.texts)),
                doubt=strange > 0.9,
            )
    result = fit(view, here, loose=True)
    if any(conflict.startswith("values unlike") for conflict in result.conflicts):
        return Finding(
            path=path,
            rule="values",
            severity=Severity.SILENT,
            text="hardly any of the known values comes again",
            count=here.total,
            doubt=False,
        )
    return None


def _date_parts(path: str, view: View, here: View) -> Finding | None:
    form = next(form for form in view.date_formats if form in here.date_formats)
    a, b = view.times(form), here.times(form)
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if len(a) >= 40 and len(b) >= 30 and share_of(np.mod(a, 60) != 0) > 0.7 and share_of(np.mod(b, 60) != 0) < 0.02:
        return Finding(
            path=path,
            rule="precision",
            severity=Severity.SILENT,
            text="the seconds of the times are gone",
            count=here.total,
            doubt=True,
        )
    return None


def _labels(path: str, view: View, here: View) -> Finding | None:
    n, m = len(view.solid), len(here.solid)
    gone = [
        value for (kind, value), count in view.counts.items() if here.counts[(kind, value)] == 0 and count / n * m >= 14
    ]
    new = {key: count for key, count in here.counts.items() if key not in view.counts}
    fresh = sum(new.values())
    if fresh == m:
        if len(view.counts) == 1 and len(new) == 1 and view.distinct_share < 0.2:
            return Finding(
                path=path, rule="labels", severity=Severity.NOTICE, text="one constant value became another", count=m
            )
        return Finding(
            path=path, rule="labels", severity=Severity.SILENT, text="all labels are new", count=m, doubt=True
        )
    if gone and fresh >= 0.02 * m:
        return Finding(
            path=path,
            rule="labels",
            severity=Severity.SILENT,
            text=f"{len(gone)} frequent labels are gone and {len(new)} new ones came",
            count=fresh,
            doubt=True,
        )
    if gone:
        return Finding(
            path=path,
            rule="label lost",
            severity=Severity.NOTICE,
            text=f"{len(gone)} frequent labels are gone",
            count=0,
        )
    words = [value for _, value in new if isinstance(value, str) and value.isalpha()]
    if len(words) == len(new) >= 2 and all(_respelt(word, view) for word in words):
        return Finding(
            path=path,
            rule="labels",
            severity=Severity.SILENT,
            text=f"{len(new)} new labels are other spellings of known ones",
            count=fresh,
            doubt=True,
        )
    if fresh:
        return Finding(
            path=path, rule="new label", severity=Severity.NOTICE, text=f"{len(new)} labels are new", count=fresh
        )
    return None


def _respelt(word: str, view: View) -> bool:
    """Is a new label a known one in other letters: `PAID` for `paid`, `H` for `hall`?"""
    low = word.lower()
    return any(isinstance(known, str) and known.lower().startswith(low) and known.isalpha() for _, known in view.counts)
