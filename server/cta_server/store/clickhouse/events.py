"""Recent events on ClickHouse, one row each, by stream and position.

Positions are numbered here: one server writes a stream's events, so it knows the last one after it asked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cta_server.runtime.ports import RecordedEvent
from cta_server.store.clickhouse.part import Part

COLUMNS: Final = {
    "stream_id": "LowCardinality(String)",
    "position": "UInt64",
    "event_id": "String",
    "kind": "LowCardinality(String)",
    "raw": "String",
    "output": "String",
    "adapter_id": "LowCardinality(String)",
    "reason": "LowCardinality(String)",
    "message": "String",
    "time": "Float64",
}

SLACK: Final = 500
"""Old events that may stay beyond those to keep: a deletion there rewrites parts, so it waits for a block of them."""


class Events(Part):
    """Recent events of the archive."""

    def prepare_events(self) -> None:
        """Asks for the last positions."""
        found = self._engine.rows("SELECT stream_id, max(position), min(position) FROM events GROUP BY stream_id")
        self._last = {str(name): int(last) for name, last, _ in found}
        self._first = {str(name): int(first) for name, _, first in found}

    def forget_stream(self, stream_id: str) -> None:
        """Starts a deleted stream's positions anew."""
        with self._turn:
            self._last.pop(stream_id, None)
            self._first.pop(stream_id, None)

    def append_events(self, stream_id: str, events: Sequence[RecordedEvent]) -> None:
        """Keeps recent events at the next positions of their stream, whatever positions they bring."""
        with self._turn:
            first = self._last.get(stream_id, 0) + 1
            rows = [
                [
                    stream_id, position, event.event_id, event.kind, event.raw, event.output,
                    event.adapter_id, event.reason, event.message, event.time,
                ]
                for position, event in enumerate(events, start=first)
            ]  # fmt: skip
            self._engine.insert("events", COLUMNS, rows)
            if rows:
                self._last[stream_id] = first + len(rows) - 1
                self._first.setdefault(stream_id, first)

    def recent_events(
        self, stream_id: str, *, kinds: Sequence[str] = (), before: int = 0, limit: int = 1000
    ) -> list[RecordedEvent]:
        """Newest first; `before` 0 starts at the newest."""
        asked = ["stream_id = {stream:String}"]
        values: dict[str, object] = {"stream": stream_id, "limit": limit}
        if before:
            asked.append("position < {before:UInt64}")
            values["before"] = before
        if kinds:
            asked.append("kind IN {kinds:Array(String)}")
            values["kinds"] = list(kinds)
        names = ", ".join(COLUMNS)
        found = self._engine.rows(
            f"SELECT {names} FROM events WHERE {' AND '.join(asked)} "  # noqa: S608 - names of ours, values bound
            "ORDER BY position DESC LIMIT {limit:UInt64}",
            values,
            raw=("raw", "output"),
        )
        return [
            RecordedEvent(
                stream_id=str(row[0]), position=int(row[1]), event_id=row[2], kind=str(row[3]), raw=bytes(row[4]),
                output=bytes(row[5]), adapter_id=str(row[6]), reason=str(row[7]), message=row[8], time=float(row[9]),
            )
            for row in found
        ]  # fmt: skip

    def trim_events(self, stream_id: str, *, keep: int) -> None:
        """Drops old events, but none of the newest `keep`; up to a block more may stay."""
        with self._turn:
            last, first = self._last.get(stream_id), self._first.get(stream_id, 1)
            if last is None:
                return
            gone = last - max(keep, 1)
            if gone - first + 1 < min(SLACK, max(1, keep)):
                return
            self._engine.change(
                "DELETE FROM events WHERE stream_id = {stream:String} AND position <= {gone:UInt64}",
                {"stream": stream_id, "gone": gone},
            )
            self._first[stream_id] = gone + 1
