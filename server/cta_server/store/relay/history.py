"""What a person asks for: the archive here first, then ClickHouse's, as one.

It decides what is asked there and for how long. What is here counts; from there comes what is older, was written by
another installation or before this file was. Where ClickHouse is away or slow the answer is what is here, and for some
seconds it is not asked again; `spool` says so. Writes go the relay's way. The loop reads through `Relay`, which never
asks there, except for a signature that is not here, and for what looks alike.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from cta_core.canary import Canary
from cta_core.memory import SignatureRecord
from cta_core.run import Run
from cta_server.runtime.ports import RecordedEvent, Similar, StoredReport
from cta_server.store.archive import SqliteArchive
from cta_server.store.clickhouse import ClickHouseArchive
from cta_server.store.errors import StoreError
from cta_server.store.relay.drainer import Drainer
from cta_server.store.relay.outbox import Outbox, Pending
from cta_server.store.relay.pace import Pace
from cta_server.store.relay.writing import Writing

T = TypeVar("T")
D = TypeVar("D", Run, StoredReport, Canary, SignatureRecord)

log = structlog.get_logger(__name__)

READERS: Final = 4
"""Reads that may be under way there. As many as lists of the terminal UI are refreshed at once."""


class History(Writing):
    """Matches `runtime.ports.Archive`."""

    def __init__(self, near: SqliteArchive, outbox: Outbox, drainer: Drainer, pace: Pace, *, by_age: bool) -> None:
        super().__init__(near, outbox, drainer, by_age=by_age)
        self._pace = pace
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="archive-history")
        self._free = threading.Semaphore(READERS)
        self._shy_until = 0.0

    def recent_events(
        self, stream_id: str, *, kinds: Sequence[str] = (), before: int = 0, limit: int = 1000
    ) -> list[RecordedEvent]:
        """Newest first; `before` 0 starts at the newest."""
        found = self._near.recent_events(stream_id, kinds=kinds, before=before, limit=limit)
        if not self._by_age:
            return found  # all that is to be kept is here
        first = self._outbox.first_position(stream_id)
        if len(found) >= limit or first <= 1:
            return found
        pending = self._outbox.pending()
        if stream_id in pending.streams:
            return found
        end = min(before, first) if before else first
        older = self._ask(
            lambda far: far.recent_events(stream_id, kinds=kinds, before=end, limit=limit - len(found)),
            self._pace.history,
        )
        erased = pending.erased.get(stream_id, 0)
        known = {event.position for event in found}
        return found + [each for each in older or () if each.position > erased and each.position not in known]

    def get_run(self, run_id: str) -> Run | None:
        """The run with its trace, None if there is none."""
        return self._one(run_id, self._near.get_run, lambda far: far.get_run(run_id))

    def list_runs(
        self, *, stream_id: str = "", failed_only: bool = False, before: str = "", limit: int = 50
    ) -> list[Run]:
        """By id, descending, without traces."""

        def read(archive: SqliteArchive | ClickHouseArchive) -> list[Run]:
            return archive.list_runs(stream_id=stream_id, failed_only=failed_only, before=before, limit=limit)

        return self._list(read, limit)

    def get_report(self, report_id: str) -> StoredReport | None:
        """The report, None if there is none."""
        return self._one(report_id, self._near.get_report, lambda far: far.get_report(report_id))

    def list_reports(
        self, *, stream_id: str = "", incident_id: str = "", before: str = "", limit: int = 50
    ) -> list[StoredReport]:
        """By id, descending."""

        def read(archive: SqliteArchive | ClickHouseArchive) -> list[StoredReport]:
            return archive.list_reports(stream_id=stream_id, incident_id=incident_id, before=before, limit=limit)

        return self._list(read, limit)

    def get_canary(self, canary_id: str) -> Canary | None:
        """The canary, None if there is none."""
        return self._one(canary_id, self._near.get_canary, lambda far: far.get_canary(canary_id))

    def list_canaries(
        self, *, stream_id: str = "", adapter_id: str = "", before: str = "", limit: int = 50
    ) -> list[Canary]:
        """By id, descending."""

        def read(archive: SqliteArchive | ClickHouseArchive) -> list[Canary]:
            return archive.list_canaries(stream_id=stream_id, adapter_id=adapter_id, before=before, limit=limit)

        return self._list(read, limit)

    def get_signature(self, signature_id: str) -> SignatureRecord | None:
        """The signature, None if there is none."""
        return self._one(signature_id, self._near.get_signature, lambda far: far.get_signature(signature_id))

    def list_signatures(self, *, stream_id: str = "", before: str = "", limit: int = 50) -> list[SignatureRecord]:
        """By id, descending."""

        def read(archive: SqliteArchive | ClickHouseArchive) -> list[SignatureRecord]:
            return archive.list_signatures(stream_id=stream_id, before=before, limit=limit)

        return self._list(read, limit)

    def similar_signatures(self, embedding: Sequence[float], *, limit: int) -> list[Similar]:
        """Not retired, most alike first; those of other installations as well, where the database is shared."""
        found = self._near.similar_signatures(embedding, limit=limit)
        pending = self._outbox.pending()
        there = self._ask(lambda far: far.similar_signatures(embedding, limit=limit), self._pace.likeness) or []
        # What is here counts as it is here: retired, or with another look.
        more = [
            each
            for each in there
            if self._near.get_signature(each.signature.signature_id) is None
            and each.signature.signature_id not in pending.signatures
        ]
        ranked = sorted([*found, *more], key=lambda each: (each.likeness, each.signature.signature_id), reverse=True)
        return ranked[:limit]

    def delete_signature(self, signature_id: str) -> bool:
        """Forgets one; False if there was none."""
        if self._near.get_signature(signature_id) is None:
            known = self.get_signature(signature_id)
            if known is None:
                return False
            self._near.adopt_signatures([known])  # so that deleting it goes the way of every delete
        return super().delete_signature(signature_id)

    def close(self) -> None:
        """Ends the reads under way, and does what the relay's does."""
        super().close()
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _one(
        self, name: str, here: Callable[[str], D | None], there: Callable[[ClickHouseArchive], D | None]
    ) -> D | None:
        found = here(name)
        if found is not None or not name:
            return found
        pending = self._outbox.pending()
        older = self._ask(there, self._pace.history)
        return older if older is not None and not _hidden(older, pending) else None

    def _list(self, read: Callable[[SqliteArchive | ClickHouseArchive], list[D]], limit: int) -> list[D]:
        found = {_id(each): each for each in read(self._near)}
        pending = self._outbox.pending()
        for each in self._ask(read, self._pace.history) or ():
            if _id(each) not in found and not _hidden(each, pending):
                found[_id(each)] = each
        return [found[name] for name in sorted(found, reverse=True)[:limit]]

    def _ask(self, work: Callable[[ClickHouseArchive], T], seconds: float) -> T | None:
        """What ClickHouse says, None if it does not say it in time."""
        far = self._drainer.far
        if far is None or time.monotonic() < self._shy_until or not self._free.acquire(blocking=False):
            return None
        future: Future[T] = self._readers.submit(work, far)
        future.add_done_callback(lambda _: self._free.release())
        try:
            return future.result(seconds)
        except (StoreError, TimeoutError, CancelledError) as error:
            self._shy_until = time.monotonic() + self._pace.shy
            log.warning("history is answered without the archive's database", why=str(error) or f"over {seconds:g} s")
            return None


def _id(document: Run | StoredReport | Canary | SignatureRecord) -> str:
    match document:
        case Run():
            return document.run_id
        case StoredReport():
            return document.report_id
        case Canary():
            return document.canary_id
        case _:
            return document.signature_id


def _hidden(document: Run | StoredReport | Canary | SignatureRecord, pending: Pending) -> bool:
    """Whether it was deleted here, and ClickHouse may not know."""
    if isinstance(document, SignatureRecord):
        return document.signature_id in pending.signatures
    return pending.hides(document.stream_id, _id(document))
