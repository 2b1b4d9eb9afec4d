"""`shipments`: parcels on their way.

The price follows from weight and zone, volume from the three sides; first and last name, depot and slot are fields that
producers like to join and split.
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

_FIRST: Final = ("Ana", "Ben", "Carla", "David", "Elif", "Finn", "Greta", "Hugo", "Ida", "Jan", "Kaya", "Luca")
_LAST: Final = ("Albers", "Baumann", "Conti", "Duran", "Ernst", "Fuchs", "Gil", "Hoffmann", "Illich", "Jung", "Koch")
_ZONES: Final = Weighted({"domestic": 70, "europe": 24, "world": 6})
_BASE: Final = {"domestic": 390, "europe": 1290, "world": 3450}
_STATES: Final = Weighted({"in_transit": 50, "delivered": 38, "announced": 10, "returned": 2})
_DEPOTS: Final = ("HAM-2", "MUC-1", "LEJ-4", "CGN-3", "FRA-1")


def _make(rng: Random, number: int) -> Event:
    who = mixed(number)
    zone = _ZONES.pick(rng)
    weight = int(min(rng.lognormvariate(7.2, 0.8), 31_500))
    length, width, height = (int(rng.triangular(5, 100, 30)) for _ in range(3))
    state = _STATES.pick(rng)
    posted = instant(number, 3.0, rng)
    return {
        "tracking_code": f"JJ{who:010d}DE",
        "posted_on": rfc3339(posted)[:10],
        "scanned_at": rfc3339(posted + 600 + rng.random() * 90_000),
        "recipient": {
            "first_name": _FIRST[who % 12],
            "last_name": _LAST[who // 12 % 11],
            "postcode": f"{1000 + who % 90_000:05d}",
            "note": None if who % 3 else "leave with neighbour",
        },
        "zone": zone,
        "weight_g": weight,
        "sides_cm": {"length": length, "width": width, "height": height},
        "volume_l": round(length * width * height / 1000, 2),
        "price": (_BASE[zone] + weight // 100 * 12) / 100,
        "insured": rng.random() < 0.3,
        "state": state,
        "depots": [_DEPOTS[who % 5]],
        "carrier": "Nordwind",
    }


_CONTRACT: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "shipment",
    "type": "object",
    "required": [
        "tracking_code",
        "posted_on",
        "scanned_at",
        "recipient",
        "zone",
        "weight_g",
        "sides_cm",
        "volume_l",
        "price",
        "insured",
        "state",
        "depots",
        "carrier",
    ],
    "properties": {
        "tracking_code": {"type": "string", "pattern": "^JJ[0-9]{10}DE$"},
        "posted_on": {"type": "string", "format": "date"},
        "scanned_at": {"type": "string", "format": "date-time", "description": "Last time that the parcel was scanned"},
        "recipient": {
            "type": "object",
            "required": ["first_name", "last_name", "postcode", "note"],
            "properties": {
                "first_name": {"type": "string"},
                "last_name": {"type": "string"},
                "postcode": {"type": "string", "pattern": "^[0-9]{5}$"},
                "note": {"type": ["string", "null"]},
            },
        },
        "zone": {"enum": ["domestic", "europe", "world"]},
        "weight_g": {"type": "integer", "minimum": 1, "description": "Weight in grams"},
        "sides_cm": {
            "type": "object",
            "required": ["length", "width", "height"],
            "properties": {side: {"type": "integer", "minimum": 1} for side in ("length", "width", "height")},
        },
        "volume_l": {"type": "number", "minimum": 0},
        "price": {"type": "number", "exclusiveMinimum": 0, "description": "Postage in euro"},
        "insured": {"type": "boolean"},
        "state": {"enum": ["announced", "in_transit", "delivered", "returned"]},
        "depots": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "string"}},
        "carrier": {"const": "Nordwind"},
    },
}

SHIPMENTS: Final = Population(
    name="shipments",
    description="parcels on their way, with sizes, prices and states",
    contract=_CONTRACT,
    make=_make,
)
