"""Changes that need no answer at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from driftgen.changes.change import Change, Event, pick
from driftgen.populations import Population


def new_optional(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    kind = rng.choice(["copy", "number", "text"])
    source = rng.choice(population.fields).name
    coin = random.Random(rng.random())
    values: dict[str, Callable[[Event], Any]] = {
        "copy": lambda e: e[source],
        "number": lambda e: coin.randrange(1000),
        "text": lambda e: coin.choice(["a", "b", "debug"]),
    }
    return Change("new optional", "ignore", lambda e: e.update(extra_info=values[kind](e)), ())


def key_order(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    coin = random.Random(rng.random())

    def apply(event: Event) -> None:
        items = list(event.items())
        coin.shuffle(items)
        event.clear()
        event.update(items)

    return Change("key order", "ignore", apply, ())


def new_label(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if population.domain != "iot" or "fw" not in {f.name for f in population.fields}:
        return None
    coin = random.Random(rng.random())
    return Change("new firmware", "ignore", lambda e: e.update(fw="2.2.0" if coin.random() < 0.6 else e["fw"]), ("fw",))


def business(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", "count", taken=taken)
    if field is None or population.domain in ("retail", "ads"):
        return None
    factor = rng.choice([0.7, 1.3, 1.6, 2.0])
    whole = field.kind == "count"
    return Change(
        f"business x{factor} {field.name}",
        "ignore",
        lambda e: e.update(
            {field.name: max(1, round(e[field.name] * factor)) if whole else round(e[field.name] * factor, 2)}
        ),
        (field.name,),
    )


def integral_floats(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "count", taken=taken)
    return (
        None
        if field is None
        else Change(
            f"floats {field.name}", "ignore", lambda e: e.update({field.name: float(e[field.name])}), (field.name,)
        )
    )


def more_nulls(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = next((f for f in population.fields if isinstance(f.schema.get("type"), list)), None)
    if field is None or field.name == "closed_at":
        return None
    coin = random.Random(rng.random())
    return Change(
        f"more nulls {field.name}",
        "ignore",
        lambda e: e.update({field.name: None if coin.random() < 0.3 else e[field.name]}),
        (field.name,),
    )


def nothing(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    return Change("nothing", "ignore", lambda e: None, ())
