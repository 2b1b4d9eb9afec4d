"""The gates of all streams: compiled once per change of contract or adapters, and their counts.

A gate is an immutable value; a batch takes the one in force when it begins and keeps it to its end, so that the whole
batch goes through one revision. Replacing a gate is one assignment.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from typing import Final

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.contract import Contract, compile_contract
from cta_core.event import EventLimits
from cta_core.gate import ActiveAdapter, Gate
from cta_core.machine import AdapterState
from cta_core.privacy.disguise import KEY_BYTES
from cta_core.stream import Stream
from cta_server.runtime.errors import Kind, NotFound
from cta_server.runtime.storage import Storage
from cta_server.runtime.veil import Veil

MASK_KEY: Final = "mask_key"
"""The journal's setting that has the key, in hexadecimal."""


class Counts(msgspec.Struct):
    """Events since the server started."""

    events: int = 0
    healthy: int = 0
    healed: int = 0
    quarantined: int = 0


class StreamGate:
    """A stream with its compiled gate."""

    def __init__(self, stream: Stream, adapters: tuple[AdapterRevision, ...], mask_key: bytes = b"") -> None:
        self.stream = stream
        self.adapters = adapters
        """In force, newest first."""
        self.contract: Contract | None = contract_of(stream)
        self.limits = EventLimits(max_bytes=stream.policy.max_event_bytes, max_depth=stream.policy.max_depth)
        self.veil = Veil(stream, self.contract, self.limits, mask_key) if stream.masks else None
        """Hides what the stream masks; None where it masks nothing."""
        self.gate = self.candidate(())
        self.revision = max((adapter.revision for adapter in adapters), default=0)

    def candidate(self, more: Iterable[AdapterRevision], *, copies: bool = False) -> Gate:
        """The gate as it would be with more adapters, promoted now: the newest is asked first.

        `copies` gives the gate for masked copies, whose contract asks nothing of what is masked.
        """
        known = [
            ActiveAdapter(adapter_id=adapter.adapter_id, revision=adapter.revision, program=adapter.program)
            for adapter in self.adapters
        ]
        newest = max((adapter.revision for adapter in known), default=0)
        promoted = [
            ActiveAdapter(adapter_id=adapter.adapter_id, revision=newest + 1, program=adapter.program)
            for adapter in more
        ]
        contract = self.veil.contract if copies and self.veil is not None else self.contract
        return Gate(contract, [*promoted, *known], self.limits)


def contract_of(stream: Stream) -> Contract | None:
    """The contract in force: the declared one, else the learned one."""
    schema = stream.contract or stream.learned
    return compile_contract(schema) if schema else None


class Gates:
    """The gates of all streams."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._gates: dict[str, StreamGate] = {}
        self._counts: dict[str, Counts] = {}
        self._mask_key = b""
        self._making_key = asyncio.Lock()
        self.healed_by: dict[str, int] = {}
        """Events that each adapter healed since the server started."""

    async def get(self, stream_id: str) -> StreamGate:
        """The gate in force. Raises `NotFound`."""
        gate = self._gates.get(stream_id)
        return gate if gate is not None else await self.refresh(stream_id)

    async def refresh(self, stream_id: str) -> StreamGate:
        """Compiles the gate anew from the journal. Raises `NotFound`."""
        journal = self._storage.journal
        stream = await self._storage.journaled(journal.get_stream, stream_id)
        if stream is None:
            self._gates.pop(stream_id, None)
            raise NotFound(Kind.STREAM, stream_id)
        active = await self._storage.journaled(
            journal.list_adapters, stream_id=stream_id, states=(AdapterState.ACTIVE,), limit=1000
        )
        # Newest in force first: a later promotion speaks for events that an earlier adapter did not heal.
        ordered = tuple(sorted(active, key=lambda adapter: adapter.revision, reverse=True))
        key = await self.mask_key() if stream.masks else b""
        gate = self._gates[stream_id] = StreamGate(stream, ordered, key)
        return gate

    async def mask_key(self) -> bytes:
        """The key of the store's disguises, made when it is first needed. It lies in the journal, beside the events."""
        if not self._mask_key:
            async with self._making_key:
                journal = self._storage.journal
                known = await self._storage.journaled(journal.setting, MASK_KEY)
                if known is None:
                    known = secrets.token_hex(KEY_BYTES)
                    await self._storage.journaled(journal.set_setting, MASK_KEY, known)
                self._mask_key = bytes.fromhex(known)
        return self._mask_key

    def current(self, stream_id: str) -> StreamGate | None:
        """The gate in force, if it is loaded."""
        return self._gates.get(stream_id)

    def concerns(self, stream_id: str, changed: Iterable[AdapterRevision]) -> bool:
        """Whether the gate in force is another one after a change of adapters: one came into force, or one that was."""
        gate = self._gates.get(stream_id)
        known = {adapter.adapter_id for adapter in gate.adapters} if gate is not None else set[str]()
        return any(each.state is AdapterState.ACTIVE or each.adapter_id in known for each in changed)

    def forget(self, stream_id: str) -> None:
        """The stream is deleted."""
        self._gates.pop(stream_id, None)
        self._counts.pop(stream_id, None)

    def counts(self, stream_id: str) -> Counts:
        """The stream's counts, to be read or added to."""
        counts = self._counts.get(stream_id)
        if counts is None:
            counts = self._counts[stream_id] = Counts()
        return counts

    def totals(self) -> Counts:
        """The counts of all streams together."""
        every = self._counts.values()
        return Counts(
            events=sum(c.events for c in every),
            healthy=sum(c.healthy for c in every),
            healed=sum(c.healed for c in every),
            quarantined=sum(c.quarantined for c in every),
        )
