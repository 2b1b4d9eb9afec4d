"""Structs of the core that have the same fields as a message: both ways, by one table that is made once per pair.

The rule for a field that a message leaves at its zero: the struct's default counts where it has one (an empty `decimal`
is ".", a `numerator` of 0 is 1), as the comments in `proto/` say. What the message cannot leave open must be set. Used
for adapters, whose step kinds mirror the core one to one, and for the parts of a report; values with times are written
out by hand elsewhere.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from cta_core.adapter.scalar import Scalar
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.scalars import scalar_of, value
from cta_server.rpc.convert.words import Words

Core = TypeVar("Core", bound=msgspec.Struct)

Writer = Callable[[Any], Any]
"""A value of the core as what a message's constructor takes."""
Reader = Callable[[Any, str, Problems], Any]
"""A field of a message (the whole message is given) as a value of the core."""

_SCALAR: Final = frozenset(get_args(Scalar))


class Mirror(Generic[Core]):
    """A struct and the message that mirrors it."""

    def __init__(
        self,
        core: type[Core],
        api: type[Message],
        *,
        renamed: Mapping[str, str] | None = None,
        own: Mapping[str, tuple[Writer, Reader]] | None = None,
        without: Collection[str] = (),
    ) -> None:
        """`renamed` gives the message's name of a field; `own` brings the conversion of fields that have their own
        rule; fields in `without` have no place in the message: the caller brings them.
        """
        self._core, self._api = core, api
        hints = get_type_hints(core)
        self._writers: dict[str, tuple[str, Writer]] = {}
        self._readers: dict[str, tuple[str, Reader]] = {}
        for field in msgspec.structs.fields(core):
            if field.name in without:
                continue
            name = (renamed or {}).get(field.name, field.name)
            default = None if field.default is msgspec.NODEFAULT else field.default
            write, read = (own or {}).get(field.name) or _conversion(api, name, hints[field.name], default)
            self._writers[field.name] = (name, write)
            self._readers[field.name] = (name, read)

    def message(self, core: Core) -> Any:
        """The struct as a message."""
        return self._api(**{name: write(getattr(core, own)) for own, (name, write) in self._writers.items()})

    def struct(self, message: Any, field: str, problems: Problems, **brought: Any) -> Core | None:
        """The message as a struct; None, with the problems noted, where it cannot be one."""
        before = problems.count
        prefix = f"{field}." if field else ""
        values = {own: read(message, f"{prefix}{name}", problems) for own, (name, read) in self._readers.items()}
        return self._core(**values, **brought) if problems.count == before else None


def message_class(descriptor: Any) -> type[Message]:
    """The class of a field's messages."""
    return GetMessageClass(descriptor.message_type)


def _conversion(api: type[Message], name: str, hint: Any, default: Any) -> tuple[Writer, Reader]:
    """How one field is written and read, by the type of the struct's field."""
    descriptor: Any = api.DESCRIPTOR.fields_by_name[name]
    members = frozenset(get_args(hint))
    if get_origin(hint) is tuple:
        return _list(descriptor, name, get_args(hint)[0])
    if members == _SCALAR:
        return value, lambda message, field, problems: scalar_of(getattr(message, name), field, problems)
    if get_origin(hint) in (Union, types.UnionType) and type(None) in members:
        (inner,) = members - {type(None)}
        return _optional(descriptor, name, inner)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        words = Words(EnumTypeWrapper(descriptor.enum_type), hint)
        return words.numbers.__getitem__, lambda message, field, problems: words.word(
            getattr(message, name), field, problems, default
        )
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        mirror = Mirror(hint, message_class(descriptor))
        return mirror.message, lambda message, field, problems: mirror.struct(getattr(message, name), field, problems)
    if default:
        return _same, lambda message, _field, _problems: getattr(message, name) or default
    return _same, lambda message, _field, _problems: getattr(message, name)


def _optional(descriptor: Any, name: str, inner: Any) -> tuple[Writer, Reader]:
    """A field that may be missing: an enum's zero, or a field whose presence the message knows."""
    if issubclass(inner, StrEnum):
        words = Words(EnumTypeWrapper(descriptor.enum_type), inner)
        return (
            lambda word: None if word is None else words.numbers[word],
            lambda message, field, problems: words.optional(getattr(message, name), field, problems),
        )
    return _same, lambda message, _field, _problems: getattr(message, name) if message.HasField(name) else None


def _list(descriptor: Any, name: str, inner: Any) -> tuple[Writer, Reader]:
    """A repeated field: of scalars, of structs, or of plain values."""
    if frozenset(get_args(inner)) == _SCALAR:
        return lambda items: [value(item) for item in items], lambda message, field, problems: tuple(
            scalar_of(item, f"{field}[{index}]", problems) for index, item in enumerate(getattr(message, name))
        )
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        mirror = Mirror(inner, message_class(descriptor))
        return lambda items: [mirror.message(item) for item in items], lambda message, field, problems: tuple(
            mirror.struct(item, f"{field}[{index}]", problems) for index, item in enumerate(getattr(message, name))
        )
    return list, lambda message, _field, _problems: tuple(getattr(message, name))


def _same(item: Any) -> Any:
    return item
