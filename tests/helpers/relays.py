"""Relays for tests: quick ones, whose waits are some milliseconds, over the embedded engine or over a front."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from cta_server.runtime.ports import SpoolNow
from cta_server.store.clickhouse import ClickHouseArchive, open_clickhouse
from cta_server.store.relay import Pace, Relay, open_relay

QUICK = Pace(
    gather=0.02, first=0.02, longest=0.1, ping=0.1, grace=2.0, patience=5.0, history=5.0, likeness=5.0, shy=0.1
)
"""Waits of tests. Reads may take long, since the machine may be busy."""

ROOM = 1 << 30
"""Enough for any test."""


def relay(
    folder: Path,
    url: str = "",
    *,
    limit: int = ROOM,
    by_age: bool = True,
    opener: Callable[[], ClickHouseArchive] | None = None,
    **pace: Any,
) -> Relay:
    """A relay whose file is in `folder`; without an address over the embedded engine there."""
    url = url or f"chdb://{folder}/clickhouse"
    return open_relay(
        folder / "archive.db",
        url,
        opener=opener or (lambda: open_clickhouse(url)),
        limit=limit,
        by_age=by_age,
        chance=Random(7),
        pace=msgspec.structs.replace(QUICK, **pace),
    )


def until(relay: Relay, good: Callable[[SpoolNow], bool], seconds: float = 12.0) -> SpoolNow:
    """How the relay stands once that is good. Fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while not good(now := relay.spool()):
        assert time.monotonic() < deadline, f"still {now!r}"
        time.sleep(0.005)
    return now


def drained(relay: Relay, seconds: float = 12.0) -> SpoolNow:
    """How the relay stands once nothing waits."""
    return until(relay, lambda now: now.spooled_rows == 0, seconds)


def all_there(folder: Path, url: str = "") -> list[tuple[Any, ...]]:
    """Every row of ClickHouse's events, also those that a read would leave out: stream, position, id."""
    far = open_clickhouse(url or f"chdb://{folder}/clickhouse")
    try:
        return [
            (str(stream), int(position), str(event_id))
            for stream, position, event_id in far._engine.rows(
                "SELECT stream_id, position, event_id FROM events ORDER BY stream_id, position"
            )
        ]
    finally:
        far.close()


def aside(folder: Path) -> list[tuple[Any, ...]]:
    """The rows that were set aside: kind, subject, why."""
    conn = sqlite3.connect(folder / "archive.db")
    try:
        return conn.execute("SELECT kind, subject, why FROM outbox_aside ORDER BY number").fetchall()
    finally:
        conn.close()
