"""Answers to recent requests, so that a retry gets the same one: bounded in number and in bytes.

A client retries within seconds; what must hold for longer (a request that held an event) is in the journal. A repeat is
told from a reused id by comparing the events themselves, which costs nothing until an id is seen again. Used by the
intake.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from cta_server.runtime.batch import BatchResult, Incoming
from cta_server.runtime.errors import RequestIdReused

ENTRIES: Final = 1024
"""At 300 batches a second this is three seconds' worth."""

BYTES: Final = 64 * 1024 * 1024
"""Events kept with their answers, as they came. 320 batches of 500 events of 400 bytes."""


class Answers:
    """Remembers answers by request id."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, tuple[Incoming, ...], BatchResult]] = OrderedDict()
        self._bytes = 0

    def find(self, request_id: str, stream_id: str, events: Sequence[Incoming]) -> BatchResult | None:
        """The answer to the same request before. Raises `RequestIdReused` when the id came with other events."""
        known = self._known.get(request_id)
        if known is None:
            return None
        if known[0] != stream_id or known[1] != tuple(events):
            raise RequestIdReused(request_id)
        return known[2]

    def keep(self, request_id: str, stream_id: str, events: Sequence[Incoming], answer: BatchResult) -> None:
        """Remembers an answer; the oldest make room."""
        if request_id in self._known:
            return  # two at the same time: the first one's answer stands
        self._known[request_id] = (stream_id, tuple(events), answer)
        self._bytes += _size(events)
        while len(self._known) > ENTRIES or (self._bytes > BYTES and len(self._known) > 1):
            _, (_, gone, _) = self._known.popitem(last=False)
            self._bytes -= _size(gone)


def _size(events: Sequence[Incoming]) -> int:
    return sum(len(event.raw) for event in events)
