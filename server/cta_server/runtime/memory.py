"""What the loop remembers: signatures of incidents, and what became of their fixes.

A hit gives the analysis a candidate, which has to pass the same evidence and the same canary as any other. The exact
key is asked first, then likeness; a fix of a like incident is written for this one's fields before it is a candidate.
A fix that was refused or rolled back is remembered as such: on its stream it blocks, elsewhere it is a caution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.incident import Incident
from cta_core.look import Look
from cta_core.memory import Refusal, SignatureRecord
from cta_core.merging import MAX_MERGED, give_way, heals_alike, merge, standing_of
from cta_core.rebind import rebind, traits_for
from cta_server.runtime.errors import Kind, NotFound, SignaturesDiffer
from cta_server.runtime.ids import Ids
from cta_server.runtime.ports import Similar
from cta_server.runtime.storage import Storage

LEAST_LIKENESS: Final = 0.6
"""Likeness from which a signature is worth a try. The survey's right template lay above it in 99 of 100 cases; a wrong
one costs some milliseconds and is refuted by the events."""

ASKED: Final = 12
"""Signatures that likeness looks at: many streams share one change, and the three programs wanted have to differ."""

TRIED: Final = 3
"""Distinct fixes of like incidents that are bound: the right one was among three in 99 of 100 cases of the survey."""

PAGE: Final = 500
"""Signatures that an export reads at once."""

COUNTED: Final = 64
"""Outcomes that a signature remembers as counted. An effect is repeated within seconds, not after 64 others."""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A fix of a like incident, written for this one's fields."""

    signature: SignatureRecord
    program: Program


class Memory:
    """Keeps signatures."""

    def __init__(self, *, storage: Storage, ids: Ids, clock: Callable[[], float]) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock

    async def recall(self, fingerprint: str) -> list[SignatureRecord]:
        """Signatures with this exact key that were not retired, most confirmed first.

        One that was merged comes with the id and the standing of the signature that it is in now.
        """
        known = await self._storage.archived(self._storage.archive.find_signatures, fingerprint)
        standing = [each for record in known if (each := await self._standing(record)) is not None]
        return sorted(standing, key=lambda record: -record.confirmed)

    async def similar(self, look: Look, limit: int) -> list[Similar]:
        """Signatures that look like it, most alike first; those with the same key count as 1."""
        same = await self.recall(look.fingerprint)
        found = [Similar(signature=record, likeness=1.0) for record in same]
        known = {record.signature_id for record in same}
        if look.embedding and len(found) < limit:
            history = self._storage.history
            near = await self._storage.recalled(history.similar_signatures, look.embedding, limit=limit + len(known))
            for each in near:
                record = await self._standing(each.signature)
                if record is not None and record.signature_id not in known:
                    known.add(record.signature_id)
                    found.append(Similar(signature=record, likeness=each.likeness))
        return found[:limit]

    async def alike(self, look: Look, stream_id: str) -> list[Bound]:
        """Fixes of like incidents, written for the fields of this one; only those that the loop may offer."""
        bound: list[Bound] = []
        seen: list[Program] = []
        for near in await self.similar(look, ASKED):
            record = near.signature
            if near.likeness < LEAST_LIKENESS or len(seen) == TRIED:
                break
            if not record.trusted_on(stream_id) or record.program in seen:
                continue
            seen.append(record.program)
            for program in rebind(record.program, record.traits, look.traits):
                if all(program != other.program for other in bound):
                    bound.append(Bound(signature=record, program=program))
        return bound

    async def found(self, signature: SignatureRecord) -> None:
        """Counts that a signature's fix was proposed again."""
        record = await self._get(signature.signature_id)
        if record is not None:
            await self._put(msgspec.structs.replace(record, hits=record.hits + 1))

    async def learn(self, incident: Incident, adapter: AdapterRevision) -> None:
        """Keeps what was promoted and stayed, or confirms it; the signature that it came from is confirmed as well."""
        mark = f"learn {adapter.adapter_id}"
        for record in await self._concerned(incident, adapter):
            if mark not in record.counted:
                # Who let it stay on this stream has withdrawn the stream's refusal.
                refusals = tuple(each for each in record.refusals if each.stream_id != incident.stream_id)
                await self._count(record, mark, confirmed=record.confirmed + 1, refusals=refusals)

    async def blame(self, incident: Incident, adapter: AdapterRevision, why: str) -> None:
        """Keeps that this fix was refused or rolled back on this stream."""
        mark = f"blame {adapter.adapter_id}"
        for record in await self._concerned(incident, adapter):
            if mark not in record.counted:
                others = tuple(each for each in record.refusals if each.stream_id != incident.stream_id)
                before = record.refused_on(incident.stream_id)
                refusal = Refusal(
                    stream_id=incident.stream_id, count=(before.count if before else 0) + 1, why=why or "refused"
                )
                await self._count(
                    record, mark, refused=record.refused + 1, refused_why=refusal.why, refusals=(*others, refusal)
                )

    async def edit(
        self, signature: SignatureRecord, *, headline: str | None = None, retired: bool | None = None
    ) -> SignatureRecord:
        """Changes what a person may; None leaves it as it is."""
        changed = msgspec.structs.replace(
            signature,
            headline=signature.headline if headline is None else headline,
            retired=signature.retired if retired is None else retired,
        )
        return await self._put(changed)

    async def mergeable(self, signature_id: str, others: Sequence[str]) -> SignatureRecord:
        """What `merge` would make of the one that stays. Raises `NotFound` or `SignaturesDiffer`."""
        target = await self._known(signature_id)
        found = [await self._known(other) for other in dict.fromkeys(others)]
        for each in (target, *found):
            if each.merged_into and (each is target or each.merged_into != signature_id):
                raise SignaturesDiffer(each.signature_id, f"it was merged into {each.merged_into} already")
            if each.retired:
                raise SignaturesDiffer(each.signature_id, "it is retired; take it back first")
        for each in found:
            if each.signature_id == signature_id:
                raise SignaturesDiffer(signature_id, "a signature is not merged into itself")
            if not heals_alike(target, each):
                raise SignaturesDiffer(each.signature_id, f"its fix is another one than that of {signature_id}")
        made = merge(target, found)
        if len(made.merged) > MAX_MERGED:
            raise SignaturesDiffer(signature_id, f"it would stand for more than {MAX_MERGED} others")
        return made

    async def merge(self, signature_id: str, others: Sequence[str]) -> SignatureRecord:
        """Merges signatures into one. Raises `NotFound`, or `SignaturesDiffer` and changes nothing.

        A repeat changes nothing more, so that a merge that was cut off is completed by asking again.
        """
        made = await self.mergeable(signature_id, others)
        # The one that stays is written first: cut off here, the others still have their own standing.
        kept = await self._put(made)
        for other in made.merged:
            record = await self._get(other)
            if record is not None and record.merged_into != signature_id:
                await self._put(give_way(record, signature_id))
        return kept

    async def forget(self, signature: SignatureRecord) -> None:
        """Deletes a signature and what was merged into it."""
        for signature_id in (*signature.merged, signature.signature_id):
            await self._storage.recalled(self._storage.history.delete_signature, signature_id)

    async def export(self, stream_id: str = "") -> list[SignatureRecord]:
        """All signatures, or those learned on a stream, oldest first."""
        history = self._storage.history
        found: list[SignatureRecord] = []
        before = ""
        while page := await self._storage.recalled(
            history.list_signatures, stream_id=stream_id, before=before, limit=PAGE
        ):
            found += page
            before = page[-1].signature_id
        # Merged ones need the one that they are in, wherever it was learned.
        there = {record.signature_id for record in found}
        for missing in sorted({record.merged_into for record in found} - there - {""}):
            target = await self._get(missing)
            found += [target] if target is not None else []
        return found[::-1]

    async def take(self, signatures: Sequence[SignatureRecord]) -> int:
        """Keeps those that are not known by their id or by what they heal how; returns how many."""
        taken = 0
        arriving = {signature.signature_id for signature in signatures}
        for signature in signatures:
            same = await self._get(signature.signature_id)
            known = same is not None or any(
                record.program == signature.program for record in await self.recall(signature.fingerprint)
            )
            if not known:
                target = signature.merged_into
                if target and target not in arriving and await self._get(target) is None:
                    target = ""
                await self._put(msgspec.structs.replace(signature, counted=(), merged_into=target))
                taken += 1
        return taken

    async def look_of(self, incident: Incident) -> Look | None:
        """What an incident looked like when it was analysed."""
        report = await self._storage.archived(self._storage.archive.get_report, incident.report_id)
        return report.look if report is not None else None

    async def _concerned(self, incident: Incident, adapter: AdapterRevision) -> list[SignatureRecord]:
        """The signature of the incident itself, new if need be, and the one whose fix was bound to it."""
        own = await self._own(incident, adapter)
        if adapter.signature_id in ("", own.signature_id):
            return [own]
        origin = await self._get(adapter.signature_id)
        return [own] if origin is None else [own, origin]

    async def _own(self, incident: Incident, adapter: AdapterRevision) -> SignatureRecord:
        for record in await self.recall(incident.fingerprint):
            if record.program == adapter.program:
                return await self._get(record.signature_id) or record
        look = await self.look_of(incident)
        return SignatureRecord(
            signature_id=self._ids.new("sig"),
            fingerprint=incident.fingerprint,
            stream_id=incident.stream_id,
            program=adapter.program,
            headline=incident.headline,
            create_time=self._clock(),
            embedding=look.embedding if look is not None else (),
            traits=traits_for(adapter.program, look.traits) if look is not None else (),
        )

    async def _standing(self, record: SignatureRecord) -> SignatureRecord | None:
        """The signature as it counts: a merged one with the standing of the one that it is in; None if that is out of
        use.
        """
        if not record.merged_into:
            return record
        target = await self._get(record.merged_into)
        return standing_of(record, target) if target is not None and not target.retired else None

    async def _get(self, signature_id: str) -> SignatureRecord | None:
        return await self._storage.recalled(self._storage.history.get_signature, signature_id)

    async def _known(self, signature_id: str) -> SignatureRecord:
        record = await self._get(signature_id)
        if record is None:
            raise NotFound(Kind.SIGNATURE, signature_id)
        return record

    async def _count(self, record: SignatureRecord, mark: str, **changes: object) -> None:
        counted = (*record.counted, mark)[-COUNTED:]
        await self._put(msgspec.structs.replace(record, counted=counted, **changes))

    async def _put(self, record: SignatureRecord) -> SignatureRecord:
        updated = msgspec.structs.replace(record, update_time=self._clock())
        return await self._storage.archived(self._storage.archive.put_signature, updated)
