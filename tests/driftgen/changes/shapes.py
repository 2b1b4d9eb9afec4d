"""Changes that can be healed and leave values as they are: names, places and structure."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from driftgen.changes.change import Change, Event, pick, rename
from driftgen.fields import Field
from driftgen.populations import Population


def _new_name(rng: random.Random, field: Field, population: Population) -> str:
    used = {other.name for other in population.fields}
    names = [name for name in field.aliases if name not in used]
    return rng.choice(names) if names else field.name + "_x"


def renamed(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(
        rng,
        population,
        "money",
        "count",
        "label",
        "ref",
        "time",
        "measure",
        "text",
        "flag",
        "share",
        "temperature",
        "id",
        taken=taken,
    )
    if field is None or not field.aliases:
        return None
    new = _new_name(rng, field, population)
    weak = not any(part and part in new.lower() for part in field.name.lower().split("_"))
    return Change(
        f"rename {field.name}->{new}", "either" if weak else "heal", lambda e: rename(e, field.name, new), (field.name,)
    )


def opaque(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", "count", "label", "ref", "measure", "flag", "share", taken=taken)
    if field is None:
        return None
    new = f"f{rng.randrange(10, 99)}"
    return Change(f"opaque {field.name}->{new}", "either", lambda e: rename(e, field.name, new), (field.name,))


def camel(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if taken:
        return None
    names = {f.name: re.sub(r"_(\w)", lambda m: m[1].upper(), f.name) for f in population.fields}
    if not any(old != new for old, new in names.items()):
        return None

    def apply(event: Event) -> None:
        items = [(names.get(key, key), value) for key, value in event.items()]
        event.clear()
        event.update(items)

    return Change("camel case", "heal", apply, tuple(names))


def cased(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if taken:
        return None
    style = rng.choice(["kebab", "pascal", "upper", "prefix"])
    change: Callable[[str], str] = {
        "kebab": lambda n: n.replace("_", "-"),
        "pascal": lambda n: "".join(w.capitalize() for w in n.split("_")),
        "upper": str.upper,
        "prefix": lambda n: f"{population.domain}_{n}",
    }[style]

    def apply(event: Event) -> None:
        items = [(change(key), value) for key, value in event.items()]
        event.clear()
        event.update(items)

    return Change(f"keys {style}", "heal", apply, tuple(f.name for f in population.fields))


def envelope(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if taken:
        return None
    key = rng.choice(["data", "payload", "body", "event"])
    keep = population.fields[0].name

    def apply(event: Event) -> None:
        inner = {name: value for name, value in event.items() if name != keep}
        outer = {keep: event[keep], "type": "event." + population.domain, key: inner}
        event.clear()
        event.update(outer)

    return Change("envelope", "heal", apply, tuple(field.name for field in population.fields))


def nested(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    free = [field for field in population.fields if field.name not in taken]
    if len(free) < 3:
        return None
    chosen = rng.sample(free, 2)
    group = rng.choice(["details", "meta", "info", "attributes"])

    def apply(event: Event) -> None:
        event[group] = {field.name: event.pop(field.name) for field in chosen}

    return Change("nest", "heal", apply, tuple(field.name for field in chosen))


def wrapped(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "label", "ref", "money", "text", taken=taken)
    if field is None:
        return None
    return Change(f"wrapped {field.name}", "heal", lambda e: e.update({field.name: [e[field.name]]}), (field.name,))


def joined(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    pairs = (
        ("origin", "destination", "route", ">"),
        ("first_name", "last_name", "full_name", " "),
        ("country", "device", "segment", "|"),
    )
    for one, two, new, mark in pairs:
        names = {field.name for field in population.fields}
        if {one, two} <= names and not {one, two} & taken:

            def apply(event: Event, one: str = one, two: str = two, new: str = new, mark: str = mark) -> None:
                event[new] = f"{event.pop(one)}{mark}{event.pop(two)}"

            return Change(f"joined {one} {two}", "either", apply, (one, two))
    return None


def parted(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if "email" in {f.name for f in population.fields} and "email" not in taken:

        def apply(event: Event) -> None:
            event["email_user"], event["email_domain"] = event.pop("email").split("@")

        return Change("parted email", "either", apply, ("email",))
    return None


def swapped(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    for one, two in (
        ("impressions", "clicks"),
        ("origin", "destination"),
        ("debtor_iban", "creditor_iban"),
        ("subtotal", "shipping_cost"),
        ("humidity", "pressure"),
    ):
        if {one, two} <= {f.name for f in population.fields} and not {one, two} & taken:
            expect = "either"
            return Change(
                f"swap {one} {two}",
                expect,
                lambda e, one=one, two=two: e.update({one: e[two], two: e[one]}),
                (one, two),
                silent=True,
            )
    return None


def dropped_constant(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "constant", taken=taken)
    if field is None:
        return None
    return Change(f"constant dropped {field.name}", "heal", lambda e: e.pop(field.name) and None, (field.name,))


def json_text(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if taken:
        return None
    keep = population.fields[0].name

    def apply(event: Event) -> None:
        inner = {name: event.pop(name) for name in list(event) if name != keep}
        event["payload"] = json.dumps(inner)

    return Change("json text", "heal", apply, tuple(f.name for f in population.fields))


def flattened(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "object", taken=taken)
    if field is None:
        return None
    mark = rng.choice(["_", ".", "_"])

    def apply(event: Event) -> None:
        for name, value in event.pop(field.name).items():
            event[f"{field.name}{mark}{name}"] = value

    return Change(f"flatten {field.name}", "heal", apply, (field.name,))


def structure_renamed(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "object", "array", taken=taken)
    if field is None:
        return None
    new = rng.choice(field.aliases)
    cents = rng.random() < 0.5 and field.kind == "array"
    inner = rng.random() < 0.5 and field.kind == "array"

    def apply(event: Event) -> None:
        rename(event, field.name, new)
        for line in event[new] if field.kind == "array" else ():
            if cents:
                line["unit_price_cents"] = round(line.pop("unit_price") * 100)
            if inner:
                line["quantity"] = line.pop("qty")

    return Change(f"structure {field.name}->{new}", "either", apply, (field.name,))


def inside(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    """A change of one member of every array element or of an object."""
    field = pick(rng, population, "array", taken=taken)
    if field is None:
        return None
    what = rng.choice(["quantity", "text", "cents", "article"])

    def apply(event: Event) -> None:
        for line in event[field.name]:
            if what == "quantity":
                line["quantity"] = line.pop("qty")
            elif what == "text":
                line["unit_price"] = json.dumps(line["unit_price"])
            elif what == "cents":
                line["price_cents"] = round(line.pop("unit_price") * 100)
            else:
                line["article_sku"] = line.pop("sku")

    return Change(f"inside {what}", "heal", apply, (field.name,))
