"""The gate: healthy, healed or quarantined, the same by every way."""

from __future__ import annotations

import pytest

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import (
    Cast,
    Default,
    Rename,
    Scale,
)
from cta_core.contract import compile_contract
from cta_core.errors import InvalidProgram
from cta_core.event import EventLimits, decode
from cta_core.gate import PATIENCE, STREAK, Gate, Outcome, OutcomeKind
from cta_core.quarantine import HeldReason
from helpers.gates import active

HEALTHY, HEALED, QUARANTINED = OutcomeKind

CONTRACT = compile_contract(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "amount": {"type": "number", "minimum": 0},
            "note": {"type": ["string", "null"]},
        },
        "required": ["id", "amount"],
    }
)
RENAMED = Program(
    guard=(Condition(path="/amt", test=Test.PRESENT), Condition(path="/amount", test=Test.ABSENT)),
    steps=(Rename(source="/amt", target="/amount"), Scale(path="/amount", denominator=100)),
)


def test_a_healthy_event_is_handed_back_as_it_came() -> None:
    """A healthy event keeps its bytes: spacing, key order and fields that the contract does not name."""
    raw = b'{ "note":null, "amount": 1.50, "x":[1], "id":"a" }'
    outcome = Gate(CONTRACT, [active(RENAMED)]).judge(raw)
    assert outcome == Outcome(kind=HEALTHY, raw=raw)
    assert outcome.raw is raw


def test_a_drifted_event_is_healed() -> None:
    """An event for which a guard holds is handed back changed, with the adapter's name and revision."""
    outcome = Gate(CONTRACT, [active(RENAMED, 7)]).judge(b'{"id":"a","amt":1999}')
    assert (outcome.kind, outcome.adapter_id, outcome.revision) == (HEALED, "adp_7", 7)
    assert decode(outcome.raw) == {"id": "a", "amount": 19.99}


def test_unknown_fields_survive_healing() -> None:
    """What neither contract nor adapter names is still in the healed event."""
    raw = b'{"id":"a","amt":1999,"extra":{"deep":[1,{"x":null}]},"big":123456789012345678901234567890}'
    healed = decode(Gate(CONTRACT, [active(RENAMED)]).judge(raw).raw)
    assert healed["extra"] == {"deep": [1, {"x": None}]}
    assert healed["big"] == 123456789012345678901234567890


@pytest.mark.parametrize(
    ("raw", "reason", "path", "adapter_id"),
    [
        (b"{", HeldReason.MALFORMED, "", ""),
        (b'{"id":"\xff"}', HeldReason.MALFORMED, "", ""),
        (b"[]", HeldReason.NOT_AN_OBJECT, "", ""),
        (b'{"id":"' + b"x" * 500 + b'"}', HeldReason.TOO_LARGE, "", ""),
        (b'{"id":[[[[[1]]]]]}', HeldReason.TOO_DEEP, "", ""),
        (b'{"id":"a"}', HeldReason.CONTRACT, "/amount", ""),
        (b'{"id":"a","amount":-1}', HeldReason.CONTRACT, "/amount", ""),
        (b'{"id":5,"amt":100}', HeldReason.CONTRACT, "/id", "adp_1"),
        (b'{"id":"a","amt":-100}', HeldReason.CONTRACT, "/amount", "adp_1"),
        (b'{"id":"a","amt":"n/a"}', HeldReason.ADAPTER_REFUSED, "/amount", "adp_1"),
    ],
)
def test_what_may_not_pass_is_held_with_its_reason(raw: bytes, reason: HeldReason, path: str, adapter_id: str) -> None:
    """A held event keeps its bytes and says why, where, and which adapter could not heal it, without its values."""
    gate = Gate(CONTRACT, [active(RENAMED)], EventLimits(max_bytes=400, max_depth=4))
    outcome = gate.judge(raw)
    assert (outcome.kind, outcome.reason, outcome.path, outcome.adapter_id) == (QUARANTINED, reason, path, adapter_id)
    assert outcome.raw is raw
    assert outcome.message
    assert "n/a" not in outcome.message
    assert bool(outcome.breaches) is (reason is HeldReason.CONTRACT)


def test_the_newest_adapter_is_asked_first() -> None:
    """Of two adapters whose guards hold, the one with the greater revision heals, in whatever order they are given."""
    older = Program(steps=(Default(path="/note", value="older"),))
    newer = Program(steps=(Default(path="/note", value="newer"),))
    for adapters in ([active(older, 1), active(newer, 2)], [active(newer, 2), active(older, 1)]):
        outcome = Gate(CONTRACT, adapters).judge(b'{"id":"a","amount":1}')
        assert decode(outcome.raw)["note"] == "newer"


def test_there_is_no_second_try() -> None:
    """An event that its adapter cannot heal is held, also when an older adapter could."""
    strict_program = Program(guard=RENAMED.guard, steps=(Cast(path="/amt", to=JsonType.BOOLEAN), *RENAMED.steps))
    gate = Gate(CONTRACT, [active(RENAMED, 1), active(strict_program, 2)])
    outcome = gate.judge(b'{"id":"a","amt":1999}')
    assert (outcome.kind, outcome.adapter_id) == (QUARANTINED, "adp_2")


def test_silent_drift_is_healed_although_the_contract_holds() -> None:
    """A guard that valid events can satisfy is asked before the contract."""
    cents = Program(
        guard=(Condition(path="/v", test=Test.EQUALS, values=(2,)),), steps=(Scale(path="/amount", denominator=100),)
    )
    gate = Gate(CONTRACT, [active(cents)])
    assert decode(gate.judge(b'{"id":"a","amount":1999,"v":2}').raw)["amount"] == 19.99
    raw = b'{"id":"a","amount":1999,"v":1}'
    assert gate.judge(raw) == Outcome(kind=HEALTHY, raw=raw)


def test_old_events_of_a_mixed_stream_pass_unchanged() -> None:
    """Old and new events side by side: each has its own outcome, whatever came before it."""
    gate = Gate(CONTRACT, [active(RENAMED)])
    old, new = b'{"id":"a","amount":19.99}', b'{"id":"a","amt":1999}'
    kinds = [outcome.kind for outcome in gate.judge_many([old, new, new, old, b"{", old, new])]
    assert kinds == [HEALTHY, HEALED, HEALED, HEALTHY, QUARANTINED, HEALTHY, HEALED]


def test_without_a_contract_every_event_is_healthy_or_healed() -> None:
    """Without a contract only adapters and limits decide."""
    gate = Gate(None, [active(RENAMED)])
    assert gate.judge(b'{"anything":1}').kind is HEALTHY
    assert decode(gate.judge(b'{"amt":1999}').raw) == {"amount": 19.99}
    assert gate.judge(b"[").kind is QUARANTINED


def test_a_program_that_cannot_work_makes_no_gate() -> None:
    """An invalid program is refused when the gate is made and not when events come."""
    with pytest.raises(InvalidProgram):
        Gate(CONTRACT, [active(Program(steps=(Rename(source="amt", target="/amount"),)))])


def test_a_heal_that_cannot_be_written_is_held() -> None:
    """A number that grows beyond what can be written makes no heal and no error."""
    program = Program(guard=RENAMED.guard, steps=(RENAMED.steps[0], Scale(path="/amount", numerator=1000)))
    for contract in (CONTRACT, compile_contract({"properties": {"id": {}, "amount": {}}, "required": ["amount"]})):
        outcome = Gate(contract, [active(program)]).judge(b'{"id":"a","amt":' + b"9" * 4299 + b"}")
        assert (outcome.kind, outcome.reason) == (QUARANTINED, HeldReason.ADAPTER_REFUSED)


def test_a_refused_event_leaves_no_trace() -> None:
    """After a refusal half way through a program the next event is healed as ever."""
    gate = Gate(CONTRACT, [active(RENAMED)])
    before = gate.judge(b'{"id":"a","amt":1999}')
    assert gate.judge(b'{"id":"a","amt":"x"}').kind is QUARANTINED
    assert gate.judge(b'{"id":"a","amt":1999}') == before


def test_events_that_no_lane_takes_are_healed_all_the_time() -> None:
    """Whether the fast ways are tried or left out for a while, an event has the same outcome."""
    gate = Gate(CONTRACT, [active(RENAMED)])
    odd, usual, old = b'{"id":"a","amt":1999,"more":1}', b'{"id":"a","amt":1999}', b'{"id":"a","amount":19.99}'
    outcomes = gate.judge_many([odd] * (2 * PATIENCE + STREAK))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert decode(gate.judge(usual).raw) == {"id": "a", "amount": 19.99}
    assert gate.judge(old) == Outcome(kind=HEALTHY, raw=old)
    assert gate.judge(odd) == outcomes[0]


def test_a_number_that_nobody_asks_for_may_be_of_any_size() -> None:
    """A number beyond a double, where the contract names no field, makes no difference, whichever way is asked."""
    gate = Gate(CONTRACT, [active(RENAMED)])
    raw = b'{"id":"a","amount":1,"x":1e999}'
    gate.judge_many([b'{"id":"a","amt":1999,"more":1}'] * STREAK)
    assert gate.judge(raw) == gate._judge(raw) == Outcome(kind=HEALTHY, raw=raw)
    assert gate.judge(b'{"id":"a","amount":1e999}').kind is QUARANTINED
    assert Gate(CONTRACT).judge(raw).kind is HEALTHY


def test_the_order_of_the_ways_follows_the_stream() -> None:
    """A stream that drifts as a whole, and back, is judged the same by whatever way is asked first."""
    gate = Gate(CONTRACT, [active(RENAMED)])
    old, new = b'{"id":"a","amount":19.99}', b'{"id":"a","amt":1999}'
    first = gate._ways[0]
    assert {outcome.kind for outcome in gate.judge_many([new] * STREAK)} == {HEALED}
    assert gate._ways[0] is not first
    assert {outcome.kind for outcome in gate.judge_many([old] * (STREAK + 1))} == {HEALTHY}
    assert gate._ways[0] is first
