"""From a program to something that runs: checking it as a whole, compiling guard and steps, and its inverse.

This module decides how guard, conditions and steps work together. The gate, the canary and the diagnosis run what it
compiles; the API and the file format call `check_program` on everything that comes from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from cta_core.adapter.guard import Condition, Predicate, compile_guard, describe, problems
from cta_core.adapter.program import Program
from cta_core.adapter.step import Action
from cta_core.adapter.steps import AnyStep
from cta_core.errors import InvalidProgram, Violation
from cta_core.path import Parts, parse

MAX_STEPS: Final = 500
"""Steps of a program. The widest real migrations touch about 100 fields, with up to three steps each."""

MAX_CONDITIONS: Final = 200
"""Conditions of a guard or of one step."""


class CompiledAdapter:
    """A program ready to run. Safe to share between threads: it keeps no state."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.matches: Predicate = compile_guard(program.guard)
        """Whether the adapter is for an event. Never raises, never changes it."""
        self.apply: Callable[[dict[str, Any]], dict[str, Any]] = _compile_steps(program.steps)
        """Heal a decoded event in place and hand it back; `EventRefused` when a step cannot, and then the event is to
        be discarded.

        Which steps run is decided by the event as it arrives: every `when` is asked before the first step changes
        anything.
        """

    def words(self) -> tuple[str, ...]:
        """The steps as sentences, in their order, each with its condition."""
        return tuple(words_of(step) for step in self.program.steps)

    def loses(self) -> tuple[str, ...]:
        """What cannot be brought back after the adapter, each as a phrase; empty when it loses nothing."""
        return tuple(dict.fromkeys(loss for step in self.program.steps if (loss := step.loses())))

    def inverse(self) -> Program | None:
        """The program that undoes this one on the events that it accepts, or None where there is none; see
        `Step.inverse`.
        """
        return inverse_of(self.program)


def compile_program(program: Program) -> CompiledAdapter:
    """The program, checked and compiled; `InvalidProgram` when it cannot work."""
    check_program(program)
    return CompiledAdapter(program)


def check_program(program: Program) -> None:
    """Raise `InvalidProgram` with everything that is wrong with a program; fields are named like `steps[2].source`."""
    found = list(_problems(program))
    if found:
        raise InvalidProgram(found)


def words_of(step: AnyStep) -> str:
    """A step as a sentence, with its condition."""
    return f"{step.words()}, when {describe(step.when)}" if step.when else step.words()


def _problems(program: Program) -> Iterator[Violation]:
    if not program.steps:
        yield Violation("steps", "must have one step at least")
    if len(program.steps) > MAX_STEPS:
        yield Violation("steps", f"must have at most {MAX_STEPS} steps")
        return
    yield from _condition_problems(program.guard, "guard")
    for index, step in enumerate(program.steps):
        prefix = f"steps[{index}]"
        yield from _condition_problems(step.when, f"{prefix}.when")
        yield from (Violation(f"{prefix}.{found.field}", found.remedy) for found in step.problems())


def _condition_problems(conditions: tuple[Condition, ...], field: str) -> Iterator[Violation]:
    if len(conditions) > MAX_CONDITIONS:
        yield Violation(field, f"must have at most {MAX_CONDITIONS} conditions")
        return
    yield from problems(conditions, field)


def _compile_steps(steps: tuple[AnyStep, ...]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    actions = tuple(step.compile() for step in steps)
    if any(step.when for step in steps):
        return _conditional(tuple(compile_guard(step.when) if step.when else None for step in steps), actions)

    def apply(event: dict[str, Any]) -> dict[str, Any]:
        for action in actions:
            action(event)
        return event

    return apply


def _conditional(
    whens: tuple[Predicate | None, ...], actions: tuple[Action, ...]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    pairs = tuple(zip(whens, actions, strict=True))

    def apply(event: dict[str, Any]) -> dict[str, Any]:
        chosen = [action for when, action in pairs if when is None or when(event)]
        for action in chosen:
            action(event)
        return event

    return apply


def inverse_of(program: Program) -> Program | None:
    """The inverse of a program: its steps undone in reverse order. It has no guard, because it is for healed events.

    None where a step has no inverse, or where a step's condition asks a field that the program changes: the healed
    event no longer tells whether the step ran.
    """
    written = [parse(pointer) for step in program.steps for pointer in step.writes()]
    undone: list[AnyStep] = []
    for step in reversed(program.steps):
        if any(_touches(parse(condition.path), parts) for condition in step.when for parts in written):
            return None
        inverse = step.inverse()
        if inverse is None:
            return None
        undone.append(_with_when(inverse, step.when))
    return Program(steps=tuple(undone))


def _touches(path: Parts, written: Parts) -> bool:
    """Whether what is written lies above, at or below the path."""
    return all(one == other or "*" in (one, other) for one, other in zip(path, written, strict=False))


def _with_when(step: AnyStep, when: tuple[Condition, ...]) -> AnyStep:
    return msgspec.structs.replace(step, when=when) if when else step
