"""How long ClickHouse keeps what the archive has: a time to live of each table, changed where the configuration is.

ClickHouse drops expired rows when it merges, some hours later at worst. It keeps signatures for good: they are what was
learned. `open_clickhouse` calls it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from cta_server.store.clickhouse.engine import Engine

# `version` of a document is the time of its last writing in nanoseconds.
_EVENT_TIME: Final = "toDateTime(toUInt32(time))"
_WRITE_TIME: Final = "toDateTime(intDiv(version, 1000000000))"
_DAYS: Final = re.compile(r"\bTTL .*toIntervalDay\((\d+)\)")


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Days, 0 for good."""

    events_days: int = 0
    """Recent events, from the time they came."""
    history_days: int = 0
    """Runs, reports and canaries, from the time they were last written."""

    def wanted(self) -> dict[str, tuple[str, int]]:
        """The time column and the days of each table."""
        history = (_WRITE_TIME, self.history_days)
        return {"events": (_EVENT_TIME, self.events_days), "runs": history, "reports": history, "canaries": history}


def days_of(engine: Engine) -> dict[str, int]:
    """How many days each table keeps its rows now, 0 for good."""
    rows = engine.rows("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
    found = {str(name): _DAYS.search(str(full)) for name, full in rows}
    return {name: int(match.group(1)) if match else 0 for name, match in found.items()}


def apply_retention(engine: Engine, retention: Retention) -> dict[str, int]:
    """Alters the tables that keep their rows for another time than wanted; returns the days of those, by name.

    What has expired by then goes in the background.
    """
    now = days_of(engine)
    changed: dict[str, int] = {}
    for table, (time, days) in retention.wanted().items():
        if now.get(table, 0) != days:
            ttl = f"MODIFY TTL {time} + INTERVAL {days:d} DAY DELETE" if days else "REMOVE TTL"
            engine.change(f"ALTER TABLE {table} {ttl}")
            changed[table] = days
    return changed
