"""What a person does in the room, by keys, on a real server over a socket."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from cta.v1.adapter_pb2 import ADAPTER_STATE_ACTIVE, ADAPTER_STATE_ROLLED_BACK
from cta.v1.adapter_service_pb2 import GetAdapterRequest
from cta.v1.event_service_pb2 import ListQuarantinedRequest
from cta.v1.fault_service_pb2 import ListFaultsRequest
from cta.v1.incident_pb2 import (
    INCIDENT_STATE_AWAITING_APPROVAL,
    INCIDENT_STATE_ESCALATED,
    INCIDENT_STATE_PROMOTED,
    INCIDENT_STATE_RESOLVED,
)
from cta.v1.source_pb2 import SOURCE_KIND_GENERATOR, Source
from cta.v1.source_service_pb2 import GetSourceRequest, StartSourceRequest, StopSourceRequest
from cta.v1.stream_pb2 import AUTONOMY_APPROVE, AUTONOMY_SUGGEST
from cta.v1.system_service_pb2 import GetStatsRequest, ListDecisionsRequest
from cta_tui.messages import Pick
from helpers.room import model_of, room, screen_text, until
from helpers.server import LiveServer
from helpers.stage import Stage


async def look_at(pilot: Pilot[None], stage: Stage) -> None:
    """Selects the story's stream and its incident, as a click would."""
    from cta_tui import messages
    from cta_tui.app import ControlRoom

    app, stream_id = pilot.app, stage.stream_id
    assert isinstance(app, ControlRoom)
    await until(lambda: stream_id in app.model.streams)
    app.tell(messages.Picked(pick=Pick.STREAM, key=stream_id))
    mine = [each.incident_id for each in app.model.incidents.values() if each.stream_id == stream_id]
    if mine:
        app.tell(messages.Picked(pick=Pick.INCIDENT, key=mine[0]))


async def asked(pilot: Pilot[None], stage: Stage, state: str = "AWAITING APPROVAL") -> None:
    """Waits until the story's incident asks, and looks at it."""
    stream_id = stage.stream_id

    def there() -> bool:
        found = [each for each in model_of(pilot).incidents.values() if each.stream_id == stream_id]
        return bool(found) and found[0].state == state and found[0].incident_id in model_of(pilot).reports

    await until(there)
    await look_at(pilot, stage)


async def test_a_person_finds_why(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """One key from the overview stand cause, fix, proof and a real event before and after."""
    async with room(server.address, tmp_path, size=(120, 60)) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await until(lambda: bool(model_of(pilot).trials))
        await pilot.press("2")
        await pilot.pause(0.5)
        text = screen_text(pilot)
        for part in ("/amount", "rename /amt to /amount", "- /amt", "+ /amount", "PASS", "WHY CHAIN", "a approves"):
            assert part in text, part


async def test_a_person_approves(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`a` asks, Enter is no answer, `y` promotes; what was held is delivered."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert (await stage.incident(INCIDENT_STATE_AWAITING_APPROVAL)).adapter_id
        assert len(pilot.app.screen_stack) == 2
        await pilot.press("y")
        incident = await stage.incident(INCIDENT_STATE_RESOLVED)
        held = await stage.client.events.ListQuarantined(ListQuarantinedRequest(stream_id=stage.stream_id))
        assert held.held_count == 0
        assert any(mark.actor == "tester" for mark in incident.marks)
        await until(lambda: model_of(pilot).incidents[incident.incident_id].state == "RESOLVED")


async def test_no_is_the_default(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`n`, `q` and Escape leave the question, and nothing was done."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        for key in ("n", "q", "escape"):
            await pilot.press("a")
            await pilot.pause()
            await pilot.press(key)
            await pilot.pause()
            assert len(pilot.app.screen_stack) == 1
        assert (await stage.incident(INCIDENT_STATE_AWAITING_APPROVAL)).state == INCIDENT_STATE_AWAITING_APPROVAL


async def test_a_person_rejects_with_a_reason(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`x` and a reason escalate; the audit trail has the reason; undoing would be approving, so `z` refuses."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await pilot.press("x")
        await pilot.pause()
        await pilot.press(*"odd", "enter")
        incident = await stage.incident(INCIDENT_STATE_ESCALATED)
        assert incident.marks[-1].why == "odd"
        await until(lambda: "Rejected" in screen_text(pilot))
        await pilot.press("z")
        await until(lambda: "nothing can be taken back" in screen_text(pilot))
        assert (await stage.incident(INCIDENT_STATE_ESCALATED)).revision == incident.revision


async def test_a_person_rolls_back(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`R`, `y`: the adapter is out of force, and the room says so."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("y")
        await until(
            lambda: any(
                each.stream_id == stage.stream_id and each.state == "ACTIVE"
                for each in model_of(pilot).adapters.values()
            )
        )
        await look_at(pilot, stage)
        await pilot.press("R")
        await pilot.pause()
        await pilot.press("y")
        adapter_id = model_of(pilot).incident.adapter_id
        await until(lambda: model_of(pilot).adapters[adapter_id].state == "ROLLED BACK")
        found = await stage.client.adapters.GetAdapter(GetAdapterRequest(adapter_id=adapter_id))
        assert found.adapter.state == ADAPTER_STATE_ROLLED_BACK
        assert found.adapter.state != ADAPTER_STATE_ACTIVE


async def test_a_person_brings_a_fix_by_hand(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """On an incident that was rejected, `p`, a letter and `y` bring the adapter to its canary, and into force."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await asked(pilot, stage, "ESCALATED")
        await pilot.press("p")
        await pilot.pause()
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("y")
        incident = await stage.incident(INCIDENT_STATE_RESOLVED)
        found = await stage.client.adapters.GetAdapter(GetAdapterRequest(adapter_id=incident.adapter_id))
        assert found.adapter.state == ADAPTER_STATE_ACTIVE


async def test_a_person_redrives_after_hearing_what_would_pass(
    server: LiveServer, stage: Stage, tmp_path: Path
) -> None:
    """`d` says first what would pass and what would stay; `y` redrives."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await until(lambda: model_of(pilot).streams[stage.stream_id].held > 0)
        await pilot.press("d")
        await until(lambda: len(pilot.app.screen_stack) == 2)
        await pilot.pause()
        assert "0 would pass and be delivered, 120 would stay held." in screen_text(pilot)
        await pilot.press("y")
        await until(lambda: "120 stay held" in screen_text(pilot))


async def test_a_person_switches_autonomy_and_takes_it_back(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`m` and a digit change how far the loop goes; `z` brings the former back."""
    async with room(server.address, tmp_path) as pilot:
        await look_at(pilot, stage)
        await pilot.press("m")
        await pilot.pause()
        await pilot.press("2")
        await until(lambda: model_of(pilot).streams[stage.stream_id].autonomy == "SUGGEST")
        assert (await stage.stream()).policy.autonomy == AUTONOMY_SUGGEST
        await pilot.press("z")
        await until(lambda: model_of(pilot).streams[stage.stream_id].autonomy == "APPROVE")
        assert (await stage.stream()).policy.autonomy == AUTONOMY_APPROVE


async def test_a_person_drives_a_source_and_its_faults(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`i` and a letter inject, `C` clears, `+` doubles the rate, `s` stops; `z` takes each back."""
    made = Source(stream_id=stage.stream_id, kind=SOURCE_KIND_GENERATOR, population="payments", rate=20)
    source = (await stage.client.sources.StartSource(StartSourceRequest(source=made))).source
    name = source.source_id

    async def faults() -> int:
        return len((await stage.client.faults.ListFaults(ListFaultsRequest(source_id=name))).faults)

    async with room(server.address, tmp_path) as pilot:
        await until(lambda: name in model_of(pilot).sources and bool(model_of(pilot).kinds))
        await look_at(pilot, stage)
        await pilot.press("i")
        await pilot.pause()
        await pilot.press("r")
        await until(lambda: len([each for each in model_of(pilot).faults if each.source_id == name]) == 1)
        await pilot.press("C")
        await until(lambda: "faults cleared" in screen_text(pilot))
        assert await faults() == 0
        await pilot.press("z")
        await until(lambda: len([each for each in model_of(pilot).faults if each.source_id == name]) == 1)
        await pilot.press("+")
        await until(lambda: model_of(pilot).sources[name].rate == 40)
        await pilot.press("s")
        await until(lambda: model_of(pilot).sources[name].state == "STOPPED")
        await pilot.press("z")
        await until(lambda: model_of(pilot).sources[name].state == "RUNNING")
    assert (await stage.client.sources.GetSource(GetSourceRequest(source_id=name))).source.rate == 40
    await stage.client.sources.StopSource(StopSourceRequest(source_id=name))


async def test_one_key_stops_everything(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """`!` engages the kill switch at once; the bar says so; releasing asks; both are in the log of decisions."""
    async with room(server.address, tmp_path) as pilot:
        await pilot.press("!")
        await until(lambda: model_of(pilot).stats.halted)
        await pilot.pause(0.3)
        assert "HALTED" in screen_text(pilot)
        assert (await stage.client.system.GetStats(GetStatsRequest())).stats.kill_switch_engaged
        await pilot.press("!")
        await pilot.pause()
        await pilot.press("y")
        await until(lambda: not model_of(pilot).stats.halted)
        log = await stage.client.system.ListDecisions(ListDecisionsRequest(page_size=5))
        assert [each.actor for each in log.decisions[:2]] == ["tester", "tester"]


async def test_an_old_picture_is_refused_by_the_server(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """An act on a revision that has passed is refused, and the room says why beside it."""
    from cta_tui import acts
    from cta_tui.app import ControlRoom

    await stage.drifts()
    incident = await stage.incident(INCIDENT_STATE_AWAITING_APPROVAL)
    async with room(server.address, tmp_path) as pilot:
        assert isinstance(pilot.app, ControlRoom)
        pilot.app._act(acts.Approve(incident_id=incident.incident_id, revision=incident.revision - 1))
        await until(lambda: "REVISION_MISMATCH" in screen_text(pilot))
    assert (await stage.incident(INCIDENT_STATE_AWAITING_APPROVAL)).revision == incident.revision
    assert incident.state != INCIDENT_STATE_PROMOTED


async def test_events_are_seen_held_filtered_and_exported(server: LiveServer, stage: Stage, tmp_path: Path) -> None:
    """The tail shows what passes, `t` the quarantine, `/` narrows, and `e` writes an adapter's file."""
    async with room(server.address, tmp_path) as pilot:
        await stage.drifts()
        await asked(pilot, stage)
        await pilot.press("3", "t")
        await until(lambda: model_of(pilot).held_total > 0)
        await until(lambda: "QUARANTINE" in screen_text(pilot))
        await pilot.press("t", "/")
        await pilot.pause()
        await pilot.press(*f"stream:{stage.stream_id}", "enter")
        await pilot.pause(0.3)
        assert {each.stream_id for each in model_of(pilot).rows} == {stage.stream_id}
        await pilot.press("escape", "4")
        await pilot.pause()
        await look_at(pilot, stage)
        await pilot.press("e")
        await until(lambda: bool(list(tmp_path.glob("adp_*.json"))))
