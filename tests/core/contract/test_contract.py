"""Contracts: what they accept, what they say about breaches, and which schemas they refuse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cta_core.contract import Breach, compile_contract
from cta_core.errors import EventUnreadable, InvalidContract
from cta_core.event import decode, encode
from helpers.healing import fresh, json_values, scalars

ORDER: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "order",
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "amount": {"type": "number", "minimum": 0},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "status": {"enum": ["new", "paid", None]},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "note": {"type": ["string", "null"], "maxLength": 5},
        "user": {"$ref": "#/$defs/user"},
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
        },
    },
    "required": ["id", "amount", "currency", "items"],
    "$defs": {"user": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}
HEALTHY: dict[str, Any] = {
    "id": "123e4567-e89b-12d3-a456-426614174000",
    "amount": 19.99,
    "currency": "EUR",
    "status": None,
    "count": 3,
    "note": None,
    "user": {"name": "Ann", "age": 7},
    "items": [{"sku": "a", "qty": 1}],
    "extra": {"x": [1]},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The healthy event with one field set, or removed where the value is `...`."""
    event = fresh(HEALTHY)
    *above, last = path.strip("/").split("/")
    node: Any = event
    for key in above:
        node = node[int(key)] if key.isdigit() else node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return event


def test_accepts_a_healthy_event() -> None:
    """A healthy event breaks no rule, decoded or as bytes, and the fast way accepts it."""
    contract = compile_contract(ORDER)
    assert contract.holds(HEALTHY)
    assert contract.violations(HEALTHY) == ()
    assert contract.accepts(encode(HEALTHY))
    assert contract.fast is not None
    assert contract.fast.accepts(encode(HEALTHY))


@pytest.mark.parametrize(
    ("path", "value", "rule", "expected"),
    [
        ("/amount", ..., "required", "present"),
        ("/amount", "19.99", "type", "number"),
        ("/amount", True, "type", "number"),
        ("/amount", -1, "minimum", "0"),
        ("/currency", "eur", "pattern", "^[A-Z]{3}$"),
        ("/currency", "EUR\n", "pattern", "^[A-Z]{3}$"),
        ("/id", "x", "format", "uuid"),
        ("/status", "old", "enum", '["new","paid",null]'),
        ("/count", 1.5, "type", "integer"),
        ("/count", 10, "maximum", "9"),
        ("/note", "too long", "maxLength", "5"),
        ("/note", 5, "type", "null or string"),
        ("/user/name", ..., "required", "present"),
        ("/items", [], "minItems", "1"),
        ("/items/0/sku", 5, "type", "string"),
        ("/items/0/sku", ..., "required", "present"),
    ],
)
def test_names_the_broken_rule(path: str, value: Any, rule: str, expected: str) -> None:
    """A breach has the field's pointer, the rule and what was expected, and its message shows no payload value."""
    contract = compile_contract(ORDER)
    event = changed(path, value)
    (breach,) = contract.violations(event)
    assert (breach.path, breach.rule, breach.expected) == (path, rule, expected)
    assert str(value) not in breach.message or len(str(value)) < 3
    assert not contract.holds(event)
    assert not contract.accepts(encode(event))


def test_one_breach_for_each_unknown_field() -> None:
    """Where other fields are refused, each of them is named."""
    contract = compile_contract({"properties": {"a": {}}, "additionalProperties": False})
    breaches = contract.violations({"a": 1, "secret/1": "4111", "b": 2})
    assert {(breach.path, breach.rule) for breach in breaches} == {
        ("/secret~11", "additionalProperties"),
        ("/b", "additionalProperties"),
    }


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"const": 1}, 2, "must be 1"),
        ({"multipleOf": 5}, 3, "must be a multiple of 5"),
        ({"exclusiveMinimum": 3}, 3, "must be above 3"),
        ({"exclusiveMaximum": 3}, 3, "must be below 3"),
        ({"minLength": 3}, "a", "must have at least 3 characters"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 members"),
        ({"uniqueItems": True}, [1, 1], "must have members that differ from each other"),
        ({"contains": {"type": "string"}}, [1], "must have a member that the contract describes"),
        ({"minProperties": 2}, {}, "must have at least 2 fields"),
        ({"propertyNames": {"pattern": "^x"}}, {"y": 1}, "has a field whose name the contract does not allow"),
        ({"anyOf": [{"type": "string"}]}, 1, "must fit one of the contract's alternatives"),
        ({"oneOf": [{}, {}]}, 1, "must fit exactly one of the contract's alternatives"),
        ({"not": {}}, 1, "must not be what the contract excludes"),
        ({"unevaluatedItems": False}, ["4111"], "breaks the contract's rule unevaluatedItems"),
        (False, 1, "must not be there"),
    ],
)
def test_every_rule_has_its_sentence(schema: Any, value: Any, message: str) -> None:
    """Rules are told in plain words, without the value."""
    (breach,) = compile_contract({"properties": {"v": schema}}).violations({"v": value})
    assert breach.message == message
    assert "4111" not in str(breach)


def test_breaches_are_limited() -> None:
    """A large event with nothing right in it gives a hundred breaches and not a million."""
    contract = compile_contract({"properties": {"l": {"items": {"type": "string"}}}})
    assert len(contract.violations({"l": list(range(10_000))})) == 100


def test_long_expectations_are_cut() -> None:
    """A list of a thousand words is not repeated in every breach."""
    (breach,) = compile_contract(
        {"properties": {"v": {"enum": ["x" * 9] * 1 + [f"w{n}" for n in range(999)]}}}
    ).violations({"v": 1})
    assert isinstance(breach, Breach)
    assert len(breach.expected) < 250


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "strin"}, "/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "/properties/a/minimum"),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern"),
        ({"$ref": "https://example.com/order.json"}, "/$ref"),
        ({"properties": {"a": {"$ref": "other.json#/x"}}}, "/properties/a/$ref"),
        ({"properties": {"a": {"$dynamicRef": "https://x.y/z"}}}, "/properties/a/$dynamicRef"),
        ({"properties": {"a": {"$ref": "#/$defs/gone"}}}, "schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"$schema": 5}, "/$schema"),
        (b"{", "schema"),
        (b"[]", "schema"),
        (b'{"a":"\xff"}', "schema"),
        (b'{"not":' * 200 + b"{}" + b"}" * 200, "schema"),
        (b'{"x":"' + b"a" * 2_000_000 + b'"}', "schema"),
    ],
)
def test_refuses_schemas_that_cannot_be_used(schema: Any, field: str) -> None:
    """A schema that is wrong, of another dialect, too large or needs something from elsewhere is refused by field."""
    with pytest.raises(InvalidContract) as caught:
        compile_contract(schema)
    assert caught.value.violations[0].field == field


@pytest.mark.parametrize(("wrong", "told"), [("objekt", '"objekt"'), (["string", "nul"], '["string","nul"]'), (5, "5")])
def test_a_type_that_there_is_not_is_told_with_those_that_there_are(wrong: Any, told: str) -> None:
    """The refusal of a type has the value as it was written, and every type of JSON Schema."""
    with pytest.raises(InvalidContract) as caught:
        compile_contract({"properties": {"a": {"type": wrong}}})
    (violation,) = caught.value.violations
    assert violation.field == "/properties/a/type"
    assert violation.remedy.endswith(f"it is {told}")
    for each in ("array", "boolean", "integer", "null", "number", "object", "string"):
        assert each in violation.remedy


def test_data_in_a_schema_is_no_reference() -> None:
    """A constant that happens to look like a reference is data."""
    contract = compile_contract({"properties": {"v": {"const": {"$ref": "https://example.com"}}}})
    assert contract.holds({"v": {"$ref": "https://example.com"}})


def test_bytes_that_are_no_event_are_not_accepted() -> None:
    """Wrong encoding, depth and syntax are never accepted, also in fields that the contract does not name."""
    contract = compile_contract({"properties": {"a": {"type": "integer"}}})
    for raw in (
        b'{"a":1,"x":"\xff"}',
        b'{"a":1,"\xff":1}',
        b'{"a":1,"x":"\\ud800"}',
        b'{"a":1,"x":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":1,"x":01}',
        b'{"a":1,"x":NaN}',
        b'{"a":1}x',
        b"[1]",
        b"",
    ):
        assert not contract.accepts(raw)


def test_recursive_references_end() -> None:
    """A contract of nested comments is understood, at any depth within the limits."""
    contract = compile_contract(
        {
            "properties": {"root": {"$ref": "#/$defs/node"}},
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string"},
                        "below": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    },
                    "required": ["text"],
                }
            },
        }
    )
    healthy: dict[str, Any] = {"text": "a"}
    for _ in range(60):
        healthy = {"text": "a", "below": [healthy]}
    assert contract.accepts(encode({"root": healthy}))
    assert not contract.accepts(encode({"root": {"text": "a", "below": [{"text": 5}]}}))


# Schemas of every kind that the fast way understands, half understands and does not understand.
leaves = st.sampled_from(
    [
        {}, True, False, {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"},
        {"type": "null"},
        {"type": "string", "minLength": 1, "maxLength": 3}, {"type": "string", "maxLength": 2.0},
        {"type": "string", "pattern": "^[a-c]*$"}, {"type": "string", "format": "date"}, {"format": "date-time"},
        {"type": "integer", "minimum": 0}, {"type": "integer", "exclusiveMinimum": 0, "maximum": 9.5},
        {"type": "integer", "multipleOf": 3}, {"type": "number", "minimum": 0.5, "exclusiveMaximum": 2},
        {"type": "number", "minimum": 1, "exclusiveMinimum": 0}, {"type": "number", "multipleOf": 0.01},
        {"minimum": 1}, {"minLength": 2}, {"type": ["string", "null"]}, {"type": ["integer", "number", "string"]},
        {"type": ["boolean", "object", "array"]}, {"enum": ["a", 1, None]}, {"enum": [1.0, True]}, {"const": "a"},
        {"const": 1}, {"const": {"a": 1}}, {"type": "integer", "enum": [1, "a", 2.0]},
        {"type": "number", "enum": [1, 2]}, {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
        {"type": "string", "enum": [1]}, {"enum": ["a", "b"], "minLength": 1},
        {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}, {"prefixItems": [{"type": "integer"}]},
        {"not": {"type": "string"}}, {"type": "object"}, {"type": "object", "minProperties": 1}, {"type": "array"},
        {"type": "array", "uniqueItems": True}, {"$ref": "#/$defs/positive"}, {"$ref": "#/$defs/tree"},
        {"$ref": "#/$defs/positive", "maximum": 3}, {"items": {"type": "integer"}},
    ]
)  # fmt: skip
DEFINITIONS = {
    "positive": {"type": "integer", "minimum": 1},
    "tree": {"type": "object", "properties": {"a": {"$ref": "#/$defs/tree"}, "b": {"type": "integer"}}},
}
names = st.sampled_from(["a", "b", "c", "~", "é"])


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Object and array schemas around others."""
    return st.builds(
        lambda properties, required, extra: {"type": "object", "properties": properties, "required": required, **extra},
        st.dictionaries(names, inner, max_size=4),
        st.lists(names, unique=True, max_size=3),
        st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": {"type": "integer"}}]),
    ) | st.builds(
        lambda items, extra: {"type": "array", "items": items, **extra},
        inner,
        st.sampled_from([{}, {"minItems": 1}, {"maxItems": 1}]),
    )


schemas = objects(st.recursive(leaves, objects, max_leaves=6)).filter(lambda schema: schema["type"] == "object")
probes = st.sampled_from(
    [0, 1, 2, 3, 9, 10, 1.0, 1.5, 0.5, -1, 2**60, 2**70, "", "a", "abcd", "é", "2024-02-30", "2024-02-29"]
)
values = st.recursive(
    scalars | probes,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def event_for(schema: Any, data: st.DataObject) -> Any:
    """A value that has a fair chance to fit the schema."""
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and data.draw(st.integers(0, 9)):
        return {
            key: event_for(inner, data)
            for key, inner in schema["properties"].items()
            if key in schema.get("required", ()) or data.draw(st.booleans())
        }
    if isinstance(schema, dict) and schema.get("type") == "array" and "items" in schema:
        return [event_for(schema["items"], data) for _ in range(data.draw(st.integers(0, 2)))]
    return data.draw(values)


@given(schemas, st.data())
@settings(max_examples=400)
def test_fast_and_exact_never_disagree_on_accept(schema: dict[str, Any], data: st.DataObject) -> None:
    """What the fast way accepts, the exact validator accepts; and `accepts` says what the exact validator says."""
    contract = compile_contract({**schema, "$defs": DEFINITIONS})
    event = event_for(schema, data)
    if not isinstance(event, dict):
        return
    raw = encode(event)
    holds = contract.holds(decode(raw))
    assert contract.accepts(raw) is holds
    assert bool(contract.violations(decode(raw))) is not holds
    if contract.fast is not None and contract.fast.accepts(raw):
        assert holds


@given(st.binary(max_size=30) | st.text(alphabet='{}[]":,01eE.-abntf\\u \xe9', max_size=30).map(str.encode))
def test_any_bytes_are_judged_alike(raw: bytes) -> None:
    """Bytes that the fast way accepts decode to an event that the contract accepts, whatever they are."""
    contract = compile_contract({"properties": {"a": {"type": "integer"}, "b": {"type": "string", "pattern": "^a"}}})
    assert contract.fast is not None
    if contract.fast.accepts(raw):
        try:
            assert contract.holds(decode(raw))
        except EventUnreadable as refused:
            # The one difference: a number that no double can hold, in a field that the contract does not name.
            assert "out of range" in refused.reason  # noqa: PT017


@given(json_values)
def test_an_empty_contract_accepts_every_event(value: Any) -> None:
    """A contract that says nothing is satisfied by every event."""
    raw = msgspec.json.encode({"v": value})
    assert compile_contract({}).accepts(raw)
