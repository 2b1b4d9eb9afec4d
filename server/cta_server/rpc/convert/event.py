"""Events into the gate and out of it, held ones and delivered ones.

`ProcessEvents` is the hot path: the loops below build their messages in comprehensions and look at an event's fields
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cta.v1 import adapter_pb2
from cta.v1 import event_pb2 as api
from cta.v1 import event_service_pb2 as service
from cta_core.gate import OutcomeKind
from cta_core.quarantine import Delivery, HeldBreach, HeldEvent, HeldReason, HeldState
from cta_server.rpc.convert.payload import body_of, payload, preview
from cta_server.rpc.convert.problems import MAX_NAME, MAX_TEXT, Problems
from cta_server.rpc.convert.scalars import seconds_of, timestamp
from cta_server.rpc.convert.words import Words
from cta_server.runtime.adapters import Trial
from cta_server.runtime.batch import EventResult, Incoming, ReportedFailure
from cta_server.runtime.ports import RecordedEvent

KINDS: Final = Words(api.OutcomeKind, OutcomeKind)
REASONS: Final = Words(api.QuarantineReason, HeldReason)
STATES: Final = Words(api.QuarantineState, HeldState)

MAX_EVENTS: Final = 1000
"""Events of one request."""
MAX_BATCH_BYTES: Final = 3 * 1024 * 1024
"""Bytes of a request with more than one event: below the 4 MiB at which gRPC clients refuse an answer by default."""
MAX_EVENT_ID: Final = 128
"""Characters of an event's id."""

_HEALTHY: Final = KINDS.numbers[OutcomeKind.HEALTHY]
_HEALED: Final = KINDS.numbers[OutcomeKind.HEALED]
_QUARANTINED: Final = KINDS.numbers[OutcomeKind.QUARANTINED]


def batch_of(request: service.ProcessEventsRequest, problems: Problems) -> list[Incoming]:
    """The events of a request, in either form."""
    before = problems.count
    events, bodies = request.events, request.bodies
    count = len(events) + len(bodies)
    if events and bodies:
        problems.add("bodies", "must be empty when events is set: send one of the two forms")
    if count > MAX_EVENTS:
        problems.add("bodies" if bodies else "events", f"must have at most {MAX_EVENTS} entries, it has {count}")
    elif count > 1 and request.ByteSize() > MAX_BATCH_BYTES:
        problems.add(
            "bodies" if bodies else "events", f"must have at most {MAX_BATCH_BYTES} bytes in all; send less at once"
        )
    if bodies or problems.count > before:
        return [Incoming(body) for body in bodies]
    return [_incoming_of(event, index, "events", problems) for index, event in enumerate(events)]


def _incoming_of(event: api.Event, index: int, field: str, problems: Problems) -> Incoming:
    """One event. The usual form comes first; a field's path is written out only where something is wrong with it."""
    text = event.payload.json
    raw = text.encode() if text else body_of(event.payload, f"{field}[{index}].payload", problems)
    event_id = event.event_id
    if len(event_id) > MAX_EVENT_ID:
        problems.add(f"{field}[{index}].event_id", f"must have at most {MAX_EVENT_ID} characters")
    if event.HasField("event_time"):
        return Incoming(raw, event_id, seconds_of(event.event_time, f"{field}[{index}].event_time", problems))
    return Incoming(raw, event_id)


def write_packed(into: service.PackedOutcomes, results: Sequence[EventResult]) -> None:
    """The outcomes of packed bodies."""
    healthy, healed = OutcomeKind.HEALTHY, OutcomeKind.HEALED
    # Compared by identity: the hash of an enum is a Python call, once per event.
    into.kinds.extend(
        [_HEALTHY if r.kind is healthy else _HEALED if r.kind is healed else _QUARANTINED for r in results]
    )
    into.bodies.extend([result.payload for result in results])
    if _HEALED in into.kinds:
        # Few adapters heal a batch: their ids are told once, and a small number says which one healed which event.
        places: dict[str, int] = {}
        into.adapters.extend(
            [places.setdefault(r.adapter_id, len(places) + 1) if r.kind is healed else 0 for r in results]
        )
        into.adapter_ids.extend(places)
    if _QUARANTINED in into.kinds:
        for index, result in enumerate(results):
            if result.reason is not None:
                detail = into.details.add(index=index, adapter_id=result.adapter_id, message=result.message)
                detail.reason = REASONS.number(result.reason)
                if result.breaches:
                    detail.path = result.breaches[0].path


def write_outcomes(
    into: service.ProcessEventsResponse, events: Sequence[api.Event], results: Sequence[EventResult]
) -> None:
    """The outcomes of events; a body comes back in the form in which it was sent, `value` as `json`.

    Written field by field into the answer: three times as fast as making messages and handing them over.
    """
    add, healthy = into.outcomes.add, OutcomeKind.HEALTHY
    for event, result in zip(events, results, strict=True):
        outcome = add()
        outcome.event_id = result.event_id
        if result.kind is not healthy:
            _change(outcome, event.payload, result)
            continue
        outcome.kind = _HEALTHY
        if event.payload.HasField("value"):
            outcome.payload.json = result.payload.decode()
        else:
            outcome.payload.CopyFrom(event.payload)


def _change(outcome: api.EventOutcome, sent: api.Payload, result: EventResult) -> None:
    """The outcome of an event that was healed or quarantined."""
    outcome.kind = KINDS.numbers[result.kind]
    outcome.adapter_id = result.adapter_id
    outcome.adapter_revision = result.adapter_revision
    if result.kind is OutcomeKind.HEALED:
        if sent.HasField("data"):
            outcome.payload.data = result.payload
        else:
            outcome.payload.json = result.payload.decode()
        return
    outcome.reason = REASONS.number(result.reason)
    outcome.message = result.message
    outcome.breaches.extend(_breaches(result.breaches))
    outcome.stage = result.stage


def _breaches(found: Sequence[HeldBreach]) -> list[api.Breach]:
    return [api.Breach(path=breach.path, rule=breach.rule, message=breach.message) for breach in found]


def failures_of(request: service.ReportFailuresRequest, problems: Problems) -> list[ReportedFailure]:
    """The failures that a consumer reports."""
    if not 1 <= len(request.failures) <= MAX_EVENTS:
        problems.add("failures", f"must have 1 to {MAX_EVENTS} entries")
        return []
    return [
        ReportedFailure(
            event=_reported_of(item.event, f"failures[{index}].event", problems),
            stage=problems.text(f"failures[{index}].stage", item.stage, MAX_NAME, required=True),
            error_type=problems.text(f"failures[{index}].error_type", item.error_type, MAX_NAME, required=True),
            message=problems.text(f"failures[{index}].message", item.message, MAX_TEXT),
            adapter_id=problems.text(f"failures[{index}].adapter_id", item.adapter_id, MAX_NAME),
        )
        for index, item in enumerate(request.failures)
    ]


def _reported_of(event: api.Event, field: str, problems: Problems) -> Incoming:
    """The event of a reported failure."""
    raw = body_of(event.payload, f"{field}.payload", problems)
    event_id = problems.text(f"{field}.event_id", event.event_id, MAX_EVENT_ID)
    if event.HasField("event_time"):
        return Incoming(raw, event_id, seconds_of(event.event_time, f"{field}.event_time", problems))
    return Incoming(raw, event_id)


def held(core: HeldEvent, *, masked: bool = False) -> api.QuarantinedEvent:
    """A held event as a message, its body as it is given."""
    return api.QuarantinedEvent(
        position=core.position,
        stream_id=core.stream_id,
        event_id=core.event_id,
        payload=payload(core.raw),
        reason=REASONS.numbers[core.reason],
        message=core.message,
        breaches=_breaches(core.breaches),
        stage=core.stage,
        incident_id=core.incident_id,
        state=STATES.numbers[core.state],
        arrive_time=timestamp(core.arrive_time),
        redrive_time=timestamp(core.redrive_time),
        masked=masked,
        # Nothing that is empty passes a gate: what left the quarantine had a body.
        erased=core.state is HeldState.REDRIVEN and not core.raw,
    )


def delivered(core: Delivery, *, preview_bytes: int = 0) -> api.DeliveredEvent:
    """A redriven event as a message."""
    changed = bool(core.original) and core.original != core.raw
    return api.DeliveredEvent(
        position=core.position,
        stream_id=core.stream_id,
        event_id=core.event_id,
        kind=_HEALED if core.adapter_id else _HEALTHY,
        payload=preview(core.raw, preview_bytes),
        original=preview(core.original, preview_bytes) if changed else None,
        adapter_id=core.adapter_id,
        adapter_revision=core.adapter_revision,
        redriven=True,
        time=timestamp(core.time),
    )


def recorded(core: RecordedEvent, *, preview_bytes: int = 0) -> api.DeliveredEvent:
    """A recent event as a message."""
    return api.DeliveredEvent(
        position=core.position,
        stream_id=core.stream_id,
        event_id=core.event_id,
        kind=KINDS.numbers[OutcomeKind(core.kind)],
        payload=preview(core.output or core.raw, preview_bytes),
        original=preview(core.raw, preview_bytes) if core.output else None,
        adapter_id=core.adapter_id,
        reason=REASONS.number(HeldReason(core.reason) if core.reason else None),
        message=core.message,
        time=timestamp(core.time),
    )


def trial(core: Trial) -> adapter_pb2.AdapterTrial:
    """What an adapter does to one event in a dry run."""
    return adapter_pb2.AdapterTrial(
        before=payload(core.before),
        after=payload(core.after) if core.after else None,
        kind=KINDS.numbers[core.kind],
        message=core.message,
    )
