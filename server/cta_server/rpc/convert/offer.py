"""Offers of canaries: what a worker says into values of the runtime, and what it is told out of them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cta.v1 import canary_service_pb2 as service
from cta.v1 import canary_task_pb2 as api
from cta.v1.event_pb2 import Payload
from cta.v1.watch_pb2 import Checkpoint
from cta_server.rpc.convert.problems import MAX_NAME, MAX_TEXT, Problems
from cta_server.rpc.convert.scalars import duration, milliseconds_of, timestamp
from cta_server.rpc.convert.words import Words
from cta_server.runtime.leases import (
    CAPACITY,
    MOST_CAPACITY,
    Answer,
    AnswerKind,
    Cancel,
    Lease,
    Notice,
    Offer,
    TaskEvent,
)

OUTCOMES: Final = Words(api.CanaryOutcome, AnswerKind)

LONGEST_MS: Final = 3_600_000.0
"""Longest time of one event that is believed: no lease lasts an hour."""


def offer_of(message: api.CanaryOffer, problems: Problems) -> Offer:
    """An offer of a message."""
    problems.text("offer.stream_id", message.stream_id, MAX_NAME, required=True)
    problems.text("offer.worker_id", message.worker_id, MAX_NAME, required=True)
    problems.text("offer.consumer", message.consumer, MAX_NAME, required=True)
    problems.text("offer.version", message.version, MAX_NAME)
    problems.number("offer.capacity", message.capacity, least=0, most=MOST_CAPACITY)
    return Offer(
        stream_id=message.stream_id,
        worker_id=message.worker_id,
        consumer=message.consumer,
        version=message.version,
        capacity=message.capacity or CAPACITY,
    )


def answers_of(message: api.CanaryAnswers, problems: Problems) -> list[tuple[int, Answer]]:
    """Answers of a message, each with its place in the task."""
    if len(message.answers) > MOST_CAPACITY:
        problems.add("answers.answers", f"must be at most {MOST_CAPACITY}")
    found: list[tuple[int, Answer]] = []
    for index, each in enumerate(message.answers[:MOST_CAPACITY]):
        field = f"answers.answers[{index}]"
        problems.text(f"{field}.error_type", each.error_type, MAX_NAME)
        problems.text(f"{field}.error_message", each.error_message, MAX_TEXT)
        latency = milliseconds_of(each.latency, f"{field}.latency", problems)
        problems.number(f"{field}.latency", latency, least=0, most=LONGEST_MS)
        kind = OUTCOMES.word(each.outcome, f"{field}.outcome", problems)
        if kind is not None:
            answer = Answer(
                kind=kind, error_type=each.error_type, message=each.error_message[:MAX_NAME], latency_ms=latency
            )
            found.append((each.index, answer))
    return found


def told(message: Lease | Cancel | Notice | None, now: float) -> service.OfferCanariesResponse:
    """What a worker is told; a checkpoint when there is nothing to tell."""
    said: dict[str, Any]
    match message:
        case Lease():
            said = {"task": _task(message)}
        case Cancel():
            said = {"cancel": api.CanaryCancel(lease_id=message.lease_id, reason=message.reason)}
        case Notice():
            said = {"notice": api.CanaryNotice(lease_id=message.lease_id, message=message.message)}
        case None:
            said = {"checkpoint": Checkpoint(server_time=timestamp(now))}
    return service.OfferCanariesResponse(server_time=timestamp(now), **said)


def _task(lease: Lease) -> api.CanaryTask:
    return api.CanaryTask(
        lease_id=lease.lease_id,
        canary_id=lease.canary_id,
        stream_id=lease.adapter.stream_id,
        adapter_id=lease.adapter.adapter_id,
        program_json=msgspec.json.encode(lease.adapter.program).decode(),
        time_limit=duration(lease.time_limit * 1000),
        event_limit=duration(lease.event_limit_ms),
        events=[_event(event) for event in lease.events],
    )


def _event(event: TaskEvent) -> api.CanaryEvent:
    kind = api.CANARY_EVENT_KIND_DRIFTED if event.drifted else api.CANARY_EVENT_KIND_HEALTHY
    # Bytes, not text: the producer's may be no UTF-8, and the answer is the same for every event of a task.
    return api.CanaryEvent(kind=kind, payload=Payload(data=event.raw), after=Payload(data=event.after))
