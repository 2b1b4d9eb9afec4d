"""A small population of payments, healthy and drifted, for tests of the loop."""

from __future__ import annotations

import json
import random
from typing import Any

CONTRACT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "amount", "currency"],
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "currency": {"type": "string"},
        "merchant": {"type": "string"},
    },
}


def payment(number: int, seed: int = 0) -> dict[str, Any]:
    """Payment `number`; the same number and seed give the same payment."""
    chance = random.Random(number * 1_000_003 + seed)
    return {
        "id": f"p{number}",
        "merchant": f"m-{chance.randint(1, 40):03d}",
        "amount": round(chance.lognormvariate(3, 1) + 0.01, 2),
        "currency": chance.choice(["EUR", "USD", "GBP"]),
        "method": chance.choice(["card", "sepa"]),
        "country": chance.choice(["DE", "FR", "US"]),
        "created_at": f"2026-03-{chance.randint(1, 28):02d}T10:{chance.randint(0, 59):02d}:00Z",
    }


def raw(event: dict[str, Any]) -> bytes:
    """The event as bytes."""
    return json.dumps(event, separators=(",", ":")).encode()


def healthy(count: int, start: int = 0) -> list[bytes]:
    """Healthy payments."""
    return [raw(payment(number)) for number in range(start, start + count)]


def renamed(count: int, start: int = 10_000) -> list[bytes]:
    """Payments whose `amount` arrives as `amt`."""
    events = [payment(number) for number in range(start, start + count)]
    return [raw({("amt" if key == "amount" else key): value for key, value in event.items()}) for event in events]


def expected(count: int, start: int = 10_000) -> list[dict[str, Any]]:
    """What `renamed` has to become."""
    return [payment(number) for number in range(start, start + count)]
