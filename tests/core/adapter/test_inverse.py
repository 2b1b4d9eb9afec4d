"""What every kind of step promises: its inverse, its losses, the fields that it touches, and that it repeats itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cta_core.adapter.compile import compile_program, inverse_of
from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.step import StepBase
from cta_core.adapter.steps import (
    KINDS,
    AnyStep,
    Cast,
    Copy,
    DateTime,
    Default,
    Drop,
    EnumEntry,
    EnumMap,
    LetterCase,
    Letters,
    Merge,
    MergeRule,
    Move,
    NullForm,
    NumberFormat,
    Parse,
    Rename,
    Scale,
    ScaleRow,
    Serialise,
    Split,
    SplitSide,
    Swap,
    Unmapped,
    Unwrap,
    Wrap,
    WrapForm,
)
from cta_core.errors import EventRefused
from cta_core.event import encode
from cta_core.path import parse, pointer_to, remove
from helpers.healing import events, fresh, json_values, keys, pruned, scalars, strict

ONE, PAIRS = WrapForm

few = settings(max_examples=30)
"""These run for each of the steps below: 30 events each are more than a thousand in all."""

STEPS: list[AnyStep] = [
    Rename(source="/a", target="/b"),
    Rename(source="/a/b", target="/a/c"),
    Rename(source="/a/*/b", target="/a/*/c"),
    Move(source="/a", target="/b/a"),
    Move(source="/a/b", target="/b"),
    Move(source="/a", target="/a/b"),
    Move(source="/a/b", target="/a"),
    Move(source="/a/*/b", target="/b/*/c"),
    Move(source="/a/*/b", target="/c/*"),
    Copy(source="/a", target="/b"),
    Cast(path="/a", to=JsonType.STRING),
    Cast(path="/a", to=JsonType.INTEGER),
    NumberFormat(path="/a"),
    LetterCase(path="/a", to=Letters.UPPER),
    Scale(path="/a", denominator=100),
    Scale(path="/a", numerator=9, denominator=5, offset=32),
    Scale(path="/a", by="/b", table=(ScaleRow(label="a", numerator=3), ScaleRow(label="b", denominator=7))),
    DateTime(path="/a", source="epoch_ms", target="rfc3339", digits=3),
    DateTime(path="/a", source="epoch_ms", target="%d/%m/%Y %H:%M:%S.%f", target_zone="+05:30"),
    DateTime(path="/a", source="date", target="%d/%m/%Y"),
    DateTime(path="/a", source="rfc3339", target="epoch_ns"),
    EnumMap(path="/a", entries=(EnumEntry(source="a", target=1), EnumEntry(source="b", target=True))),
    EnumMap(path="/a", entries=(EnumEntry(source="a", target="b"), EnumEntry(source="b", target="b"))),
    EnumMap(
        path="/a",
        entries=(EnumEntry(source="a", target="b"), EnumEntry(source="b", target="a")),
        unmapped=Unmapped.KEEP,
    ),
    EnumMap(path="/a", entries=(EnumEntry(source="a", target=None),)),
    EnumMap(path="/a", entries=(EnumEntry(source="a", target="b"),), unmapped=Unmapped.KEEP),
    Default(path="/a", value="x"),
    Split(source="/a", separator="b", targets=("/b", "/c")),
    Split(source="/a", separator="b", targets=("/b", "")),
    Split(source="/a/*/b", separator="b", targets=("/a/*/c", "/a/*/d")),
    Merge(sources=("/a", "/b"), target="/c", rule=MergeRule.JOIN, separator="-"),
    Merge(sources=("/a", "/b"), target="/c", rule=MergeRule.FIRST),
    Wrap(path="/a", form=ONE),
    Wrap(path="/a", form=ONE, inner_key="b"),
    Wrap(path="/a", form=PAIRS),
    Unwrap(path="/a", form=ONE),
    Unwrap(path="/a", form=ONE, inner_key="b"),
    Unwrap(path="/a", form=PAIRS, name_key="a", value_key="b"),
    Parse(path="/a"),
    Serialise(path="/a"),
    NullForm(path="/a", forms=("", -1)),
    Swap(left="/a", right="/b"),
    Swap(left="/a/*/b", right="/a/*/c"),
    Drop(path="/a"),
]

# Values that the steps above are made for, among any others.
fitting = st.sampled_from(
    [
        "a", "b", "abc", "2024-03-05", "2024-03-05T08:12:00.5Z", 1709626320123, 1709626320, 12, 19.99, "12", "1.50",
        ["a"], [{"b": 1}], [{"a": "x", "b": 1}], {"b": "abc"}, [{"b": "abc"}, {"b": "xby"}], [{"b": "a", "c": 1}, {}],
        [{"a": "x", "b": 1}, {"b": None, "a": "y"}], '{"x":[1,2]}', {"k": 1, "l": [None]},
    ]
)  # fmt: skip
fields = st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", fitting | json_values))


def like(left: Any, right: Any) -> bool:
    """Whether two values are the same but for the order of keys, containers without members and the last binary
    digit.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(like(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(like, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or math.isclose(left, right, rel_tol=1e-15)
    return type(left) is type(right) and bool(left == right)


def test_every_kind_is_here() -> None:
    """The steps below cover every kind of the registry, under its own name."""
    assert {type(step) for step in STEPS} == set(KINDS.values())
    assert all(kind.__struct_config__.tag == name for name, kind in KINDS.items())


def holding(**inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Events with these fields, and others beside them."""
    return st.fixed_dictionaries(inner, optional={"y": json_values, "z": scalars})


def members(**inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Arrays of objects that may lack any of these fields."""
    return st.lists(st.fixed_dictionaries({}, optional={**inner, "z": scalars}), max_size=3)


numbers = st.integers(-(10**20), 10**20) | st.floats(-1e9, 1e9).map(lambda number: round(number, 3))
epochs = st.integers(-(10**12), 10**14) | st.none()
dates = st.dates().map(lambda day: day.isoformat())
texts = st.text(alphabet="ab-", max_size=5)
named = st.dictionaries(keys, json_values, max_size=3)

# Step -> the events that it is for: its sources are there and its targets are not.
INVERTIBLE: list[tuple[AnyStep, st.SearchStrategy[dict[str, Any]]]] = [
    (Rename(source="/a", target="/b"), holding(a=json_values)),
    (
        Rename(source="/a/b", target="/a/c"),
        holding(a=st.fixed_dictionaries({"b": json_values}, optional={"z": scalars})),
    ),
    (Rename(source="/a/*/b", target="/a/*/c"), holding(a=members(b=json_values))),
    (Move(source="/a", target="/b/a"), holding(a=json_values) | holding(a=json_values, b=st.just({"z": 1}))),
    (Move(source="/a/b", target="/b"), holding(a=st.fixed_dictionaries({"b": json_values}, optional={"z": scalars}))),
    (Move(source="/a", target="/a/b"), holding(a=json_values)),
    (Move(source="/a/b", target="/a"), holding(a=st.fixed_dictionaries({"b": json_values}))),
    (Move(source="/a/*/b", target="/b/*/c"), holding(a=members(b=json_values))),
    (Move(source="/a/*/b", target="/c/*"), holding(a=st.lists(st.fixed_dictionaries({"b": scalars}), max_size=3))),
    (Scale(path="/a", denominator=100), holding(a=numbers)),
    (Scale(path="/a", numerator=1.609344), holding(a=numbers)),
    (
        Scale(path="/a", by="/b", table=(ScaleRow(label="a", numerator=3), ScaleRow(label="b", denominator=7))),
        holding(a=numbers, b=st.sampled_from("ab")),
    ),
    (DateTime(path="/a", source="epoch_ms", target="rfc3339", digits=3), holding(a=epochs)),
    (DateTime(path="/a", source="epoch_us", target="%d/%m/%Y %H:%M:%S.%f", target_zone="+05:30"), holding(a=epochs)),
    (DateTime(path="/a", source="date", target="%a %-d %B %Y"), holding(a=dates)),
    (
        EnumMap(path="/a", entries=(EnumEntry(source="a", target=1), EnumEntry(source="b", target=True))),
        holding(a=st.sampled_from(["a", "b", None])),
    ),
    (
        EnumMap(
            path="/a",
            entries=(EnumEntry(source="a", target="b"), EnumEntry(source="b", target="a")),
            unmapped=Unmapped.KEEP,
        ),
        holding(a=st.sampled_from("ab") | json_values),
    ),
    (Split(source="/a", separator="-", targets=("/b", "/c")), holding(a=texts | st.none())),
    (Split(source="/a", separator="b", side=SplitSide.RIGHT, targets=("/a", "/c")), holding(a=texts)),
    (Split(source="/a/*/b", separator="-", targets=("/a/*/c", "/a/*/d")), holding(a=members(b=st.just("a-b")))),
    (Wrap(path="/a", form=ONE), holding(a=json_values)),
    (Wrap(path="/a", form=ONE, inner_key="b"), holding(a=json_values)),
    (Wrap(path="/a", form=PAIRS), holding(a=named)),
    (Unwrap(path="/a", form=ONE), holding(a=st.lists(json_values, min_size=1, max_size=1))),
    (Unwrap(path="/a", form=ONE, inner_key="b"), holding(a=json_values.map(lambda value: [{"b": value}]))),
    (
        Unwrap(path="/a", form=PAIRS, name_key="n", value_key="v"),
        holding(a=named.map(lambda pairs: [{"v": value, "n": name} for name, value in pairs.items()])),
    ),
    (Parse(path="/a"), holding(a=json_values.map(lambda value: f" {encode(value).decode()}"))),
    (Serialise(path="/a"), holding(a=json_values)),
    (Swap(left="/a", right="/b"), holding(a=json_values, b=json_values)),
    (Swap(left="/a/*/b", right="/a/*/c"), holding(a=members(b=json_values, c=json_values))),
]


def test_every_invertible_kind_is_proved() -> None:
    """Every kind that has an inverse for some parameters has a row above."""
    assert {type(step) for step, _ in INVERTIBLE} == {type(step) for step in STEPS if step.inverse() is not None}
    assert all(step.inverse() is not None for step, _ in INVERTIBLE)


@pytest.mark.parametrize(
    ("step", "made_for"), INVERTIBLE, ids=lambda row: row.words() if isinstance(row, StepBase) else "events"
)
@given(data=st.data())
@few
def test_the_inverse_brings_the_event_back(
    step: AnyStep, made_for: st.SearchStrategy[dict[str, Any]], data: st.DataObject
) -> None:
    """On the events that a step is for, its inverse brings back everything but what `loses` names."""
    event = data.draw(made_for)
    adapter = compile_program(Program(steps=(step,)))
    inverse = adapter.inverse()
    assert inverse is not None
    try:
        healed = adapter.apply(fresh(event))
    except EventRefused:
        return
    back = compile_program(inverse).apply(fresh(healed))
    if step.loses():
        # What was lost does not come back, but what is there heals to the same event.
        back, event = adapter.apply(fresh(back)), healed
    assert like(pruned(back), pruned(event))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.words())
@given(event=fields)
@few
def test_steps_are_deterministic_and_touch_what_they_name(step: AnyStep, event: dict[str, Any]) -> None:
    """Two runs give the same event or the same refusal, and outside of `writes` nothing changes."""
    adapter = compile_program(Program(steps=(step,)))
    results: list[str] = []
    for _ in range(2):
        copy = fresh(event)
        try:
            results.append(strict(adapter.apply(copy)))
        except EventRefused as refused:
            results.append(str(refused))
            continue
        for pointer in step.writes():
            for side in (copy, untouched := fresh(event)):
                remove(side, parse(pointer))
            assert untouched.keys() - copy.keys() <= {parse(pointer)[0] for pointer in step.writes()}
        kept = {key: value for key, value in event.items() if key not in {parse(p)[0] for p in step.writes()}}
        assert all(strict(copy[key]) == strict(value) for key, value in kept.items())
    assert results[0] == results[1]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.words())
@given(event=events)
@few
def test_a_step_without_its_fields_does_nothing(step: AnyStep, event: dict[str, Any]) -> None:
    """Where none of the fields that a step names exists, the event stays as it is; a default is set."""
    bare = {f"_{key}": value for key, value in event.items()}
    expected = {**bare, "a": "x"} if isinstance(step, Default) else bare
    assert compile_program(Program(steps=(step,))).apply(fresh(bare)) == expected


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4), fields)
def test_a_program_is_its_steps_one_after_the_other(steps: list[AnyStep], event: dict[str, Any]) -> None:
    """A program without conditions gives what its steps give one by one, and refuses where one of them refuses."""
    outcome: list[Any] = []
    for programs in ([Program(steps=tuple(steps))], [Program(steps=(step,)) for step in steps]):
        copy = fresh(event)
        try:
            for program in programs:
                compile_program(program).apply(copy)
            outcome.append(strict(copy))
        except EventRefused as refused:
            outcome.append(str(refused))
    assert outcome[0] == outcome[1]


def test_a_program_is_undone_backwards() -> None:
    """The inverse of a program undoes its steps in reverse order and has no guard."""
    program = Program(
        guard=(Condition(path="/amt", test=Test.PRESENT),),
        steps=(Rename(source="/amt", target="/amount"), Scale(path="/amount", denominator=100)),
    )
    inverse = inverse_of(program)
    assert inverse == Program(
        steps=(Scale(path="/amount", numerator=100, denominator=1.0), Rename(source="/amount", target="/amt"))
    )
    healed = compile_program(program).apply({"amt": 1999})
    assert compile_program(inverse).apply(healed) == {"amt": 1999}


def test_a_condition_on_a_changed_field_has_no_inverse() -> None:
    """Where the healed event no longer tells whether a step ran, there is no inverse; elsewhere the condition stays."""
    asked = (Condition(path="/v", test=Test.EQUALS, values=(2,)),)
    scale = Scale(path="/amount", denominator=100, when=asked)
    kept = inverse_of(Program(steps=(scale,)))
    assert kept is not None
    assert kept.steps[0].when == asked
    assert inverse_of(Program(steps=(scale, Rename(source="/v", target="/version")))) is None
    inside = Scale(path="/v/x", denominator=100, when=(Condition(path="/v", test=Test.PRESENT),))
    assert inverse_of(Program(steps=(inside,))) is None


@pytest.mark.parametrize(
    ("step", "lossless"),
    [
        (Rename(source="/a", target="/b"), True),
        (Drop(path="/a"), False),
        (Cast(path="/a", to=JsonType.STRING), False),
        (Scale(path="/a", decimals=2), False),
        (Scale(path="/a", denominator=100), True),
        (Split(source="/a", separator="-", targets=("/b", "")), False),
        (Split(source="/a", separator="-", targets=("/b", ""), keep_source=True), True),
        (EnumMap(path="/a", entries=(EnumEntry(source="a", target=1), EnumEntry(source="b", target=1))), False),
        (DateTime(path="/a", source="rfc3339", target="epoch_s"), False),
        (DateTime(path="/a", source="epoch_s", target="rfc3339"), True),
        (NullForm(path="/a", forms=("",)), False),
        (Merge(sources=("/a", "/b"), target="/c", rule=MergeRule.FIRST, keep_sources=True), True),
    ],
)
def test_says_what_it_loses(step: AnyStep, lossless: bool) -> None:
    """A step names what cannot be brought back, and nothing when it loses nothing."""
    assert (step.loses() == "") is lossless


@given(keys)
def test_keys_of_any_kind_are_found(key: str) -> None:
    """A pointer reaches a key whatever letters it has."""
    event = {key: "1", "other_key": 0}
    assert compile_program(Program(steps=(Cast(path=pointer_to([key]), to=JsonType.INTEGER),))).apply(event)[key] == 1
