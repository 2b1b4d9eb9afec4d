"""The event of the study of speed: 20 leaves in four levels of objects, about 400 bytes, healthy and drifted five
times over.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, Default, Move, Rename, Scale


def _event(number: int) -> dict[str, Any]:
    chance = random.Random(number)
    return {
        "event_id": f"evt-{number:010d}",
        "type": chance.choice(["order.created", "order.paid", "order.sent"]),
        "version": 2,
        "at": f"2026-05-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:00Z",
        "source": {"app": "shop", "region": chance.choice(["eu", "us"]), "host": f"web-{chance.randint(1, 40)}"},
        "user": {
            "id": chance.randint(1, 10**9),
            "name": f"user{chance.randint(1, 99999)}",
            "country": chance.choice(["DE", "FR", "US"]),
            "flags": {"vip": chance.random() < 0.1, "beta": False},
        },
        "order": {
            "id": f"o{chance.randint(1, 10**8)}",
            "items": chance.randint(1, 9),
            "amount": chance.randint(100, 90000) / 100,
            "currency": chance.choice(["EUR", "USD"]),
            "ship": {"method": chance.choice(["std", "exp"]), "days": chance.randint(1, 9), "gift": False},
        },
        "trace": f"{chance.getrandbits(64):016x}",
    }


def healthy(number: int) -> bytes:
    """A healthy event."""
    return msgspec.json.encode(_event(number))


def drifted(number: int) -> bytes:
    """The same with five changes: a renamed id, a moved country, items as text, cents for units, a lost constant."""
    event = _event(number)
    event["evt_id"] = event.pop("event_id")
    event["country"] = event["user"].pop("country")
    event["order"]["items"] = str(event["order"]["items"])
    event["order"]["amount"] = round(event["order"]["amount"] * 100)
    del event["version"]
    return msgspec.json.encode(event)


PROGRAM = Program(
    guard=(Condition(path="/evt_id", test=Test.PRESENT), Condition(path="/event_id", test=Test.ABSENT)),
    steps=(
        Rename(source="/evt_id", target="/event_id"),
        Move(source="/country", target="/user/country"),
        Cast(path="/order/items", to=JsonType.INTEGER),
        Scale(path="/order/amount", denominator=100.0),
        Default(path="/version", value=2),
    ),
)


def _object(required: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": required, "required": list(required), "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1, "maxLength": 100}
CONTRACT = json.loads(
    json.dumps(
        _object(
            {
                "event_id": TEXT,
                "type": {"enum": ["order.created", "order.paid", "order.sent"]},
                "version": {"type": "integer", "minimum": 1},
                "at": TEXT,
                "source": _object({"app": TEXT, "region": {"enum": ["eu", "us"]}, "host": TEXT}),
                "user": _object(
                    {
                        "id": {"type": "integer", "minimum": 1},
                        "name": TEXT,
                        "country": {"type": "string", "minLength": 2, "maxLength": 2},
                        "flags": _object({"vip": {"type": "boolean"}, "beta": {"type": "boolean"}}),
                    }
                ),
                "order": _object(
                    {
                        "id": TEXT,
                        "items": {"type": "integer", "minimum": 1},
                        "amount": {"type": "number", "minimum": 0},
                        "currency": {"enum": ["EUR", "USD"]},
                        "ship": _object(
                            {
                                "method": {"enum": ["std", "exp"]},
                                "days": {"type": "integer", "minimum": 0},
                                "gift": {"type": "boolean"},
                            }
                        ),
                    }
                ),
                "trace": TEXT,
            }
        )
    )
)
"""The contract as a JSON Schema: types, labels, lengths, least values, no other fields."""


class _Source(msgspec.Struct):
    app: str
    region: str
    host: str


class _Flags(msgspec.Struct):
    vip: bool
    beta: bool


class _User(msgspec.Struct):
    id: int
    name: str
    country: str
    flags: _Flags


class _Ship(msgspec.Struct):
    method: str
    days: int
    gift: bool


class _Order(msgspec.Struct):
    id: str
    items: int
    amount: int | float
    currency: str
    ship: _Ship


class _Whole(msgspec.Struct):
    event_id: str
    type: str
    version: int
    at: str
    source: _Source
    user: _User
    order: _Order
    trace: str


_decode = msgspec.json.Decoder(_Whole).decode
_encode = msgspec.json.Encoder().encode


def bare(events: Sequence[bytes]) -> list[bytes]:
    """The least that a typed step can cost: decode and encode."""
    return [_encode(_decode(raw)) for raw in events]
