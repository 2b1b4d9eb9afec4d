"""Watches over broken connections, against a gRPC server that plays a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from cta.v1 import event_service_pb2_grpc, incident_service_pb2_grpc
from cta.v1.event_pb2 import DeliveredEvent
from cta.v1.event_service_pb2 import WatchEventsRequest, WatchEventsResponse
from cta.v1.incident_pb2 import Incident
from cta.v1.incident_service_pb2 import IncidentChanges, WatchIncidentsRequest, WatchIncidentsResponse
from cta.v1.watch_pb2 import Checkpoint, SnapshotEnd, SnapshotStart
from cta_client import watches
from cta_client.channel import Client, connect
from cta_client.errors import Invalid, Unreachable

Message = WatchIncidentsResponse


def start(token: str = "t0") -> Message:  # noqa: S107 - a resume token
    """A snapshot begins."""
    return Message(resume_token=token, revision=1, snapshot_start=SnapshotStart())


def end(revision: int, token: str) -> Message:
    """The snapshot ends."""
    return Message(resume_token=token, revision=revision, snapshot_end=SnapshotEnd())


def changed(revision: int, token: str, **incidents: int) -> Message:
    """Incidents by id and revision."""
    found = [Incident(incident_id=key, revision=number) for key, number in incidents.items()]
    return Message(resume_token=token, revision=revision, changes=IncidentChanges(incidents=found))


def checkpoint(revision: int, token: str) -> Message:
    """Nothing new."""
    return Message(resume_token=token, revision=revision, checkpoint=Checkpoint())


Ending = Callable[[grpc.aio.ServicerContext], Awaitable[None]]


async def drained(context: grpc.aio.ServicerContext) -> None:
    """Ends a watch as a stopping server does."""
    await abort(context, grpc.StatusCode.UNAVAILABLE, "DRAINING")


async def refused(context: grpc.aio.ServicerContext) -> None:
    """Ends a watch with what no new try mends."""
    await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def silent(context: grpc.aio.ServicerContext) -> None:
    """Says nothing any more, as a frozen server does."""
    del context
    await asyncio.Event().wait()


async def abort(context: grpc.aio.ServicerContext, code: grpc.StatusCode, reason: str) -> None:
    """An error of the API."""
    status = status_pb2.Status(code=code.value[0], message=reason.lower())
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="cta-act"))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(code, reason.lower())


class Script(incident_service_pb2_grpc.IncidentServiceServicer):
    """Plays one part a call: messages, then an ending; remembers the tokens it was asked with."""

    def __init__(self, *parts: tuple[Sequence[Message], Ending]) -> None:
        self.parts, self.tokens, self.peers = list(parts), list[str](), list[str]()

    async def WatchIncidents(  # noqa: N802 - the contract's name
        self, request: WatchIncidentsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Message]:
        """The next part."""
        self.tokens.append(request.resume_token)
        self.peers.append(context.peer())
        messages, ending = self.parts.pop(0)
        for message in messages:
            yield message
        await ending(context)


class Log(event_service_pb2_grpc.EventServiceServicer):
    """A log of deliveries that breaks once and repeats itself."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def WatchEvents(  # noqa: N802 - the contract's name
        self, request: WatchEventsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[WatchEventsResponse]:
        """Positions 1 and 2, a break, then 2 and 3."""
        self.tokens.append(request.resume_token)
        first = len(self.tokens) == 1
        for position in (1, 2) if first else (2, 3):
            yield WatchEventsResponse(
                resume_token=f"p{position}", events=[DeliveredEvent(position=position, event_id=f"e{position}")]
            )
        if first:
            await drained(context)
        await silent(context)


@contextlib.asynccontextmanager
async def serving(add: Callable[[grpc.aio.Server], None]) -> AsyncIterator[Client]:
    """A client of a server that `add` fills."""
    server = grpc.aio.server()
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connect(f"127.0.0.1:{port}") as client:
            yield client
    finally:
        await server.stop(0)


def playing(script: Script) -> Callable[[grpc.aio.Server], None]:
    """Puts a script on a server."""
    return lambda server: incident_service_pb2_grpc.add_IncidentServiceServicer_to_server(script, server)


async def gather(
    client: Client, until: int, patience: float = 5.0
) -> tuple[list[watches.News[Incident]], list[watches.Stale]]:
    """What a watch brings until its revision is reached."""
    news, stale = list[watches.News[Incident]](), list[watches.Stale]()
    watch = watches.incidents(client, patience=patience)
    async for found in watch:
        if isinstance(found, watches.Stale):
            stale.append(found)
            continue
        news.append(found)
        if found.revision >= until:
            break
    await watch.aclose()
    return news, stale


def told(news: Sequence[watches.News[Incident]]) -> list[tuple[str, int]]:
    """Every entry in order."""
    return [(each.incident_id, each.revision) for found in news for each in found.entries]


async def test_a_watch_resumes_by_token_on_a_new_channel() -> None:
    """After a break the reader goes on from the last token, over a connection of its own."""
    script = Script(
        ([start(), changed(4, "t1", a=4), end(4, "t1"), changed(5, "t2", b=5)], drained),
        ([changed(9, "t9", a=9)], silent),
    )
    async with serving(playing(script)) as client:
        news, stale = await gather(client, 9)
    assert script.tokens == ["", "t2"]
    assert script.peers[0] != script.peers[1]
    assert told(news) == [("a", 4), ("b", 5), ("a", 9)]
    assert len(stale) == 1
    assert "draining" in stale[0].why


async def test_a_known_revision_is_told_once() -> None:
    """What is repeated after a break is not told again."""
    script = Script(
        ([start(), changed(4, "t1", a=4), end(4, "t1")], drained),
        ([changed(4, "t1", a=4), changed(6, "t6", a=4, c=6)], silent),
    )
    async with serving(playing(script)) as client:
        news, _stale = await gather(client, 6)
    assert told(news) == [("a", 4), ("c", 6)]


async def test_a_new_snapshot_tells_what_is_gone() -> None:
    """What a snapshot no longer lists is gone, and what it repeats is not news."""
    script = Script(
        ([start(), changed(4, "t1", a=3, b=4), end(4, "t1")], drained),
        ([start("t5"), changed(7, "t5", b=4, c=7), end(7, "t7"), checkpoint(8, "t8")], silent),
    )
    async with serving(playing(script)) as client:
        news, _stale = await gather(client, 8)
    assert told(news) == [("a", 3), ("b", 4), ("c", 7)]
    assert [gone for found in news for gone in found.gone] == ["a"]
    assert [found.current for found in news] == [False, False, True, False, False, True, True]


async def test_a_frozen_server_is_noticed() -> None:
    """Silence beyond the patience counts as a broken connection, and is told as staleness."""
    script = Script(([start(), end(2, "t2")], silent), ([checkpoint(3, "t3")], silent))
    async with serving(playing(script)) as client:
        _news, stale = await gather(client, 3, patience=0.2)
    assert len(stale) == 1
    assert stale[0].seconds >= 0.2
    assert "silent" in stale[0].why
    assert script.tokens == ["", "t2"]


async def test_what_no_try_mends_is_raised() -> None:
    """A refused request ends the watch with its error."""
    async with serving(playing(Script(([], refused)))) as client:
        with pytest.raises(Invalid):
            await gather(client, 1)


async def test_no_server_at_the_start_is_told_at_once() -> None:
    """Where nothing answers from the beginning, the caller hears it instead of waiting."""
    async with connect("127.0.0.1:1") as client:
        with pytest.raises(Unreachable):
            await gather(client, 1)


async def test_an_insisting_watch_waits_for_a_server() -> None:
    """A reader who insists is told that the picture is stale, again and again."""
    async with connect("127.0.0.1:1") as client:
        watch = watches.incidents(client, insist=True)
        first, second = await anext(watch), await anext(watch)
        await watch.aclose()
    assert isinstance(first, watches.Stale)
    assert isinstance(second, watches.Stale)
    assert second.seconds > first.seconds


async def test_the_log_is_read_exactly_once() -> None:
    """Deliveries that come again after a break are dropped."""
    log = Log()
    found = list[str]()
    async with serving(lambda server: event_service_pb2_grpc.add_EventServiceServicer_to_server(log, server)) as client:
        reader = watches.deliveries(client)
        async for news in reader:
            if isinstance(news, watches.Delivery):
                found += [event.event_id for event in news.events]
            if found[-1:] == ["e3"]:
                break
        await reader.aclose()
    assert found == ["e1", "e2", "e3"]
    assert log.tokens == ["", "p2"]


async def test_a_replaced_channel_lets_its_calls_end() -> None:
    """Renewing twice for one break makes one new channel."""
    async with serving(playing(Script(([start()], silent)))) as client:
        seen = client.wire.generation
        client.wire.renew(seen)
        client.wire.renew(seen)
        assert client.wire.generation == seen + 1
