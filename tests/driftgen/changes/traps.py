"""Changes that cannot be healed, or not surely: the right answer is to ask a person."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from driftgen.changes.change import Change, Event, pick, rename
from driftgen.fields import iso, seconds
from driftgen.populations import Population


def gone(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", "label", "ref", "time", "flag", "count", "measure", taken=taken)
    return (
        None
        if field is None
        else Change(f"gone {field.name}", "escalate", lambda e: e.pop(field.name) and None, (field.name,))
    )


def decoy(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """The field is gone; a new one of another name has its distribution but other values."""
    field = pick(rng, population, "money", "count", "measure", "label", "flag", taken=taken)
    if field is None:
        return None
    other = random.Random(rng.random())
    name = rng.choice(["batch_x", "aux", "zeta", "misc_value"])
    pool: list[Any] = []

    def apply(event: Event) -> None:
        pool.append(event.pop(field.name))
        event[name] = other.choice(pool) if len(pool) > 3 else pool[0]

    return Change(f"decoy {field.name}", "escalate", apply, (field.name,))


def qualified(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """The field is gone; what came is its previous or average value."""
    field = pick(rng, population, "money", "count", "measure", "share", "temperature", taken=taken)
    if field is None:
        return None
    word = rng.choice(["previous_", "avg_", "estimated_", "max_", "planned_", "last_"])
    pool: list[Any] = []
    other = random.Random(rng.random())

    def apply(event: Event) -> None:
        pool.append(event.pop(field.name))
        event[word + field.name] = other.choice(pool)

    return Change(f"qualified {word}{field.name}", "escalate", apply, (field.name,))


def rounded(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", "measure", taken=taken)
    if field is None or field.name in ("frequency", "power_factor", "battery"):
        return None
    new = rng.choice([field.name, field.name + "_rounded", *field.aliases[:1]])

    def apply(event: Event) -> None:
        event[field.name] = None if event[field.name] is None else round(event[field.name])
        rename(event, field.name, new)

    return Change(f"rounded {field.name}", "escalate", apply, (field.name,), silent=new == field.name)


def date_only(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "time", taken=taken)
    if field is None or field.name in ("ts", "hired_on"):
        return None
    return Change(
        f"date only {field.name}",
        "escalate",
        lambda e: e.update({field.name: e[field.name] and e[field.name][:10]}),
        (field.name,),
    )


def labels_merged(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "label", taken=taken)
    if field is None or len(field.schema.get("enum", ())) < 3:
        return None
    one, two, *_ = field.schema["enum"]
    both = f"{one}_or_{two}"
    return Change(
        f"merged labels {field.name}",
        "escalate",
        lambda e: e.update({field.name: both if e[field.name] in (one, two) else e[field.name]}),
        (field.name,),
    )


def masked(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "ref", taken=taken)
    if field is None:
        return None
    return Change(
        f"masked {field.name}",
        "escalate",
        lambda e: e.update({field.name: "****" + str(e[field.name])[-2:]}),
        (field.name,),
        silent=True,
    )


def sign_lost(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if population.domain != "bank" or "amount" in taken or "amount" not in {f.name for f in population.fields}:
        return None
    return Change("sign lost", "escalate", lambda e: e.update(amount=abs(e["amount"])), ("amount",), silent=True)


def half_scaled(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", taken=taken)
    if field is None:
        return None
    coin = random.Random(rng.random())
    return Change(
        f"half scaled {field.name}",
        "escalate",
        lambda e: e.update({field.name: round(e[field.name] * 100) if coin.random() < 0.5 else e[field.name]}),
        (field.name,),
        silent=True,
    )


def two_flags(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    flags = [f for f in population.fields if f.kind == "money" and f.name not in taken]
    if population.domain != "retail" or len(flags) < 2:
        return None

    def apply(event: Event) -> None:
        event["flag_a"], event["flag_b"] = event.pop("gift"), event["order_id"][-1] in "012"

    return Change("two flags", "escalate", apply, ("gift",))


def negated(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "flag", taken=taken)
    if field is None:
        return None
    new = "not_" + field.name

    def apply(event: Event) -> None:
        event[new] = not event.pop(field.name)

    return Change(f"negated {field.name}", "escalate", apply, (field.name,))


def bucketed(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "measure", "money", "temperature", taken=taken)
    if field is None:
        return None

    def apply(event: Event) -> None:
        if event[field.name] is None:
            return
        low = int(event[field.name] // 5 * 5)
        event[field.name] = f"{low}..{low + 5}"

    return Change(f"bucketed {field.name}", "escalate", apply, (field.name,))


def hashed(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = next((f for f in population.fields if f.name == "email" and f.name not in taken), None)
    if field is None:
        return None
    return Change(
        "hashed email",
        "escalate",
        lambda e: e.update(email=hashlib.sha256(e["email"].encode()).hexdigest()[:16]),
        ("email",),
        silent=True,
    )


def currency_rate(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", taken=taken)
    if field is None:
        return None
    rate = rng.choice([7.46, 0.87, 1.17, 25.3])
    name = rng.choice([field.name + "_local", field.name + "_foreign"])

    def apply(event: Event) -> None:
        event[name] = round(event.pop(field.name) * rate, 2)

    return Change(f"currency {field.name} x{rate}", "escalate", apply, (field.name,))


def role(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """The field is gone; a new one has values of the same pool in another role."""
    field = pick(rng, population, "ref", "label", taken=taken)
    if field is None:
        return None
    new = rng.choice(
        [
            "reviewed_by",
            "partner",
            "secondary_" + field.name,
            "requested_" + field.name,
            "target_" + field.name,
            "misc_x",
        ]
    )
    other = random.Random(rng.random())
    pool: list[Any] = []

    def apply(event: Event) -> None:
        pool.append(event.pop(field.name))
        event[new] = other.choice(pool)

    return Change(f"role {field.name}->{new}", "escalate", apply, (field.name,))


def later_time(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """The time is gone; what came is the time of another step, a little later."""
    field = next(
        (
            f
            for f in population.fields
            if f.kind == "time" and f.name not in taken and f.name not in ("ts", "hired_on", "closed_at")
        ),
        None,
    )
    if field is None:
        return None
    new = rng.choice(["processed_at", "exported_at", "synced_at", "ingested_ts"])
    other = random.Random(rng.random())

    def apply(event: Event) -> None:
        event[new] = iso(seconds(event.pop(field.name)) + other.uniform(1, 30))

    return Change(f"later time {field.name}->{new}", "escalate", apply, (field.name,))


def truncated(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "text", "ref", taken=taken)
    if field is None:
        return None
    new = rng.choice(field.aliases) if field.aliases else field.name
    return Change(
        f"truncated {field.name}", "escalate", lambda e: e.update({new: (e.pop(field.name) or "")[:4]}), (field.name,)
    )


def one_of_two(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """Two fields of one kind are gone, and one new field is the one or the other."""
    for one, two in (
        ("subtotal", "total"),
        ("origin", "destination"),
        ("impressions", "clicks"),
        ("humidity", "pressure"),
    ):
        if {one, two} <= {f.name for f in population.fields} and not {one, two} & taken:
            coin = random.Random(rng.random())

            def apply(event: Event, one: str = one, two: str = two, coin: random.Random = coin) -> None:
                a, b = event.pop(one), event.pop(two)
                event["value"] = a if coin.random() < 0.5 else b

            return Change(f"one of {one} and {two}", "escalate", apply, (one, two))
    return None


def aggregated(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """A running sum in the place of the value."""
    field = pick(rng, population, "money", "count", taken=taken)
    if field is None or not field.aliases:
        return None
    new = rng.choice(["cumulative_" + field.name, "daily_" + field.name, field.name + "_total"])
    state = {"sum": 0.0}

    def apply(event: Event) -> None:
        state["sum"] += event.pop(field.name)
        event[new] = round(state["sum"], 2)

    return Change(f"aggregated {field.name}", "escalate", apply, (field.name,))
