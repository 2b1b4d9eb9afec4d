"""Whether a Python value is JSON: what `json.loads` could have returned, and finite.

The encoder alone does not decide this: it would write a `Decimal` as text, a set as an array and NaN as null, and the
next stage would get what no JSON parser gives. Called on what every stage returns, so every line of it counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Final, cast

_KEYS: Final[frozenset[type]] = frozenset({str})


def why_not_json(value: object) -> str:
    """What in the value is not JSON, as a phrase; empty if it is JSON. A value that contains itself is never done.

    Exact classes count: an instance of a subclass of `int` or `dict` is not what a JSON parser returns.
    """
    waiting: list[Iterable[object]] = [(value,)]
    for members in waiting:
        for member in members:
            kind = type(member)
            if kind is str or kind is int or kind is bool:
                continue
            if kind is float:
                if not isfinite(cast("float", member)):
                    return "a number that is not finite"
            elif kind is dict:
                found = cast("dict[object, object]", member)
                if not _KEYS.issuperset(map(type, found)):
                    return "an object key that is not text"
                waiting.append(found.values())
            elif kind is list:
                waiting.append(cast("list[object]", member))
            elif member is not None:
                return f"a {kind.__name__}"
    return ""
