"""Signatures on ClickHouse, found by exact fingerprint or by cosine over their embeddings, an exact scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cta_core.memory import SignatureRecord
from cta_server.runtime.ports import Similar
from cta_server.store.clickhouse.part import Part

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

SPARE: Final = 5
"""Ids looked at beyond those wanted, for versions that are no longer the newest."""

MARGIN: Final = 0.02
"""What a coarse likeness may be off. Each of two vectors is rounded by at most 1/254 a number, with a deviation of
0.0023; over unit vectors their product deviates by 0.0032, so this is six deviations."""

MOST: Final = 64
"""Times the wanted ids that are looked at for the sake of the margin. Where still more are alike within it, as where a
thousand streams share one change, any of them serves."""

_LIKENESS: Final = "1 - cosineDistance(embedding, {wanted:Array(Float32)})"


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
        if not embedding or limit < 1:
            return []
        wide = 2 * limit + SPARE
        coarse = _coarse(embedding)
        while True:
            # The ids first, by coarse vectors and over every version that is there: FINAL over all of them costs twice
            # the scan. Exact vectors of the newest versions of those few decide.
            rows = self._engine.rows(
                "SELECT signature_id, dotProduct(coarse, {coarse:Array(Int8)}) AS near FROM signatures "
                "WHERE length(coarse) = {length:UInt64} AND retired = 0 "
                "ORDER BY near DESC, signature_id DESC LIMIT {limit:UInt64}",
                {"coarse": coarse, "length": len(coarse), "limit": wide},
            )
            found = self._engine.rows(
                f"SELECT body, embedding, {_LIKENESS} AS likeness FROM signatures FINAL "  # noqa: S608 - names of ours
                "WHERE signature_id IN {ids:Array(String)} AND length(embedding) = {length:UInt64} AND retired = 0 "
                "ORDER BY likeness DESC, signature_id DESC LIMIT {limit:UInt64}",
                {
                    "ids": list({str(row[0]) for row in rows}),
                    "wanted": list(embedding),
                    "length": len(embedding),
                    "limit": limit,
                },
            )
            # A version that is gone, or a likeness that was rounded down, may have left a nearer one beyond the last.
            short = len(found) < limit
            near = not short and float(found[-1][2]) < float(rows[-1][1]) / 127**2 + MARGIN
            if len(rows) < wide or not (short or (near and wide < MOST * limit)):
                return [
                    Similar(signature=_record(body, vector), likeness=float(likeness))
                    for body, vector, likeness in found
                ]
            wide *= 4

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


def _coarse(embedding: Sequence[float]) -> list[int]:
    """The vector as the column `coarse` has it."""
    length = math.sqrt(sum(value * value for value in embedding))
    return [round(127 * value / length) for value in embedding] if length else [0] * len(embedding)
