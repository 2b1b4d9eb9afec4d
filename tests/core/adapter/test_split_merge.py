"""Steps between one field and several: split and merge."""

from __future__ import annotations

from typing import Any

import pytest

from cta_core.adapter.steps import AnyStep, Merge, MergeRule, Split, SplitSide
from helpers.healing import after, faults, refusal

LEFT, RIGHT, ALL = SplitSide
JOIN, FIRST = MergeRule

lane = Split(source="/lane", separator=">", targets=("/origin", "/destination"))
name = Split(source="/fn", separator=".", side=RIGHT, targets=("/ns", "/name"))
first = Split(source="/s", separator=" ", side=LEFT, targets=("/date", "/rest"))
method = Merge(sources=("/carrier", "/level"), target="/method", rule=JOIN, separator="_")
dashed = Merge(sources=("/a", "/b", "/c"), target="/all", rule=JOIN, separator=" ", null_as="-")
url = Merge(sources=("/path", "/query"), target="/url", rule=JOIN, separator="?", skip_missing=True)
port = Merge(sources=("/rules/*/port/number", "/rules/*/port/name"), target="/rules/*/servicePort", rule=FIRST)


@pytest.mark.parametrize(
    ("step", "event", "expected"),
    [
        (lane, {"lane": "HAM>MUC", "x": 1}, {"origin": "HAM", "destination": "MUC", "x": 1}),
        (lane, {"x": 1}, {"x": 1}),
        (lane, {"lane": None}, {"origin": None, "destination": None}),
        (lane, {"lane": ">"}, {"origin": "", "destination": ""}),
        (name, {"fn": "a.b.c"}, {"ns": "a.b", "name": "c"}),
        (first, {"s": "2024-01-01 08:00 UTC"}, {"date": "2024-01-01", "rest": "08:00 UTC"}),
        (
            Split(source="/s", separator="-", targets=("/a", "", "/c")),
            {"s": "1-2-3"},
            {"a": "1", "c": "3"},
        ),
        (
            Split(source="/s", separator="-", targets=("/a", "/b"), keep_source=True),
            {"s": "1-2"},
            {"s": "1-2", "a": "1", "b": "2"},
        ),
        (Split(source="/s", separator="-", targets=("/s", "/b")), {"s": "1-2"}, {"s": "1", "b": "2"}),
        (
            Split(source="/l/*/s", separator=":", targets=("/l/*/a", "/l/*/b")),
            {"l": [{"s": "1:2"}, {"k": 0}, {"s": "3:4"}]},
            {"l": [{"a": "1", "b": "2"}, {"k": 0}, {"a": "3", "b": "4"}]},
        ),
        (Split(source="/o/s", separator=":", targets=("/a", "/b")), {"o": {"s": "1:2"}}, {"a": "1", "b": "2"}),
        (method, {"carrier": "dhl", "level": "express"}, {"method": "dhl_express"}),
        (method, {"x": 1}, {"x": 1}),
        (method, {"carrier": None, "level": None}, {"method": None}),
        (dashed, {"a": "x", "b": None}, {"all": "x - -"}),
        (dashed, {"a": None, "b": None, "c": None}, {"all": "- - -"}),
        (url, {"path": "/a", "query": "q=1"}, {"url": "/a?q=1"}),
        (url, {"path": "/a"}, {"url": "/a"}),
        (url, {"path": "/a", "query": None}, {"url": "/a"}),
        (url, {"query": None}, {"url": None}),
        (
            Merge(sources=("/a", "/b"), target="/ab", rule=JOIN, keep_sources=True),
            {"a": "1", "b": "2"},
            {"a": "1", "b": "2", "ab": "12"},
        ),
        (Merge(sources=("/a", "/b"), target="/a", rule=JOIN, separator=" "), {"a": "1", "b": "2"}, {"a": "1 2"}),
        (
            port,
            {"rules": [{"port": {"number": 80}}, {"port": {"name": "http"}}, {"z": 1}]},
            {"rules": [{"servicePort": 80}, {"servicePort": "http"}, {"z": 1}]},
        ),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST), {"a": None, "b": 5}, {"c": 5}),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST), {"a": None}, {"c": None}),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST), {"a": {"x": 1}, "b": {"x": 1}}, {"c": {"x": 1}}),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST), {"x": 1}, {"x": 1}),
    ],
)
def test_splits_and_merges(step: AnyStep, event: dict[str, Any], expected: dict[str, Any]) -> None:
    """The parts go where they belong, in every array member, and emptied parents go."""
    assert after(step, event) == expected


@pytest.mark.parametrize(
    ("step", "event", "path"),
    [
        (lane, {"lane": "HAM"}, "/lane"),
        (lane, {"lane": "A>B>C"}, "/lane"),
        (lane, {"lane": 5}, "/lane"),
        (lane, {"lane": "A>B", "origin": "X"}, "/origin"),
        (name, {"fn": "plain"}, "/fn"),
        (method, {"carrier": "dhl"}, "/level"),
        (method, {"carrier": "dhl", "level": None}, "/level"),
        (method, {"carrier": "dhl", "level": 5}, "/level"),
        (method, {"carrier": "dhl", "level": "x", "method": "other"}, "/method"),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST), {"a": 1, "b": 2}, "/c"),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST), {"a": 1, "b": True}, "/c"),
        (
            Merge(sources=("/l/*/a", "/m/*/a"), target="/n/*/a", rule=FIRST),
            {"l": [{"a": 1}], "m": [{}, {}]},
            "/n/*/a",
        ),
    ],
)
def test_refuses_to_guess(step: AnyStep, event: dict[str, Any], path: str) -> None:
    """Another number of parts, a missing part, two different values: refused with the pointer that decided it."""
    assert refusal(step, event).path == path


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        (Split(source="/s", separator="", targets=("/a", "/b")), ["separator"]),
        (Split(source="/s", separator="-", targets=("/a",)), ["targets"]),
        (Split(source="/s", separator="-", targets=("", "")), ["targets"]),
        (Split(source="/s", separator="-", side=LEFT, targets=("/a", "/b", "/c")), ["targets"]),
        (Split(source="/s", separator="-", targets=("/a", "/a")), ["targets[1]"]),
        (Split(source="/s", separator="-", targets=("/s", "/a"), keep_source=True), ["targets[0]"]),
        (Split(source="/l/*/s", separator="-", targets=("/a", "/l/*/b")), ["targets[0]"]),
        (Merge(sources=("/a",), target="/b", rule=JOIN), ["sources"]),
        (Merge(sources=("/a", "/a"), target="/b", rule=JOIN), ["sources[1]"]),
        (Merge(sources=("/a", "/b"), target="/c", rule=JOIN, null_as="-", skip_missing=True), ["null_as"]),
        (Merge(sources=("/a", "/b"), target="/c", rule=FIRST, separator=","), ["rule"]),
        (Merge(sources=("/a", "/b"), target="/a", rule=JOIN, keep_sources=True), ["keep_sources"]),
        (Merge(sources=("/l/*/a", "/b"), target="/l/*/c", rule=JOIN), ["sources[1]"]),
    ],
)
def test_names_what_is_wrong(step: AnyStep, fields: list[str]) -> None:
    """Parameters that cannot work are reported by their field."""
    assert faults(step) == fields


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lane, 'split /lane at ">" into /origin, /destination'),
        (name, 'split /fn at the last "." into /ns, /name'),
        (
            Split(source="/s", separator="-", side=LEFT, targets=("", "/b"), keep_source=True),
            'split /s at the first "-" into (dropped), /b, keep it',
        ),
        (method, 'join /carrier, /level with "_" into /method'),
        (dashed, 'join /a, /b, /c with " " into /all, "-" for a missing one'),
        (url, 'join /path, /query with "?" into /url, leaving missing ones out'),
        (port, "set /rules/*/servicePort to whichever of /rules/*/port/number, /rules/*/port/name is there"),
    ],
)
def test_reads_as_a_sentence(step: AnyStep, words: str) -> None:
    """A step tells people what it does."""
    assert step.words() == words
