"""What a contract rules out: conditions that no healthy event can satisfy.

Proves it from `properties`, `required`, types, bounds and listed values alone, and says no wherever that is not enough.
The gate asks it whether an adapter's guard may be asked after the contract.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.scalar import type_word
from cta_core.contract.fields import resolved, types_of
from cta_core.path import EVERY, Parts, is_array, is_object, key_of, parse


def rules_out(schema: dict[str, Any], guard: Sequence[Condition]) -> bool:
    """Whether the contract alone proves that no healthy event satisfies the guard."""
    return any(_contradicts(schema, condition) for condition in guard)


def _contradicts(schema: dict[str, Any], condition: Condition) -> bool:
    parts = parse(condition.path)
    place = _Place(schema, parts)
    if condition.test is Test.ABSENT:
        return place.sure
    if place.never or condition.test is Test.PRESENT:
        return place.never
    node = place.node
    if node is None:
        return False
    allowed = _words(types_of(node))
    match condition.test:
        case Test.TYPE:
            return bool(allowed) and not allowed & _words(condition.types, exact=True)
        case Test.EQUALS:
            return all(_unlisted(value, node) for value in condition.values)
        case Test.BETWEEN:
            return _apart(condition.minimum, condition.maximum, node)
        case _:
            return bool(allowed) and "string" not in allowed


class _Place:
    """What a contract says about a place, read from the root to it."""

    def __init__(self, schema: dict[str, Any], parts: Parts) -> None:
        self.node: dict[str, Any] | None = resolved(schema, schema)
        """The subschema at the place; None where the contract does not describe it."""
        self.never = False
        """Whether no healthy event has it."""
        self.sure = bool(parts)
        """Whether every healthy event has it, once the arrays on the way have members."""
        surely_object = True
        for part in parts:
            if self.node is None:
                self.sure = False
                return
            node = self.node
            if part == EVERY:
                below, self.sure = node.get("items"), True
            else:
                key = key_of(part)
                below = node.get("properties", {}).get(key)
                self.sure = self.sure and surely_object and key in node.get("required", ())
                closed = node.get("additionalProperties") is False and "patternProperties" not in node
                self.never = self.never or below is False or (below is None and closed)
            self.node = resolved(schema, below) if is_object(below) else None
            surely_object = self.node is not None and types_of(self.node) == ("object",)
        if parts[-1:] == (EVERY,):
            self.sure = False


def _words(types: Sequence[str], *, exact: bool = False) -> set[str]:
    """Type words as guards use them. For a contract 1.0 is an integer too, for a guard it is not."""
    words = set(types)
    if "number" in words or ("integer" in words and not exact):
        words |= {"number", "integer"}
    return words


def _unlisted(value: Any, node: dict[str, Any]) -> bool:
    """Whether the contract lists the allowed values, or types, and the value is none of them."""
    allowed = _words(types_of(node))
    if allowed and type_word(value) not in allowed:
        return True
    listed = [node["const"]] if "const" in node else node.get("enum")
    return is_array(listed) and not any(_equal(value, other) for other in listed)


def _equal(one: Any, other: Any) -> bool:
    """JSON Schema's equality: 1 and 1.0 are the same, 1 and true are not."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _apart(minimum: float | None, maximum: float | None, node: dict[str, Any]) -> bool:
    """Whether no number is within both the condition's bounds and the contract's."""
    allowed = _words(types_of(node))
    if allowed and "number" not in allowed:
        return True
    least, most = _bound(node, "minimum", -math.inf), _bound(node, "maximum", math.inf)
    return (maximum is not None and maximum < least) or (minimum is not None and minimum > most)


def _bound(node: dict[str, Any], word: str, otherwise: float) -> float:
    value = node.get(word)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
