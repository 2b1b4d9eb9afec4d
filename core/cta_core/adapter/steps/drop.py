"""`drop`: a field is removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.path import parse, remove


class Drop(StepBase, tag="drop", frozen=True, kw_only=True):
    """Remove a field, or every member of an array. Parents stay, also when they are empty."""

    path: str
    """The field."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return ()

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        parts = parse(self.path)

        def drop(event: dict[str, Any]) -> None:
            remove(event, parts)

        return drop

    def inverse(self) -> None:
        """See `Step.inverse`; none: the value is gone."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return f"the value of {self.path}"

    def words(self) -> str:
        """See `Step.words`."""
        return f"drop {self.path}"
