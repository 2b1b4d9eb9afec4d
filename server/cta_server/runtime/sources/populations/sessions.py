"""`sessions`: the access log of a web service.

Slow and failed requests come together, and the level of a line follows from its status; half of the visitors are not
signed in, so that their user is null.
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

_ROUTES: Final = Weighted(
    {
        ("GET", "/", 12.0): 30,
        ("GET", "/search", 85.0): 25,
        ("GET", "/articles/{id}", 30.0): 25,
        ("POST", "/cart", 45.0): 12,
        ("POST", "/checkout", 240.0): 5,
        ("DELETE", "/cart/{id}", 20.0): 3,
    }
)
"""Method, path and median time in milliseconds."""

_STATUSES: Final = Weighted({200: 930, 304: 35, 404: 20, 429: 5, 500: 7, 503: 3})
_AGENTS: Final = Weighted({"firefox": 25, "chrome": 50, "safari": 20, "bot": 5})
_REFERRERS: Final = Weighted({"": 45, "https://search.example/": 35, "https://news.example/today": 20})


def _make(rng: Random, number: int) -> Event:
    visit = number // 6 * 5 + int(rng.random() * 5)  # some requests of each of the visits that go on at the same time
    who = mixed(visit)
    method, path, usual = _ROUTES.pick(rng)
    status = _STATUSES.pick(rng)
    duration = usual * rng.lognormvariate(0, 0.5) * (6 if status >= 500 else 1)
    referrer = _REFERRERS.pick(rng)
    return {
        "session": f"{mixed(visit + 99):08x}{who:08x}",
        "time": rfc3339(instant(number, 0.2, rng), "milliseconds"),
        "level": "ERROR" if status >= 500 else "WARN" if status >= 400 else "INFO",
        "request": {
            "method": method,
            "path": path.replace("{id}", str(who % 5000)),
            "bytes_in": 180 + who % 400 + (int(rng.random() * 2000) if method == "POST" else 0),
        },
        "status": status,
        "duration_ms": round(duration, 2),
        "bytes_out": int(rng.lognormvariate(8.5, 1.0)),
        "user": f"u{who % 30_000:05d}" if who % 2 else None,
        "client": {
            "agent": _AGENTS.pick(rng),
            "ip": f"192.0.2.{who % 254 + 1}",
            "referrer": referrer or None,
        },
        "cached": status == 304,
        "host": f"web-{who % 12 + 1:02d}",
    }


_CONTRACT: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "request",
    "type": "object",
    "required": ["session", "time", "level", "request", "status", "duration_ms", "bytes_out", "user", "client", "host"],
    "properties": {
        "session": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "time": {"type": "string", "format": "date-time"},
        "level": {"enum": ["INFO", "WARN", "ERROR"]},
        "request": {
            "type": "object",
            "required": ["method", "path", "bytes_in"],
            "properties": {
                "method": {"enum": ["GET", "POST", "PUT", "DELETE"]},
                "path": {"type": "string", "pattern": "^/"},
                "bytes_in": {"type": "integer", "minimum": 0},
            },
        },
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "duration_ms": {"type": "number", "minimum": 0, "description": "Time to the last byte, milliseconds"},
        "bytes_out": {"type": "integer", "minimum": 0},
        "user": {"type": ["string", "null"], "pattern": "^u[0-9]{5}$"},
        "client": {
            "type": "object",
            "required": ["agent", "ip"],
            "properties": {
                "agent": {"type": "string"},
                "ip": {"type": "string", "format": "ipv4"},
                "referrer": {"type": ["string", "null"]},
            },
        },
        "cached": {"type": "boolean"},
        "host": {"type": "string", "pattern": "^web-[0-9]{2}$"},
    },
}

SESSIONS: Final = Population(
    name="sessions",
    description="the access log of a web service",
    contract=_CONTRACT,
    make=_make,
)
