"""The drifted side of the lane: the struct that an event is decoded into, its changed and its checked fields.

Objects are closed: a field that no route comes from makes an event none of the lane. Objects that the healing reaches
into must be there; elsewhere presence is what the contract says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from cta_core.contract.fast import Checked
from cta_core.contract.shape import Shape
from cta_core.lane.route import Keys, Route, Routes


class FieldChange(msgspec.Struct, frozen=True):
    """The change of a field."""

    names: tuple[str, ...]
    """The attributes that lead to it."""
    change: Callable[[Any], Any]
    schema: dict[str, Any]
    """What the contract asks of the result."""
    sure: bool
    """Whether the field is always there."""
    constant: Any
    """The result where it is not, or UNSET."""


class Drifted:
    """The drifted event as a tree of structs, whose fields are named f0, f1, ..."""

    def __init__(self, shape: Shape, routes: Routes) -> None:
        self._shape = shape
        self._leaves = {route.source: route for route in routes.routes if not route.absent}
        self._members: dict[Keys, list[str]] = {(): []}
        for place in (*self._leaves, *routes.dropped):
            for length in range(len(place)):
                keys = self._members.setdefault(place[:length], [])
                if place[length] not in keys:
                    keys.append(place[length])
        self._needed = self._reached(shape, ()) | routes.present
        self.struct = self._struct(())
        """The type of the whole event."""

    def names(self, place: Keys) -> tuple[str, ...]:
        """The attributes that lead to a place."""
        return tuple(f"f{self._members[place[:length]].index(place[length])}" for length in range(len(place)))

    def same(self, place: Keys, shape: Shape) -> bool:
        """Whether an object of the healthy event is the drifted one as it stands, but for changed values."""
        if set(self._members.get(place, ())) != set(shape.members):
            return False
        for key, member in shape.members.items():
            below = (*place, key)
            if isinstance(member.content, Shape):
                if not self.same(below, member.content):
                    return False
            elif below not in self._leaves or self._leaves[below].target != below:
                return False
        return True

    def changes(self) -> Iterator[FieldChange]:
        """The changes of fields."""
        for place, route in self._leaves.items():
            if route.changes:
                change = _chained(route.changes)
                yield FieldChange(self.names(place), change, route.leaf.schema, route.sure, route.constant)

    def checked(self) -> Iterator[Checked]:
        """The unchanged values that the exact validator has to see."""
        for place, route in self._leaves.items():
            if route.leaf.checked and not route.changes:
                surely = route.sure and all(self._required(parent) for parent in parents(place))
                yield Checked(self.names(place), route.leaf.schema, surely)

    def _reached(self, shape: Shape, place: Keys) -> set[Keys]:
        """The drifted objects that must be there for the healthy object at a place to be put together."""
        reached: set[Keys] = set()
        moved = not self.same(place, shape)
        for key, member in shape.members.items():
            below = (*place, key)
            if isinstance(member.content, Shape):
                reached |= self._reached(member.content, below)
                if moved and self.same(below, member.content):
                    reached |= parents(below)
        for source, route in self._leaves.items():
            if route.target[:-1] == place and (moved or route.touched):
                reached |= parents(source)
        return reached

    def _required(self, place: Keys) -> bool:
        """Whether the object at a place is there in every event of the lane."""
        if place in self._needed:
            return True
        shape, required = self._shape, True
        for key in place:
            member = shape.members[key]
            if not isinstance(member.content, Shape):
                return False
            shape, required = member.content, member.required
        return required

    def _struct(self, place: Keys) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for index, key in enumerate(self._members[place]):
            below, name = (*place, key), f"f{index}"
            route = self._leaves.get(below)
            if route is not None:
                fields.append(_field(name, route.type, required=route.sure, constant=_default(route)))
            elif below in self._members:
                fields.append(_field(name, self._struct(below), required=self._required(below)))
            else:
                fields.append(_field(name, Any, required=False))  # a value that the program drops
        keys = {f"f{index}": key for index, key in enumerate(self._members[place])}
        return msgspec.defstruct("Drifted", fields, kw_only=True, rename=keys, forbid_unknown_fields=True, gc=False)


def parents(place: Keys) -> set[Keys]:
    """The objects around a place, without the event itself."""
    return {place[:length] for length in range(1, len(place))}


def _field(name: str, kind: Any, *, required: bool, constant: Any = UNSET) -> Any:
    if required:
        return (name, kind)
    return (name, kind, constant) if constant is not UNSET else (name, kind | UnsetType, UNSET)


def _default(route: Route) -> Any:
    """The constant, where no change has to tell it from a value that was sent."""
    return UNSET if route.changes else route.constant


def _chained(changes: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    if len(changes) == 1:
        return changes[0]

    def chained(value: Any) -> Any:
        for change in changes:
            value = change(value)
        return value

    return chained
