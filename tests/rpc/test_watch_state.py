"""The guarantees of WatchAdapters and WatchIncidents, one test each, by their names in the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from cta.v1 import adapter_service_pb2 as adapters
from cta.v1 import event_service_pb2 as events
from cta.v1 import incident_pb2
from cta.v1 import incident_service_pb2 as incidents
from cta.v1 import stream_service_pb2 as streams
from cta_server.rpc import watch as module
from helpers.api import Api, Server, payments, refused, serving
from helpers.payments import renamed
from helpers.watching import arm, in_force, proposed, so_many, taken_back, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NewStream = Callable[..., Awaitable[str]]

NONSENSE = "no token"


def watch(api: Api, *stream_ids: str, token: str = "") -> Any:
    """An open watch of adapters, with a checkpoint every 100 ms."""
    request = adapters.WatchAdaptersRequest(stream_ids=stream_ids, resume_token=token)
    request.checkpoint_interval.FromMilliseconds(100)
    return api.adapters.WatchAdapters(request)


def ids(message: Any) -> set[str]:
    """Adapters in a message of changes."""
    return {adapter.adapter_id for adapter in message.changes.adapters}


async def test_a_watch_begins_with_a_snapshot_of_what_is_in_force(api: Api, new_stream: NewStream) -> None:
    """snapshot_start, the adapters in force, snapshot_end; proposed ones and other streams' are not among them."""
    stream_id, other = await new_stream(), await new_stream()
    active = await in_force(api, stream_id)
    await proposed(api, stream_id, "/other")
    await in_force(api, other)
    seen = await until(watch(api, stream_id), lambda message: arm(message) == "snapshot_end")
    assert [arm(message) for message in seen] == ["snapshot_start", "changes", "snapshot_end"]
    assert ids(seen[1]) == {active.adapter_id}
    assert seen[1].changes.adapters[0].program == active.program
    assert all(message.resume_token for message in seen)
    assert seen[-1].revision >= active.revision


async def test_ordered(api: Api, new_stream: NewStream) -> None:
    """Revisions never fall from message to message, whatever changes."""
    stream_id = await new_stream()
    call = watch(api, stream_id)
    seen = await until(call, lambda message: arm(message) == "snapshot_end")
    for number in range(4):
        await in_force(api, stream_id, f"/a{number}")
        seen += await until(call, lambda message: arm(message) == "changes")
    revisions = [message.revision for message in seen]
    assert revisions == sorted(revisions)
    changes = [message for message in seen if arm(message) == "changes"]
    assert all(adapter.revision <= message.revision for message in changes for adapter in message.changes.adapters)


async def test_at_least_once(api: Api, new_stream: NewStream) -> None:
    """A token from before a change brings the change again, to every reader that has it."""
    stream_id = await new_stream()
    before = (await until(watch(api, stream_id), lambda message: arm(message) == "snapshot_end"))[-1]
    active = await in_force(api, stream_id)
    for _ in range(2):
        (first,) = await so_many(watch(api, stream_id, token=before.resume_token), 1)
        assert ids(first) == {active.adapter_id}


async def test_atomic(server: Server, api: Api, new_stream: NewStream) -> None:
    """A change and what it causes come in one message: two adapters cleared by one commit are never seen one by one."""
    stream_id = await new_stream()
    one, two = await in_force(api, stream_id, "/a"), await in_force(api, stream_id, "/b")
    call = watch(api, stream_id)
    await until(call, lambda message: arm(message) == "snapshot_end")
    changed = [await server.runtime.adapters.get(made.adapter_id) for made in (one, two)]
    await server.runtime.adapters._change(
        changed, changed[0].state.ROLLED_BACK, action="roll_back", expected=0, request_id="", actor="ann", why="a test"
    )
    message = (await until(call, lambda message: arm(message) == "changes"))[-1]
    assert set(message.changes.removed_adapter_ids) == {one.adapter_id, two.adapter_id}


async def test_complete(api: Api, new_stream: NewStream) -> None:
    """However often an adapter changes, its latest state comes."""
    stream_id = await new_stream()
    call = watch(api, stream_id)
    await until(call, lambda message: arm(message) == "snapshot_end")
    made = [await in_force(api, stream_id, f"/a{number}") for number in range(3)]
    for adapter in made[:2]:
        await taken_back(api, adapter.adapter_id)
    known: set[str] = set()

    def apply(message: Any) -> bool:
        known.update(ids(message))
        known.difference_update(message.changes.removed_adapter_ids)
        return arm(message) == "checkpoint"

    await until(call, apply)
    assert known == {made[2].adapter_id}


async def test_resumable(api: Api, new_stream: NewStream) -> None:
    """A token brings exactly what came after it; without news a checkpoint and no snapshot."""
    stream_id = await new_stream()
    first = await in_force(api, stream_id, "/a")
    seen = await until(watch(api, stream_id), lambda message: arm(message) == "snapshot_end")
    (quiet,) = await so_many(watch(api, stream_id, token=seen[-1].resume_token), 1)
    assert arm(quiet) == "checkpoint"
    await taken_back(api, first.adapter_id)
    second = await in_force(api, stream_id, "/b")
    (news,) = await so_many(watch(api, stream_id, token=seen[-1].resume_token), 1)
    assert (ids(news), list(news.changes.removed_adapter_ids)) == ({second.adapter_id}, [first.adapter_id])


async def test_resumable_across_a_restart_of_the_server(tmp_path: Path) -> None:
    """A token of before the restart brings the adapters' and the incidents' changes since, on the same store."""
    async with serving(tmp_path) as first:
        await payments(first.api, "s", learned=0)
        adapter = await in_force(first.api, "s", "/a")
        seen = await until(watch(first.api, "s"), lambda message: arm(message) == "snapshot_end")
        none = first.api.incidents.WatchIncidents(incidents.WatchIncidentsRequest(stream_ids=["s"]))
        quiet = await until(none, lambda message: arm(message) == "snapshot_end")
    async with serving(tmp_path) as second:
        await taken_back(second.api, adapter.adapter_id)
        newer = await in_force(second.api, "s", "/b")
        resumed = watch(second.api, "s", token=seen[-1].resume_token)
        (news,) = await so_many(resumed, 1)
        assert (ids(news), list(news.changes.removed_adapter_ids)) == ({newer.adapter_id}, [adapter.adapter_id])
        request = events.ProcessEventsRequest(stream_id="s", bodies=[b'{"x":1}'] * 20)
        await second.api.events.ProcessEvents(request)
        again = incidents.WatchIncidentsRequest(stream_ids=["s"], resume_token=quiet[-1].resume_token)
        told = await until(second.api.incidents.WatchIncidents(again), lambda message: arm(message) == "changes")
        assert "snapshot_start" not in [arm(message) for message in told]
        assert [incident.stream_id for incident in told[-1].changes.incidents] == ["s"]


async def test_a_token_from_the_middle_of_a_snapshot_begins_it_anew(api: Api, new_stream: NewStream) -> None:
    """Who was cut off between start and end of a snapshot misses nothing of it."""
    stream_id = await new_stream()
    active = await in_force(api, stream_id)
    seen = await until(watch(api, stream_id), lambda message: arm(message) == "snapshot_end")
    for middle in seen[:-1]:
        again = await until(
            watch(api, stream_id, token=middle.resume_token), lambda message: arm(message) == "snapshot_end"
        )
        assert [arm(message) for message in again] == ["snapshot_start", "changes", "snapshot_end"]
        assert ids(again[1]) == {active.adapter_id}


async def test_a_token_of_another_store_brings_a_snapshot(tmp_path: Path, api: Api, new_stream: NewStream) -> None:
    """A token that this store never gave is no reason for silence or an error."""
    stream_id = await new_stream()
    await in_force(api, stream_id)
    token = (await until(watch(api, stream_id), lambda message: arm(message) == "snapshot_end"))[-1].resume_token
    async with serving(tmp_path) as other:
        (first,) = await so_many(watch(other.api, token=token), 1)
        assert arm(first) == "snapshot_start"


async def test_a_deleted_stream_takes_its_adapters_out_of_open_and_resumed_watches(
    api: Api, new_stream: NewStream
) -> None:
    """A row that is gone has no revision to tell of it: the reader gets a snapshot without it."""
    stream_id, other = await new_stream(), await new_stream()
    await in_force(api, stream_id)
    stays = await in_force(api, other)
    call = watch(api, stream_id, other)
    token = (await until(call, lambda message: arm(message) == "snapshot_end"))[-1].resume_token
    await api.streams.DeleteStream(streams.DeleteStreamRequest(stream_id=stream_id, force=True))
    for reader in (call, watch(api, stream_id, other, token=token)):
        seen = await until(reader, lambda message: arm(message) == "snapshot_end")
        assert "snapshot_start" in [arm(message) for message in seen]
        assert set().union(*(ids(message) for message in seen)) == {stays.adapter_id}


async def test_bookmarkable(api: Api, new_stream: NewStream) -> None:
    """Without any change checkpoints come, with the server's time and a token that resumes there."""
    stream_id = await new_stream()
    call = watch(api, stream_id)
    await until(call, lambda message: arm(message) == "snapshot_end")
    beats = await so_many(call, 3)
    assert [arm(message) for message in beats] == ["checkpoint"] * 3
    times = [message.checkpoint.server_time.ToMicroseconds() for message in beats]
    assert times == sorted(set(times))
    assert all(message.resume_token for message in beats)


async def test_slow_reader_safe(server: Server, api: Api, new_stream: NewStream) -> None:
    """A reader that reads nothing for twenty changes then gets one message with the latest of each."""
    stream_id = await new_stream()
    reader = await _unread(server, stream_id)
    for _ in range(10):
        last = await in_force(api, stream_id)
        await taken_back(api, last.adapter_id)
    stays = await in_force(api, stream_id)
    message = await anext(reader)
    assert ids(message) == {stays.adapter_id}
    assert len(message.changes.removed_adapter_ids) == 10
    await reader.aclose()


async def test_a_reader_that_is_far_behind_gets_a_snapshot_in_parts(
    server: Server, api: Api, new_stream: NewStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a thousand changes (here: two) no message holds them all."""
    monkeypatch.setattr(module, "FAR_BEHIND", 2)
    monkeypatch.setattr(module, "CHUNK", 2)
    stream_id = await new_stream()
    reader = await _unread(server, stream_id)
    made = {(await in_force(api, stream_id, f"/a{number}")).adapter_id for number in range(5)}
    seen = [await anext(reader) for _ in range(5)]
    assert [arm(message) for message in seen] == ["snapshot_start", "changes", "changes", "changes", "snapshot_end"]
    assert set().union(*(ids(message) for message in seen)) == made
    await reader.aclose()


async def _unread(server: Server, stream_id: str) -> AsyncGenerator[Any]:
    """The servicer's own stream of messages, read up to the end of its snapshot: nothing pulls from it but the test."""
    from cta_core.stream import Policy
    from cta_server.rpc.face import Face
    from cta_server.rpc.services.adapters import AdapterServicer

    servicer = AdapterServicer(Face(server.runtime, Policy()))
    request = adapters.WatchAdaptersRequest(stream_ids=[stream_id])
    reader = servicer.WatchAdapters(request, None)  # type: ignore[arg-type]
    while arm(await anext(reader)) != "snapshot_end":
        pass
    return reader


async def test_tokens_that_are_none_are_refused(api: Api) -> None:
    """FIELD_INVALID names the field; so does a negative interval."""
    refusal = await refused(watch(api, token=NONSENSE).read())
    assert (refusal.code, refusal.reason, set(refusal.fields)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "FIELD_INVALID",
        {"resume_token"},
    )
    request = incidents.WatchIncidentsRequest(resume_token=NONSENSE)
    request.checkpoint_interval.seconds = -1
    refusal = await refused(api.incidents.WatchIncidents(request).read())
    assert set(refusal.fields) == {"resume_token", "checkpoint_interval"}


async def test_incidents_are_watched_from_open_to_resolved(api: Api, new_stream: NewStream) -> None:
    """A snapshot has the open ones; every later state comes, the resolved one once; snapshots then lack it."""
    stream_id = await new_stream(autonomy=1)  # OBSERVE: it waits for a person
    request = incidents.WatchIncidentsRequest(stream_ids=[stream_id])
    call = api.incidents.WatchIncidents(request)
    seen = await until(call, lambda message: arm(message) == "snapshot_end")
    assert [arm(message) for message in seen] == ["snapshot_start", "snapshot_end"]
    await api.events.ProcessEvents(events.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(30)))

    def state(message: Any) -> str:
        names = [incident_pb2.IncidentState.Name(item.state) for item in message.changes.incidents]
        return names[-1].removeprefix("INCIDENT_STATE_") if names else ""

    waiting = (await until(call, lambda message: state(message) == "ESCALATED"))[-1].changes.incidents[0]
    assert waiting.quarantined_count == 30
    assert waiting.question
    listed = await until(api.incidents.WatchIncidents(request), lambda message: arm(message) == "snapshot_end")
    assert [item.incident_id for message in listed for item in message.changes.incidents] == [waiting.incident_id]
    resolve = incidents.ResolveIncidentRequest(incident_id=waiting.incident_id, actor="ann", comment="known")
    await api.incidents.ResolveIncident(resolve)
    await until(call, lambda message: state(message) == "RESOLVED")
    listed = await until(api.incidents.WatchIncidents(request), lambda message: arm(message) == "snapshot_end")
    assert [arm(message) for message in listed] == ["snapshot_start", "snapshot_end"]


async def test_a_watch_ends_with_draining_when_the_server_stops(tmp_path: Path) -> None:
    """UNAVAILABLE DRAINING with a time to retry, and the stop does not wait for the reader."""
    async with serving(tmp_path, server__drain_seconds="60") as stopping:
        call = watch(stopping.api)
        await until(call, lambda message: arm(message) == "snapshot_end")
        async with asyncio.timeout(10):  # the grace of 60 s would be over much later
            await stopping.rpc.stop()
        refusal = await refused(until(call, lambda _: False))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert refusal.retry > 0
