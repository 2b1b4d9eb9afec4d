"""Contracts that are learned from events, and declared ones that are completed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cta_core.contract import LearnOptions, compile_contract, learn, merge
from cta_core.contract.learn import MAX_KEYS
from helpers.healing import events


def test_learns_types_nesting_and_presence() -> None:
    """Types, objects, arrays and what is never missing are learned; values are not."""
    schema = learn(
        [
            {"id": "a", "n": 1, "v": 1, "user": {"name": "x", "age": 1}, "items": [{"q": 1}, {"q": 2, "u": "kg"}]},
            {"id": "b", "n": None, "v": 1.5, "user": {"name": "y"}, "items": [], "extra": True},
        ]
    )
    assert schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "n": {"type": ["integer", "null"]},
            "v": {"type": "number"},
            "user": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name"],
            },
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"q": {"type": "integer"}, "u": {"type": "string"}},
                    "required": ["q"],
                },
            },
            "extra": {"type": "boolean"},
        },
        "required": ["id", "n", "v", "user", "items"],
    }


@given(st.lists(events, max_size=5), st.builds(LearnOptions, enums=st.integers(0, 3), ranges=st.booleans()))
def test_every_event_satisfies_what_was_learned_from_it(seen: list[dict[str, Any]], options: LearnOptions) -> None:
    """Whatever was seen satisfies the learned contract, with enumerations and ranges too."""
    contract = compile_contract(learn(seen, options))
    assert all(contract.holds(event) for event in seen)


def test_learns_values_when_asked() -> None:
    """With options, few texts become an enumeration and numbers get a range."""
    options = LearnOptions(enums=2, ranges=True)
    schema = learn([{"a": "x", "b": 1, "c": "p"}, {"a": "y", "b": 5, "c": "q"}, {"a": "x", "b": 2, "c": "r"}], options)
    assert schema["properties"] == {
        "a": {"type": "string", "enum": ["x", "y"]},
        "b": {"type": "integer", "minimum": 1, "maximum": 5},
        "c": {"type": "string"},
    }


def test_objects_keyed_by_data_stay_open() -> None:
    """An object with very many keys is not written down key by key."""
    schema = learn([{"by_id": {f"k{n}": 1 for n in range(MAX_KEYS + 1)}}])
    assert schema["properties"]["by_id"] == {"type": "object"}


def test_nothing_is_learned_from_nothing() -> None:
    """Without events every object is healthy."""
    assert compile_contract(learn([])).holds({"a": 1})


def test_the_declared_contract_wins() -> None:
    """What the declared contract says stays as it is; what it does not mention is completed."""
    declared = {
        "type": "object",
        "properties": {
            "amount": {"type": "number", "minimum": 0},
            "user": {"type": "object", "properties": {"name": {}}, "required": ["name"]},
            "items": {"type": "array"},
            "tight": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            "other": {"type": ["string", "null"]},
        },
        "required": ["amount"],
    }
    learned = {
        "type": "object",
        "properties": {
            "amount": {"type": "integer"},
            "user": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["age"],
            },
            "items": {"type": "array", "items": {"type": "string"}},
            "tight": {"type": "object", "properties": {"b": {"type": "string"}}},
            "other": {"type": "string"},
            "new": {"type": "boolean"},
        },
        "required": ["new", "other"],
    }
    assert merge(declared, learned) == {
        "type": "object",
        "properties": {
            "amount": {"type": "number", "minimum": 0},
            "user": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
            },
            "items": {"type": "array", "items": {"type": "string"}},
            "tight": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            "other": {"type": ["string", "null"]},
            "new": {"type": "boolean"},
        },
        "required": ["amount", "new"],
    }


def test_a_closed_or_combined_contract_is_left_alone() -> None:
    """Where completing could change what the declared words mean, nothing is added."""
    for declared in (
        {"type": "object", "additionalProperties": False},
        {"type": "object", "allOf": [{}]},
        {"type": ["object", "null"]},
        {"$ref": "#/$defs/x", "$defs": {"x": {}}},
    ):
        assert merge(declared, {"type": "object", "properties": {"a": {}}, "required": ["a"]}) == declared
