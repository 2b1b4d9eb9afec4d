"""SignatureService: the memory of what healed what."""

from __future__ import annotations

from typing import Final

from cta.v1 import signature_service_pb2 as api
from cta.v1 import signature_service_pb2_grpc
from cta_core import signature_file
from cta_core.memory import DecisionEntry, SignatureRecord
from cta_server.rpc.convert.problems import MAX_TEXT, Problems
from cta_server.rpc.convert.signature import signature
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.runtime.errors import Kind, NotFound

MAX_SIMILAR: Final = 100
"""Most signatures of one answer: what a person looks through."""


class SignatureServicer(signature_service_pb2_grpc.SignatureServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime = face, face.runtime

    async def ListSignatures(self, request: api.ListSignaturesRequest, context: Context) -> api.ListSignaturesResponse:
        problems = Problems()
        page = Page(request, "", request.stream_id, problems=problems)
        problems.check()
        archive = self._face.archive
        entries, following = await page.collect(
            lambda before, limit: self._face.archived(
                archive.list_signatures, stream_id=request.stream_id, before=before, limit=limit
            ),
            signature,
            lambda item: item.signature_id,
        )
        return api.ListSignaturesResponse(signatures=entries, next_page_token=following)

    async def GetSignature(self, request: api.GetSignatureRequest, context: Context) -> api.GetSignatureResponse:
        found = await self._face.archived(self._face.archive.get_signature, request.signature_id)
        if found is None:
            raise NotFound(Kind.SIGNATURE, request.signature_id)
        return api.GetSignatureResponse(signature=signature(found))

    async def FindSimilarSignatures(
        self,
        request: api.FindSimilarSignaturesRequest,
        context: Context,
    ) -> api.FindSimilarSignaturesResponse:
        problems = Problems()
        limit = int(problems.number("limit", request.limit, least=0, most=MAX_SIMILAR)) or 3
        problems.check()
        incident = await self._runtime.incidents.get(request.incident_id)
        look = await self._runtime.memory.look_of(incident)
        found = await self._runtime.memory.similar(look, limit) if look is not None else []
        return api.FindSimilarSignaturesResponse(
            signatures=[
                api.SimilarSignature(signature=signature(each.signature), likeness=each.likeness) for each in found
            ]
        )

    async def UpdateSignature(
        self, request: api.UpdateSignatureRequest, context: Context
    ) -> api.UpdateSignatureResponse:
        problems = Problems()
        actor, comment = problems.audit(request.actor, request.comment)
        problems.text("headline", request.headline, MAX_TEXT)
        problems.check()
        found = await self._face.archived(self._face.archive.get_signature, request.signature_id)
        if found is None:
            raise NotFound(Kind.SIGNATURE, request.signature_id)
        await self._decide("update_signature", actor, found, comment)
        changed = await self._runtime.memory.edit(
            found,
            headline=request.headline if request.HasField("headline") else None,
            retired=request.retired if request.HasField("retired") else None,
        )
        return api.UpdateSignatureResponse(signature=signature(changed))

    async def DeleteSignature(
        self, request: api.DeleteSignatureRequest, context: Context
    ) -> api.DeleteSignatureResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        problems.check()
        found = await self._face.archived(self._face.archive.get_signature, request.signature_id)
        if found is None:
            raise NotFound(Kind.SIGNATURE, request.signature_id)
        await self._decide("delete_signature", actor, found, found.headline)
        await self._runtime.memory.forget(found)
        return api.DeleteSignatureResponse()

    async def MergeSignatures(
        self, request: api.MergeSignaturesRequest, context: Context
    ) -> api.MergeSignaturesResponse:
        problems = Problems()
        actor, comment = problems.audit(request.actor, request.comment)
        if not request.merged_signature_ids:
            problems.add("merged_signature_ids", "must name at least one signature")
        if request.signature_id in request.merged_signature_ids:
            problems.add("merged_signature_ids", "must name other signatures than the one that stands for them")
        problems.check()
        found = await self._face.archived(self._face.archive.get_signature, request.signature_id)
        if found is None:
            raise NotFound(Kind.SIGNATURE, request.signature_id)
        await self._runtime.memory.mergeable(request.signature_id, request.merged_signature_ids)
        why = f"merges {', '.join(request.merged_signature_ids)}" + (f": {comment}" if comment else "")
        await self._decide("merge_signatures", actor, found, why)
        kept = await self._runtime.memory.merge(request.signature_id, request.merged_signature_ids)
        return api.MergeSignaturesResponse(signature=signature(kept))

    async def ExportSignatures(
        self,
        request: api.ExportSignaturesRequest,
        context: Context,
    ) -> api.ExportSignaturesResponse:
        records = await self._runtime.memory.export(request.stream_id)
        return api.ExportSignaturesResponse(file=signature_file.dump(records))

    async def ImportSignatures(
        self,
        request: api.ImportSignaturesRequest,
        context: Context,
    ) -> api.ImportSignaturesResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        problems.check()
        records = signature_file.load(request.file)
        decision = DecisionEntry(
            action="import_signatures", actor=actor, why=f"{len(records)} in the file", time=self._runtime.clock()
        )
        await self._face.journaled(self._face.journal.decide, decision)
        imported = await self._runtime.memory.take(records)
        return api.ImportSignaturesResponse(imported_count=imported, known_count=len(records) - imported)

    async def _decide(self, action: str, actor: str, found: SignatureRecord, why: str) -> None:
        """First the audit trail, then the deed: a kill in between leaves a trace without a deed, never the reverse."""
        decision = DecisionEntry(
            action=action,
            actor=actor,
            stream_id=found.stream_id,
            why=f"{found.signature_id}: {why}",
            time=self._runtime.clock(),
        )
        await self._face.journaled(self._face.journal.decide, decision)
