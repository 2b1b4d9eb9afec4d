"""The promises of WatchEvents: the log exactly once and in order, the tail sampled, both at their pace."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from cta.v1 import event_pb2
from cta.v1 import event_service_pb2 as service
from helpers.api import Api, refused, serving
from helpers.payments import expected, healthy, renamed
from helpers.watching import in_force, so_many, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NewStream = Callable[..., Awaitable[str]]


def watch(api: Api, stream_id: str = "", *, token: str = "", **more: Any) -> Any:
    """An open watch with a message every 100 ms at least."""
    request = service.WatchEventsRequest(stream_id=stream_id, resume_token=token, **more)
    request.checkpoint_interval.FromMilliseconds(100)
    return api.events.WatchEvents(request)


def tail(api: Api, stream_id: str = "", **more: Any) -> Any:
    """An open tail."""
    return watch(api, stream_id, view=service.EVENT_VIEW_TAIL, **more)


async def send(api: Api, stream_id: str, bodies: list[bytes]) -> None:
    """Drives bodies through the gate."""
    await api.events.ProcessEvents(service.ProcessEventsRequest(stream_id=stream_id, bodies=bodies))


async def redriven(api: Api, new_stream: NewStream, count: int) -> str:
    """A stream in whose quarantine so many events were, and were healed."""
    stream_id = await new_stream(open_after=1_000_000)
    for start in range(0, count, 500):
        await send(api, stream_id, renamed(min(500, count - start), 10_000 + start))
    await in_force(api, stream_id)
    return stream_id


async def read(call: Any, count: int) -> list[Any]:
    """Messages until so many events have come."""
    seen: list[Any] = []
    while sum(len(message.events) for message in seen) < count:
        seen += await so_many(call, 1)
    return seen


def bodies(messages: list[Any]) -> list[bytes]:
    """The bodies in messages."""
    return [event.payload.json.encode() for message in messages for event in message.events]


async def test_every_redriven_event_comes_once_and_in_order(api: Api, new_stream: NewStream) -> None:
    """The log has what left the quarantine, healed, with its original, its adapter and rising positions."""
    stream_id = await redriven(api, new_stream, 700)
    call = watch(api, stream_id)
    seen = await read(call, 700)
    assert [json.loads(body) for body in bodies(seen)] == expected(700)
    events = [event for message in seen for event in message.events]
    positions = [event.position for event in events]
    assert positions == sorted(set(positions))
    assert all(event.redriven and event.kind == event_pb2.OUTCOME_KIND_HEALED for event in events)
    assert [event.original.json.encode() for event in events] == renamed(700)
    assert len({event.adapter_id for event in events}) == 1
    assert all(not message.events for message in await so_many(call, 3))


async def test_the_log_resumes_after_any_message(api: Api, new_stream: NewStream) -> None:
    """Whatever token a reader comes back with, it gets exactly the rest."""
    stream_id = await redriven(api, new_stream, 120)
    seen = await read(watch(api, stream_id), 120)
    for index, message in enumerate(seen):
        rest = seen[index + 1 :]
        count = sum(len(later.events) for later in rest)
        again = await read(watch(api, stream_id, token=message.resume_token), count)
        assert bodies(again) == bodies(rest)


async def test_the_log_resumes_across_a_restart_of_the_server(tmp_path: Path) -> None:
    """A token that the server gave before it stopped resumes on the one that opens the same store."""
    from cta.v1 import stream_pb2, stream_service_pb2

    async with serving(tmp_path) as first:
        create = stream_service_pb2.CreateStreamRequest(
            stream=stream_pb2.Stream(
                stream_id="s", contract_json='{"required":["amount"]}', policy=stream_pb2.Policy(open_after=1_000_000)
            )
        )
        await first.api.streams.CreateStream(create)
        await send(first.api, "s", renamed(40))
        await in_force(first.api, "s")
        token = (await read(watch(first.api, "s"), 40))[-1].resume_token
    async with serving(tmp_path) as second:
        await send(second.api, "s", [b'{"x":1}'])
        (message,) = await so_many(watch(second.api, "s", token=token), 1)
        assert not message.events
        assert len(bodies(await read(watch(second.api, "s"), 40))) == 40


async def test_the_log_of_one_stream_leaves_out_the_others(api: Api, new_stream: NewStream) -> None:
    """A reader of one stream is not told of another's deliveries; a reader of all is."""
    one, two = await redriven(api, new_stream, 3), await redriven(api, new_stream, 3)
    assert {event.stream_id for message in await read(watch(api, one), 3) for event in message.events} == {one}
    streams: set[str] = set()
    call = watch(api)
    while not {one, two} <= streams:
        streams |= {event.stream_id for event in (await call.read()).events}


async def test_messages_come_at_most_every_50_ms_and_without_news_all_the_same(api: Api, new_stream: NewStream) -> None:
    """The server's time moves by 50 ms or more from message to message, with news and without."""
    stream_id = await redriven(api, new_stream, 300)
    call = watch(api, stream_id)
    seen = [*await read(call, 300), *await so_many(call, 3)]
    times = [message.server_time.ToMicroseconds() for message in seen]
    # The clock of the wall and that of the loop may differ by a tick.
    assert all(later - earlier >= 49_000 for earlier, later in itertools.pairwise(times))
    assert all(message.resume_token for message in seen)


async def test_the_tail_shows_what_passes_and_counts_what_it_leaves_out(api: Api, new_stream: NewStream) -> None:
    """Shown and left out together are what passed; the counts of the stream stand in every message."""
    stream_id = await new_stream()
    call = tail(api, stream_id, max_rate=40)
    await so_many(call, 1)
    await send(api, stream_id, healthy(100, 3_000))
    shown = left_out = 0
    while shown + left_out < 100:
        message = await call.read()
        shown += len(message.events)
        left_out += message.left_out_count
    assert 0 < shown < 100
    assert shown + left_out == 100
    assert (message.event_count, message.healthy_count, message.quarantined_count) == (100, 100, 0)


async def test_the_tail_shows_only_the_kinds_that_were_asked_for(api: Api, new_stream: NewStream) -> None:
    """A reader of quarantined events sees why they were held, and no healthy one."""
    stream_id = await new_stream()
    call = tail(api, stream_id, kinds=[event_pb2.OUTCOME_KIND_QUARANTINED])
    await so_many(call, 1)
    await send(api, stream_id, [*healthy(5), *renamed(1), *healthy(5)])
    message = (await until(call, lambda message: bool(message.events)))[-1]
    (event,) = message.events
    assert (event.kind, event.reason) == (event_pb2.OUTCOME_KIND_QUARANTINED, event_pb2.QUARANTINE_REASON_CONTRACT)


async def test_payloads_are_cut_to_the_readers_preview(api: Api, new_stream: NewStream) -> None:
    """The tail and the log cut to the bytes that the reader names."""
    stream_id = await redriven(api, new_stream, 1)
    (event,) = (await read(watch(api, stream_id, preview_bytes=10), 1))[-1].events
    assert (len(event.payload.json), len(event.original.json)) == (10, 10)
    call = tail(api, stream_id, preview_bytes=7)
    await so_many(call, 1)
    await send(api, stream_id, healthy(1))
    (event,) = (await until(call, lambda message: bool(message.events)))[-1].events
    assert event.payload.json == healthy(1)[0].decode()[:7]


async def test_what_a_reader_may_not_ask_is_named(api: Api) -> None:
    """Rate, preview, kinds and token are checked together."""
    call = watch(api, max_rate=-1, preview_bytes=-1, kinds=[99], token="%%%")  # noqa: S106
    refusal = await refused(call.read())
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"max_rate", "preview_bytes", "kinds[0]", "resume_token"}
