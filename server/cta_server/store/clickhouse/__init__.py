"""The archive on ClickHouse: a server by URL, or the same engine embedded in this process. A part per noun, one door.

It matches `runtime.ports.Archive` like the archive on SQLite, and the same contract suite runs over both. Nothing
transactional is asked of it: journal and quarantine stay in SQLite, whatever the archive is kept in.
"""

from __future__ import annotations

from cta_server.store.clickhouse.arrivals import Arrivals
from cta_server.store.clickhouse.documents import Documents
from cta_server.store.clickhouse.engine import Engine, open_engine
from cta_server.store.clickhouse.erasing import Erasing
from cta_server.store.clickhouse.events import Events
from cta_server.store.clickhouse.retention import Retention, apply_retention
from cta_server.store.clickhouse.schema import migrate
from cta_server.store.clickhouse.signatures import Signatures

__all__ = ["ClickHouseArchive", "Retention", "open_clickhouse"]


class ClickHouseArchive(Events, Documents, Signatures, Erasing, Arrivals):
    """Matches `runtime.ports.Archive`. Methods block, from any thread; writes take turns, reads run beside them."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.prepare_events()
        self.prepare_signatures()

    def delete_stream(self, stream_id: str) -> None:
        """Removes events, runs, reports and canaries of a stream; signatures stay."""
        with self._turn:
            for table in ("events", "runs", "reports", "canaries"):
                self._engine.change(f"DELETE FROM {table} WHERE stream_id = {{stream:String}}", {"stream": stream_id})  # noqa: S608 - names of ours
            self.forget_stream(stream_id)

    def close(self) -> None:
        """Closes the connection; a second call does nothing."""
        self._engine.close()


def open_clickhouse(url: str, retention: Retention | None = None) -> ClickHouseArchive:
    """Opens `chdb://PATH` or `clickhouse://[USER:PASSWORD@]HOST[:PORT][/DATABASE][?secure=true]`, brings its tables up
    to date and has them keep their rows as long as `retention` says; None leaves that as it is. Raises `StoreError`.
    """
    engine = open_engine(url)
    try:
        migrate(engine)
        if retention is not None:
            apply_retention(engine, retention)
        return ClickHouseArchive(engine)
    except BaseException:
        engine.close()
        raise
