"""`payments`: card and account payments of many merchants in eight countries and six currencies.

Amounts are log-normal around what the merchant usually takes, in units of the currency with two decimals; the
currency and the usual ways to pay follow from the country; a customer always has the same country, tier and address.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from cta_server.runtime.sources.populations.population import (
    Event,
    Population,
    Weighted,
    instant,
    mixed,
    rfc3339,
)

_CURRENCIES: Final[Mapping[str, tuple[str, float]]] = {
    "DE": ("EUR", 1.0),
    "FR": ("EUR", 1.0),
    "NL": ("EUR", 1.0),
    "GB": ("GBP", 0.86),
    "US": ("USD", 1.08),
    "CH": ("CHF", 0.95),
    "SE": ("SEK", 11.4),
    "PL": ("PLN", 4.3),
}
"""Currency of each country, and what one euro is worth in it."""

_COUNTRIES: Final = ("DE",) * 6 + ("FR",) * 4 + ("NL",) * 3 + ("GB",) * 4 + ("US",) * 4 + ("CH", "SE", "SE", "PL", "PL")

_METHODS: Final = {
    "DE": Weighted({"card": 40, "sepa_debit": 35, "paypal": 25}),
    "FR": Weighted({"card": 80, "sepa_debit": 10, "paypal": 10}),
    "NL": Weighted({"ideal": 70, "card": 25, "paypal": 5}),
    "GB": Weighted({"card": 85, "paypal": 15}),
    "US": Weighted({"card": 80, "paypal": 20}),
    "CH": Weighted({"card": 60, "invoice": 40}),
    "SE": Weighted({"card": 55, "invoice": 45}),
    "PL": Weighted({"card": 50, "transfer": 50}),
}

_STATUSES: Final = Weighted({"captured": 91, "authorized": 5, "declined": 3, "refunded": 1})
_TIERS: Final = ("standard", "standard", "standard", "plus", "gold")
_NAMES: Final = ("Ada", "Bo", "Chen", "Dana", "Emil", "Fatima", "Goran", "Hana", "Ines", "Jonas", "Kim", "Lea", "Mira")
_SURNAMES: Final = (
    "Adler",
    "Berg",
    "Costa",
    "Dubois",
    "Evans",
    "Fischer",
    "Gruber",
    "Hall",
    "Ivanov",
    "Jansen",
    "Klein",
)

_MERCHANTS: Final = 400
_CUSTOMERS: Final = 5000


def _make(rng: Random, number: int) -> Event:
    customer = int(rng.random() * _CUSTOMERS)
    who = mixed(customer)
    country = _COUNTRIES[who % len(_COUNTRIES)]
    currency, worth = _CURRENCIES[country]
    # A few merchants get most of the payments: the square of an even number is small more often than large.
    merchant = int(rng.random() ** 2 * _MERCHANTS)
    usual = 2.0 + (mixed(merchant + 7) % 256) / 100  # logarithm of the merchant's median in euro: 7 to 95
    amount = min(rng.lognormvariate(usual, 0.6), 20_000.0) * worth
    name, surname = _NAMES[who % 13], _SURNAMES[who // 13 % 11]
    return {
        "id": f"pay_{mixed(number):08x}",
        "merchant": f"m-{merchant:04d}",
        "amount": max(round(amount, 2), 0.5),
        "currency": currency,
        "country": country,
        "method": _METHODS[country].pick(rng),
        "status": _STATUSES.pick(rng),
        "created_at": rfc3339(instant(number, 2.0, rng)),
        "customer": {
            "id": f"c-{customer:05d}",
            "name": f"{name} {surname}",
            "email": f"{name}.{surname}{customer}@example.org".lower(),
            "tier": _TIERS[who % len(_TIERS)],
            "since": 2012 + who % 14,
            "phone": None if who % 5 == 0 else f"+4930{who % 10_000_000:07d}",
        },
        "recurring": rng.random() < 0.22,
        "v": 3,
    }


_CONTRACT: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "payment",
    "type": "object",
    "required": [
        "id",
        "merchant",
        "amount",
        "currency",
        "country",
        "method",
        "status",
        "created_at",
        "customer",
        "recurring",
        "v",
    ],
    "properties": {
        "id": {"type": "string", "pattern": "^pay_[0-9a-f]{8}$"},
        "merchant": {"type": "string", "pattern": "^m-[0-9]{4}$", "description": "Merchant that is paid"},
        "amount": {"type": "number", "exclusiveMinimum": 0, "description": "Amount in units of the currency"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code"},
        "country": {
            "type": "string",
            "pattern": "^[A-Z]{2}$",
            "description": "ISO 3166 code of the customer's country",
        },
        "method": {"enum": ["card", "sepa_debit", "paypal", "ideal", "invoice", "transfer"]},
        "status": {"enum": ["captured", "authorized", "declined", "refunded"]},
        "created_at": {"type": "string", "format": "date-time", "description": "When the payment was made, UTC"},
        "customer": {
            "type": "object",
            "required": ["id", "name", "email", "tier", "since"],
            "properties": {
                "id": {"type": "string", "pattern": "^c-[0-9]{5}$"},
                "name": {"type": "string"},
                "email": {"type": "string", "format": "email"},
                "tier": {"enum": ["standard", "plus", "gold"]},
                "since": {"type": "integer", "minimum": 2000, "maximum": 2100},
                "phone": {"type": ["string", "null"]},
            },
        },
        "recurring": {"type": "boolean"},
        "v": {"const": 3, "description": "Version of this contract"},
    },
}

PAYMENTS: Final = Population(
    name="payments",
    description="card and account payments of many merchants",
    contract=_CONTRACT,
    make=_make,
)
