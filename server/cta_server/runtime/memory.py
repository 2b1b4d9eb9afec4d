"""What the loop remembers: signatures of incidents, and what became of their fixes.

A hit gives the analysis a candidate, which has to pass the same evidence and the same canary as any other. A fix that
was refused or rolled back is remembered as such, and the loop does not try it again by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.incident import Incident
from cta_core.memory import SignatureRecord
from cta_server.runtime.ids import Ids
from cta_server.runtime.storage import Storage


class Memory:
    """Keeps signatures."""

    def __init__(self, *, storage: Storage, ids: Ids, clock: Callable[[], float]) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock

    async def recall(self, fingerprint: str) -> list[SignatureRecord]:
        """Signatures with this exact key that were not retired, most confirmed first."""
        return await self._storage.archived(self._storage.archive.find_signatures, fingerprint)

    async def found(self, signature: SignatureRecord) -> None:
        """Counts that a signature's fix was proposed again."""
        await self._put(msgspec.structs.replace(signature, hits=signature.hits + 1))

    async def learn(self, incident: Incident, adapter: AdapterRevision) -> None:
        """Keeps what was promoted, or confirms it."""
        known = await self._same(incident.fingerprint, adapter.program)
        if known is None:
            await self._put(self._new(incident, adapter, confirmed=1))
        elif not await self._counted(incident, known):
            await self._put(msgspec.structs.replace(known, confirmed=known.confirmed + 1))

    async def blame(self, incident: Incident, adapter: AdapterRevision, why: str) -> None:
        """Keeps that this fix was refused or rolled back."""
        known = await self._same(incident.fingerprint, adapter.program) or self._new(incident, adapter, confirmed=0)
        await self._put(msgspec.structs.replace(known, refused=known.refused + 1, refused_why=why or "refused"))

    async def _counted(self, incident: Incident, known: SignatureRecord) -> bool:
        """An effect may be performed twice; a signature younger than the incident is its own."""
        return known.create_time >= incident.create_time

    async def _same(self, fingerprint: str, program: Program) -> SignatureRecord | None:
        return next((record for record in await self.recall(fingerprint) if record.program == program), None)

    def _new(self, incident: Incident, adapter: AdapterRevision, *, confirmed: int) -> SignatureRecord:
        return SignatureRecord(
            signature_id=self._ids.new("sig"),
            fingerprint=incident.fingerprint,
            stream_id=incident.stream_id,
            program=adapter.program,
            headline=incident.headline,
            create_time=self._clock(),
            confirmed=confirmed,
        )

    async def _put(self, record: SignatureRecord) -> None:
        updated = msgspec.structs.replace(record, update_time=self._clock())
        await self._storage.archived(self._storage.archive.put_signature, updated)
