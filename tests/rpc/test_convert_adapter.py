"""Programs between messages and the core: nothing is lost on the way, and everything wrong is said at once."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cta.v1 import adapter_pb2 as api
from cta_core.adapter.guard import Condition
from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.adapter.scalar import Scalar
from cta_core.adapter.steps import KINDS, Rename
from cta_core.errors import InvalidInput
from cta_server.rpc.convert.adapter import adapter, checked_program, program, program_of
from cta_server.rpc.convert.problems import Problems

FINITE = st.floats(allow_nan=False, allow_infinity=False)
# A Value cannot tell 1 from 1.0 and holds integers as doubles: whole doubles and integers beyond 2**53 are left out.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=6),
    st.integers(-(2**53), 2**53),
    FINITE.filter(lambda number: not number.is_integer()),
)


def values(hint: Any, default: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, without the zero where the message's zero stands for the default."""
    if frozenset(get_args(hint)) == frozenset(get_args(Scalar)):
        return SCALARS
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0], None), max_size=3).map(tuple)
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = set(get_args(hint)) - {type(None)}
        return st.none() | values(inner, None)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    if issubclass(hint, msgspec.Struct):
        return structs(hint)
    if hint is str:
        return st.text(min_size=1 if default else 0, max_size=8)
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(0, 2**31 - 1)
    return FINITE.filter(bool) if default else FINITE


def structs(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Structs of a class with any values that its types allow."""
    hints = get_type_hints(cls)
    fields = {field.name: field for field in msgspec.structs.fields(cls)}
    return st.builds(
        cls,
        **{
            name: values(hints[name], None if field.default is msgspec.NODEFAULT else field.default)
            for name, field in fields.items()
        },
    )


def strict(core: Program) -> bytes:
    """The program as text in which 1, 1.0 and true differ."""
    return msgspec.json.encode(core)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_every_kind_of_step_survives_the_way_to_a_message_and_back(kind: str, data: st.DataObject) -> None:
    """A step of any kind with any parameters is the same after message and bytes."""
    core = Program(steps=(data.draw(structs(KINDS[kind])),))
    wire = program(core).SerializeToString()
    problems = Problems()
    back = program_of(api.Program.FromString(wire), "program", problems)
    problems.check()
    assert strict(back) == strict(core)


@given(conditions=st.lists(structs(Condition), max_size=4))
def test_guards_survive_the_way_to_a_message_and_back(conditions: list[Condition]) -> None:
    """Conditions of every kind are the same after message and bytes."""
    core = Program(guard=tuple(conditions))
    problems = Problems()
    back = program_of(api.Program.FromString(program(core).SerializeToString()), "program", problems)
    problems.check()
    assert strict(back) == strict(core)


def test_a_message_has_a_kind_for_every_step_of_the_core() -> None:
    """The oneof of the contract and the registry of the core name the same kinds."""
    oneof = api.Step.DESCRIPTOR.oneofs_by_name["kind"]
    assert {field.name for field in oneof.fields} == set(KINDS)


def test_zeros_of_a_message_mean_the_defaults_of_the_core() -> None:
    """What a caller leaves out counts as the comments of the contract say."""
    message = api.Program(
        steps=[
            api.Step(scale=api.ScaleStep(path="/a")),
            api.Step(number_format=api.NumberFormatStep(path="/a")),
            api.Step(datetime=api.DatetimeStep(path="/a", source="date", target="rfc3339")),
            api.Step(wrap=api.WrapStep(path="/a", form=api.WRAP_FORM_PAIRS)),
        ]
    )
    problems = Problems()
    scale, number, datetime, wrap = program_of(message, "program", problems).steps
    problems.check()
    assert (scale.numerator, scale.denominator, scale.decimals, scale.to) == (1.0, 1.0, None, None)
    assert (number.decimal, number.to.value) == (".", "NUMBER")
    assert (datetime.target_zone, datetime.zulu) == ("UTC", True)
    assert (wrap.name_key, wrap.value_key) == ("name", "value")


def test_everything_wrong_with_a_program_is_said_at_once() -> None:
    """Unset kinds, unspecified and unknown enums and objects for scalars all appear, each with its path."""
    message = api.Program(
        guard=[api.Condition(path="/a")],
        steps=[
            api.Step(),
            api.Step(cast=api.CastStep(path="/a")),
            api.Step(letter_case=api.LetterCaseStep(path="/a", to=77)),  # type: ignore[arg-type]
            api.Step(default=api.DefaultStep(path="/a")),
        ],
    )
    message.steps[3].default.value.struct_value.update({"a": 1})
    problems = Problems()
    program_of(message, "program", problems)
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert [violation.field for violation in raised.value.violations] == [
        "program.guard[0].test",
        "program.steps[0]",
        "program.steps[1].cast.to",
        "program.steps[2].letter_case.to",
        "program.steps[3].default.value",
    ]


def test_what_the_core_finds_wrong_is_told_by_the_names_of_the_message() -> None:
    """A pointer that does not parse is named with the kind of its step."""
    message = api.Program(steps=[api.Step(rename=api.RenameStep(source="amt", target="/amount"))])
    problems = Problems()
    checked_program(message, "program", problems)
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert "program.steps[0].rename.source" in {violation.field for violation in raised.value.violations}


def test_an_adapter_tells_in_words_what_it_does() -> None:
    """The message has a sentence for every step, and says when nothing is lost."""
    core = AdapterRevision(
        adapter_id="adp_1", stream_id="payments", program=Program(steps=(Rename(source="/amt", target="/amount"),))
    )
    message = adapter(core, healed_count=3)
    assert list(message.words) == ["rename /amt to /amount"]
    assert message.loss == ""
    assert message.healed_count == 3
    assert not message.HasField("create_time")
