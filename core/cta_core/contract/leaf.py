"""From the JSON Schema of one value to the msgspec type that accepts only what the schema accepts.

The type may be narrower than the schema (`1.0` is an integer for the schema and not for the type): whoever gets a
refusal asks the exact validator. It must never be wider. A schema with a keyword that has no exact counterpart has no
type. Called by `shape`, which builds whole objects from these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Final, Literal, Union

import msgspec

from cta_core.path import is_object

ValueType = Callable[[Any], Any]
"""The type of a value's schema, or None; follows references, as long as they do not lead back."""

ObjectType = Callable[[dict[str, Any]], Any]
"""The type of an object's schema, or None; closes the circle with `shape`."""

ANNOTATIONS: Final = frozenset(
    {
        "title",
        "description",
        "default",
        "examples",
        "$comment",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$schema",
        "$defs",
    }
)
"""Keywords that assert nothing. Definitions do nothing where they stand."""

_KEYWORDS: Final = {
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties"},
    "boolean": set[str](),
    "null": set[str](),
}
_ALL_KEYWORDS: Final = frozenset(word for words in _KEYWORDS.values() for word in words)

_SAFE: Final = 2**53
"""Bounds up to here are the same number as integer and as double."""


def value_type(schema: Any, value_of: ValueType, object_type: ObjectType) -> Any:
    """The type for the schema of a value (no mere reference), None where a keyword has no counterpart."""
    if schema is True:
        return Any
    if not is_object(schema):
        return None
    words = schema.keys() - ANNOTATIONS
    if not words:
        return Any
    if words & {"enum", "const"}:
        return _listed(schema) if words <= {"type", "enum", "const"} else None
    if words in ({"anyOf"}, {"anyOf", "type"}) and "type" not in schema:
        return union([value_of(branch) for branch in schema["anyOf"]])
    if not words <= _ALL_KEYWORDS | {"type"}:
        return None
    return _typed(schema, words, value_of, object_type)


def _typed(schema: dict[str, Any], words: set[str], value_of: ValueType, object_type: ObjectType) -> Any:
    declared = schema.get("type")
    if declared is None:
        # Keywords without a type let every value of another type pass; the type accepts those that they speak of.
        kinds = [kind for kind in ("string", "number", "array", "object") if words & _KEYWORDS[kind]]
    else:
        kinds = [declared] if isinstance(declared, str) else list(declared)
        if "number" in kinds and "integer" in kinds:
            kinds.remove("integer")
    types = [_of_kind(kind, schema, value_of, object_type) for kind in kinds]
    return union(types)


def union(types: list[Any]) -> Any:
    """One type that accepts what any of them accepts; None if one of them is None or they cannot be told apart."""
    if not types or any(one is None for one in types):
        return None
    if any(one is Any for one in types):
        return Any
    joined: Any = Union
    joined = joined[tuple(types)]
    return joined if usable(joined) else None


def usable(kind: Any) -> bool:
    """Whether msgspec can decode the type."""
    try:
        msgspec.json.Decoder(kind)
    except (TypeError, ValueError, NotImplementedError, OverflowError):
        return False
    return True


def _of_kind(kind: str, schema: dict[str, Any], value_of: ValueType, object_type: ObjectType) -> Any:
    match kind:
        case "string":
            return _sized(str, schema.get("minLength"), schema.get("maxLength"))
        case "integer":
            return _bounded(schema, whole=True)
        case "number":
            whole, fraction = _bounded({**schema, "type": "integer"}, whole=True), _bounded(schema, whole=False)
            return None if whole is None or fraction is None else whole | fraction
        case "boolean":
            return bool
        case "null":
            return type(None)
        case "array":
            members = value_of(schema.get("items", True))
            return (
                None
                if members is None
                else _sized(GenericAlias(list, (members,)), schema.get("minItems"), schema.get("maxItems"))
            )
        case "object":
            return object_type(schema)
        case _:
            return None


def _sized(kind: Any, least: Any, most: Any) -> Any:
    """A text or list with bounds on its length; schemas may write them as 2.0."""
    bounds: dict[str, Any] = {}
    for name, bound in (("min_length", least), ("max_length", most)):
        if bound is not None:
            if bound != int(bound) or not 0 <= bound <= _SAFE:
                return None
            bounds[name] = int(bound)
    if not bounds:
        return kind
    constrained = Annotated[kind, msgspec.Meta(**bounds)]
    return constrained if usable(constrained) else None


def _bounded(schema: dict[str, Any], *, whole: bool) -> Any:
    """An integer or a double within the schema's bounds."""
    bounds: dict[str, Any] = {}
    for word, name, exclusive in (
        ("minimum", "ge", "gt"), ("exclusiveMinimum", "gt", "ge"),
        ("maximum", "le", "lt"), ("exclusiveMaximum", "lt", "le"),
    ):  # fmt: skip
        bound = schema.get(word)
        if bound is None:
            continue
        if exclusive in bounds or not math.isfinite(bound) or abs(bound) > _SAFE:
            return None
        bounds[name] = _whole_bound(bound, name) if whole else float(bound)
    if whole and isinstance(bounds.get("gt"), float | int):
        bounds["ge"] = bounds.pop("gt") + 1
    if whole and isinstance(bounds.get("lt"), float | int):
        bounds["le"] = bounds.pop("lt") - 1
    factor = schema.get("multipleOf")
    if factor is not None:
        if not whole or type(factor) is not int or not 0 < factor <= _SAFE:
            return None
        bounds["multiple_of"] = factor
    kind = int if whole else float
    return Annotated[kind, msgspec.Meta(**bounds)] if bounds else kind


def _whole_bound(bound: float, name: str) -> int:
    """The bound for integers: `>= 1.5` is `>= 2`, `> 1.5` is `> 1`."""
    return math.ceil(bound) if name in ("ge", "lt") else math.floor(bound)


def _listed(schema: dict[str, Any]) -> Any:
    """The listed values that a literal can name: text, integers and null."""
    values = [schema["const"]] if "const" in schema else list(schema["enum"])
    if "const" in schema and "enum" in schema:
        return None
    declared = schema.get("type")
    allowed = None if declared is None else {declared} if isinstance(declared, str) else set(declared)
    names: list[Any] = []
    for value in values:
        if type(value) not in (str, int, type(None)):
            return None
        if allowed is None or _kinds(value) & allowed:
            names.append(value)
    if not names:
        return None
    literal: Any = Literal
    literal = literal[tuple(names)]
    return literal if usable(literal) else None


def _kinds(value: Any) -> set[str]:
    return {"string"} if type(value) is str else {"integer", "number"} if type(value) is int else {"null"}
