"""What a kind of fault consists of, and the helpers that all kinds share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cta_core.adapter.steps import AnyStep
from cta_core.errors import EventRefused, InvalidInput, Violation
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.fault import Change, Event
from cta_server.runtime.faults.survey import Seen


class Made(msgspec.Struct, frozen=True):
    """What a kind makes of a draft."""

    change: Change
    words: str
    """What it does, one phrase."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of fault."""

    name: str
    description: str
    parameters: Mapping[str, str] = {}
    """Names and meanings."""
    make: Callable[[Draft], Made]
    """Chooses what the draft leaves open; `InvalidInput` for what does not fit."""


def by_steps(*steps: AnyStep) -> Made:
    """A fault that is what an adapter's steps do: the steps that heal it run the other way."""
    problems = [Violation(f"parameters.{found.field}", found.remedy) for step in steps for found in step.problems()]
    if problems:
        raise InvalidInput(problems)
    actions = [step.compile() for step in steps]

    def change(event: Event) -> None:
        for action in actions:
            action(event)

    return Made(actions[0] if len(actions) == 1 else change, ", then ".join(step.words() for step in steps))


def accepts_all(change: Callable[[Any], Any], values: Sequence[Any]) -> bool:
    """Whether a step's change of one value takes every value of the sample."""
    try:
        for value in values:
            change(value)
    except EventRefused:
        return False
    return bool(values)


def is_scalar(seen: Seen) -> bool:
    """Whether the field holds text, numbers or booleans."""
    return bool(seen.values) and not any(type(value) in (dict, list) for value in seen.values)


def is_text(seen: Seen) -> bool:
    """Whether the field holds text and nothing else but null."""
    return seen.only(str)


def is_number(seen: Seen) -> bool:
    """Whether the field holds numbers and nothing else but null."""
    return seen.only(int, float)


def parent(pointer: str) -> str:
    """The pointer one level up."""
    return pointer.rpartition("/")[0]
