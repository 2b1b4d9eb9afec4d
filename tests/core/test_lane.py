"""The typed lane: the same outcomes as by the general way, for every program and event."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import (
    AnyStep,
    Cast,
    DateTime,
    Default,
    Drop,
    EnumEntry,
    EnumMap,
    Move,
    Parse,
    Rename,
    Scale,
    Swap,
    Unwrap,
    Wrap,
    WrapForm,
)
from cta_core.contract import compile_contract
from cta_core.event import decode, encode
from cta_core.gate import Gate, Outcome, OutcomeKind
from cta_core.lane import lane_for
from cta_core.lane.route import routes_of
from helpers.gates import active, general
from helpers.healing import fresh, json_values, strict

HEALED = OutcomeKind.HEALED

# A closed contract of several levels, drifted events around it, and programs: by the lane or the general way alike.

ORDER = compile_contract(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^e"},
            "v": {"enum": [1, 2]},
            "at": {"type": "string", "format": "date-time"},
            "user": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "country": {"type": "string", "minLength": 2},
                    "age": {"type": "integer", "minimum": 0},
                },
                "required": ["name"],
            },
            "order": {
                "type": "object",
                "properties": {
                    "amount": {"type": "number", "minimum": 0},
                    "items": {"type": "integer"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "ship": {
                        "type": "object",
                        "properties": {"kind": {"enum": ["std", "exp"]}, "days": {"type": "integer"}},
                    },
                },
                "required": ["amount", "ship"],
            },
        },
        "required": ["id", "order"],
    }
)

STEPS: list[AnyStep] = [
    Rename(source="/event", target="/id"),
    Rename(source="/o", target="/order"),
    Rename(source="/order/amt", target="/order/amount"),
    Move(source="/country", target="/user/country"),
    Move(source="/order/delivery/days", target="/order/ship/days"),
    Move(source="/order/name", target="/user/name"),
    Move(source="/user/v", target="/v"),
    Move(source="/kind", target="/order/ship/kind"),
    Cast(path="/order/items", to=JsonType.INTEGER),
    Cast(path="/user/age", to=JsonType.INTEGER),
    Scale(path="/order/amount", denominator=100),
    Scale(path="/order/amt", denominator=100),
    DateTime(path="/at", source="epoch_s", target="rfc3339"),
    EnumMap(path="/order/ship/kind", entries=(EnumEntry(source="S", target="std"), EnumEntry(source=1, target="exp"))),
    Default(path="/v", value=1),
    Default(path="/user/country", value="DE"),
    Default(path="/order/ship/kind", value="std"),
    Default(path="/order/items", value="3"),
    Drop(path="/trace"),
    Drop(path="/user/trace"),
    Drop(path="/order/ship/trace"),
    Swap(left="/user/name", right="/user/country"),
    Swap(left="/id", right="/user/name"),
    Wrap(path="/order/tags", form=WrapForm.ONE_ELEMENT),
    Unwrap(path="/order/tags", form=WrapForm.ONE_ELEMENT),
    Parse(path="/order/tags"),
]
GUARDS = [
    Condition(path="/event", test=Test.PRESENT),
    Condition(path="/id", test=Test.ABSENT),
    Condition(path="/v", test=Test.ABSENT),
    Condition(path="/v", test=Test.EQUALS, values=(2,)),
    Condition(path="/country", test=Test.PRESENT),
    Condition(path="/user/country", test=Test.ABSENT),
    Condition(path="/order/items", test=Test.TYPE, types=("string",)),
    Condition(path="/order/amount", test=Test.TYPE, types=("integer",)),
    Condition(path="/user/trace", test=Test.ABSENT),
    Condition(path="/order/ship", test=Test.PRESENT),
    Condition(path="/order/amount", test=Test.BETWEEN, minimum=0),
]
asked = st.lists(st.sampled_from(GUARDS), max_size=2, unique=True).map(tuple)
steps = st.builds(
    lambda step, when, conditional: msgspec.structs.replace(step, when=when) if conditional else step,
    st.sampled_from(STEPS),
    asked,
    st.integers(0, 5).map(lambda number: number == 0),
)
programs = st.builds(Program, guard=asked, steps=st.lists(steps, min_size=1, max_size=4).map(tuple))


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that may lack any field."""
    return st.fixed_dictionaries({}, optional=fields)


def mostly(fields: dict[str, st.SearchStrategy[Any]], **others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with these fields, and now and then with others or without some."""
    return st.fixed_dictionaries(fields) | st.fixed_dictionaries(fields, optional=others) | optional(**fields, **others)


texts = st.sampled_from(["e1", "x", "DE", "", "é"])
counts = st.sampled_from([3, 3.0, "3", -1, None, "x", 2**70])
amounts = st.sampled_from([1999, 19.99, 0, -1, "1999", None, True])
orders = mostly(
    {"amount": amounts, "ship": mostly({"kind": st.sampled_from(["std", "S", 1])}, days=counts, trace=json_values)},
    items=counts,
    amt=amounts,
    name=texts,
    tags=st.sampled_from([["a"], "a", '["a"]', [], None]),
    delivery=optional(days=counts),
)
users = mostly({"name": texts}, country=texts, age=counts, trace=json_values, v=st.sampled_from([1, 2, 3]))
candidates = mostly(
    {"id": texts, "order": orders},
    event=texts,
    o=orders,
    user=users,
    v=st.sampled_from([1, 2, 3, "1"]),
    at=st.sampled_from(["2024-03-05T08:12:00Z", 1709626320, "x"]),
    country=texts,
    kind=st.sampled_from(["std", "S"]),
    trace=json_values,
    other=json_values,
)


def alike(outcome: Outcome) -> Any:
    """What of an outcome must be the same by every way; the order of keys and the spacing need not."""
    value = decode(outcome.raw) if outcome.kind is HEALED else outcome.raw
    return outcome.kind, outcome.adapter_id, outcome.reason, outcome.path, outcome.message, canonical(value)


def canonical(value: Any) -> str:
    """A value as text, with sorted keys and the types of its numbers."""
    if isinstance(value, bytes):
        return repr(value)
    return msgspec.json.encode(value, order="sorted").decode() + strict(sorted_types(value))


def sorted_types(value: Any) -> Any:
    """The types of all values, in the order of their keys."""
    if isinstance(value, dict):
        return [(key, sorted_types(value[key])) for key in sorted(value)]
    if isinstance(value, list):
        return [sorted_types(member) for member in value]
    return type(value).__name__


@given(st.lists(programs, min_size=1, max_size=2), st.lists(candidates, min_size=1, max_size=6))
@settings(max_examples=300)
def test_every_way_gives_the_same_outcome(made: list[Program], sent: list[dict[str, Any]]) -> None:
    """Whatever the adapters and events are, the fast ways answer what the general way answers, in any order."""
    gate = Gate(ORDER, [active(program, index + 1) for index, program in enumerate(made)])
    for event in [*sent, *sent[::-1]]:
        raw = encode(event)
        assert alike(gate.judge(raw)) == alike(general(gate, raw))


def sent_for(program: Program, data: st.DataObject) -> dict[str, Any]:
    """An event with a value at nearly every place where the program's lane expects one."""
    assert ORDER.fast is not None
    event: dict[str, Any] = {}
    for route in routes_of(ORDER.fast.shape, program).routes:
        if data.draw(st.integers(0, 19)):
            usual, unusual = FORMS.get(route.target[-1], (["e1"], ["e2"]))
            pool = unusual if bool(route.changes) is bool(data.draw(st.integers(0, 14))) else usual
            node = event
            for key in route.source[:-1]:
                node = node.setdefault(key, {})
            node[route.source[-1]] = data.draw(st.sampled_from(pool))
    return event


# Key -> values as the contract wants them, and forms of them that some step understands or none does.
FORMS: dict[str, tuple[list[Any], list[Any]]] = {
    "v": ([1, 2], [3, "1"]),
    "at": (["2024-03-05T08:12:00Z"], [1709626320, "x"]),
    "country": (["DE"], ["D"]),
    "age": ([3, 2**70], ["3", -1]),
    "amount": ([19.99, 5], [1999, "1999", 10**20]),
    "items": ([3], ["3", "x"]),
    "tags": ([["a"]], ["a", '["a"]', [["b"]]]),
    "kind": (["std"], ["S", 1]),
    "days": ([3], ["3"]),
}


@given(programs, st.data())
@settings(max_examples=300)
def test_the_lane_heals_as_the_general_way_does(program: Program, data: st.DataObject) -> None:
    """Events that are made for a lane are healed by it to what the general way makes of them, or left to it."""
    assert ORDER.fast is not None
    lane = lane_for(ORDER.fast.shape, program)
    if lane is None:
        return
    gate = Gate(ORDER, [active(program)])
    for _ in range(4):
        raw = encode(sent_for(program, data))
        healed, expected = lane.heal(raw, 200), general(gate, raw)
        if healed is not None:
            assert expected.kind is HEALED
            assert canonical(decode(healed)) == canonical(decode(expected.raw))
        assert alike(gate.judge(raw)) == alike(expected)


FITTING: list[tuple[Program, dict[str, Any]]] = [
    (
        Program(
            guard=(
                Condition(path="/event", test=Test.PRESENT),
                Condition(path="/order/items", test=Test.TYPE, types=("string",)),
            ),
            steps=(
                Rename(source="/event", target="/id"),
                Move(source="/country", target="/user/country"),
                Cast(path="/order/items", to=JsonType.INTEGER),
                Scale(path="/order/amount", denominator=100),
                Default(path="/v", value=1),
            ),
        ),
        {
            "event": "e1", "at": "2024-03-05T08:12:00Z", "country": "DE", "user": {"name": "Ann"},
            "order": {"amount": 1999, "items": "3", "ship": {"kind": "std"}},
        },
    ),
    (
        Program(
            guard=(Condition(path="/v", test=Test.ABSENT),),
            steps=(
                Move(source="/order/delivery/days", target="/order/ship/days"),
                Drop(path="/trace"),
                Default(path="/v", value=2),
                Swap(left="/user/name", right="/user/country"),
            ),
        ),
        {
            "id": "e1", "trace": [1], "user": {"name": "DE", "country": "Ann"},
            "order": {"amount": 1, "ship": {"kind": "exp"}, "delivery": {"days": 3}},
        },
    ),
    (
        Program(steps=(Rename(source="/o", target="/order"), Wrap(path="/order/tags", form=WrapForm.ONE_ELEMENT))),
        {"id": "e1", "o": {"amount": 1.5, "ship": {}, "tags": "a"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("program", "event"), FITTING, ids=["five steps", "constants and drops", "whole object"])
def test_events_of_the_expected_shape_take_the_lane(program: Program, event: dict[str, Any]) -> None:
    """The lane heals the usual event itself, as the general way does; anything unusual is left to the general way."""
    assert ORDER.fast is not None
    lane = lane_for(ORDER.fast.shape, program)
    assert lane is not None
    gate = Gate(ORDER, [active(program)])
    healed = lane.heal(encode(event), 200)
    assert healed is not None
    assert alike(gate.judge(encode(event))) == alike(general(gate, encode(event)))
    assert decode(healed) == decode(general(gate, encode(event)).raw)
    assert lane.heal(encode({**event, "unknown": 1}), 200) is None
    for key in event:
        lacking = fresh(event)
        del lacking[key]
        assert alike(gate.judge(encode(lacking))) == alike(general(gate, encode(lacking)))


@pytest.mark.parametrize(
    "program",
    [
        Program(steps=(Cast(path="/order/tags/*", to=JsonType.STRING),)),
        Program(steps=(Cast(path="/order/items", to=JsonType.INTEGER, when=(GUARDS[-1],)),)),
        Program(steps=(Rename(source="/nothing", target="/known"),)),
        Program(steps=(Move(source="/order/amount/value", target="/order/amount"),)),
        Program(guard=(GUARDS[-1],), steps=(Cast(path="/order/items", to=JsonType.INTEGER),)),
        Program(steps=(Rename(source='/a"b', target="/id"),)),
    ],
    ids=["array", "condition", "unknown", "inside", "range", "quote"],
)
def test_unusual_programs_have_no_lane(program: Program) -> None:
    """A program that the lane does not understand is run by the general way alone."""
    assert ORDER.fast is not None
    assert lane_for(ORDER.fast.shape, program) is None
    Gate(ORDER, [active(program)]).judge(b'{"id":"e"}')


def test_a_lane_of_an_older_adapter_yields_to_a_newer_guard() -> None:
    """An event of an older adapter's lane for which a newer guard holds too is healed by the newer one."""
    older = Program(steps=(Rename(source="/event", target="/id"),))
    newer = Program(
        guard=(Condition(path="/event", test=Test.PRESENT),),
        steps=(Rename(source="/event", target="/id"), Default(path="/v", value=2)),
    )
    gate = Gate(ORDER, [active(older, 1), active(newer, 2)])
    outcome = gate.judge(encode({"event": "e1", "order": {"amount": 1, "ship": {}}}))
    assert (outcome.adapter_id, decode(outcome.raw)["v"]) == ("adp_2", 2)
