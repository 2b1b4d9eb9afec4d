"""Pipelines of four stages with drift seeded at the output of one of them, and the traces that they leave.

Names of stages and fields are made of random syllables, so that nothing is known of them beforehand. Every stage hands
on what it got and adds fields of its own; the last one that needs a field raises when it is gone, of another type or
of another unit or writing. The stages after any one can be run again on what it put out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec

from cta_core.run import TraceEvent, TraceKind

Event = dict[str, Any]
STAGES = 4


Accepts = Callable[[Any], bool]


class Failure(msgspec.Struct, frozen=True):
    """A failed run among healthy ones, and what is to be found."""

    healthy: list[tuple[TraceEvent, ...]]
    failed: tuple[TraceEvent, ...]
    stage: str
    field: str
    raised: str
    kind: str
    stages: list[str]
    accepts: Accepts
    """Whether the stage that raised can work with a value of the field."""

    def passes(self, first: int, event: Event) -> bool:
        """Whether the stages from that number on take the event, given what the one before it put out."""
        return self.stages.index(self.raised) < first or self.accepts(event.get(self.field))


def failure(seed: int, events: int = 60) -> Failure:
    """A pipeline with drift at a random stage; the same seed gives the same one."""
    chance = random.Random(seed)
    names: set[str] = set()

    def word() -> str:
        while True:
            made = "".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(3))
            if made not in names:
                names.add(made)
                return made

    stages = [word() for _ in range(STAGES)]
    makers: list[dict[str, Maker]] = [{word(): _maker(chance) for _ in range(2)} for _ in stages]
    culprit = chance.randrange(STAGES - 1)
    field = chance.choice(list(makers[culprit]))
    kind, change = chance.choice(_CHANGES)
    fresh = word()
    raising = chance.randrange(culprit + 1, STAGES)

    def run(number: int, *, drifts: bool) -> tuple[TraceEvent, ...]:
        trace: list[TraceEvent] = []
        for index in range(events):
            event_id, event = f"{number}-{index}", Event(id=f"e{number}{index:04d}")
            for place, stage in enumerate(stages):
                before = json.dumps(event)
                if drifts and place == raising:
                    trace.append(
                        TraceEvent(
                            kind=TraceKind.ERROR, stage=stage, event_id=event_id, input_json=before,
                            error_type="ValueError", message="cannot go on",
                        )
                    )  # fmt: skip
                    break
                event = event | {name: make() for name, (make, _) in makers[place].items()}
                if drifts and place == culprit:
                    event = change(event, field, fresh)
                trace.append(
                    TraceEvent(
                        kind=TraceKind.STEP, stage=stage, event_id=event_id, input_json=before,
                        output_json=json.dumps(event),
                    )
                )  # fmt: skip
        return tuple(trace)

    healthy = [run(number, drifts=False) for number in range(3)]
    accepts = makers[culprit][field][1]
    failed = run(9, drifts=True)
    return Failure(healthy, failed, stages[culprit], field, stages[raising], kind, stages, accepts)


Maker = tuple[Callable[[], Any], Accepts]


def _maker(chance: random.Random) -> Maker:
    """What makes a field's values, and what a stage that needs the field takes."""
    labels = ["".join(chance.choices("abcdefgh", k=4)) for _ in range(5)]
    middle = chance.uniform(2, 4)
    makers: list[Maker] = [
        # Four standard deviations above the largest median are 400, four below the smallest times 1,000 are 1,000.
        (lambda: round(chance.lognormvariate(middle, 0.5), 2), lambda it: isinstance(it, float) and it < 700),
        (lambda: chance.choice(labels), lambda it: isinstance(it, str) and it in labels),
        (
            lambda: f"{chance.choice('ABC')}-{chance.randint(1000, 9999)}",
            lambda it: isinstance(it, str) and it[0] in "ABC",
        ),
    ]
    return chance.choice(makers)


def _renamed(event: Event, field: str, fresh: str) -> Event:
    return {(fresh if name == field else name): value for name, value in event.items()}


def _gone(event: Event, field: str, fresh: str) -> Event:
    del fresh
    return {name: value for name, value in event.items() if name != field}


def _nested(event: Event, field: str, fresh: str) -> Event:
    return {(fresh if name == field else name): ({name: v} if name == field else v) for name, v in event.items()}


def _null(event: Event, field: str, fresh: str) -> Event:
    del fresh
    return event | {field: None}


def _listed(event: Event, field: str, fresh: str) -> Event:
    del fresh
    return event | {field: [event[field]]}


def _recoded(event: Event, field: str, fresh: str) -> Event:
    """Another unit of a number, another writing of a text."""
    del fresh
    value = event[field]
    return event | {field: round(value * 1000, 2) if isinstance(value, float) else value.swapcase()}


_CHANGES: list[tuple[str, Callable[[Event, str, str], Event]]] = [
    ("renamed", _renamed),
    ("gone", _gone),
    ("nested", _nested),
    ("null", _null),
    ("listed", _listed),
    ("recoded", _recoded),
]
