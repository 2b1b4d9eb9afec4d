"""Traces on their way to a run: what spans and log records brought, kept until the run is written.

A trace is open, then closed with the id of its run, and emptied when that run is in the archive. What is left of an
emptied one, its ids, tells a span that is sent again from one that comes too late; it is forgotten after a while.
"""

from __future__ import annotations

from collections.abc import Sequence

from cta_server.runtime.ports import KeptPiece, OpenTrace, Taken
from cta_server.store.part import Part


class Traces(Part):
    """Traces of the journal."""

    def put_pieces(self, pieces: Sequence[KeptPiece], *, now: float, most: int) -> list[Taken]:
        """Keeps pieces, durably before it returns; says of each what became of it.

        A piece that is known is not kept again; one of a trace that is closed comes too late; a trace that has `most`
        takes no more.
        """
        taken: list[Taken] = []
        with self._file.write() as conn:
            for piece in pieces:
                key = (piece.stream_id, piece.trace_id)
                known = conn.execute(
                    "SELECT 1 FROM trace_pieces WHERE stream_id = ? AND trace_id = ? AND span_id = ? AND part = ?",
                    (*key, piece.span_id, piece.part),
                ).fetchone()
                if known:
                    taken.append(Taken.KNOWN)
                    continue
                trace = conn.execute(
                    "SELECT run_id, count FROM traces WHERE stream_id = ? AND trace_id = ?", key
                ).fetchone()
                if trace is not None and trace[0]:
                    taken.append(Taken.LATE)
                    continue
                if trace is not None and trace[1] >= most:
                    taken.append(Taken.FULL)
                    continue
                conn.execute(
                    """INSERT INTO traces (stream_id, trace_id, last_time, root, count, bytes) VALUES (?, ?, ?, ?, 1, ?)
                        ON CONFLICT DO UPDATE SET last_time = excluded.last_time, root = max(root, excluded.root),
                            count = count + 1, bytes = bytes + excluded.bytes""",
                    (*key, now, int(piece.root), len(piece.body)),
                )
                conn.execute(
                    "INSERT INTO trace_pieces (stream_id, trace_id, span_id, part, body) VALUES (?, ?, ?, ?, ?)",
                    (*key, piece.span_id, piece.part, piece.body),
                )
                taken.append(Taken.NEW)
        return taken

    def open_traces(self) -> list[OpenTrace]:
        """All whose run is not in the archive yet, the oldest first."""
        with self._file.read() as conn:
            rows = conn.execute(
                """SELECT stream_id, trace_id, last_time, root, bytes, run_id FROM traces
                    WHERE emptied = 0 ORDER BY last_time"""
            ).fetchall()
        return [
            OpenTrace(stream_id=stream, trace_id=trace, last_time=last, root=bool(root), bytes=size, run_id=run)
            for stream, trace, last, root, size, run in rows
        ]

    def close_trace(self, stream_id: str, trace_id: str, *, run_id: str) -> tuple[str, list[bytes]]:
        """Closes a trace to newcomers; gives the id of its run, which a former call may have chosen, and its pieces."""
        with self._file.write() as conn:
            conn.execute(
                "UPDATE traces SET run_id = ? WHERE stream_id = ? AND trace_id = ? AND run_id = ''",
                (run_id, stream_id, trace_id),
            )
            row = conn.execute(
                "SELECT run_id FROM traces WHERE stream_id = ? AND trace_id = ?", (stream_id, trace_id)
            ).fetchone()
            pieces = conn.execute(
                "SELECT body FROM trace_pieces WHERE stream_id = ? AND trace_id = ? ORDER BY rowid",
                (stream_id, trace_id),
            ).fetchall()
        return (str(row[0]) if row else run_id), [piece[0] for piece in pieces]

    def empty_trace(self, stream_id: str, trace_id: str, *, now: float, forget_before: float) -> None:
        """The run is in the archive: only the ids stay. Those of traces emptied before `forget_before` go as well."""
        with self._file.write() as conn:
            conn.execute(
                "UPDATE trace_pieces SET body = x'' WHERE stream_id = ? AND trace_id = ?", (stream_id, trace_id)
            )
            conn.execute(
                "UPDATE traces SET emptied = ? WHERE stream_id = ? AND trace_id = ?", (now, stream_id, trace_id)
            )
            old = conn.execute(
                "SELECT stream_id, trace_id FROM traces WHERE emptied > 0 AND emptied < ? LIMIT 100", (forget_before,)
            ).fetchall()
            conn.executemany("DELETE FROM trace_pieces WHERE stream_id = ? AND trace_id = ?", old)
            conn.executemany("DELETE FROM traces WHERE stream_id = ? AND trace_id = ?", old)
