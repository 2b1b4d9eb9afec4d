"""`enum_map`: codes or labels are translated, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec

from cta_core.adapter.access import rewriter
from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import Scalar, identity
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import is_array, is_object, parse

MAX_ENTRIES: Final = 10_000
"""Entries of one map. The longest code lists in use (ISO 639-3, airports) have 8,000 to 10,000."""

_SHOWN: Final = 6
"""Entries that a sentence shows before it says how many more there are."""


class Unmapped(StrEnum):
    """What happens to a value that has no entry."""

    REFUSE = "REFUSE"
    """The event is refused."""
    KEEP = "KEEP"
    """The value stays as it is."""


class EnumEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One translation. 1, true and "1" are three different sources."""

    source: Scalar
    """The value that arrives."""
    target: Scalar
    """The value by the contract."""


class EnumMap(StepBase, tag="enum_map", frozen=True, kw_only=True):
    """Translate the values of a field."""

    path: str
    """The field."""
    entries: tuple[EnumEntry, ...]
    """The translations."""
    unmapped: Unmapped = Unmapped.REFUSE
    """What happens to other values; null without an entry stays null."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)
        if not 1 <= len(self.entries) <= MAX_ENTRIES:
            yield Violation("entries", f"must have 1 to {MAX_ENTRIES} entries")
        counts = Counter(identity(entry.source) for entry in self.entries)
        for index, entry in enumerate(self.entries):
            if counts[identity(entry.source)] > 1:
                yield Violation(f"entries[{index}].source", "must be the source of one entry only")

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
        path, keep = self.path, self.unmapped is Unmapped.KEEP
        table = {identity(entry.source): entry.target for entry in self.entries}

        def translate(value: Any) -> Any:
            # An object or array has no hash; it is no scalar that an entry could name.
            if not is_object(value) and not is_array(value):
                key = identity(value)
                if key in table:
                    return table[key]
            if keep or value is None:
                return value
            raise EventRefused("holds a value for which the adapter has no entry", path)

        return translate

    def inverse(self) -> EnumMap | None:
        """See `Step.inverse`; none when two values may have become the same one."""
        sources = {identity(entry.source) for entry in self.entries}
        targets = {identity(entry.target) for entry in self.entries}
        null = identity(None)
        distinct = len(targets) == len(self.entries) and (null not in targets or null in sources)
        if not distinct or (self.unmapped is Unmapped.KEEP and targets != sources):
            return None
        entries = tuple(EnumEntry(source=entry.target, target=entry.source) for entry in self.entries)
        return EnumMap(path=self.path, entries=entries, unmapped=self.unmapped)

    def loses(self) -> str:
        """See `Step.loses`."""
        return "" if self.inverse() else f"which of the values with one translation {self.path} had"

    def words(self) -> str:
        """See `Step.words`."""
        pairs = [f"{shown(entry.source)} to {shown(entry.target)}" for entry in self.entries[:_SHOWN]]
        more = len(self.entries) - len(pairs)
        others = ", keep others" if self.unmapped is Unmapped.KEEP else ""
        return f"translate {self.path}: {', '.join(pairs)}{f' and {more} more' if more > 0 else ''}{others}"
