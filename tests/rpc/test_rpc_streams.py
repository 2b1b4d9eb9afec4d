"""StreamService over a real channel."""

from __future__ import annotations

import json

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from cta.v1 import event_pb2, event_service_pb2, stream_pb2
from cta.v1 import stream_service_pb2 as service
from helpers.api import Api, Server, refused
from helpers.payments import CONTRACT, healthy, renamed

pytestmark = pytest.mark.asyncio(loop_scope="module")

Code = grpc.StatusCode


def create(stream_id: str, **fields: object) -> service.CreateStreamRequest:
    """A request for a stream."""
    return service.CreateStreamRequest(stream=stream_pb2.Stream(stream_id=stream_id, **fields))  # type: ignore[arg-type]


def payloads(raws: list[bytes]) -> list[event_pb2.Payload]:
    """Bodies as JSON text."""
    return [event_pb2.Payload(json=raw.decode()) for raw in raws]


async def test_a_created_stream_is_what_was_asked_for(api: Api) -> None:
    """The answer has the policy whole, times and a revision; GetStream gives the same."""
    made = await api.streams.CreateStream(
        create("created", contract_json=json.dumps(CONTRACT), description="d", policy=stream_pb2.Policy(open_after=9))
    )
    stream = made.stream
    assert (stream.stream_id, stream.description, stream.policy.open_after) == ("created", "d", 9)
    assert stream.policy.autonomy == stream_pb2.AUTONOMY_AUTONOMOUS
    assert stream.policy.canary.max_events == 1000
    assert stream.state == stream_pb2.STREAM_STATE_HEALTHY
    assert stream.revision > 0
    assert stream.create_time.seconds > 0
    got = await api.streams.GetStream(service.GetStreamRequest(stream_id="created"))
    assert got.stream == stream


async def test_the_same_stream_again_is_the_one_that_exists(api: Api) -> None:
    """Repeating CreateStream changes nothing; other content is STREAM_EXISTS."""
    first = await api.streams.CreateStream(create("twice", description="d"))
    again = await api.streams.CreateStream(create("twice", description="d"))
    assert again.stream.revision == first.stream.revision
    refusal = await refused(api.streams.CreateStream(create("twice", description="other")))
    assert (refusal.code, refusal.reason) == (Code.ALREADY_EXISTS, "STREAM_EXISTS")
    assert refusal.metadata == {"stream_id": "twice"}


async def test_a_stream_that_is_only_checked_is_not_made(api: Api) -> None:
    """validate_only answers as if, and nothing is there afterwards."""
    request = create("checked")
    request.validate_only = True
    assert (await api.streams.CreateStream(request)).stream.stream_id == "checked"
    refusal = await refused(api.streams.GetStream(service.GetStreamRequest(stream_id="checked")))
    assert (refusal.code, refusal.reason, refusal.metadata) == (
        Code.NOT_FOUND,
        "STREAM_NOT_FOUND",
        {"stream_id": "checked"},
    )


async def test_what_is_wrong_with_a_stream_is_named_by_field(api: Api) -> None:
    """An id, a consumer and a contract that cannot be are FIELD_INVALID with their paths."""
    refusal = await refused(api.streams.CreateStream(create("Bad Id", policy=stream_pb2.Policy(open_after=-1))))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"stream.stream_id", "stream.policy.open_after"}
    refusal = await refused(api.streams.CreateStream(create("fine", consumer="nobody", contract_json='{"type": 7}')))
    assert refusal.reason == "FIELD_INVALID"
    assert "stream.consumer" in refusal.fields
    assert any(field.startswith("stream.contract_json") for field in refusal.fields)


async def test_a_walk_over_all_streams_shows_each_once(api: Api) -> None:
    """Pages of two, by id; a token of another list is PAGE_TOKEN_MISMATCH."""
    for name in ("walk-a", "walk-b", "walk-c"):
        await api.streams.CreateStream(create(name))
    seen: list[str] = []
    token = ""
    while True:
        page = await api.streams.ListStreams(service.ListStreamsRequest(page_size=2, page_token=token))
        seen += [stream.stream_id for stream in page.streams]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(set(seen))
    assert {"walk-a", "walk-b", "walk-c"} <= set(seen)
    refusal = await refused(api.streams.ListStreams(service.ListStreamsRequest(page_token="%%%")))  # noqa: S106
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")


async def test_an_update_changes_the_fields_of_its_mask_and_writes_a_decision(server: Server, api: Api) -> None:
    """Other fields stay; the log of decisions says who did it."""
    made = await api.streams.CreateStream(create("updated", description="old"))
    wanted = stream_pb2.Stream(stream_id="updated", description="new", policy=stream_pb2.Policy(open_after=3))
    changed = await api.streams.UpdateStream(
        service.UpdateStreamRequest(
            stream=wanted,
            update_mask=FieldMask(paths=["policy.open_after"]),
            expected_revision=made.stream.revision,
            actor="ann",
        )
    )
    assert (changed.stream.description, changed.stream.policy.open_after) == ("old", 3)
    assert changed.stream.revision > made.stream.revision
    journal = server.runtime.storage.journal
    decisions = await server.runtime.storage.journaled(journal.list_decisions, stream_id="updated")
    assert [(d.action, d.actor) for d in decisions] == [("update_stream", "ann")]


async def test_an_update_is_refused_when_the_stream_changed_or_is_not_there(api: Api) -> None:
    """REVISION_MISMATCH tells both revisions; STREAM_NOT_FOUND and FIELD_INVALID as everywhere."""
    made = await api.streams.CreateStream(create("moved"))
    request = service.UpdateStreamRequest(
        stream=stream_pb2.Stream(stream_id="moved", description="x"),
        update_mask=FieldMask(paths=["description"]),
        expected_revision=made.stream.revision + 100,
    )
    refusal = await refused(api.streams.UpdateStream(request))
    assert (refusal.code, refusal.reason) == (Code.ABORTED, "REVISION_MISMATCH")
    assert refusal.metadata == {
        "expected": str(made.stream.revision + 100),
        "actual": str(made.stream.revision),
    }
    request.stream.stream_id = "nowhere"
    assert (await refused(api.streams.UpdateStream(request))).reason == "STREAM_NOT_FOUND"
    request.stream.stream_id = "moved"
    request.update_mask.paths[:] = ["descripton"]
    refusal = await refused(api.streams.UpdateStream(request))
    assert refusal.fields == {"update_mask.paths[0]": "did you mean description?"}


async def test_a_deleted_stream_is_gone_and_a_busy_one_stays(api: Api, new_stream: object) -> None:
    """Held events keep a stream, STREAM_BUSY says so; force deletes it with them."""
    stream_id: str = await new_stream()  # type: ignore[operator]
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(1)))
    refusal = await refused(api.streams.DeleteStream(service.DeleteStreamRequest(stream_id=stream_id)))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "STREAM_BUSY")
    assert refusal.metadata["why"] == "1 events in quarantine"
    await api.streams.DeleteStream(service.DeleteStreamRequest(stream_id=stream_id, force=True, actor="ann"))
    refusal = await refused(api.streams.DeleteStream(service.DeleteStreamRequest(stream_id=stream_id)))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")


async def test_a_baseline_is_learned_from_given_events_and_replaced_or_added_to(api: Api) -> None:
    """The answer counts the events; append adds, a second call replaces."""
    await api.streams.CreateStream(create("taught"))

    async def learn(count: int, *, append: bool) -> service.LearnBaselineResponse:
        return await api.streams.LearnBaseline(
            service.LearnBaselineRequest(stream_id="taught", events=payloads(healthy(count)), append=append)
        )

    assert (await learn(20, append=False)).event_count == 20
    assert (await learn(30, append=True)).event_count == 50
    learned = await learn(10, append=False)
    assert learned.event_count == 10
    assert learned.stream.state == stream_pb2.STREAM_STATE_HEALTHY
    assert json.loads(learned.stream.learned_contract_json)["type"] == "object"
    profile = await api.streams.GetProfile(service.GetProfileRequest(stream_id="taught"))
    assert profile.event_count == 10
    assert "/amount" in {field.path for field in profile.fields}


async def test_a_baseline_that_cannot_be_is_refused(api: Api) -> None:
    """An event that is no JSON or breaks the contract, too many of them, none at all and no such stream."""
    await api.streams.CreateStream(create("untaught", contract_json=json.dumps(CONTRACT)))

    def learn(events: list[event_pb2.Payload], stream_id: str = "untaught") -> service.LearnBaselineRequest:
        return service.LearnBaselineRequest(stream_id=stream_id, events=events)

    bad = [event_pb2.Payload(json="{"), event_pb2.Payload(json='{"id":"1"}'), *payloads(healthy(1))]
    refusal = await refused(api.streams.LearnBaseline(learn(bad)))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert {field.partition("]")[0] for field in refusal.fields} == {"events[0", "events[1"}
    refusal = await refused(api.streams.LearnBaseline(learn(payloads(healthy(1)) * 1001)))
    assert set(refusal.fields) == {"events"}
    refusal = await refused(api.streams.LearnBaseline(learn([event_pb2.Payload()])))
    assert set(refusal.fields) == {"events[0]"}
    refusal = await refused(api.streams.LearnBaseline(learn([])))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_EVENTS")
    refusal = await refused(api.streams.LearnBaseline(learn([], "nowhere")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")
    refusal = await refused(api.streams.GetProfile(service.GetProfileRequest(stream_id="untaught")))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_BASELINE")
    refusal = await refused(api.streams.GetProfile(service.GetProfileRequest(stream_id="nowhere")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")
