"""`move`: a value leaves one field for another, anywhere in the event; parents that became empty by it go as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cta_core.adapter.access import getter, plain
from cta_core.adapter.carry import gather, scatter, segments, uproot
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.path import MISSING, Parts, is_object, key_of, parse


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
        source, target = parse(self.source), parse(self.target)
        anywhere = _anywhere(self.source, self.target)
        return _by_keys(source, target, anywhere) if plain(source) and plain(target) else anywhere

    def inverse(self) -> Move | None:
        """See `Step.inverse`."""
        return Move(source=self.target, target=self.source)

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"move {self.source} to {self.target}"


def _anywhere(source: str, target: str) -> Action:
    """The move between any two places."""
    taken, given = segments(source), segments(target)
    parts, levels, arrays = parse(source), len(taken) - 1, len(given) >= len(taken)

    def move(event: dict[str, Any]) -> None:
        tree = gather(event, taken)
        if tree is not MISSING:
            uproot(event, parts, arrays=arrays)
            scatter(event, given, tree, levels)

    return move


def _by_keys(source: Parts, target: Parts, anywhere: Action) -> Action:
    """The usual move, between keys of objects that are there; whatever is unusual goes to `anywhere`."""
    parent_of, new_parent_of = getter(source[:-1]), getter(target[:-1])
    key, new_key = key_of(source[-1]), key_of(target[-1])
    # Where one place is inside the other, taking the value out changes what stands at the target.
    inside = target[: len(source)] == source or source[: len(target)] == target

    def move(event: dict[str, Any]) -> None:
        parent = parent_of(event)
        if not is_object(parent) or key not in parent:
            return
        new_parent = new_parent_of(event)
        if inside or len(parent) == 1 or not is_object(new_parent) or new_key in new_parent:
            anywhere(event)
        else:
            new_parent[new_key] = parent.pop(key)

    return move
