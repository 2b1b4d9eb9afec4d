"""Programs run on events: what is changed, what is shared, what is held."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import AnyStep, Cast, Drop, Move, Rename
from cta_core.contract import compile_contract
from cta_core.diagnosis.verify import try_out
from driftgen.cases import make_case

EVENT: dict[str, Any] = {"id": 1, "amt": 3, "user": {"name": "a", "tags": ["x", {"k": 1}]}, "list": [{"v": "1"}]}
CONTRACT = compile_contract({"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["id"]})


@pytest.mark.parametrize(
    "step",
    [
        Rename(source="/amt", target="/amount"),
        Move(source="/user/name", target="/owner/name"),
        Move(source="/amt", target="/user/amt"),
        Drop(path="/user/tags/1/k"),
        Drop(path="/user/tags/*/k"),
        Cast(path="/list/*/v", to=JsonType.INTEGER),
    ],
    ids=lambda step: step.words(),
)
def test_events_are_left_as_they_were(step: AnyStep) -> None:
    """A program changes its copy and never the event, however deep it reaches; running it again does the same."""
    event = copy.deepcopy(EVENT)
    first, second = (try_out(Program(steps=(step,)), [event], CONTRACT) for _ in range(2))
    assert event == EVENT
    assert first == second
    assert first.touched == (True,)
    assert first.healed[0] != EVENT


def test_a_number_of_another_type_is_a_change() -> None:
    """3 and 3.0 are equal to Python and not to JSON: a cast between them has touched the event."""
    trial = try_out(Program(steps=(Cast(path="/amt", to=JsonType.INTEGER),)), [{"id": 1, "amt": 3.0}], CONTRACT)
    assert trial.touched == (True,)
    assert type(trial.healed[0]["amt"]) is int


def test_events_that_no_step_changes_are_not_touched() -> None:
    """Where the field is not there, the event is handed back and counts as untouched."""
    event = {"id": 1}
    trial = try_out(Program(steps=(Rename(source="/amt", target="/amount"),)), [event, {}], CONTRACT)
    assert trial.healed[0] == event
    assert trial.touched == (False, False)
    assert trial.reasons[0] == ""
    assert "id" in trial.reasons[1]


@pytest.mark.parametrize("seed", range(200, 212))
def test_the_fast_accept_changes_no_verdict(seed: int) -> None:
    """Over generated cases exactly those events are held after a program that break the contract."""
    case = make_case(seed, "heal")
    if case.contract is None:
        return
    rules = compile_contract(case.contract)
    program = Program(steps=(Drop(path=f"/{next(reversed(case.drifted[0]))}"),))
    trial = try_out(program, case.drifted, rules)
    bare = try_out(program, case.drifted, None).healed
    assert [event is None for event in trial.healed] == [not rules.holds(event) for event in bare]
