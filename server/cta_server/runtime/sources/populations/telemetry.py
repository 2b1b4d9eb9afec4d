"""`telemetry`: readings of sensors at four sites around the world.

Each device has its own level; temperature follows the local hour and humidity goes against it; batteries run down and
are changed. The sites are six hours apart and the devices' weather and batteries differ, so that all readings
together look the same at any time. Some devices have no probe in the soil: their `soil` is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from cta_server.runtime.sources.populations.population import Event, Population, instant, mixed

_DEVICES: Final = 240
_SITES: Final = ("lisbon", "dhaka", "auckland", "denver")
_FIRMWARES: Final = ("4.1.0", "4.1.2", "4.2.0")
_SECONDS_A_DAY: Final = 86_400


def _make(rng: Random, number: int) -> Event:
    device = number * 7 % _DEVICES  # in turn, but not in order
    who = mixed(device)
    at = instant(number, 0.5, rng)
    hour = at / _SECONDS_A_DAY + device % 4 / 4  # local time in days
    noon = math.cos((hour - 0.6) * 2 * math.pi)  # warmest in the afternoon
    temperature = 12 + who % 90 / 10 + 6 * noon + rng.gauss(0, 0.4)
    humidity = min(max(62 - 1.4 * (temperature - 16) + rng.gauss(0, 3), 5), 100)
    battery = 100 - (number / _DEVICES / 40 + who % 95) % 95  # a percent in 40 readings, changed at 5 %
    return {
        "device": f"TX-{who % 100_000:05d}",
        "ts": int(at),
        "site": _SITES[device % 4],
        "readings": {
            "temperature": round(temperature, 1),
            "humidity": round(humidity, 1),
            "pressure": round(1013 + 8 * math.sin(number / 40_000 + who) + rng.gauss(0, 0.5), 1),
            "soil": None if who % 4 == 0 else round(min(max(rng.gauss(31, 6), 0), 100), 1),
        },
        "battery": round(battery, 1),
        "signal_dbm": -55 - who % 40 - int(rng.random() * 6),
        "mode": "eco" if who % 3 == 0 else "normal",
        "alarms": [("low_battery" if battery < 20 else "none")],
        "firmware": _FIRMWARES[who % 3],
        "unit": "C",
    }


_CONTRACT: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "reading",
    "type": "object",
    "required": ["device", "ts", "site", "readings", "battery", "signal_dbm", "mode", "alarms", "firmware", "unit"],
    "properties": {
        "device": {"type": "string", "pattern": "^TX-[0-9]{5}$"},
        "ts": {"type": "integer", "description": "When it was measured, seconds since the epoch"},
        "site": {"enum": ["lisbon", "dhaka", "auckland", "denver"]},
        "readings": {
            "type": "object",
            "required": ["temperature", "humidity", "pressure", "soil"],
            "properties": {
                "temperature": {"type": "number", "description": "Air temperature, degrees Celsius"},
                "humidity": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 100,
                    "description": "Relative humidity, percent",
                },
                "pressure": {"type": "number", "description": "Air pressure, hPa"},
                "soil": {
                    "type": ["number", "null"],
                    "description": "Moisture of the soil, percent; null without a probe",
                },
            },
        },
        "battery": {"type": "number", "minimum": 0, "maximum": 100},
        "signal_dbm": {"type": "integer"},
        "mode": {"enum": ["normal", "eco"]},
        "alarms": {"type": "array", "items": {"type": "string"}},
        "firmware": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
        "unit": {"const": "C"},
    },
}

TELEMETRY: Final = Population(
    name="telemetry",
    description="readings of sensors, with a course of the day",
    contract=_CONTRACT,
    make=_make,
)
