"""`swap`: two fields exchange their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.errors import Violation
from cta_core.path import EVERY, MISSING, Parts, get, parse, remove, set_, values


class Swap(StepBase, tag="swap", frozen=True, kw_only=True):
    """Exchange two fields. Where only one of them is there, its value goes to the other."""

    left: str
    """One field."""
    right: str
    """The other field; in the same array member if it is in an array."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        found = [*pointer_problems("left", self.left), *pointer_problems("right", self.right)]
        yield from found
        if found:
            return
        left, right = parse(self.left), parse(self.right)
        common = left[: _members(left)]
        if left[: len(right)] == right or right[: len(left)] == left:
            yield Violation("right", "must be another field, not inside the left one nor around it")
        elif right[: _members(right)] != common:
            yield Violation("right", "must be in the same array member as the left field")
        elif EVERY in (left[-1], right[-1]):
            yield Violation("left", "name keys; array members are not exchanged")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.left, self.right)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.left, self.right)

    def compile(self) -> Action:
        """See `Step.compile`."""
        left, right = parse(self.left), parse(self.right)
        members = left[: _members(left)]
        one, other = left[len(members) :], right[len(members) :]

        def swap(event: dict[str, Any]) -> None:
            for node in values(event, members):
                first, second = get(node, one), get(node, other)
                _put(node, other, first)
                _put(node, one, second)

        return swap

    def inverse(self) -> Swap:
        """See `Step.inverse`."""
        return Swap(left=self.left, right=self.right)

    def loses(self) -> str:
        """See `Step.loses`."""
        return ""

    def words(self) -> str:
        """See `Step.words`."""
        return f"exchange {self.left} and {self.right}"


def _members(parts: Parts) -> int:
    """The length of the parts up to the last `*`."""
    return len(parts) - parts[::-1].index(EVERY) if EVERY in parts else 0


def _put(node: Any, parts: Parts, value: Any) -> None:
    if value is not MISSING:
        set_(node, parts, value)
    elif get(node, parts) is not MISSING:
        remove(node, parts)
