"""`cast`: the same value in another JSON type, exactly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cta_core.adapter.access import rewriter
from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import JsonType, integer_of_text, number_of_text, type_word, whole
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import parse

MAX_WIDTH: Final = 100
"""Digits to pad to. Codes and account numbers have up to 34; a larger width is a slip."""


class Cast(StepBase, tag="cast", frozen=True, kw_only=True):
    """Cast a value: "12" to 12, 1.0 to 1, 7 to "007". A value that already has the type stays."""

    path: str
    """The field."""
    to: JsonType
    """Its type by the contract."""
    width: int = 0
    """For STRING: integers are padded with zeros to so many digits; 0 pads nothing."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)
        if not 0 <= self.width <= MAX_WIDTH:
            yield Violation("width", f"must be between 0 and {MAX_WIDTH}")
        elif self.width and self.to is not JsonType.STRING:
            yield Violation("width", "pads text: cast to STRING or leave it out")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.path,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        return rewriter(parse(self.path), self.change())

    def change(self) -> Callable[[Any], Any]:
        """The change of one value."""
        path = self.path
        match self.to:
            case JsonType.STRING:
                return _to_padded(path, self.width) if self.width else _to_string(path)
            case JsonType.INTEGER:
                return _to_integer(path)
            case JsonType.NUMBER:
                return _to_number(path)
            case JsonType.BOOLEAN:
                return _to_boolean(path)

    def inverse(self) -> None:
        """See `Step.inverse`; none: the type that the value had is not known any more."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return f"the JSON type that {self.path} had"

    def words(self) -> str:
        """See `Step.words`."""
        padded = f", padded to {self.width} digits" if self.width else ""
        return f"cast {self.path} to {self.to.lower()}{padded}"


def _to_string(path: str) -> Callable[[Any], Any]:
    def to_string(value: Any) -> Any:
        if type(value) is str or value is None:
            return value
        if type(value) is int or type(value) is float or type(value) is bool:
            return shown(value)
        raise EventRefused(f"is of type {type_word(value)}, which has no text form", path)

    return to_string


def _to_padded(path: str, width: int) -> Callable[[Any], Any]:
    def to_padded(value: Any) -> Any:
        if type(value) is str or value is None:
            return value
        if type(value) is not int or value < 0:
            raise EventRefused("is not a number of digits that can be padded", path)
        text = str(value).zfill(width)
        if len(text) > width:
            raise EventRefused(f"has more than {width} digits", path)
        return text

    return to_padded


def _to_integer(path: str) -> Callable[[Any], Any]:
    def to_integer(value: Any) -> Any:
        result = None
        if type(value) is str:
            result = integer_of_text(value)
        elif type(value) is int or value is None:
            return value
        elif type(value) is float:
            result = whole(value)
        if result is None:
            raise EventRefused(f"is a {type_word(value)} that does not write out an integer", path)
        return result

    return to_integer


def _to_number(path: str) -> Callable[[Any], Any]:
    def to_number(value: Any) -> Any:
        if type(value) is float or type(value) is int or value is None:
            return value
        result = number_of_text(value) if type(value) is str else None
        if result is None:
            raise EventRefused(f"is a {type_word(value)} that does not write out a number", path)
        return result

    return to_number


def _to_boolean(path: str) -> Callable[[Any], Any]:
    def to_boolean(value: Any) -> Any:
        if type(value) is bool or value is None:
            return value
        if type(value) is str and value in ("true", "false"):
            return value == "true"
        raise EventRefused(f"is a {type_word(value)} other than true or false", path)

    return to_boolean
