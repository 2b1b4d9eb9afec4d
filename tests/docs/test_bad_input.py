"""The table of bad input in docs/operations.md is what a server answers, row by row."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from cta.v1 import adapter_pb2, adapter_service_pb2, event_service_pb2, incident_service_pb2, stream_service_pb2
from cta.v1.event_pb2 import Event, OutcomeKind, Payload, QuarantineReason
from cta.v1.stream_pb2 import Policy, Stream
from helpers.api import DETAILS_KEY, Api, refusal_of, serving
from helpers.server import ROOT

CONTRACT = '{"type": "object", "required": ["id"], "properties": {"amount": {"type": "number"}}}'
NONSENSE = "no token at all"
GOOD = b'{"id": "a1", "amount": 1}'
SMALL = 300_000
"""`max_event_bytes` of the test's streams; a hundred thousand pairs of brackets still fit."""

TABLE = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def rows() -> dict[str, str]:
    """Input and answer of every row."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    found = TABLE.findall(text.split("## Bad input", 1)[1].split("\n## ", 1)[0])
    return dict(found[2:])


class Desk(msgspec.Struct, frozen=True):
    """A server, and a stream of a row's own."""

    api: Api
    stream_id: str


async def process(desk: Desk, *events: Event, request_id: str = "", stream_id: str = "") -> Any:
    """The answer to a batch."""
    request = event_service_pb2.ProcessEventsRequest(
        stream_id=stream_id or desk.stream_id, events=events, request_id=request_id and desk.stream_id + request_id
    )
    return await desk.api.events.ProcessEvents(request)


def body(raw: bytes) -> Callable[[Desk], Awaitable[str]]:
    """What becomes of one event with this body."""

    async def outcome(desk: Desk) -> str:
        answer = await process(desk, Event(payload=Payload(data=raw)))
        (found,) = answer.outcomes
        kind = OutcomeKind.Name(found.kind).removeprefix("OUTCOME_KIND_")
        if kind == "HEALTHY":
            assert found.payload.data == raw
            return kind
        return f"{kind} {QuarantineReason.Name(found.reason).removeprefix('QUARANTINE_REASON_')}"

    return outcome


def call(make: Callable[[Desk], Awaitable[Any]]) -> Callable[[Desk], Awaitable[str]]:
    """How a call fails: code and reason, or the code alone where gRPC itself answers."""

    async def outcome(desk: Desk) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as found:
            await make(desk)
        code = found.value.code().name
        trailing = dict(found.value.trailing_metadata() or ())
        return f"{code} {refusal_of(found.value).reason}" if DETAILS_KEY in trailing else code

    return outcome


async def same_again(desk: Desk) -> str:
    """A batch, and the same again."""
    first = await process(desk, Event(payload=Payload(data=b"{}")), request_id="r1")
    again = await process(desk, Event(payload=Payload(data=b"{}")), request_id="r1")
    assert again == first
    return ""


async def other_again(desk: Desk) -> Any:
    """A batch, and another with its request id."""
    await process(desk, Event(payload=Payload(data=b"{}")), request_id="r1")
    await process(desk, Event(payload=Payload(data=GOOD)), request_id="r1")


async def held_again(desk: Desk) -> str:
    """A held event, and its id again."""
    for request_id in ("r1", "r2"):
        await process(desk, Event(event_id="e1", payload=Payload(data=b"{}")), request_id=request_id)
    held = await desk.api.events.ListQuarantined(event_service_pb2.ListQuarantinedRequest(stream_id=desk.stream_id))
    assert held.held_count == 1
    return ""


async def full(desk: Desk) -> None:
    """One held event more than the quarantine takes."""
    await process(desk, *[Event(payload=Payload(data=b"{}"))] * 21)


async def raw(desk: Desk, method: str, message: bytes) -> Any:
    """A call of bytes."""
    send: Any = desk.api.channel.unary_unary(f"/cta.v1.{method}")
    return await send(message)


async def first_message(watch: Any) -> Any:
    """Of a watch."""
    return await watch.read()


def create(contract: str) -> stream_service_pb2.CreateStreamRequest:
    """A stream with this contract."""
    return stream_service_pb2.CreateStreamRequest(stream=Stream(stream_id="other", contract_json=contract))


WRONG_STEP = adapter_pb2.Program(steps=[adapter_pb2.Step(rename=adapter_pb2.RenameStep(source="/a", target="/b/c"))])

INPUTS: dict[str, Callable[[Desk], Awaitable[str]]] = {
    "an event that is not JSON": body(b'{"id": '),
    "an event that is not UTF-8": body(b'{"id": "\xff"}'),
    "`NaN` for a number": body(b'{"id": 1, "amount": NaN}'),
    "JSON that is no object": body(b"[1, 2]"),
    "an event of more than `max_event_bytes`": body(b'{"id": "' + b"x" * SMALL + b'"}'),
    "an event that is nested deeper than `max_depth`": body(b'{"id": ' + b"[" * 200 + b"]" * 200 + b"}"),
    "an event that is nested 100,000 deep": body(b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "an event that breaks the contract": body(b'{"amount": 1}'),
    "a key that comes twice": body(b'{"id": "a1", "amount": "1", "amount": 2}'),
    "an integer of 30 digits": body(b'{"id": 123456789012345678901234567890}'),
    "an empty payload": body(b""),
    "more than 1000 events in a batch": call(lambda d: process(d, *[Event(payload=Payload(data=GOOD))] * 1001)),
    "an event id of 129 characters": call(lambda d: process(d, Event(event_id="e" * 129, payload=Payload(data=GOOD)))),
    "a message beyond `max_message_bytes`": call(
        lambda d: process(d, Event(payload=Payload(data=b"x" * (9 * 1024 * 1024))))
    ),
    "bytes that are no message": call(lambda d: raw(d, "EventService/ProcessEvents", b"\xff\xff\xff")),
    "a method that does not exist": call(lambda d: raw(d, "EventService/EatEvents", b"")),
    "an unknown stream": call(lambda d: process(d, Event(payload=Payload(data=GOOD)), stream_id="nowhere")),
    "a contract that is no JSON Schema": call(lambda d: d.api.streams.CreateStream(create('{"type": 7}'))),
    "an adapter with a wrong step": call(
        lambda d: d.api.adapters.CreateAdapter(
            adapter_service_pb2.CreateAdapterRequest(stream_id=d.stream_id, program=WRONG_STEP)
        )
    ),
    "a stale revision": call(
        lambda d: d.api.streams.UpdateStream(
            stream_service_pb2.UpdateStreamRequest(
                stream=Stream(stream_id=d.stream_id, description="d"),
                update_mask=FieldMask(paths=["description"]),
                expected_revision=99,
            )
        )
    ),
    "a request id again, same content": same_again,
    "a request id again, other content": call(other_again),
    "a held event's id again": held_again,
    "a page token of another list": call(
        lambda d: d.api.incidents.ListIncidents(incident_service_pb2.ListIncidentsRequest(page_token=NONSENSE))
    ),
    "a resume token that is none": call(
        lambda d: first_message(d.api.events.WatchEvents(event_service_pb2.WatchEventsRequest(resume_token=NONSENSE)))
    ),
    "one more held event than `max_quarantined`": call(full),
}
"""How each row's input is given."""


def test_every_row_has_its_input() -> None:
    """No row of the table is unproved, and no input is untold."""
    assert set(INPUTS) == set(rows())


async def test_bad_input_is_answered_as_told(tmp_path: Path) -> None:
    """The server answers bad input as the page says, and each stream goes on."""
    told = {name: " ".join(re.findall(r"`([A-Z_0-9]+)`", answer)) for name, answer in rows().items()}
    answered: dict[str, str] = {}
    policy = Policy(max_event_bytes=SMALL, max_quarantined=20)
    async with serving(tmp_path) as server:
        for number, name in enumerate(INPUTS):
            desk = Desk(server.api, f"row-{number}")
            stream = Stream(stream_id=desk.stream_id, contract_json=CONTRACT, policy=policy)
            await server.api.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
            answered[name] = await INPUTS[name](desk)
            after = await process(desk, Event(payload=Payload(data=GOOD)))
            assert after.outcomes[0].kind == OutcomeKind.OUTCOME_KIND_HEALTHY, name
    assert answered == told
