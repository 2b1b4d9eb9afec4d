"""The contract's own words about its fields."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from cta_core.contract import Field, compile_contract


def fields(schema: dict[str, Any]) -> dict[str, Field]:
    """The fields of a schema by their pointer."""
    return {field.path: field for field in compile_contract(schema).fields()}


def test_leaves_with_their_words() -> None:
    """Each leaf has its types, bounds, constants and descriptions as the contract writes them."""
    found = fields(
        {
            "type": "object",
            "properties": {
                "amount": {"type": "number", "minimum": 0, "exclusiveMaximum": 100, "description": "in major units"},
                "unit": {"const": "C", "default": "C", "title": "unit"},
                "status": {"type": ["string", "null"], "enum": ["a", None]},
                "when": {"type": "string", "format": "date-time", "pattern": "Z$"},
                "any": {},
                "a/b": {"type": "object"},
            },
            "required": ["amount", "unit"],
        }
    )
    assert list(found) == ["/amount", "/unit", "/status", "/when", "/any", "/a~1b"]
    amount = found["/amount"]
    assert (amount.types, amount.required, amount.minimum, amount.maximum) == (("number",), True, 0, 100)
    assert amount.description == "in major units"
    assert (amount.const, amount.default, amount.enum) == (UNSET, UNSET, UNSET)
    assert (found["/unit"].const, found["/unit"].default, found["/unit"].title) == ("C", "C", "unit")
    assert found["/status"].enum == ("a", None)
    assert found["/status"].types == ("null", "string")
    assert (found["/when"].format, found["/when"].pattern) == ("date-time", "Z$")
    assert found["/any"].types == ()
    assert not found["/when"].required


def test_required_needs_every_parent() -> None:
    """A field is required only when all its parents are required objects; array members when the array is."""
    found = fields(
        {
            "properties": {
                "sure": {"type": "object", "properties": {"x": {}}, "required": ["x"]},
                "maybe": {"type": "object", "properties": {"x": {}}, "required": ["x"]},
                "nullable": {"type": ["object", "null"], "properties": {"x": {}}, "required": ["x"]},
                "rows": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"x": {}, "y": {}}, "required": ["x"]},
                },
            },
            "required": ["sure", "nullable", "rows"],
        }
    )
    assert {path for path, field in found.items() if field.required} == {"/sure/x", "/rows/*/x"}
    assert list(found) == ["/sure/x", "/maybe/x", "/nullable/x", "/rows/*/x", "/rows/*/y"]


def test_reads_through_references_and_combinations() -> None:
    """References, `allOf` and the types of alternatives are read as a person reads them."""
    found = fields(
        {
            "allOf": [{"properties": {"base": {"type": "string"}}, "required": ["base"]}],
            "properties": {
                "user": {"$ref": "#/$defs/user"},
                "id": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "open": {"oneOf": [{"type": "string"}, {}]},
            },
            "$defs": {"user": {"type": "object", "properties": {"name": {"type": "string"}}}},
        }
    )
    assert found["/user/name"].types == ("string",)
    assert found["/id"].types == ("integer", "string")
    assert found["/open"].types == ()
    assert found["/base"].required


def test_circles_end() -> None:
    """References in a circle give a limited number of fields."""
    found = fields(
        {
            "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#/$defs/b"}},
            "$defs": {
                "a": {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"type": "string"}}},
                "b": {"$ref": "#/$defs/b"},
            },
        }
    )
    assert "/a/y" in found
    assert found["/b"].types == ()
    assert len(found) < 100
