"""Where each field of a healed event comes from: an adapter read backwards over the shape of its contract.

Starts from the fields that the contract names and undoes the adapter's steps, last one first. What is left is, for each
field of the healed event, the place in the drifted event and the changes on the way. A program that does more than
carry and change single values, or whose guard cannot be read off a shape, has no routes; then there is no typed lane
and nothing is lost but speed. `drifted` and `healthy` make types and code of the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, Union

import msgspec
from msgspec import UNSET

from cta_core.adapter.access import plain
from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.steps import (
    AnyStep,
    Cast,
    DateTime,
    Default,
    Drop,
    EnumMap,
    LetterCase,
    Move,
    NumberFormat,
    Parse,
    Rename,
    Scale,
    Serialise,
    Swap,
    Unwrap,
    Wrap,
)
from cta_core.contract.shape import Leaf, Shape
from cta_core.errors import EventRefused
from cta_core.path import key_of, parse

Keys = tuple[str, ...]
"""A place in an event without arrays: the keys that lead to it."""

CHANGES: Final = (Cast, NumberFormat, LetterCase, Scale, DateTime, EnumMap, Wrap, Unwrap, Parse, Serialise)
"""The kinds that change one value where it stands."""

SCALARS: Final = {"string": str, "integer": int, "number": int | float, "boolean": bool, "null": type(None)}
"""Types that a guard can ask for and a decoder can tell apart."""


SCALAR: Final = str | int | float | bool | None
"""Any scalar: what a step may find that changes a value."""


class NoLaneError(Exception):
    """The program or the contract does not fit the lane."""


class Route(msgspec.Struct, kw_only=True):
    """How one field of the healed event comes about."""

    target: Keys
    source: Keys
    leaf: Leaf
    required: bool
    """Whether the lane's events must have it."""
    changes: tuple[Callable[[Any], Any], ...] = ()
    constant: Any = UNSET
    """The value where the source is absent, if a step sets one."""
    touched: bool = False
    """Whether a step has to do with the field, so that the objects around it must be there."""
    absent: bool = False
    """Whether the guard asks for its absence, so that it always is the constant."""
    type: Any
    """The msgspec type of the drifted value."""

    @property
    def sure(self) -> bool:
        """Whether the drifted object, where it is, has the field."""
        return self.required and self.constant is UNSET


class Routes(msgspec.Struct, kw_only=True):
    """All routes of a program, and what the drifted event has besides."""

    routes: list[Route]
    dropped: list[Keys]
    """Places that may hold a value which the program drops."""
    present: set[Keys]
    """Objects that a condition asks for."""


def routes_of(shape: Shape, program: Program) -> Routes:
    """The routes of a program over a contract; `NoLaneError` where there are none."""
    found = Routes(routes=list(_identity(shape, ())), dropped=[], present=set())
    for step in reversed(program.steps):
        _undo(step, shape, found)
    _distinct(found)
    # Conditions of steps ask the drifted event as the guard does: the lane is for events on which every step runs.
    for condition in (*program.guard, *(condition for step in program.steps for condition in step.when)):
        _ask(condition, shape, found)
    return found


def _identity(shape: Shape, above: Keys) -> Iterator[Route]:
    for key, member in shape.members.items():
        place = (*above, key)
        if isinstance(member.content, Shape):
            yield from _identity(member.content, place)
        else:
            leaf = member.content
            yield Route(target=place, source=place, leaf=leaf, required=member.required, type=leaf.type)


def keys_of(pointer: str) -> Keys:
    """The keys of a pointer without arrays; `NoLaneError` for one with."""
    parts = parse(pointer)
    if not parts or not plain(parts):
        raise NoLaneError
    return tuple(key_of(part) for part in parts)


def _undo(step: AnyStep, shape: Shape, found: Routes) -> None:
    match step:
        case Rename() | Move():
            _undo_move(keys_of(step.source), keys_of(step.target), found)
        case Swap():
            left, right = _single(keys_of(step.left), found), _single(keys_of(step.right), found)
            left.source, right.source = right.source, left.source
            left.required = right.required = True
            left.touched = right.touched = True
        case Default():
            route = _single(keys_of(step.path), found)
            route.constant, route.touched = _after(step.value, route.changes), True
            if not shape.validator(route.leaf.schema)(route.constant):
                raise NoLaneError
        case Drop():
            place = keys_of(step.path)
            parent = place[:-1]
            known = not parent or any(under(route.source, parent) for route in found.routes)
            if not known or any(_related(route.source, place) for route in found.routes):
                raise NoLaneError
            found.dropped.append(place)
        case _ if isinstance(step, CHANGES) and not (isinstance(step, Scale) and step.by):
            route = _single(keys_of(step.path), found)
            route.changes, route.touched = (step.change(), *route.changes), True
            route.type = Any if isinstance(step, (Wrap, Unwrap, Serialise)) else SCALAR
        case _:
            raise NoLaneError


def _undo_move(source: Keys, target: Keys, found: Routes) -> None:
    moved = [route for route in found.routes if under(route.source, target)]
    rest = [route for route in found.routes if not under(route.source, target)]
    places = [*(route.source for route in rest), *found.dropped]
    if not moved or _related(source, target):
        raise NoLaneError
    if any(_related(place, source) or under(target, place) for place in places):
        raise NoLaneError
    # A move removes the parent that it empties. Here the parent surely keeps a field, or goes because it has no other.
    parent = source[:-1]
    others = [route for route in rest if under(route.source, parent)]
    if parent and others and not any(route.required and route.source[:-1] == parent for route in others):
        raise NoLaneError
    for route in moved:
        route.required, route.touched = route.required or route.source == target, True
        route.source = source + route.source[len(target) :]


def _single(place: Keys, found: Routes) -> Route:
    """The one route that comes from exactly this place."""
    related = [route for route in found.routes if _related(route.source, place)]
    if len(related) != 1 or related[0].source != place:
        raise NoLaneError
    return related[0]


def _after(value: Any, changes: tuple[Callable[[Any], Any], ...]) -> Any:
    try:
        for change in changes:
            value = change(value)
    except EventRefused:
        raise NoLaneError from None
    return value


def _distinct(found: Routes) -> None:
    """Every place of the drifted event is one field: none is another one, nor inside it."""
    places = [*(route.source for route in found.routes), *found.dropped]
    for index, place in enumerate(places):
        if any(_related(place, other) for other in places[index + 1 :]):
            raise NoLaneError


def _ask(condition: Condition, shape: Shape, found: Routes) -> None:
    """Make the shape of the drifted event imply a condition of the guard."""
    place = keys_of(condition.path)
    if condition.test is Test.ABSENT:
        related = [route for route in found.routes if _related(route.source, place)]
        if any(_related(dropped, place) for dropped in found.dropped):
            raise NoLaneError
        if related:
            route = _single(place, found)
            if route.constant is UNSET:
                raise NoLaneError
            route.absent = True
        return
    if condition.test is Test.PRESENT and any(under(route.source, place) for route in found.routes):
        found.present.update(place[:length] for length in range(1, len(place) + 1))
        if all(route.source != place for route in found.routes):
            return
    route = _single(place, found)
    if route.absent:
        raise NoLaneError
    if condition.test is Test.TYPE:
        _ask_type(condition.types, route)
    elif condition.test is Test.EQUALS:
        _ask_values(condition.values, route, shape)
    elif condition.test is not Test.PRESENT:
        raise NoLaneError
    route.required, route.constant = True, UNSET


def _ask_type(types: tuple[str, ...], route: Route) -> None:
    if route.type is not SCALAR or not set(types) <= SCALARS.keys():
        raise NoLaneError
    asked: Any = Union
    route.type = asked[tuple(SCALARS[word] for word in types)]


def _ask_values(values: tuple[Any, ...], route: Route, shape: Shape) -> None:
    if not all(type(value) in (str, int, type(None)) for value in values):
        raise NoLaneError
    if route.changes:
        if route.type is not SCALAR:
            raise NoLaneError
    elif not all(map(shape.validator(route.leaf.schema), values)):
        raise NoLaneError
    literal: Any = Literal
    route.type = literal[values]


def under(place: Keys, above: Keys) -> bool:
    """Whether a place is another one or inside it."""
    return place[: len(above)] == above


def _related(one: Keys, other: Keys) -> bool:
    """Whether the places are the same, or one is inside the other."""
    return under(one, other) or under(other, one)
