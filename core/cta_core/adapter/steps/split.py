"""`split`: one text holds what belongs to several fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from operator import itemgetter
from typing import Any

from cta_core.adapter.carry import gather, mapped, scatter, segments, uproot
from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import type_word
from cta_core.adapter.step import Action, StepBase, pointer_problems, stars
from cta_core.adapter.steps.merge import Merge, MergeRule
from cta_core.errors import EventRefused, Violation
from cta_core.path import MISSING, parse


class SplitSide(StrEnum):
    """Which of several separators divides the text."""

    LEFT = "LEFT"
    """The first one: two parts."""
    RIGHT = "RIGHT"
    """The last one: two parts."""
    ALL = "ALL"
    """Every one."""


class Split(StepBase, tag="split", frozen=True, kw_only=True):
    """Split a text. Another number of parts than targets refuses."""

    source: str
    """The field that holds the text."""
    separator: str
    """What stands between the parts."""
    side: SplitSide = SplitSide.ALL
    """Where the text is divided."""
    targets: tuple[str, ...]
    """The field of each part, in order; an empty one drops its part."""
    keep_source: bool = False
    """Whether the source stays as well."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        found = list(pointer_problems("source", self.source))
        if not self.separator:
            found.append(Violation("separator", "must not be empty"))
        if len(self.targets) < 2 or not any(self.targets):
            found.append(Violation("targets", "must be two or more, and one of them at least named"))
        elif self.side is not SplitSide.ALL and len(self.targets) != 2:
            found.append(Violation("targets", "must be two when the text is divided once"))
        for index, target in enumerate(self.targets):
            if target:
                found.extend(pointer_problems(f"targets[{index}]", target))
                if self.targets.index(target) != index or (target == self.source and self.keep_source):
                    found.append(
                        Violation(f"targets[{index}]", "must be another field than the source and the other targets")
                    )
        yield from found
        if not found:
            for index, target in enumerate(self.targets):
                if target and stars(target) != stars(self.source):
                    yield Violation(f"targets[{index}]", "must have as many * as the source")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.source,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        named = tuple(target for target in self.targets if target)
        return named if self.keep_source else (*named, self.source)

    def compile(self) -> Action:
        """See `Step.compile`."""
        source, source_parts = segments(self.source), parse(self.source)
        levels, keep = len(source) - 1, self.keep_source
        targets = [(index, segments(target)) for index, target in enumerate(self.targets) if target]
        divide = self._divide()

        def split(event: dict[str, Any]) -> None:
            tree = gather(event, source)
            if tree is MISSING:
                return
            parts = mapped(tree, levels, divide)
            if not keep:
                uproot(event, source_parts, arrays=True)
            for index, target in targets:
                scatter(event, target, mapped(parts, levels, itemgetter(index)), levels)

        return split

    def _divide(self) -> Callable[[Any], tuple[str | None, ...]]:
        path, separator, side, count = self.source, self.separator, self.side, len(self.targets)

        def divide(value: Any) -> tuple[str | None, ...]:
            if value is None:
                return (None,) * count
            if type(value) is not str:
                raise EventRefused(f"is of type {type_word(value)}, not text", path)
            if side is SplitSide.LEFT:
                parts = value.split(separator, 1)
            elif side is SplitSide.RIGHT:
                parts = value.rsplit(separator, 1)
            else:
                parts = value.split(separator)
            if len(parts) != count:
                raise EventRefused(f"has {len(parts)} parts, {count} are expected", path)
            return tuple(parts)

        return divide

    def inverse(self) -> Merge | None:
        """See `Step.inverse`; none when a part is dropped or the source is kept."""
        if self.keep_source or not all(self.targets):
            return None
        return Merge(sources=self.targets, target=self.source, rule=MergeRule.JOIN, separator=self.separator)

    def loses(self) -> str:
        """See `Step.loses`."""
        return "" if all(self.targets) or self.keep_source else f"the dropped part of {self.source}"

    def words(self) -> str:
        """See `Step.words`."""
        where = {SplitSide.LEFT: "the first ", SplitSide.RIGHT: "the last ", SplitSide.ALL: ""}[self.side]
        parts = ", ".join(target or "(dropped)" for target in self.targets)
        kept = ", keep it" if self.keep_source else ""
        return f"split {self.source} at {where}{shown(self.separator)} into {parts}{kept}"
