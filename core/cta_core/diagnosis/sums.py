"""Numbers that others make up exactly: a total of its parts, a fee of its amount, a price times a count.

`made_of` reads such a rule off the healthy events, `broken_rule` asks whether healed events still keep it. A value that
merely comes near what the others make up is another quantity, however well its name and its distribution fit. The rule
has to be exact on healthy events that it was not read from; what is only nearly so says nothing here, the relations
weigh it. Search, memory and advice ask it about every field that a program writes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
import numpy as np

from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.table import Table, parent_of
from cta_core.diagnosis.views import Floats, View
from cta_core.path import key_of, parse

EXACT = 0.002
"""Residual, as a share of the spread, up to which healthy numbers add up whatever their decimals are: cents that were
rounded in several parts."""

INFORMATIVE = 0.05
"""Residual, as a share of the spread, above which a rule says too little: at this size a twentieth of the values' own
differences is left open."""

SLACK = 3.0
"""Healthy residuals that a healed one may be: the largest of 200 roundings is not the largest there can be."""

MAX_PARTS = 24
"""Numbers beside a field among which its parts are sought, those of the same object first."""

MAX_TERMS = 8
"""Parts of one sum: invoices add up about half as many."""

ROWS_EACH = 5
"""Events for each number that a rule is read from: fewer could be met by any weights."""

LEAST_ROWS = 8
"""Healed events below which a rule is not asked."""

STRAY = 0.05
"""Share of healed events that may break a rule: junk, and corrections by hand."""

COUNTER = 0.97
"""Share of rising neighbours from which numbers are a counter or a clock: those follow the order, not other fields."""

MAX_RULES = 40
"""Number fields up to which the rules of all of them are read (about a millisecond each, once per baseline); beyond it
only those of the fields in question."""

MAX_POWER = 2
"""Highest power that a part of a product has: areas are squares, nothing of business is a cube."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How a number follows from others: their weighted sum, or the product of their powers."""

    path: str
    parts: tuple[str, ...]
    weights: tuple[float, ...]
    """Weights of a sum, powers of a product."""
    constant: float
    """Added to a sum, or the factor of a product."""
    product: bool = False
    slack: float = 0.0
    """Residual that only one in a hundred healthy events goes beyond."""
    reach: float = 1.0
    """Size of the largest healthy value; beyond it the residual grows with the value."""

    def off(self, values: Floats, parts: Floats) -> Any:
        """Which values are not what their parts make up."""
        made = _product(parts, self.weights, self.constant) if self.product else parts @ self.weights + self.constant
        allowed = SLACK * self.slack * np.maximum(1.0, np.abs(made) / self.reach) + 1e-9 * np.abs(made)
        return np.abs(values - made) > allowed


def made_of(healthy: Table, path: str) -> Rule | None:
    """The exact rule of a field of the healthy events; None where it has none. Worked out once per table."""
    rules: dict[str, Rule | None] = healthy.kept.setdefault("rules", {})
    if path not in rules:
        rules[path] = _made_of(healthy, path)
    return rules[path]


def keys_of(rules: Collection[Rule]) -> frozenset[str]:
    """The events' own keys that the rules name."""
    return frozenset(key_of(parse(path)[0]) for rule in rules for path in (rule.path, *rule.parts))


def rules_about(healthy: Table, paths: AbstractSet[str]) -> tuple[Rule, ...]:
    """The rules of these fields, and those of other fields in which they are parts."""
    numbers = [path for path, column in healthy.columns.items() if View.of(column).kind == "number"]
    asked = numbers if len(numbers) <= MAX_RULES else [path for path in numbers if path in paths]
    rules = [rule for path in asked if (rule := made_of(healthy, path)) is not None]
    return tuple(rule for rule in rules if rule.path in paths or not paths.isdisjoint(rule.parts))


def broken_rule(rule: Rule, healed: Table) -> Finding | None:
    """The finding that healed events do not keep a rule any more."""
    names = (rule.path, *rule.parts)
    columns = [_by_event(healed, name) for name in names]
    if any(column is None for column in columns):
        return None
    rows = np.array(columns).T
    rows = rows[~np.isnan(rows).any(axis=1)]
    if len(rows) < LEAST_ROWS:
        return None
    wrong = int(np.sum(rule.off(rows[:, 0], rows[:, 1:])))
    if wrong < max(3, STRAY * len(rows)):
        return None
    return Finding(
        path=rule.path,
        rule="made of",
        severity=Severity.SILENT,
        text=f"followed exactly from {', '.join(rule.parts)} and does not in {wrong} of {len(rows)} healed events",
        count=wrong,
        doubt=True,
    )


def _made_of(healthy: Table, path: str) -> Rule | None:
    column = healthy.columns.get(path)
    if column is None or View.of(column).kind != "number":
        return None
    view = View.of(column)
    target = _by_event(healthy, path)
    if target is None or len(view.counts) <= ROWS_EACH or view.date_formats or view.rising >= COUNTER:
        return None
    names = [
        name
        for name in _beside(healthy, path)
        if (numbers := _by_event(healthy, name)) is not None and np.mean(np.isnan(numbers)) < STRAY
    ][:MAX_PARTS]
    if not names:
        return None
    rows = np.array([target, *(_by_event(healthy, name) for name in names)]).T
    rows = rows[~np.isnan(rows).any(axis=1)]
    if len(rows) < 2 * ROWS_EACH * (len(names) + 1):
        names = names[: len(rows) // (2 * ROWS_EACH) - 1]
        rows = rows[:, : len(names) + 1]
    if not names:
        return None
    spread, grain = float(np.std(rows[:, 0])), 10.0**-view.most_decimals
    bound = min(INFORMATIVE * spread, max(EXACT * spread, grain))
    rule = _sum(path, names, rows, bound, grain) or _powers(path, names, rows, bound)
    # Whoever converts or adds up may round once more.
    return rule and msgspec.structs.replace(rule, slack=max(rule.slack, 0.5 * grain))


def _beside(healthy: Table, path: str) -> list[str]:
    """The other number fields that come once an event, those of the same object first."""
    found = [
        name
        for name, column in healthy.columns.items()
        if name != path and "*" not in name and View.of(column).kind == "number" and not View.of(column).date_formats
    ]
    return sorted(found, key=lambda name: parent_of(name) != parent_of(path))


def _sum(path: str, names: Sequence[str], rows: Floats, bound: float, grain: float) -> Rule | None:
    """The weighted sum of as few parts as it takes that every second event implies, if the others keep it.

    Those that give least are tried to be left out first: of several that say the same the exact ones stay.
    """
    used = list(range(len(names)))
    weights, slack = _fitted(rows, used)
    if slack > bound:
        return None
    given = np.abs(weights[:-1]) * np.std(rows[:, 1:], axis=0)
    for place in np.argsort(given).tolist():
        fewer = [one for one in used if one != place]
        without = _fitted(rows, fewer)
        if fewer and without[1] <= max(grain, slack):
            used, (weights, slack) = fewer, without
    if slack > bound or len(used) > MAX_TERMS:
        return None
    return Rule(
        path=path,
        parts=tuple(names[place] for place in used),
        weights=tuple(weights[:-1].tolist()),
        constant=float(weights[-1]),
        slack=slack,
        reach=float(np.max(np.abs(rows[:, 0]))) or 1.0,
    )


def _made(rows: Floats, used: Sequence[int], weights: Floats) -> Floats:
    """What the used parts of the rows add up to; the constant stands last among the weights."""
    return np.asarray(rows[:, [place + 1 for place in used]] @ weights[:-1] + weights[-1], dtype=np.float64)


def _fitted(rows: Floats, used: Sequence[int]) -> tuple[Floats, float]:
    """The weights of the sum that comes nearest in every second event, and the residual that one in a hundred of the
    others goes beyond.
    """
    first, second = rows[::2], rows[1::2]
    parts = np.column_stack([first[:, [place + 1 for place in used]], np.ones(len(first))])
    weights = np.asarray(np.linalg.lstsq(parts, first[:, 0], rcond=None)[0], dtype=np.float64)
    return weights, float(np.quantile(np.abs(second[:, 0] - _made(second, used, weights)), 0.99))


def _powers(path: str, names: Sequence[str], rows: Floats, bound: float) -> Rule | None:
    """The product of whole powers that every second event implies, if the others keep it."""
    positive = np.all(rows > 0, axis=0)
    used = [place for place in range(len(names)) if positive[place + 1]]
    if not positive[0] or not used:
        return None
    logs = np.log(rows[:, [0, *(place + 1 for place in used)]])
    first = logs[::2]
    fitted, *_ = np.linalg.lstsq(np.column_stack([first[:, 1:], np.ones(len(first))]), first[:, 0], rcond=None)
    powers = np.round(fitted[:-1])
    taken = [place for place, power in zip(used, powers, strict=True) if power]
    weights = tuple(float(power) for power in powers if power)
    if not taken or max(map(abs, weights)) > MAX_POWER:
        return None
    parts = rows[:, 1:][:, taken]
    constant = float(np.median(rows[::2, 0] / _product(parts[::2], weights, 1.0)))
    slack = float(np.quantile(np.abs(rows[1::2, 0] - _product(parts[1::2], weights, constant)), 0.99))
    if slack > bound:
        return None
    return Rule(
        path=path,
        parts=tuple(names[place] for place in taken),
        weights=weights,
        constant=constant,
        product=True,
        slack=slack,
        reach=float(np.max(rows[:, 0])),
    )


def _product(parts: Floats, powers: Sequence[float], constant: float) -> Any:
    with np.errstate(all="ignore"):
        return constant * np.prod(parts ** np.array(powers), axis=1)


def _by_event(table: Table, path: str) -> Floats | None:
    """The numbers of a field by event, NaN where there is none; None for a field that is not there."""
    column = table.columns.get(path)
    if column is None:
        return None
    found = np.full(table.count, np.nan)
    for row, value in zip(column.rows, column.values, strict=True):
        if type(value) is float or (type(value) is int and abs(value) < 1 << 53):
            found[row] = value
    return found
