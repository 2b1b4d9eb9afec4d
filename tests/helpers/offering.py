"""A worker that speaks OfferCanaries by hand, so that a test says each of its words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from cta.v1 import canary_service_pb2 as service
from cta.v1 import canary_task_pb2 as task_api
from helpers.api import Api

PASSED, RAISED = task_api.CANARY_OUTCOME_PASSED, task_api.CANARY_OUTCOME_HANDLER_RAISED


class Worker:
    """One call."""

    def __init__(self, call: Any, *, beats: bool) -> None:
        self.call, self._beats = call, beats
        self.notices: list[str] = []
        self.cancelled: list[str] = []
        self.lease = ""
        self._tasks: asyncio.Queue[task_api.CanaryTask] = asyncio.Queue()
        self.work = [asyncio.create_task(self._read()), asyncio.create_task(self._beat())]

    async def _read(self) -> None:
        while (message := await self.call.read()) is not grpc.aio.EOF:
            match message.WhichOneof("told"):
                case "task":
                    self.lease = message.task.lease_id
                    self._tasks.put_nowait(message.task)
                case "cancel":
                    self.cancelled.append(message.cancel.reason)
                case "notice":
                    self.notices.append(message.notice.message)
                case _:
                    pass

    async def _beat(self) -> None:
        while self._beats:
            await asyncio.sleep(0.5)
            await self.say(heartbeat=task_api.CanaryHeartbeat(lease_id=self.lease))

    async def say(self, **said: Any) -> None:
        """Sends a message."""
        await self.call.write(service.OfferCanariesRequest(**said))

    async def task(self) -> task_api.CanaryTask:
        """The next task."""
        return await asyncio.wait_for(self._tasks.get(), 8)

    @property
    def idle(self) -> bool:
        """No task waits for it."""
        return self._tasks.empty()

    async def answer(self, lease_id: str, answers: list[task_api.CanaryAnswer]) -> None:
        """Sends answers."""
        await self.say(answers=task_api.CanaryAnswers(lease_id=lease_id, answers=answers))

    async def run(self, judge: Callable[[task_api.CanaryEvent], bool] = lambda _: True, *, tasks: int = 100) -> None:
        """Answers tasks as they come, each event by `judge`."""
        for _ in range(tasks):
            task = await self._tasks.get()
            await self.answer(task.lease_id, [answered(i, ok=judge(event)) for i, event in enumerate(task.events)])

    def break_off(self) -> None:
        """Ends as a kill ends a process: without a word."""
        for work in self.work:
            work.cancel()
        self.call.cancel()


def answered(index: int, *, ok: bool = True) -> task_api.CanaryAnswer:
    """An answer on an event."""
    if ok:
        return task_api.CanaryAnswer(index=index, outcome=PASSED)
    return task_api.CanaryAnswer(index=index, outcome=RAISED, error_type="Refused", error_message="not for me")


@contextlib.asynccontextmanager
async def offering(
    api: Api, stream_id: str, worker_id: str, *, version: str = "1", capacity: int = 0, beats: bool = True
) -> AsyncIterator[Worker]:
    """A worker whose offer is taken."""
    call: Any = api.canaries.OfferCanaries()
    offer = task_api.CanaryOffer(
        stream_id=stream_id, worker_id=worker_id, consumer="book", version=version, capacity=capacity
    )
    await call.write(service.OfferCanariesRequest(offer=offer))
    first = await call.read()
    assert first.WhichOneof("told") == "checkpoint", first
    worker = Worker(call, beats=beats)
    try:
        yield worker
    finally:
        worker.break_off()
        await asyncio.gather(*worker.work, return_exceptions=True)
