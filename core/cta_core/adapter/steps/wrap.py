"""`wrap`: a value is expected inside an array: `x` as `[x]`, or an object as a list of name and value pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import is_object, parse

if TYPE_CHECKING:
    from cta_core.adapter.steps.unwrap import Unwrap


class WrapForm(StrEnum):
    """What the array looks like."""

    ONE_ELEMENT = "ONE_ELEMENT"
    """`x` against `[x]`, or against `[{inner_key: x}]`."""
    PAIRS = "PAIRS"
    """`{a: 1}` against `[{name_key: "a", value_key: 1}]`."""


class Wrap(StepBase, tag="wrap", frozen=True, kw_only=True):
    """Put a value into an array, or turn an object into a list of pairs."""

    path: str
    """The field."""
    form: WrapForm
    """What the array looks like."""
    inner_key: str = ""
    """For ONE_ELEMENT: the key that holds the value in the element; empty if the element is the value."""
    name_key: str = "name"
    """For PAIRS: the key of the name."""
    value_key: str = "value"
    """For PAIRS: the key of the value."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)
        yield from form_problems(self.form, self.inner_key, self.name_key, self.value_key)

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
        if self.form is WrapForm.PAIRS:
            return _to_pairs(self.path, self.name_key, self.value_key)
        key = self.inner_key
        if key:
            return lambda value: None if value is None else [{key: value}]
        return lambda value: None if value is None else [value]

    def inverse(self) -> Unwrap:
        """See `Step.inverse`."""
        from cta_core.adapter.steps.unwrap import Unwrap  # noqa: PLC0415 - the two name each other

        return Unwrap(
            path=self.path, form=self.form, inner_key=self.inner_key, name_key=self.name_key, value_key=self.value_key
        )

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        if self.form is WrapForm.PAIRS:
            return f"turn the object {self.path} into a list of {self.name_key} and {self.value_key}"
        return f"wrap {self.path} into an array of one{f' object with {self.inner_key}' if self.inner_key else ''}"


def form_problems(form: WrapForm, inner_key: str, name_key: str, value_key: str) -> Iterator[Violation]:
    """What is wrong with the keys, for wrap and unwrap alike."""
    if form is WrapForm.PAIRS:
        if inner_key:
            yield Violation("inner_key", "goes with ONE_ELEMENT only")
        if name_key == value_key:
            yield Violation("value_key", "must differ from name_key")
    elif (name_key, value_key) != ("name", "value"):
        yield Violation("name_key", "goes with PAIRS only")


def _to_pairs(path: str, name_key: str, value_key: str) -> Callable[[Any], Any]:
    def to_pairs(value: Any) -> Any:
        if value is None:
            return None
        if not is_object(value):
            raise EventRefused(f"is of type {type_word(value)}, not an object", path)
        return [{name_key: name, value_key: inner} for name, inner in value.items()]

    return to_pairs
