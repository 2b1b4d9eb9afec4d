"""Adapters: programs, steps and conditions both ways, adapters and trials out.

Whether the steps fit together is for the core to say (`check_program`); here only the form is read.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from cta.v1 import adapter_pb2 as api
from cta_core.adapter.compile import check_program, words_of
from cta_core.adapter.guard import Condition
from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.adapter.steps import KINDS, AnyStep, DateTime
from cta_core.errors import InvalidProgram, Violation
from cta_core.machine import AdapterState
from cta_server.rpc.convert.mirror import Mirror, Reader, Writer, message_class
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.convert.words import Words

STATES: Final = Words(api.AdapterState, AdapterState)

_CONDITION: Final = Mirror(Condition, api.Condition)


def _conditions(conditions: tuple[Condition, ...]) -> list[api.Condition]:
    return [_CONDITION.message(condition) for condition in conditions]


def _conditions_of(items: Any, field: str, problems: Problems) -> tuple[Condition, ...]:
    found = [_CONDITION.struct(item, f"{field}[{index}]", problems) for index, item in enumerate(items)]
    return tuple(condition for condition in found if condition is not None)


# A boolean that is true by default is turned round in the message, where false is the zero.
_ZULU: Final[tuple[Writer, Reader]] = (
    lambda zulu: not zulu,
    lambda message, _field, _problems: not message.numeric_zone,
)


def _mirror(kind: str, core: type[AnyStep]) -> Mirror[Any]:
    """The mirror of one kind of step. `when` stands beside the oneof of the kinds, not in their own messages."""
    message = message_class(api.Step.DESCRIPTOR.fields_by_name[kind])
    if core is DateTime:
        return Mirror(core, message, renamed={"zulu": "numeric_zone"}, own={"zulu": _ZULU}, without=("when",))
    return Mirror(core, message, without=("when",))


_STEP_FIELD: Final = re.compile(r"steps\[(?P<index>\d+)\]\.(?P<field>.+)")
_STEPS: Final = {kind: _mirror(kind, core) for kind, core in KINDS.items()}
_KIND_OF: Final = {core: kind for kind, core in KINDS.items()}


def step(core: AnyStep) -> api.Step:
    """A step as a message."""
    kind = _KIND_OF[type(core)]
    return api.Step(when=_conditions(core.when), **{kind: _STEPS[kind].message(core)})


def step_of(message: api.Step, field: str, problems: Problems) -> AnyStep | None:
    """A step of a message; None, with the problems noted, where it is none."""
    when = _conditions_of(message.when, f"{field}.when", problems)
    kind = message.WhichOneof("kind")
    if kind is None:
        problems.add(field, f"set one kind of step: {', '.join(KINDS)}")
        return None
    read: AnyStep | None = _STEPS[kind].struct(getattr(message, kind), f"{field}.{kind}", problems, when=when)
    return read


def program(core: Program) -> api.Program:
    """A program as a message."""
    return api.Program(guard=_conditions(core.guard), steps=[step(item) for item in core.steps])


def program_of(message: api.Program, field: str, problems: Problems) -> Program:
    """A program of a message; what is wrong with it is noted."""
    guard = _conditions_of(message.guard, f"{field}.guard", problems)
    steps = [step_of(item, f"{field}.steps[{index}]", problems) for index, item in enumerate(message.steps)]
    return Program(guard=guard, steps=tuple(item for item in steps if item is not None))


def checked_program(message: api.Program, field: str, problems: Problems) -> Program:
    """A program of a message; what the core finds wrong with it is noted under the names that the message has."""
    before = problems.count
    read = program_of(message, field, problems)
    if problems.count == before:
        try:
            check_program(read)
        except InvalidProgram as error:
            problems.extend(field, [_named(violation, read) for violation in error.violations])
    return read


def _named(violation: Violation, core: Program) -> Violation:
    """The violation with the kind of its step in the path, as in the message: `steps[2].rename.source`."""
    found = _STEP_FIELD.match(violation.field)
    if found is None or found["field"].startswith("when"):
        return violation
    kind = _KIND_OF[type(core.steps[int(found["index"])])]
    name = "numeric_zone" if found["field"] == "zulu" else found["field"]
    return Violation(f"steps[{found['index']}].{kind}.{name}", violation.remedy)


def adapter(core: AdapterRevision, *, healed_count: int = 0) -> api.Adapter:
    """An adapter as a message."""
    return api.Adapter(
        adapter_id=core.adapter_id,
        revision=core.revision,
        create_time=timestamp(core.create_time),
        update_time=timestamp(core.update_time),
        state=STATES.numbers[core.state],
        stream_id=core.stream_id,
        program=program(core.program),
        words=[words_of(item) for item in core.program.steps],
        incident_id=core.incident_id,
        author=core.author,
        comment=core.comment,
        loss="; ".join(dict.fromkeys(loss for item in core.program.steps if (loss := item.loses()))),
        healed_count=healed_count,
        program_json=msgspec.json.encode(core.program).decode(),
    )
