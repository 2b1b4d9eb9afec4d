"""Traces put together: pieces of spans and log records come in, whole runs go to the archive.

A piece is in the journal before it is acknowledged. A trace is whole when the span above all others has come and
nothing followed for a while, or, without one, when nothing came for longer; where too many are open the oldest is
closed early. Its run then carries the trace's id as request, so that a kill at any point makes one run, not two.
Called by the OTLP services; the journal keeps the pieces, `cta_core.spans` decides what they tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from cta_core.spans import Piece, assemble
from cta_server.runtime import faultpoints
from cta_server.runtime.errors import NotFound, StoreDown
from cta_server.runtime.gates import Gates
from cta_server.runtime.ids import Ids
from cta_server.runtime.ports import KeptPiece, OpenTrace, Taken
from cta_server.runtime.runs import Runs
from cta_server.runtime.storage import Storage

MOST_PIECES: Final = 2000
"""Spans and log records of one trace: what a run's 10,000 entries hold several times over."""
MOST_OPEN: Final = 10_000
"""Open traces. One waits some seconds, so this is more than a thousand new ones a second."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes of all open traces: they lie in the journal, whose backup should stay small."""
REMEMBERED: Final = 3600.0
"""Seconds for which the ids of a trace's spans are known after its run is made. Exporters give a batch up after
minutes."""
BEHIND: Final = 2
"""So many times these limits are taken while the oldest are written; beyond it exporters are told to wait."""
AT_ONCE: Final = 32
"""Traces that are closed together, so that journal and archive work side by side."""
RETRY: Final = 5.0
"""Seconds until a run that could not be written is tried again."""
AFTER_FAULT: Final = 600.0
"""The same after a fault of ours, which another try hardly mends."""

Key = tuple[str, str]
"""Stream and trace."""

log = structlog.get_logger(__name__)


class _Waiting(msgspec.Struct):
    """An open trace, in memory: when it is due, and its size."""

    due: float
    bytes: int
    root: bool


class Traces:
    """Puts traces together."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        runs: Runs,
        ids: Ids,
        clock: Callable[[], float],
        settle_seconds: float = 6.0,
        wait_seconds: float = 60.0,
    ) -> None:
        """`settle_seconds`: how long to wait for more once the root is there; `wait_seconds`: without a root."""
        self._storage, self._gates, self._runs = storage, gates, runs
        self._ids, self._clock = ids, clock
        self._settle, self._wait = settle_seconds, wait_seconds
        self._open: dict[Key, _Waiting] = {}
        self._bytes = 0
        self._news = asyncio.Event()

    async def load(self) -> None:
        """Takes up the traces that a former process left."""
        now = self._clock()
        for trace in await self._storage.journaled(self._storage.journal.open_traces):
            self._note(trace, now)

    async def take(self, pieces: Sequence[tuple[str, str, Piece]]) -> list[Taken]:
        """Keeps pieces, each with its stream and its trace; says of each what became of it. Raises `StoreDown`."""
        if not pieces:
            return []
        kept = [
            KeptPiece(
                stream_id=stream_id,
                trace_id=trace_id,
                span_id=piece.span_id,
                part=piece.part,
                root=piece.root,
                body=msgspec.json.encode(piece),
            )
            for stream_id, trace_id, piece in pieces
        ]
        now = self._clock()
        taken = await self._storage.journaled(self._storage.journal.put_pieces, kept, now=now, most=MOST_PIECES)
        faultpoints.hit("traces.after_pieces")
        for piece, what in zip(kept, taken, strict=True):
            if what is Taken.NEW:
                self._grow(piece, now)
        self._make_room(now)
        self._news.set()
        return taken

    @property
    def behind(self) -> int:
        """How many traces wait, where they are more than can be taken on; else 0."""
        over = len(self._open) > BEHIND * MOST_OPEN or self._bytes > BEHIND * MOST_BYTES
        return len(self._open) if over else 0

    async def run(self) -> None:
        """Closes traces when they are due, until it is cancelled."""
        while True:
            self._news.clear()
            now = self._clock()
            due = [key for key, waiting in self._open.items() if waiting.due <= now]
            await asyncio.gather(*(self._finish(key) for key in due[:AT_ONCE]))
            if due:
                continue
            next_due = min((waiting.due for waiting in self._open.values()), default=None)
            try:
                # Pieces only put a due time off or bring another trace: looking again at once is right for both.
                async with asyncio.timeout(None if next_due is None else max(next_due - now, 0.01)):
                    await self._news.wait()
            except TimeoutError:
                continue

    def forget(self, stream_id: str) -> None:
        """The stream is deleted."""
        for key in [key for key in self._open if key[0] == stream_id]:
            self._bytes -= self._open.pop(key).bytes

    async def _finish(self, key: Key) -> None:
        """Makes the run of a trace."""
        stream_id, trace_id = key
        journal = self._storage.journal
        try:
            gate = await self._gates.get(stream_id)
            run_id, bodies = await self._storage.journaled(
                journal.close_trace, stream_id, trace_id, run_id=self._ids.new("run")
            )
            if bodies:
                run = assemble(
                    [msgspec.json.decode(body, type=Piece) for body in bodies],
                    run_id=run_id,
                    stream_id=stream_id,
                    trace_id=trace_id,
                    request_id=f"otlp-{trace_id}",
                )
                faultpoints.hit("traces.before_run")
                await self._runs.keep(gate, run)
                faultpoints.hit("traces.after_run")
            now = self._clock()
            await self._storage.journaled(
                journal.empty_trace, stream_id, trace_id, now=now, forget_before=now - REMEMBERED
            )
        except NotFound:  # the stream was deleted, and its pieces with it
            log.info("a trace lost its stream", stream_id=stream_id, trace_id=trace_id)
        except StoreDown as error:
            log.warning("a trace waits for the store", stream_id=stream_id, trace_id=trace_id, why=str(error))
            self._put_off(key, RETRY)
            return
        except Exception:  # one trace must not keep the others from their runs
            log.exception("a trace could not be put together", stream_id=stream_id, trace_id=trace_id)
            self._put_off(key, AFTER_FAULT)
            return
        gone = self._open.pop(key, None)
        self._bytes -= gone.bytes if gone else 0

    def _put_off(self, key: Key, seconds: float) -> None:
        if key in self._open:
            self._open[key].due = self._clock() + seconds

    def _note(self, trace: OpenTrace, now: float) -> None:
        """A trace that the journal knows."""
        wait = 0.0 if trace.run_id else self._settle if trace.root else self._wait
        due = min(trace.last_time, now) + wait  # a clock that went back must not put it off for long
        self._open[trace.stream_id, trace.trace_id] = _Waiting(due, trace.bytes, trace.root)
        self._bytes += trace.bytes

    def _grow(self, piece: KeptPiece, now: float) -> None:
        waiting = self._open.setdefault((piece.stream_id, piece.trace_id), _Waiting(0.0, 0, root=False))
        waiting.root = waiting.root or piece.root
        waiting.bytes += len(piece.body)
        waiting.due = now + (self._settle if waiting.root else self._wait)
        self._bytes += len(piece.body)

    def _make_room(self, now: float) -> None:
        """Makes the oldest due at once where there are too many or too large ones."""
        over, size = len(self._open) - MOST_OPEN, self._bytes - MOST_BYTES
        if over <= 0 and size <= 0:
            return
        for waiting in sorted(self._open.values(), key=lambda each: each.due):
            if over <= 0 and size <= 0:
                return
            waiting.due = min(waiting.due, now)
            over, size = over - 1, size - waiting.bytes
