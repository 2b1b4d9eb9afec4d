"""JSON Pointers: their text, their parts, and access to decoded JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.access import getter, rewriter
from cta_core.errors import EventRefused, InvalidPointer
from cta_core.path import (
    EVERY,
    MISSING,
    child,
    get,
    has,
    key_of,
    leaves,
    parse,
    part_of,
    pointer_to,
    remove,
    render,
    set_,
    values,
)
from helpers.healing import events, fresh, json_values

odd_keys = st.text(alphabet="~*/0129ab.", max_size=5)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("/", ("",)),
        ("/a/b", ("a", "b")),
        ("/a~1b/c~0d", ("a/b", "c~d")),
        ("/attributes/http.method", ("attributes", "http.method")),
        ("/items/*/qty", ("items", EVERY, "qty")),
        ("/~2", ("~2",)),
        ("/~02", ("~02",)),
        ("/a*b", ("a*b",)),
        ("/items/0", ("items", "0")),
        ("/Größe/~01", ("Größe", "~1")),
    ],
)
def test_reads_the_parts_of_a_pointer(text: str, parts: tuple[str, ...]) -> None:
    """A pointer has these parts, and they write the same pointer again."""
    assert parse(text) == parts
    assert render(parts) == text


@pytest.mark.parametrize("text", ["a", "a/b", "/~", "/a~3", "/~a", "#/a"])
def test_refuses_what_is_no_pointer(text: str) -> None:
    """A text that is no pointer is refused with its name."""
    with pytest.raises(InvalidPointer) as caught:
        parse(text)
    assert caught.value.violations[0].field == text


@given(st.lists(odd_keys, max_size=5))
def test_every_key_has_a_pointer(keys: list[str]) -> None:
    """Any keys, also `*` and those that look like escapes, come back from the text of their pointer."""
    parts = tuple(part_of(key) for key in keys)
    assert EVERY not in parts
    assert tuple(key_of(part) for part in parts) == tuple(keys)
    assert parse(render(parts)) == parts
    assert render(parts) == pointer_to(keys)


@given(st.lists(odd_keys.map(part_of) | st.just(EVERY), max_size=5).map(tuple))
def test_parts_survive_their_text(parts: tuple[str, ...]) -> None:
    """Rendering and parsing gives the same parts, with `*` among them."""
    assert parse(render(parts)) == parts


EVENT: dict[str, Any] = {
    "a": {"b": None, "*": 1, "~2": 2, "x/y": 3},
    "items": [{"qty": 1, "tags": ["p", "q"]}, {"tags": []}, {"qty": 3}],
    "0": "zero",
    "plain": 5,
}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", [EVENT]),
        ("/a/b", [None]),
        ("/a/~2", [1]),
        ("/a/~02", [2]),
        ("/a/x~1y", [3]),
        ("/items/*/qty", [1, 3]),
        ("/items/1", [{"tags": []}]),
        ("/items/01", []),
        ("/items/9", []),
        ("/items/-", []),
        ("/items/*/tags/*", ["p", "q"]),
        ("/0", ["zero"]),
        ("/plain/x", []),
        ("/a/*", []),
        ("/none/none", []),
    ],
)
def test_reaches_values(pointer: str, found: list[Any]) -> None:
    """Each pointer reaches exactly these values, in order."""
    parts = parse(pointer)
    assert list(values(EVENT, parts)) == found
    assert has(EVENT, parts) is bool(found)
    first = get(EVENT, parts)
    assert first == found[0] if found else first is MISSING


@pytest.mark.parametrize(
    ("pointer", "expected", "places"),
    [
        ("/n", {"n": 9}, 1),
        ("/n/m/o", {"n": {"m": {"o": 9}}}, 1),
        ("/items/*/x", {}, 0),
    ],
)
def test_sets_and_makes_parents(pointer: str, expected: dict[str, Any], places: int) -> None:
    """Missing parents are made as objects; missing arrays have no members."""
    event: dict[str, Any] = {}
    assert set_(event, parse(pointer), 9) == places
    assert event == expected


def test_sets_every_member() -> None:
    """With `*` every member of the array gets the value."""
    event = fresh(EVENT)
    assert set_(event, parse("/items/*/qty"), 7) == 3
    assert list(values(event, parse("/items/*/qty"))) == [7, 7, 7]
    assert set_(event, parse("/items/0/tags/*"), "z") == 2
    assert event["items"][0]["tags"] == ["z", "z"]


@pytest.mark.parametrize("pointer", ["", "/plain/x", "/items/9", "/items/x", "/a/*/x", "/plain/*"])
def test_refuses_to_set_where_nothing_can_stand(pointer: str) -> None:
    """A way through a value that holds no members is refused."""
    with pytest.raises(EventRefused):
        set_(fresh(EVENT), parse(pointer), 1)


@pytest.mark.parametrize(
    ("pointer", "places"),
    [("/a/b", 1), ("/items/*/qty", 2), ("/items/0", 1), ("/items/*", 3), ("/nope", 0), ("/items/9", 0)],
)
def test_removes(pointer: str, places: int) -> None:
    """What is removed is not reached any more, and nothing else is touched."""
    event = fresh(EVENT)
    assert remove(event, parse(pointer)) == places
    if places and pointer != "/items/0":
        assert not has(event, parse(pointer))
    assert event["plain"] == 5


def test_a_closed_gap_moves_up() -> None:
    """Members behind a removed one move up by one."""
    event = {"a": [1, 2, 3]}
    remove(event, parse("/a/1"))
    assert event == {"a": [1, 3]}


@given(events)
def test_leaves_are_reached_by_their_pointers(event: dict[str, Any]) -> None:
    """Every leaf is among the values that its pointer reaches, and every leaf pointer parses."""
    for pointer, leaf in leaves(event):
        assert any(leaf is value or leaf == value for value in values(event, parse(pointer)))


def test_leaves_of_an_event() -> None:
    """Array members share their pointer; empty objects and arrays are leaves."""
    assert list(leaves({"a": {"*": 1}, "l": [{"x": 1}, {"x": 2}], "e": {}, "m": []})) == [
        ("/a/~2", 1),
        ("/l/*/x", 1),
        ("/l/*/x", 2),
        ("/e", {}),
        ("/m", []),
    ]
    assert list(leaves({})) == [("", {})]


def test_leaves_survive_any_depth() -> None:
    """Nesting of 10,000 levels is walked without recursion."""
    deep: Any = 1
    for _ in range(10_000):
        deep = {"a": [deep]}
    ((pointer, leaf),) = leaves(deep)
    assert leaf == 1
    assert pointer.count("/") == 20_000


@given(events, st.lists(st.sampled_from(["a", "b", "0", "~2", "c"]), min_size=1, max_size=4).map(tuple))
def test_compiled_getters_agree(event: dict[str, Any], parts: tuple[str, ...]) -> None:
    """A compiled getter reaches what `get` reaches."""
    expected, found = get(event, parts), getter(parts)(event)
    assert found is expected or found == expected


@given(events, st.lists(st.sampled_from(["a", "b", "0", EVERY, "c"]), min_size=1, max_size=4).map(tuple), json_values)
def test_compiled_rewriters_change_exactly_the_reached_values(
    event: dict[str, Any], parts: tuple[str, ...], value: Any
) -> None:
    """A rewriter asks for every reached value once, and afterwards each of them is the new one."""
    seen: list[Any] = []
    before = list(values(event, parts))
    rewriter(parts, lambda old: (seen.append(old), value)[1])(event)
    assert seen == before
    assert list(values(event, parts)) == [value] * len(before)


def test_child_of_a_scalar_is_missing() -> None:
    """Nothing stands below a text, also not its letters."""
    assert child("abc", "0") is MISSING
