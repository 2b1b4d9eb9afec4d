"""Signatures in the archive: what is remembered of healed incidents, found by exact fingerprint or by likeness.

Their revision is a counter of the archive's own. The embeddings stand in a column beside the value, and once somebody
asked for likeness also in memory: one process at a time owns the file, so the two cannot part.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from cta_core.memory import SignatureRecord
from cta_server.runtime.ports import Similar
from cta_server.store.file import StoreFile
from cta_server.store.nearest import Nearest, pack, unpack
from cta_server.store.part import Part
from cta_server.store.query import Query


class Signatures(Part):
    """Signatures of the archive."""

    def __init__(self, file: StoreFile) -> None:
        super().__init__(file)
        self._nearest: Nearest | None = None

    def put_signature(self, signature: SignatureRecord) -> SignatureRecord:
        """Inserts or replaces by id, at the next revision."""
        packed = pack(signature.embedding)
        with self._file.write() as conn:
            row = conn.execute(
                "UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value"
            ).fetchone()
            written = msgspec.structs.replace(signature, revision=int(row[0]))
            body = msgspec.structs.replace(written, embedding=())
            conn.execute(
                "INSERT OR REPLACE INTO signatures (signature_id, body, embedding) VALUES (?, ?, ?)",
                (written.signature_id, msgspec.json.encode(body).decode(), packed or None),
            )
            # Inside the transaction's turn; were it rolled back, the next search reads everything anew.
            nearest, self._nearest = self._nearest, None
        if nearest is not None:
            with self._file.read():
                nearest.put(written.signature_id, b"" if written.retired else packed)
                self._nearest = nearest
        return written

    def adopt_signatures(self, signatures: Sequence[SignatureRecord], *, silently: str = "", loudly: str = "") -> None:
        """Inserts as they are those whose ids are not there; revisions go on behind theirs.

        `silently` and `loudly` are statements that run before and after it, in the same transaction.
        """
        with self._file.write() as conn:
            self._nearest = None
            if silently:
                conn.execute(silently)
            for each in signatures:
                body = msgspec.json.encode(msgspec.structs.replace(each, embedding=())).decode()
                conn.execute(
                    "INSERT OR IGNORE INTO signatures (signature_id, body, embedding) VALUES (?, ?, ?)",
                    (each.signature_id, body, pack(each.embedding) or None),
                )
                conn.execute("UPDATE counters SET value = max(value, ?) WHERE name = 'revision'", (each.revision,))
            if loudly:
                conn.execute(loudly)

    def get_signature(self, signature_id: str) -> SignatureRecord | None:
        """The signature, None if there is none."""
        with self._file.read() as conn:
            return _one(conn, signature_id)

    def find_signatures(self, fingerprint: str) -> list[SignatureRecord]:
        """Not retired, most confirmed first; among equals the newest id first."""
        query = (
            Query("SELECT body, embedding FROM signatures").where("fingerprint = ?", fingerprint).where("retired = 0")
        )
        with self._file.read() as conn:
            rows = query.rows(conn, order="confirmed DESC, signature_id DESC")
        return [_record(*row) for row in rows]

    def similar_signatures(self, embedding: Sequence[float], *, limit: int) -> list[Similar]:
        """Not retired, most alike first, among equals the newest id first; those without an embedding are left out."""
        with self._file.read() as conn:
            if self._nearest is None:
                self._nearest = Nearest(
                    conn.execute(
                        "SELECT signature_id, embedding FROM signatures WHERE embedding NOT NULL AND retired = 0"
                    )
                )
            found = [(_one(conn, name), score) for name, score in self._nearest.find(embedding, limit)]
        return [Similar(signature=record, likeness=score) for record, score in found if record is not None]

    def list_signatures(self, *, stream_id: str = "", before: str = "", limit: int = 50) -> list[SignatureRecord]:
        """By id, descending."""
        query = Query("SELECT body, embedding FROM signatures").equal("stream_id", stream_id)
        if before:
            query.where("signature_id < ?", before)
        with self._file.read() as conn:
            rows = query.rows(conn, order="signature_id DESC", limit=limit)
        return [_record(*row) for row in rows]

    def count_signatures(self) -> int:
        """How many are not retired."""
        with self._file.read() as conn:
            return int(conn.execute("SELECT count(*) FROM signatures WHERE retired = 0").fetchone()[0])

    def delete_signature(self, signature_id: str) -> bool:
        """Forgets one; False if there was none."""
        with self._file.write() as conn:
            if self._nearest is not None:
                self._nearest.drop(signature_id)
            return conn.execute("DELETE FROM signatures WHERE signature_id = ?", (signature_id,)).rowcount == 1


def _one(conn: sqlite3.Connection, signature_id: str) -> SignatureRecord | None:
    row = conn.execute("SELECT body, embedding FROM signatures WHERE signature_id = ?", (signature_id,)).fetchone()
    return _record(*row) if row else None


def _record(body: str, packed: bytes | None) -> SignatureRecord:
    record = msgspec.json.decode(body, type=SignatureRecord)
    return msgspec.structs.replace(record, embedding=unpack(packed)) if packed else record
