"""`merge`: several fields hold what belongs to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from cta_core.adapter.carry import gather, scatter, segments, uproot
from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import copied, same, type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems, stars
from cta_core.errors import EventRefused, Violation
from cta_core.path import MISSING, parse


class MergeRule(StrEnum):
    """How several values become one."""

    JOIN = "JOIN"
    """Texts are joined in the order of the sources."""
    FIRST = "FIRST"
    """Whichever source is there gives its value; two different values refuse."""


class Merge(StepBase, tag="merge", frozen=True, kw_only=True):
    """Merge fields. Where none of the sources is there, nothing happens; where all are null, the target is null."""

    sources: tuple[str, ...]
    """The fields, in order."""
    target: str
    """The field that the contract knows."""
    rule: MergeRule
    """How the values become one."""
    separator: str = ""
    """For JOIN: what stands between the parts."""
    null_as: str | None = None
    """For JOIN: the text for a missing or null part; without it such an event is refused."""
    skip_missing: bool = False
    """For JOIN: missing and null parts are left out, with their separator."""
    keep_sources: bool = False
    """Whether the sources stay as well."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        found = list(pointer_problems("target", self.target))
        if len(self.sources) < 2:
            found.append(Violation("sources", "must be two or more"))
        for index, source in enumerate(self.sources):
            found.extend(pointer_problems(f"sources[{index}]", source))
            if self.sources.index(source) != index:
                found.append(Violation(f"sources[{index}]", "must differ from the other sources"))
        if self.null_as is not None and self.skip_missing:
            found.append(Violation("null_as", "contradicts skip_missing: choose one"))
        if self.rule is MergeRule.FIRST and (self.separator or self.null_as is not None or self.skip_missing):
            found.append(Violation("rule", "FIRST takes neither separator nor null_as nor skip_missing"))
        if self.keep_sources and self.target in self.sources:
            found.append(Violation("keep_sources", "cannot keep a source that is the target"))
        yield from found
        if not found:
            for index, source in enumerate(self.sources):
                if stars(source) != stars(self.target):
                    yield Violation(f"sources[{index}]", "must have as many * as the target")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return self.sources

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.target,) if self.keep_sources else (self.target, *self.sources)

    def compile(self) -> Action:
        """See `Step.compile`."""
        sources = [segments(source) for source in self.sources]
        source_parts = [parse(source) for source in self.sources]
        target, target_name, keep = segments(self.target), self.target, self.keep_sources
        levels = len(target) - 1
        combine = self._join() if self.rule is MergeRule.JOIN else self._first()

        def merge(event: dict[str, Any]) -> None:
            trees = [gather(event, source) for source in sources]
            merged = _combined(trees, levels, combine, target_name)
            if merged is MISSING:
                return
            if not keep:
                for parts in source_parts:
                    uproot(event, parts, arrays=True)
            scatter(event, target, merged, levels)

        return merge

    def _join(self) -> Callable[[list[Any]], Any]:
        sources, target, separator, null_as, skip = (
            self.sources,
            self.target,
            self.separator,
            self.null_as,
            self.skip_missing,
        )

        def join(values: list[Any]) -> Any:
            if all(value is MISSING for value in values):
                return MISSING
            # All null is null; with skip_missing, null and missing are the same.
            if null_as is None and all(value is None or (skip and value is MISSING) for value in values):
                return None
            parts: list[str] = []
            for source, value in zip(sources, values, strict=True):
                if type(value) is str:
                    parts.append(value)
                elif value is None or value is MISSING:
                    if null_as is not None:
                        parts.append(null_as)
                    elif not skip:
                        raise EventRefused(f"a part of {target} is missing", source)
                else:
                    raise EventRefused(f"is of type {type_word(value)}, not text", source)
            return separator.join(parts)

        return join

    def _first(self) -> Callable[[list[Any]], Any]:
        target, keep = self.target, self.keep_sources

        def first(values: list[Any]) -> Any:
            present = [value for value in values if value is not MISSING]
            found = [value for value in present if value is not None]
            if not found:
                return None if present else MISSING
            if any(not same(value, found[0]) for value in found):
                raise EventRefused("its sources hold different values", target)
            return copied(found[0]) if keep else found[0]

        return first

    def inverse(self) -> None:
        """See `Step.inverse`; none: a part may hold the separator, and an absent part looks like an empty one."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        if self.keep_sources:
            return ""
        return (
            f"which source {self.target} came from"
            if self.rule is MergeRule.FIRST
            else f"where the parts of {self.target} end"
        )

    def words(self) -> str:
        """See `Step.words`."""
        sources = ", ".join(self.sources)
        kept = ", keep them" if self.keep_sources else ""
        if self.rule is MergeRule.FIRST:
            return f"set {self.target} to whichever of {sources} is there{kept}"
        missing = f", {shown(self.null_as)} for a missing one" if self.null_as is not None else ""
        missing = ", leaving missing ones out" if self.skip_missing else missing
        return f"join {sources} with {shown(self.separator)} into {self.target}{missing}{kept}"


def _combined(trees: list[Any], levels: int, combine: Callable[[list[Any]], Any], target: str) -> Any:
    """The trees as one, member by member; a tree that is missing as a whole is missing in every member."""
    if levels == 0:
        return combine(trees)
    present = [tree for tree in trees if tree is not MISSING]
    if not present:
        return MISSING
    if any(len(tree) != len(present[0]) for tree in present):
        raise EventRefused("the arrays of its sources do not correspond", target)
    return [
        _combined([tree if tree is MISSING else tree[index] for tree in trees], levels - 1, combine, target)
        for index in range(len(present[0]))
    ]
