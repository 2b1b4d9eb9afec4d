"""Random messages of any type, for properties of converters: every field may be anything that the wire allows."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

INT32 = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 2, 1000])
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(max_size=12) | st.sampled_from(["/a", "/a/b", "/items/*/x", "rename", "payments", "x" * 3000])
DEEPEST = 4
"""Messages within messages; the recursive google.protobuf.Value is cut there."""


def messages(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Any]:
    """Messages of a type, each field present or not."""
    fields = [field for field in descriptor.fields if depth < DEEPEST or field.message_type is None]
    present = st.fixed_dictionaries({}, optional={field.name: _values(field, depth) for field in fields})
    cls = GetMessageClass(descriptor)

    def build(values: dict[str, Any]) -> Any:
        message = cls()
        for name, value in values.items():
            _set(message, descriptor.fields_by_name[name], value)
        return message

    return present.map(build)


def _set(message: Any, field: FieldDescriptor, value: Any) -> None:
    held = getattr(message, field.name)
    if isinstance(value, dict):  # a map
        for key, member in value.items():
            if field.message_type.fields_by_name["value"].message_type is None:
                held[key] = member
            else:
                held[key].CopyFrom(member)
    elif isinstance(value, list):
        held.extend(value)
    elif field.message_type is not None:
        held.CopyFrom(value)
    else:
        setattr(message, field.name, value)


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        return st.dictionaries(_single(key, depth), _single(value, depth), max_size=2)
    if field.is_repeated:
        return st.lists(_single(field, depth), max_size=3)
    return _single(field, depth)


def _single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return st.deferred(lambda: messages(field.message_type, depth + 1))
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return st.binary(max_size=8) if field.type == FieldDescriptor.TYPE_BYTES else TEXTS
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_ENUM:
            return st.integers(-1, 12)
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return st.floats()
        case FieldDescriptor.CPPTYPE_FLOAT:
            return st.floats(width=32)
        case FieldDescriptor.CPPTYPE_INT32:
            return INT32
        case _:
            return INT64
