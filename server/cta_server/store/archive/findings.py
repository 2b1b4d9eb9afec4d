"""What the loop found out, in the archive: reports of analyses and canaries."""

from __future__ import annotations

import msgspec

from cta_core.canary import Canary
from cta_server.runtime.ports import StoredReport
from cta_server.store.part import Part
from cta_server.store.query import Query


class Findings(Part):
    """Reports and canaries of the archive."""

    def put_report(self, report: StoredReport) -> None:
        """Inserts or replaces by id."""
        with self._file.write() as conn:
            conn.execute(
                "INSERT OR REPLACE INTO reports (report_id, body) VALUES (?, ?)",
                (report.report_id, msgspec.json.encode(report).decode()),
            )

    def get_report(self, report_id: str) -> StoredReport | None:
        """The report, None if there is none."""
        with self._file.read() as conn:
            row = conn.execute("SELECT body FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        return msgspec.json.decode(row[0], type=StoredReport) if row else None

    def list_reports(
        self, *, stream_id: str = "", incident_id: str = "", before: str = "", limit: int = 50
    ) -> list[StoredReport]:
        """By id, descending."""
        query = Query("SELECT body FROM reports").equal("stream_id", stream_id).equal("incident_id", incident_id)
        if before:
            query.where("report_id < ?", before)
        with self._file.read() as conn:
            rows = query.rows(conn, order="report_id DESC", limit=limit)
        return [msgspec.json.decode(row[0], type=StoredReport) for row in rows]

    def put_canary(self, canary: Canary) -> None:
        """Inserts or replaces by id."""
        with self._file.write() as conn:
            conn.execute(
                "INSERT OR REPLACE INTO canaries (canary_id, body) VALUES (?, ?)",
                (canary.canary_id, msgspec.json.encode(canary).decode()),
            )

    def get_canary(self, canary_id: str) -> Canary | None:
        """The canary, None if there is none."""
        with self._file.read() as conn:
            row = conn.execute("SELECT body FROM canaries WHERE canary_id = ?", (canary_id,)).fetchone()
        return msgspec.json.decode(row[0], type=Canary) if row else None

    def list_canaries(
        self, *, stream_id: str = "", adapter_id: str = "", before: str = "", limit: int = 50
    ) -> list[Canary]:
        """By id, descending."""
        query = Query("SELECT body FROM canaries").equal("stream_id", stream_id).equal("adapter_id", adapter_id)
        if before:
            query.where("canary_id < ?", before)
        with self._file.read() as conn:
            rows = query.rows(conn, order="canary_id DESC", limit=limit)
        return [msgspec.json.decode(row[0], type=Canary) for row in rows]
