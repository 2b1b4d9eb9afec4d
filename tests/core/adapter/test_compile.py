"""Programs: checked as a whole, their conditions on the original event, their words and losses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.compile import MAX_STEPS, check_program, compile_program, words_of
from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, Default, Drop, Move, Rename, Scale, Swap
from cta_core.errors import EventRefused, InvalidProgram

VERSION_2 = (Condition(path="/v", test=Test.EQUALS, values=(2,)),)
VERSION_1 = (Condition(path="/v", test=Test.EQUALS, values=(1,)),)


def test_all_violations_are_named_at_once() -> None:
    """A program is refused with everything that is wrong with it, each under its full name."""
    program = Program(
        guard=(Condition(path="x", test=Test.PRESENT),),
        steps=(
            Rename(source="/a", target="/b"),
            Cast(path="v", to=JsonType.INTEGER, width=-1),
            Drop(path="/a", when=(Condition(path="/v", test=Test.EQUALS),)),
        ),
    )
    with pytest.raises(InvalidProgram) as caught:
        compile_program(program)
    assert [violation.field for violation in caught.value.violations] == [
        "guard[0].path",
        "steps[1].path",
        "steps[1].width",
        "steps[2].when[0].values",
    ]


def test_a_program_needs_a_step_and_has_not_too_many() -> None:
    """A program without steps would heal nothing, and one of thousands is a mistake."""
    for steps in ((), (Drop(path="/a"),) * (MAX_STEPS + 1)):
        with pytest.raises(InvalidProgram) as caught:
            check_program(Program(steps=steps))
        assert [violation.field for violation in caught.value.violations] == ["steps"]
    too_many = (Condition(path="/a", test=Test.PRESENT),) * 201
    with pytest.raises(InvalidProgram):
        check_program(Program(guard=too_many, steps=(Drop(path="/a"),)))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"v": 2, "amount": 1999}, {"v": 2, "amount": 19.99}),
        ({"v": 1, "amount": 19.99}, {"v": 1, "amount": 19.99}),
        ({"amount": 5}, {"amount": 5}),
    ],
)
def test_a_step_runs_under_its_condition(event: dict[str, Any], expected: dict[str, Any]) -> None:
    """A step with a condition leaves the other events alone."""
    program = Program(steps=(Scale(path="/amount", denominator=100, when=VERSION_2),))
    assert compile_program(program).apply(event) == expected


def test_conditions_ask_the_event_as_it_arrived() -> None:
    """Every condition is decided before the first step runs, whatever the steps change."""
    program = Program(
        steps=(
            Rename(source="/v", target="/version"),
            Scale(path="/amount", denominator=100, when=VERSION_2),
            Default(path="/v", value=1),
            Drop(path="/note", when=VERSION_1),
        )
    )
    healed = compile_program(program).apply({"v": 2, "amount": 1999, "note": "x"})
    assert healed == {"version": 2, "amount": 19.99, "note": "x", "v": 1}


def test_steps_run_in_their_order() -> None:
    """A later step works on what the earlier ones left."""
    program = Program(
        steps=(
            Move(source="/payload/amt", target="/amount"),
            Cast(path="/amount", to=JsonType.INTEGER),
            Scale(path="/amount", denominator=100),
        )
    )
    assert compile_program(program).apply({"payload": {"amt": "1999"}}) == {"amount": 19.99}


def test_the_guard_is_asked_by_the_caller() -> None:
    """`matches` tells whether an adapter is for an event; `apply` trusts its caller."""
    guard = (Condition(path="/amt", test=Test.PRESENT), Condition(path="/amount", test=Test.ABSENT))
    adapter = compile_program(Program(guard=guard, steps=(Rename(source="/amt", target="/amount"),)))
    assert adapter.matches({"amt": 1})
    assert not adapter.matches({"amt": 1, "amount": 1})
    assert not adapter.matches({})
    assert adapter.apply({"amount": 1}) == {"amount": 1}


def test_the_event_is_healed_in_place() -> None:
    """No copy is made: what is handed back is the event itself."""
    event = {"amt": 1}
    assert compile_program(Program(steps=(Rename(source="/amt", target="/amount"),))).apply(event) is event


def test_a_refusal_of_a_later_step_refuses_the_event() -> None:
    """There is no partial heal: when one step refuses, the caller gets the refusal."""
    program = Program(steps=(Rename(source="/amt", target="/amount"), Cast(path="/amount", to=JsonType.INTEGER)))
    with pytest.raises(EventRefused) as caught:
        compile_program(program).apply({"amt": "n/a"})
    assert caught.value.path == "/amount"


def test_words_and_losses() -> None:
    """A program reads as sentences, with conditions, and names each loss once."""
    adapter = compile_program(
        Program(
            steps=(
                Rename(source="/amt", target="/amount"),
                Cast(path="/amount", to=JsonType.INTEGER),
                Cast(path="/amount", to=JsonType.INTEGER),
                Scale(path="/amount", denominator=100, when=VERSION_2),
            )
        )
    )
    assert adapter.words() == (
        "rename /amt to /amount",
        "cast /amount to integer",
        "cast /amount to integer",
        "scale /amount divided by 100, when /v is 2",
    )
    assert adapter.loses() == ("the JSON type that /amount had",)
    assert words_of(Swap(left="/a", right="/b", when=VERSION_1)) == "exchange /a and /b, when /v is 1"


@given(st.permutations([{"v": 2, "amount": 1999}, {"v": 1, "amount": 5}, {"amount": "x"}, {"v": 2, "amount": "x"}]))
def test_events_do_not_influence_each_other(batch: list[dict[str, Any]]) -> None:
    """A compiled adapter keeps nothing of an event, also not of a refused one."""
    adapter = compile_program(Program(steps=(Scale(path="/amount", denominator=100, when=VERSION_2),)))

    def outcome(event: dict[str, Any]) -> Any:
        try:
            return adapter.apply(msgspec.json.decode(msgspec.json.encode(event)))
        except EventRefused as refused:
            return str(refused)

    together = [outcome(event) for event in batch]
    assert together == [outcome(event) for event in batch]
