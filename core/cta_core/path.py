"""JSON Pointers (RFC 6901) on decoded JSON, with `*` for every member of an array.

This module decides how a field is named and how it is reached: the text form, its parts, one-off access (`get`, `set_`,
`values`, ...) for the diagnosis, and accessors compiled once per pointer for the hot path of an adapter. It does not
know what a field means. Adapters, guards, profiles and the diagnosis all call it.

Text form: `/a/b`, where `~0` stands for `~`, `~1` for `/` and `~2` for `*`. The empty text is the whole event. A part
that is exactly `*` means every member of the array there, so the key that is literally `*` is written `~2`. A part of
digits is a key in an object and a position in an array.

Parts: the keys themselves, in a tuple, with `"*"` for every member. Only the key `*` needs another name in a tuple: it
is the part `"~2"`, and therefore a key that looks like `~2`, `~02`, ... has one more `0` there. `key_of` and `part_of`
translate; for every other key both are the identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import pairwise
from typing import Any, Final, TypeGuard

from cta_core.errors import EventRefused, InvalidPointer

EVERY: Final = "*"
"""The part that means every member of an array."""


class Missing(Enum):
    """The type of `MISSING`: no value there, which differs from null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What `get` answers where there is nothing."""

Parts = tuple[str, ...]

_BAD_ESCAPE: Final = re.compile(r"~(?![012])")
_STAR_LIKE: Final = re.compile(r"~0*2")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")  # nine digits: no event of 5 MiB has more members


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded value is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a decoded value is an array."""
    return isinstance(value, list)


def key_of(part: str) -> str:
    """The object key that a part (other than `*`) names."""
    if part[:1] == "~" and _STAR_LIKE.fullmatch(part):
        return "*" if part == "~2" else "~" + part[2:]
    return part


def part_of(key: str) -> str:
    """The part that names an object key."""
    if key == "*":
        return "~2"
    if key[:1] == "~" and _STAR_LIKE.fullmatch(key):
        return "~0" + key[1:]
    return key


def parse(text: str) -> Parts:
    """The parts of a pointer; `InvalidPointer` if the text is none."""
    if text == "":
        return ()
    if text[0] != "/":
        raise InvalidPointer.of(text, "a JSON Pointer is empty or starts with /")
    if "~" not in text:
        return tuple(text[1:].split("/"))
    if _BAD_ESCAPE.search(text):
        raise InvalidPointer.of(text, "write ~0 for ~, ~1 for / and ~2 for *")
    return tuple(EVERY if token == EVERY else part_of(_unescape(token)) for token in text[1:].split("/"))


def render(parts: Parts) -> str:
    """The pointer text of parts; `parse` reads it back to the same parts."""
    return "".join("/" + (EVERY if part == EVERY else _escape(key_of(part))) for part in parts)


def pointer_to(location: Iterable[str | int]) -> str:
    """The pointer of one concrete place: object keys as text, array positions as numbers."""
    return "".join(f"/{step if isinstance(step, int) else _escape(step)}" for step in location)


def _escape(key: str) -> str:
    if key == EVERY:
        return "~2"
    return key.replace("~", "~0").replace("/", "~1")


def _unescape(token: str) -> str:
    return token.replace("~2", "*").replace("~1", "/").replace("~0", "~")


def index_of(part: str) -> int | None:
    """The array position that a part names, None if it names none."""
    return int(part) if _INDEX.fullmatch(part) else None


def child(node: Any, part: str) -> Any:
    """The value one part below a node, or `MISSING`. `*` is not resolved here."""
    if is_object(node):
        return node.get(key_of(part), MISSING)
    if is_array(node):
        index = index_of(part)
        return node[index] if index is not None and index < len(node) else MISSING
    return MISSING


def values(obj: Any, parts: Parts) -> Iterator[Any]:
    """Every value that the parts reach, in order; nothing where the path does not exist."""
    nodes: list[Any] = [obj]
    for part in parts:
        if part == EVERY:
            nodes = [member for node in nodes if is_array(node) for member in node]
        else:
            nodes = [value for node in nodes if (value := child(node, part)) is not MISSING]
    return iter(nodes)


def get(obj: Any, parts: Parts) -> Any:
    """The value that the parts reach (the first one, with `*`), or `MISSING`."""
    if EVERY in parts:
        return next(values(obj, parts), MISSING)
    for part in parts:
        obj = child(obj, part)
        if obj is MISSING:
            return MISSING
    return obj


def has(obj: Any, parts: Parts) -> bool:
    """Whether the parts reach a value (at least one, with `*`). Null is a value."""
    return get(obj, parts) is not MISSING


def parents(obj: Any, parts: Parts) -> Iterator[dict[str, Any] | list[Any]]:
    """Every container that may hold the last of the parts."""
    return (node for node in values(obj, parts[:-1]) if is_object(node) or is_array(node))


def set_(obj: Any, parts: Parts, value: Any) -> int:
    """Set the value at the parts and say at how many places.

    Missing parents are made as objects. With `*` every member that exists gets the value, and a missing array has none.
    Raises `EventRefused` where the way leads through a value that cannot hold the next part.
    """
    if not parts:
        raise EventRefused("the whole event cannot be set")
    nodes = [obj]
    for part, following in pairwise(parts):
        nodes = _step_down(nodes, part, following, parts)
    last, count = parts[-1], 0
    for node in nodes:
        if last == EVERY:
            if not is_array(node):
                raise EventRefused("no array is there to set members of", render(parts))
            node[:] = [value] * len(node)
            count += len(node)
        else:
            put(node, last, value, parts)
            count += 1
    return count


def _step_down(nodes: list[Any], part: str, following: str, parts: Parts) -> list[Any]:
    """The nodes one part below; missing objects are made, missing arrays have no members."""
    below: list[Any] = []
    for node in nodes:
        if part == EVERY:
            if not is_array(node):
                raise EventRefused("no array is there to set members of", render(parts))
            below.extend(node)
            continue
        value = child(node, part)
        if value is MISSING:
            if following == EVERY:
                continue
            value = {}
            put(node, part, value, parts)
        below.append(value)
    return below


def put(node: Any, part: str, value: Any, parts: Parts) -> None:
    """Set the value one part below a container; `parts` name the place in the refusal."""
    if is_object(node):
        node[key_of(part)] = value
        return
    if is_array(node):
        index = index_of(part)
        if index is not None and index < len(node):
            node[index] = value
            return
        raise EventRefused("the array has no such member", render(parts))
    raise EventRefused("a parent of the field is neither object nor array", render(parts))


def remove(obj: Any, parts: Parts) -> int:
    """Remove what the parts reach and say how many places there were. Members of arrays close up."""
    if not parts:
        raise EventRefused("the whole event cannot be removed")
    last, count = parts[-1], 0
    for node in parents(obj, parts):
        if last == EVERY:
            if isinstance(node, list):
                count += len(node)
                node.clear()
        elif isinstance(node, dict):
            if node.pop(key_of(last), MISSING) is not MISSING:
                count += 1
        else:
            index = index_of(last)
            if index is not None and index < len(node):
                del node[index]
                count += 1
    return count


def leaves(obj: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf with its pointer, where array members share `*`.

    A leaf is a scalar, or an object or array without members. Works at any depth: the walk keeps its own stack.
    """
    stack: list[tuple[str, Any]] = [("", obj)]
    while stack:
        pointer, node = stack.pop()
        if is_object(node) and node:
            stack.extend((f"{pointer}/{_escape(key)}", value) for key, value in reversed(node.items()))
        elif is_array(node) and node:
            below = f"{pointer}/*"
            stack.extend((below, value) for value in reversed(node))
        else:
            yield pointer, node
