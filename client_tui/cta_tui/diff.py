"""Two JSON texts field by field: which leaves went, came, changed and stayed. Pure; used by the before/after panes."""

from __future__ import annotations

import json
from typing import cast

import msgspec


class Leaf(msgspec.Struct, frozen=True):
    """One field of an event."""

    path: str
    """JSON Pointer."""
    before: str | None
    """JSON text; None where the field is not there."""
    after: str | None

    @property
    def same(self) -> bool:
        """Whether the field stays as it is."""
        return self.before == self.after


def leaves(before: str, after: str) -> list[Leaf]:
    """Every field of either, in the order of the first text; what is new stands where its likeness went."""
    old, new = _leaves(before), _leaves(after)
    found = [Leaf(path, value, new.get(path)) for path, value in old.items()]
    came = [Leaf(path, None, value) for path, value in new.items() if path not in old]
    gone = [place for place, leaf in enumerate(found) if leaf.after is None]
    place = gone[0] + 1 if gone else len(found)
    return found[:place] + came + found[place:]


def _leaves(text: str) -> dict[str, str]:
    try:
        root: object = json.loads(text)
    except (ValueError, RecursionError):
        return {"": text} if text else {}
    found: dict[str, str] = {}
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        path, value = waiting.pop()
        inner = [(f"{path}/{key}", each) for key, each in _children(value)]
        if inner:
            waiting.extend(reversed(inner))
        else:
            found[path] = json.dumps(value, ensure_ascii=False)
    return found


def _children(value: object) -> list[tuple[str, object]]:
    """The members of an object or array, by their part of a JSON Pointer."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return [(key.replace("~", "~0").replace("/", "~1"), each) for key, each in members.items()]
    if isinstance(value, list):
        return [(str(place), each) for place, each in enumerate(cast("list[object]", value))]
    return []
