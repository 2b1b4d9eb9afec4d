"""Signatures on ClickHouse, found by exact fingerprint or by the cosine of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cta_core.memory import SignatureRecord
from cta_server.runtime.ports import Similar
from cta_server.store.clickhouse.part import Part
from cta_server.store.clickhouse.search import nearest

COLUMNS: Final = {
    "signature_id": "String",
    "stream_id": "LowCardinality(String)",
    "fingerprint": "String",
    "confirmed": "Int64",
    "retired": "UInt8",
    "embedding": "Array(Float32)",
    "body": "String",
    "version": "UInt64",
    "deleted": "UInt8",
}


class Signatures(Part):
    """Signatures of the archive."""

    def prepare_signatures(self) -> None:
        """Asks for the last revision; versions of signatures are their revisions."""
        self._revision = int(self._engine.rows("SELECT max(version) FROM signatures")[0][0])

    def put_signature(self, signature: SignatureRecord) -> SignatureRecord:
        """Inserts or replaces by id, at the next revision."""
        with self._turn:
            written = msgspec.structs.replace(signature, revision=self._revision + 1)
            self._write(written, deleted=False)
            return written

    def get_signature(self, signature_id: str) -> SignatureRecord | None:
        """The signature, None if there is none."""
        found = self._read("signature_id = {id:String}", "", {"id": signature_id})
        return found[0] if found else None

    def find_signatures(self, fingerprint: str) -> list[SignatureRecord]:
        """Not retired, most confirmed first; among equals the newest id first."""
        return self._read(
            "fingerprint = {key:String} AND retired = 0", "ORDER BY confirmed DESC, signature_id DESC",
            {"key": fingerprint},
        )  # fmt: skip

    def similar_signatures(self, embedding: Sequence[float], *, limit: int) -> list[Similar]:
        """Not retired, most alike first, among equals the newest id first; those without an embedding are left out."""
        return [
            Similar(signature=_record(hit.body, hit.embedding), likeness=hit.likeness)
            for hit in nearest(self._engine, embedding, limit)
        ]

    def list_signatures(self, *, stream_id: str = "", before: str = "", limit: int = 50) -> list[SignatureRecord]:
        """By id, descending."""
        terms = [
            *(["stream_id = {stream:String}"] if stream_id else []),
            *(["signature_id < {before:String}"] if before else []),
        ]
        return self._read(
            " AND ".join(terms) or "1",
            "ORDER BY signature_id DESC LIMIT {limit:UInt64}",
            {"stream": stream_id, "before": before, "limit": limit},
        )

    def count_signatures(self) -> int:
        """How many are not retired."""
        return int(self._engine.rows("SELECT count() FROM signatures FINAL WHERE retired = 0")[0][0])

    def delete_signature(self, signature_id: str) -> bool:
        """Forgets one; False if there was none."""
        with self._turn:
            known = self.get_signature(signature_id)
            if known is not None:
                self._write(msgspec.structs.replace(known, revision=self._revision + 1), deleted=True)
            return known is not None

    def _write(self, record: SignatureRecord, *, deleted: bool) -> None:
        body = msgspec.json.encode(msgspec.structs.replace(record, embedding=())).decode()
        row = [
            record.signature_id, record.stream_id, record.fingerprint, record.confirmed, int(record.retired),
            list(record.embedding), body, record.revision, int(deleted),
        ]  # fmt: skip
        self._engine.insert("signatures", COLUMNS, [row])
        self._revision = record.revision

    def _read(self, where: str, order: str, values: dict[str, Any]) -> list[SignatureRecord]:
        found = self._engine.rows(
            f"SELECT body, embedding FROM signatures FINAL WHERE {where} {order}",  # noqa: S608 - names of ours
            values,
        )
        return [_record(body, embedding) for body, embedding in found]


def _record(body: str, embedding: Sequence[float]) -> SignatureRecord:
    record = msgspec.json.decode(body, type=SignatureRecord)
    return msgspec.structs.replace(record, embedding=tuple(map(float, embedding)))
