"""One worker process as the server sees it: started, asked, watched and ended.

Decides when a worker has to be killed, and what it was doing when it died. Does not decide which events go to it, nor
whether another one is started: that is the pool's matter. Everything is asynchronous; the server's event loop never
waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Final

import msgspec
import structlog

from cta_server.runtime.stages.frames import EVENT, STAGE, STARTED, Batch, Done, LoadProblem, Ready, Setup, Shared
from cta_server.runtime.stages.outcome import StageOutcome
from cta_server.runtime.stages.pipes import Pipes, WorkerGone
from cta_server.runtime.stages.spec import ConsumerSpec

_GRACE_S: Final = 0.25
"""How long after a stage's time limit the worker gets to notice it by itself. The alarm needs microseconds on an idle
machine; on one so busy that it needs longer, killing costs a restart and gives the same outcome."""
_SILENT_S: Final = 5.0
"""Longest time without progress outside of stages. Decoding and encoding the largest event takes 0.1 s; a worker that
stands still for fifty times that is stopped or stuck."""
_LOAD_S: Final = 60.0
"""Longest time to import the stages. Heavy libraries take up to 20 s on a cold disk."""
_FAREWELL_S: Final = 2.0
"""How long a worker may take to end by itself once its input is closed."""


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker ended while it had a batch."""

    event: int
    """Event of the batch that was running; -1: none, nobody is to blame."""
    stage: int
    """Stage that was running; -1: none."""
    timed_out: bool
    """It was killed because the stage was over its limit."""
    how: str
    """The end in words: `signal SIGSEGV`, `exit code 3`."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of one batch."""

    outcomes: Sequence[StageOutcome]
    """Outcomes of the first events, in order."""
    death: Death | None = None
    """Set if the worker is gone."""


class Worker:
    """One process that runs one consumer's stages."""

    def __init__(self, transport: asyncio.SubprocessTransport, pipes: Pipes, shared: Shared) -> None:
        self._transport = transport
        self._pipes = pipes
        self._shared = shared
        self._encoder = msgspec.msgpack.Encoder()

    @classmethod
    async def start(cls, spec: ConsumerSpec) -> Worker | tuple[LoadProblem, ...]:
        """A worker with its stages imported, or the problems that prevent it."""
        log = structlog.get_logger().bind(consumer=spec.name)
        shared = Shared.create()
        try:
            transport, pipes = await asyncio.get_running_loop().subprocess_exec(
                lambda: Pipes(log),
                *(sys.executable, "-u", "-P", "-m", "cta_server.runtime.stages.worker", str(shared.fd)),
                pass_fds=(shared.fd,),
                start_new_session=True,  # a terminal's Ctrl-C is for the server; what the worker starts ends with it
                env=_environment(),
            )
        except BaseException:
            shared.close()
            raise
        worker = cls(transport, pipes, shared)
        problems: tuple[LoadProblem, ...] = ()
        try:
            async with asyncio.timeout(_LOAD_S):
                problems = await worker._set_up(spec)
        except TimeoutError:
            problems = (LoadProblem(worker._loading(), f"importing it took longer than {_LOAD_S:g} s"),)
        except WorkerGone:
            await pipes.ended()
            problems = (LoadProblem(worker._loading(), f"importing it ended the process with {worker._how()}"),)
        except BaseException:
            await worker.kill()
            raise
        if problems:
            await worker.kill()
            return problems
        return worker

    async def run(self, batch: Batch) -> Answer:
        """Run a batch. After an answer with a death this worker is gone."""
        self._shared.clear()
        answer = self._pipes.exchange(self._encoder.encode(batch))
        watched = _Watched(self._shared, batch.limit_s)
        timed_out = False
        while not answer.done():
            # A stage that begins while this waits must not be missed: none can be over its limit before that time.
            await asyncio.wait({answer}, timeout=min(watched.left(), batch.limit_s + _GRACE_S))
            if not answer.done() and watched.left() <= 0:
                timed_out = bool(self._shared.marks[STARTED])
                self._pipes.kill()
                await self._pipes.ended()
        try:
            msgspec.msgpack.decode(answer.result(), type=Done)
        except (WorkerGone, msgspec.DecodeError):
            return await self._autopsy(timed_out=timed_out)
        return Answer(outcomes=self._shared.outcomes())

    async def close(self) -> None:
        """End the process: kindly if it is idle."""
        stdin = self._transport.get_pipe_transport(0)
        if stdin is not None and not self._pipes.busy:
            stdin.close()
            await self._pipes.ended(_FAREWELL_S)
        await self.kill()

    async def kill(self) -> None:
        """End the process and what it started, and let its memory go."""
        self._pipes.kill()
        await self._pipes.ended()
        self._transport.close()
        self._shared.close()

    async def _set_up(self, spec: ConsumerSpec) -> tuple[LoadProblem, ...]:
        setup = Setup(stages=spec.stages, path=spec.path, memory_bytes=spec.memory_mib * 1024 * 1024)
        ready = await self._pipes.exchange(self._encoder.encode(setup))
        return msgspec.msgpack.decode(ready, type=Ready).problems

    async def _autopsy(self, *, timed_out: bool) -> Answer:
        """What the dead worker left: the outcomes it had, and what it was running."""
        self._pipes.kill()
        await self._pipes.ended()
        outcomes = self._shared.outcomes()
        event, stage = int(self._shared.marks[EVENT]), int(self._shared.marks[STAGE])
        if event != len(outcomes):  # that event has its outcome, the next one had not begun
            event = stage = -1
        death = Death(event=event, stage=stage, timed_out=timed_out, how=self._how())
        await self.kill()
        return Answer(outcomes=outcomes, death=death)

    def _loading(self) -> int:
        """Number of the stage that is being imported."""
        return int(self._shared.marks[STAGE])

    def _how(self) -> str:
        code = self._transport.get_returncode()
        if code is None or code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
        return f"signal {-code}"


def _environment() -> dict[str, str]:
    """The server's environment with its import path and without its own settings: a token is none of a stage's
    business.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CTA_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class _Watched:
    """How long the worker may still stand where it is."""

    def __init__(self, shared: Shared, limit_s: float) -> None:
        self._marks = shared.marks
        self._limit = limit_s
        self._seen = (0.0, 0.0, 0.0)
        self._since = monotonic()

    def left(self) -> float:
        """Seconds until the worker has to be killed; 0 or less: now."""
        marks, now = self._marks, monotonic()
        seen = (marks[EVENT], marks[STAGE], marks[STARTED])
        if seen != self._seen:
            self._seen, self._since = seen, now
        if seen[2]:
            return seen[2] + self._limit + _GRACE_S - now
        return self._since + max(self._limit, _SILENT_S) + _GRACE_S - now
