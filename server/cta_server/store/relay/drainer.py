"""The drainer: the one thread that writes to ClickHouse, and knows whether it is there.

It decides when a batch leaves and how long to wait after a failure; what is in a batch the outbox decides, and what is
refused the shipment. ClickHouse may be away, slow or wedged for as long as it likes: nothing waits for this thread, and
closing it does not either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec
import structlog

from cta_core.errors import InvalidInput
from cta_server.runtime.ports import SpoolNow
from cta_server.store.archive import SqliteArchive
from cta_server.store.clickhouse import ClickHouseArchive
from cta_server.store.errors import StoreClosed, StoreError, StoreLocked, StoreTooNew
from cta_server.store.relay.meeting import meet
from cta_server.store.relay.outbox import BYTES, ENTRIES, Outbox
from cta_server.store.relay.pace import Pace
from cta_server.store.relay.shipment import ship

log = structlog.get_logger(__name__)

REFUSALS: Final = (InvalidInput, StoreTooNew, StoreLocked)
"""What a person has to mend; the server does not start over it. Anything else passes."""

CUT_SECONDS: Final = 2.0
"""Longest wait for the thread after its connection was cut. It is a daemon: the process ends without it."""


LOOK_SECONDS: Final = 0.05
"""Time after which it is looked whether a batch is full: at 40,000 events a second one fills in half a second."""


TELL_SECONDS: Final = 60.0
"""Least time between two lines of the log about events that were dropped."""


class Drainer:
    """Starts with `start`, ends with `close`."""

    def __init__(
        self,
        *,
        near: SqliteArchive,
        outbox: Outbox,
        opener: Callable[[], ClickHouseArchive],
        engine: str,
        pace: Pace,
        chance: Random,
    ) -> None:
        self._near, self._outbox, self._opener, self._engine = near, outbox, opener, engine
        self._pace, self._chance = pace, chance
        self._change = threading.Condition()
        self._stop_by: float | None = None
        self._written = False
        self._gone, self._tell_gone_at = 0, 0.0
        self._far: ClickHouseArchive | None = None
        self._error: Exception | None = None
        self._away_since = 0.0
        self._tried = threading.Event()
        self._last_round = -self._pace.gather
        self._round = 0
        self._last_answer = 0.0
        self._thread = threading.Thread(target=self._live, name="archive-drainer", daemon=True)

    def start(self, patience: float | None) -> None:
        """Starts, and waits for the first answer, at most for `patience` seconds; None waits for it.

        Raises `InvalidInput`, `StoreTooNew` or `StoreLocked`, which no waiting mends.
        """
        self._thread.start()
        if self._tried.wait(patience) and isinstance(self._error, REFUSALS):
            error = self._error
            self.close()
            raise error

    @property
    def far(self) -> ClickHouseArchive | None:
        """ClickHouse, None while it is away."""
        return self._far if self._error is None else None

    def now(self) -> SpoolNow:
        """How it stands."""
        error = self._error
        return msgspec.structs.replace(
            self._outbox.now(),
            engine=self._engine,
            reachable=self._far is not None and error is None,
            last_error=str(error) if error is not None else "",
        )

    def make_room(self) -> None:
        """Lets the oldest events in the outbox go while there is more than its limit, and says so, now and then."""
        self._gone += self._outbox.yield_room()
        if self._gone and time.monotonic() >= self._tell_gone_at:
            log.warning("the spool is full, the oldest events in it are dropped", events=self._gone)
            self._gone, self._tell_gone_at = 0, time.monotonic() + TELL_SECONDS

    def wake(self) -> None:
        """Something was written."""
        with self._change:
            self._written = True
            self._change.notify_all()

    def close(self) -> None:
        """Drains on for the grace if ClickHouse answers, then ends; a second call does nothing."""
        with self._change:
            if self._stop_by is None:
                self._stop_by = time.monotonic() + (self._pace.grace if self.far is not None else 0.0)
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(max(0.0, self._stop_by - time.monotonic()))
        far, self._far = self._far, None
        if far is not None:
            far.close()  # ends a call to a server that is under way; the embedded engine ends its own first
        if self._thread.is_alive():
            self._thread.join(CUT_SECONDS)

    def _live(self) -> None:
        failures = 0
        while True:
            try:
                if not self._going():
                    return
                busy = self._step()
            except StoreClosed as error:
                if self._stop_by is not None:
                    return
                failures = self._away(error, failures)
            except Exception as error:
                # A defect of ours must not end the thread either: it shows, and the batch is tried again.
                if not isinstance(error, StoreError | InvalidInput):
                    log.exception("draining failed")
                failures = self._away(error, failures)
            else:
                failures = 0
                self._back()
                if not busy:
                    self._rest(self._pace.ping, wakes=True)

    def _step(self) -> bool:
        """Sends one batch; False if there is none."""
        if self._far is None:
            far = self._opener()
            with self._change:
                if self._stop_by is not None:
                    far.close()
                    return False
                self._far = far
        far = self._far
        meet(self._near, self._outbox, far)
        self._gather()
        self._written = False
        batch = self._outbox.seal()
        if batch is None:
            if time.monotonic() - self._last_answer >= self._pace.ping or self._error is not None:
                far.ping()
                self._last_answer = time.monotonic()
            return False
        refused = ship(far, batch)
        self._last_answer = time.monotonic()
        self._outbox.take_off(batch, refused)
        for each in refused:
            log.error(
                "archive refuses a row for good, it is set aside", kind=each.entry.kind,
                key=each.row.key if each.row else each.entry.subject, why=each.why,
            )  # fmt: skip
        return True

    def _gather(self) -> None:
        """Waits until a batch is full, or the last time that all was sent is long enough ago."""
        end = self._outbox.end()
        while self._stop_by is None and self._round < end:
            rows, size = self._outbox.waiting()
            left = self._last_round + self._pace.gather - time.monotonic()
            if rows >= ENTRIES or size >= BYTES or left <= 0:
                self._round, self._last_round = self._outbox.end(), time.monotonic()
                return
            self._rest(min(left, LOOK_SECONDS), wakes=False)

    def _rest(self, seconds: float, *, wakes: bool) -> None:
        """Waits; what is written ends it if `wakes`, closing in any case."""
        until = time.monotonic() + seconds
        with self._change:
            while self._stop_by is None and not (wakes and self._written):
                left = until - time.monotonic()
                if left <= 0 or not self._change.wait(left):
                    return

    def _going(self) -> bool:
        """Whether to go on: not once closing has begun, unless there is more to drain and time for it."""
        if self._stop_by is None:
            return True
        return self.far is not None and time.monotonic() < self._stop_by and self._outbox.waiting()[0] > 0

    def _away(self, error: Exception, failures: int) -> int:
        if self._error is None:
            self._away_since = time.monotonic()
            log.warning("archive away, what is written is spooled", engine=self._engine, why=str(error))
        self._error = error
        self._tried.set()
        failures += 1
        self._rest(self._pace.wait(failures, self._chance), wakes=False)
        return failures

    def _back(self) -> None:
        self._tried.set()
        if self._error is not None:
            self._error = None
            log.info(
                "archive back, the spool drains",
                engine=self._engine,
                away_seconds=round(time.monotonic() - self._away_since, 1),
                spooled_rows=self._outbox.waiting()[0],
            )
