"""Missing fields that only repeated another one: a copy of a field that stayed, a flag that says what a label says.

Proposed only where the healthy events agree without one exception, often enough, and the names say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cta_core.adapter.steps import Copy, EnumEntry, EnumMap
from cta_core.diagnosis.assemble import Part
from cta_core.diagnosis.compounds import Compound
from cta_core.diagnosis.names import name_of, word_likeness, words_of
from cta_core.diagnosis.relations import by_row
from cta_core.diagnosis.table import Table, leaf_of, parent_of
from cta_core.diagnosis.views import REFUSED, View

INFORMATIVE = 300
"""Values that must agree, pooled over the fields of one object: equality on n values bounds the share of exceptions
at 3 / n."""


def copies(targets: Mapping[str, View], healthy: Table, drifted: Table, changed: set[str]) -> list[Compound]:
    """Missing fields whose healthy values always equalled those of a field that is still there under the same last
    name.
    """
    by_leaf: dict[str, list[str]] = {}
    for path in healthy.columns:
        if path in drifted.columns and path not in changed and "*" not in path:
            by_leaf.setdefault(leaf_of(path), []).append(path)
    groups: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for target, view in targets.items():
        if "*" in target:
            continue
        mine = by_row(view, healthy.count)
        for other in by_leaf.get(leaf_of(target), ()):
            theirs = by_row(View.of(healthy.columns[other]), healthy.count)
            if mine is None or theirs is None:
                continue
            pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not REFUSED]
            if pairs and all(type(a) is type(b) and a == b for a, b in pairs):
                informative = len(pairs) if len(view.counts) > 3 else 0
                groups.setdefault((parent_of(target), parent_of(other)), []).append((target, other, informative))
    found: list[Compound] = []
    for (above, other_above), members in groups.items():
        agreed = sum(count for _, _, count in members)
        if agreed < INFORMATIVE or above == other_above:
            continue
        found.extend(
            Compound(
                part=Part(targets=(target,), sources=(other,), move=False, steps=(Copy(source=other, target=target),)),
                kind="copy",
                confidence=0.95,
                facts=(f"{target} always equalled {other} ({agreed} values of the object agree)",),
            )
            for target, other, _ in members
        )
    return found


LEAST_ROWS = 100
"""Healthy events in which a flag has to follow from a label without one exception."""


def derived(targets: Mapping[str, View], healthy: Table, drifted: Table, changed: set[str]) -> list[Compound]:
    """Missing flags that only repeat what a label says: `paid` is true where `status` is `paid`, and only there."""
    found: list[Compound] = []
    for target, view in targets.items():
        mine = by_row(view, healthy.count) if view.kind == "boolean" and "*" not in target else None
        if mine is None:
            continue
        for path, column in healthy.columns.items():
            label, here = View.of(column), drifted.columns.get(path)
            if here is None or path in changed or label.kind != "string" or not 2 <= len(label.labels) <= 16:
                continue
            theirs = by_row(label, healthy.count)
            table = None if theirs is None else _follows(theirs, mine)
            if table is None or any(value not in table for _, value in View.of(here).counts):
                continue
            true = [word for word, flag in table.items() if flag]
            if len(true) != 1 or len(table) < 2 or not _says(target, true[0]):
                continue
            steps = (
                Copy(source=path, target=target),
                EnumMap(
                    path=target, entries=tuple(EnumEntry(source=word, target=flag) for word, flag in table.items())
                ),
            )
            found.append(
                Compound(
                    part=Part(targets=(target,), sources=(path,), move=False, steps=steps),
                    kind="copy",
                    confidence=0.95,
                    facts=(
                        f"{target} was true where {path} is {true[0]!r} and only there, in {len(mine)} healthy events",
                    ),
                )
            )
            break
    return found


def _follows(labels: Sequence[Any], flags: Sequence[Any]) -> dict[str, bool] | None:
    """The flag of each label if it never varies and every label was seen often enough; else None."""
    table: dict[str, bool] = {}
    seen: Counter[str] = Counter()
    for word, flag in zip(labels, flags, strict=True):
        if type(word) is not str or type(flag) is not bool or table.setdefault(word, flag) is not flag:
            return None
        seen[word] += 1
    return table if sum(seen.values()) >= LEAST_ROWS and min(seen.values()) >= 2 else None


def _says(path: str, word: str) -> bool:
    """Does the flag's own name say the label?"""
    return any(word_likeness(part, one) >= 0.95 for part in name_of(path).leaf for one in words_of(word))
