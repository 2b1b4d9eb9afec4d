"""Events of a small shop, healthy and drifted, for tests that speak to a real server."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Change = Callable[[dict[str, Any]], dict[str, Any]]


def orders(count: int, *, seed: int = 1, begin: int = 0) -> Iterator[dict[str, Any]]:
    """Healthy orders: the same seed gives the same ones."""
    chance = random.Random(seed)
    for number in range(begin, begin + count):
        yield {
            "id": f"o-{number:06}",
            "amount": round(chance.lognormvariate(3.5, 0.6), 2),
            "currency": chance.choice(["EUR", "USD", "GBP"]),
            "country": chance.choice(["DE", "FR", "US", "GB", "NL"]),
            "items": chance.randint(1, 9),
            "email": f"user{chance.randint(1, 400)}@shop.example",
        }


def renamed(event: dict[str, Any], to: str = "amt") -> dict[str, Any]:
    """`amount` under another name."""
    return {to if key == "amount" else key: value for key, value in event.items()}


def in_cents(event: dict[str, Any]) -> dict[str, Any]:
    """`amount` as whole cents under another name."""
    return {
        ("amount_cents" if key == "amount" else key): (round(value * 100) if key == "amount" else value)
        for key, value in event.items()
    }


def write(file: Path, events: Iterator[dict[str, Any]], change: Change = dict) -> Path:
    """The events as JSON Lines."""
    file.write_text("".join(json.dumps(change(event)) + "\n" for event in events), "utf-8")
    return file
