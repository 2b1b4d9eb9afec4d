"""Whether a Python value is JSON: what `json.loads` could have returned, and finite.

The encoder alone does not decide this: it would write a `Decimal` as text, a set as an array and NaN as null, and the
next stage would get what no JSON parser gives. Called on what every stage returns, so it looks at containers as a
whole first.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

_PLAIN: Final[frozenset[object]] = frozenset({str, int, bool, type(None)})
"""Scalars that JSON can always say."""
_KEYS: Final = frozenset({str})


def why_not_json(value: Any) -> str:
    """What in the value is not JSON, as a phrase; empty if it is JSON. A value that contains itself is never done."""
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        kind = _class_of(node)
        if kind is dict:
            if not _KEYS.issuperset(map(type, node)):
                return "an object key that is not text"
            members = node.values()
        elif kind is list:
            members = node
        else:
            members = (node,)
        if _PLAIN.issuperset(map(type, members)):
            continue
        for member in members:
            kind = _class_of(member)
            if kind is float:
                if not isfinite(member):
                    return "a number that is not finite"
            elif kind is dict or kind is list:
                waiting.append(member)
            elif kind not in _PLAIN:
                return f"a {type(member).__name__}"
    return ""


def _class_of(value: object) -> object:
    """The exact class: an instance of a subclass of `int` or `dict` is not what a JSON parser returns."""
    return type(value)
