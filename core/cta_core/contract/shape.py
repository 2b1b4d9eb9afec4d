"""The shape of a contract: its objects as a tree of members, each with a msgspec type or marked for an exact check.

A schema is understood when its root is an object of `properties`; inside, whatever has no exact msgspec type is decoded
as it comes and asked of the exact validator, value by value. So one unusual field costs a check and not the fast way of
the whole contract. `fast` turns the shape into a decoder; the gate's typed lane reads it to derive the shape of drifted
events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jsonschema_rs
import msgspec

from cta_core.contract.leaf import ANNOTATIONS, value_type
from cta_core.path import is_array, is_object


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A value that is decoded as one piece."""

    type: Any
    """The msgspec type. Without `checked` it accepts only what the schema accepts."""
    checked: bool = False
    """Whether the type is wider than the schema, so that the exact validator has to be asked."""
    schema: dict[str, Any]
    """The subschema; its references lead into `definitions` of the root."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A named member of an object."""

    content: Leaf | Shape
    required: bool


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """An object: its members by key, and whether other keys are refused."""

    members: dict[str, Member]
    closed: bool
    definitions: dict[str, Any] = {}
    """At the root: what references of the leaves lead to."""

    def validator(self, schema: dict[str, Any]) -> Callable[[Any], bool]:
        """The exact validator of a schema whose references lead into the definitions of this root."""
        whole = {**self.definitions, "allOf": [schema]} if self.definitions else schema
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True, offline=True).is_valid


def shape_of(schema: dict[str, Any]) -> Shape | None:
    """The shape of a contract, None where its root or its references are not understood."""
    return _Reader(schema).read() if _local_definitions_only(schema) else None


_MAX_HOPS: Final = 10
"""References that only lead to a reference, in a row. Real schemas have one or two; a circle of them has no end."""

_DEFINITIONS: Final = ("#/$defs/", "#/definitions/")


def _local_definitions_only(schema: Any) -> bool:
    """Whether every reference names a definition, and no identifier changes what references mean."""
    stack: list[tuple[Any, bool]] = [(schema, True)]
    while stack:
        node, root = stack.pop()
        if is_array(node):
            stack.extend((member, False) for member in node)
        elif is_object(node):
            reference = node.get("$ref", _DEFINITIONS[0])
            if isinstance(reference, str) and not reference.startswith(_DEFINITIONS):
                return False
            if "$dynamicRef" in node or "$recursiveRef" in node or ("$id" in node and not root):
                return False
            stack.extend((value, False) for value in node.values())
    return True


class _Reader:
    """Reads one schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.root = schema
        self.definitions = {word: schema[word] for word in ("$defs", "definitions") if word in schema}
        self.open_references: set[str] = set()

    def read(self) -> Shape | None:
        """The shape of the root."""
        shape = self.shape({key: value for key, value in self.root.items() if key not in ("$id", "definitions")})
        return None if shape is None else msgspec.structs.replace(shape, definitions=self.definitions)

    def shape(self, schema: dict[str, Any]) -> Shape | None:
        """The shape of an object's schema, None if it says more than members."""
        words = schema.keys() - ANNOTATIONS
        others = schema.get("additionalProperties", True)
        if not words <= {"type", "properties", "required", "additionalProperties"} or type(others) is not bool:
            return None
        if schema.get("type", "object") not in ("object", ["object"]):
            return None
        properties, required = schema.get("properties", {}), schema.get("required", [])
        names = [*properties, *(name for name in required if name not in properties)]
        if not all(_nameable(name) for name in names) or (not others and len(names) != len(properties)):
            return None
        members = {
            name: Member(content=self.content(properties.get(name, True)), required=name in required) for name in names
        }
        return Shape(members=members, closed=not others)

    def content(self, schema: Any) -> Leaf | Shape:
        """What a member holds."""
        plain = self.resolve(schema)
        if is_object(plain) and plain.get("type") == "object" and plain.get("properties"):
            below: Shape | None = self.below(schema, lambda: self.shape(plain))
            if below is not None:
                return below
        own: dict[str, Any] = schema if is_object(schema) else {} if schema is True else {"not": {}}
        whole = self.value(schema)
        if whole is not None:
            return Leaf(type=whole, schema=own)
        return Leaf(type=_widest(plain), checked=True, schema=own)

    def below(self, schema: Any, read: Callable[[], Any]) -> Any:
        """Read what a reference leads to, unless it leads back to itself."""
        reference = schema.get("$ref") if is_object(schema) else None
        if reference is None:
            return read()
        if reference in self.open_references:
            return None
        self.open_references.add(reference)
        try:
            return read()
        finally:
            self.open_references.discard(reference)

    def resolve(self, schema: Any) -> Any:
        """The target of a schema that is nothing but a reference, any other schema itself."""
        for _ in range(_MAX_HOPS):
            if not is_object(schema) or schema.keys() - ANNOTATIONS != {"$ref"}:
                break
            node: Any = self.root
            for token in schema["$ref"].removeprefix("#/").split("/"):
                key = token.replace("~1", "/").replace("~0", "~")
                node = node.get(key) if is_object(node) else None
            schema = node
        return schema

    def value(self, schema: Any) -> Any:
        """The msgspec type for the schema of a value, None where it has none."""
        return self.below(schema, lambda: value_type(self.resolve(schema), self.value, self.object_type))

    def object_type(self, schema: dict[str, Any]) -> Any:
        """The type of an object inside a value: it has no place for checks, so every member needs a type."""
        shape = self.shape({key: value for key, value in schema.items() if key != "type"})
        if shape is None or any(_needs_check(member.content) for member in shape.members.values()):
            return None
        return struct_of(shape) if shape.members or shape.closed else dict[str, Any]


def _needs_check(content: Leaf | Shape) -> bool:
    """Whether something in there needs the exact validator."""
    if isinstance(content, Leaf):
        return content.checked
    return any(_needs_check(member.content) for member in content.members.values())


def _nameable(key: str) -> bool:
    """Whether msgspec can give a field this name."""
    return '"' not in key and "\\" not in key and all(letter >= " " for letter in key)


def _widest(schema: Any) -> Any:
    """A quick type in front of a check: text for text, so that most wrong values never reach the validator."""
    return str if is_object(schema) and schema.get("type") == "string" else Any


def struct_of(shape: Shape) -> type[msgspec.Struct]:
    """The msgspec struct for a shape. Fields are named f0, f1, ... in the order of its members."""
    fields: list[Any] = []
    for index, member in enumerate(shape.members.values()):
        kind = member.content.type if isinstance(member.content, Leaf) else struct_of(member.content)
        fields.append(
            (f"f{index}", kind) if member.required else (f"f{index}", kind | msgspec.UnsetType, msgspec.UNSET)
        )
    names = {f"f{index}": key for index, key in enumerate(shape.members)}
    return msgspec.defstruct("Event", fields, kw_only=True, rename=names, forbid_unknown_fields=shape.closed, gc=False)
