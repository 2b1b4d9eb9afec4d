"""Leases: a canary's task in the hands of one worker, and the worker's station, at which it takes tasks and answers.

It decides whether an answer counts: it belongs to the open lease, names an event of its task, and is the first one on
that event. It chooses no worker and judges no answer. The RPC takes what is to be told from a station and brings what
the worker said; `proving` gives leases and takes them back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from cta_core.adapter.revision import AdapterRevision

LEASE_SECONDS: Final = 3.0
"""Silence after which a worker is not there and its lease is taken back. Workers speak every second: two lost words and
a scheduler's hiccup are forgiven."""

CAPACITY: Final = 50
"""Events of a task where the worker names no number: few enough that a lost worker costs little, many enough that the
way there and back (a millisecond) is nothing beside a handler."""

MOST_CAPACITY: Final = 500
"""Events of a task at most: as many as go to a stage's process at once."""

MOST_UNTOLD: Final = 100
"""Messages that wait for a worker at most. It is sent a task and a cancel at a time; the rest are notices of its own
faults, and whoever reads none needs no more of them."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker offers."""

    stream_id: str
    worker_id: str
    consumer: str
    """The consumer's name for its handler."""
    version: str = ""
    capacity: int = CAPACITY
    """Most events of one task."""


class TaskEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event to run."""

    drifted: bool
    """Else it is a healthy one."""
    raw: bytes
    """As the producer sent it."""
    after: bytes
    """After the gate with the candidate."""


class AnswerKind(StrEnum):
    """What became of an event in a worker."""

    PASSED = "PASSED"
    ADAPTER_REFUSED = "ADAPTER_REFUSED"
    CONTRACT_BROKEN = "CONTRACT_BROKEN"
    HANDLER_RAISED = "HANDLER_RAISED"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's word on one event."""

    kind: AnswerKind
    error_type: str = ""
    message: str = ""
    latency_ms: float = 0.0


class Ending(StrEnum):
    """How a lease ended."""

    DONE = "DONE"
    """Every event is answered."""
    LOST = "LOST"
    """The call broke."""
    LATE = "LATE"
    """Its time was over, or the worker was silent."""
    LEFT = "LEFT"
    """The worker took its offer back."""
    REFUSED = "REFUSED"
    """The worker cannot run the candidate."""
    HALTED = "HALTED"
    """The canary was stopped."""


class Lease:
    """A task in a worker's hands."""

    def __init__(
        self,
        lease_id: str,
        canary_id: str,
        adapter: AdapterRevision,
        events: Sequence[TaskEvent],
        *,
        event_limit_ms: float,
        time_limit: float,
    ) -> None:
        self.lease_id, self.canary_id, self.adapter, self.events = lease_id, canary_id, adapter, events
        self.event_limit_ms, self.time_limit = event_limit_ms, time_limit
        self.answers: dict[int, Answer] = {}
        """By place in the task; the first answer counts."""
        self.ending: Ending | None = None
        self.why = ""
        self.heard = 0.0
        """When the worker last spoke of it."""
        self.over = asyncio.Event()

    def end(self, ending: Ending, why: str = "") -> None:
        """Ends it; the first ending counts."""
        if self.ending is None:
            self.ending, self.why = ending, why
            self.over.set()


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """A lease is taken back."""

    lease_id: str
    reason: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something was not counted."""

    lease_id: str
    message: str


class Station:
    """One worker's open offer."""

    def __init__(self, offer: Offer, now: Callable[[], float]) -> None:
        self.offer, self._now = offer, now
        self.heard = now()
        self.lease: Lease | None = None
        self.left = False
        """The worker took its offer back."""
        self._untold: deque[Lease | Cancel | Notice] = deque(maxlen=MOST_UNTOLD)
        self._news = asyncio.Event()

    @property
    def silence(self) -> float:
        """Seconds since the worker spoke."""
        return self._now() - self.heard

    @property
    def live(self) -> bool:
        """Whether the worker is there."""
        return not self.left and self.silence <= LEASE_SECONDS

    # What the RPC brings and takes.

    def beat(self, lease_id: str = "") -> None:
        """The worker lives; naming its lease extends that."""
        self.heard = self._now()
        if self.lease is not None and self.lease.lease_id == lease_id:
            self.lease.heard = self.heard

    def answer(self, lease_id: str, answers: Sequence[tuple[int, Answer]]) -> None:
        """The worker answered. What does not belong to its open lease, or is known already, changes nothing."""
        self.heard = self._now()
        lease = self._open(lease_id)
        if lease is None:
            return
        if any(not 0 <= index < len(lease.events) for index, _ in answers):
            self.tell(Notice(lease_id=lease_id, message=f"an index must lie between 0 and {len(lease.events) - 1}"))
            return
        lease.heard = self.heard
        fresh = {index: answer for index, answer in reversed(answers) if index not in lease.answers}
        if len(fresh) < len(answers):
            self.tell(Notice(lease_id=lease_id, message=f"{len(answers) - len(fresh)} events were answered before"))
        lease.answers.update(fresh)
        if len(lease.answers) == len(lease.events):
            lease.end(Ending.DONE)
            self.lease = None

    def refuse(self, lease_id: str, why: str) -> None:
        """The worker cannot run its task."""
        self.heard = self._now()
        lease = self._open(lease_id)
        if lease is not None:
            lease.end(Ending.REFUSED, why)
            self.lease = None

    def leave(self) -> None:
        """The worker takes its offer back."""
        self.left = True
        self.drop(Ending.LEFT)
        self._news.set()

    def drop(self, ending: Ending) -> None:
        """The lease ends, if there is one."""
        if self.lease is not None:
            self.lease.end(ending)
            self.lease = None

    async def told(self, seconds: float) -> Lease | Cancel | Notice | None:
        """What to tell the worker next; None when there is nothing for so long, or it left."""
        if not self._untold and not self.left:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        return self._untold.popleft() if self._untold else None

    def tell(self, message: Lease | Cancel | Notice) -> None:
        """Puts a message before the worker."""
        self._untold.append(message)
        self._news.set()

    # What `proving` does.

    def give(self, lease: Lease) -> None:
        """Hands a task to the worker, which has none."""
        self.lease, lease.heard = lease, self._now()
        self.tell(lease)

    def take_back(self, lease: Lease, ending: Ending, reason: str) -> None:
        """Ends a lease that is still open, and tells the worker."""
        if self.lease is lease:
            self.drop(ending)
            self.tell(Cancel(lease_id=lease.lease_id, reason=reason))

    def _open(self, lease_id: str) -> Lease | None:
        """The lease, if it is the open one; else the worker is told."""
        if self.lease is None or self.lease.lease_id != lease_id:
            self.tell(Notice(lease_id=lease_id, message="this lease is not open in this call; nothing was counted"))
            return None
        return self.lease
