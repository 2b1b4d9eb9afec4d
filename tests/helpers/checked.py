"""Payments with a check digit that no contract tells of: only the consumer's own code knows a right amount from a wrong
one. They also carry a fee that looks like an amount, so that a wrong adapter satisfies the contract and the profile.
"""

from __future__ import annotations

import random
from typing import Any

from helpers.payments import payment, raw


def checked(number: int) -> dict[str, Any]:
    """A payment with its fee and check digit."""
    event = payment(number)
    fee = round(random.Random(number).lognormvariate(3, 1) + 0.01, 2)
    return {**event, "fee": fee, "check": round(event["amount"] * 100) % 97}


def checked_healthy(count: int, start: int = 0) -> list[bytes]:
    """Healthy ones."""
    return [raw(checked(number)) for number in range(start, start + count)]


def checked_renamed(count: int, start: int = 10_000) -> list[bytes]:
    """Those whose `amount` arrives as `amt`."""
    events = [checked(number) for number in range(start, start + count)]
    return [raw({("amt" if key == "amount" else key): value for key, value in event.items()}) for event in events]


def verify(event: dict[str, Any]) -> None:
    """What the consumer's code knows."""
    if round(event["amount"] * 100) % 97 != event["check"]:
        raise ArithmeticError("the check digit is wrong")
