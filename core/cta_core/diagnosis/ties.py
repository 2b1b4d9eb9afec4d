"""The healthy fields that could object to a field's values: those that it hangs together with, is ordered with, equals,
is decided by or decides.

Which they are is a matter of the healthy events alone, so it is worked out once per baseline. A remembered adapter is
then judged by these neighbours only; all others have nothing to say. `recall` calls it, the server in advance.
"""

from __future__ import annotations

from cta_core.diagnosis.orders import is_ordered, is_text_related
from cta_core.diagnosis.relations import Anchor, Relations, by_row, decides, instants
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.views import View


def ties_of(healthy: Table, path: str) -> frozenset[str]:
    """The paths of the fields of healthy events that could object to values at `path`. Worked out once per table."""
    known: dict[str, frozenset[str]] = healthy.kept.setdefault("ties", {})
    if path not in known:
        known[path] = _ties_of(healthy, path)
    return known[path]


def _ties_of(healthy: Table, path: str) -> frozenset[str]:
    view = View.of(healthy.columns[path])
    mine = by_row(view, healthy.count)
    if "*" in path or mine is None:
        return frozenset()
    others = [
        Anchor(other, View.of(column), View.of(column))
        for other, column in healthy.columns.items()
        if other != path and "*" not in other
    ]
    relations = Relations(others, healthy.count, healthy.count)
    found = relations.correlated(view) | {key for keys, _, _ in relations.deciders(view) for key in keys}
    found.update(
        other.path for other in others if other.path not in found and _tied(view, other.healthy, healthy.count)
    )
    return frozenset(found)


def _tied(view: View, other: View, count: int) -> bool:
    """Is there an order, an equality, or a label that the values decide?"""
    mine, theirs = by_row(view, count), by_row(other, count)
    if mine is None or theirs is None:
        return False
    if decides(view, other, count):
        return True
    a, b = instants(view, mine), instants(other, theirs)
    if a is not None and b is not None:
        return is_ordered(a, b)
    texts = view.kind == "string" == other.kind and not other.date_formats
    return texts and is_text_related(mine, theirs)
