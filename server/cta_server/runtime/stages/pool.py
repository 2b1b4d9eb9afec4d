"""The pool of consumers: one warm worker process each, and a fair queue before it.

Decides whose events the worker gets next, what a dead worker means for the event it was running, and when the rest of
a batch is given up. `intake` and `canaries` call `run`; nothing else talks to workers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Final

import structlog

from cta_core.errors import InvalidInput, Violation
from cta_server.runtime.errors import Unavailable
from cta_server.runtime.stages.frames import Batch, LoadProblem
from cta_server.runtime.stages.outcome import CRASHED, NOT_LOADED, NOT_RUN, TIME_LIMIT, ChainResult, StageOutcome
from cta_server.runtime.stages.process import Death, Worker
from cta_server.runtime.stages.spec import ConsumerSpec

_SLICE_S: Final = 0.02
"""How long one caller has the worker while others wait: a canary of 1,000 events, which has two blocks of them here at
a time, then delays a live batch by two slices at most."""
_MAX_EVENTS: Final = 500
_MAX_BYTES: Final = 1024 * 1024
"""What goes to the worker in one frame, one event at least. 500 is a whole intake batch; 1 MiB bounds the copy in the
pipe."""
_MAX_COSTLY: Final = 20
"""Events of one batch that may hang or crash before the rest is given up: each costs its time limit or a new process,
and 20 of the 1,000 events of a canary are twice what its policy lets fail."""


class StagePool:
    """Runs events through the stages of named consumers."""

    def __init__(self, consumers: Mapping[str, ConsumerSpec]) -> None:
        self._lanes = {name: _Lane(spec) for name, spec in consumers.items()}

    async def start(self) -> None:
        """Start all workers. `InvalidInput` names every stage that cannot be imported; nothing runs then."""
        for lane in self._lanes.values():
            lane.spec.check()
        problems = [found for lane in self._lanes.values() for found in await lane.start()]
        if problems:
            await self.close()
            raise InvalidInput(problems)

    async def close(self) -> None:
        """End all workers; whoever waits for a batch gets `Unavailable`."""
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))

    def stages(self, consumer: str) -> ConsumerSpec:
        """The consumer as configured; `InvalidInput` if there is none."""
        return self._lane(consumer).spec

    async def run(
        self, consumer: str, events: Sequence[bytes], *, timeout_ms: float, first: int = 0, record: bool = False
    ) -> ChainResult:
        """Run events through the consumer's stages, each event for itself and once.

        `timeout_ms` is the limit of one stage on one event, 1 at least. With `first` the stages before that number are
        left out, and the events are what the last of those put out. `record` keeps what each stage puts out. Raises
        `InvalidInput` for an unknown consumer and `Unavailable` when the pool is closed; whatever the stages do is an
        outcome.
        """
        lane = self._lane(consumer)
        begun = monotonic()
        job = _Job(events, max(timeout_ms, 1.0) / 1000, first=first, record=record)
        if events:
            lane.add(job)
            await job.finished
        return ChainResult(
            outcomes=tuple(job.outcomes),
            stages=lane.spec.stages[first:],
            duration_ms=(monotonic() - begun) * 1000,
            restarts=job.deaths,
        )

    def _lane(self, consumer: str) -> _Lane:
        lane = self._lanes.get(consumer)
        if lane is None:
            known = ", ".join(sorted(self._lanes)) or "none"
            raise InvalidInput.of("consumer", f"no consumer {consumer!r} is configured; there are: {known}")
        return lane


class _Job:
    """One call of `run`: its events, and their outcomes so far."""

    def __init__(self, events: Sequence[bytes], limit_s: float, *, first: int, record: bool) -> None:
        self.events = events
        self.limit_s = limit_s
        self.first, self._record = first, record
        self.outcomes: list[StageOutcome] = []
        self.deaths = 0
        self.costly = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fits = _MAX_EVENTS
        """Events that one slice is likely to take; sending more would copy them again and again."""

    def next_batch(self) -> Batch:
        """The events that come next."""
        chosen: list[bytes] = []
        size = 0
        for raw in islice(self.events, len(self.outcomes), len(self.outcomes) + self._fits):
            size += len(raw)
            if chosen and size > _MAX_BYTES:
                break
            chosen.append(raw)
        return Batch(limit_s=self.limit_s, slice_s=_SLICE_S, events=chosen, first=self.first, record=self._record)

    def add(self, outcomes: Sequence[StageOutcome]) -> None:
        """Keep the outcomes of the next events."""
        self.outcomes.extend(outcomes)
        self.costly += sum(outcome.error_type == TIME_LIMIT for outcome in outcomes if not outcome.ok)
        self._fits = min(_MAX_EVENTS, max(1, 2 * len(outcomes)))

    def give_up(self, outcome: StageOutcome) -> None:
        """End with the same outcome for all events that are left."""
        self.outcomes.extend([outcome] * (len(self.events) - len(self.outcomes)))


class _Lane:
    """One consumer: its worker, and the jobs that wait for it, served in turn."""

    def __init__(self, spec: ConsumerSpec) -> None:
        self.spec = spec
        self._worker: Worker | None = None
        self._jobs: deque[_Job] = deque()
        self._waiting = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger().bind(consumer=spec.name)

    async def start(self) -> list[Violation]:
        """Start the worker; the problems that prevent it, with field names as in the configuration."""
        started = await Worker.start(self.spec)
        if isinstance(started, Worker):
            self._worker = started
            self._task = asyncio.create_task(self._serve(), name=f"stages.{self.spec.name}")
            return []
        return [
            Violation(
                f"consumers.{self.spec.name}.stages[{problem.number}].call",
                f"{self.spec.stages[problem.number].call} cannot be imported: {problem.message}",
            )
            for problem in started
        ]

    async def close(self) -> None:
        """End the worker and whatever waits for it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()

    def add(self, job: _Job) -> None:
        """Queue a job."""
        if self._task is None:
            raise Unavailable(draining=True)
        self._jobs.append(job)
        self._waiting.set()

    async def _serve(self) -> None:
        """Give every job a slice in turn, for as long as the pool is open."""
        job: _Job | None = None
        try:
            while True:
                while not self._jobs:
                    self._waiting.clear()
                    if self._worker is None:  # it died: a new one is warm when the next batch comes
                        with contextlib.suppress(OSError):  # that batch will try again, and tell
                            await self._revive()
                    await self._waiting.wait()
                job = self._jobs.popleft()
                if job.finished.done():  # its caller was cancelled
                    continue
                try:
                    await self._slice(job)
                except Exception as error:  # noqa: BLE001 - one batch must not end the lane
                    self._log.exception("stages failed")
                    await self._drop_worker()
                    if not job.finished.done():
                        job.finished.set_exception(error)
                if len(job.outcomes) < len(job.events):
                    self._jobs.append(job)
                elif not job.finished.done():
                    job.finished.set_result(None)
        finally:
            for left in [*([job] if job else []), *self._jobs]:
                if not left.finished.done():
                    left.finished.set_exception(Unavailable(draining=True))
            self._jobs.clear()

    async def _slice(self, job: _Job) -> None:
        """Run the next events of a job, as many as one slice takes."""
        if job.costly >= _MAX_COSTLY:
            job.give_up(
                self._failure(job.first, NOT_RUN, f"not tried: {job.costly} events of this batch hung or crashed")
            )
            return
        worker = self._worker or await self._revive()
        if not isinstance(worker, Worker):
            problem = worker[0]
            job.give_up(self._failure(problem.number, NOT_LOADED, problem.message))
            return
        answer = await worker.run(job.next_batch())
        job.add(answer.outcomes)
        if answer.death is not None:
            self._worker = None
            self._bury(job, answer.death)

    async def _revive(self) -> Worker | tuple[LoadProblem, ...]:
        """A new worker, or the problems that prevent it."""
        started = await Worker.start(self.spec)
        if isinstance(started, Worker):
            self._worker = started
        else:
            self._log.error("worker not started", problems=[problem.message for problem in started])
        return started

    def _bury(self, job: _Job, death: Death) -> None:
        """Blame the event that was running; if none was, its turn comes again."""
        self._log.warning("worker died", how=death.how, timed_out=death.timed_out, blamed=death.event >= 0)
        job.deaths += 1
        job.costly += 1
        if death.event < 0:
            return
        if death.timed_out:
            message = f"took longer than {job.limit_s * 1000:g} ms and could not be interrupted"
            job.outcomes.append(self._failure(death.stage, TIME_LIMIT, message))
        else:
            message = f"ended the worker process with {death.how}"
            job.outcomes.append(self._failure(death.stage, CRASHED, message))

    def _failure(self, stage: int, error_type: str, message: str) -> StageOutcome:
        return StageOutcome(ok=False, stage=self.spec.stages[stage].name, error_type=error_type, message=message)

    async def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(Exception):
                await worker.kill()
