"""Named background tasks with one owner: none is lost, none fails in silence, all end with their owner."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

log = structlog.get_logger(__name__)


class Tasks:
    """Owns tasks."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def spawn(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Starts a task; a running one of the same name goes on instead."""
        if self.running(name):
            work.close()
            return
        task = self._running[name] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)

    def running(self, name: str) -> bool:
        """Whether a task of this name runs."""
        task = self._running.get(name)
        return task is not None and not task.done()

    async def close(self) -> None:
        """Cancels all and waits for their end."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._running.get(task.get_name()) is task:
            del self._running[task.get_name()]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background task failed", task=task.get_name(), exc_info=error)
