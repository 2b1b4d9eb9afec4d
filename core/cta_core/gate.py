"""The gate: what happens to one event, as a pure function of its bytes, the contract and the active adapters.

It decides between healthy (handed back as the same bytes), healed (handed back changed, with the adapter that did it)
and quarantined (held with a reason). It stores nothing and counts nothing. The server, the SDK and the offline commands
all judge with it, so that an event has the same outcome wherever it is judged.

Adapters are asked newest first; the first one whose guard holds heals, and its result must satisfy the contract. There
is no second try: an event for which an adapter is meant, but which that adapter cannot heal, is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from cta_core.adapter.compile import CompiledAdapter, compile_program
from cta_core.adapter.guard import Condition
from cta_core.adapter.program import Program
from cta_core.contract import Breach, Contract
from cta_core.contract.fast import FastAccept
from cta_core.contract.proof import rules_out
from cta_core.errors import EventRefused, EventUnreadable
from cta_core.event import DEFAULT_LIMITS, EventLimits, decode, encode
from cta_core.lane import Lane, lane_for
from cta_core.quarantine import HeldReason

MAX_LANES: Final = 4
"""Newest adapters that get a typed lane: an event that is for none of them pays for each attempt."""


STREAK: Final = 8
"""Events in a row after which another way is asked first. On a mixed stream the order hardly ever changes (half and
half, once in 256 events), and a stream that drifts as a whole pays for the wrong order only eight times."""

PATIENCE: Final = 200
"""Events that the general way heals in a row before the fast ways are tried again: they have something that keeps them
from the typed lane, a field that the contract does not name, and trying costs a quarter of healing."""


class OutcomeKind(StrEnum):
    """What the gate did with an event."""

    HEALTHY = "HEALTHY"
    """The event satisfies the contract and is handed back unchanged, byte for byte."""
    HEALED = "HEALED"
    """An adapter changed the event; what is handed back satisfies the contract."""
    QUARANTINED = "QUARANTINED"
    """The event is held and not handed back."""


class ActiveAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter in force."""

    adapter_id: str
    revision: int
    """Grows with each change; the greatest is the newest."""
    program: Program


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one event."""

    # Without gc the collector need not walk the outcomes of a batch: nothing in them can lead back to them.

    kind: OutcomeKind
    raw: bytes
    """The event after the gate: the very bytes that came when it is healthy or quarantined, new ones when it is
    healed."""
    adapter_id: str = ""
    """Adapter that healed or refused it."""
    revision: int = 0
    """Revision of that adapter."""
    reason: HeldReason | None = None
    """Why it is quarantined."""
    path: str = ""
    """JSON Pointer of the field that decided the quarantine; empty for the whole event."""
    message: str = ""
    """Why it is quarantined, one sentence without payload values."""
    breaches: tuple[Breach, ...] = ()
    """Every rule of the contract that it breaks, before or after healing."""


class _Healer:
    """A compiled adapter with its names."""

    __slots__ = ("adapter_id", "compiled", "revision")

    def __init__(self, active: ActiveAdapter) -> None:
        self.adapter_id = active.adapter_id
        self.revision = active.revision
        self.compiled: CompiledAdapter = compile_program(active.program)

    @property
    def guard(self) -> tuple[Condition, ...]:
        """The conditions under which the adapter is asked."""
        return self.compiled.program.guard

    def healed(self, raw: bytes) -> Outcome:
        """The outcome of an event that the adapter healed."""
        return Outcome(kind=OutcomeKind.HEALED, raw=raw, adapter_id=self.adapter_id, revision=self.revision)


Way = Callable[[bytes], Outcome | None]
"""A fast way for some events: their outcome, or None for all others."""


class Gate:
    """The gate of one stream at one revision. Safe to share between threads; a change of adapters makes a new one.

    Besides the general way, which is the definition, there are fast ways that answer for the usual events: the contract
    accepts bytes while it decodes them, and each of the newest adapters has a typed lane where its program allows it.
    No event belongs to two of them, so their order only matters for speed: the one that answers is soon asked first.
    """

    def __init__(
        self, contract: Contract | None, adapters: Sequence[ActiveAdapter] = (), limits: EventLimits = DEFAULT_LIMITS
    ) -> None:
        self.contract = contract
        self.limits = limits
        self._healers = tuple(_Healer(active) for active in sorted(adapters, key=lambda active: -active.revision))
        self._accept = self._accept_way()
        self._ways: tuple[Way, ...] = (*((self._accept,) if self._accept else ()), *self._lanes())
        self._streak = 0
        self._general = 0

    def judge_many(self, raws: Iterable[bytes]) -> list[Outcome]:
        """The outcome of each event, in order."""
        judge = self.judge
        return [judge(raw) for raw in raws]

    def judge(self, raw: bytes) -> Outcome:
        """The outcome of one event."""
        if self._general < STREAK and len(raw) <= self.limits.max_bytes:
            ways = self._ways
            for way in ways:
                outcome = way(raw)
                if outcome is not None:
                    if way is ways[0]:
                        self._streak = 0
                    else:
                        self._prefer(way)
                    self._general = 0
                    return outcome
        outcome = self._judge(raw)
        # While the general way heals event after event, the fast ways would only be asked in vain.
        self._general = (self._general + 1) % PATIENCE if outcome.kind is OutcomeKind.HEALED else 0
        return outcome

    def _prefer(self, way: Way) -> None:
        """Ask a way first once it, or others behind the first, answered some events in a row."""
        self._streak += 1
        if self._streak >= STREAK:
            self._streak = 0
            self._ways = (way, *(other for other in self._ways if other is not way))

    def _accept_way(self) -> Way | None:
        # A guard that no healthy event can satisfy need not be asked about one: then the cheap accept may go first.
        if self.contract is None or self.contract.fast is None:
            return None
        if not all(rules_out(self.contract.schema, healer.guard) for healer in self._healers):
            return None
        return _accept_way(self.contract.fast, self.limits.max_depth)

    def _lanes(self) -> Iterator[Way]:
        if self.contract is None or self.contract.fast is None:
            return
        for index, healer in enumerate(self._healers[:MAX_LANES]):
            lane = lane_for(self.contract.fast.shape, healer.compiled.program)
            if lane is not None and all(lane.excludes(newer.guard) for newer in self._healers[:index]):
                yield _lane_way(lane, healer, self.limits.max_depth)

    def _judge(self, raw: bytes) -> Outcome:
        """The general way: decode, ask the guards, heal, ask the contract."""
        try:
            event = decode(raw, self.limits)
        except EventUnreadable as refused:
            # A number that no double holds, in a field that the contract does not name: it cannot be decoded, and need
            # not.
            outcome = self._accept(raw) if self._accept and refused.code == HeldReason.MALFORMED else None
            if outcome is not None:
                return outcome
            return Outcome(
                kind=OutcomeKind.QUARANTINED, raw=raw, reason=HeldReason(refused.code), message=refused.reason
            )
        for healer in self._healers:
            if healer.compiled.matches(event):
                return self._heal(raw, event, healer)
        return self._check(raw, event)

    def _check(self, raw: bytes, event: dict[str, Any]) -> Outcome:
        if self.contract is None or self.contract.holds(event):
            return Outcome(kind=OutcomeKind.HEALTHY, raw=raw)
        return _broken(raw, self.contract.violations(event))

    def _heal(self, raw: bytes, event: dict[str, Any], healer: _Healer) -> Outcome:
        try:
            healed = healer.compiled.apply(event)
            result = encode(healed)
        except EventRefused as refused:
            return Outcome(
                kind=OutcomeKind.QUARANTINED, raw=raw, adapter_id=healer.adapter_id, revision=healer.revision,
                reason=HeldReason.ADAPTER_REFUSED, path=refused.path, message=refused.reason,
            )  # fmt: skip
        if self.contract is not None and not self.contract.holds(healed):
            return _broken(raw, self.contract.violations(healed), healer)
        return healer.healed(result)


def _accept_way(fast: FastAccept, max_depth: int) -> Way:
    accepts, kind = fast.accepts, OutcomeKind.HEALTHY
    return lambda raw: Outcome(kind=kind, raw=raw) if accepts(raw, max_depth) else None


def _lane_way(lane: Lane, healer: _Healer, max_depth: int) -> Way:
    heal, healed = lane.heal, healer.healed

    def way(raw: bytes) -> Outcome | None:
        result = heal(raw, max_depth)
        return None if result is None else healed(result)

    return way


def _broken(raw: bytes, breaches: tuple[Breach, ...], healer: _Healer | None = None) -> Outcome:
    first = breaches[0] if breaches else Breach(path="", rule="", message="breaks the contract")
    return Outcome(
        kind=OutcomeKind.QUARANTINED, raw=raw, reason=HeldReason.CONTRACT, breaches=breaches,
        path=first.path, message=first.message,
        adapter_id=healer.adapter_id if healer else "", revision=healer.revision if healer else 0,
    )  # fmt: skip
