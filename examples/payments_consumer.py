"""A consumer of your own: three stages for payments, each a plain function from JSON to JSON.

CTA-ACT runs them in a worker process and shows every event to them one by one. A stage raises when an event is not
what it needs; that is how the server learns of drift. It may keep state in the module, print, and use any library; it
must return what JSON can say. `payments_consumer.toml` beside this file names the stages:

    cta serve --config examples/payments_consumer.toml
    cta streams create payments --consumer ledger
    cta sources start payments --population payments --rate 50
    cta faults inject SOURCE rename --path /amount --with to=amt
    cta incidents list --watch
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

RATES = {"EUR": "1", "USD": "0.926", "GBP": "1.163", "CHF": "1.053", "SEK": "0.0877", "PLN": "0.2326"}
"""Euro for one unit of each currency: a real tool would ask a service."""


def check(event: dict[str, Any]) -> dict[str, Any]:
    """Take the fields that the other stages need. A field that is gone raises `KeyError`."""
    amount = event["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise TypeError(f"amount is a {type(amount).__name__}, not a number")
    return {"id": event["id"], "amount": str(amount), "currency": event["currency"], "when": event["created_at"]}


def rates(payment: dict[str, Any]) -> dict[str, Any]:
    """Look the exchange rate up. A currency that nobody knows raises `KeyError`."""
    return payment | {"rate": RATES[payment["currency"]]}


def book(payment: dict[str, Any]) -> dict[str, Any]:
    """Turn the payment into a line of the ledger, in euro to the cent."""
    euro = (Decimal(payment["amount"]) * Decimal(payment["rate"])).quantize(Decimal("0.01"))
    if not 0 < euro < 1_000_000:
        raise ValueError("no payment is that large")
    return {"entry": payment["id"], "day": payment["when"][:10], "eur": str(euro)}
