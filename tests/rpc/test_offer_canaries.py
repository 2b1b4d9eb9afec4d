"""Canaries in consumers' own processes, spoken by hand over a socket: leases, answers, lost workers, the policy."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from cta.v1 import (
    adapter_service_pb2,
    canary_pb2,
    event_pb2,
    event_service_pb2,
    stream_pb2,
    system_service_pb2,
)
from cta.v1 import canary_service_pb2 as service
from cta.v1 import canary_task_pb2 as task_api
from cta.v1 import incident_service_pb2 as incidents
from cta.v1 import stream_service_pb2 as streams
from helpers.api import Api, Server, refusal_of
from helpers.incidents import incident_in, state
from helpers.offering import answered, offering
from helpers.payments import CONTRACT, healthy, renamed
from helpers.watching import proposed

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRIFTED, HEALTHY = 120, 100
OFF, REQUIRED = stream_pb2.CANARY_IN_CONSUMER_OFF, stream_pb2.CANARY_IN_CONSUMER_REQUIRED

_numbers = itertools.count()


async def made(api: Api, *, in_consumer: Any = 0, wait_ms: int = 1_000, autonomy: Any = 0) -> str:
    """A stream of payments with drifted events in its quarantine, and a canary that needs some 40 of them."""
    stream_id = f"offered-{next(_numbers)}"
    policy = stream_pb2.Policy(autonomy=autonomy or stream_pb2.AUTONOMY_OBSERVE)
    policy.canary.max_error_rate, policy.canary.max_events, policy.canary.in_consumer = 0.1, 400, in_consumer
    policy.canary.wait.FromMilliseconds(wait_ms)
    policy.bake.FromMilliseconds(50)
    wanted = stream_pb2.Stream(stream_id=stream_id, contract_json=json.dumps(CONTRACT), policy=policy)
    await api.streams.CreateStream(streams.CreateStreamRequest(stream=wanted))
    await api.streams.LearnBaseline(
        streams.LearnBaselineRequest(
            stream_id=stream_id,
            events=[event_pb2.Payload(data=raw) for raw in healthy(HEALTHY)],
        )
    )
    await send(api, stream_id)
    return stream_id


async def send(api: Api, stream_id: str, count: int = DRIFTED) -> None:
    """Sends events with `amt` for `amount`."""
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(count)))


class Run:
    """A canary on its way."""

    def __init__(self, api: Api, adapter_id: str) -> None:
        self.call: Any = api.canaries.RunCanary(service.RunCanaryRequest(adapter_id=adapter_id))
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> canary_pb2.Canary:
        last = canary_pb2.Canary()
        async for message in self.call:
            last = message.canary
        return last

    async def end(self) -> canary_pb2.Canary:
        """The canary with its verdict."""
        return await asyncio.wait_for(self._task, 12)


async def canary(api: Api, stream_id: str) -> Run:
    """Starts one, of the right adapter."""
    return Run(api, (await proposed(api, stream_id)).adapter_id)


async def until(good: Callable[[], object]) -> None:
    """Waits for it."""
    for _ in range(800):
        if good():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not come")


def is_drifted(event: task_api.CanaryEvent) -> bool:
    """Which side it is for."""
    return event.kind == task_api.CANARY_EVENT_KIND_DRIFTED


def counted(found: canary_pb2.Canary) -> dict[str, int]:
    """Events that each worker answered."""
    return {each.worker_id: each.event_count for each in found.proved_by}


async def test_a_task_has_all_that_a_worker_needs(api: Api) -> None:
    """Program, events as they came and as they will be, limits; what the worker takes makes the canary pass."""
    stream_id = await made(api)
    async with offering(api, stream_id, "w", version="1.2", capacity=70) as worker:
        adapter = await proposed(api, stream_id)
        run = Run(api, adapter.adapter_id)
        task = await worker.task()
        assert len(task.events) == 70
        assert (task.adapter_id, task.stream_id) == (adapter.adapter_id, stream_id)
        assert task.program_json == adapter.program_json
        assert (task.event_limit.ToMilliseconds(), task.time_limit.ToSeconds() > 70) == (1000, True)
        first = task.events[0]
        assert is_drifted(first)
        assert "amt" in json.loads(first.payload.data)
        assert json.loads(first.after.data)["amount"] == json.loads(first.payload.data)["amt"]
        await worker.answer(task.lease_id, [answered(i) for i in range(70)])
        healthy_side: list[task_api.CanaryEvent] = []
        while len(healthy_side) < HEALTHY:
            task = await worker.task()
            healthy_side += [each for each in task.events if not is_drifted(each)]
            await worker.answer(task.lease_id, [answered(i) for i in range(len(task.events))])
        found = await run.end()
    assert found.verdict == canary_pb2.VERDICT_PASS
    assert all(each.payload == each.after for each in healthy_side)
    assert [(p.worker_id, p.consumer, p.version, p.event_count, p.failed_count) for p in found.proved_by] == [
        ("w", "book", "1.2", DRIFTED + HEALTHY, 0)
    ]
    kept = await api.canaries.GetCanary(service.GetCanaryRequest(canary_id=found.canary_id))
    assert kept.canary.proved_by == found.proved_by


async def test_what_the_consumers_code_refuses_fails_the_canary(api: Api) -> None:
    """Drifted events that the handler raises on count as failed, under the consumer's name; once they decide the
    verdict, no more are sent, and that is the reason told.
    """
    stream_id = await made(api)
    async with offering(api, stream_id, "w") as worker:
        run = await canary(api, stream_id)
        await worker.run(lambda event: not is_drifted(event), tasks=1)
        found = await run.end()
        assert worker.idle
    assert found.verdict == canary_pb2.VERDICT_FAIL
    assert found.failed_count == 50
    assert [(f.stage, f.message, f.count) for f in found.failures] == [("book", "Refused: not for me", 50)]
    told = " ".join(found.reasons)
    assert f"saw 50 of {DRIFTED + HEALTHY} events: they decided the verdict" in told
    assert "left" not in told


async def test_what_raises_on_healthy_events_as_well_is_told_and_no_harm(api: Api) -> None:
    """A handler that refuses healthy events refuses them today too, as a stage of the server's does."""
    stream_id = await made(api)
    async with offering(api, stream_id, "w") as worker:
        run = await canary(api, stream_id)
        await worker.run(is_drifted, tasks=5)
        found = await run.end()
    assert (found.verdict, found.failed_count, found.harmed_count) == (canary_pb2.VERDICT_PASS, 0, 0)
    assert any(f"refuses {HEALTHY} healthy events as well" in reason for reason in found.reasons)


async def test_answers_that_do_not_belong_change_nothing(api: Api) -> None:
    """Garbage, a second answer, another lease and an answer after the end are told in notices and not counted."""
    stream_id = await made(api)
    async with offering(api, stream_id, "w", capacity=DRIFTED + HEALTHY) as worker:
        run = await canary(api, stream_id)
        task = await worker.task()
        await worker.answer(task.lease_id, [answered(0)])
        await worker.answer(task.lease_id, [answered(0, ok=False)])
        await worker.answer("lse_other", [answered(1, ok=False)])
        await worker.answer(task.lease_id, [answered(2, ok=False), answered(len(task.events), ok=False)])
        await worker.answer(task.lease_id, [answered(-1, ok=False)])
        await worker.answer(task.lease_id, [task_api.CanaryAnswer(index=3)])
        late = task_api.CanaryAnswer(index=4, outcome=task_api.CANARY_OUTCOME_PASSED)
        late.latency.seconds = -5
        await worker.answer(task.lease_id, [late])
        await worker.say()
        await until(lambda: len(worker.notices) == 7)
        await worker.answer(task.lease_id, [answered(i) for i in range(1, len(task.events))])
        found = await run.end()
        await worker.answer(task.lease_id, [answered(5, ok=False)])
        await until(lambda: len(worker.notices) == 8)
        assert worker.notices[0] == "1 events were answered before"
        assert "not open" in worker.notices[1]
        assert "index" in worker.notices[2]
        assert "CANARY_OUTCOME_PASSED" in worker.notices[4]
    assert (found.verdict, found.failed_count) == (canary_pb2.VERDICT_PASS, 0)
    assert counted(found) == {"w": DRIFTED + HEALTHY}


async def test_a_lost_workers_events_go_to_another(api: Api) -> None:
    """What the lost one answered stays; the rest is run by the next, and each event is counted once."""
    stream_id = await made(api)
    async with offering(api, stream_id, "first") as first, offering(api, stream_id, "second") as second:
        run = await canary(api, stream_id)
        await until(lambda: not (first.idle and second.idle))
        mine, other = (second, first) if first.idle else (first, second)
        task = await mine.task()
        await mine.answer(task.lease_id, [answered(i) for i in range(20)])
        await asyncio.sleep(0.1)
        mine.break_off()
        rest = await other.task()
        assert [each.payload for each in rest.events[: len(task.events) - 20]] == [
            each.payload for each in task.events[20:]
        ]
        await other.answer(rest.lease_id, [answered(i) for i in range(len(rest.events))])
        await other.run(tasks=(DRIFTED + HEALTHY - 20 - len(rest.events) + 49) // 50)
        found = await run.end()
    assert found.verdict == canary_pb2.VERDICT_PASS
    assert sorted(counted(found).values()) == [20, DRIFTED + HEALTHY - 20]


async def test_a_worker_that_is_lost_alone_proves_nothing(api: Api) -> None:
    """When it does not come back the canary is INCONCLUSIVE and says why, however many events passed before."""
    stream_id = await made(api)
    async with offering(api, stream_id, "alone") as worker:
        run = await canary(api, stream_id)
        await worker.run(tasks=1)
        await worker.task()
        worker.break_off()
        found = await run.end()
    assert found.verdict == canary_pb2.VERDICT_INCONCLUSIVE
    assert "worker alone was lost while the candidate ran in it" in found.unproved_reason
    assert found.reasons[0] == found.unproved_reason


async def test_events_that_two_workers_are_lost_on_have_failed(api: Api) -> None:
    """Nothing says that the candidate did not kill them."""
    stream_id = await made(api, wait_ms=8_000)
    async with offering(api, stream_id, "one") as worker:
        run = await canary(api, stream_id)
        await worker.task()
    async with offering(api, stream_id, "two") as worker:
        await worker.task()
    found = await run.end()
    assert (found.verdict, found.failed_count) == (canary_pb2.VERDICT_FAIL, 50)
    assert found.failures[0].message.startswith("WorkerLost")


async def test_a_silent_worker_loses_its_lease(api: Api) -> None:
    """A worker that says nothing for three seconds is passed over, and what it says later does not count."""
    stream_id = await made(api, wait_ms=8_000)
    async with offering(api, stream_id, "mute", beats=False, capacity=500) as mute:
        run = await canary(api, stream_id)
        task = await mute.task()
        async with offering(api, stream_id, "other", capacity=500) as other:
            await other.run(tasks=1)
            found = await run.end()
        assert mute.cancelled == ["no word of it for 3 s"]
        await mute.answer(task.lease_id, [answered(i, ok=False) for i in range(len(task.events))])
        await until(lambda: mute.notices)
    assert found.verdict == canary_pb2.VERDICT_PASS
    assert counted(found) == {"other": DRIFTED + HEALTHY}


async def test_a_worker_that_leaves_in_order_is_not_missed(api: Api) -> None:
    """After a farewell the canary goes on without it: as it would without offers, but what failed stays failed."""
    stream_id = await made(api)
    async with offering(api, stream_id, "polite") as worker:
        run = await canary(api, stream_id)
        task = await worker.task()
        await worker.answer(task.lease_id, [answered(0, ok=False), answered(1)])
        await worker.say(farewell=task_api.CanaryFarewell())
        found = await run.end()
    assert (found.verdict, found.failed_count) == (canary_pb2.VERDICT_PASS, 1)
    assert f"saw 2 of {DRIFTED + HEALTHY} events: its workers left" in " ".join(found.reasons)


async def test_a_candidate_that_a_worker_cannot_run_goes_to_another(api: Api) -> None:
    """A refusal of the task costs nothing; when nobody can run it, that is told."""
    stream_id = await made(api)
    async with offering(api, stream_id, "old") as old:
        run = await canary(api, stream_id)
        task = await old.task()
        await old.say(refusal=task_api.CanaryRefusal(lease_id=task.lease_id, error_message="no such step"))
        found = await run.end()
        assert found.verdict == canary_pb2.VERDICT_PASS
        assert "worker old cannot run it: no such step" in " ".join(found.reasons)
        assert not found.proved_by


async def test_the_version_that_most_workers_run_is_asked(api: Api) -> None:
    """One worker of another version is not, though it came first."""
    stream_id = await made(api)
    async with (
        offering(api, stream_id, "a", version="1.0") as a,
        offering(api, stream_id, "b", version="1.1", capacity=500) as b,
        offering(api, stream_id, "c", version="1.1", capacity=500) as c,
    ):
        run = await canary(api, stream_id)
        working = [asyncio.create_task(each.run(tasks=1)) for each in (b, c)]
        found = await run.end()
        for each in working:
            each.cancel()
        assert a.idle
    assert {(each.version, each.event_count) for each in found.proved_by} == {("1.1", DRIFTED + HEALTHY)}


async def test_off_asks_nobody(api: Api) -> None:
    """With OFF an offer is taken and never used."""
    stream_id = await made(api, in_consumer=OFF)
    async with offering(api, stream_id, "w") as worker:
        found = await (await canary(api, stream_id)).end()
        assert worker.idle
    assert (found.verdict, len(found.proved_by)) == (canary_pb2.VERDICT_PASS, 0)


async def test_where_the_consumer_is_required_nothing_is_promoted_without_it(api: Api) -> None:
    """REQUIRED without a worker asks a person and says why; with one, the loop promotes by itself."""
    autonomous = stream_pb2.AUTONOMY_AUTONOMOUS
    stream_id = await made(api, in_consumer=REQUIRED, wait_ms=300, autonomy=autonomous)
    waiting = await incident_in(api, stream_id, "AWAITING_APPROVAL")
    assert waiting.question.startswith("The consumer's own code did not prove the fix.")
    shown = (await api.canaries.GetCanary(service.GetCanaryRequest(canary_id=waiting.canary_id))).canary
    assert "requires a canary in the consumer's own process, and no worker offers one" in shown.unproved_reason
    await asyncio.sleep(0.5)
    assert (await incident_in(api, stream_id, state(waiting))).revision == waiting.revision

    proved = await made(api, in_consumer=REQUIRED, wait_ms=8_000, autonomy=autonomous)
    async with offering(api, proved, "w", capacity=500) as worker:
        answering = asyncio.create_task(worker.run())
        done = await incident_in(api, proved, "RESOLVED")
        answering.cancel()
    assert done.adapter_id


async def test_a_rejection_stops_a_canary_in_a_worker(api: Api) -> None:
    """The worker is told to stop as soon as a person decides."""
    stream_id = await made(api, autonomy=stream_pb2.AUTONOMY_AUTONOMOUS)
    async with offering(api, stream_id, "w") as worker:
        await worker.task()
        found = await incident_in(api, stream_id, "CANARY")
        await api.incidents.RejectFix(incidents.RejectFixRequest(incident_id=found.incident_id, actor="ann"))
        await until(lambda: worker.cancelled == ["the canary was stopped"])
        ended = await incident_in(api, stream_id, "ESCALATED")
    assert ended.adapter_id == found.adapter_id


async def test_a_caller_that_goes_stops_its_canary(api: Api) -> None:
    """Cancelling RunCanary takes the lease back."""
    stream_id = await made(api)
    async with offering(api, stream_id, "w") as worker:
        run = await canary(api, stream_id)
        await worker.task()
        assert not worker.cancelled
        run.call.cancel()
        await until(lambda: worker.cancelled)
        assert len(worker.cancelled) == 1


async def test_the_kill_switch_stops_a_canary_in_a_worker(api: Api, server: Server) -> None:
    """The lease is taken back and the canary proves nothing."""
    stream_id = await made(api)
    async with offering(api, stream_id, "w") as worker:
        run = await canary(api, stream_id)
        await worker.task()
        switch = system_service_pb2.SetKillSwitchRequest(engaged=True, actor="ann", comment="a test")
        await api.system.SetKillSwitch(switch)
        try:
            found = await run.end()
        finally:
            await api.system.SetKillSwitch(system_service_pb2.SetKillSwitchRequest(engaged=False, actor="ann"))
        await until(lambda: worker.cancelled == ["the kill switch is engaged"])
    assert found.verdict == canary_pb2.VERDICT_INCONCLUSIVE
    assert found.unproved_reason == "the kill switch is engaged"


async def test_the_kill_switch_takes_nothing_from_a_canary_that_nobody_offers(api: Api) -> None:
    """Without workers a canary is judged while the switch is engaged as it was before there were any."""
    stream_id = await made(api)
    switch = system_service_pb2.SetKillSwitchRequest(engaged=True, actor="ann", comment="a test")
    await api.system.SetKillSwitch(switch)
    try:
        found = await (await canary(api, stream_id)).end()
    finally:
        await api.system.SetKillSwitch(system_service_pb2.SetKillSwitchRequest(engaged=False, actor="ann"))
    assert (found.verdict, found.unproved_reason) == (canary_pb2.VERDICT_PASS, "")


@pytest.mark.parametrize(
    ("offer", "code", "field"),
    [
        (None, grpc.StatusCode.INVALID_ARGUMENT, "offer"),
        ({"worker_id": "", "consumer": "c"}, grpc.StatusCode.INVALID_ARGUMENT, "offer.worker_id"),
        ({"worker_id": "w", "consumer": "c", "capacity": 501}, grpc.StatusCode.INVALID_ARGUMENT, "offer.capacity"),
        ({"worker_id": "w", "consumer": "c", "stream_id": "nowhere"}, grpc.StatusCode.NOT_FOUND, ""),
    ],
)
async def test_an_offer_that_is_none_is_refused(api: Api, offer: Any, code: Any, field: str) -> None:
    """The first message is a sound offer for a stream that exists, or the call ends with an error that says why."""
    call: Any = api.canaries.OfferCanaries()
    said = (
        {"heartbeat": task_api.CanaryHeartbeat()}
        if offer is None
        else {"offer": task_api.CanaryOffer(**{"stream_id": "s", **offer})}
    )
    await call.write(service.OfferCanariesRequest(**said))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    refusal = refusal_of(raised.value)
    assert refusal.code == code
    assert not field or field in refusal.fields


async def test_the_fleet_tells_who_offers(api: Api) -> None:
    """ListWorkers has a worker's offers while its call is open, and no longer."""
    stream_id = await made(api)
    request = adapter_service_pb2.ListWorkersRequest(stream_id=stream_id)
    async with offering(api, stream_id, "w-told", version="7") as worker:
        (told,) = (await api.adapters.ListWorkers(request)).workers
        assert told.worker_id == "w-told"
        assert [(o.stream_id, o.consumer, o.version) for o in told.offers] == [(stream_id, "book", "7")]
        await worker.say(farewell=task_api.CanaryFarewell())
        await until(worker.work[0].done)
    assert not (await api.adapters.ListWorkers(request)).workers


async def test_a_masked_stream_shows_its_consumer_no_copies(api: Api) -> None:
    """The consumer is asked about the held events as they came, and about no masked copy of a healthy one."""
    stream_id = await made(api)
    mask = stream_pb2.Stream(stream_id=stream_id)
    mask.masks.add(path="/merchant", method=stream_pb2.MASK_METHOD_HASH)
    update = streams.UpdateStreamRequest(stream=mask)
    update.update_mask.paths.append("masks")
    await api.streams.UpdateStream(update)
    async with offering(api, stream_id, "w", capacity=500) as worker:
        run = await canary(api, stream_id)
        task = await worker.task()
        assert [each.payload.data for each in task.events] == renamed(DRIFTED)
        await worker.answer(task.lease_id, [answered(i) for i in range(DRIFTED)])
        found = await run.end()
    assert found.verdict == canary_pb2.VERDICT_PASS
    assert counted(found) == {"w": DRIFTED}
