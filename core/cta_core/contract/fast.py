"""The fast accept of a contract: bytes are decoded straight into msgspec types, which validate while they decode.

It decides one thing: that an event is surely healthy. A refusal says nothing, and the exact validator is asked. Fields
that the contract does not name are only checked to be JSON. Called by `Contract.accepts` and by the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import UNSET

from cta_core.contract.shape import Shape, shape_of, struct_of
from cta_core.event import is_shallow

Check = Callable[[Any], bool]
"""Asks the exact validator about a part of a decoded event."""


class FastAccept:
    """Accepts bytes that are surely a healthy event. Safe to share between threads."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        struct = struct_of(shape)
        self._decode = msgspec.json.Decoder(struct).decode
        self._checks = tuple(checks_of(shape, _checked_leaves(shape, (), required=True)))
        self._bounded = is_bounded(struct)

    def accepts(self, raw: bytes, max_depth: int = 200) -> bool:
        """Whether the bytes are surely a healthy event, nested at most so deeply."""
        try:
            event = self._decode(raw)
        except (ValueError, RecursionError):
            return False
        for check in self._checks:
            if not check(event):
                return False
        # The decoder skips members that the contract does not name: it sees their syntax, neither depth nor encoding.
        return self._bounded or (is_shallow(raw, max_depth) and _is_utf8(raw))


def compile_fast(schema: dict[str, Any]) -> FastAccept | None:
    """The fast accept of a valid schema, None where the schema is not understood."""
    shape = shape_of(schema)
    return None if shape is None else FastAccept(shape)


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_bounded(kind: Any) -> bool:
    """Whether everything that is decoded into a type is looked at, to a depth that the type limits."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        closed = kind.__struct_config__.forbid_unknown_fields
        return closed and all(is_bounded(field.type) for field in msgspec.structs.fields(kind))
    if get_origin(kind) is Literal:
        return True
    return kind is not Any and all(is_bounded(inner) for inner in get_args(kind) if not isinstance(inner, msgspec.Meta))


class Checked(msgspec.Struct, frozen=True):
    """A value of a decoded event that the exact validator has to see."""

    names: tuple[str, ...]
    """The attributes that lead to it."""
    schema: dict[str, Any]
    surely: bool
    """Whether it is always there."""


def checks_of(shape: Shape, places: Iterable[Checked]) -> Iterator[Check]:
    """What the types of a decoded event leave open, as checks of it."""
    always: list[tuple[str, dict[str, Any]]] = []
    for place in places:
        if place.surely:
            always.append((".".join(place.names), place.schema))
        else:
            yield _check_if_there(place.names, shape.validator(place.schema))
    if always:
        # One call of the validator for all the values that are surely there costs little more than one for each.
        holds = shape.validator({"prefixItems": [schema for _, schema in always]})
        yield _check_all(attrgetter(*(place for place, _ in always), always[0][0]), holds)


def _checked_leaves(shape: Shape, above: tuple[str, ...], *, required: bool) -> Iterator[Checked]:
    for index, member in enumerate(shape.members.values()):
        names, surely = (*above, f"f{index}"), required and member.required
        if isinstance(member.content, Shape):
            yield from _checked_leaves(member.content, names, required=surely)
        elif member.content.checked:
            yield Checked(names, member.content.schema, surely)


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
