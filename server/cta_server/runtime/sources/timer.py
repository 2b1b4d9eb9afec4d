"""The clock that paces a source, as a part that can be exchanged: a test brings one on which waiting costs nothing."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol


class Timer(Protocol):
    """The clock that paces: seconds since some instant, and a sleep on it."""

    def now(self) -> float:
        """Seconds; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class LoopTimer:
    """The real one."""

    def now(self) -> float:
        """See `Timer.now`."""
        return monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Timer.sleep`."""
        await asyncio.sleep(seconds)
