"""What the producer did, in one line that a person reads at night: `/amount is now /amt`.

It is read off the steps that undo it, backwards, and names fields only: no constant, no label, no payload value. Lists,
pages and the demonstration show it as the headline of an incident.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cta_core.adapter.steps import (
    AnyStep,
    Cast,
    Copy,
    DateTime,
    Default,
    Drop,
    EnumMap,
    LetterCase,
    Merge,
    Move,
    NullForm,
    NumberFormat,
    Parse,
    Rename,
    Scale,
    Serialise,
    Split,
    Swap,
    Unwrap,
    Wrap,
)

SHOWN: Final = 2
"""Changes that are told; two paths and their words fill a line of 80 cells."""


def headline_of(steps: Sequence[AnyStep]) -> str:
    """What the steps undo, as a sentence without a full stop; empty for none that say anything of a field."""
    told = list(dict.fromkeys(phrase for step in steps for phrase in _phrases(step)))
    more = f", and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return "; ".join(told[:SHOWN]) + more


def _phrases(step: AnyStep) -> Iterator[str]:
    match step:
        case Rename() | Move() | Copy():
            yield f"{step.target} is now {step.source}"
        case Swap():
            yield f"{step.left} and {step.right} are exchanged"
        case Split():
            yield f"{' and '.join(step.targets)} are now one, {step.source}"
        case Merge():
            yield f"{step.target} is now {' and '.join(step.sources)}"
        case Default():
            yield f"{step.path} is no longer sent"
        case Drop():
            return
        case _:
            yield f"{step.path} has {_CHANGED[type(step)]}"


_CHANGED: Final[dict[type[AnyStep], str]] = {
    Cast: "another type",
    NumberFormat: "another form of number",
    Scale: "another unit",
    DateTime: "another form of time",
    EnumMap: "other labels",
    LetterCase: "other letters, large for small",
    NullForm: "another sign for nothing",
    Wrap: "lost what was around it",
    Unwrap: "something around it",
    Parse: "become text",
    Serialise: "become an object, not text",
}
"""What became of a field whose value a step turns back."""
