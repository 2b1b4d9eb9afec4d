"""`null_form`: a text or number that stands for "no value" (`N/A`, -1, empty text) becomes null, or goes."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from cta_core.adapter.access import rewriter
from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import Scalar, identity
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.path import EVERY, child, key_of, parents, parse


class NullAction(StrEnum):
    """What stands in the place of the form."""

    NULL = "NULL"
    """The field becomes null."""
    REMOVE = "REMOVE"
    """The field goes."""


class NullForm(StepBase, tag="null_form", frozen=True, kw_only=True):
    """Turn forms of "no value" into null or absence. Any other value stays."""

    path: str
    """The field."""
    forms: tuple[Scalar, ...]
    """The forms; -1 and "-1" are two."""
    action: NullAction = NullAction.NULL
    """What stands in their place."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        found = list(pointer_problems("path", self.path))
        yield from found
        if not self.forms:
            yield Violation("forms", "name one form at least")
        if not found and self.action is NullAction.REMOVE and parse(self.path)[-1] == EVERY:
            yield Violation("path", "name a key; array members are not removed one by one")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.path,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        parts = parse(self.path)
        forms = {identity(form) for form in self.forms}

        def is_form(value: Any) -> bool:
            return type(value) is not dict and type(value) is not list and (type(value), value) in forms

        if self.action is NullAction.NULL:
            return rewriter(parts, lambda value: None if is_form(value) else value)
        last, key = parts[-1], key_of(parts[-1])

        def remove_forms(event: dict[str, Any]) -> None:
            for node in parents(event, parts):
                if type(node) is dict and is_form(child(node, last)):
                    del node[key]

        return remove_forms

    def inverse(self) -> None:
        """See `Step.inverse`; none: a field that was null before would get the form."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return f"which form of no value {self.path} had"

    def words(self) -> str:
        """See `Step.words`."""
        forms = " or ".join(shown(form) for form in self.forms)
        return (
            f"make {self.path} null where it is {forms}"
            if self.action is NullAction.NULL
            else f"remove {self.path} where it is {forms}"
        )
