"""Breaches: which rule of the contract a field broke, told without the value that broke it.

Turns the validator's errors into our own words, because its messages quote payload values. What is expected comes from
the contract and may be shown. Called by the contract only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import msgspec

from cta_core.path import is_array, pointer_to

MAX_BREACHES: Final = 100
"""Breaches told of one event. A person reads ten; a 5 MiB array of wrong members must not make 300,000 of them."""

_MAX_SHOWN: Final = 200
"""Characters of an expectation that are shown."""


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of the contract that a field broke."""

    path: str
    """JSON Pointer of the field, array members by their number; for `required` the field that is missing."""
    rule: str
    """The JSON Schema keyword: `required`, `type`, `enum`, `minimum`, ..."""
    message: str
    """One sentence, without payload values."""
    expected: str = ""
    """What the contract asks for, as text: `integer or null`, `["a","b"]`, `>= 0`."""


def breaches_of(errors: Iterable[jsonschema_rs.ValidationError]) -> tuple[Breach, ...]:
    """The validator's errors as breaches, at most `MAX_BREACHES`."""
    return tuple(islice(_breaches(errors), MAX_BREACHES))


def _breaches(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterator[Breach]:
    for error in errors:
        rule = error.kind.name
        place = list(error.instance_path)
        details: dict[str, Any] = error.kind.as_dict()
        if rule == "required":
            missing = str(details.get("property", ""))
            yield Breach(
                path=pointer_to([*place, missing]), rule=rule, message="is required and missing", expected="present"
            )
        elif rule in ("additionalProperties", "unevaluatedProperties"):
            for name in details.get("unexpected", ()):
                yield Breach(
                    path=pointer_to([*place, name]),
                    rule=rule,
                    message="is not known to the contract",
                    expected="absent",
                )
        else:
            message, expected = _told(rule, details)
            yield Breach(path=pointer_to(place), rule=rule, message=message, expected=expected)


def _told(rule: str, details: dict[str, Any]) -> tuple[str, str]:
    """The sentence and the expectation for a rule."""
    tell = _RULES.get(rule)
    if tell is None:
        return f"breaks the contract's rule {rule}", ""
    key, sentence, form = tell
    expected = form(details[key]) if key in details else ""
    return (sentence.replace("{}", expected) if "{}" in sentence else sentence), expected


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _types(value: Any) -> str:
    return " or ".join(value) if is_array(value) else str(value)


_Form = Callable[[Any], str]

# Rule -> (the validator's detail that says what was expected, our sentence, how the detail is written).
_RULES: Final[dict[str, tuple[str, str, _Form]]] = {
    "type": ("types", "must be of type {}", _types),
    "enum": ("options", "must be one of {}", _text),
    "const": ("expected_value", "must be {}", _json),
    "minimum": ("limit", "must be at least {}", _text),
    "maximum": ("limit", "must be at most {}", _text),
    "exclusiveMinimum": ("limit", "must be above {}", _text),
    "exclusiveMaximum": ("limit", "must be below {}", _text),
    "multipleOf": ("multiple_of", "must be a multiple of {}", _text),
    "minLength": ("limit", "must have at least {} characters", _text),
    "maxLength": ("limit", "must have at most {} characters", _text),
    "pattern": ("pattern", "must match the pattern {}", _text),
    "format": ("format", "must be in the format {}", _text),
    "minItems": ("limit", "must have at least {} members", _text),
    "maxItems": ("limit", "must have at most {} members", _text),
    "uniqueItems": ("", "must have members that differ from each other", _text),
    "contains": ("", "must have a member that the contract describes", _text),
    "minProperties": ("limit", "must have at least {} fields", _text),
    "maxProperties": ("limit", "must have at most {} fields", _text),
    "propertyNames": ("", "has a field whose name the contract does not allow", _text),
    "anyOf": ("", "must fit one of the contract's alternatives", _text),
    "oneOf": ("", "must fit exactly one of the contract's alternatives", _text),
    "not": ("", "must not be what the contract excludes", _text),
    "falseSchema": ("", "must not be there", _text),
}
