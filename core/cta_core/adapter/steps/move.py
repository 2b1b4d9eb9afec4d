"""`move`: a value leaves one field for another, anywhere in the event; parents that became empty by it go as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cta_core.adapter.carry import gather, scatter, segments, uproot
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.path import MISSING, parse


class Move(StepBase, tag="move", frozen=True, kw_only=True):
    """Move a value. Array members stay in correspondence; a target that holds another value refuses."""

    source: str
    """Where the value is."""
    target: str
    """Where it belongs."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("source", self.source)
        yield from pointer_problems("target", self.target)
        if self.source == self.target:
            yield Violation("target", "must differ from the source")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.source,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.target, self.source)

    def compile(self) -> Action:
        """See `Step.compile`."""
        source, target = segments(self.source), segments(self.target)
        source_parts = parse(self.source)
        levels = len(source) - 1
        arrays = len(target) >= len(source)

        def move(event: dict[str, Any]) -> None:
            tree = gather(event, source)
            if tree is not MISSING:
                uproot(event, source_parts, arrays=arrays)
                scatter(event, target, tree, levels)

        return move

    def inverse(self) -> Move | None:
        """See `Step.inverse`."""
        return Move(source=self.target, target=self.source)

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"move {self.source} to {self.target}"
