"""`rename`: a key gets another name; its parent stays where it is."""

from __future__ import annotations

from collections.abc import Iterator

from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.adapter.steps.move import Move
from cta_core.errors import Violation
from cta_core.path import EVERY, parse


class Rename(StepBase, tag="rename", frozen=True, kw_only=True):
    """Rename a key. A target that holds another value refuses."""

    source: str
    """The field under its new, drifted name."""
    target: str
    """The field under the name that the contract knows; same parent as the source."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        found = [*pointer_problems("source", self.source), *pointer_problems("target", self.target)]
        yield from found
        if found:
            return
        source, target = parse(self.source), parse(self.target)
        if source == target:
            yield Violation("target", "must differ from the source")
        elif source[:-1] != target[:-1]:
            yield Violation("target", "must have the same parent as the source; a move changes the parent")
        elif EVERY in (source[-1], target[-1]):
            yield Violation("source", "name a key; an array member has none")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.source,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.target, self.source)

    def compile(self) -> Action:
        """See `Step.compile`."""
        return Move(source=self.source, target=self.target).compile()

    def inverse(self) -> Rename:
        """See `Step.inverse`."""
        return Rename(source=self.target, target=self.source)

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"rename {self.source} to {self.target}"
