"""`serialise`: a value is sent as JSON inside a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cta_core.adapter.access import rewriter
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.event import encode
from cta_core.path import parse

if TYPE_CHECKING:
    from cta_core.adapter.steps.parse import Parse


class Serialise(StepBase, tag="serialise", frozen=True, kw_only=True):
    """Write a value as JSON text, compact, keys in their order."""

    path: str
    """The field."""

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
        return lambda value: None if value is None else encode(value).decode()

    def inverse(self) -> Parse:
        """See `Step.inverse`."""
        from cta_core.adapter.steps.parse import Parse  # noqa: PLC0415 - the two name each other

        return Parse(path=self.path)

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"write {self.path} as JSON text"
