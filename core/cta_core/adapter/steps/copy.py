"""`copy`: a value stands in a second field as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cta_core.adapter.carry import gather, mapped, scatter, segments
from cta_core.adapter.scalar import copied
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.path import MISSING


class Copy(StepBase, tag="copy", frozen=True, kw_only=True):
    """Copy a value. A target that holds another value refuses."""

    source: str
    """Where the value is and stays."""
    target: str
    """Where it is needed too."""

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
        return (self.target,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        source, target = segments(self.source), segments(self.target)
        levels = len(source) - 1

        def copy(event: dict[str, Any]) -> None:
            tree = gather(event, source)
            if tree is not MISSING:
                scatter(event, target, mapped(tree, levels, copied), levels)

        return copy

    def inverse(self) -> None:
        """See `Step.inverse`; none: a target that held the same value before would be lost."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"copy {self.source} to {self.target}"
