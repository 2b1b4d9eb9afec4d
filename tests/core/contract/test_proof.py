"""What a contract rules out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.guard import Condition, Test, compile_guard
from cta_core.contract import compile_contract
from cta_core.contract.proof import rules_out

SCHEMA: dict[str, Any] = {
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": "number", "minimum": 0, "maximum": 100},
        "count": {"type": "integer"},
        "status": {"enum": ["new", 1, None]},
        "note": {"type": ["string", "null"]},
        "user": {"type": "object", "properties": {"name": {}}, "required": ["name"], "additionalProperties": False},
        "maybe": {"type": ["object", "null"], "properties": {"x": {}}, "required": ["x"]},
        "rows": {
            "type": "array",
            "items": {"type": "object", "properties": {"q": {"type": "integer"}}, "required": ["q"]},
        },
        "never": False,
        "unit": {"$ref": "#/$defs/unit"},
    },
    "required": ["id", "amount", "user", "maybe"],
    "$defs": {"unit": {"const": "C"}},
}


def asked(path: str, test: Test, **rest: Any) -> Condition:
    """A condition in one line."""
    return Condition(path=path, test=test, **rest)


CONDITIONS: list[tuple[Condition, bool]] = [
    (asked("/amount", Test.ABSENT), True),
    (asked("/user", Test.ABSENT), True),
    (asked("/user/name", Test.ABSENT), True),
    (asked("/maybe/x", Test.ABSENT), False),
    (asked("/note", Test.ABSENT), False),
    (asked("/other", Test.ABSENT), False),
    (asked("/rows/*/q", Test.ABSENT), True),
    (asked("/rows/*", Test.ABSENT), False),
    (asked("/rows/*/z", Test.ABSENT), False),
    (asked("/amount", Test.PRESENT), False),
    (asked("/amt", Test.PRESENT), False),
    (asked("/user/nick", Test.PRESENT), True),
    (asked("/user/nick/deep", Test.TYPE, types=("string",)), True),
    (asked("/never", Test.PRESENT), True),
    (asked("/amount", Test.TYPE, types=("string",)), True),
    (asked("/amount", Test.TYPE, types=("string", "integer")), False),
    (asked("/count", Test.TYPE, types=("number",)), False),
    (asked("/count", Test.TYPE, types=("boolean", "null")), True),
    (asked("/id", Test.TYPE, types=("number", "null")), True),
    (asked("/note", Test.TYPE, types=("null",)), False),
    (asked("/rows/*/q", Test.TYPE, types=("string",)), True),
    (asked("/other", Test.TYPE, types=("string",)), False),
    (asked("/status", Test.EQUALS, values=("old", 2)), True),
    (asked("/status", Test.EQUALS, values=("old", "new")), False),
    (asked("/status", Test.EQUALS, values=(1.0,)), False),
    (asked("/status", Test.EQUALS, values=(True,)), True),
    (asked("/id", Test.EQUALS, values=(5,)), True),
    (asked("/unit", Test.EQUALS, values=("F",)), True),
    (asked("/unit", Test.EQUALS, values=("C",)), False),
    (asked("/amount", Test.BETWEEN, minimum=101), True),
    (asked("/amount", Test.BETWEEN, maximum=-1), True),
    (asked("/amount", Test.BETWEEN, minimum=100), False),
    (asked("/id", Test.BETWEEN, minimum=0), True),
    (asked("/amount", Test.MATCHES, pattern="x"), True),
    (asked("/id", Test.MATCHES, pattern="x"), False),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_rules_out_what_no_healthy_event_can_satisfy(condition: Condition, expected: bool) -> None:
    """Only what the contract proves counts: absence of the required, presence of the excluded, impossible values."""
    assert rules_out(SCHEMA, (condition,)) is expected
    assert rules_out(SCHEMA, (asked("/id", Test.PRESENT), condition)) is expected


values = st.sampled_from(
    [0, 1, 1.0, 50, 100.5, -1, "new", "old", "C", None, True, [], {}, {"name": 1}, {"x": 1}, {"nick": {}}]
)
rows = st.lists(st.sampled_from([{"q": 1}, {"q": "1"}, {}, {"q": 1, "z": 2}, 5]), max_size=2)
events = st.fixed_dictionaries(
    {"id": st.just("a") | values, "amount": st.just(5) | values},
    optional={
        **dict.fromkeys(["count", "status", "note", "maybe", "unit", "other", "amt", "never"], values),
        "rows": rows,
    },
)


@given(events, values | st.just({"name": 1}))
def test_no_healthy_event_satisfies_what_is_ruled_out(event: dict[str, Any], user: Any) -> None:
    """A condition that is ruled out holds for no event that the contract accepts."""
    event = {"maybe": {"x": 1}, "user": user, **event}
    if compile_contract(SCHEMA).holds(event):
        assert not any(compile_guard((condition,))(event) for condition, ruled_out in CONDITIONS if ruled_out)
