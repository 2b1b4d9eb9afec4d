"""Kinds of fields, seeded: each knows other names that people give it, and makes a value from the event so far."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

Make = Callable[[random.Random, dict[str, Any], dict[str, Any]], Any]


class Field(msgspec.Struct, frozen=True):
    """One field of a population."""

    name: str
    kind: str
    """`id`, `ref`, `money`, `count`, `time`, `label`, `flag`, `measure`, `temperature`, `share`, `text`, `constant`,
    `code`."""
    aliases: tuple[str, ...]
    make: Make
    schema: dict[str, Any]
    optional: bool = False


def iso(seconds: float, digits: int = 0) -> str:
    """RFC 3339 in UTC."""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{int(seconds % 1 * 10**digits):0{digits}d}Z" if digits else text + "Z"


def seconds(text: str) -> float:
    """The instant of an RFC 3339 text."""
    return datetime.fromisoformat(text).timestamp()


STRING, NUMBER, INTEGER, BOOLEAN = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}


def ident(name: str, prefix: str, aliases: str = "") -> Field:
    return Field(name, "id", tuple(aliases.split()), lambda r, e, w: f"{prefix}{r.randrange(10**8, 10**9)}", STRING)


def uid(name: str, aliases: str = "") -> Field:
    return Field(
        name, "id", tuple(aliases.split()), lambda r, e, w: str(uuid.UUID(int=r.getrandbits(128), version=4)), STRING
    )


def ref(name: str, prefix: str, pool: int, aliases: str = "") -> Field:
    def make(r: random.Random, e: dict[str, Any], w: dict[str, Any]) -> str:
        number = int(pool * r.random() ** 1.7)
        return f"{prefix}{1000 + number * 7}"

    return Field(name, "ref", tuple(aliases.split()), make, STRING)


def money(name: str, median: float, sigma: float, aliases: str = "", low: float = 0.01) -> Field:
    return Field(
        name,
        "money",
        tuple(aliases.split()),
        lambda r, e, w: round(max(low, r.lognormvariate(math.log(median), sigma)), 2),
        NUMBER,
    )


def derived(
    name: str, kind: str, make: Make, schema: dict[str, Any], aliases: str = "", optional: bool = False
) -> Field:
    return Field(name, kind, tuple(aliases.split()), make, schema, optional)


def count(name: str, mean: float, aliases: str = "", low: int = 1) -> Field:
    return Field(name, "count", tuple(aliases.split()), lambda r, e, w: low + int(r.expovariate(1 / mean)), INTEGER)


def when(name: str, aliases: str = "", digits: int = 0) -> Field:
    return Field(name, "time", tuple(aliases.split()), lambda r, e, w: iso(e["_now"], digits), STRING)


def later(name: str, base: str, low: float, high: float, aliases: str = "") -> Field:
    return Field(
        name, "time", tuple(aliases.split()), lambda r, e, w: iso(seconds(e[base]) + r.uniform(low, high)), STRING
    )


def label(name: str, weights: dict[str, float], aliases: str = "", closed: bool = True) -> Field:
    schema: dict[str, Any] = {"type": "string", "enum": list(weights)} if closed else STRING
    names, shares = list(weights), list(weights.values())
    return Field(name, "label", tuple(aliases.split()), lambda r, e, w: r.choices(names, shares)[0], schema)


def flag(name: str, share: float, aliases: str = "") -> Field:
    return Field(name, "flag", tuple(aliases.split()), lambda r, e, w: r.random() < share, BOOLEAN)


def measure(name: str, mean: float, spread: float, digits: int, aliases: str = "", kind: str = "measure") -> Field:
    return Field(name, kind, tuple(aliases.split()), lambda r, e, w: round(r.gauss(mean, spread), digits), NUMBER)


def words(name: str, choices: str, aliases: str = "") -> Field:
    pool = choices.split()
    return Field(
        name,
        "text",
        tuple(aliases.split()),
        lambda r, e, w: " ".join(r.choice(pool) for _ in range(r.randint(2, 7))).capitalize(),
        STRING,
    )


def constant(name: str, value: str, aliases: str = "") -> Field:
    return Field(name, "constant", tuple(aliases.split()), lambda r, e, w: value, {"type": "string", "const": value})


def optional(field: Field, share: float) -> Field:
    """The field, null in a share of the events."""
    schema = {**field.schema, "type": [field.schema["type"], "null"]}
    schema.pop("enum", None)
    inner = field.make
    return Field(
        field.name, field.kind, field.aliases, lambda r, e, w: None if r.random() < share else inner(r, e, w), schema
    )
