"""What every step of an adapter is: typed parameters, a compiled action on one event, and what is known about its
losses.

A step is a frozen struct with the parameters; its methods say what it reads and writes, what would be wrong with its
parameters, how it runs, and how it is undone. The kinds live one per file in `steps/`; `steps/__init__.py` is their
registry. Adapters are made of steps by `program.Program` and run by `compile.compile_program`.

Three rules hold for every kind, so that no kind has to repeat them:

- **Absent.** A step whose source is absent does nothing. Whether the field was needed is for the contract to say,
  afterwards.
- **Null.** A source that is null stays null, unless the step names null: it is no value that could be cast, scaled or
  mapped.
- **Refuse.** A value of another type or form than the step is for, or a target that already holds another value, raises
  `EventRefused`. The half-changed event is discarded by the caller; nothing is guessed and nothing overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self

import msgspec

from cta_core.adapter.guard import Condition
from cta_core.errors import InvalidPointer, Violation
from cta_core.path import EVERY, parse

Action = Callable[[dict[str, Any]], None]
"""Changes one decoded event in place; raises `EventRefused` and leaves the event to be discarded when it cannot."""


class StepBase(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True
):
    """Parameters that every kind of step has."""

    when: tuple[Condition, ...] = ()
    """The step runs only on events for which all of these hold; empty means always."""


class Step(Protocol):
    """The behaviour of a kind of step. Every struct in `steps/` matches it by shape."""

    @property
    def when(self) -> tuple[Condition, ...]:
        """Conditions under which the step runs."""
        ...

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the parameters, with field names relative to the step; nothing if the step can work."""
        ...

    def reads(self) -> tuple[str, ...]:
        """JSON Pointers of the fields that the step takes its values from."""
        ...

    def writes(self) -> tuple[str, ...]:
        """JSON Pointers of the fields that the step sets or removes."""
        ...

    def compile(self) -> Action:
        """The action, with all pointers resolved once. Ignores `when`: the program applies it."""
        ...

    def inverse(self) -> Self | Step | None:
        """The step that undoes this one, or None where there is none.

        It works on the events that the step is for: those that have its sources and not its targets. It brings back
        everything but what `loses` names and what no consumer reads: objects and arrays without members may come or
        go, and a scaled double may differ in its last binary digit.
        """
        ...

    def loses(self) -> str:
        """What of the event cannot be brought back, as a phrase; empty when the step loses nothing."""
        ...

    def words(self) -> str:
        """The step as a sentence for people: `rename /amt to /amount`."""
        ...


def pointer_problems(field: str, pointer: str) -> Iterator[Violation]:
    """What is wrong with a parameter that has to name a field."""
    if pointer == "":
        yield Violation(field, "name a field by its JSON Pointer, /amount")
        return
    try:
        parse(pointer)
    except InvalidPointer as error:
        yield Violation(field, error.violations[0].remedy)


def stars(pointer: str) -> int:
    """How many `*` a valid pointer has."""
    return parse(pointer).count(EVERY)
