"""Conditions for the value steps of mixed streams: what holds for the new shape of a field and for no old one.

Only needed where a value step works on a field that both shapes have. Tried in this order: another type, another
pattern of
time, other labels. Where nothing separates the two, there is no guard, and the analysis hands over.
"""

from __future__ import annotations

from cta_core.adapter.guard import Condition, Test
from cta_core.diagnosis.candidates.recipe import Recipe
from cta_core.diagnosis.formats import DATE_PATTERNS
from cta_core.diagnosis.views import View

MAX_VALUES = 40
"""Labels that a guard names one by one."""


def condition_for(path: str, healthy: View, drifted: View, recipe: Recipe) -> tuple[Condition, ...]:
    """Conditions that hold for the drifted values and not for healthy ones; empty where none separates them."""
    new, old = set(drifted.solid_types), set(healthy.solid_types)
    if "number" in old:
        old.add("integer")
    if "integer" in old and "number" in new:
        old.add("number")
    if new and not new & old:
        return (Condition(path=path, test=Test.TYPE, types=tuple(sorted(new))),)
    if drifted.kind == "string" == healthy.kind:
        for step in recipe.steps:
            shape = dict(DATE_PATTERNS).get(str(getattr(step, "source", "")))
            if shape is not None and not any(shape.fullmatch(text) for text in healthy.texts):
                return (Condition(path=path, test=Test.MATCHES, pattern=shape.pattern),)
        known = {value for _, value in healthy.counts}
        fresh = sorted(value for _, value in drifted.counts if value is not None)
        if drifted.labels and len(fresh) <= MAX_VALUES and not known & set(fresh):
            return (Condition(path=path, test=Test.EQUALS, values=tuple(fresh)),)
    return ()
