"""A contract: a JSON Schema 2020-12, checked and compiled once, that says which events are healthy.

Two validators stand behind it. The exact one (jsonschema-rs, formats asserted) has the last word. The fast one decodes
bytes straight into msgspec types and may only accept: what it refuses, or a schema that it does not understand, goes to
the exact one. The gate calls `accepts` and `holds`, everybody who has to tell why calls `violations`, the diagnosis
reads `fields`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import msgspec

from cta_core.contract.breach import Breach, breaches_of
from cta_core.contract.fast import compile_fast
from cta_core.contract.fields import Field, fields_of
from cta_core.errors import EventRefused, InvalidContract, Violation
from cta_core.event import EventLimits, decode, depth_exceeds
from cta_core.path import is_array, is_object, pointer_to

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The only dialect: older ones give `items`, `definitions` and `format` another meaning."""

SCHEMA_LIMITS: Final = EventLimits(max_bytes=1024 * 1024, max_depth=100)
"""The largest public schemas of event formats have 300 kB and 20 levels."""


class Contract:
    """A compiled contract. Safe to share between threads: it keeps no state."""

    def __init__(self, schema: dict[str, Any], validator: jsonschema_rs.Draft202012Validator) -> None:
        self.schema = schema
        """The JSON Schema, to be read only."""
        self._validator = validator
        self._fields: tuple[Field, ...] | None = None
        self.holds = validator.is_valid
        """Whether a decoded event is healthy, by the exact validator."""
        self.fast = compile_fast(schema)
        """Decodes bytes that are surely healthy, and raises for all others; None for a schema that it does not
        understand."""

    def violations(self, event: dict[str, Any]) -> tuple[Breach, ...]:
        """Every rule that a decoded event breaks; empty for a healthy one."""
        return breaches_of(self._validator.iter_errors(event))

    def accepts(self, raw: bytes) -> bool:
        """Whether the bytes are a healthy event. Bytes that are no event within the default limits are not."""
        if self.fast is not None and self.fast.accepts(raw):
            return True
        try:
            return self.holds(decode(raw))
        except EventRefused:
            return False

    def fields(self) -> tuple[Field, ...]:
        """The leaf fields that the contract names, with its own words on each."""
        if self._fields is None:
            self._fields = tuple(fields_of(self.schema))
        return self._fields


def compile_contract(schema: dict[str, Any] | bytes) -> Contract:
    """The contract of a JSON Schema; `InvalidContract` names what cannot be used."""
    if isinstance(schema, bytes):
        try:
            schema = decode(schema, SCHEMA_LIMITS)
        except EventRefused as refused:
            raise InvalidContract.of("schema", refused.reason.replace("the event", "the schema")) from None
    if depth_exceeds(schema, SCHEMA_LIMITS.max_depth):
        raise InvalidContract.of("schema", f"must not be nested deeper than {SCHEMA_LIMITS.max_depth} levels")
    found = list(_problems(schema))
    if found:
        raise InvalidContract(found)
    return Contract(schema, _validator(schema))


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True)
    except jsonschema_rs.ValidationError as error:
        message = error.message.splitlines()[0]
        if error.instance_path[-1:] == ["type"] and isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AnyOf):
            # The validator's sentence is about its own schema of schemas, in which a type is one of two things.
            given = msgspec.json.encode(error.instance).decode()
            message = f"must be one of {', '.join(_TYPES)}, or a list of several; it is {given[:_TOLD]}"
        raise InvalidContract.of(pointer_to(error.instance_path) or "schema", message) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidContract.of("schema", str(error).splitlines()[0]) from None


_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
"""The types of JSON Schema."""
_TOLD: Final = 80
"""Characters of a wrong type that are told: a word, or a list of some."""


def _problems(schema: dict[str, Any]) -> Iterator[Violation]:
    dialect = schema.get("$schema", DIALECT)
    if not isinstance(dialect, str) or dialect.rstrip("#") != DIALECT:
        yield Violation("/$schema", f"must be {DIALECT} or be left out")
    yield from _remote_references(schema)


_DATA: Final = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose values are data and not schemas."""


def _remote_references(schema: dict[str, Any]) -> Iterator[Violation]:
    """References that lead out of the contract. Nothing is ever fetched."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while stack:
        place, node = stack.pop()
        if is_object(node):
            for word in ("$ref", "$dynamicRef"):
                target = node.get(word)
                if isinstance(target, str) and not target.startswith("#"):
                    yield Violation(
                        pointer_to((*place, word)), "must point inside the contract (#/$defs/...); nothing is fetched"
                    )
            stack.extend(((*place, key), value) for key, value in node.items() if key not in _DATA)
        elif is_array(node):
            stack.extend(((*place, index), value) for index, value in enumerate(node))


def schema_bytes(schema: dict[str, Any]) -> bytes:
    """A schema as canonical bytes: the same schema gives the same bytes, whatever the order of its keys."""
    return msgspec.json.encode(schema, order="sorted")
