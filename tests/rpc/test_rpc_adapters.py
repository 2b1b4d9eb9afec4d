"""AdapterService and CanaryService over a real channel, without their watches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from cta.v1 import adapter_pb2, canary_pb2, event_pb2, event_service_pb2, system_service_pb2
from cta.v1 import adapter_service_pb2 as service
from cta.v1 import canary_service_pb2 as canaries
from helpers.api import Api, all_of, refused
from helpers.payments import healthy, renamed
from helpers.watching import in_force, proposed, rename, taken_back

pytestmark = pytest.mark.asyncio(loop_scope="module")

Code = grpc.StatusCode
NewStream = Callable[..., Awaitable[str]]

NOWHERE = "adp_" + "0" * 26


async def hold(api: Api, stream_id: str, bodies: list[bytes]) -> None:
    """Drives bodies through the gate."""
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=bodies))


async def test_a_created_adapter_is_proposed_and_can_be_read_again(api: Api, new_stream: NewStream) -> None:
    """It has an id, a revision, its words and its author; nothing changes yet."""
    stream_id = await new_stream()
    made = await proposed(api, stream_id, comment="by hand")
    assert made.adapter_id.startswith("adp_")
    assert made.state == adapter_pb2.ADAPTER_STATE_PROPOSED
    assert (list(made.words), made.author, made.comment) == (["rename /amt to /amount"], "ann", "by hand")
    got = await api.adapters.GetAdapter(service.GetAdapterRequest(adapter_id=made.adapter_id))
    assert got.adapter == made
    assert got.adapter.program == rename("/amt")


async def test_creating_with_the_same_request_id_makes_one_adapter(api: Api, new_stream: NewStream) -> None:
    """A retry answers with the adapter of the first call."""
    stream_id = await new_stream()
    first = await proposed(api, stream_id, request_id=f"c-{stream_id}")
    assert await proposed(api, stream_id, request_id=f"c-{stream_id}") == first
    listed = await api.adapters.ListAdapters(service.ListAdaptersRequest(stream_id=stream_id))
    assert [adapter.adapter_id for adapter in listed.adapters] == [first.adapter_id]


async def test_an_adapter_that_is_only_checked_is_not_made(api: Api, new_stream: NewStream) -> None:
    """validate_only answers as if; the list stays empty."""
    stream_id = await new_stream()
    await proposed(api, stream_id, validate_only=True)
    listed = await api.adapters.ListAdapters(service.ListAdaptersRequest(stream_id=stream_id))
    assert not listed.adapters


async def test_every_problem_of_a_program_is_named_at_once(api: Api, new_stream: NewStream) -> None:
    """FIELD_INVALID by the message's own names; STREAM_NOT_FOUND; both forms and none are refused."""
    stream_id = await new_stream()
    program = rename("amt", "")
    program.steps.add()
    refusal = await refused(
        api.adapters.CreateAdapter(service.CreateAdapterRequest(stream_id=stream_id, program=program))
    )
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"program.steps[1]"}
    del program.steps[1]
    refusal = await refused(
        api.adapters.CreateAdapter(service.CreateAdapterRequest(stream_id=stream_id, program=program))
    )
    assert {"program.guard[0].path", "program.steps[0].rename.source"} <= set(refusal.fields)
    none = service.CreateAdapterRequest(stream_id=stream_id)
    assert set((await refused(api.adapters.CreateAdapter(none))).fields) == {"program"}
    both = service.CreateAdapterRequest(stream_id=stream_id, program=rename("/a"), file=b"{}")
    assert set((await refused(api.adapters.CreateAdapter(both))).fields) == {"file"}
    unknown = service.CreateAdapterRequest(stream_id="nowhere", program=rename("/a"))
    refusal = await refused(api.adapters.CreateAdapter(unknown))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")


async def test_an_exported_adapter_can_be_brought_back(api: Api, new_stream: NewStream) -> None:
    """The file has the program; creating from it gives the same one, and a broken file is FIELD_INVALID."""
    stream_id = await new_stream()
    made = await proposed(api, stream_id)
    exported = await api.adapters.ExportAdapter(service.ExportAdapterRequest(adapter_id=made.adapter_id))
    assert exported.file_name == f"{made.adapter_id}.json"
    assert json.loads(exported.file)["format"] == "cta-adapter/1"
    again = await api.adapters.CreateAdapter(
        service.CreateAdapterRequest(stream_id=stream_id, file=exported.file, author="bob")
    )
    assert again.adapter.program == made.program
    assert again.adapter.adapter_id != made.adapter_id
    broken = service.CreateAdapterRequest(stream_id=stream_id, file=b'{"format": "other/1", "program": {}}')
    refusal = await refused(api.adapters.CreateAdapter(broken))
    assert (refusal.reason, set(refusal.fields)) == ("FIELD_INVALID", {"file.format"})


async def test_a_walk_over_adapters_shows_each_once_newest_first(api: Api, new_stream: NewStream) -> None:
    """Pages of one, filtered by state; a token of another filter is PAGE_TOKEN_MISMATCH."""
    stream_id = await new_stream()
    made = [(await proposed(api, stream_id, f"/a{number}")).adapter_id for number in range(3)]
    active = await in_force(api, stream_id, "/b")
    states = [adapter_pb2.ADAPTER_STATE_PROPOSED]
    seen: list[str] = []
    token = ""
    while True:
        page = await api.adapters.ListAdapters(
            service.ListAdaptersRequest(stream_id=stream_id, states=states, page_size=1, page_token=token)
        )
        seen += [adapter.adapter_id for adapter in page.adapters]
        token = page.next_page_token
        if not token:
            break
        wrong = service.ListAdaptersRequest(stream_id=stream_id, page_token=token)
        refusal = await refused(api.adapters.ListAdapters(wrong))
        assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")
    assert seen == made[::-1]
    assert active.adapter_id not in seen


async def test_a_trial_says_what_an_adapter_would_do_and_changes_nothing(api: Api, new_stream: NewStream) -> None:
    """Healed, untouched and held events are counted and shown; the stream is as before."""
    stream_id = await new_stream()
    events = [event_pb2.Payload(json=body.decode()) for body in (*renamed(2), *healthy(1), b'{"x":1}')]
    answer = await api.adapters.TestAdapter(
        service.TestAdapterRequest(stream_id=stream_id, program=rename("/amt"), events=events)
    )
    assert (answer.healed_count, answer.untouched_count, answer.held_count) == (2, 1, 1)
    assert json.loads(answer.trials[0].after.json)["amount"]
    assert answer.trials[0].before.json == renamed(1)[0].decode()
    assert not answer.trials[3].HasField("after")
    assert answer.trials[3].message
    listed = await api.adapters.ListAdapters(service.ListAdaptersRequest(stream_id=stream_id))
    assert not listed.adapters


async def test_a_trial_without_events_takes_held_and_recent_ones(api: Api, new_stream: NewStream) -> None:
    """Of a stored adapter; without any events it is NO_EVENTS."""
    stream_id = await new_stream(open_after=1000)
    made = await proposed(api, stream_id)
    request = service.TestAdapterRequest(adapter_id=made.adapter_id)
    refusal = await refused(api.adapters.TestAdapter(request))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_EVENTS")
    await hold(api, stream_id, renamed(3))
    assert (await api.adapters.TestAdapter(request)).healed_count == 3


async def test_a_trial_that_cannot_be_is_refused(api: Api, new_stream: NewStream) -> None:
    """Neither adapter nor program, an unknown adapter, an unknown stream, and limits out of range."""
    stream_id = await new_stream()

    async def trial(**fields: Any) -> Any:
        return await refused(api.adapters.TestAdapter(service.TestAdapterRequest(**fields)))

    assert set((await trial(stream_id=stream_id, limit=-1)).fields) == {"adapter_id", "limit"}
    refusal = await trial(adapter_id=NOWHERE)
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "ADAPTER_NOT_FOUND")
    events = [event_pb2.Payload(json="{}")]
    refusal = await trial(stream_id="nowhere", program=rename("/a"), events=events)
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")


async def test_a_promotion_needs_a_proof_or_a_reason(api: Api, new_stream: NewStream) -> None:
    """Without a passed canary it is ADAPTER_STATE; without_canary wants a comment."""
    made = await proposed(api, await new_stream())
    request = service.PromoteAdapterRequest(adapter_id=made.adapter_id, actor="ann")
    refusal = await refused(api.adapters.PromoteAdapter(request))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "ADAPTER_STATE")
    assert refusal.metadata["state"] == "PROPOSED"
    request.without_canary = True
    refusal = await refused(api.adapters.PromoteAdapter(request))
    assert (refusal.reason, set(refusal.fields)) == ("FIELD_INVALID", {"comment"})
    request.comment = "known good"
    assert (await api.adapters.PromoteAdapter(request)).adapter.state == adapter_pb2.ADAPTER_STATE_ACTIVE


async def test_a_repeated_promotion_gets_the_first_answer(api: Api, new_stream: NewStream) -> None:
    """Also with the revision that was right the first time; the same id with another content is refused."""
    made = await proposed(api, await new_stream())
    request = service.PromoteAdapterRequest(
        adapter_id=made.adapter_id,
        expected_revision=made.revision,
        request_id=f"p-{made.adapter_id}",
        without_canary=True,
        comment="known good",
    )
    first = await api.adapters.PromoteAdapter(request)
    assert await api.adapters.PromoteAdapter(request) == first
    request.comment = "another"
    refusal = await refused(api.adapters.PromoteAdapter(request))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_a_stale_revision_is_refused_with_both(api: Api, new_stream: NewStream) -> None:
    """REVISION_MISMATCH on promotion and on rollback."""
    stream_id = await new_stream()
    made = await proposed(api, stream_id)
    promote = service.PromoteAdapterRequest(
        adapter_id=made.adapter_id, expected_revision=made.revision - 1, without_canary=True, comment="c"
    )
    refusal = await refused(api.adapters.PromoteAdapter(promote))
    assert (refusal.code, refusal.reason) == (Code.ABORTED, "REVISION_MISMATCH")
    assert refusal.metadata == {"expected": str(made.revision - 1), "actual": str(made.revision)}
    active = await in_force(api, stream_id)
    back = service.RollBackAdapterRequest(adapter_id=active.adapter_id, expected_revision=1)
    assert (await refused(api.adapters.RollBackAdapter(back))).reason == "REVISION_MISMATCH"


async def test_the_kill_switch_stops_promotions_and_not_rollbacks(api: Api, new_stream: NewStream) -> None:
    """Engaged, PromoteAdapter is KILL_SWITCH_ENGAGED and RollBackAdapter works."""
    stream_id = await new_stream()
    active, made = await in_force(api, stream_id), await proposed(api, stream_id, "/b")
    switch = system_service_pb2.SetKillSwitchRequest(engaged=True, actor="ann")
    await api.system.SetKillSwitch(switch)
    try:
        promote = service.PromoteAdapterRequest(adapter_id=made.adapter_id, without_canary=True, comment="c")
        refusal = await refused(api.adapters.PromoteAdapter(promote))
        assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "KILL_SWITCH_ENGAGED")
        assert (await taken_back(api, active.adapter_id)).state == adapter_pb2.ADAPTER_STATE_ROLLED_BACK
    finally:
        switch.engaged = False
        await api.system.SetKillSwitch(switch)


async def test_a_rollback_takes_back_one_and_a_clear_all(api: Api, new_stream: NewStream) -> None:
    """The others of the stream stay in force; an adapter that is not in force cannot be taken back."""
    stream_id = await new_stream()
    one = await in_force(api, stream_id, "/a")
    await in_force(api, stream_id, "/b")
    await in_force(api, stream_id, "/c")
    await taken_back(api, one.adapter_id)
    cleared = await api.adapters.ClearAdapters(
        service.ClearAdaptersRequest(stream_id=stream_id, actor="ann", comment="again")
    )
    assert cleared.cleared_count == 2
    made = await proposed(api, stream_id, "/d")
    refusal = await refused(api.adapters.RollBackAdapter(service.RollBackAdapterRequest(adapter_id=made.adapter_id)))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "ADAPTER_STATE")
    assert refusal.metadata == {"state": "PROPOSED", "allowed": "ACTIVE"}


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    """Every RPC that names an adapter or a stream says so."""
    calls = [
        api.adapters.GetAdapter(service.GetAdapterRequest(adapter_id=NOWHERE)),
        api.adapters.PromoteAdapter(service.PromoteAdapterRequest(adapter_id=NOWHERE)),
        api.adapters.RollBackAdapter(service.RollBackAdapterRequest(adapter_id=NOWHERE)),
        api.adapters.ExportAdapter(service.ExportAdapterRequest(adapter_id=NOWHERE)),
        api.adapters.ReportAdapter(
            service.ReportAdapterRequest(
                worker_id="w", adapter_id=NOWHERE, revision=1, outcome=service.WORKER_OUTCOME_APPLIED
            )
        ),
        api.canaries.RunCanary(canaries.RunCanaryRequest(adapter_id=NOWHERE)).read(),
    ]
    for call in calls:
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "ADAPTER_NOT_FOUND")
        assert refusal.metadata == {"adapter_id": NOWHERE}
    refusal = await refused(api.adapters.ClearAdapters(service.ClearAdaptersRequest(stream_id="nowhere")))
    assert refusal.reason == "STREAM_NOT_FOUND"


async def test_nobody_signs_with_the_name_of_the_loop(api: Api, new_stream: NewStream) -> None:
    """The log of decisions tells persons from the loop: its name is refused."""
    made = await proposed(api, await new_stream())
    request = service.PromoteAdapterRequest(adapter_id=made.adapter_id, without_canary=True, comment="c", actor="loop")
    assert set((await refused(api.adapters.PromoteAdapter(request))).fields) == {"actor"}


async def test_workers_are_counted_by_what_they_did_with_a_revision(api: Api, new_stream: NewStream) -> None:
    """A worker counts once; one that reports anew counts as it said last; a report without its fields is refused."""
    active = await in_force(api, await new_stream())

    def report(worker: str, outcome: Any) -> service.ReportAdapterRequest:
        return service.ReportAdapterRequest(
            worker_id=worker, adapter_id=active.adapter_id, revision=active.revision, outcome=outcome
        )

    await api.adapters.ReportAdapter(report("one", service.WORKER_OUTCOME_REFUSED))
    await api.adapters.ReportAdapter(report("two", service.WORKER_OUTCOME_REFUSED))
    answer = await api.adapters.ReportAdapter(report("one", service.WORKER_OUTCOME_APPLIED))
    assert (answer.applied_count, answer.refused_count) == (1, 1)
    refusal = await refused(api.adapters.ReportAdapter(service.ReportAdapterRequest(adapter_id=active.adapter_id)))
    assert set(refusal.fields) == {"worker_id", "outcome", "revision"}


async def test_a_canary_streams_progress_and_then_its_verdict(api: Api, new_stream: NewStream) -> None:
    """The last message has the verdict and its numbers, and GetCanary the same; the adapter may then be promoted."""
    stream_id = await new_stream(open_after=1_000_000)
    await hold(api, stream_id, renamed(400))
    made = await proposed(api, stream_id)
    seen = await all_of(api.canaries.RunCanary(canaries.RunCanaryRequest(adapter_id=made.adapter_id)))
    assert len(seen) > 1
    assert all(message.canary.verdict == canary_pb2.VERDICT_UNSPECIFIED for message in seen[:-1])
    last = seen[-1].canary
    assert last.verdict == canary_pb2.VERDICT_PASS, list(last.reasons)
    assert (last.drifted_count, last.failed_count, last.harmed_count) == (400, 0, 0)
    assert last.needed_count == 299
    assert 0 < last.error_bound < 0.01
    assert last.reasons
    got = await api.canaries.GetCanary(canaries.GetCanaryRequest(canary_id=last.canary_id))
    assert got.canary == last
    promoted = await api.adapters.PromoteAdapter(service.PromoteAdapterRequest(adapter_id=made.adapter_id))
    assert promoted.adapter.state == adapter_pb2.ADAPTER_STATE_ACTIVE


async def test_a_canary_without_events_says_so(api: Api, new_stream: NewStream) -> None:
    """Nothing recorded to replay is NO_EVENTS; an unknown canary is CANARY_NOT_FOUND."""
    made = await proposed(api, await new_stream(learned=0))
    refusal = await refused(api.canaries.RunCanary(canaries.RunCanaryRequest(adapter_id=made.adapter_id)).read())
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_EVENTS")
    refusal = await refused(api.canaries.GetCanary(canaries.GetCanaryRequest(canary_id="can_x")))
    assert (refusal.code, refusal.reason, refusal.metadata) == (
        Code.NOT_FOUND,
        "CANARY_NOT_FOUND",
        {"canary_id": "can_x"},
    )


async def test_a_walk_over_canaries_shows_each_once_newest_first(api: Api, new_stream: NewStream) -> None:
    """Pages of one of an adapter's canaries; a token of another adapter is PAGE_TOKEN_MISMATCH."""
    stream_id = await new_stream(open_after=1_000_000)
    await hold(api, stream_id, renamed(3))
    made = await proposed(api, stream_id)
    run = [
        (await all_of(api.canaries.RunCanary(canaries.RunCanaryRequest(adapter_id=made.adapter_id))))[-1].canary
        for _ in range(3)
    ]
    assert {canary.verdict for canary in run} == {canary_pb2.VERDICT_INCONCLUSIVE}
    seen: list[str] = []
    token = ""
    while True:
        page = await api.canaries.ListCanaries(
            canaries.ListCanariesRequest(adapter_id=made.adapter_id, page_size=1, page_token=token)
        )
        seen += [canary.canary_id for canary in page.canaries]
        token = page.next_page_token
        if not token:
            break
        wrong = canaries.ListCanariesRequest(adapter_id=NOWHERE, page_token=token)
        assert (await refused(api.canaries.ListCanaries(wrong))).reason == "PAGE_TOKEN_MISMATCH"
    assert seen == [canary.canary_id for canary in run[::-1]]


async def test_the_fleet_shows_who_is_on_which_revision(api: Api, new_stream: NewStream) -> None:
    """A worker is current when it watches and applies all in force, behind before, and away when its watch ended."""
    stream_id = await new_stream()
    active = await in_force(api, stream_id)

    async def fleet() -> dict[str, tuple[int, int, int]]:
        answer = await api.adapters.ListWorkers(service.ListWorkersRequest(stream_id=stream_id))
        assert answer.worker_count == len(answer.workers)
        assert answer.current_count == sum(each.state == service.WORKER_STATE_CURRENT for each in answer.workers)
        return {each.worker_id: (each.state, each.applied_revision, each.wanted_revision) for each in answer.workers}

    async def say(outcome: Any, worker_id: str, **more: Any) -> None:
        await api.adapters.ReportAdapter(
            service.ReportAdapterRequest(
                worker_id=worker_id, adapter_id=active.adapter_id, revision=active.revision, outcome=outcome, **more
            )
        )

    watches = [
        api.adapters.WatchAdapters(service.WatchAdaptersRequest(worker_id=name, stream_ids=[stream_id]))
        for name in ("fleet-a", "fleet-b")
    ]
    for watch in watches:
        await watch.read()
    now = active.revision
    assert await fleet() == {
        "fleet-a": (service.WORKER_STATE_BEHIND, 0, now),
        "fleet-b": (service.WORKER_STATE_BEHIND, 0, now),
    }
    await say(service.WORKER_OUTCOME_APPLIED, "fleet-a", healed_count=7)
    await say(service.WORKER_OUTCOME_REFUSED, "fleet-b", error_message="too new")
    assert await fleet() == {
        "fleet-a": (service.WORKER_STATE_CURRENT, now, now),
        "fleet-b": (service.WORKER_STATE_REFUSED, 0, now),
    }
    found = await api.adapters.GetAdapter(service.GetAdapterRequest(adapter_id=active.adapter_id))
    assert found.adapter.healed_count == 7
    watches[0].cancel()
    for _ in range(100):
        if (await fleet())["fleet-a"][0] == service.WORKER_STATE_AWAY:
            break
        await asyncio.sleep(0.01)
    assert (await fleet())["fleet-a"] == (service.WORKER_STATE_AWAY, now, now)
    watches[1].cancel()
