"""The demonstration consumer: payments go through Intake, Retriever and Auditor.

It is an ordinary consumer, written as a user of CTA-ACT would write one: plain functions from JSON to JSON that raise
when an event is not what they need. It decides nothing for the loop. Named by the server's default configuration as
`payments`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, Final

Event = dict[str, Any]

_RISKS: Final = ("low", "low", "low", "low", "medium", "medium", "high")
"""The table's risk classes, as often as they occur: most merchants are harmless."""

_RATES: Final = {"low": Decimal("0.012"), "medium": Decimal("0.019"), "high": Decimal("0.034")}
"""Share of the amount that is the fee."""

_FIXED: Final = Decimal("0.25")
"""The part of the fee that does not depend on the amount."""

_LARGEST: Final = Decimal(1_000_000)
"""No card payment is larger; what is, was sent in another unit."""


def intake(event: Event) -> Event:
    """Take what the other stages need. Raises `KeyError` for a field that is gone, `ValueError` for one that makes no
    sense.
    """
    merchant = event["merchant"]
    if not isinstance(merchant, str) or not merchant:
        raise ValueError("merchant must be a text")
    currency = event["currency"]
    if not isinstance(currency, str) or len(currency) != 3:
        raise ValueError("currency must be a code of three letters")
    return {
        "id": event["id"],
        "merchant": merchant,
        "amount": str(_amount(event["amount"])),
        "currency": currency.upper(),
        "method": event["method"],
    }


def retriever(payment: Event) -> Event:
    """Look the merchant's risk up. Raises `LookupError` for a merchant that the table cannot know."""
    payment["risk"] = risk_of(payment["merchant"])
    return payment


def auditor(payment: Event) -> Event:
    """Compute the fee from amount and risk, to the cent. Raises `ValueError` for an amount that no payment has."""
    amount = Decimal(payment["amount"])
    if not 0 < amount <= _LARGEST:
        raise ValueError("amount is out of the range of payments")
    fee = (amount * _RATES[payment["risk"]] + _FIXED).quantize(Decimal("0.01"))
    return {**payment, "fee": str(fee), "net": str(amount - fee)}


def risk_of(merchant: str) -> str:
    """The risk class of a merchant id such as `m-0042`: a table, spread evenly and always the same."""
    if not merchant.startswith("m-") or not merchant[2:].isdigit():
        raise LookupError(f"no merchant {merchant[:40]!r}")
    digest = blake2b(merchant.encode(), digest_size=2).digest()
    return _RISKS[int.from_bytes(digest, "big") % len(_RISKS)]


def _amount(value: Any) -> Decimal:
    """The amount in units of its currency, exactly as it was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("amount must be a number")
    try:
        amount = Decimal(str(value))
        exact = amount.quantize(Decimal("0.01"))
    except InvalidOperation:  # no number, not a finite one, or one far too large
        raise ValueError("amount must be a number") from None
    if amount != exact:
        raise ValueError("amount has more than two decimals")
    return amount
