"""Signatures in the archive: what is remembered of healed incidents. Likeness is computed elsewhere; here the exact
fingerprint finds them. Their revision is a counter of the archive's own.
"""

from __future__ import annotations

import msgspec

from cta_core.memory import SignatureRecord
from cta_server.store.part import Part
from cta_server.store.query import Query


class Signatures(Part):
    """Signatures of the archive."""

    def put_signature(self, signature: SignatureRecord) -> SignatureRecord:
        """Inserts or replaces by id, at the next revision."""
        with self._file.write() as conn:
            row = conn.execute(
                "UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value"
            ).fetchone()
            written = msgspec.structs.replace(signature, revision=int(row[0]))
            conn.execute(
                "INSERT OR REPLACE INTO signatures (signature_id, body) VALUES (?, ?)",
                (written.signature_id, msgspec.json.encode(written).decode()),
            )
        return written

    def get_signature(self, signature_id: str) -> SignatureRecord | None:
        """The signature, None if there is none."""
        with self._file.read() as conn:
            row = conn.execute("SELECT body FROM signatures WHERE signature_id = ?", (signature_id,)).fetchone()
        return msgspec.json.decode(row[0], type=SignatureRecord) if row else None

    def find_signatures(self, fingerprint: str) -> list[SignatureRecord]:
        """Not retired, most confirmed first; among equals the newest id first."""
        query = Query("SELECT body FROM signatures").where("fingerprint = ?", fingerprint).where("retired = 0")
        with self._file.read() as conn:
            rows = query.rows(conn, order="confirmed DESC, signature_id DESC")
        return [msgspec.json.decode(row[0], type=SignatureRecord) for row in rows]

    def list_signatures(self, *, stream_id: str = "", before: str = "", limit: int = 50) -> list[SignatureRecord]:
        """By id, descending."""
        query = Query("SELECT body FROM signatures").equal("stream_id", stream_id)
        if before:
            query.where("signature_id < ?", before)
        with self._file.read() as conn:
            rows = query.rows(conn, order="signature_id DESC", limit=limit)
        return [msgspec.json.decode(row[0], type=SignatureRecord) for row in rows]

    def count_signatures(self) -> int:
        """How many are not retired."""
        with self._file.read() as conn:
            return int(conn.execute("SELECT count(*) FROM signatures WHERE retired = 0").fetchone()[0])

    def delete_signature(self, signature_id: str) -> bool:
        """Forgets one; False if there was none."""
        with self._file.write() as conn:
            return conn.execute("DELETE FROM signatures WHERE signature_id = ?", (signature_id,)).rowcount == 1
