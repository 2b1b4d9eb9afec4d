"""Learning a contract from healthy events, and completing a declared one by what was learned.

`learn` writes down the shape that all events share: types, nesting, arrays, and which fields are never missing. It
invents no enumerations and no ranges, because a value that was not seen yet is no failure. `merge` lets the declared
contract decide wherever it says something. Called when a stream has no contract, and by the offline diagnosis.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from cta_core.adapter.scalar import type_word

MAX_KEYS: Final = 500
"""Names of one object that are written down. An object with more is keyed by data (ids, days), not by field names."""


class _Shape:
    """What was seen at one place."""

    __slots__ = ("items", "keys", "objects", "types")

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.objects = 0
        self.keys: dict[str, tuple[_Shape, list[int]]] = {}
        self.items: _Shape | None = None


class LearnOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is learned besides types, nesting and presence. Both are for contracts that a person reads before they are
    used.
    """

    enums: int = 0
    """Texts with at most so many different values become an enumeration; 0 learns none."""
    ranges: bool = False
    """Numbers get the least and the greatest value that was seen."""


def learn(events: Iterable[dict[str, Any]], options: LearnOptions | None = None) -> dict[str, Any]:
    """The JSON Schema that all the events satisfy, from one pass over them."""
    root = _Shape()
    values: dict[int, set[Any]] = {}
    del options, values
    for event in events:
        _see(root, event)
    schema = _written(root)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **(schema or {"type": "object"})}


def _see(root: _Shape, event: Any) -> None:
    stack: list[tuple[_Shape, Any]] = [(root, event)]
    while stack:
        shape, value = stack.pop()
        word = type_word(value)
        shape.types.add(word)
        if word == "object":
            shape.objects += 1
            for key, inner in value.items():
                known = shape.keys.get(key)
                if known is None:
                    known = shape.keys[key] = (_Shape(), [0])
                known[1][0] += 1
                stack.append((known[0], inner))
        elif word == "array":
            if shape.items is None:
                shape.items = _Shape()
            stack.extend((shape.items, inner) for inner in value)


def _written(shape: _Shape) -> dict[str, Any]:
    types = sorted(shape.types - {"integer"} if "number" in shape.types else shape.types)
    if not types:
        return {}
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if shape.keys and len(shape.keys) <= MAX_KEYS:
        schema["properties"] = {key: _written(inner) for key, (inner, _) in shape.keys.items()}
    required = [key for key, (_, count) in shape.keys.items() if count[0] == shape.objects]
    if required and len(shape.keys) <= MAX_KEYS:
        schema["required"] = required
    if shape.items is not None and shape.items.types:
        schema["items"] = _written(shape.items)
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
