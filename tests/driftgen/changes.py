"""Changes of producers, applied to healthy events: what can be healed, what cannot, and what is harmless.

Each change takes the expected (healthy) events and gives the drifted ones, event by event; it says whether the right
answer
is to heal, to escalate or to stay quiet. `either` marks changes that may be healed by relations but need not be.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec

from driftgen.populations import Field, Population, iso, seconds

Event = dict[str, Any]
Apply = Callable[[Event], None]


class Change(msgspec.Struct, frozen=True):
    """One change."""

    name: str
    expect: str
    """`heal`, `escalate`, `ignore` or `either` (heal or escalate, never wrong)."""
    apply: Apply
    """Changes one event in place."""
    fields: tuple[str, ...]
    """Fields that it touches: a case never changes a field twice."""
    hold: Callable[[Event], bool] | None = None
    """Asked of the drifted event: must it be held?"""
    silent: bool = False


def pick(rng: random.Random, population: Population, *kinds: str, taken: set[str]) -> Field | None:
    """A field of one of the kinds that no other change has taken."""
    found = [field for field in population.fields if field.kind in kinds and field.name not in taken]
    return rng.choice(found) if found else None


def rename(event: Event, old: str, new: str) -> None:
    """The key under another name, in its place."""
    items = [(new if key == old else key, value) for key, value in event.items()]
    event.clear()
    event.update(items)


Maker = Callable[[random.Random, Population, set[str]], Change | None]


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


def as_text(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", "count", "measure", "share", "temperature", taken=taken)
    if field is None:
        return None
    return Change(
        f"text {field.name}",
        "heal",
        lambda e: e.update({field.name: None if e[field.name] is None else json.dumps(e[field.name])}),
        (field.name,),
    )


def padded(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    if any(field.name == "postal_code" for field in population.fields) and "postal_code" not in taken:
        return Change("zip as number", "heal", lambda e: e.update(postal_code=int(e["postal_code"])), ("postal_code",))
    return None


def formatted(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", taken=taken)
    if field is None:
        return None
    style = rng.choice(["de", "us", "ch", "$"])

    def text(value: float) -> str:
        plain = f"{value:,.2f}"
        if style == "de":
            return plain.replace(",", "#").replace(".", ",").replace("#", ".") + " €"
        if style == "ch":
            return "CHF " + plain.replace(",", "'")
        return ("$" if style == "$" else "") + plain

    return Change(
        f"number format {style} {field.name}",
        "heal",
        lambda e: e.update({field.name: text(e[field.name])}),
        (field.name,),
    )


def percent(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "share", taken=taken)
    if field is None or field.name == "humidity":
        return None
    return Change(
        f"percent {field.name}",
        "heal",
        lambda e: e.update({field.name: f"{round(e[field.name] * 100, 2):g}%"}),
        (field.name,),
    )


def cents_named(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", taken=taken)
    if field is None:
        return None
    new = field.name + rng.choice(["_cents", "_minor", "_in_cents"])

    def apply(event: Event) -> None:
        event[field.name] = round(event[field.name] * 100)
        rename(event, field.name, new)

    return Change(f"cents {field.name}", "heal", apply, (field.name,))


def cents_silent(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", taken=taken)
    if field is None:
        return None
    return Change(
        f"silent cents {field.name}",
        "either",
        lambda e: e.update({field.name: round(e[field.name] * 100)}),
        (field.name,),
        silent=True,
    )


def unit_named(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    names = {
        "weight_kg": ("weight_g", 1000, 0),
        "duration_ms": ("duration_s", 0.001, 4),
        "energy_kwh": ("energy_wh", 1000, 0),
        "distance_km": ("distance_m", 1000, 0),
    }
    field = next((f for f in population.fields if f.name in names and f.name not in taken), None)
    if field is None:
        return None
    new, factor, digits = names[field.name]

    def apply(event: Event) -> None:
        value = round(event[field.name] * factor, digits)
        event[field.name] = int(value) if digits == 0 else value
        rename(event, field.name, new)

    return Change(f"unit {field.name}->{new}", "heal", apply, (field.name,))


def unit_silent(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    table = {
        "temperature": (lambda v: round(v * 1.8 + 32, 2)),
        "duration_ms": (lambda v: round(v / 1000, 4)),
        "distance_km": (lambda v: round(v / 1.609344, 4)),
        "humidity": (lambda v: round(v / 100, 3)),
        "ts": (lambda v: v * 1000),
        "weight_kg": (lambda v: round(v * 1000)),
    }
    fields = [f for f in population.fields if f.name in table and f.name not in taken]
    if not fields:
        return None
    field = rng.choice(fields)
    return Change(
        f"silent unit {field.name}",
        "either",
        lambda e: e.update({field.name: table[field.name](e[field.name])}),
        (field.name,),
        silent=True,
    )


def time_form(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "time", taken=taken)
    if field is None or field.name in ("ts", "hired_on"):
        return None
    forms = {
        "epoch_s": lambda t: int(seconds(t)),
        "epoch_ms": lambda t: round(seconds(t) * 1000),
        "rfc2822": lambda t: format_datetime(datetime.fromtimestamp(seconds(t), UTC)),
        "offset": lambda t: t.replace("Z", "+00:00"),
    }
    digits = "." in str(field.make.__doc__)
    form = rng.choice(list(forms))
    del digits

    def apply(event: Event) -> None:
        value = event[field.name]
        if value is not None:
            event[field.name] = forms[form](value)

    exact = form in ("epoch_ms", "offset")
    lossy = field.name in ("captured_at", "received_at") and not exact
    return Change(
        f"time {form} {field.name}",
        "escalate" if lossy else ("either" if form == "offset" else "heal"),
        apply,
        (field.name,),
    )


def time_naive(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "time", taken=taken)
    if field is None or field.name in ("ts", "hired_on", "captured_at", "received_at"):
        return None
    shift = rng.choice([0, 0, 3600, 19800, -18000])
    form = rng.choice(["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S"])

    def apply(event: Event) -> None:
        value = event[field.name]
        if value is not None:
            event[field.name] = datetime.fromtimestamp(seconds(value) + shift, UTC).strftime(form)

    return Change(f"local time {shift} {form} {field.name}", "either", apply, (field.name,))


def date_order(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = next((f for f in population.fields if f.name == "hired_on" and f.name not in taken), None)
    if field is None:
        return None
    form = rng.choice(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"])
    return Change(
        f"date {form}",
        "heal",
        lambda e: e.update({field.name: datetime.fromisoformat(e[field.name]).strftime(form)}),
        (field.name,),
    )


def label_case(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "label", taken=taken)
    if field is None or "enum" not in field.schema or any(v.upper() == v for v in field.schema["enum"]):
        return None
    return Change(f"upper {field.name}", "heal", lambda e: e.update({field.name: e[field.name].upper()}), (field.name,))


def label_short(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "label", taken=taken)
    if field is None or "enum" not in field.schema:
        return None
    labels = field.schema["enum"]
    size = rng.choice([1, 3])
    short = {v: v[:size].upper() for v in labels}
    if len(set(short.values())) < len(labels) or any(v in labels for v in short.values()):
        return None
    return Change(
        f"short labels {field.name}", "either", lambda e: e.update({field.name: short[e[field.name]]}), (field.name,)
    )


def label_codes(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "label", taken=taken)
    if field is None or "enum" not in field.schema:
        return None
    codes = list(range(1, len(field.schema["enum"]) + 1))
    rng.shuffle(codes)
    table = dict(zip(field.schema["enum"], codes, strict=True))
    return Change(
        f"label codes {field.name}", "either", lambda e: e.update({field.name: table[e[field.name]]}), (field.name,)
    )


def flag_words(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "flag", taken=taken)
    if field is None:
        return None
    yes, no = rng.choice([("Y", "N"), (1, 0), ("true", "false"), ("yes", "no"), ("1", "0")])
    return Change(
        f"flag words {field.name}",
        "heal",
        lambda e: e.update({field.name: yes if e[field.name] else no}),
        (field.name,),
    )


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


def null_words(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = next((f for f in population.fields if isinstance(f.schema.get("type"), list) and f.name not in taken), None)
    if field is None:
        return None
    word: Any = (
        rng.choice(["N/A", "", "null", "-"]) if "string" in field.schema["type"] else rng.choice([-1, -999, "N/A"])
    )
    if field.name == "battery" and word == -1:
        word = -999
    return Change(
        f"null word {word!r} {field.name}",
        "either",
        lambda e: e.update({field.name: word}) if e[field.name] is None else None,
        (field.name,),
    )


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


def junk(rng: random.Random, population: Population, taken: set[str]) -> Change | None:
    field = pick(rng, population, "money", "measure", taken=taken)
    if field is None:
        return None
    marker = random.Random(rng.random())

    def apply(event: Event) -> None:
        event[field.name] = "n/a" if marker.random() < 0.03 else json.dumps(event[field.name])
        if isinstance(event[field.name], str) and event[field.name] == "n/a":
            event["_junk"] = True

    return Change(f"junk {field.name}", "heal", apply, (field.name,), hold=lambda e: bool(e.pop("_junk", False)))


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


HEALS: tuple[Maker, ...] = (
    flattened,
    structure_renamed,
    inside,
    cased,
    renamed,
    renamed,
    renamed,
    opaque,
    camel,
    envelope,
    nested,
    as_text,
    padded,
    formatted,
    percent,
    cents_named,
    cents_silent,
    unit_named,
    unit_silent,
    time_form,
    time_naive,
    date_order,
    label_case,
    label_short,
    label_codes,
    flag_words,
    wrapped,
    joined,
    parted,
    swapped,
    null_words,
    dropped_constant,
    json_text,
    junk,
)


# -- what cannot be healed
# ------------------------------------------------------------------------------------------------


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


TRAPS: tuple[Maker, ...] = (
    role,
    role,
    later_time,
    truncated,
    one_of_two,
    aggregated,
    gone,
    decoy,
    decoy,
    qualified,
    qualified,
    rounded,
    date_only,
    labels_merged,
    masked,
    sign_lost,
    half_scaled,
    two_flags,
    negated,
    bucketed,
    hashed,
    currency_rate,
)


# -- what is harmless
# -----------------------------------------------------------------------------------------------------


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


BENIGN: tuple[Maker, ...] = (new_optional, key_order, new_label, business, integral_floats, more_nulls, nothing)

copied = copy.deepcopy
