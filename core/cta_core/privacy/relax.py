"""The contract that masked copies satisfy: nothing is asked of a dropped field, and of a hidden one only its type.

Called for analyses and replays of masked events. Without it a masked sample would look like drift: a disguised date is
no date, and a dropped field is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cta_core.contract.fields import resolved
from cta_core.path import EVERY, Parts, is_object, key_of, parse
from cta_core.privacy.mask import Mask, Method

_KEPT: Final = frozenset({"$schema", "$id", "$defs", "type", "title", "description", "properties", "required", "items",
                          "additionalProperties", "minItems", "maxItems"})  # fmt: skip
"""Keywords that stay on the way to a masked field. Others may say something about it from above (`if`, `oneOf`,
`uniqueItems`, `minProperties`), and a rule too few only makes the analysis ask less of a copy."""

_SHAPE: Final = frozenset({"type", "properties", "required", "items"})
"""Keywords that a disguise keeps to."""


def relaxed(schema: dict[str, Any], masks: Sequence[Mask]) -> dict[str, Any]:
    """The schema, with what the masks change left open."""
    made = schema
    for mask in masks:
        made = _open(schema, made, parse(mask.path), mask.method)
    return made


def _open(root: dict[str, Any], node: Any, parts: Parts, method: Method) -> Any:
    if not is_object(node):
        return node
    node = {word: value for word, value in resolved(root, node).items() if word in _KEPT}
    part = parts[0]
    if part == EVERY:
        items = node.get("items")
        if is_object(items):
            node["items"] = _below(root, items, parts[1:], method)
            if len(parts) == 1 and method is Method.DROP:
                node.pop("minItems", None)
        return node
    key = key_of(part)
    properties = node.get("properties")
    if not is_object(properties) or key not in properties:
        return node
    node["properties"] = {**properties, key: _below(root, properties[key], parts[1:], method)}
    if len(parts) == 1 and method is Method.DROP:
        node["required"] = [name for name in node.get("required", ()) if name != key]
    return node


def _below(root: dict[str, Any], node: Any, parts: Parts, method: Method) -> Any:
    if parts:
        return _open(root, node, parts, method)
    return {} if method is Method.DROP else _shape(root, node, 0)


def _shape(root: dict[str, Any], node: Any, depth: int) -> Any:
    """Types, nesting and presence of a subschema, without a word about its values."""
    if not is_object(node) or depth > 32:
        return {}
    shape = {word: value for word, value in resolved(root, node).items() if word in _SHAPE}
    if is_object(shape.get("properties")):
        shape["properties"] = {key: _shape(root, inner, depth + 1) for key, inner in shape["properties"].items()}
    if "items" in shape:
        shape["items"] = _shape(root, shape["items"], depth + 1)
    return shape
