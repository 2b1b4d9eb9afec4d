"""A step of every kind and events that it meets: one that it heals, and one that it refuses where it can refuse.

Data only. What becomes of the events is not written here: `pages.steps` runs them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cta_core.adapter.steps import AnyStep


class Example(msgspec.Struct, frozen=True):
    """A step as it is written, and events."""

    step: dict[str, Any]
    events: tuple[dict[str, Any], ...]

    def made(self) -> AnyStep:
        """The step itself."""
        step: AnyStep = msgspec.convert(self.step, AnyStep)
        return step


EXAMPLES = {
    "rename": Example(
        {"kind": "rename", "source": "/amt", "target": "/amount"},
        ({"id": 1, "amt": 12.5}, {"id": 2, "amt": 12.5, "amount": 9}, {"id": 3}),
    ),
    "move": Example(
        {"kind": "move", "source": "/payment/amount", "target": "/amount"},
        ({"id": 1, "payment": {"amount": 12.5}}, {"id": 2, "payment": {"amount": 12.5, "via": "card"}}),
    ),
    "copy": Example(
        {"kind": "copy", "source": "/id", "target": "/order/id"},
        ({"id": "a1"}, {"id": "a1", "order": {"id": "b2"}}),
    ),
    "cast": Example(
        {"kind": "cast", "path": "/count", "to": "INTEGER"},
        ({"count": "12"}, {"count": 12.0}, {"count": "12.5"}, {"count": None}),
    ),
    "number_format": Example(
        {"kind": "number_format", "path": "/amount", "decimal": ",", "group": ".", "suffix": " €"},
        ({"amount": "1.234,50 €"}, {"amount": "1,234.50 €"}),
    ),
    "letter_case": Example(
        {"kind": "letter_case", "path": "/currency", "to": "UPPER"},
        ({"currency": "eur"}, {"currency": 978}),
    ),
    "scale": Example(
        {"kind": "scale", "path": "/amount", "denominator": 100},
        ({"amount": 1999}, {"amount": "1999"}),
    ),
    "datetime": Example(
        {"kind": "datetime", "path": "/at", "source": "epoch_ms", "target": "rfc3339"},
        ({"at": 1772323200000}, {"at": 1772323200500}),
    ),
    "enum_map": Example(
        {
            "kind": "enum_map",
            "path": "/state",
            "entries": [{"source": 1, "target": "OPEN"}, {"source": 2, "target": "PAID"}],
        },
        ({"state": 2}, {"state": 3}, {"state": "2"}),
    ),
    "default": Example(
        {"kind": "default", "path": "/currency", "value": "EUR"},
        ({"amount": 5}, {"amount": 5, "currency": "USD"}, {"amount": 5, "currency": None}),
    ),
    "split": Example(
        {"kind": "split", "source": "/name", "separator": " ", "side": "LEFT", "targets": ["/first", "/last"]},
        ({"name": "Ada King Lovelace"}, {"name": "Ada"}),
    ),
    "merge": Example(
        {
            "kind": "merge",
            "sources": ["/first", "/last"],
            "target": "/name",
            "rule": "JOIN",
            "separator": " ",
        },
        ({"first": "Ada", "last": "Lovelace"}, {"first": "Ada"}),
    ),
    "wrap": Example(
        {"kind": "wrap", "path": "/tags", "form": "ONE_ELEMENT"},
        ({"tags": "new"}, {"tags": None}),
    ),
    "unwrap": Example(
        {"kind": "unwrap", "path": "/attributes", "form": "PAIRS"},
        ({"attributes": [{"name": "size", "value": 4}]}, {"attributes": [{"name": "size"}]}),
    ),
    "parse": Example(
        {"kind": "parse", "path": "/address"},
        ({"address": '{"city":"Bonn"}'}, {"address": "Bonn"}),
    ),
    "serialise": Example(
        {"kind": "serialise", "path": "/address"},
        ({"address": {"city": "Bonn"}}, {"address": None}),
    ),
    "null_form": Example(
        {"kind": "null_form", "path": "/phone", "forms": ["N/A", -1]},
        ({"phone": "N/A"}, {"phone": "-1"}),
    ),
    "swap": Example(
        {"kind": "swap", "left": "/lat", "right": "/lon"},
        ({"lat": 7.1, "lon": 50.7}, {"lat": 7.1}),
    ),
    "drop": Example(
        {"kind": "drop", "path": "/debug"},
        ({"id": 1, "debug": {"t": 3}}, {"id": 2}),
    ),
}
