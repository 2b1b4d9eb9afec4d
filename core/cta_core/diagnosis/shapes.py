"""Changes of shape that are undone before fields are compared: JSON inside text, one-element arrays, lists of pairs.

`level` finds them and hands back both sides in one common shape, with the steps that bring drifted events there
(before the
other steps) and those that give the healthy shape back (after them). It proposes shapes only; which fields match is
decided
afterwards, and steps that nothing uses are dropped by the assembly.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from cta_core.adapter.guard import Condition, Test, compile_guard
from cta_core.adapter.steps import AnyStep, Parse, Unwrap, Wrap, WrapForm
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.table import Table, parent_of
from cta_core.diagnosis.views import View
from cta_core.errors import EventRefused

NAME_KEYS = ("name", "key", "id", "k", "field", "metric", "type", "label", "code")
VALUE_KEYS = ("value", "val", "v", "data", "amount", "reading", "content")


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides in one shape."""

    healthy: Table
    drifted: Table
    before: tuple[AnyStep, ...] = ()
    """Steps on drifted events that come first."""
    after: tuple[AnyStep, ...] = ()
    """Steps that come last, on healthy paths."""
    refused: frozenset[int] = frozenset()
    """Drifted rows that the first steps refuse."""


def level(healthy: Table, drifted: Table, promises: Promises) -> Level:
    """Brings both sides into one shape, outer paths first, until nothing more is found."""
    before: list[AnyStep] = []
    after: list[AnyStep] = []
    refused: set[int] = set()
    for _ in range(4):  # parse, then unwrap, then unwrap below: real nestings are not deeper
        first = _drifted_steps(healthy, drifted)
        last, virtual = _healthy_steps(healthy, drifted, promises)
        if not first and not virtual:
            break
        if first:
            events, bad = _applied(first, drifted.events)
            refused |= bad
            drifted = Table(events)
            before.extend(first)
        if virtual:
            events, _ = _applied(virtual, healthy.events)
            healthy = Table(events)
            after[:0] = last
    return Level(healthy=healthy, drifted=drifted, before=tuple(before), after=tuple(after), refused=frozenset(refused))


def guarded(leveled: Level, drifted: Table) -> Level:
    """The steps with conditions under which old-shape events, for which the field is as it should be, pass
    untouched.
    """

    def careful(step: AnyStep) -> AnyStep:
        if step.when or not isinstance(step, (Parse, Unwrap, Wrap)) or "*" in step.path:
            return step
        if step.path not in drifted.columns and step.path not in drifted.nodes:
            return step
        types = ("string",) if isinstance(step, Parse) else ("array",) if isinstance(step, Unwrap) else NO_ARRAY
        return msgspec.structs.replace(step, when=(Condition(path=step.path, test=Test.TYPE, types=types),))

    return msgspec.structs.replace(
        leveled, before=tuple(map(careful, leveled.before)), after=tuple(map(careful, leveled.after))
    )


NO_ARRAY = ("object", "string", "integer", "number", "boolean")
"""Types of a value that is still to be wrapped."""


def _applied(steps: Sequence[AnyStep], events: Sequence[Any]) -> tuple[list[Any], set[int]]:
    actions = [(step.when, step.compile()) for step in steps]
    made: list[Any] = []
    bad: set[int] = set()
    for index, event in enumerate(events):
        fresh = copy.deepcopy(event)
        try:
            for when, action in actions:
                if when and not _holds(when[0], event):
                    continue
                action(fresh)
        except EventRefused:
            bad.add(index)
            fresh = event
        made.append(fresh)
    return made, bad


def _holds(condition: Condition, event: Any) -> bool:
    return bool(compile_guard((condition,))(event))


def _drifted_steps(healthy: Table, drifted: Table) -> list[AnyStep]:
    steps: list[AnyStep] = []
    for path, column in drifted.columns.items():
        was = healthy.columns.get(path)
        if was is not None and any(type(value) is str for value in was.values):
            continue
        texts = [value for value in column.values if type(value) is str]
        if len(texts) < 5 or not all(text.lstrip()[:1] in ("{", "[") for text in texts[:20]):
            continue
        view = View(path, texts, column.rows)
        if view.families["json"] >= 0.95 * len(texts) and _readable(texts[:20]):
            mixed = path in drifted.nodes
            steps.append(
                Parse(path=path, when=(Condition(path=path, test=Test.TYPE, types=("string",)),) if mixed else ())
            )
    if steps:
        return steps
    lost_arrays = [
        path for path, node in healthy.nodes.items() if node.arrays and path not in drifted.nodes and "*" not in path
    ]
    for path, node in drifted.nodes.items():
        if (
            not node.arrays
            or path.count("*") > 2
            or any(path.startswith(step.path + "/") for step in steps if isinstance(step, Unwrap))
        ):
            continue
        other = healthy.nodes.get(path)
        if other is not None and other.arrays:
            continue
        known = path in healthy.columns or other is not None
        condition = (
            (Condition(path=path, test=Test.TYPE, types=("array",)),) if node.objects or path in drifted.columns else ()
        )
        pairs = _pair_keys(drifted, path)
        if pairs is not None and other is not None:
            steps.append(Unwrap(path=path, form=WrapForm.PAIRS, name_key=pairs[0], value_key=pairs[1], when=condition))
        elif (
            set(node.lengths) == {1}
            and node.arrays >= 5
            and (known or not any(_alike(healthy, lost, drifted, path) for lost in lost_arrays))
        ):
            steps.append(Unwrap(path=path, form=WrapForm.ONE_ELEMENT, when=condition))
    return steps


def _healthy_steps(healthy: Table, drifted: Table, promises: Promises) -> tuple[list[AnyStep], list[AnyStep]]:
    """(steps that give the healthy shape back, the same undone on the healthy events)."""
    last: list[AnyStep] = []
    virtual: list[AnyStep] = []
    new_arrays = [
        path
        for path, node in drifted.nodes.items()
        if node.arrays and path not in healthy.nodes and path not in healthy.columns
    ]
    for path, node in healthy.nodes.items():
        if not node.arrays or node.objects or not path or not promises.names(path):
            continue
        if any(path.startswith(step.path + "/") for step in virtual if isinstance(step, Unwrap)):
            continue
        here = drifted.nodes.get(path)
        if here is not None and here.arrays == here.arrays + here.objects and path not in drifted.columns:
            continue
        gone = here is None and path not in drifted.columns
        if gone and any(_alike(healthy, path, drifted, other) for other in new_arrays):
            continue
        condition: tuple[Condition, ...] = ()
        if here is not None and here.arrays:
            # Old and new shapes side by side: the new one is wrapped only where it is no array yet.
            condition = (Condition(path=path, test=Test.TYPE, types=NO_ARRAY),)
        pairs = _pair_keys(healthy, path)
        if pairs is not None and here is not None and here.objects:
            last.append(Wrap(path=path, form=WrapForm.PAIRS, name_key=pairs[0], value_key=pairs[1], when=condition))
            virtual.append(Unwrap(path=path, form=WrapForm.PAIRS, name_key=pairs[0], value_key=pairs[1]))
        elif node.single and path not in healthy.columns:
            if gone and parent_of(path) and parent_of(path) in drifted.columns:
                continue
            last.append(Wrap(path=path, form=WrapForm.ONE_ELEMENT, when=condition))
            virtual.append(Unwrap(path=path, form=WrapForm.ONE_ELEMENT))
    return last, virtual


def _alike(healthy: Table, path: str, drifted: Table, other: str) -> bool:
    """Do two arrays have members of one shape, so that one may be the other under a new name?"""
    one = {name[len(path) :] for name in healthy.below(path)}
    two = {name[len(other) :] for name in drifted.below(other)}
    return (
        len(one & two) * 3 >= len(one)
        or (len(one) == 1 and len(two) == 1)
        or (len(one) > 1 and abs(len(one) - len(two)) <= 1)
    )


def _pair_keys(table: Table, path: str) -> tuple[str, str] | None:
    """The keys of name and value if the array's members are pairs, each name once an array; else None."""
    node = table.nodes.get(path)
    members = table.nodes.get(path + "/*")
    if node is None or members is None or members.objects == 0 or not node.lengths:
        return None
    keys = {column[len(path) + 3 :].split("/")[0] for column in table.below(path + "/*")}
    if len(keys) != 2:
        return None
    names = [key for key in NAME_KEYS if key in keys]
    values = [key for key in VALUE_KEYS if key in keys and key not in names[:1]]
    if not names or not values:
        return None
    column = table.columns.get(f"{path}/*/{names[0]}")
    if column is None or not all(type(value) is str for value in column.values):
        return None
    seen: set[tuple[int, str]] = set()
    for row, value in zip(column.rows, column.values, strict=True):
        if (row, value) in seen:
            return None
        seen.add((row, value))
    return (names[0], values[0]) if len({value for _, value in seen}) <= 64 else None


def _readable(texts: Sequence[str]) -> bool:
    for text in texts:
        try:
            if type(msgspec.json.decode(text)) not in (dict, list):
                return False
        except msgspec.DecodeError:
            return False
    return True
