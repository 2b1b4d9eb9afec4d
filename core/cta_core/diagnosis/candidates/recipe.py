"""A recipe: value steps on one field, what they make of the drifted values, and what speaks for and against them.

The makers in this package propose recipes for a pair of columns; all of them run the adapter engine's own steps, so
that what is judged here is what the gate will do later. Scoring is done elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from cta_core.adapter.steps import AnyStep
from cta_core.diagnosis.views import REFUSED, View
from cta_core.errors import EventRefused

PLACE = "/v"
"""Where the steps of a recipe work until the assembly gives them their real path."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """One way to turn the values of a source into those of a target."""

    kind: str
    """The step kind that does the work; `rename` for values that are taken as they are."""
    steps: tuple[AnyStep, ...] = ()
    """Value steps on `PLACE`."""
    view: View
    """The drifted values after the steps."""
    prior: float = 0.0
    """Log-odds before any evidence, 0 for taking values as they are: the more is changed, the less likely by itself."""
    support: float = 0.0
    """Log-odds of facts that come with the transform: a restored decimal grid, a ratio that is constant per key."""
    conflicts: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    family: str = ""
    """Recipes with one family on one source are readings of the same change: they compete even if both fit."""


def run(steps: Sequence[AnyStep], values: Sequence[Any]) -> list[Any]:
    """The values after the steps, with `REFUSED` where a step refuses."""
    if not steps:
        return list(values)
    actions = [step.compile() for step in steps]
    made: list[Any] = []
    for value in values:
        event: dict[str, Any] = {"v": value}
        try:
            for action in actions:
                action(event)
        except EventRefused:
            made.append(REFUSED)
            continue
        made.append(event.get("v", REFUSED))
    return made


def after(steps: Sequence[AnyStep], source: View) -> View:
    """The view of a source after the steps."""
    return View(source.path, run(steps, source.values), source.rows)


def moved_to(path: str, steps: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
    """The steps of a recipe at their real path."""
    return tuple(msgspec.structs.replace(step, path=path) for step in steps)
