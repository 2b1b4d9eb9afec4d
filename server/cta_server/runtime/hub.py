"""Who waits for news: revisions of the journal, deliveries, what passes the gate, and runs.

State readers wait for a revision and then read the journal themselves, so that a slow reader costs nothing and misses
nothing. The tail and the runs are samples: each reader has a bounded buffer and is told how many it did not see.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from cta_core.run import Run
from cta_server.runtime.ports import RecordedEvent

Item = TypeVar("Item")

RUNS_SHOWN: Final = 100
"""Runs that a reader is shown per message; the API's limit."""


class Mark:
    """A number that only grows, and those who wait for it to."""

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self._grown = asyncio.Event()

    def raise_to(self, value: int) -> None:
        """Wakes everybody who waits for less."""
        if value > self.value:
            self.value = value
            self._grown.set()
            self._grown = asyncio.Event()

    async def wait(self, after: int, timeout: float) -> int:  # noqa: ASYNC109 - running out of time is an answer here
        """The number once it is above `after`, or as it is when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.value <= after:
                    await self._grown.wait()
        return self.value


class Batch(msgspec.Struct, Generic[Item], frozen=True):
    """What a sampling reader gets."""

    items: tuple[Item, ...]
    left_out: int


class Sampler(Generic[Item]):
    """One reader's bounded buffer; the newest stay."""

    def __init__(self, wants: Callable[[Item], bool], size: int) -> None:
        self._wants = wants
        self._buffer: deque[Item] = deque(maxlen=size)
        self._left_out = 0
        self._news = asyncio.Event()

    def offer(self, items: Sequence[Item]) -> None:
        """Takes what the reader wants, as far as there is room."""
        room = self._buffer.maxlen or 0
        wanted = [item for item in items if self._wants(item)]
        self._left_out += max(0, len(self._buffer) + len(wanted) - room)
        self._buffer.extend(wanted)  # a full buffer drops its oldest
        if self._buffer or self._left_out:
            self._news.set()

    async def next(self, timeout: float) -> Batch[Item]:  # noqa: ASYNC109 - an empty batch is an answer
        """What came since the last call; empty when nothing came in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._news.wait()
        batch = Batch(tuple(self._buffer), self._left_out)
        self._buffer.clear()
        self._left_out = 0
        self._news.clear()
        return batch


class Hub:
    """The marks and the samplers."""

    def __init__(self) -> None:
        self.revisions = Mark()
        self.deliveries = Mark()
        self._tails: set[Sampler[RecordedEvent]] = set()
        self._runs: set[Sampler[Run]] = set()

    @property
    def revision(self) -> int:
        """The journal's last revision."""
        return self.revisions.value

    async def wait(self, after: int, timeout: float) -> int:  # noqa: ASYNC109 - running out of time is an answer here
        """The revision once it is above `after`, or as it is when the time is over."""
        return await self.revisions.wait(after, timeout)

    @property
    def delivery_position(self) -> int:
        """Position of the last delivery."""
        return self.deliveries.value

    async def wait_delivery(self, after: int, timeout: float) -> int:  # noqa: ASYNC109 - as above
        """The position once it is above `after`, or as it is when the time is over."""
        return await self.deliveries.wait(after, timeout)

    @contextlib.contextmanager
    def tail(
        self, stream_id: str = "", *, kinds: Sequence[str] = (), size: int = 20
    ) -> Generator[Sampler[RecordedEvent]]:
        """A reader of what passes the gate; `size` is what it is shown per message."""
        wanted = frozenset(kinds)
        sampler: Sampler[RecordedEvent] = Sampler(
            lambda event: (not stream_id or event.stream_id == stream_id) and (not wanted or event.kind in wanted), size
        )
        self._tails.add(sampler)
        try:
            yield sampler
        finally:
            self._tails.discard(sampler)

    @contextlib.contextmanager
    def runs(self, stream_id: str = "") -> Generator[Sampler[Run]]:
        """A reader of runs that end."""
        sampler: Sampler[Run] = Sampler(lambda run: not stream_id or run.stream_id == stream_id, RUNS_SHOWN)
        self._runs.add(sampler)
        try:
            yield sampler
        finally:
            self._runs.discard(sampler)

    @property
    def watched(self) -> bool:
        """Somebody reads the tail."""
        return bool(self._tails)

    def passed(self, events: Sequence[RecordedEvent]) -> None:
        """Shows events that passed the gate."""
        for sampler in self._tails:
            sampler.offer(events)

    def ended(self, run: Run) -> None:
        """Shows a run."""
        for sampler in self._runs:
            sampler.offer((run,))
