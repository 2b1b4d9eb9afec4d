"""A part of the archive on ClickHouse: the methods of one noun, over a connection that all parts share."""

from __future__ import annotations

import threading
import time

from cta_server.store.clickhouse.engine import Engine


class Part:
    """A group of the archive's methods over one connection. Writes take turns; reads run beside them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.RLock()
        """Held by a write that depends on what is there: ClickHouse has no unique keys and no compare-and-set."""
        self._last_version = 0

    def next_version(self) -> int:
        """A number that grows with each write, over restarts as well: nanoseconds, and never the same twice."""
        with self._turn:
            self._last_version = max(self._last_version + 1, time.time_ns())
            return self._last_version
