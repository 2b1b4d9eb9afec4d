"""`orders`: a web shop's orders with their lines in an array and addresses two levels deep.

The total is the sum of the lines plus shipping minus discount, to the cent; quantities are small, prices belong to
the article.
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

_ARTICLES: Final = 900
_THINGS: Final = ("Lamp", "Chair", "Mug", "Notebook", "Backpack", "Kettle", "Scarf", "Bottle", "Clock", "Blanket")
_COLOURS: Final = ("red", "blue", "green", "black", "white", "grey")
_CITIES: Final = (
    ("Berlin", "10115", "DE"),
    ("Hamburg", "20095", "DE"),
    ("Wien", "1010", "AT"),
    ("Zürich", "8001", "CH"),
    ("Lyon", "69001", "FR"),
    ("Utrecht", "3511", "NL"),
)
_STREETS: Final = ("Hauptstraße", "Ringweg", "Lindenallee", "Marktplatz", "Rue du Lac", "Kanaalweg")
_LINES: Final = Weighted({1: 55, 2: 25, 3: 12, 4: 5, 6: 3})
_QUANTITIES: Final = Weighted({1: 75, 2: 17, 3: 5, 4: 2, 10: 1})
_STATUSES: Final = Weighted({"placed": 60, "paid": 25, "shipped": 12, "cancelled": 3})
_SHIPPING: Final = Weighted({"standard": 70, "express": 20, "pickup": 10})
_COSTS: Final = {"standard": 4.9, "express": 12.5, "pickup": 0.0}
_SCHEMA: Final = "shop/2"


def _line(rng: Random) -> Event:
    article = int(rng.random() ** 2 * _ARTICLES)
    kind = mixed(article)
    return {
        "sku": f"A{article:04d}-{_COLOURS[kind % 6][:2].upper()}",
        "name": f"{_THINGS[kind % 10]} {_COLOURS[kind % 6]}",
        "quantity": _QUANTITIES.pick(rng),
        "unit_price": (399 + kind % 12_000) / 100,
        "gift": rng.random() < 0.08,
    }


def _make(rng: Random, number: int) -> Event:
    customer = int(rng.random() * 20_000)
    who = mixed(customer)
    city, postcode, country = _CITIES[who % 6]
    items = [_line(rng) for _ in range(_LINES.pick(rng))]
    method = _SHIPPING.pick(rng)
    goods = sum(round(item["quantity"] * item["unit_price"] * 100) for item in items)
    discount = goods // 10 if rng.random() < 0.15 else None
    placed = instant(number, 5.0, rng)
    return {
        "order_id": f"O-{number + 100_000}",
        "placed_at": rfc3339(placed),
        "promised_on": rfc3339(placed + 86400 * (2 if method == "express" else 5))[:10],
        "channel": "web" if who % 3 else "app",
        "customer": {
            "customer_id": customer + 1,
            "newsletter": who % 4 == 0,
            "address": {
                "street": f"{_STREETS[who % 6]} {who % 120 + 1}",
                "city": city,
                "postcode": postcode,
                "country": country,
            },
        },
        "items": items,
        "shipping": {"method": method, "cost": _COSTS[method]},
        "discount": None if discount is None else discount / 100,
        "total": (goods + round(_COSTS[method] * 100) - (discount or 0)) / 100,
        "currency": "CHF" if country == "CH" else "EUR",
        "status": _STATUSES.pick(rng),
        "schema": _SCHEMA,
    }


_CONTRACT: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "order",
    "type": "object",
    "required": [
        "order_id",
        "placed_at",
        "promised_on",
        "channel",
        "customer",
        "items",
        "shipping",
        "discount",
        "total",
        "currency",
        "status",
        "schema",
    ],
    "properties": {
        "order_id": {"type": "string", "pattern": "^O-[0-9]{6,}$"},
        "placed_at": {"type": "string", "format": "date-time"},
        "promised_on": {
            "type": "string",
            "format": "date",
            "description": "Day on which the parcel arrives at the latest",
        },
        "channel": {"enum": ["web", "app"]},
        "customer": {
            "type": "object",
            "required": ["customer_id", "newsletter", "address"],
            "properties": {
                "customer_id": {"type": "integer", "minimum": 1},
                "newsletter": {"type": "boolean"},
                "address": {
                    "type": "object",
                    "required": ["street", "city", "postcode", "country"],
                    "properties": {
                        "street": {"type": "string"},
                        "city": {"type": "string"},
                        "postcode": {"type": "string", "pattern": "^[0-9]{4,5}$"},
                        "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
                    },
                },
            },
        },
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku", "name", "quantity", "unit_price", "gift"],
                "properties": {
                    "sku": {"type": "string", "pattern": "^A[0-9]{4}-[A-Z]{2}$"},
                    "name": {"type": "string"},
                    "quantity": {"type": "integer", "minimum": 1},
                    "unit_price": {"type": "number", "exclusiveMinimum": 0, "description": "Price of one piece, units"},
                    "gift": {"type": "boolean"},
                },
            },
        },
        "shipping": {
            "type": "object",
            "required": ["method", "cost"],
            "properties": {
                "method": {"enum": ["standard", "express", "pickup"]},
                "cost": {"type": "number", "minimum": 0},
            },
        },
        "discount": {"type": ["number", "null"], "description": "What is taken off the goods, units; null without one"},
        "total": {"type": "number", "minimum": 0, "description": "Goods and shipping minus discount, units"},
        "currency": {"enum": ["EUR", "CHF"]},
        "status": {"enum": ["placed", "paid", "shipped", "cancelled"]},
        "schema": {"const": _SCHEMA},
    },
}

ORDERS: Final = Population(
    name="orders",
    description="a web shop's orders, with lines in an array and nested addresses",
    contract=_CONTRACT,
    make=_make,
)
