"""Which healthy fields could object to a field's values, and that all the others never do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from cta_core.diagnosis import Baseline
from cta_core.diagnosis.relations import Anchor, Relations
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.ties import ties_of
from cta_core.diagnosis.views import View
from driftgen.populations import DOMAINS, population, world_of

Event = dict[str, Any]


TIED = ("retail", "payments", "shipping", "people", "iot")
"""Domains whose fields hang together so strongly that mixing them up shows."""


def sides(domain: str, seed: int) -> tuple[Table, Table]:
    """Healthy events of a domain, and later ones in which every field's values stand in other events."""
    rng = random.Random(seed)
    stream, world = population(domain, rng), world_of(rng)
    healthy, later = stream.events(rng, 160, 1.7e9, world), stream.events(rng, 120, 1.71e9, world)
    columns = {name: [event[name] for event in later if name in event] for name in healthy[0]}
    for values in columns.values():
        rng.shuffle(values)
    mixed = [
        {name: values[index] for name, values in columns.items() if index < len(values)} for index in range(len(later))
    ]
    return Table(healthy), Table(mixed)


def anchors(healthy: Table, drifted: Table, path: str) -> Iterator[Anchor]:
    for other, column in healthy.columns.items():
        if other != path and "*" not in other and other in drifted.columns:
            yield Anchor(other, View.of(column), View.of(drifted.columns[other]))


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_other_field_objects(domain: str) -> None:
    """Whenever all fields together object to a field whose values were mixed up, its ties do so too; without ties
    nobody objects.
    """
    objections = 0
    for seed in range(3):
        healthy, drifted = sides(domain, seed)
        for path in healthy.columns:
            if "*" in path or path not in drifted.columns:
                continue
            view, given = View.of(healthy.columns[path]), View.of(drifted.columns[path])
            all_of_them = list(anchors(healthy, drifted, path))
            tied = [anchor for anchor in all_of_them if anchor.path in ties_of(healthy, path)]
            every = Relations(all_of_them, healthy.count, drifted.count).ask(view, given).conflicts
            these = Relations(tied, healthy.count, drifted.count).ask(view, given).conflicts
            assert bool(every) <= bool(these), (path, every)
            objections += bool(every)
    assert objections or domain not in TIED


def test_ties_are_few() -> None:
    """Fields that have nothing to do with each other are no ties: a flag of chance has none."""
    rng = random.Random(1)
    events = [
        {"a": rng.random(), "b": rng.randint(0, 9), "c": rng.random() < 0.5, "d": f"x{rng.random()}"}
        for _ in range(200)
    ]
    table = Table(events)
    assert all(not ties_of(table, path) for path in table.columns)


def test_a_baseline_knows_its_ties_in_advance() -> None:
    """What is prepared is what is worked out when it is asked."""
    healthy, _ = sides("retail", 5)
    baseline = Baseline(healthy.events)
    baseline.prepare()
    prepared = dict(baseline.table.kept["ties"])
    assert prepared == {path: ties_of(healthy, path) for path in healthy.columns}
    assert "/subtotal" in prepared["/total"]
