"""Running a step or a program on one event, and JSON values for property tests."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from cta_core.adapter.compile import check_program, compile_program
from cta_core.adapter.program import Program
from cta_core.adapter.steps import AnyStep
from cta_core.errors import EventRefused, InvalidProgram


def fresh(value: Any) -> Any:
    """A copy as a fresh decode would give it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def after(step: AnyStep, event: dict[str, Any]) -> dict[str, Any]:
    """The event after the step, which must be valid; the event itself is left alone."""
    return compile_program(Program(steps=(step,))).apply(fresh(event))


def refusal(step: AnyStep, event: dict[str, Any]) -> EventRefused:
    """The refusal of the event by the step."""
    try:
        result = after(step, event)
    except EventRefused as refused:
        return refused
    raise AssertionError(f"not refused: {result}")


def faults(step: AnyStep) -> list[str]:
    """The fields that are wrong with the step."""
    try:
        check_program(Program(steps=(step,)))
    except InvalidProgram as invalid:
        return [violation.field.removeprefix("steps[0].") for violation in invalid.violations]
    return []


def strict(value: Any) -> str:
    """A text that differs wherever a consumer could see a difference, 1 and 1.0 and true included; keys in their
    order.
    """
    return repr(value)


def pruned(value: Any) -> Any:
    """The value without objects and arrays that have no members, at any depth; key order does not matter."""
    if isinstance(value, dict):
        inner = {key: pruned(member) for key, member in value.items()}
        return {key: member for key, member in sorted(inner.items()) if member not in ({}, [])}
    if isinstance(value, list):
        members = [pruned(member) for member in value]
        return [] if all(member in ({}, []) for member in members) else members
    return value


keys = st.text(alphabet="abc*~/.0", min_size=0, max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)
events = st.dictionaries(keys, json_values, max_size=4)
