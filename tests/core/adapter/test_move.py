"""Steps that carry values from place to place: rename, move, copy, swap, drop, default."""

from __future__ import annotations

from typing import Any

import pytest

from cta_core.adapter.steps import AnyStep, Copy, Default, Drop, Move, Rename, Swap
from helpers.healing import after, faults, refusal, strict

ITEMS = {"items": [{"qty": 1, "x": 9}, {"qty": 2, "x": 8}]}


@pytest.mark.parametrize(
    ("step", "event", "expected"),
    [
        (Rename(source="/amt", target="/amount"), {"amt": 1, "z": 2}, {"z": 2, "amount": 1}),
        (Rename(source="/amt", target="/amount"), {"z": 2}, {"z": 2}),
        (Rename(source="/amt", target="/amount"), {"amt": None}, {"amount": None}),
        (Rename(source="/amt", target="/amount"), {"amt": {"v": [1]}}, {"amount": {"v": [1]}}),
        (Rename(source="/amt", target="/amount"), {"amt": 5, "amount": 5}, {"amount": 5}),
        (Rename(source="/o/amt", target="/o/amount"), {"o": {"amt": 1}}, {"o": {"amount": 1}}),
        (Rename(source="/o/amt", target="/o/amount"), {"o": None}, {"o": None}),
        (Rename(source="/o/amt", target="/o/amount"), {"o": "text"}, {"o": "text"}),
        (Rename(source="/a/b/c", target="/a/b/d"), {"a": {"b": {"c": 1, "e": 2}}}, {"a": {"b": {"e": 2, "d": 1}}}),
        (
            Rename(source="/k/http.method", target="/k/http~1method"),
            {"k": {"http.method": 1}},
            {"k": {"http/method": 1}},
        ),
        (
            Rename(source="/items/*/qty", target="/items/*/quantity"),
            ITEMS,
            {"items": [{"x": 9, "quantity": 1}, {"x": 8, "quantity": 2}]},
        ),
        (
            Rename(source="/items/*/qty", target="/items/*/quantity"),
            {"items": [{"qty": 1}, {"z": 1}, {}]},
            {"items": [{"quantity": 1}, {"z": 1}, {}]},
        ),
        (Rename(source="/items/*/qty", target="/items/*/quantity"), {"items": []}, {"items": []}),
        (Rename(source="/items", target="/lines"), ITEMS, {"lines": ITEMS["items"]}),
    ],
)
def test_rename(step: AnyStep, event: dict[str, Any], expected: dict[str, Any]) -> None:
    """A key gets its new name; everything else stays."""
    assert after(step, event) == expected


@pytest.mark.parametrize(
    ("step", "event", "expected"),
    [
        (
            Move(source="/country", target="/user/country"),
            {"country": 1, "user": {"id": 2}},
            {"user": {"id": 2, "country": 1}},
        ),
        (Move(source="/country", target="/user/country"), {"country": 1}, {"user": {"country": 1}}),
        (Move(source="/u/c", target="/c"), {"u": {"c": 1}}, {"c": 1}),
        (Move(source="/u/v/c", target="/c"), {"u": {"v": {"c": 1}, "w": 2}}, {"u": {"w": 2}, "c": 1}),
        (Move(source="/u/c", target="/c"), {"u": {"c": 1, "d": {}}}, {"u": {"d": {}}, "c": 1}),
        (Move(source="/u/c", target="/c"), {"u": {}}, {"u": {}}),
        (Move(source="/u/c", target="/u/d/c"), {"u": {"c": 1}}, {"u": {"d": {"c": 1}}}),
        (Move(source="/amount", target="/amount/value"), {"amount": 1}, {"amount": {"value": 1}}),
        (Move(source="/amount/value", target="/amount"), {"amount": {"value": 1}}, {"amount": 1}),
        (Move(source="/a/b", target="/a"), {"a": {"b": {"c": 1}}}, {"a": {"c": 1}}),
        (Move(source="/a", target="/b"), {"a": 1}, {"b": 1}),
        (
            Move(source="/items/*/qty", target="/lines/*/quantity"),
            ITEMS,
            {"items": [{"x": 9}, {"x": 8}], "lines": [{"quantity": 1}, {"quantity": 2}]},
        ),
        (
            Move(source="/items/*/qty", target="/lines/*/quantity"),
            {"items": [{"qty": 1}, {"qty": 2}]},
            {"lines": [{"quantity": 1}, {"quantity": 2}]},
        ),
        (
            Move(source="/items/*/qty", target="/lines/*/quantity"),
            {"items": [{"qty": 1}, {}], "lines": [{"sku": "a"}, {"sku": "b"}]},
            {"lines": [{"sku": "a", "quantity": 1}, {"sku": "b"}]},
        ),
        (
            Move(source="/items/*/qty", target="/lines/*/quantity"),
            {"items": []},
            {"items": [], "lines": []},
        ),
        (
            Move(source="/items/*/qty", target="/quantities/*"),
            {"items": [{"qty": 1}, {"qty": 2}]},
            {"quantities": [1, 2]},
        ),
        (
            Move(source="/tags/*", target="/tags_/*/name"),
            {"tags": ["a", "b"]},
            {"tags_": [{"name": "a"}, {"name": "b"}]},
        ),
        (
            Move(source="/rules/*/paths/*/port", target="/rules/*/paths/*/backend/port"),
            {"rules": [{"paths": [{"port": 1}, {"port": 2}]}, {"paths": []}]},
            {"rules": [{"paths": [{"backend": {"port": 1}}, {"backend": {"port": 2}}]}, {"paths": []}]},
        ),
        (
            Move(source="/items/*/currency", target="/currency"),
            {"items": [{"currency": "EUR", "q": 1}, {"currency": "EUR", "q": 2}]},
            {"items": [{"q": 1}, {"q": 2}], "currency": "EUR"},
        ),
        (
            Move(source="/currency", target="/items/*/currency"),
            {"items": [{"q": 1}, {"q": 2}], "currency": "EUR"},
            {"items": [{"q": 1, "currency": "EUR"}, {"q": 2, "currency": "EUR"}]},
        ),
        (Move(source="/total_taxes/0/amount", target="/tax"), {"total_taxes": []}, {"total_taxes": []}),
        (
            Move(source="/total_taxes/0/amount", target="/tax"),
            {"total_taxes": [{"amount": 3, "rate": 1}]},
            {"total_taxes": [{"rate": 1}], "tax": 3},
        ),
        (Move(source="/list/0", target="/first"), {"list": [1, 2]}, {"list": [2], "first": 1}),
        (Move(source="/parent/sub/id", target="/id"), {"parent": None}, {"parent": None}),
    ],
)
def test_move(step: AnyStep, event: dict[str, Any], expected: dict[str, Any]) -> None:
    """A value goes to its place, members stay in correspondence, and only parents that became empty go as well."""
    assert after(step, event) == expected


@pytest.mark.parametrize(
    ("step", "event", "path"),
    [
        (Rename(source="/amt", target="/amount"), {"amt": 5, "amount": 6}, "/amount"),
        (Rename(source="/amt", target="/amount"), {"amt": 1, "amount": True}, "/amount"),
        (Rename(source="/amt", target="/amount"), {"amt": 5, "amount": None}, "/amount"),
        (Rename(source="/items/*/a", target="/items/*/b"), {"items": [{"a": 1, "b": 2}]}, "/items/*/b"),
        (Move(source="/amount/value", target="/amount"), {"amount": {"value": 1, "currency": "EUR"}}, "/amount"),
        (Move(source="/c", target="/user/c"), {"c": 1, "user": "Ann"}, "/user/c"),
        (Move(source="/c", target="/user/c"), {"c": 1, "user": None}, "/user/c"),
        (Move(source="/c", target="/list/3"), {"c": 1, "list": [1]}, "/list/3"),
        (Move(source="/items/*/q", target="/lines/*/q"), {"items": [{"q": 1}], "lines": [{}, {}]}, "/lines/*/q"),
        (Move(source="/items/*/q", target="/lines/*/q"), {"items": [{"q": 1}], "lines": "x"}, "/lines/*/q"),
        (Move(source="/items/*/q", target="/qs/*"), {"items": [{"q": 1}, {}]}, "/qs/*"),
        (Move(source="/items/*/q", target="/q"), {"items": [{"q": 1}, {"q": 2}]}, "/q"),
        (Move(source="/items/*/q", target="/q"), {"items": [{"q": 1}, {"q": 1.0}]}, "/q"),
        (Move(source="/q", target="/items/*/q"), {"q": 1, "items": []}, "/items/*/q"),
        (Move(source="/q", target="/items/*/q"), {"q": 1}, "/items/*/q"),
        (Copy(source="/a", target="/b"), {"a": 1, "b": 2}, "/b"),
        (Default(path="/o/unit", value="C"), {"o": 5}, "/o/unit"),
    ],
)
def test_refuses_to_overwrite_or_guess(step: AnyStep, event: dict[str, Any], path: str) -> None:
    """A target that holds another value, or a place that cannot hold one, refuses with its pointer."""
    assert refusal(step, event).path == path


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"a": {"x": [1]}}, {"a": {"x": [1]}, "b": {"x": [1]}}),
        ({"a": 1, "b": 1}, {"a": 1, "b": 1}),
        ({"c": 1}, {"c": 1}),
    ],
)
def test_copy(event: dict[str, Any], expected: dict[str, Any]) -> None:
    """A copied value stands in both places."""
    assert after(Copy(source="/a", target="/b"), event) == expected


def test_a_copy_shares_nothing() -> None:
    """A later step that changes the copy leaves the source alone."""
    healed = after(Copy(source="/a", target="/b"), {"a": {"x": 1}})
    healed["b"]["x"] = 2
    assert healed["a"] == {"x": 1}


@pytest.mark.parametrize(
    ("step", "event", "expected"),
    [
        (Swap(left="/lat", right="/lon"), {"lat": 1, "lon": 2}, {"lat": 2, "lon": 1}),
        (Swap(left="/lat", right="/lon"), {"lat": 1}, {"lon": 1}),
        (Swap(left="/lat", right="/lon"), {}, {}),
        (Swap(left="/p/lat", right="/lon"), {"p": {"lat": None}, "lon": 2}, {"p": {"lat": 2}, "lon": None}),
        (
            Swap(left="/rows/*/a", right="/rows/*/b"),
            {"rows": [{"a": 1, "b": 2}, {"b": 3}]},
            {"rows": [{"a": 2, "b": 1}, {"a": 3}]},
        ),
        (Drop(path="/a"), {"a": 1, "b": 2}, {"b": 2}),
        (Drop(path="/a/b"), {"a": {"b": 1}}, {"a": {}}),
        (Drop(path="/l/*/x"), {"l": [{"x": 1, "y": 2}, {}]}, {"l": [{"y": 2}, {}]}),
        (Drop(path="/none"), {"a": 1}, {"a": 1}),
        (Default(path="/unit", value="C"), {}, {"unit": "C"}),
        (Default(path="/unit", value="C"), {"unit": None}, {"unit": None}),
        (Default(path="/unit", value="C"), {"unit": "F"}, {"unit": "F"}),
        (Default(path="/v", value=None), {}, {"v": None}),
        (Default(path="/~2", value=1), {}, {"*": 1}),
        (Default(path="/o/unit", value="C"), {}, {"o": {"unit": "C"}}),
        (Default(path="/o/unit", value="C"), {"o": None}, {"o": None}),
        (Default(path="/o/p/unit", value="C"), {"o": {"p": None}}, {"o": {"p": None}}),
        (Default(path="/l/*/unit", value="C"), {"l": [{}, {"unit": "F"}]}, {"l": [{"unit": "C"}, {"unit": "F"}]}),
        (Default(path="/l/*/unit", value="C"), {"l": []}, {"l": []}),
        (Default(path="/l/*/unit", value="C"), {}, {}),
    ],
)
def test_swap_drop_and_default(step: AnyStep, event: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each of them does what its sentence says."""
    assert strict(after(step, event)) == strict(expected) or after(step, event) == expected


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        (Rename(source="/a", target="/a"), ["target"]),
        (Rename(source="/a", target="/b/a"), ["target"]),
        (Rename(source="a", target=""), ["source", "target"]),
        (Rename(source="/l/*", target="/l/x"), ["source"]),
        (Move(source="", target="/a"), ["source"]),
        (Move(source="/a", target="/a"), ["target"]),
        (Copy(source="/a", target="/~"), ["target"]),
        (Swap(left="/a", right="/a/b"), ["right"]),
        (Swap(left="/a", right="/a"), ["right"]),
        (Swap(left="/l/*/a", right="/m/*/a"), ["right"]),
        (Swap(left="/l/*", right="/l/*"), ["right"]),
        (Default(path="/l/*", value=1), ["path"]),
        (Default(path="/a", value=float("inf")), ["value"]),
        (Drop(path=""), ["path"]),
        (Move(source="/items/*/q", target="/q"), []),
    ],
)
def test_names_what_is_wrong(step: AnyStep, fields: list[str]) -> None:
    """Parameters that cannot work are reported by their field, all at once."""
    assert faults(step) == fields


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Rename(source="/amt", target="/amount"), "rename /amt to /amount"),
        (Move(source="/a", target="/b/a"), "move /a to /b/a"),
        (Copy(source="/a", target="/b"), "copy /a to /b"),
        (Swap(left="/a", right="/b"), "exchange /a and /b"),
        (Drop(path="/a"), "drop /a"),
        (Default(path="/a", value="C"), 'set /a to "C" where it is absent'),
    ],
)
def test_reads_as_a_sentence(step: AnyStep, words: str) -> None:
    """A step tells people what it does."""
    assert step.words() == words
