"""The archive in front of ClickHouse: written here first, in SQLite, and drained there.

The loop writes and reads `Relay`, so that ClickHouse away, slow or wedged never delays or stops a heal. `Relay.history`
is the same archive for those who ask for more than the loop does. What is not there yet stands in an outbox in the same
file, in the transaction that wrote it, and leaves in order, each row once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from cta_core.canary import Canary
from cta_core.memory import SignatureRecord
from cta_core.run import Run
from cta_server.runtime.ports import RecordedEvent, Similar, SpoolNow, StoredReport
from cta_server.store.archive import SqliteArchive, open_archive
from cta_server.store.clickhouse import ClickHouseArchive
from cta_server.store.clickhouse.address import read_address
from cta_server.store.file import StoreFile
from cta_server.store.migrations import archive_migrations
from cta_server.store.relay.capture import leave
from cta_server.store.relay.drainer import Drainer
from cta_server.store.relay.history import History
from cta_server.store.relay.outbox import Outbox
from cta_server.store.relay.pace import Pace
from cta_server.store.relay.writing import Writing

__all__ = ["History", "Pace", "Relay", "open_alone", "open_relay"]


class Relay(Writing):
    """Matches `runtime.ports.Archive`; every read is answered here."""

    def __init__(self, near: SqliteArchive, outbox: Outbox, drainer: Drainer, pace: Pace, *, by_age: bool) -> None:
        super().__init__(near, outbox, drainer, by_age=by_age)
        self.history = History(near, outbox, drainer, pace, by_age=by_age)
        """The same with what only ClickHouse has."""

    def spool(self) -> SpoolNow:
        """How the archive stands."""
        return self._drainer.now()

    def recent_events(
        self, stream_id: str, *, kinds: Sequence[str] = (), before: int = 0, limit: int = 1000
    ) -> list[RecordedEvent]:
        """Newest first; `before` 0 starts at the newest."""
        return self._near.recent_events(stream_id, kinds=kinds, before=before, limit=limit)

    def get_run(self, run_id: str) -> Run | None:
        """The run with its trace, None if there is none."""
        return self._near.get_run(run_id)

    def list_runs(
        self, *, stream_id: str = "", failed_only: bool = False, before: str = "", limit: int = 50
    ) -> list[Run]:
        """By id, descending, without traces."""
        return self._near.list_runs(stream_id=stream_id, failed_only=failed_only, before=before, limit=limit)

    def get_report(self, report_id: str) -> StoredReport | None:
        """The report, None if there is none."""
        return self._near.get_report(report_id)

    def list_reports(
        self, *, stream_id: str = "", incident_id: str = "", before: str = "", limit: int = 50
    ) -> list[StoredReport]:
        """By id, descending."""
        return self._near.list_reports(stream_id=stream_id, incident_id=incident_id, before=before, limit=limit)

    def get_canary(self, canary_id: str) -> Canary | None:
        """The canary, None if there is none."""
        return self._near.get_canary(canary_id)

    def list_canaries(
        self, *, stream_id: str = "", adapter_id: str = "", before: str = "", limit: int = 50
    ) -> list[Canary]:
        """By id, descending."""
        return self._near.list_canaries(stream_id=stream_id, adapter_id=adapter_id, before=before, limit=limit)

    def get_signature(self, signature_id: str) -> SignatureRecord | None:
        """The signature, None if there is none."""
        return self._near.get_signature(signature_id)

    def list_signatures(self, *, stream_id: str = "", before: str = "", limit: int = 50) -> list[SignatureRecord]:
        """By id, descending."""
        return self._near.list_signatures(stream_id=stream_id, before=before, limit=limit)

    def similar_signatures(self, embedding: Sequence[float], *, limit: int) -> list[Similar]:
        """Not retired, most alike first."""
        return self._near.similar_signatures(embedding, limit=limit)

    def close(self) -> None:
        """Ends drainer and history, then closes the file; a second call does nothing."""
        self.history.close()


def open_relay(
    path: Path,
    url: str,
    *,
    opener: Callable[[], ClickHouseArchive],
    limit: int,
    by_age: bool,
    chance: Random,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.time,
) -> Relay:
    """Opens `path` (`archive.db`) in front of the ClickHouse archive at `url`, which `opener` opens.

    It need not be there: what is written waits for it. Raises `InvalidInput` for a URL that is none or a library that
    is missing, `StoreTooNew` and `StoreLocked` of either, and `StoreError` of the file.

    Args:
        path: The file.
        url: Where the ClickHouse archive is; what has been drained is kept by it.
        opener: Opens it; called in another thread, until it succeeds.
        limit: Bytes that may wait; beyond them the oldest events give way.
        by_age: Whether ClickHouse keeps events by their age; else what is trimmed here leaves it, too.
        chance: For the jitter of waits.
        pace: Waits; None takes those of `Pace`.
        clock: The time, for the age of what waits.
    """
    address = read_address(url)
    pace = pace or Pace()
    file = StoreFile(path, migrations=archive_migrations(), synchronous="NORMAL")
    try:
        near = SqliteArchive(file)
        outbox = Outbox(file, far=str(address.name), limit=limit, clock=clock)
        embedded = address.folder is not None
        drainer = Drainer(
            near=near,
            outbox=outbox,
            opener=opener,
            engine="ClickHouse, embedded" if embedded else "ClickHouse",
            pace=pace,
            chance=chance,
        )
        # The embedded engine is on this machine: it answers soon, and what it says decides whether the server starts.
        drainer.start(None if embedded else pace.patience)
    except BaseException:
        file.close()
        raise
    return Relay(near, outbox, drainer, pace, by_age=by_age)


def open_alone(path: Path) -> SqliteArchive:
    """Opens `path` as an archive that is SQLite alone; a ClickHouse that comes (again) later is sent what it lacks."""
    archive = open_archive(path)
    archive.change(leave)
    return archive
