"""The outbox: what is written here and not yet in ClickHouse, in order, in the archive's own file.

It decides what leaves next and what gives way when there is too much; `capture` fills it, the drainer takes from it.
A batch is sealed before it leaves: which entries it has is on the disk first, so that after a crash the same block goes
out under the same token, and nothing that ClickHouse has can be numbered anew here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from cta_server.runtime.ports import SpoolNow
from cta_server.store.file import StoreFile
from cta_server.store.part import Part
from cta_server.store.relay.batch import ORDERS, Batch, Entry, Kind, Row, batch_of
from cta_server.store.relay.capture import FRESH, PLACED, capture, join, order

ENTRIES: Final = 2000
EVENTS: Final = 20_000
BYTES: Final = 8 << 20
"""Most of a batch. ClickHouse likes blocks of 10,000 rows and more: 20,000 events of 400 bytes are 8 MB, which it
takes in some tenths of a second and which bound the drainer's memory near 50 MB; where events come alone, 2,000."""

AMPLE: Final = 0.95
"""What is left of the limit after something gave way: so that it does not happen again at each block."""

ASIDE: Final = 1000
"""Refused rows that are kept; of more the oldest leave. They are there to be looked at, and a thousand show what is
wrong."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A row, or an order, that ClickHouse will never take."""

    entry: Entry
    row: Row | None
    """None for an order."""
    why: str


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted here and may still be there: answers from ClickHouse are read without it."""

    streams: frozenset[str] = frozenset()
    """Deleted streams."""
    signatures: frozenset[str] = frozenset()
    """Deleted signatures, by id."""
    erased: Mapping[str, int] = {}
    """Events that went by age: their last position, by stream."""
    expired: Mapping[str, str] = {}
    """Documents that went by age: the end of their ids, without prefix, by stream."""

    def hides(self, stream_id: str, document_id: str) -> bool:
        """Whether a document is deleted."""
        end = self.expired.get(stream_id)
        return stream_id in self.streams or (end is not None and document_id.partition("_")[2] < end)


class Outbox(Part):
    """The queue. Its methods take turns with the archive's; they may come from any thread."""

    def __init__(self, file: StoreFile, *, far: str, limit: int, clock: Callable[[], float]) -> None:
        super().__init__(file)
        self._far, self._limit, self._clock = far, limit, clock
        with self._file.write() as conn:
            join(conn, far)
            capture(conn)

    def order(self, kind: Kind, stream_id: str, *, subject: str = "", number: int = 0) -> None:
        """Adds an order to delete; what it concerns and has not left yet does not leave any more."""
        with self._file.write() as conn:
            (sealed,) = _state(conn, "sealed")
            match kind:
                case Kind.ERASE:
                    conn.execute(
                        "DELETE FROM outbox WHERE kind = 'event' AND stream_id = ? AND number <= ? AND position > ?",
                        (stream_id, number, sealed),
                    )
                case Kind.FORGET:
                    conn.execute(
                        "DELETE FROM outbox WHERE stream_id = ? AND position > ? AND kind <> 'signature'",
                        (stream_id, sealed),
                    )
                case _:
                    pass  # a document is read when it leaves; one that is gone has nothing to send
            order(conn, kind, stream_id, subject=subject, number=number)

    def yield_room(self) -> int:
        """Lets the oldest events go while there is more than the limit; returns how many it were.

        Documents are never among them, nor what was sealed: ClickHouse may have that already.
        """
        with self._file.read() as conn:
            if _state(conn, "bytes")[0] <= self._limit:
                return 0
        gone, last = 0, 0
        with self._file.write() as conn:
            over, sealed = _state(conn, "bytes", "sealed")
            over -= int(self._limit * AMPLE)
            for position, count, size in conn.execute(
                "SELECT position, count, bytes FROM outbox WHERE kind = 'event' AND position > ? ORDER BY position",
                (sealed,),
            ):
                last = position
                gone += count
                over -= size
                if over <= 0:
                    break
            conn.execute("DELETE FROM outbox WHERE kind = 'event' AND position > ? AND position <= ?", (sealed, last))
            _add(conn, "dropped", gone)
        return gone

    def seal(self) -> Batch | None:
        """What leaves next, None for nothing. What was sealed before and not taken off comes again, the same."""
        with self._file.write(durable=True) as conn:
            sealed, rows = _state(conn, "sealed", "rows")
            entries = _entries(conn, sealed) if rows else []
            if not entries:
                return None
            (token,) = conn.execute("SELECT token FROM outbox_fars WHERE name = ?", (self._far,)).fetchone()
            if entries[-1].position > sealed:
                conn.execute("UPDATE outbox_state SET value = ? WHERE name = 'sealed'", (entries[-1].position,))
            return batch_of(conn, entries, token)

    def take_off(self, batch: Batch, refused: Sequence[Refused] = ()) -> None:
        """ClickHouse has the batch, without what it refused."""
        with self._file.write() as conn:
            conn.execute("DELETE FROM outbox WHERE position <= ?", (batch.last,))
            for each in refused:
                conn.execute(
                    """INSERT INTO outbox_aside (position, kind, stream_id, subject, time, why, body)
                        VALUES (?, ?, ?, ?, ?, ?, ?)""",
                    (
                        each.entry.position,
                        each.entry.kind,
                        each.entry.stream_id,
                        each.row.key if each.row else each.entry.subject,
                        self._clock(),
                        each.why,
                        msgspec.msgpack.encode(each.row.values if each.row else ()),
                    ),
                )
            if refused:
                conn.execute(
                    "DELETE FROM outbox_aside WHERE number <= (SELECT max(number) FROM outbox_aside) - ?", (ASIDE,)
                )
            taken = 0 if batch.order else batch.count - len(refused)
            _add(conn, "drained", taken)
            _add(conn, "aside", len(refused))

    def now(self) -> SpoolNow:
        """What is in it, and what became of what was."""
        with self._file.read() as conn:
            rows, size, drained, dropped, aside = _state(conn, "rows", "bytes", "drained", "dropped", "aside")
            first = conn.execute("SELECT version FROM outbox ORDER BY position LIMIT 1").fetchone()
        return SpoolNow(
            spooled_rows=rows,
            spooled_bytes=size,
            oldest_age=max(0.0, self._clock() - first[0] / 1e9) if first else 0.0,
            drained_count=drained,
            dropped_count=dropped,
            set_aside_count=aside,
        )

    def waiting(self) -> tuple[int, int]:
        """Entries and their bytes."""
        with self._file.read() as conn:
            rows, size = _state(conn, "rows", "bytes")
        return rows, size

    def end(self) -> int:
        """Position of the newest entry, 0 for none."""
        with self._file.read() as conn:
            return int(conn.execute("SELECT coalesce(max(position), 0) FROM outbox").fetchone()[0])

    def pending(self) -> Pending:
        """Deletes that ClickHouse may not have heard of."""
        streams: set[str] = set()
        signatures: set[str] = set()
        erased: dict[str, int] = {}
        expired: dict[str, str] = {}
        with self._file.read() as conn:
            for kind, stream_id, subject, number in conn.execute(
                """SELECT kind, stream_id, subject, number FROM outbox
                    WHERE kind IN ('forget', 'erase', 'expire', 'signature') ORDER BY position"""
            ):
                match kind:
                    case Kind.FORGET:
                        streams.add(stream_id)
                    case Kind.ERASE:
                        erased[stream_id] = max(number, erased.get(stream_id, 0))
                    case Kind.EXPIRE:
                        expired[stream_id] = max(subject, expired.get(stream_id, ""))
                    case _:
                        signatures.add(subject)
            gone = {each for each in signatures if not _known(conn, each)}
        return Pending(streams=frozenset(streams), signatures=frozenset(gone), erased=erased, expired=expired)

    @property
    def met(self) -> str:
        """What was settled with the database: FRESH, PLACED or KNOWN of `capture`."""
        with self._file.read() as conn:
            row = conn.execute("SELECT state FROM outbox_fars WHERE name = ?", (self._far,)).fetchone()
        return str(row[0])

    def meet(self, state: str) -> None:
        """Notes what was settled with the database."""
        with self._file.write() as conn:
            conn.execute("UPDATE outbox_fars SET state = ? WHERE name = ?", (state, self._far))

    def place(self, last_positions: Mapping[str, int]) -> None:
        """Lets positions go on behind those that the database has already, once.

        It has some when it was written without an outbox, or from another file that is lost. What is here and not
        there moves behind; a stream that is not here goes on there.
        """
        with self._file.write() as conn:
            (state,) = conn.execute("SELECT state FROM outbox_fars WHERE name = ?", (self._far,)).fetchone()
            if state != FRESH:
                return
            empty = msgspec.msgpack.encode([])
            for stream_id, last in last_positions.items():
                if conn.execute("SELECT 1 FROM event_blocks WHERE stream_id = ? LIMIT 1", (stream_id,)).fetchone():
                    # In two steps, since no two blocks may end alike, in between neither.
                    shift = (last, stream_id)
                    conn.execute("UPDATE event_blocks SET last = -(last + ?) WHERE stream_id = ?", shift)
                    conn.execute("UPDATE event_blocks SET last = -last WHERE stream_id = ?", (stream_id,))
                    conn.execute(
                        "UPDATE outbox SET number = number + ? WHERE stream_id = ? AND kind IN ('event', 'erase')",
                        shift,
                    )
                else:
                    conn.execute("INSERT INTO event_blocks VALUES (?, ?, 0, '', ?)", (stream_id, last, empty))
            conn.execute("UPDATE outbox_fars SET state = ? WHERE name = ?", (PLACED, self._far))

    def first_position(self, stream_id: str) -> int:
        """Where a stream's events begin here; 1 where none ever left."""
        with self._file.read() as conn:
            row = conn.execute(
                "SELECT last - count + 1 FROM event_blocks WHERE stream_id = ? ORDER BY last LIMIT 1", (stream_id,)
            ).fetchone()
        return int(row[0]) if row else 1


def _known(conn: sqlite3.Connection, signature_id: str) -> bool:
    return conn.execute("SELECT 1 FROM signatures WHERE signature_id = ?", (signature_id,)).fetchone() is not None


def _entries(conn: sqlite3.Connection, sealed: int) -> list[Entry]:
    """What was sealed; else as much as makes a batch."""
    found: list[Entry] = []
    events = size = 0
    for row in conn.execute(
        """SELECT position, kind, stream_id, subject, number, count, version, bytes FROM outbox
            ORDER BY position"""
    ):
        position, kind, stream_id, subject, number, count, version, length = row
        entry = Entry(
            position=position, kind=Kind(kind), stream_id=stream_id, subject=subject,
            number=number, count=count, version=version, bytes=length,
        )  # fmt: skip
        if found and found[0].position <= sealed:
            if position > sealed:
                break
        elif found and (
            (entry.kind in ORDERS or found[0].kind in ORDERS)
            or (len(found) == ENTRIES or events + count > EVENTS or size + length > BYTES)
        ):
            break
        found.append(entry)
        events += count
        size += length
    return found


def _state(conn: sqlite3.Connection, *names: str) -> tuple[int, ...]:
    values = dict(conn.execute("SELECT name, value FROM outbox_state"))
    return tuple(int(values[name]) for name in names)


def _add(conn: sqlite3.Connection, name: str, count: int) -> None:
    if count:
        conn.execute("UPDATE outbox_state SET value = value + ? WHERE name = ?", (count, name))
