"""What is stored of a stream, brought up to masks that changed.

Recent events go: new ones come soon, and they are copies that cannot be masked in another way. The baseline is masked
further where masks were only added; where one was taken away or changed, or the contract knows other members now, it
goes and is learned anew, because a copy cannot be unmasked. Runs, reports and canaries stay as they are until
`keep_history` ends them. It is done when the stream is changed, and by the janitor where a kill came between: the
stream says in `masked` which masks its stored copies have. Called by `streams` and the janitor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from cta_core.event import decode
from cta_core.privacy import Mask, Masker, Method
from cta_core.profile import Profile
from cta_server.runtime.gates import Gates, StreamGate
from cta_server.runtime.storage import Storage

UNKNOWN_MASKS: Final = Mask(path="", method=Method.DROP)
"""Stands in `masked` for copies of which nobody knows how they are masked. A real mask names a field, so that this one
always reads as a mask that was taken away."""

WHOLE: Final = 10_000
"""Most events of a baseline."""

log = structlog.get_logger(__name__)


class Remasker:
    """Brings stored copies up to a stream's masks."""

    def __init__(self, *, storage: Storage, gates: Gates) -> None:
        self._storage, self._gates = storage, gates
        self._turn = asyncio.Lock()
        self.on_masked: Callable[[str], None] | None = None
        """Set by the runtime: the baseline changed."""
        self.on_unlearned: Callable[[str], None] | None = None
        """Set by the runtime: the baseline is gone."""

    async def bring_up(self, stream_id: str) -> None:
        """Brings what is stored up to the stream's masks; does nothing where it is. Raises `NotFound`."""
        async with self._turn:  # two at once would put copies in disguise once more
            while True:
                gate = await self._gates.get(stream_id)
                if set(gate.stream.masks) == set(gate.stream.masked):
                    return
                if await self._step(gate):
                    break
                await self._gates.refresh(stream_id)
        if self.on_masked is not None:
            self.on_masked(stream_id)

    async def _step(self, gate: StreamGate) -> bool:
        """One attempt; False when the baseline changed meanwhile."""
        stream, journal, archive = gate.stream, self._storage.journal, self._storage.archive
        newest = await self._storage.archived(archive.recent_events, stream.stream_id, limit=1)
        if newest:
            await self._storage.archived(archive.erase_events, stream.stream_id, up_to=newest[0].position)
        masker = await self._further(gate)
        copies: list[bytes] = []
        profile = b""
        if masker is not None:
            baseline = await self._storage.journaled(journal.get_baseline, stream.stream_id, limit=WHOLE)
            copies = [masker.raw(raw) for raw in baseline]
            if not all(copies):
                copies = []  # the stream's limits are narrower now than when it was learned
            profile = Profile.of(decode(raw) for raw in copies).to_bytes() if copies else b""
        done = await self._storage.journaled(
            journal.mask_baseline, stream.stream_id, copies, profile=profile, masks=stream.masks
        )
        if not done:
            return False
        gate = await self._gates.refresh(stream.stream_id)
        if not copies and gate.stream.contract and gate.stream.learned:
            fresh = msgspec.structs.replace(gate.stream, learned=b"")
            await self._storage.journaled(journal.put_stream, fresh, expected=-1)
            await self._gates.refresh(stream.stream_id)
        if not copies and self.on_unlearned is not None:
            self.on_unlearned(stream.stream_id)
        log.info("stored copies follow the masks", stream_id=stream.stream_id, baseline=len(copies))
        return True

    async def _further(self, gate: StreamGate) -> Masker | None:
        """What masks the baseline's copies further; None where that cannot be done."""
        now, then = set(gate.stream.masks), set(gate.stream.masked)
        if then - now:
            return None
        key = await self._gates.mask_key()
        if not then:
            return Masker(gate.stream.masks, gate.contract, key, gate.limits)
        known = {field.path for field in gate.contract.fields()} if gate.contract is not None else set[str]()
        added = tuple(mask for mask in gate.stream.masks if mask not in then)
        if gate.contract is not None and any(mask.path not in known for mask in added):
            return None  # what the contract does not know is in disguise already, and would be once more
        return Masker(added, None, key, gate.limits)
