"""`letter_case`: text in capitals or in small letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import parse


class Letters(StrEnum):
    """The letters that a text should have."""

    LOWER = "LOWER"
    UPPER = "UPPER"


class LetterCase(StepBase, tag="letter_case", frozen=True, kw_only=True):
    """Change the letters of a text."""

    path: str
    """The field."""
    to: Letters
    """Small letters or capitals."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)

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
        convert = str.lower if self.to is Letters.LOWER else str.upper

        def change_letters(value: Any) -> Any:
            if type(value) is str:
                return convert(value)
            if value is None:
                return None
            raise EventRefused(f"is of type {type_word(value)}, not text", path)

        return change_letters

    def inverse(self) -> None:
        """See `Step.inverse`; none: the letters that the text had are not known any more."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return f"which letters of {self.path} were capitals"

    def words(self) -> str:
        """See `Step.words`."""
        return f"write {self.path} in {'small letters' if self.to is Letters.LOWER else 'capitals'}"
