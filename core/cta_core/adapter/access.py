"""Accessors compiled once per pointer, for the hot path: guards and steps ask them for every event.

They do what the functions of `cta_core.path` do, with the keys resolved beforehand and the depths that occur most (one
and two) written out. Parts with `*` or with digits, which may be array positions, take the general way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cta_core.errors import InvalidPointer
from cta_core.path import EVERY, MISSING, Parts, child, get, index_of, is_object, key_of, parents, put

Getter = Callable[[Any], Any]
Change = Callable[[Any], Any]
"""Makes one value of another; raises `EventRefused` when it cannot."""

Rewrite = Callable[[dict[str, Any]], None]


def plain(parts: Parts) -> bool:
    """Whether every part is the key of an object and nothing else."""
    return not any(part == EVERY or index_of(part) is not None for part in parts)


def getter(parts: Parts) -> Getter:
    """`get` for fixed parts without `*`, compiled: the value or `MISSING`."""
    if not parts:
        return lambda obj: obj
    if not plain(parts):
        return lambda obj: get(obj, parts)
    keys = tuple(key_of(part) for part in parts)
    if len(keys) == 1:
        return _getter_1(keys[0])
    if len(keys) == 2:
        return _getter_2(*keys)
    return _getter_n(keys)


def _getter_1(key: str) -> Getter:
    def get_1(obj: Any) -> Any:
        return obj.get(key, MISSING) if is_object(obj) else MISSING

    return get_1


def _getter_2(first: str, second: str) -> Getter:
    def get_2(obj: Any) -> Any:
        if is_object(obj):
            inner = obj.get(first)
            if is_object(inner):
                return inner.get(second, MISSING)
        return MISSING

    return get_2


def _getter_n(keys: tuple[str, ...]) -> Getter:
    *above, last = keys

    def get_n(obj: Any) -> Any:
        for key in above:
            if not is_object(obj):
                return MISSING
            obj = obj.get(key)
        return obj.get(last, MISSING) if is_object(obj) else MISSING

    return get_n


def rewriter(parts: Parts, change: Change) -> Rewrite:
    """An action that replaces every value at the parts by `change(value)` and does nothing where there is none."""
    if not parts:
        raise InvalidPointer.of("", "the whole event cannot be replaced; name a field")
    if not plain(parts):
        return _rewriter_any(parts, change)
    keys = tuple(key_of(part) for part in parts)
    if len(keys) == 1:
        return _rewriter_1(keys[0], change)
    if len(keys) == 2:
        return _rewriter_2(*keys, change)
    return _rewriter_n(keys, change)


def _rewriter_1(key: str, change: Change) -> Rewrite:
    def rewrite_1(event: dict[str, Any]) -> None:
        if key in event:
            event[key] = change(event[key])

    return rewrite_1


def _rewriter_2(first: str, second: str, change: Change) -> Rewrite:
    def rewrite_2(event: dict[str, Any]) -> None:
        node = event.get(first)
        if type(node) is dict and second in node:
            node[second] = change(node[second])

    return rewrite_2


def _rewriter_n(keys: tuple[str, ...], change: Change) -> Rewrite:
    *above, last = keys

    def rewrite_n(event: dict[str, Any]) -> None:
        node: Any = event
        for key in above:
            if not is_object(node):
                return
            node = node.get(key)
        if is_object(node) and last in node:
            node[last] = change(node[last])

    return rewrite_n


def _rewriter_any(parts: Parts, change: Change) -> Rewrite:
    last = parts[-1]

    def rewrite_any(event: dict[str, Any]) -> None:
        for node in parents(event, parts):
            if last == EVERY:
                if isinstance(node, list):
                    node[:] = [change(value) for value in node]
                continue
            value = child(node, last)
            if value is not MISSING:
                put(node, last, change(value), parts)

    return rewrite_any
