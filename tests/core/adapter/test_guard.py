"""Guards: what each condition means, and how conditions go together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.guard import Condition, Test, compile_guard, describe, problems
from cta_core.path import MISSING, get, parse
from helpers.healing import events, fresh, strict

EVENT: dict[str, Any] = {
    "amt": 12,
    "ratio": 1.0,
    "flag": True,
    "none": None,
    "code": "AB-12",
    "user": {"name": "Ann", "tags": []},
    "items": [{"qty": 1, "unit": "kg"}, {"qty": 2}],
    "empty": [],
}


def condition(path: str, test: Test, **asked: Any) -> Condition:
    """A condition in one line."""
    return Condition(path=path, test=test, **asked)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        (condition("/amt", Test.PRESENT), True),
        (condition("/none", Test.PRESENT), True),
        (condition("/amount", Test.PRESENT), False),
        (condition("/user/name", Test.PRESENT), True),
        (condition("/user/name/x", Test.PRESENT), False),
        (condition("/amount", Test.ABSENT), True),
        (condition("/user/age", Test.ABSENT), True),
        (condition("/none", Test.ABSENT), False),
        (condition("/amt", Test.TYPE, types=("integer",)), True),
        (condition("/amt", Test.TYPE, types=("number",)), True),
        (condition("/ratio", Test.TYPE, types=("integer",)), False),
        (condition("/ratio", Test.TYPE, types=("number",)), True),
        (condition("/flag", Test.TYPE, types=("integer", "number")), False),
        (condition("/flag", Test.TYPE, types=("boolean",)), True),
        (condition("/none", Test.TYPE, types=("null", "string")), True),
        (condition("/user", Test.TYPE, types=("object",)), True),
        (condition("/items", Test.TYPE, types=("array",)), True),
        (condition("/gone", Test.TYPE, types=("null",)), False),
        (condition("/amt", Test.EQUALS, values=(12,)), True),
        (condition("/amt", Test.EQUALS, values=(12.0,)), False),
        (condition("/amt", Test.EQUALS, values=("12", 13)), False),
        (condition("/flag", Test.EQUALS, values=(1,)), False),
        (condition("/flag", Test.EQUALS, values=(1, True)), True),
        (condition("/none", Test.EQUALS, values=(None,)), True),
        (condition("/gone", Test.EQUALS, values=(None,)), False),
        (condition("/user", Test.EQUALS, values=("Ann", "Bob")), False),
        (condition("/amt", Test.BETWEEN, minimum=12, maximum=12), True),
        (condition("/amt", Test.BETWEEN, minimum=12.5), False),
        (condition("/amt", Test.BETWEEN, maximum=11), False),
        (condition("/flag", Test.BETWEEN, minimum=0), False),
        (condition("/code", Test.BETWEEN, minimum=0), False),
        (condition("/code", Test.MATCHES, pattern="[A-Z]{2}-\\d+"), True),
        (condition("/code", Test.MATCHES, pattern="[A-Z]{2}"), False),
        (condition("/code", Test.MATCHES, pattern="X|AB-12"), True),
        (condition("/amt", Test.MATCHES, pattern="12"), False),
        (condition("/items/*/qty", Test.PRESENT), True),
        (condition("/items/*/unit", Test.PRESENT), False),
        (condition("/items/*/price", Test.ABSENT), True),
        (condition("/items/*/unit", Test.ABSENT), False),
        (condition("/items/*/qty", Test.TYPE, types=("integer",)), True),
        (condition("/items/*/qty", Test.BETWEEN, minimum=2), False),
        (condition("/empty/*/x", Test.ABSENT), False),
        (condition("/empty/*", Test.PRESENT), False),
        (condition("/gone/*/x", Test.ABSENT), False),
        (condition("/user/*", Test.PRESENT), False),
        (condition("/items/0/unit", Test.PRESENT), True),
        (condition("/items/1/unit", Test.ABSENT), True),
    ],
)
def test_conditions(asked: Condition, holds: bool) -> None:
    """A condition holds for exactly the values that it names."""
    assert list(problems((asked,), "guard")) == []
    assert compile_guard((asked,))(EVENT) is holds


conditions = st.builds(
    Condition,
    path=st.sampled_from(["/a", "/b", "/a/b", "/a/*", "/a/*/b", "/0"]),
    test=st.sampled_from([Test.PRESENT, Test.ABSENT, Test.TYPE, Test.EQUALS]),
    types=st.just(("integer", "string", "object")),
    values=st.just((1, "a", None)),
)


@given(st.lists(conditions, max_size=4), events)
def test_a_guard_is_the_conjunction_of_its_conditions(guard: list[Condition], event: dict[str, Any]) -> None:
    """A guard holds when each of its conditions holds, in any order, and it never changes the event."""
    before = strict(event)
    expected = all(compile_guard((one,))(event) for one in guard)
    assert compile_guard(guard)(event) is expected
    assert compile_guard(guard[::-1])(event) is expected
    assert strict(event) == before


@given(st.sampled_from(["/a", "/b", "/a/b", "/0"]), events)
def test_present_and_absent_exclude_each_other(path: str, event: dict[str, Any]) -> None:
    """Without `*`, a path is either present or absent."""
    present = compile_guard((Condition(path=path, test=Test.PRESENT),))(event)
    absent = compile_guard((Condition(path=path, test=Test.ABSENT),))(event)
    assert present is not absent
    assert present is (get(event, parse(path)) is not MISSING)


def test_an_empty_guard_is_for_every_event() -> None:
    """Without conditions a guard holds."""
    assert compile_guard(())({})


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (condition("amt", Test.PRESENT), "guard[0].path"),
        (condition("/a", Test.TYPE), "guard[0].types"),
        (condition("/a", Test.TYPE, types=("int",)), "guard[0].types"),
        (condition("/a", Test.EQUALS), "guard[0].values"),
        (condition("/a", Test.BETWEEN), "guard[0].minimum"),
        (condition("/a", Test.BETWEEN, minimum=2, maximum=1), "guard[0].minimum"),
        (condition("/a", Test.MATCHES), "guard[0].pattern"),
        (condition("/a", Test.MATCHES, pattern="("), "guard[0].pattern"),
        (condition("/a", Test.MATCHES, pattern="(?=a)a"), "guard[0].pattern"),
        (condition("/a", Test.MATCHES, pattern="a" * 1001), "guard[0].pattern"),
    ],
)
def test_names_what_is_wrong(asked: Condition, field: str) -> None:
    """A condition that cannot work is reported by its field."""
    assert [violation.field for violation in problems((asked,), "guard")] == [field]


def test_no_text_makes_a_pattern_hang() -> None:
    """A pattern that would backtrack for ages elsewhere answers at once: the engine is linear."""
    guard = compile_guard((condition("/a", Test.MATCHES, pattern="(a+)+(b|a+)*"),))
    assert not guard({"a": "a" * 20_000 + "!"})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((), ""),
        (
            (condition("/amt", Test.PRESENT), condition("/amount", Test.ABSENT)),
            "/amt is present and /amount is absent",
        ),
        ((condition("/v", Test.EQUALS, values=(2, "x", None)),), '/v is 2 or "x" or null'),
        ((condition("/a", Test.TYPE, types=("string", "null")),), "/a is of type string or null"),
        ((condition("/a", Test.BETWEEN, minimum=1, maximum=2.5),), "/a is between 1 and 2.5"),
        ((condition("/a", Test.BETWEEN, minimum=1),), "/a is at least 1"),
        ((condition("/a", Test.BETWEEN, maximum=1),), "/a is at most 1"),
        ((condition("/a", Test.MATCHES, pattern="x+"),), "/a matches x+"),
    ],
)
def test_describes(asked: tuple[Condition, ...], words: str) -> None:
    """Conditions read as a phrase."""
    assert describe(asked) == words


def test_the_event_under_a_guard_stays() -> None:
    """Asking a guard leaves the event as it was."""
    event = fresh(EVENT)
    compile_guard((condition("/items/*/qty", Test.BETWEEN, minimum=0),))(event)
    assert event == EVENT
