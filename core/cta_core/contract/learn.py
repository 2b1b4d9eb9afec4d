"""Learning a contract from healthy events, and completing a declared one by what was learned.

`learn` writes down the shape that all events share: types, nesting, arrays, and which fields are never missing. It
invents no enumerations and no ranges unless it is asked to: a value that was not seen yet is no failure. `merge` lets
the declared contract decide wherever it says something. Called for streams without a contract and by the diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from cta_core.adapter.scalar import type_word

MAX_KEYS: Final = 500
"""Names of one object that are written down. An object with more is keyed by data (ids, days), not by field names."""


class LearnOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is learned besides types, nesting and presence, for contracts that a person reads before they are used."""

    enums: int = 0
    """Texts with at most so many different values become an enumeration; 0 learns none."""
    ranges: bool = False
    """Numbers get the least and the greatest value that was seen."""


class _Seen:
    """What was seen at one place."""

    __slots__ = ("count", "high", "items", "keys", "low", "objects", "texts", "types")

    def __init__(self) -> None:
        self.count = 0
        self.types: set[str] = set()
        self.objects = 0
        self.keys: dict[str, _Seen] = {}
        self.items: _Seen | None = None
        self.texts: set[str] = set()
        self.low = math.inf
        self.high = -math.inf


def learn(events: Iterable[dict[str, Any]], options: LearnOptions | None = None) -> dict[str, Any]:
    """The JSON Schema that all the events satisfy, from one pass over them."""
    options = options or LearnOptions()
    root = _Seen()
    for event in events:
        _see(root, event, options)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", **_written(root, options)}


def _see(root: _Seen, event: Any, options: LearnOptions) -> None:
    stack: list[tuple[_Seen, Any]] = [(root, event)]
    while stack:
        seen, value = stack.pop()
        word = type_word(value)
        seen.count += 1
        seen.types.add(word)
        if word == "object":
            seen.objects += 1
            for key, inner in value.items():
                known = seen.keys.get(key)
                if known is None and len(seen.keys) <= MAX_KEYS:
                    known = seen.keys[key] = _Seen()
                if known is not None:
                    stack.append((known, inner))
        elif word == "array":
            if seen.items is None:
                seen.items = _Seen()
            stack.extend((seen.items, inner) for inner in value)
        elif word == "string" and len(seen.texts) <= options.enums:
            seen.texts.add(value)
        elif options.ranges and word in ("integer", "number"):
            seen.low, seen.high = min(seen.low, value), max(seen.high, value)


def _written(seen: _Seen, options: LearnOptions) -> dict[str, Any]:
    types = sorted(seen.types - {"integer"} if "number" in seen.types else seen.types)
    if not types:
        return {}
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if seen.keys and len(seen.keys) <= MAX_KEYS:
        schema["properties"] = {key: _written(inner, options) for key, inner in seen.keys.items()}
        required = [key for key, inner in seen.keys.items() if inner.count == seen.objects]
        if required:
            schema["required"] = required
    if seen.items is not None and seen.items.types:
        schema["items"] = _written(seen.items, options)
    if types == ["string"] and len(seen.texts) <= options.enums:
        schema["enum"] = sorted(seen.texts)
    if seen.low <= seen.high and types in (["integer"], ["number"]):
        schema["minimum"], schema["maximum"] = seen.low, seen.high
    return schema


_OPEN: Final = frozenset(
    {"$schema", "$id", "$comment", "title", "description", "examples", "type", "properties", "required", "items"}
)
"""Keywords beside which more fields can be described without changing what the declared ones mean."""


def merge(declared: dict[str, Any], learned: dict[str, Any]) -> dict[str, Any]:
    """The declared contract, completed by what was learned about fields that it does not mention."""
    if not declared.keys() <= _OPEN or not _same_types(declared, learned):
        return declared
    merged = dict(declared)
    if "type" not in declared and "type" in learned:
        merged["type"] = learned["type"]
    known, seen = declared.get("properties", {}), learned.get("properties", {})
    if seen:
        merged["properties"] = {
            **{key: merge(inner, seen[key]) if _both(inner, seen.get(key)) else inner for key, inner in known.items()},
            **{key: inner for key, inner in seen.items() if key not in known},
        }
        new = [
            key for key in learned.get("required", ()) if key not in known and key not in declared.get("required", ())
        ]
        if new:
            merged["required"] = [*declared.get("required", ()), *new]
    if "items" in learned:
        items = declared.get("items")
        if items is None:
            merged["items"] = learned["items"]
        elif _both(items, learned["items"]):
            merged["items"] = merge(items, learned["items"])
    return merged


def _both(declared: Any, learned: Any) -> bool:
    return isinstance(declared, dict) and isinstance(learned, dict)


def _same_types(declared: dict[str, Any], learned: dict[str, Any]) -> bool:
    """Whether the declared types leave room for the learned shape to say more."""
    return "type" not in declared or declared["type"] == learned.get("type")
