"""Recent events in the archive, one row per block: that is written and read several times as fast as one row per event.

It numbers the events of each stream from 1, finds the newest and drops the oldest, block by block.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cta_server.runtime.ports import RecordedEvent
from cta_server.store.part import Part
from cta_server.store.query import Query

BLOCK = 500
"""Most events in a block: a batch. Larger blocks gain little and make a short read decode more than it needs."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """An event inside a block. Its place in the block is its position; fields are added at the end only."""

    event_id: str
    kind: str
    raw: bytes
    output: bytes
    adapter_id: str
    reason: str
    message: str
    time: float


class Events(Part):
    """Recent events of the archive."""

    def append_events(self, stream_id: str, events: Sequence[RecordedEvent]) -> None:
        """Keeps recent events in blocks; gives them the next positions of their stream, whatever they bring."""
        encode = msgspec.msgpack.encode
        with self._file.write() as conn:
            row = conn.execute(
                "SELECT coalesce(max(last), 0) FROM event_blocks WHERE stream_id = ?", (stream_id,)
            ).fetchone()
            last = int(row[0])
            for start in range(0, len(events), BLOCK):
                block = events[start : start + BLOCK]
                last += len(block)
                kinds = " ".join(sorted({event.kind for event in block}))
                body = encode(
                    [
                        _Kept(e.event_id, e.kind, e.raw, e.output, e.adapter_id, e.reason, e.message, e.time)
                        for e in block
                    ]
                )
                conn.execute(
                    "INSERT INTO event_blocks VALUES (?, ?, ?, ?, ?)", (stream_id, last, len(block), f" {kinds} ", body)
                )

    def recent_events(
        self, stream_id: str, *, kinds: Sequence[str] = (), before: int = 0, limit: int = 1000
    ) -> list[RecordedEvent]:
        """Newest first; `before` 0 starts at the newest."""
        wanted = frozenset(kinds)
        found: list[RecordedEvent] = []
        query = Query("SELECT last, count, body FROM event_blocks").where("stream_id = ?", stream_id)
        if before:
            query.where("last - count + 1 < ?", before)
        if wanted:
            any_kind = " OR ".join(["instr(kinds, ?)"] * len(wanted))
            query.where(f"({any_kind})", *(f" {kind} " for kind in wanted))
        decode = msgspec.msgpack.Decoder(list[_Kept]).decode
        with self._file.read() as conn:
            for last, count, body in query.each(conn, order="last DESC"):
                first = last - count + 1
                chosen = [
                    (first + offset, event)
                    for offset, event in enumerate(decode(body))
                    if not wanted or event.kind in wanted
                ]
                for position, event in reversed(chosen):
                    if before and position >= before:
                        continue
                    if len(found) >= limit:
                        return found
                    found.append(_recorded(stream_id, position, event))
        return found

    def trim_events(self, stream_id: str, *, keep: int) -> None:
        """Drops the blocks that lie wholly before the newest `keep` events; the newest block stays in any case."""
        with self._file.write() as conn:
            conn.execute(
                """DELETE FROM event_blocks WHERE stream_id = ?1 AND last <=
                    (SELECT max(last) - max(?2, 1) FROM event_blocks WHERE stream_id = ?1)""",
                (stream_id, keep),
            )

    def erase_events(self, stream_id: str, *, up_to: int) -> None:
        """Drops the blocks that end at a position or before it.

        Of the newest block the row stays, without events: the positions of a stream never begin anew.
        """
        with self._file.write() as conn:
            conn.execute(
                """DELETE FROM event_blocks WHERE stream_id = ?1 AND last <= ?2 AND last <
                    (SELECT max(last) FROM event_blocks WHERE stream_id = ?1)""",
                (stream_id, up_to),
            )
            conn.execute(
                "UPDATE event_blocks SET count = 0, kinds = '', body = ? WHERE stream_id = ? AND last <= ?",
                (msgspec.msgpack.encode([]), stream_id, up_to),
            )
        self._file.forget()


def block_events(stream_id: str, last: int, body: bytes) -> list[RecordedEvent]:
    """The events of a block, oldest first."""
    events = msgspec.msgpack.decode(body, type=list[_Kept])
    return [_recorded(stream_id, position, event) for position, event in enumerate(events, last - len(events) + 1)]


def _recorded(stream_id: str, position: int, event: _Kept) -> RecordedEvent:
    return RecordedEvent(
        position=position,
        stream_id=stream_id,
        event_id=event.event_id,
        kind=event.kind,
        raw=event.raw,
        output=event.output,
        adapter_id=event.adapter_id,
        reason=event.reason,
        message=event.message,
        time=event.time,
    )
