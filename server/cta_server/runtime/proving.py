"""Proving: a canary's events through the consumer's own code, in the workers that offer that.

It decides in which worker the events run, how long one may have them, and what it means that a worker is lost; the
verdict is judged elsewhere, with what this brings. A lease goes to one worker at a time. What a worker leaves
unanswered goes to another one, or to the same when it is back; events that were in the hands of two workers that were
lost count as failed, because nothing says that the candidate did not kill them. A worker that was lost alone and did
not come back proves nothing, so a person is asked. Called by `canaries`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from time import monotonic
from typing import Final

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.canary import Prover
from cta_core.stream import InConsumer, Policy
from cta_server.runtime.ids import Ids
from cta_server.runtime.leases import LEASE_SECONDS, Answer, AnswerKind, Ending, Lease, Offer, Station, TaskEvent
from cta_server.runtime.offers import RETURN_SECONDS, Offers

TICK_SECONDS: Final = 0.1
"""How often a lease's time and the kill switch are looked at; a person notices no faster."""

TASK_BYTES: Final = 1024 * 1024
"""Bytes of one task, one event at least: below the 4 MiB that a gRPC client takes by default, with both forms."""

PACE: Final = 4.0
"""Time of a task over the time of its events at their limit: the SDK works a quarter of the time, so that a canary does
not starve its consumer."""

SLACK_SECONDS: Final = 5.0
"""Time of a task beyond that of its events, for the way there and back."""

STRIKES: Final = 2
"""Lost workers after which the events in their hands have failed. One may have been stopped by chance; two in a row, on
the same fifty events, are hardly one."""

HALTED: Final = "the kill switch is engaged"
ENOUGH: Final = "they decided the verdict, and it was not asked about the rest"
NOTHING_TO_SHOW: Final = (
    "the policy requires a canary in the consumer's own process, and there is no event that can be shown to it"
)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the consumer's own code said so far."""

    answers: dict[int, Answer]
    """By place among the events."""
    provers: tuple[Prover, ...] = ()
    names: dict[int, str]
    """The consumer that each answer is from."""
    complete: bool = False
    """Every event is answered."""
    unproved: str = ""
    """Why its word is missing although it is wanted."""
    note: str = ""
    """Why some events are unanswered although it is not."""


class Proving:
    """Runs canaries in workers."""

    def __init__(self, *, offers: Offers, ids: Ids, halted: Callable[[], bool]) -> None:
        self._offers, self._ids, self._halted = offers, ids, halted

    async def prove(
        self, canary_id: str, adapter: AdapterRevision, events: Sequence[TaskEvent], policy: Policy
    ) -> AsyncGenerator[Proof]:
        """What the workers say, task by task; nothing where nobody is asked. The last proof is what counts."""
        mode = policy.canary.in_consumer
        run, required = _Run(events), mode is InConsumer.REQUIRED
        if mode is InConsumer.OFF or not events:
            if required:
                yield run.proof(unproved=NOTHING_TO_SHOW)
            return
        patience = min(RETURN_SECONDS, policy.canary.wait_seconds)
        while run.waiting:
            station = await self._next(adapter.stream_id, run, patience, required=required)
            if station is None:
                unproved = run.missing(patience, required=required)
                # Where nobody was asked and nobody could be, the kill switch takes nothing from the canary.
                if self._halted() and (unproved or run.answers or self._offers.any(adapter.stream_id)):
                    unproved = HALTED
                if unproved or run.answers or run.declined:
                    yield run.proof(unproved=unproved, left=True)
                return
            task, limit_ms = run.take(station.offer.capacity), max(policy.stage_timeout_ms, 1.0)
            lease = Lease(
                self._ids.new("lse"),
                canary_id,
                adapter,
                [events[place] for place in task],
                event_limit_ms=limit_ms,
                time_limit=len(task) * limit_ms / 1000 * PACE + SLACK_SECONDS,
            )
            await self._lend(station, lease)
            run.collect(station.offer, task, lease)
            yield run.proof()

    async def _next(self, stream_id: str, run: _Run, patience: float, *, required: bool) -> Station | None:
        """The worker that is asked next, waited for while one is at work or may come back."""
        since = monotonic()
        while not self._halted():
            station = self._offers.choose(stream_id, run.declined)
            if station is not None:
                return station
            if not self._offers.any(stream_id, run.declined):
                wanted = required or run.lost or (self._offers.returning(stream_id) and not run.declined)
                if not wanted or monotonic() - since >= patience:
                    return None
            self._offers.changes.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._offers.changes.wait(), TICK_SECONDS)
        return None

    async def _lend(self, station: Station, lease: Lease) -> None:
        """Gives a lease and waits for its end; whatever ends the waiting takes it back."""
        station.give(lease)
        began = monotonic()
        ending, reason = Ending.HALTED, "the canary was stopped"
        try:
            while lease.ending is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lease.over.wait(), TICK_SECONDS)
                if self._halted():
                    reason = HALTED
                    break
                if monotonic() - began > lease.time_limit:
                    ending, reason = Ending.LATE, f"its {lease.time_limit:g} s are over"
                    break
                if monotonic() - lease.heard > LEASE_SECONDS:
                    ending, reason = Ending.LATE, f"no word of it for {LEASE_SECONDS:g} s"
                    break
        finally:
            station.take_back(lease, ending, reason)
            self._offers.changes.set()


class _Run:
    """The events of one canary on their way through workers."""

    def __init__(self, events: Sequence[TaskEvent]) -> None:
        self._events = events
        self.waiting = deque(range(len(events)))
        self.answers: dict[int, Answer] = {}
        self.declined: dict[str, str] = {}
        """Workers that cannot run the candidate, with why."""
        self.lost = ""
        """Worker that was lost with events in its hands that nobody answered since."""
        self._names: dict[int, str] = {}
        self._strikes: Counter[int] = Counter()
        self._seen: dict[tuple[str, str, str], list[int]] = {}

    def take(self, capacity: int) -> list[int]:
        """The places of the events of the next task."""
        task, size = list[int](), 0
        while self.waiting and len(task) < capacity:
            event = self._events[self.waiting[0]]
            size += len(event.raw) + len(event.after)
            if task and size > TASK_BYTES:
                break
            task.append(self.waiting.popleft())
        return task

    def collect(self, offer: Offer, task: Sequence[int], lease: Lease) -> None:
        """What a lease brought; the rest of it waits again."""
        self._note(offer, {task[index]: answer for index, answer in lease.answers.items()})
        rest = [place for index, place in enumerate(task) if index not in lease.answers]
        match lease.ending:
            case Ending.DONE:
                self.lost = ""
            case Ending.REFUSED:
                self.declined[offer.worker_id] = lease.why
            case Ending.LOST | Ending.LATE:
                self.lost = offer.worker_id
                self._strikes.update(rest)
                gone = [place for place in rest if self._strikes[place] >= STRIKES]
                rest = [place for place in rest if self._strikes[place] < STRIKES]
                why = Answer(
                    kind=AnswerKind.HANDLER_RAISED,
                    error_type="WorkerLost",
                    message=f"{STRIKES} workers were lost with it in their hands",
                )
                self._note(offer, dict.fromkeys(gone, why))
            case _:
                pass
        self.waiting.extendleft(reversed(rest))

    def missing(self, patience: float, *, required: bool) -> str:
        """Why the consumer's word is missing, where it is wanted; empty where it is not."""
        if self.lost:
            return (
                f"worker {self.lost} was lost while the candidate ran in it, and none offered to go on "
                f"within {patience:g} s"
            )
        if required:
            cannot = f" that can run the candidate ({self._cannot()})" if self.declined else ""
            return f"the policy requires a canary in the consumer's own process, and no worker offers one{cannot}"
        return ""

    def proof(self, *, unproved: str = "", left: bool = False) -> Proof:
        """What is known now; `left` where nobody is there to be asked about the rest."""
        answered, total = len(self.answers), len(self._events)
        note = ""
        if self.waiting and not unproved:
            # Where workers are there still, this counts only if the caller asks for no more: it has its verdict.
            cause = (self._cannot() if self.declined else "its workers left") if left else ENOUGH
            note = f"the consumer's own code saw {answered} of {total} events: {cause}"
        return Proof(
            answers=dict(self.answers),
            names=dict(self._names),
            provers=tuple(
                Prover(worker_id=worker_id, consumer=consumer, version=version, events=events, failed=failed)
                for (worker_id, consumer, version), (events, failed) in self._seen.items()
            ),
            complete=not self.waiting,
            unproved=unproved,
            note=note,
        )

    def _cannot(self) -> str:
        return "; ".join(f"worker {worker_id} cannot run it: {why}" for worker_id, why in self.declined.items())

    def _note(self, offer: Offer, answers: dict[int, Answer]) -> None:
        if not answers:
            return
        self.answers.update(answers)
        self._names.update(dict.fromkeys(answers, offer.consumer))
        seen = self._seen.setdefault((offer.worker_id, offer.consumer, offer.version), [0, 0])
        seen[0] += len(answers)
        seen[1] += sum(
            self._events[place].drifted and answer.kind is not AnswerKind.PASSED for place, answer in answers.items()
        )
