"""What the gate costs: ratios to a bare msgspec loop, measured in one run.

    python benchmarks/gate.py [ROUNDS]

The bare loop decodes into a hand-written struct, which checks types, and encodes it again: the least that any step in
Python can cost. The event has 20 leaves in four levels and some 400 bytes; the drift is a renamed key, a moved field, a
number sent as text, cents for units and a constant that is no longer sent. Cases run interleaved, so that the ratios hold
on a noisy machine; the absolute times do not.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, Default, Move, Rename, Scale
from cta_core.contract import compile_contract
from cta_core.event import decode, encode
from cta_core.gate import ActiveAdapter, Gate, OutcomeKind

EVENTS = 2_000
"""Events of one round: few enough to stay in the cache, as batches of a server do."""

Text = dict[str, Any]
TEXT: Text = {"type": "string"}
CURRENCY: Text = {"type": "string", "minLength": 3, "maxLength": 3}


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object of exactly these fields."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


CONTRACT = closed(
    {
        "event_id": TEXT,
        "type": {"enum": ["order_placed", "order_paid"]},
        "ts": {"type": "integer", "minimum": 0},
        "version": {"const": "1"},
        "trace": TEXT,
        "source": TEXT,
        "user": closed({"id": TEXT, "name": TEXT, "tier": {"enum": ["gold", "silver"]}, "country": TEXT}),
        "order": closed(
            {
                "id": TEXT,
                "amount": {"type": "number", "minimum": 0},
                "currency": CURRENCY,
                "items": {"type": "integer", "minimum": 1},
                "paid": {"type": "boolean"},
            }
        ),
        "device": closed(
            {
                "id": TEXT,
                "os": {"enum": ["ios", "android", "web"]},
                "geo": closed({"lat": {"type": "number"}, "lon": {"type": "number"}, "city": TEXT}),
            }
        ),
    }
)

PROGRAM = Program(
    guard=(
        Condition(path="/event_id", test=Test.ABSENT),
        Condition(path="/evt_id", test=Test.PRESENT),
        Condition(path="/order/items", test=Test.TYPE, types=("string",)),
    ),
    steps=(
        Rename(source="/evt_id", target="/event_id"),
        Move(source="/country", target="/user/country"),
        Cast(path="/order/items", to=JsonType.INTEGER),
        Scale(path="/order/amount", denominator=100),
        Default(path="/version", value="1"),
    ),
)


class Geo(msgspec.Struct, forbid_unknown_fields=True):
    """Part of the bare loop's event."""

    lat: int | float  # noqa: PYI041 - for msgspec the two differ
    lon: int | float  # noqa: PYI041
    city: str


class Device(msgspec.Struct, forbid_unknown_fields=True):
    """Part of the bare loop's event."""

    id: str
    os: Literal["ios", "android", "web"]
    geo: Geo


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """Part of the bare loop's event."""

    id: str
    amount: Annotated[int, msgspec.Meta(ge=0)] | Annotated[float, msgspec.Meta(ge=0)]
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
    items: Annotated[int, msgspec.Meta(ge=1)]
    paid: bool


class User(msgspec.Struct, forbid_unknown_fields=True):
    """Part of the bare loop's event."""

    id: str
    name: str
    tier: Literal["gold", "silver"]
    country: str


class Event(msgspec.Struct, forbid_unknown_fields=True):
    """The bare loop's event."""

    event_id: str
    type: Literal["order_placed", "order_paid"]
    ts: Annotated[int, msgspec.Meta(ge=0)]
    version: Literal["1"]
    trace: str
    source: str
    user: User
    order: Order
    device: Device


def healthy_event(index: int, draw: random.Random) -> dict[str, Any]:
    """A healthy event."""
    return {
        "event_id": f"evt-{index:08d}",
        "type": "order_placed",
        "ts": 1_700_000_000 + index,
        "version": "1",
        "trace": f"{draw.getrandbits(96):024x}",
        "source": "checkout",
        "user": {"id": f"u-{index:06d}", "name": "Jane Doe", "tier": "gold", "country": "DE"},
        "order": {
            "id": f"o-{index:08d}",
            "amount": round(draw.uniform(1, 500), 2),
            "currency": "EUR",
            "items": draw.randint(1, 9),
            "paid": True,
        },
        "device": {"id": "d-123456", "os": "ios", "geo": {"lat": 52.5, "lon": 13.4, "city": "Berlin"}},
    }


def drifted(event: dict[str, Any]) -> dict[str, Any]:
    """The same event as the changed producer sends it."""
    sent: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    sent = {"evt_id": sent.pop("event_id"), **sent}
    del sent["version"]
    sent["country"] = sent["user"].pop("country")
    sent["order"]["items"] = str(sent["order"]["items"])
    sent["order"]["amount"] = round(sent["order"]["amount"] * 100)
    return sent


def main(rounds: int) -> None:
    """Measure and print."""
    draw = random.Random(7)
    events = [healthy_event(index, draw) for index in range(EVENTS)]
    healthy = [encode(event) for event in events]
    broken = [encode(drifted(event)) for event in events]
    mixed = [pair[index % 2] for index, pair in enumerate(zip(healthy, broken, strict=True))]

    contract = compile_contract(CONTRACT)
    gate = Gate(contract, [ActiveAdapter(adapter_id="adp_1", revision=1, program=PROGRAM)])
    outcomes = gate.judge_many(broken)
    assert all(outcome.kind is OutcomeKind.HEALED for outcome in outcomes), outcomes[0]
    assert [decode(outcome.raw) for outcome in outcomes] == events
    assert all(outcome.raw is raw for outcome, raw in zip(gate.judge_many(healthy), healthy, strict=True))

    bare_decode, bare_encode = msgspec.json.Decoder(Event).decode, msgspec.json.Encoder().encode
    cases: dict[str, Callable[[], Any]] = {
        "bare typed decode + encode": lambda: [bare_encode(bare_decode(raw)) for raw in healthy],
        "bare untyped decode + encode": lambda: [encode(decode(raw)) for raw in healthy],
        "gate, all healthy": lambda: gate.judge_many(healthy),
        "gate, all drifted": lambda: gate.judge_many(broken),
        "gate, half and half": lambda: gate.judge_many(mixed),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / EVENTS * 1e6)
    bare = statistics.median(times["bare typed decode + encode"])
    print(f"{EVENTS} events of {len(healthy[0])} bytes, median of {rounds} rounds")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:30} {median:6.2f} us {1e6 / median:10,.0f} events/s {bare / median:6.2f} of bare")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
