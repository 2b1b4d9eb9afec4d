"""The fleet: consumers that apply adapters in their own processes, which revision each of them is on, and which of them
offer canaries.

Kept in memory: a worker comes back after a restart of the server and says anew what it applies. It decides how a worker
stands; what is in force is told to it. Fed by WatchAdapters, ReportAdapter
and OfferCanaries, read by ListWorkers.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from cta_server.runtime.leases import Offer

FORGET_SECONDS: Final = 3600.0
"""How long a worker that is away is listed: long enough for a look after a deployment, and then it is history."""
MOST: Final = 10_000
"""Workers remembered at most; beyond it those heard longest ago are forgotten. A worker takes less than a kilobyte."""


class WorkerState(StrEnum):
    """How a worker stands to the adapters in force."""

    CURRENT = "CURRENT"
    BEHIND = "BEHIND"
    REFUSED = "REFUSED"
    AWAY = "AWAY"


class WorkerStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as it is told."""

    worker_id: str
    stream_ids: tuple[str, ...]
    """Streams that it watches; empty: all."""
    state: WorkerState
    applied_revision: int
    wanted_revision: int
    last_time: float
    error: str
    offers: tuple[Offer, ...] = ()
    """Canaries that it offers to run."""


class _Worker:
    """What is known of one worker."""

    def __init__(self) -> None:
        self.stream_ids: tuple[str, ...] | None = None
        """Streams that it watches, empty for all; None when it never watched and only reported."""
        self.watches = 0
        self.last_time = 0.0
        self.offers: list[Offer] = []
        self.said: dict[str, tuple[int, bool, str]] = {}
        """By adapter: revision, applied or refused, why."""


class Fleet:
    """All workers since the server started."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._workers: OrderedDict[str, _Worker] = OrderedDict()

    @contextlib.contextmanager
    def watching(self, worker_id: str, stream_ids: Sequence[str]) -> Generator[None]:
        """A worker watches for the length of a `with`; a reader without a name is no worker."""
        if not worker_id:
            yield
            return
        worker = self._heard(worker_id)
        worker.stream_ids = tuple(stream_ids)
        worker.watches += 1
        try:
            yield
        finally:
            worker.watches -= 1
            worker.last_time = self._clock()

    @contextlib.contextmanager
    def offering(self, offer: Offer) -> Generator[None]:
        """A worker offers canaries for the length of a `with`."""
        worker = self._heard(offer.worker_id)
        worker.offers.append(offer)
        try:
            yield
        finally:
            worker.offers.remove(offer)
            worker.last_time = self._clock()

    def report(self, worker_id: str, adapter_id: str, revision: int, *, applied: bool, error: str) -> tuple[int, int]:
        """A worker applied or refused a revision; returns how many did the one and the other."""
        self._heard(worker_id).said[adapter_id] = (revision, applied, error)
        said = [worker.said.get(adapter_id, (0, False, "")) for worker in self._workers.values()]
        verdicts = [yes for number, yes, _ in said if number == revision]
        return sum(verdicts), len(verdicts) - sum(verdicts)

    def workers(self, stream_id: str, in_force: Mapping[str, tuple[str, int]]) -> list[WorkerStanding]:
        """Those that watch a stream (empty: any), by name. `in_force` has stream and revision by adapter."""
        now = self._clock()
        return [
            self._standing(worker_id, worker, in_force)
            for worker_id, worker in sorted(self._workers.items())
            if (worker.watches or worker.offers or now - worker.last_time < FORGET_SECONDS)
            and (not stream_id or _concerned(worker, stream_id, in_force))
        ]

    def _standing(self, worker_id: str, worker: _Worker, in_force: Mapping[str, tuple[str, int]]) -> WorkerStanding:
        wanted = {
            adapter_id: revision
            for adapter_id, (stream_id, revision) in in_force.items()
            if (adapter_id in worker.said if worker.stream_ids is None else _watched(worker.stream_ids, stream_id))
        }
        errors = [
            worker.said[adapter_id][2]
            for adapter_id, revision in wanted.items()
            if worker.said.get(adapter_id, (0, True))[:2] == (revision, False)
        ]
        behind = any(worker.said.get(adapter_id, (0,))[0] < revision for adapter_id, revision in wanted.items())
        state = WorkerState.AWAY
        if worker.watches:
            state = WorkerState.REFUSED if errors else WorkerState.BEHIND if behind else WorkerState.CURRENT
        return WorkerStanding(
            worker_id=worker_id,
            stream_ids=worker.stream_ids or (),
            state=state,
            applied_revision=max((number for number, yes, _ in worker.said.values() if yes), default=0),
            wanted_revision=max(wanted.values(), default=0),
            last_time=self._clock() if worker.watches or worker.offers else worker.last_time,
            error=next(iter(errors), ""),
            offers=tuple(worker.offers),
        )

    def _heard(self, worker_id: str) -> _Worker:
        worker = self._workers.setdefault(worker_id, _Worker())
        worker.last_time = self._clock()
        self._workers.move_to_end(worker_id)
        if len(self._workers) > MOST:
            away = next((name for name, known in self._workers.items() if not known.watches and not known.offers), None)
            if away is not None:
                del self._workers[away]
        return worker


def _watched(stream_ids: tuple[str, ...], stream_id: str) -> bool:
    return not stream_ids or stream_id in stream_ids


def _concerned(worker: _Worker, stream_id: str, in_force: Mapping[str, tuple[str, int]]) -> bool:
    """Whether a worker has to do with a stream: it watches it, offers canaries of it, or spoke about one of its
    adapters.
    """
    if any(offer.stream_id == stream_id for offer in worker.offers):
        return True
    if worker.stream_ids is not None:
        return _watched(worker.stream_ids, stream_id)
    return any(adapter_id in worker.said for adapter_id, (owner, _) in in_force.items() if owner == stream_id)
