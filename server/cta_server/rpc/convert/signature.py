"""Signatures out."""

from __future__ import annotations

from cta.v1 import signature_pb2 as api
from cta_core.memory import SignatureRecord
from cta_server.rpc.convert.adapter import program
from cta_server.rpc.convert.scalars import timestamp


def signature(core: SignatureRecord) -> api.Signature:
    """A signature as a message."""
    return api.Signature(
        signature_id=core.signature_id,
        revision=core.revision,
        create_time=timestamp(core.create_time),
        update_time=timestamp(core.update_time),
        fingerprint=core.fingerprint,
        stream_id=core.stream_id,
        headline=core.headline,
        program=program(core.program),
        embedding=core.embedding,
        hit_count=core.hits,
        confirmed_count=core.confirmed,
        refused_count=core.refused,
        retired=core.retired,
        merged_into=core.merged_into,
        merged_signature_ids=core.merged,
    )
