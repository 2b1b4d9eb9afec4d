"""The store on the event loop: journal and archive, each behind one thread of its own.

SQLite wants one writer, and nothing may block the loop; so every call of either port runs on its thread, in the order
in which it was made. Reads that may ask further than this machine, with a time limit of theirs, run beside, so that the
loop never waits behind one. Recent events and runs are handed over without waiting: they are samples and history, their
loss in a crash loses no event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

import structlog

from cta_server.runtime.ports import Archive, Journal, SpoolNow

P = ParamSpec("P")
T = TypeVar("T")

QUEUE_LIMIT: Final = 256
"""Archive writes that may wait. At one block of 500 events each this is about 50 MB of 400-byte events: enough for a
stall of a second at full rate, little enough to bound memory. Beyond it the gate waits."""

READERS: Final = 4
"""Reads of the history at once. Each may wait a second for another machine; more than this wait for one another."""

log = structlog.get_logger(__name__)


class _Mark:
    """A place in the queue that somebody waits for."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()


class Storage:
    """Both ports, callable from the loop."""

    def __init__(
        self,
        journal: Journal,
        archive: Archive,
        *,
        history: Archive | None = None,
        spool: Callable[[], SpoolNow] = SpoolNow,
    ) -> None:
        self.journal = journal
        self.archive = archive
        """What the loop reads and writes: it is on this machine."""
        self.history = history or archive
        """The same with what is kept elsewhere, for those who ask for it."""
        self._spool = spool
        self._journal_thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._archive_thread = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._history_threads = ThreadPoolExecutor(READERS, thread_name_prefix="history")
        self._queue: asyncio.Queue[Callable[[], object] | _Mark] = asyncio.Queue(QUEUE_LIMIT)
        self._writing = False
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the task that writes what was handed over."""
        self._writer = asyncio.create_task(self._write(), name="archive-writer")

    async def journaled(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a method of the journal and returns its answer."""
        return await asyncio.get_running_loop().run_in_executor(self._journal_thread, partial(call, *args, **kwargs))

    async def archived(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a method of the archive and returns its answer; what was handed over before is written first."""
        await self.flush()
        return await asyncio.get_running_loop().run_in_executor(self._archive_thread, partial(call, *args, **kwargs))

    async def recalled(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a method of the history and returns its answer; what was handed over before is written first."""
        if self.history is self.archive:
            return await self.archived(call, *args, **kwargs)
        await self.flush()
        return await asyncio.get_running_loop().run_in_executor(self._history_threads, partial(call, *args, **kwargs))

    async def spool(self) -> SpoolNow:
        """What the archive is kept in, and what has not got there yet."""
        return await self.archived(self._spool)

    async def archive_later(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Hands a write over; waits only while the queue is full."""
        await self._queue.put(partial(call, *args, **kwargs))

    async def flush(self) -> None:
        """Waits until everything that was handed over so far is written."""
        if self._writer is None or (self._queue.empty() and not self._writing):
            return
        # A mark that the writer reaches in order; waiting for an empty queue might never end on a busy server.
        mark = _Mark()
        await self._queue.put(mark)
        await mark.reached.wait()

    async def close(self) -> None:
        """Writes what is left, then closes both ports."""
        if self._writer is not None:
            await self.flush()
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        await self.journaled(self.journal.close)
        await self.archived(self.archive.close)
        self._journal_thread.shutdown()
        self._archive_thread.shutdown()
        self._history_threads.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            work = await self._queue.get()
            if isinstance(work, _Mark):
                work.reached.set()
                continue
            self._writing = True
            try:
                await loop.run_in_executor(self._archive_thread, work)
            except Exception:
                log.exception("archive write failed; recent events or a run are missing from the history")
            finally:
                self._writing = False
