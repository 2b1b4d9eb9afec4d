"""`unwrap`: a value is sent inside an array: `[x]` for `x`, or a list of name and value pairs for an object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.adapter.steps.wrap import Wrap, WrapForm, form_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import is_array, is_object, parse


class Unwrap(StepBase, tag="unwrap", frozen=True, kw_only=True):
    """Take a value out of its array, or turn a list of pairs into an object. Anything that would be lost refuses."""

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
            return _from_pairs(self.path, self.name_key, self.value_key)
        return _from_one(self.path, self.inner_key)

    def inverse(self) -> Wrap:
        """See `Step.inverse`."""
        return Wrap(
            path=self.path, form=self.form, inner_key=self.inner_key, name_key=self.name_key, value_key=self.value_key
        )

    def loses(self) -> str:
        """See `Step.loses`."""
        return "" if self.form is WrapForm.PAIRS else f"whether a null at {self.path} stood in an array"

    def words(self) -> str:
        """See `Step.words`."""
        if self.form is WrapForm.PAIRS:
            return f"turn the list {self.path} of {self.name_key} and {self.value_key} into an object"
        return f"take {f'{self.inner_key} of ' if self.inner_key else ''}the only element out of the array {self.path}"


def _from_one(path: str, inner_key: str) -> Callable[[Any], Any]:
    def from_one(value: Any) -> Any:
        if value is None:
            return None
        if not is_array(value):
            raise EventRefused(f"is of type {type_word(value)}, not an array", path)
        if len(value) != 1:
            raise EventRefused(f"is an array of {len(value)} elements, not of one", path)
        element = value[0]
        if not inner_key:
            return element
        if not is_object(element) or element.keys() != {inner_key}:
            raise EventRefused(f"is an array whose element is not an object with {inner_key} alone", path)
        return element[inner_key]

    return from_one


def _from_pairs(path: str, name_key: str, value_key: str) -> Callable[[Any], Any]:
    keys = {name_key, value_key}

    def from_pairs(value: Any) -> Any:
        if value is None:
            return None
        if not is_array(value):
            raise EventRefused(f"is of type {type_word(value)}, not an array", path)
        result: dict[str, Any] = {}
        for pair in value:
            if not is_object(pair) or pair.keys() != keys or type(pair[name_key]) is not str:
                raise EventRefused(f"has an element that is not a pair of {name_key} and {value_key}", path)
            name = pair[name_key]
            if name in result:
                raise EventRefused("names one thing twice", path)
            result[name] = pair[value_key]
        return result

    return from_pairs
