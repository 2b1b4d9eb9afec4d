"""SignatureService: the memory of what healed what."""

from __future__ import annotations

from cta.v1 import signature_service_pb2 as api
from cta.v1 import signature_service_pb2_grpc
from cta_core.memory import DecisionEntry
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.signature import signature
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.rpc.refusals import NotInThisVersion
from cta_server.runtime.errors import Kind, NotFound


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
        raise NotInThisVersion("SignatureService/FindSimilarSignatures")

    async def DeleteSignature(
        self, request: api.DeleteSignatureRequest, context: Context
    ) -> api.DeleteSignatureResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        problems.check()
        found = await self._face.archived(self._face.archive.get_signature, request.signature_id)
        if found is None:
            raise NotFound(Kind.SIGNATURE, request.signature_id)
        # First the audit trail, then the deed: a kill in between leaves a trace without a deed, and never the reverse.
        decision = DecisionEntry(
            action="delete_signature",
            actor=actor,
            stream_id=found.stream_id,
            why=f"{found.signature_id}: {found.headline}",
            time=self._runtime.clock(),
        )
        await self._face.journaled(self._face.journal.decide, decision)
        await self._face.archived(self._face.archive.delete_signature, request.signature_id)
        return api.DeleteSignatureResponse()

    async def ExportSignatures(
        self,
        request: api.ExportSignaturesRequest,
        context: Context,
    ) -> api.ExportSignaturesResponse:
        raise NotInThisVersion("SignatureService/ExportSignatures")

    async def ImportSignatures(
        self,
        request: api.ImportSignaturesRequest,
        context: Context,
    ) -> api.ImportSignaturesResponse:
        raise NotInThisVersion("SignatureService/ImportSignatures")
