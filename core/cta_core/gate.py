"""The gate: what happens to one event, as a pure function of its bytes, the contract and the active adapters.

It decides between healthy (handed back as the same bytes), healed (handed back changed, with the adapter that did it)
and quarantined (held with a reason). It stores nothing and counts nothing. The server, the SDK and the offline commands
all judge with it, so that an event has the same outcome wherever it is judged.

Adapters are asked newest first; the first one whose guard holds heals, and its result must satisfy the contract. There
is no second try: an event for which an adapter is meant, but which that adapter cannot heal, is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from cta_core.adapter.compile import CompiledAdapter, compile_program
from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.contract import Breach, Contract
from cta_core.errors import EventRefused, EventUnreadable
from cta_core.event import DEFAULT_LIMITS, EventLimits, decode, encode
from cta_core.path import EVERY, parse
from cta_core.quarantine import HeldReason


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


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event."""

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


class Gate:
    """The gate of one stream at one revision. Safe to share between threads; a change of adapters makes a new one."""

    def __init__(
        self, contract: Contract | None, adapters: Sequence[ActiveAdapter] = (), limits: EventLimits = DEFAULT_LIMITS
    ) -> None:
        self.contract = contract
        self.limits = limits
        self._healers = tuple(_Healer(active) for active in sorted(adapters, key=lambda active: -active.revision))
        # A guard that no healthy event can satisfy need not be asked about one: then the cheap accept goes first.
        self._accept_first = contract is not None and all(
            never_healthy(contract, healer.compiled.program.guard) for healer in self._healers
        )
        self._fast: Callable[[bytes], bool] | None = (
            contract.fast.accepts if contract is not None and contract.fast is not None and self._accept_first else None
        )

    def judge_many(self, raws: Iterable[bytes]) -> list[Outcome]:
        """The outcome of each event, in order."""
        judge = self.judge
        return [judge(raw) for raw in raws]

    def judge(self, raw: bytes) -> Outcome:
        """The outcome of one event."""
        if self._fast is not None and len(raw) <= self.limits.max_bytes and self._fast(raw):
            return Outcome(kind=OutcomeKind.HEALTHY, raw=raw)
        try:
            event = decode(raw, self.limits)
        except EventUnreadable as refused:
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
        return Outcome(kind=OutcomeKind.HEALED, raw=result, adapter_id=healer.adapter_id, revision=healer.revision)


def _broken(raw: bytes, breaches: tuple[Breach, ...], healer: _Healer | None = None) -> Outcome:
    first = breaches[0] if breaches else Breach(path="", rule="", message="breaks the contract")
    return Outcome(
        kind=OutcomeKind.QUARANTINED, raw=raw, reason=HeldReason.CONTRACT, breaches=breaches,
        path=first.path, message=first.message,
        adapter_id=healer.adapter_id if healer else "", revision=healer.revision if healer else 0,
    )  # fmt: skip


def never_healthy(contract: Contract, guard: Sequence[Condition]) -> bool:
    """Whether the contract alone proves that no healthy event satisfies the guard."""
    required = {field.path for field in contract.fields() if field.required}
    return any(
        condition.test is Test.ABSENT and EVERY not in parse(condition.path) and condition.path in required
        for condition in guard
    )
