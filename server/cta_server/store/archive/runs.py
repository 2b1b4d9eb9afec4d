"""Runs in the archive. The trace stands in a column of its own, so that lists need not read it."""

from __future__ import annotations

import msgspec

from cta_core.run import Run, TraceEvent
from cta_server.store.part import Part
from cta_server.store.query import Query


class Runs(Part):
    """Runs of the archive."""

    def put_run(self, run: Run) -> Run:
        """Inserts. A run with a known `request_id` of its stream, or with a known id, returns the one that exists."""
        head = msgspec.json.encode(msgspec.structs.replace(run, trace=())).decode()
        trace = msgspec.json.encode(run.trace).decode()
        with self._file.write() as conn:
            row = conn.execute(
                "SELECT body, trace FROM runs WHERE run_id = ? OR (stream_id = ? AND request_id = ?)",
                (run.run_id, run.stream_id, run.request_id or None),
            ).fetchone()
            if row is not None:
                return _run(row)
            conn.execute(
                "INSERT INTO runs (run_id, request_id, body, trace) VALUES (?, ?, ?, ?)",
                (run.run_id, run.request_id or None, head, trace),
            )
        return run

    def get_run(self, run_id: str) -> Run | None:
        """The run with its trace, None if there is none."""
        with self._file.read() as conn:
            row = conn.execute("SELECT body, trace FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return _run(row) if row else None

    def list_runs(
        self, *, stream_id: str = "", failed_only: bool = False, before: str = "", limit: int = 50
    ) -> list[Run]:
        """By id, descending, without traces."""
        query = Query("SELECT body FROM runs").equal("stream_id", stream_id)
        if failed_only:
            query.where("failed = 1")
        if before:
            query.where("run_id < ?", before)
        with self._file.read() as conn:
            rows = query.rows(conn, order="run_id DESC", limit=limit)
        return [msgspec.json.decode(row[0], type=Run) for row in rows]


def _run(row: tuple[str, str]) -> Run:
    head = msgspec.json.decode(row[0], type=Run)
    return msgspec.structs.replace(head, trace=msgspec.json.decode(row[1], type=tuple[TraceEvent, ...]))
