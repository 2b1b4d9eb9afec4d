"""Carrying values from some fields to others, with array members kept in correspondence.

`gather` takes the values at a path as a tree with one list level per `*`; `scatter` writes such a tree to another path,
making objects and arrays as needed; `uproot` removes what was carried away together with the parents that became empty
by it. Move, copy, split and merge are made of these three. `/items/*/qty` to `/lines/*/quantity` thus gives line i the
quantity of item i.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cta_core.adapter.scalar import same
from cta_core.errors import EventRefused
from cta_core.path import EVERY, MISSING, Parts, child, get, index_of, is_array, is_object, key_of, parse, render, set_

Segments = tuple[Parts, ...]
"""Parts cut at every `*`: `/items/*/qty` is (("items",), ("qty",))."""


def segments(pointer: str) -> Segments:
    """The parts of a pointer, cut at every `*`."""
    cut: list[Parts] = []
    run: list[str] = []
    for part in parse(pointer):
        if part == EVERY:
            cut.append(tuple(run))
            run = []
        else:
            run.append(part)
    return (*cut, tuple(run))


def gather(node: Any, cut: Segments) -> Any:
    """The value at the segments, in one list level per `*`; `MISSING` where a part of the way does not exist."""
    value = get(node, cut[0])
    if len(cut) == 1:
        return value
    if not is_array(value):
        return MISSING
    return [gather(member, cut[1:]) for member in value]


def mapped(tree: Any, levels: int, change: Callable[[Any], Any]) -> Any:
    """The tree with every value changed; `MISSING` stays."""
    if tree is MISSING:
        return MISSING
    if levels == 0:
        return change(tree)
    return [mapped(member, levels - 1, change) for member in tree]


def scatter(event: dict[str, Any], cut: Segments, tree: Any, levels: int) -> None:
    """Write a tree of `levels` list levels to the segments.

    Surplus levels of the tree must hold one and the same value, which is written once; surplus `*` of the target give
    the value to every member there is. A target that holds another value already raises `EventRefused`.
    """
    _scatter(event, cut, tree, levels, _Target(cut))


class _Target:
    """The target's name, for the reasons of a refusal."""

    def __init__(self, cut: Segments) -> None:
        parts: list[str] = list(cut[0])
        for run in cut[1:]:
            parts += [EVERY, *run]
        self.pointer = render(tuple(parts))

    def refusal(self, reason: str) -> EventRefused:
        return EventRefused(reason, self.pointer)


def _scatter(node: Any, cut: Segments, tree: Any, levels: int, target: _Target) -> None:
    if tree is MISSING:
        return
    if len(cut) == 1:
        value = _agreed(tree, levels, target)
        if value is not MISSING:
            _place(node, cut[0], value, target)
    elif levels == 0:
        _broadcast(node, cut, tree, target)
    else:
        _scatter_members(node, cut, tree, levels, target)


def _scatter_members(node: Any, cut: Segments, tree: list[Any], levels: int, target: _Target) -> None:
    run, rest = cut[0], cut[1:]
    members = get(node, run)
    if members is MISSING:
        members = [MISSING if rest[0] == () else dict[str, Any]() for _ in tree]
        _set(node, run, members, target)
    if not is_array(members) or len(members) != len(tree):
        raise target.refusal("the arrays of source and target do not correspond")
    for index, value in enumerate(tree):
        if rest == ((),):
            _place_member(members, index, _agreed(value, levels - 1, target), target)
        else:
            _scatter(members[index], rest, value, levels - 1, target)


def _broadcast(node: Any, cut: Segments, value: Any, target: _Target) -> None:
    members = get(node, cut[0])
    if not is_array(members) or not members:
        raise target.refusal("the target has no array members to take the value")
    for index, member in enumerate(members):
        if cut[1:] == ((),):
            _place_member(members, index, value, target)
        else:
            _scatter(member, cut[1:], value, 0, target)


def _agreed(tree: Any, levels: int, target: _Target) -> Any:
    """The one value of a tree; `MISSING` if it has none."""
    while levels:
        found = [value for value in tree if value is not MISSING] if tree is not MISSING else []
        if levels == 1:
            if any(not same(value, found[0]) for value in found):
                raise target.refusal("the members of the source's array differ, and the target takes one value")
            return found[0] if found else MISSING
        tree = [value for member in found for value in member]
        levels -= 1
    return tree


def _place_member(members: list[Any], index: int, value: Any, target: _Target) -> None:
    if value is MISSING:
        raise target.refusal("a member of the source's array lacks the value")
    if members[index] is not MISSING and not same(members[index], value):
        raise target.refusal("the target holds another value")
    members[index] = value


def _place(node: Any, run: Parts, value: Any, target: _Target) -> None:
    old = get(node, run)
    if old is MISSING:
        _set(node, run, value, target)
    elif not same(old, value):
        raise target.refusal("the target holds another value")


def _set(node: Any, run: Parts, value: Any, target: _Target) -> None:
    try:
        set_(node, run, value)
    except EventRefused as refused:
        raise target.refusal(refused.reason) from None


def uproot(event: dict[str, Any], parts: Parts, *, arrays: bool) -> None:
    """Remove what is at the parts, and the parents that became empty by it.

    An array goes with its members only when `arrays` is set, which is when the target keeps their number. Array members
    that are named by their position close up when they are removed themselves, and stay as `{}` when they are emptied.
    """
    _uproot(event, parts, arrays=arrays)


def _uproot(node: Any, parts: Parts, *, arrays: bool) -> bool:
    """Remove below a node; whether the node became empty by it."""
    part, below = parts[0], parts[1:]
    if part == EVERY:
        return _uproot_members(node, below, arrays=arrays)
    if is_array(node):
        index = index_of(part)
        if index is None or index >= len(node):
            return False
        if below:
            _uproot(node[index], below, arrays=arrays)
            return False
        del node[index]
        return not node
    if not is_object(node):
        return False
    key = key_of(part)
    if key not in node or (below and not _uproot(child(node, part), below, arrays=arrays)):
        return False
    del node[key]
    return not node


def _uproot_members(node: Any, below: Parts, *, arrays: bool) -> bool:
    if not is_array(node) or not node:
        return False
    if not below:
        node.clear()
        return True
    emptied = [_uproot(member, below, arrays=arrays) for member in node]
    if arrays and any(emptied) and not any(node):
        node.clear()
        return True
    return False
