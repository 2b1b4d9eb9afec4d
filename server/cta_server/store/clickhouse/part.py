"""A part of the archive on ClickHouse: the methods of one noun, over a connection that all parts share."""

from __future__ import annotations

import time

from cta_server.store.clickhouse.engine import Engine


class Part:
    """A group of the archive's methods over one connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last_version = 0

    def next_version(self) -> int:
        """A number that grows with each write, over restarts as well: nanoseconds, and never the same twice."""
        self._last_version = max(self._last_version + 1, time.time_ns())
        return self._last_version
