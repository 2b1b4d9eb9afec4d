"""EventService over a real channel, without its watches."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import grpc
import msgspec
import pytest
from google.protobuf.struct_pb2 import Value

from cta.v1 import event_pb2, system_service_pb2
from cta.v1 import event_service_pb2 as service
from helpers.api import Api, refused
from helpers.payments import healthy, payment, raw, renamed

pytestmark = pytest.mark.asyncio(loop_scope="module")

Code = grpc.StatusCode
NewStream = Callable[..., Awaitable[str]]

SPACED = b'{ "id" : "x1",  "amount": 12.50, "currency":"EUR" }'


def request(stream_id: str, *payloads: event_pb2.Payload, **more: object) -> service.ProcessEventsRequest:
    """A request with events."""
    events = [event_pb2.Event(payload=payload) for payload in payloads]
    return service.ProcessEventsRequest(stream_id=stream_id, events=events, **more)  # type: ignore[arg-type]


async def test_healthy_events_come_back_byte_for_byte_in_their_form(api: Api, new_stream: NewStream) -> None:
    """Text stays text, bytes stay bytes, a Value comes as JSON; none is written anew."""
    stream_id = await new_stream()
    by_hand = Value()
    by_hand.struct_value.update({"id": "v", "amount": 3, "currency": "EUR"})
    answer = await api.events.ProcessEvents(
        request(
            stream_id,
            event_pb2.Payload(json=SPACED.decode()),
            event_pb2.Payload(data=SPACED),
            event_pb2.Payload(value=by_hand),
        )
    )
    assert [outcome.kind for outcome in answer.outcomes] == [event_pb2.OUTCOME_KIND_HEALTHY] * 3
    assert [outcome.payload.WhichOneof("body") for outcome in answer.outcomes] == ["json", "data", "json"]
    assert answer.outcomes[0].payload.json.encode() == SPACED
    assert answer.outcomes[1].payload.data == SPACED
    assert json.loads(answer.outcomes[2].payload.json) == {"id": "v", "amount": 3, "currency": "EUR"}
    assert len({outcome.event_id for outcome in answer.outcomes}) == 3


async def test_packed_bodies_come_back_byte_for_byte_in_order(api: Api, new_stream: NewStream) -> None:
    """The packed answer has a kind and a body for each, empty where one was held, and details of those only."""
    stream_id = await new_stream()
    bodies = [SPACED, renamed(1)[0], b"\xff\xfe", SPACED]
    answer = await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=bodies))
    healthy_, quarantined = event_pb2.OUTCOME_KIND_HEALTHY, event_pb2.OUTCOME_KIND_QUARANTINED
    assert list(answer.packed.kinds) == [healthy_, quarantined, quarantined, healthy_]
    assert list(answer.packed.bodies) == [SPACED, b"", b"", SPACED]
    assert [(detail.index, detail.reason) for detail in answer.packed.details] == [
        (1, event_pb2.QUARANTINE_REASON_CONTRACT),
        (2, event_pb2.QUARANTINE_REASON_MALFORMED),
    ]
    broken, malformed = answer.packed.details
    assert broken.path.startswith("/")
    assert not malformed.path
    assert not answer.outcomes


async def test_an_event_that_may_not_pass_is_held_before_the_answer(api: Api, new_stream: NewStream) -> None:
    """The outcome says why, with every rule that broke, and the quarantine has the event as it came."""
    stream_id = await new_stream()
    poison = [b"not json", b"[1]", b"\xff", b"[" * 10_000 + b"]" * 10_000, renamed(1)[0]]
    answer = await api.events.ProcessEvents(request(stream_id, *(event_pb2.Payload(data=body) for body in poison)))
    reasons = [event_pb2.QuarantineReason.Name(outcome.reason).rpartition("REASON_")[2] for outcome in answer.outcomes]
    assert reasons[0] == reasons[2] == "MALFORMED"
    assert reasons[1] == "NOT_AN_OBJECT"
    assert reasons[4] == "CONTRACT"
    assert all(not outcome.HasField("payload") for outcome in answer.outcomes)
    assert "/amount" in {breach.path for breach in answer.outcomes[4].breaches}
    held = await api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id))
    assert held.held_count == len(poison)
    kept = [event.payload.data or event.payload.json.encode() for event in held.events]
    assert kept == poison
    assert [event.state for event in held.events] == [event_pb2.QUARANTINE_STATE_HELD] * len(poison)


async def test_a_repeated_request_gets_the_same_outcomes_and_stores_nothing_twice(
    api: Api, new_stream: NewStream
) -> None:
    """The same id with the same content is a retry; with another content it is REQUEST_ID_REUSED."""
    stream_id = await new_stream()
    batch = service.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(3), request_id=f"r-{stream_id}")
    first = await api.events.ProcessEvents(batch)
    assert await api.events.ProcessEvents(batch) == first
    held = await api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id))
    assert held.held_count == 3
    batch.bodies.append(SPACED)
    refusal = await refused(api.events.ProcessEvents(batch))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_requests_that_break_the_rules_are_refused_whole(api: Api, new_stream: NewStream) -> None:
    """Both forms at once, too many events, too many bytes, unset bodies, long ids: all named, nothing stored."""
    stream_id = await new_stream(learned=0)
    both = request(stream_id, event_pb2.Payload(json="{}"))
    both.bodies.append(b"{}")
    assert set((await refused(api.events.ProcessEvents(both))).fields) == {"bodies"}
    many = service.ProcessEventsRequest(stream_id=stream_id, bodies=[b"{}"] * 1001)
    assert set((await refused(api.events.ProcessEvents(many))).fields) == {"bodies"}
    large = service.ProcessEventsRequest(stream_id=stream_id, bodies=[b"{}" + b" " * 2_000_000] * 2)
    assert "3145728 bytes" in (await refused(api.events.ProcessEvents(large))).fields["bodies"]
    wrong = request(stream_id, event_pb2.Payload(), event_pb2.Payload(json="{}"), request_id="r" * 65)
    wrong.events[1].event_id = "e" * 129
    refusal = await refused(api.events.ProcessEvents(wrong))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"events[0].payload", "events[1].event_id", "request_id"}
    held = await api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id))
    assert held.held_count == 0


async def test_one_event_larger_than_the_policy_allows_is_held(api: Api, new_stream: NewStream) -> None:
    """An event of six megabytes arrives and is quarantined as TOO_LARGE; the server stays up."""
    stream_id = await new_stream(learned=0)
    answer = await api.events.ProcessEvents(
        service.ProcessEventsRequest(stream_id=stream_id, bodies=[b'{"a":"' + b"x" * 6_000_000 + b'"}'])
    )
    assert answer.packed.details[0].reason == event_pb2.QUARANTINE_REASON_TOO_LARGE


async def test_bytes_that_are_no_message_are_an_error_with_a_reason(api: Api, new_stream: NewStream) -> None:
    """A `json` field that is not UTF-8 is FIELD_INVALID, and says to send it as `data`."""
    stream_id = await new_stream(learned=0)
    wire = request(stream_id, event_pb2.Payload(json="XX")).SerializeToString().replace(b"XX", b"\xff\xfe")
    call = api.channel.unary_unary("/cta.v1.EventService/ProcessEvents")
    refusal = await refused(call(wire))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert "data" in refusal.fields["request"]


async def test_an_unknown_stream_is_not_found(api: Api) -> None:
    """Every RPC that names a stream says STREAM_NOT_FOUND for one that is not there."""
    batch = service.ProcessEventsRequest(stream_id="nowhere", bodies=[b"{}"])
    failures = service.ReportFailuresRequest(
        stream_id="nowhere",
        failures=[
            service.FailureReport(
                event=event_pb2.Event(payload=event_pb2.Payload(json="{}")), stage="s", error_type="E"
            )
        ],
    )
    for call in (
        api.events.ProcessEvents(batch),
        api.events.ReportFailures(failures),
        api.events.ListEvents(service.ListEventsRequest(stream_id="nowhere")),
        api.events.RedriveQuarantined(service.RedriveQuarantinedRequest(stream_id="nowhere")),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")
        assert refusal.metadata == {"stream_id": "nowhere"}


async def test_a_full_quarantine_accepts_nothing_of_a_batch(api: Api, new_stream: NewStream) -> None:
    """QUARANTINE_FULL, and the healthy events of the batch were not accepted either."""
    stream_id = await new_stream(max_quarantined=2)
    await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(2)))
    batch = service.ProcessEventsRequest(stream_id=stream_id, bodies=[*healthy(1), *renamed(1, 20_000)])
    refusal = await refused(api.events.ProcessEvents(batch))
    assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "QUARANTINE_FULL")
    assert refusal.metadata == {"stream_id": stream_id, "limit": "2"}


async def test_failures_of_a_consumer_outside_join_the_quarantine(api: Api, new_stream: NewStream) -> None:
    """A reported event is held with its stage and error; a repeated report adds nothing."""
    stream_id = await new_stream()
    report = service.ReportFailuresRequest(
        stream_id=stream_id,
        request_id=f"f-{stream_id}",
        failures=[
            service.FailureReport(
                event=event_pb2.Event(payload=event_pb2.Payload(json=body.decode())),
                stage="Auditor",
                error_type="KeyError",
                message="'amount'",
            )
            for body in healthy(2)
        ],
    )
    assert (await api.events.ReportFailures(report)).accepted_count == 2
    assert (await api.events.ReportFailures(report)).accepted_count == 2
    held = await api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id))
    assert held.held_count == 2
    assert {(event.stage, event.reason) for event in held.events} == {
        ("Auditor", event_pb2.QUARANTINE_REASON_STAGE_FAILED)
    }
    report.failures[0].stage = ""
    report.failures[1].event.payload.Clear()
    refusal = await refused(api.events.ReportFailures(report))
    assert refusal.reason == "FIELD_INVALID"
    assert set(refusal.fields) == {"failures[0].stage", "failures[1].event.payload"}


async def test_a_walk_over_recent_events_shows_each_once_newest_first(api: Api, new_stream: NewStream) -> None:
    """Pages of recent events by kind; a token of other kinds is PAGE_TOKEN_MISMATCH."""
    stream_id = await new_stream()
    for number in range(5):
        event = event_pb2.Event(event_id=f"e{number}", payload=event_pb2.Payload(json=raw(payment(number)).decode()))
        await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, events=[event]))
    await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(1)))
    kinds = [event_pb2.OUTCOME_KIND_HEALTHY]
    seen: list[str] = []
    token = ""
    while True:
        page = await api.events.ListEvents(
            service.ListEventsRequest(stream_id=stream_id, kinds=kinds, page_size=2, page_token=token)
        )
        seen += [event.event_id for event in page.events]
        token = page.next_page_token or ""
        if not token:
            break
        first = token
    assert seen == ["e4", "e3", "e2", "e1", "e0"]
    refusal = await refused(api.events.ListEvents(service.ListEventsRequest(stream_id=stream_id, page_token=first)))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")


async def test_a_walk_over_the_quarantine_shows_each_once_in_order_of_arrival(api: Api, new_stream: NewStream) -> None:
    """Pages of held events; a token of another stream is PAGE_TOKEN_MISMATCH."""
    stream_id = await new_stream(open_after=1000)
    bodies = renamed(7)
    await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=bodies))
    seen: list[bytes] = []
    token = ""
    while True:
        page = await api.events.ListQuarantined(
            service.ListQuarantinedRequest(stream_id=stream_id, page_size=3, page_token=token)
        )
        assert page.held_count == 7
        seen += [event.payload.json.encode() for event in page.events]
        token = page.next_page_token
        if not token:
            break
        other = service.ListQuarantinedRequest(stream_id="nowhere", page_token=token)
        assert (await refused(api.events.ListQuarantined(other))).reason == "PAGE_TOKEN_MISMATCH"
    assert seen == bodies


async def test_a_dry_redrive_changes_nothing_and_the_kill_switch_stops_a_real_one(
    api: Api, new_stream: NewStream
) -> None:
    """Without an adapter everything stays held; engaged, only a dry run is answered."""
    stream_id = await new_stream(open_after=1000)
    await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(4)))
    redrive = service.RedriveQuarantinedRequest(stream_id=stream_id, dry_run=True)
    answer = await api.events.RedriveQuarantined(redrive)
    assert (answer.redriven_count, answer.held_count) == (0, 4)
    engage = system_service_pb2.SetKillSwitchRequest(engaged=True, actor="ann", comment="drill")
    await api.system.SetKillSwitch(engage)
    try:
        assert (await api.events.RedriveQuarantined(redrive)).held_count == 4
        redrive.dry_run = False
        refusal = await refused(api.events.RedriveQuarantined(redrive))
        assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "KILL_SWITCH_ENGAGED")
    finally:
        engage.engaged = False
        await api.system.SetKillSwitch(engage)
    assert (await api.events.RedriveQuarantined(redrive)).held_count == 4


async def test_events_through_stages_name_their_run(api: Api, new_stream: NewStream) -> None:
    """run_stages runs what passed; the answer has the run's id, and a stage's failure is an outcome."""
    stream_id = await new_stream(consumer="payments")
    bad = msgspec.json.encode({**payment(1), "currency": "EURO", "id": "bad"})
    answer = await api.events.ProcessEvents(
        service.ProcessEventsRequest(stream_id=stream_id, bodies=[raw(payment(2)), bad], run_stages=True)
    )
    assert answer.run_id.startswith("run_")
    assert answer.packed.details[0].reason == event_pb2.QUARANTINE_REASON_STAGE_FAILED
