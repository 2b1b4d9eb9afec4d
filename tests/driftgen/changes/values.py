"""Changes that can be healed and say how values are written: types, units, forms and labels."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from driftgen.changes.change import Change, Event, pick, rename
from driftgen.fields import seconds
from driftgen.populations import Population


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
