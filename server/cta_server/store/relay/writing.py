"""The way of every write: into the SQLite archive here, and with it into the outbox.

It decides which writes are orders to delete there as well. `policy.keep_recent` says how much is kept here, for the
loop; where ClickHouse keeps events by age, trimming is none of its business, else it follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cta_core.canary import Canary
from cta_core.memory import SignatureRecord
from cta_core.run import Run
from cta_server.runtime.ports import RecordedEvent, StoredReport
from cta_server.store.archive import SqliteArchive
from cta_server.store.relay.batch import Kind
from cta_server.store.relay.drainer import Drainer
from cta_server.store.relay.outbox import Outbox

LEAST_TRIM: Final = 500
"""Events that leave ClickHouse at once, at least; a delete there rewrites parts. Usually it is as many as are kept."""


class Writing:
    """The writes of `runtime.ports.Archive`."""

    def __init__(self, near: SqliteArchive, outbox: Outbox, drainer: Drainer, *, by_age: bool) -> None:
        self._near, self._outbox, self._drainer = near, outbox, drainer
        self._by_age = by_age
        """ClickHouse keeps events by their age, else as many as are kept here, up to twice that."""
        self._trimmed: dict[str, int] = {}

    def append_events(self, stream_id: str, events: Sequence[RecordedEvent]) -> None:
        """Keeps recent events in blocks, at the next positions of their stream, whatever positions they bring."""
        self._near.append_events(stream_id, events)
        self._drainer.make_room()
        self._drainer.wake()

    def trim_events(self, stream_id: str, *, keep: int) -> None:
        """Drops old events here, but none of the newest `keep`; up to a block more may stay."""
        self._near.trim_events(stream_id, keep=keep)
        gone = self._outbox.first_position(stream_id) - 1
        if not self._by_age and gone - self._trimmed.get(stream_id, 0) >= max(keep, LEAST_TRIM):
            self._trimmed[stream_id] = gone
            self._outbox.order(Kind.ERASE, stream_id, number=gone)
            self._drainer.wake()

    def erase_events(self, stream_id: str, *, up_to: int) -> None:
        """Drops events up to a position, here and there."""
        self._outbox.order(Kind.ERASE, stream_id, number=up_to)
        self._near.erase_events(stream_id, up_to=up_to)
        self._drainer.wake()

    def erase_history(self, stream_id: str, *, before: str) -> None:
        """Drops a stream's runs, reports and canaries whose id, without its prefix, is smaller, here and there."""
        self._outbox.order(Kind.EXPIRE, stream_id, subject=before)
        self._near.erase_history(stream_id, before=before)
        self._drainer.wake()

    def put_run(self, run: Run) -> Run:
        """Inserts. A run with a known `request_id` of its stream, or a known id, returns the one that exists."""
        kept = self._near.put_run(run)
        self._drainer.wake()
        return kept

    def put_report(self, report: StoredReport) -> None:
        """Inserts or replaces by id."""
        self._near.put_report(report)
        self._drainer.wake()

    def put_canary(self, canary: Canary) -> None:
        """Inserts or replaces by id."""
        self._near.put_canary(canary)
        self._drainer.wake()

    def put_signature(self, signature: SignatureRecord) -> SignatureRecord:
        """Inserts or replaces by id, at the next revision."""
        written = self._near.put_signature(signature)
        self._drainer.wake()
        return written

    def find_signatures(self, fingerprint: str) -> list[SignatureRecord]:
        """Not retired, most confirmed first; of this archive."""
        return self._near.find_signatures(fingerprint)

    def count_signatures(self) -> int:
        """How many are not retired, of this archive."""
        return self._near.count_signatures()

    def delete_signature(self, signature_id: str) -> bool:
        """Forgets one; False if there was none."""
        known = self._near.delete_signature(signature_id)
        self._drainer.wake()
        return known

    def delete_stream(self, stream_id: str) -> None:
        """Removes events, runs, reports and canaries of a stream, here and there; signatures stay."""
        self._trimmed.pop(stream_id, None)
        self._outbox.order(Kind.FORGET, stream_id)
        self._near.delete_stream(stream_id)
        self._drainer.wake()

    def close(self) -> None:
        """Lets the drainer end, then closes the file; a second call does nothing."""
        self._drainer.close()
        self._near.close()
