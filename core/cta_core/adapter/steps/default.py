"""`default`: a constant where a field is not sent any more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from cta_core.adapter.guard import shown
from cta_core.adapter.scalar import Scalar
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import EventRefused, Violation
from cta_core.path import EVERY, MISSING, child, get, key_of, parse, set_, values


class Default(StepBase, tag="default", frozen=True, kw_only=True):
    """Set a constant where the field is absent. A field that is there stays, also when it is null."""

    path: str
    """The field."""
    value: Scalar
    """The constant."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        found = list(pointer_problems("path", self.path))
        yield from found
        if not found and parse(self.path)[-1] == EVERY:
            yield Violation("path", "name a key; array members are not made up")
        if type(self.value) is float and not math.isfinite(self.value):
            yield Violation("value", "must be a number that JSON can write")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return ()

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        parts, value = parse(self.path), self.value
        if len(parts) == 1:
            key = key_of(parts[0])
            return lambda event: None if key in event else event.__setitem__(key, value)
        last = len(parts) - parts[::-1].index(EVERY) if EVERY in parts else 0
        members, below, path = parts[:last], parts[last:], self.path

        def set_default(event: dict[str, Any]) -> None:
            for node in values(event, members):
                if get(node, below) is MISSING and not _null_above(node, below):
                    try:
                        set_(node, below, value)
                    except EventRefused as refused:
                        raise EventRefused(refused.reason, path) from None

        return set_default

    def inverse(self) -> None:
        """See `Step.inverse`; none: a field that held the constant before would be lost."""
        return

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"set {self.path} to {shown(self.value)} where it is absent"


def _null_above(node: Any, below: tuple[str, ...]) -> bool:
    """Whether a parent is null: then the event says that there is nothing to hold the field."""
    for part in below[:-1]:
        if node is None:
            return True
        node = child(node, part)
    return node is None
