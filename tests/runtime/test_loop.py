"""The whole loop over a real store and real worker processes: from failing events back to health."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.steps import Rename, Scale
from cta_core.gate import OutcomeKind
from cta_core.incident import State
from cta_core.machine import AdapterState, Halted
from cta_core.quarantine import HeldReason
from cta_server.runtime.batch import Incoming, ReportedFailure
from cta_server.runtime.errors import AdapterWrongState, QuarantineFull, RequestIdReused, StreamBusy
from helpers.loop import delivered, eventually, incident_in, running, send, stream
from helpers.payments import expected, healthy, payment, raw, renamed

RIGHT = Program(guard=(Condition(path="/amt", test=Test.PRESENT),), steps=(Rename(source="/amt", target="/amount"),))
WRONG = Program(steps=(Rename(source="/amt", target="/amount"), Scale(path="/amount", numerator=100.0)))


async def test_a_rename_is_healed_and_nothing_is_lost(tmp_path: Path) -> None:
    """Every held event is delivered once, healed and in order, and the next drifted event passes the gate healed."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        passed = await send(runtime, healthy(50, 5_000))
        assert [r.payload for r in passed.results] == healthy(50, 5_000)
        await send(runtime, renamed(400))
        incident = await incident_in(runtime, State.RESOLVED)
        assert [mark.state.value for mark in incident.marks] == [
            "DETECTED", "ANALYZING", "PATCHED", "CANARY", "PROMOTED", "RESOLVED",
        ]  # fmt: skip
        assert await delivered(runtime) == expected(400)
        assert (await runtime.streams.status("payments")).held == 0
        later = await send(runtime, renamed(3, 20_000))
        assert [r.kind for r in later.results] == [OutcomeKind.HEALED] * 3
        assert [json.loads(r.payload) for r in later.results] == expected(3, 20_000)


async def test_the_repeat_is_answered_by_its_signature(tmp_path: Path) -> None:
    """The same drift after its adapter was retired is healed from memory."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        await send(runtime, renamed(400))
        first = await incident_in(runtime, State.RESOLVED)
        assert await runtime.adapters.clear("payments", actor="ann", comment="again") == 1
        await send(runtime, renamed(400, 30_000))
        second = await incident_in(runtime, State.RESOLVED)
        assert second.incident_id != first.incident_id
        assert (first.method, second.method) == ("HEURISTIC", "SIGNATURE")
        assert await delivered(runtime) == expected(400) + expected(400, 30_000)


async def test_a_retry_is_the_same_request(tmp_path: Path) -> None:
    """A repeated request gives the same answer and holds nothing twice, also after a restart and after a promotion."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="OBSERVE")
        first = await send(runtime, renamed(8) + healthy(4), request_id="r1")
        again = await send(runtime, renamed(8) + healthy(4), request_id="r1")
        assert again == first
        assert runtime.intake.held("payments") == 8
        with pytest.raises(RequestIdReused):
            await send(runtime, healthy(2), request_id="r1")
    async with running(tmp_path) as runtime:
        adapter = await runtime.adapters.create("payments", RIGHT)
        await runtime.adapters.promote(adapter.adapter_id, without_canary=True, comment="known")
        await eventually(lambda: delivered(runtime), lambda log: len(log) == 8)
        retried = await send(runtime, renamed(8) + healthy(4), request_id="r1")
        assert [r.kind for r in retried.results] == [r.kind for r in first.results]
        assert len(await delivered(runtime)) == 8
        with pytest.raises(RequestIdReused):
            await send(runtime, healthy(2), request_id="r1")


async def test_the_kill_switch_stops_the_loop(tmp_path: Path) -> None:
    """While it is engaged nobody promotes or redrives; it survives a restart; released, a person decides."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        await runtime.system.set_kill_switch(True, actor="ann", comment="night")
        await send(runtime, renamed(400))
        waiting = await incident_in(runtime, State.AWAITING_APPROVAL)
        with pytest.raises(Halted):
            await runtime.incidents.approve(waiting.incident_id, actor="ann")
        with pytest.raises(Halted):
            await runtime.redriver.redrive("payments")
    async with running(tmp_path) as runtime:
        assert runtime.system.halted
        assert await delivered(runtime) == []
        await runtime.system.set_kill_switch(False, actor="ann")
        await runtime.incidents.approve(waiting.incident_id, actor="ann")
        await incident_in(runtime, State.PROMOTED, State.RESOLVED)
        await eventually(lambda: delivered(runtime), lambda log: log == expected(400))


async def test_approve_means_a_person_decides_on_a_proved_fix(tmp_path: Path) -> None:
    """Under APPROVE the canary passes first, and the adapter is not in force before a person's word."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="APPROVE")
        await send(runtime, renamed(400))
        waiting = await incident_in(runtime, State.AWAITING_APPROVAL)
        assert waiting.canary_passed
        assert (await runtime.streams.status("payments")).active == ()
        await runtime.incidents.approve(waiting.incident_id, expected=waiting.revision, actor="ann")
        promoted = await incident_in(runtime, State.PROMOTED, State.RESOLVED)
        assert next(m.actor for m in promoted.marks if m.state is State.PROMOTED) == "ann"


async def test_a_repeated_verb_is_the_same_verb(tmp_path: Path) -> None:
    """An approval that is sent again after a restart, with the revision of then, answers and changes nothing."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="APPROVE")
        await send(runtime, renamed(400))
        waiting = await incident_in(runtime, State.AWAITING_APPROVAL)
        await runtime.incidents.approve(waiting.incident_id, expected=waiting.revision, request_id="yes-1", actor="ann")
        await incident_in(runtime, State.RESOLVED)
        decisions = await runtime.storage.journaled(runtime.storage.journal.list_decisions)
    async with running(tmp_path) as runtime:
        again = await runtime.incidents.approve(
            waiting.incident_id, expected=waiting.revision, request_id="yes-1", actor="ann"
        )
        assert again.state is State.RESOLVED
        assert await runtime.storage.journaled(runtime.storage.journal.list_decisions) == decisions


async def test_a_wrong_fix_is_refused_by_the_canary(tmp_path: Path) -> None:
    """An adapter whose values do not belong to the healthy profile fails, and harms nothing."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="OBSERVE")
        await send(runtime, renamed(400))
        seen = await incident_in(runtime, State.ESCALATED)
        adapter = await runtime.adapters.create("payments", WRONG, author="bob")
        await runtime.incidents.choose(seen.incident_id, adapter_id=adapter.adapter_id, actor="bob")
        refused = await incident_in(runtime, State.ROLLED_BACK)
        assert "/amount" in refused.marks[-1].why
        assert (await runtime.adapters.get(adapter.adapter_id)).state is AdapterState.REJECTED
        assert await delivered(runtime) == []
        assert runtime.intake.held("payments") == 400
        with pytest.raises(AdapterWrongState):
            await runtime.adapters.promote(adapter.adapter_id, actor="bob")


async def test_too_few_events_never_promote(tmp_path: Path) -> None:
    """A canary that cannot carry its claim asks a person, however clean its events are."""
    async with running(tmp_path) as runtime:
        await stream(runtime, canary={"wait_seconds": 0.0})
        await send(runtime, renamed(100))
        waiting = await incident_in(runtime, State.AWAITING_APPROVAL)
        assert not waiting.canary_passed
        assert "299 are needed" in waiting.marks[-1].why


async def test_a_canary_waits_for_the_events_it_needs(tmp_path: Path) -> None:
    """With more drifted events the same incident goes on to its promotion by itself."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        await send(runtime, renamed(100))
        await incident_in(runtime, State.CANARY)
        await send(runtime, renamed(250, 10_100))
        await incident_in(runtime, State.PROMOTED, State.RESOLVED)
        await eventually(lambda: delivered(runtime), lambda log: log == expected(350))


async def test_a_stream_that_gets_worse_is_rolled_back_by_itself(tmp_path: Path) -> None:
    """When healed events break the contract during the bake the adapter is taken out of force."""
    async with running(tmp_path) as runtime:
        await stream(runtime, bake_seconds=30.0)
        await send(runtime, renamed(400))
        await incident_in(runtime, State.PROMOTED)
        await eventually(lambda: runtime.streams.status("payments"), lambda status: bool(status.active))
        worse = [raw({"id": "x", "currency": "EUR", "amt": -1.0}) for _ in range(40)]
        await send(runtime, worse)
        back = await incident_in(runtime, State.ROLLED_BACK)
        assert await runtime.incidents.counts(back.incident_id) == (40, 400)
        assert "failed in the bake" in back.marks[-1].why
        assert (await runtime.streams.status("payments")).active == ()


async def test_a_failing_stage_is_an_incident_of_its_own(tmp_path: Path) -> None:
    """Events on which a stage raises are held with the stage's name, and their run is recorded."""
    async with running(tmp_path) as runtime:
        await stream(runtime, consumer="payments", autonomy="OBSERVE")
        bad = [raw({**payment(n), "merchant": "nobody"}) for n in range(6)]
        done = await send(runtime, bad, run_stages=True)
        assert {r.reason for r in done.results} == {HeldReason.STAGE_FAILED}
        incident = await incident_in(runtime, State.ESCALATED)
        assert incident.stage == done.results[0].stage
        await runtime.storage.flush()
        run = await runtime.storage.archived(runtime.storage.archive.get_run, done.run_id)
        assert run is not None
        assert (run.event_count, run.failed_count) == (6, 6)


async def test_a_consumer_outside_reports_its_failures(tmp_path: Path) -> None:
    """Reported failures are held once and open an incident."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="OBSERVE")
        failures = [
            ReportedFailure(event=Incoming(event), stage="ledger", error_type="KeyError", message="'amount'")
            for event in renamed(6)
        ]
        assert await runtime.intake.report_failures("payments", failures, request_id="f1") == 6
        assert await runtime.intake.report_failures("payments", failures, request_id="f1") == 0
        assert (await incident_in(runtime, State.ESCALATED)).stage == "ledger"


async def test_poison_is_held_and_escalated(tmp_path: Path) -> None:
    """What is no JSON is held with its reason; there is no adapter for it, so a person is asked."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        poison = [b"{", b"\xff\xfe", b"[1]", b"{" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"", b"null"]
        done = await send(runtime, poison)
        assert {r.kind for r in done.results} == {OutcomeKind.QUARANTINED}
        assert {r.reason for r in done.results} <= {
            HeldReason.MALFORMED, HeldReason.NOT_AN_OBJECT, HeldReason.TOO_DEEP,
        }  # fmt: skip
        await send(runtime, [b"{"] * 6)
        assert (await incident_in(runtime, State.ESCALATED)).question


async def test_a_full_quarantine_accepts_nothing_of_the_batch(tmp_path: Path) -> None:
    """Beyond the limit the batch is refused as a whole."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="OBSERVE", max_quarantined=10)
        await send(runtime, renamed(8))
        with pytest.raises(QuarantineFull):
            await send(runtime, renamed(3, 20_000) + healthy(1))
        assert runtime.intake.held("payments") == 8
        assert (await runtime.streams.status("payments")).counts.healthy == 0


async def test_a_promotion_overtakes_a_batch(tmp_path: Path) -> None:
    """Events that an old gate held while a promotion took place are driven again by themselves."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="OBSERVE")
        adapter = await runtime.adapters.create("payments", RIGHT)
        sending = asyncio.create_task(send(runtime, renamed(500)))
        promoting = asyncio.create_task(
            runtime.adapters.promote(adapter.adapter_id, without_canary=True, comment="race")
        )
        result, _ = await asyncio.gather(sending, promoting)
        at_once = [json.loads(r.payload) for r in result.results if r.kind is OutcomeKind.HEALED]
        log = await eventually(lambda: delivered(runtime), lambda log: len(log) + len(at_once) >= 500)
        assert sorted(event["id"] for event in at_once + log) == sorted(event["id"] for event in expected(500))


async def test_a_busy_stream_is_not_deleted(tmp_path: Path) -> None:
    """Held events keep a stream from being deleted, unless it is forced."""
    async with running(tmp_path) as runtime:
        await stream(runtime, autonomy="OBSERVE")
        await send(runtime, renamed(1))
        with pytest.raises(StreamBusy):
            await runtime.streams.delete("payments")
        await runtime.streams.delete("payments", force=True, actor="ann")
        assert await runtime.streams.list() == []


async def test_a_person_is_not_asked_while_more_events_come(tmp_path: Path) -> None:
    """What a few events leave open is looked at again with twice as many, and healed when they decide it."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        cents = [
            raw(
                {
                    ("amount_cents" if k == "amount" else k): round(v * 100) if k == "amount" else v
                    for k, v in event.items()
                }
            )
            for event in (payment(number) for number in range(40_000, 40_600))
        ]
        for start in range(0, 600, 24):
            await send(runtime, cents[start : start + 24])
            await asyncio.sleep(0.05)
        await incident_in(runtime, State.PROMOTED, State.RESOLVED)
        await eventually(lambda: delivered(runtime), lambda log: len(log) >= 299)
        assert (await delivered(runtime))[0]["amount"] == payment(40_000)["amount"]
