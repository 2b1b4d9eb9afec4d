"""What a fault is: a seeded change of the events that a source sends. Data, and the registry's types.

A fault is compiled once against a sample of the events it will see: the seed chooses what the spec leaves open, and
what does not fit is refused then, with words. Afterwards it is a pure function of one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Event = dict[str, Any]

Change = Callable[[Event], None]
"""Changes one decoded event in place. Raises `EventRefused` where it does not fit; the event is then sent as it was."""


class FaultSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as it was asked for, or, in a status, with what the seed chose."""

    source_id: str = ""
    kind: str
    path: str = ""
    """JSON Pointer of the field; empty lets the seed choose one that fits."""
    parameters: Mapping[str, Any] = {}
    """Parameters of the kind; left out ones have a default or are chosen by the seed."""
    share: float = 0.0
    """Share of the events that it changes, 0 to 1; 0 means all."""
    seed: int = 0


class FaultStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A fault in force."""

    fault_id: str
    spec: FaultSpec
    words: str
    """What it does, one phrase."""
    create_time: float


class FaultKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of fault, described."""

    kind: str
    description: str
    parameters: Mapping[str, str]
    """Names and meanings."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault ready to be applied."""

    spec: FaultSpec
    """With what the seed chose."""
    words: str
    apply: Callable[[Event], Event]
    """The event as it is sent then. May change its argument; the same event always gives the same bytes."""
