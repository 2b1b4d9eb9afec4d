"""SignatureService: likeness, files, and what a person may change."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc
import pytest

from cta.v1 import (
    event_service_pb2,
    incident_pb2,
    report_pb2,
    signature_pb2,
    system_service_pb2,
)
from cta.v1 import signature_service_pb2 as calls
from helpers.api import Api, payments, refused, serving
from helpers.incidents import incident_in
from helpers.payments import renamed

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def healed(api: Api, stream_id: str) -> incident_pb2.Incident:
    """The resolved incident of a stream on which `amt` arrived for `amount`."""
    await payments(api, stream_id)
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(400)))
    return await incident_in(api, stream_id, "RESOLVED")


async def remembered(api: Api) -> signature_pb2.Signature:
    """The one signature, once the loop has kept it."""
    for _ in range(500):
        found = (await api.signatures.ListSignatures(calls.ListSignaturesRequest())).signatures
        if found:
            return found[0]
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was remembered")


async def test_signatures_are_found_changed_and_carried_to_another_installation(tmp_path: Path) -> None:
    """An incident finds its signature; a retired one is found no more; a file takes it to another server, once."""
    async with serving(tmp_path / "one") as alone:
        api = alone.api
        incident = await healed(api, "s")
        signature = await remembered(api)
        assert len(signature.embedding) == 128
        similar = calls.FindSimilarSignaturesRequest(incident_id=incident.incident_id)
        (found,) = (await api.signatures.FindSimilarSignatures(similar)).signatures
        assert (found.signature, found.likeness) == (signature, 1.0)
        update = calls.UpdateSignatureRequest(
            signature_id=signature.signature_id, headline="amt for amount", retired=True, actor="ann", comment="old"
        )
        changed = (await api.signatures.UpdateSignature(update)).signature
        assert (changed.headline, changed.retired) == ("amt for amount", True)
        assert changed.program == signature.program
        assert not (await api.signatures.FindSimilarSignatures(similar)).signatures
        back = calls.UpdateSignatureRequest(signature_id=signature.signature_id, retired=False)
        restored = (await api.signatures.UpdateSignature(back)).signature
        assert (restored.headline, restored.retired) == ("amt for amount", False)
        listed = await api.system.ListDecisions(system_service_pb2.ListDecisionsRequest(stream_id="s", page_size=2))
        assert {entry.action for entry in listed.decisions} == {"update_signature"}
        file = (await api.signatures.ExportSignatures(calls.ExportSignaturesRequest())).file
        assert json.loads(file)["format"] == "cta-signatures/1"
        nothing = (await api.signatures.ExportSignatures(calls.ExportSignaturesRequest(stream_id="t"))).file
        assert json.loads(nothing)["signatures"] == []
    async with serving(tmp_path / "two") as other:
        api = other.api
        taken = await api.signatures.ImportSignatures(calls.ImportSignaturesRequest(file=file, actor="ann"))
        assert (taken.imported_count, taken.known_count) == (1, 0)
        again = await api.signatures.ImportSignatures(calls.ImportSignaturesRequest(file=file, actor="ann"))
        assert (again.imported_count, again.known_count) == (0, 1)
        assert (await healed(api, "elsewhere")).method == report_pb2.METHOD_SIGNATURE


async def test_what_is_no_file_of_signatures_is_refused_whole(api: Api) -> None:
    """INVALID_ARGUMENT names the field, and nothing of the file is kept."""
    for file in (b"", b"[]", b'{"format":"cta-signatures/2"}', b'{"format":"cta-signatures/1","signatures":[{}]}'):
        refusal = await refused(api.signatures.ImportSignatures(calls.ImportSignaturesRequest(file=file)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    for call in (
        api.signatures.UpdateSignature(calls.UpdateSignatureRequest(signature_id="sig_x", retired=True)),
        api.signatures.FindSimilarSignatures(calls.FindSimilarSignaturesRequest(incident_id="inc_x")),
    ):
        assert (await refused(call)).code == grpc.StatusCode.NOT_FOUND


async def test_a_merge_is_refused_by_name_and_written_to_the_log(tmp_path: Path) -> None:
    """Two streams' signatures of one change become one; what cannot be merged is named, and leaves no trace."""
    async with serving(tmp_path) as alone:
        api = alone.api
        await healed(api, "s")
        first = await remembered(api)
        file = json.loads((await api.signatures.ExportSignatures(calls.ExportSignaturesRequest())).file)
        (record,) = file["signatures"]
        record |= {"signature_id": "sig_00000000000000000000000002", "stream_id": "t", "fingerprint": "sig1:other"}
        taken = calls.ImportSignaturesRequest(file=json.dumps(file).encode())
        assert (await api.signatures.ImportSignatures(taken)).imported_count == 1
        merge = calls.MergeSignaturesRequest(
            signature_id=first.signature_id, merged_signature_ids=[record["signature_id"]], actor="ann", comment="same"
        )
        kept = (await api.signatures.MergeSignatures(merge)).signature
        assert (kept.confirmed_count, list(kept.merged_signature_ids)) == (2, [record["signature_id"]])
        gone = calls.GetSignatureRequest(signature_id=record["signature_id"])
        assert (await api.signatures.GetSignature(gone)).signature.merged_into == first.signature_id
        merge.signature_id, merge.merged_signature_ids[0] = record["signature_id"], first.signature_id
        refusal = await refused(api.signatures.MergeSignatures(merge))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SIGNATURES_DIFFER")
        nobody = calls.MergeSignaturesRequest(signature_id=first.signature_id)
        assert (await refused(api.signatures.MergeSignatures(nobody))).reason == "FIELD_INVALID"
        nobody.merged_signature_ids.append(first.signature_id)
        itself = await refused(api.signatures.MergeSignatures(nobody))
        assert (itself.reason, set(itself.fields)) == ("FIELD_INVALID", {"merged_signature_ids"})
        listed = await api.system.ListDecisions(system_service_pb2.ListDecisionsRequest(page_size=10))
        assert [entry.action for entry in listed.decisions].count("merge_signatures") == 1
