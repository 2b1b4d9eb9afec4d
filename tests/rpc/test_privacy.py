"""Masks over a real channel: what a stream masks is nowhere but where the event itself must be."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from cta.v1 import (
    adapter_pb2,
    adapter_service_pb2,
    analysis_service_pb2,
    canary_service_pb2,
    event_pb2,
    incident_pb2,
    incident_service_pb2,
    run_pb2,
    run_service_pb2,
    signature_service_pb2,
    stream_pb2,
    stream_service_pb2,
    system_service_pb2,
)
from cta.v1 import event_service_pb2 as service
from helpers.api import Api, Server, refused, serving
from helpers.loop import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

Event = dict[str, Any]
_numbers = itertools.count()

CONTRACT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "card": {"type": "string", "pattern": "^[0-9]{16}$"},
        "holder": {"type": "string"},
        "amount": {"type": "number"},
        "state": {"type": "string", "enum": ["PAID", "OPEN", "VOID"]},
    },
    "required": ["id", "card", "amount", "state"],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store's folder."""
    return tmp_path_factory.mktemp("privacy")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(store: Path) -> AsyncIterator[Server]:
    """A server over it."""
    async with serving(store) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Api:
    """Its stubs."""
    return server.api


def payments(count: int, seed: int) -> list[Event]:
    """Payments with a card and a holder, no card twice."""
    rng = random.Random(seed)
    names = [f"{first}{last}" for first in ("Ada", "Grace", "Emmy") for last in (" Byron", " Hopper", " Noether")]
    return [
        {
            "id": f"pay-{seed}-{number}",
            "card": f"4{rng.randrange(10**14, 10**15)}",
            "holder": f"{rng.choice(names)} {rng.randrange(100, 999)}",
            "amount": round(rng.lognormvariate(4, 1), 2),
            "state": rng.choice(["PAID", "OPEN", "VOID"]),
        }
        for number in range(count)
    ]


def masks() -> list[stream_pb2.Mask]:
    """Card and holder."""
    return [
        stream_pb2.Mask(path="/card", method=stream_pb2.MASK_METHOD_HASH),
        stream_pb2.Mask(path="/holder", method=stream_pb2.MASK_METHOD_HASH),
    ]


async def make(api: Api, healthy: Iterable[Event] = (), **more: Any) -> str:
    """A stream that masks both, with a baseline."""
    stream_id = f"cards-{next(_numbers)}"
    policy = stream_pb2.Policy(**more)
    policy.bake.FromMilliseconds(50)
    policy.analysis_wait.FromMilliseconds(100)
    wanted = stream_pb2.Stream(stream_id=stream_id, contract_json=json.dumps(CONTRACT), policy=policy, masks=masks())
    await api.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=wanted))
    events = [event_pb2.Payload(json=json.dumps(event)) for event in healthy]
    if events:
        await api.streams.LearnBaseline(stream_service_pb2.LearnBaselineRequest(stream_id=stream_id, events=events))
    return stream_id


async def send(api: Api, stream_id: str, bodies: Iterable[bytes]) -> service.ProcessEventsResponse:
    """Drives events through the gate."""
    return await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=list(bodies)))


async def everything(api: Api, stream_id: str) -> list[Message]:
    """Answers of every RPC that shows something of a stream, but deliveries and answers of ProcessEvents."""
    found: list[Message] = [
        await api.streams.GetStream(stream_service_pb2.GetStreamRequest(stream_id=stream_id)),
        await api.streams.GetProfile(stream_service_pb2.GetProfileRequest(stream_id=stream_id)),
        await api.events.ListEvents(service.ListEventsRequest(stream_id=stream_id, page_size=1000)),
        await api.incidents.ListIncidents(incident_service_pb2.ListIncidentsRequest(stream_id=stream_id)),
        await api.adapters.ListAdapters(adapter_service_pb2.ListAdaptersRequest(stream_id=stream_id)),
        await api.canaries.ListCanaries(canary_service_pb2.ListCanariesRequest(stream_id=stream_id)),
        await api.signatures.ListSignatures(signature_service_pb2.ListSignaturesRequest(stream_id=stream_id)),
        await api.system.ListDecisions(system_service_pb2.ListDecisionsRequest(stream_id=stream_id)),
        await api.adapters.TestAdapter(
            adapter_service_pb2.TestAdapterRequest(
                stream_id=stream_id,
                program=adapter_pb2.Program(steps=[adapter_pb2.Step(drop=adapter_pb2.DropStep(path="/nothing"))]),
            )
        ),
    ]
    for state in (event_pb2.QUARANTINE_STATE_HELD, event_pb2.QUARANTINE_STATE_REDRIVEN):
        asked = service.ListQuarantinedRequest(stream_id=stream_id, state=state, page_size=1000)
        found.append(await api.events.ListQuarantined(asked))
    reports = await api.analysis.ListReports(analysis_service_pb2.ListReportsRequest(stream_id=stream_id))
    for report in reports.reports:
        asked_for = analysis_service_pb2.GetReportRequest(report_id=report.report_id)
        found.append(await api.analysis.GetReport(asked_for))
    runs = await api.runs.ListRuns(run_service_pb2.ListRunsRequest(stream_id=stream_id))
    found += [await api.runs.GetRun(run_service_pb2.GetRunRequest(run_id=run.run_id)) for run in runs.runs]
    return found


def secrets_of(events: Iterable[Event]) -> set[str]:
    """What must not be seen: whole values, and the number of a card without its first four digits."""
    return {text for event in events for text in (event["card"], event["card"][4:], event["holder"])}


def leaks(haystack: bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets in it."""
    return [secret for secret in secrets if secret.encode() in haystack]


def _renamed(old: str, new: str) -> Callable[[Event], Any]:
    return lambda event: {(new if key == old else key): value for key, value in event.items()}


def _without(event: Event, *names: str) -> Event:
    return {key: value for key, value in event.items() if key not in names}


DRIFTS: dict[str, Callable[[Event], Any]] = {
    "renamed": _renamed("card", "cc"),
    "both renamed": lambda event: _renamed("holder", "who")(_renamed("card", "cc")(event)),
    "moved": lambda event: {**_without(event, "card"), "payment": {"means": {"card": event["card"]}}},
    "in an array": lambda event: {**_without(event, "card"), "cards": [{"number": event["card"]}]},
    "wrapped": lambda event: {**event, "card": [event["card"]]},
    "as a number": lambda event: {**event, "card": int(event["card"])},
    "with dashes": lambda event: {**event, "card": f"no. {event['card']}"},
    "joined": lambda event: {**_without(event, "card", "holder"), "who": f"{event['holder']}/{event['card']}"},
    "copied": lambda event: {**event, "copy": event["card"], "state": "NEW"},
    "as JSON text": lambda event: {**_without(event, "card"), "payment": json.dumps({"card": event["card"]})},
    "in the place of an object": lambda event: {**_without(event, "card"), "id": {"card": event["card"]}},
    "no object": lambda event: [event["card"], event["holder"]],
}


@pytest.mark.parametrize("name", DRIFTS)
async def test_a_masked_value_is_seen_nowhere_whatever_became_of_its_field(
    api: Api, store: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """No answer, no line of the log and no byte of the archive has it, under its own name or any other."""
    healthy, drifted = payments(200, 1), payments(40, 2)
    stream_id = await make(api, healthy)
    secrets = secrets_of([*healthy, *drifted])
    tail = api.events.WatchEvents(
        service.WatchEventsRequest(stream_id=stream_id, view=service.EVENT_VIEW_TAIL, max_rate=1000)
    )
    shown = [await tail.read()]
    await send(api, stream_id, [json.dumps(event).encode() for event in healthy[:50]])
    bodies = [json.dumps(DRIFTS[name](event)).encode() for event in drifted]
    await send(api, stream_id, [*bodies, *(body[:-1] for body in bodies[:5])])
    await api.events.ReportFailures(
        service.ReportFailuresRequest(
            stream_id=stream_id,
            failures=[
                service.FailureReport(
                    event=event_pb2.Event(payload=event_pb2.Payload(json=json.dumps(event))),
                    stage="charge",
                    error_type="ValueError",
                    message=f"card {event['card']} of {event['holder']} was refused",
                )
                for event in drifted[:6]
            ],
        )
    )
    await api.runs.RecordRun(
        run_service_pb2.RecordRunRequest(
            run=run_pb2.Run(
                stream_id=stream_id,
                event_count=1,
                failed_count=1,
                trace=[
                    run_pb2.TraceEvent(
                        kind=run_pb2.TRACE_KIND_ERROR,
                        stage="charge",
                        error_type="ValueError",
                        message=f"card {drifted[0]['card']}",
                        input_json=json.dumps(drifted[0]),
                        output_json=bodies[0].decode(),
                        stacktrace=f"charge({drifted[0]['card']})",
                        attributes_json=json.dumps({"card": drifted[0]["card"]}),
                    )
                ],
            )
        )
    )

    async def settled() -> list[int]:
        listed = await api.incidents.ListIncidents(incident_service_pb2.ListIncidentsRequest(stream_id=stream_id))
        return [incident.state for incident in listed.incidents]

    waiting = {incident_pb2.INCIDENT_STATE_DETECTED, incident_pb2.INCIDENT_STATE_ANALYZING}
    await eventually(settled, lambda states: bool(states) and not waiting & set(states))
    shown += [await tail.read()]
    tail.cancel()
    for answer in [*shown, *await everything(api, stream_id)]:
        assert not leaks(answer.SerializeToString(), secrets), answer
    captured = capsys.readouterr()
    assert not leaks((captured.out + captured.err).encode(), secrets)
    for file in ("archive.db", "archive.db-wal"):
        assert not leaks((store / file).read_bytes(), secrets)


async def test_a_heal_found_on_masked_copies_delivers_the_events_themselves(api: Api) -> None:
    """After the drift of a masked field is healed, every event leaves whole, with what was masked as it was sent."""
    healthy, drifted = payments(300, 3), payments(320, 4)
    stream_id = await make(api, healthy)
    rename = _renamed("card", "cardNumber")
    await send(api, stream_id, [json.dumps(rename(event)).encode() for event in drifted])
    log = api.events.WatchEvents(service.WatchEventsRequest(stream_id=stream_id))
    delivered: list[event_pb2.DeliveredEvent] = []
    while len(delivered) < len(drifted):
        delivered += (await log.read()).events
    log.cancel()
    assert [json.loads(event.payload.json) for event in delivered] == drifted
    answer = await send(api, stream_id, [json.dumps(rename(drifted[0])).encode()])
    assert json.loads(answer.packed.bodies[0]) == drifted[0]
    await send(api, stream_id, [json.dumps(healthy[0]).encode()])
    for message in await everything(api, stream_id):
        assert not leaks(message.SerializeToString(), secrets_of([*healthy, *drifted]))


async def test_held_events_are_shown_whole_to_who_asks_by_name_only(api: Api) -> None:
    """A masked copy says that it is one; the event itself needs an actor, and the log of decisions tells of it."""
    healthy, drifted = payments(200, 5), payments(3, 6)
    stream_id = await make(api, healthy)
    await send(api, stream_id, [json.dumps(_renamed("card", "cc")(event)).encode() for event in drifted])
    masked = await api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id))
    assert [event.masked for event in masked.events] == [True] * 3
    error = await refused(api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id, raw=True)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(error.fields) == {"actor"}
    whole = await api.events.ListQuarantined(service.ListQuarantinedRequest(stream_id=stream_id, raw=True, actor="ada"))
    assert [json.loads(event.payload.json)["cc"] for event in whole.events] == [event["card"] for event in drifted]
    assert not any(event.masked for event in whole.events)
    decisions = await api.system.ListDecisions(system_service_pb2.ListDecisionsRequest(stream_id=stream_id))
    assert (decisions.decisions[0].action, decisions.decisions[0].actor) == ("see_held", "ada")


async def test_the_log_of_decisions_counts_what_was_shown(api: Api) -> None:
    """A page records as many bare events as it holds, not as many as were read for it."""
    stream_id = await make(api, payments(200, 5))
    held = [json.dumps(_renamed("card", "cc")(event)).encode() for event in payments(3, 6)]
    await send(api, stream_id, held)
    request = service.ListQuarantinedRequest(stream_id=stream_id, raw=True, actor="ada", page_size=2)
    request.page_token = (await api.events.ListQuarantined(request)).next_page_token
    assert len((await api.events.ListQuarantined(request)).events) == 1
    decisions = await api.system.ListDecisions(system_service_pb2.ListDecisionsRequest(stream_id=stream_id))
    seen = [each.why for each in reversed(decisions.decisions) if each.action == "see_held"]
    assert seen == ["2 held events were shown unmasked", "1 held event was shown unmasked"]


async def test_masks_and_ages_come_back_as_they_were_given(api: Api) -> None:
    """CreateStream and UpdateStream carry them, and an update that names one changes only that."""
    stream_id = await make(api)
    wanted = stream_pb2.Stream(stream_id=stream_id)
    wanted.masks.add(path="/note", method=stream_pb2.MASK_METHOD_DROP)
    wanted.policy.keep_events.FromSeconds(7 * 86400)
    request = stream_service_pb2.UpdateStreamRequest(stream=wanted)
    request.update_mask.paths.append("policy.keep_events")
    changed = (await api.streams.UpdateStream(request)).stream
    assert changed.policy.keep_events.ToSeconds() == 7 * 86400
    assert [mask.path for mask in changed.masks] == ["/card", "/holder"]
    del request.update_mask.paths[:]
    request.update_mask.paths.append("masks")
    changed = (await api.streams.UpdateStream(request)).stream
    assert [(mask.path, mask.method) for mask in changed.masks] == [("/note", stream_pb2.MASK_METHOD_DROP)]


async def test_a_hash_of_listed_values_is_refused_with_the_remedy(api: Api) -> None:
    """The error names the mask, the field and DROP; nothing is created."""
    wanted = stream_pb2.Stream(stream_id="listed", contract_json=json.dumps(CONTRACT))
    wanted.masks.add(path="/state", method=stream_pb2.MASK_METHOD_HASH)
    error = await refused(api.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=wanted)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert "DROP" in error.fields["stream.masks[0].method"]
    assert "/state" in error.fields["stream.masks[0].method"]


async def test_a_reader_that_is_older_than_the_log_is_told_so(api: Api, server: Server) -> None:
    """Deliveries that went by age before a reader saw them end its watch with the position that is left; an empty token
    starts there.
    """
    healthy, drifted = payments(300, 7), payments(320, 8)
    stream_id = await make(api, healthy)
    watch = api.events.WatchEvents(service.WatchEventsRequest(stream_id=stream_id))
    token = (await watch.read()).resume_token
    watch.cancel()
    rename = _renamed("card", "cardNumber")
    await send(api, stream_id, [json.dumps(rename(event)).encode() for event in drifted])
    journal = server.runtime.storage.journal

    async def left() -> int:
        return len(await server.runtime.storage.journaled(journal.list_deliveries, stream_id=stream_id))

    await eventually(left, lambda count: count == len(drifted))
    wanted = stream_pb2.Stream(stream_id=stream_id)
    wanted.policy.keep_delivered.FromMilliseconds(1)
    request = stream_service_pb2.UpdateStreamRequest(stream=wanted)
    request.update_mask.paths.append("policy.keep_delivered")
    await api.streams.UpdateStream(request)
    await server.runtime.janitor.turn()
    assert await left() == 0
    late = api.events.WatchEvents(service.WatchEventsRequest(stream_id=stream_id, resume_token=token))
    error = await refused(late.read())
    assert (error.code, error.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
    assert int(error.metadata["oldest"]) > 1
    anew = api.events.WatchEvents(service.WatchEventsRequest(stream_id=stream_id))
    assert not (await anew.read()).events
    anew.cancel()
    redriven = await api.events.ListQuarantined(
        service.ListQuarantinedRequest(stream_id=stream_id, state=event_pb2.QUARANTINE_STATE_REDRIVEN, page_size=1000)
    )
    assert len(redriven.events) == len(drifted)
    assert all(event.erased and not event.payload.json for event in redriven.events)
