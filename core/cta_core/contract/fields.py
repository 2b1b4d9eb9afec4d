"""The contract's own words about each field: types, whether it is required, constants, bounds, descriptions.

Reads a JSON Schema as a person would, through `properties`, `items`, local references and `allOf`; it validates
nothing. What only holds in some alternative (`anyOf`, `oneOf`, `if`) gives types and nothing more. Called by the
diagnosis, which needs the words and not a verdict, through `Contract.fields`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from cta_core.path import EVERY, Parts, is_array, is_object, part_of, render

MAX_FIELDS: Final = 5000
"""Fields that are read of one contract: a schema of recursive references would otherwise never end."""

_MAX_DEPTH: Final = 32
"""Levels that are read: the deepest of the public event schemas has 20."""

ALL_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf field as the contract describes it."""

    path: str
    """JSON Pointer, `*` for array members."""
    types: tuple[str, ...]
    """JSON Schema's words, sorted; empty when the contract leaves the type open."""
    required: bool
    """Whether every healthy event has it, where its array has members: it and all its parents are required."""
    const: Any = UNSET
    """The only value, if there is one; else UNSET."""
    default: Any = UNSET
    """The value that the contract gives as default; else UNSET."""
    enum: tuple[Any, ...] | UnsetType = UNSET
    """The allowed values, if they are listed; else UNSET."""
    minimum: float | None = None
    """Least value, included or not."""
    maximum: float | None = None
    """Greatest value, included or not."""
    pattern: str = ""
    format: str = ""
    title: str = ""
    description: str = ""


def fields_of(schema: dict[str, Any]) -> Iterator[Field]:
    """The leaves of a schema, in its order."""
    count = 0
    stack: list[tuple[Parts, Any, bool]] = [((), schema, True)]
    while stack and count < MAX_FIELDS:
        parts, raw, required = stack.pop()
        node = resolved(schema, raw)
        below = list(_below(parts, node, required=required)) if len(parts) < _MAX_DEPTH else []
        if below:
            stack.extend(reversed(below))
        elif parts:
            count += 1
            yield _field(parts, node, required=required)


def resolved(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    """A subschema with its local references and `allOf` members merged in; keywords beside a reference win."""
    merged: dict[str, Any] = {}
    pending, seen = [node], 0
    while pending and seen < _MAX_DEPTH:
        seen += 1
        part = pending.pop(0)
        if not is_object(part):
            continue
        for key, value in part.items():
            known = merged.get(key)
            if key == "properties" and is_object(known) and is_object(value):
                merged[key] = {**value, **known}
            elif key == "required" and is_array(known) and is_array(value):
                merged[key] = [*known, *value]
            else:
                merged.setdefault(key, value)
        reference = part.get("$ref")
        if isinstance(reference, str):
            pending.append(_target(schema, reference))
        branches = part.get("allOf")
        pending.extend(branches if is_array(branches) else ())
    return merged


def _target(schema: dict[str, Any], reference: str) -> Any:
    node: Any = schema
    if reference not in ("#", "#/"):
        for token in reference.removeprefix("#/").split("/"):
            key = token.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if is_object(node) else None
    return node


def _below(parts: Parts, node: dict[str, Any], *, required: bool) -> Iterator[tuple[Parts, Any, bool]]:
    properties = node.get("properties")
    if is_object(properties):
        names = node.get("required", ())
        must_be_object = required and types_of(node) == ("object",)
        for key, value in properties.items():
            yield (*parts, part_of(key)), value, (required if not parts else must_be_object) and key in names
    items = node.get("items")
    if is_object(items):
        yield (*parts, EVERY), items, required and types_of(node) == ("array",)


def types_of(node: dict[str, Any]) -> tuple[str, ...]:
    """The types that a subschema allows, sorted; empty when it leaves them open."""
    declared = node.get("type")
    if isinstance(declared, str):
        return (declared,)
    if is_array(declared):
        return tuple(sorted(str(word) for word in declared))
    for word in ("anyOf", "oneOf"):
        branches = node.get(word)
        if is_array(branches) and branches:
            found = [types_of(branch) if is_object(branch) else () for branch in branches]
            return tuple(sorted({kind for kinds in found for kind in kinds})) if all(found) else ()
    return ()


def _field(parts: Parts, node: dict[str, Any], *, required: bool) -> Field:
    enum = node.get("enum")
    return Field(
        path=render(parts),
        types=types_of(node),
        required=required,
        const=node.get("const", UNSET),
        default=node.get("default", UNSET),
        enum=tuple(enum) if is_array(enum) else UNSET,
        minimum=_number(node, "minimum", "exclusiveMinimum"),
        maximum=_number(node, "maximum", "exclusiveMaximum"),
        pattern=_text(node, "pattern"),
        format=_text(node, "format"),
        title=_text(node, "title"),
        description=_text(node, "description"),
    )


def _number(node: dict[str, Any], *words: str) -> float | None:
    for word in words:
        value = node.get(word)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None


def _text(node: dict[str, Any], word: str) -> str:
    value = node.get(word)
    return value if isinstance(value, str) else ""
