"""The fast accept of a contract: bytes are decoded straight into msgspec types, which validate while they decode.

It decides one thing: that an event is surely healthy. A refusal says nothing, and the exact validator is asked. Fields
that the contract does not name are only checked to be JSON. Called by `Contract.accepts` and by the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET

from cta_core.contract.shape import Leaf, Shape, shape_of, struct_of

Check = Callable[[Any], bool]
"""Asks the exact validator about a part of a decoded event."""


class FastAccept:
    """Accepts bytes that are surely a healthy event. Safe to share between threads."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._decode = msgspec.json.Decoder(struct_of(shape)).decode
        self._checks = tuple(_checks(shape))
        self._open = not _closed(shape)

    def accepts(self, raw: bytes, max_depth: int = 200) -> bool:
        """Whether the bytes are surely a healthy event, nested at most so deeply."""
        try:
            event = self._decode(raw)
        except (ValueError, RecursionError):
            return False
        for check in self._checks:
            if not check(event):
                return False
        # The decoder skips members that the contract does not name: it sees their syntax, but neither depth nor
        # encoding.
        return not self._open or (_shallow(raw, max_depth) and _is_utf8(raw))


def compile_fast(schema: dict[str, Any]) -> FastAccept | None:
    """The fast accept of a valid schema, None where the schema is not understood."""
    shape = shape_of(schema)
    return None if shape is None else FastAccept(shape)


def _shallow(raw: bytes, max_depth: int) -> bool:
    # Every level has a bracket at its start and one at its end.
    return len(raw) <= 2 * max_depth or raw.count(b"{") + raw.count(b"[") <= max_depth


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _closed(shape: Shape) -> bool:
    """Whether every value of an accepted event is decoded into a type of known depth."""
    return shape.closed and all(
        member.content.type in (str, int, bool, float) if isinstance(member.content, Leaf) else _closed(member.content)
        for member in shape.members.values()
    )


def _checks(shape: Shape) -> Iterator[Check]:
    """What the types leave open, as checks of a decoded event."""
    always: list[tuple[str, dict[str, Any]]] = []
    for names, schema, required in _checked_leaves(shape, (), required=True):
        if required:
            always.append((".".join(names), schema))
        else:
            yield _check_if_there(names, shape.validator(schema))
    if always:
        # One call of the validator for all the values that are surely there costs little more than one for each.
        holds = shape.validator({"prefixItems": [schema for _, schema in always]})
        yield _check_all(attrgetter(*(place for place, _ in always), always[0][0]), holds)


def _checked_leaves(
    shape: Shape, above: tuple[str, ...], *, required: bool
) -> Iterator[tuple[tuple[str, ...], dict[str, Any], bool]]:
    for index, member in enumerate(shape.members.values()):
        names, surely = (*above, f"f{index}"), required and member.required
        if isinstance(member.content, Shape):
            yield from _checked_leaves(member.content, names, required=surely)
        elif member.content.checked:
            yield names, member.content.schema, surely


def _check_all(values_of: Callable[[Any], Any], holds: Check) -> Check:
    # attrgetter is asked for one more, the first again: with a single name it would not make a tuple.
    return lambda event: holds(values_of(event))


def _check_if_there(names: tuple[str, ...], holds: Check) -> Check:
    def check(event: Any) -> bool:
        for name in names:
            event = getattr(event, name)
            if event is UNSET:
                return True
        return holds(event)

    return check
