"""A model full of things, for tests of what is drawn; a control room on a real server, for tests of what is pressed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from textual.pilot import Pilot

from cta_client.channel import connect
from cta_tui import facts, messages
from cta_tui.app import ControlRoom
from cta_tui.feed import Feed
from cta_tui.messages import View
from cta_tui.model import Model, apply

NOW = 1_795_000_000.0
"""A moment; every time of the full model counts from it."""

ORDERS = facts.StreamFact(
    stream_id="orders",
    revision=3,
    state="HEALED",
    active=("adp_01m87xaaaaaaaaaaaaaaaaaaaa",),
    events=9000,
    healthy=5000,
    healed=4000,
)
PAYMENTS = facts.StreamFact(
    stream_id="payments", revision=9, state="INCIDENT", autonomy="APPROVE", events=2000, healthy=1600, held=400
)
ADAPTER = facts.AdapterFact(
    adapter_id="adp_01m87xbbbbbbbbbbbbbbbbbbbb",
    revision=12,
    stream_id="payments",
    state="CANARY",
    words=("rename /amount_cents to /amount", "scale /amount divided by 100, rounded to 2 decimals"),
    guard=("/amount_cents is there",),
    incident_id="inc_01m87xbbbbbbbbbbbbbbbbbbbb",
    author="loop",
    created=NOW - 30,
)
OLD_ADAPTER = facts.AdapterFact(
    adapter_id="adp_01m87xaaaaaaaaaaaaaaaaaaaa",
    revision=4,
    stream_id="orders",
    state="ACTIVE",
    words=("rename /amt to /amount",),
    author="loop",
    healed=4000,
    created=NOW - 600,
)
MARKS = tuple(
    facts.MarkFact(state=state, time=NOW - 40 + passed, actor="loop")
    for state, passed in (
        ("DETECTED", 0.0),
        ("ANALYZING", 0.03),
        ("PATCHED", 0.1),
        ("CANARY", 0.1),
        ("AWAITING APPROVAL", 0.8),
    )
)
INCIDENT = facts.IncidentFact(
    incident_id="inc_01m87xbbbbbbbbbbbbbbbbbbbb",
    revision=14,
    stream_id="payments",
    state="AWAITING APPROVAL",
    severity="BREAK",
    headline="the producer changed the field /amount",
    stage="gate",
    method="HEURISTIC",
    confidence=0.999,
    report_id="rep_01m87xbbbbbbbbbbbbbbbbbbbb",
    adapter_id=ADAPTER.adapter_id,
    canary_id="can_01m87xbbbbbbbbbbbbbbbbbbbb",
    question="The canary passed; the stream's policy asks a person. Promote the proposed fix?",
    opened=NOW - 40,
    marks=MARKS,
    held=400,
)
RESOLVED = facts.IncidentFact(
    incident_id="inc_01m87xaaaaaaaaaaaaaaaaaaaa",
    revision=6,
    stream_id="orders",
    state="RESOLVED",
    headline="the producer changed the field /amount",
    method="HEURISTIC",
    adapter_id=OLD_ADAPTER.adapter_id,
    opened=NOW - 600,
    marks=(
        facts.MarkFact(state="DETECTED", time=NOW - 600, actor="loop"),
        facts.MarkFact(state="PROMOTED", time=NOW - 599.2, actor="loop"),
        facts.MarkFact(state="RESOLVED", time=NOW - 590, actor="loop"),
    ),
    held=300,
    redriven=300,
)
REPORT = facts.ReportFact(
    report_id=INCIDENT.report_id,
    incident_id=INCIDENT.incident_id,
    decision="HEAL",
    method="HEURISTIC",
    confidence=0.999,
    cause="the producer renamed /amount and sends cents",
    stage="producer",
    path="/amount",
    fix="rename, scale",
    symptoms=(facts.NoteFact(name="S1", text="/amount is required and missing", weight=1.0),),
    evidence=(
        facts.NoteFact(name="E1", text="names are alike", weight=2.1),
        facts.NoteFact(name="E2", text="an unlikely thing", weight=-0.4, good=False),
    ),
    whys=("events break the contract", "the producer sends /amount_cents"),
    proposals=(
        facts.ProposalFact(
            target="/amount", words="take /amount_cents; scale", confidence=0.999, runner_up="/fee, its values differ"
        ),
    ),
    proof=(facts.NoteFact(name="lossless", text="nothing is lost"),),
    before='{"amount_cents": 1089, "id": "x"}',
    after='{"amount": 10.89, "id": "x"}',
    baseline=400,
    drifted=30,
    seconds=0.04,
)
CANARY = facts.CanaryFact(
    canary_id=INCIDENT.canary_id,
    stream_id="payments",
    incident_id=INCIDENT.incident_id,
    adapter_id=ADAPTER.adapter_id,
    verdict="PASS",
    reasons=("error rate 0.00%, at most 0.98%",),
    drifted=303,
    healthy=250,
    needed=299,
    error_bound=0.0098,
    p95=0.0004,
    parity_text="1 healed field has the magnitude of the healthy profile",
    seconds=0.08,
)
SOURCE = facts.SourceFact(
    source_id="src_01m87xaaaaaaaaaaaaaaaaaaaa",
    stream_id="payments",
    kind="GENERATOR",
    population="payments",
    rate=400.0,
    state="RUNNING",
    sent=11000,
    measured=399.0,
)
KINDS = (
    facts.KindFact(kind="rename", description="a field gets another name"),
    facts.KindFact(kind="reorder", description="members come in another order"),
    facts.KindFact(kind="scale", description="numbers come in another unit"),
)


def news() -> tuple[messages.Message, ...]:
    """Everything that a room may hear, once each."""
    held = facts.EventFact(
        key="q1",
        stream_id="payments",
        event_id="p-1",
        kind="QUARANTINED",
        body='{"amount_cents": 1089, "name": "日本語のとても長い名前"}',
        reason="CONTRACT",
        message="/amount is required and missing",
        time=NOW - 5,
    )
    healed = facts.EventFact(
        key="2",
        stream_id="orders",
        event_id="o-2",
        kind="HEALED",
        body='{"amount": 2}',
        original='{"amt": 2}',
        adapter_id=OLD_ADAPTER.adapter_id,
        time=NOW - 4,
    )
    plain = facts.EventFact(key="1", stream_id="orders", event_id="o-1", kind="HEALTHY", body='{"amount": 1}', time=NOW)
    run = facts.RunFact(
        run_id="run_01m87xaaaaaaaaaaaaaaaaaaaa",
        stream_id="payments",
        time=NOW - 3,
        events=10,
        failed=1,
        seconds=0.002,
        trace=(
            facts.TraceFact(kind="STEP", stage="Intake", time=NOW - 3, seconds=0.001, message="10 events"),
            facts.TraceFact(
                kind="ERROR", stage="Auditor", time=NOW - 2.999, seconds=0.001, error="KeyError", message="amount"
            ),
        ),
    )
    first = facts.StatsFact(uptime=60, events=10_000, healthy=6000, healed=3600, quarantined=400, streams=2)
    second = facts.StatsFact(
        uptime=61,
        events=10_400,
        healthy=6100,
        healed=3800,
        quarantined=500,
        held=400,
        streams=2,
        open=1,
        waiting=1,
        rate=400,
    )
    return (
        messages.Heard(stats=first, server_time=NOW - 1, at=NOW - 1),
        messages.Heard(stats=second, server_time=NOW, at=NOW),
        messages.InfoCame(
            info=facts.InfoFact(
                version="0.1.0",
                api=("cta.v1",),
                features=("canary",),
                settings=(facts.SettingFact(key="server.port", value="50510", origin="default"),),
                populations=("orders", "payments"),
            )
        ),
        messages.StreamsCame(streams=(ORDERS, PAYMENTS), at=1.0),
        messages.IncidentsCame(incidents=(INCIDENT, RESOLVED), current=True),
        messages.ReportCame(report=REPORT),
        messages.AdaptersCame(adapters=(ADAPTER, OLD_ADAPTER)),
        messages.CanaryCame(canary=CANARY),
        messages.WorkersCame(
            workers=(
                facts.WorkerFact(worker_id="shop-1", state="CURRENT", applied=12, wanted=12, last=NOW),
                facts.WorkerFact(worker_id="shop-2", state="BEHIND", applied=4, wanted=12, error="a step is unknown"),
            )
        ),
        messages.TrialCame(
            trial=facts.TrialFact(
                adapter_id=ADAPTER.adapter_id,
                before='{"amount_cents": 1089, "id": "pay_1", "country": "DE"}',
                after='{"amount": 10.89, "id": "pay_1", "country": "DE"}',
            )
        ),
        messages.EventsCame(events=(plain, healed), left_out=7),
        messages.HeldCame(events=(held,), total=400),
        messages.SignaturesCame(
            signatures=(
                facts.SignatureFact(
                    signature_id="sig_01m87xaaaaaaaaaaaaaaaaaaaa",
                    stream_id="orders",
                    headline="a renamed field",
                    created=NOW - 600,
                    hits=1,
                    confirmed=1,
                ),
            )
        ),
        messages.RunsCame(runs=(run,)),
        messages.SourcesCame(
            sources=(SOURCE,),
            faults=(facts.FaultFact(fault_id="flt_1", source_id=SOURCE.source_id, kind="rename", words="/a to /b"),),
            kinds=KINDS,
        ),
        messages.DecisionsCame(
            decisions=(
                facts.DecisionFact(
                    position=1,
                    time=NOW - 599,
                    actor="loop",
                    action="promote",
                    adapter_id=OLD_ADAPTER.adapter_id,
                    why="passed",
                ),
            )
        ),
        messages.Told(title="1 of 4", sentence="A shop sends payments.", hint="2 shows why"),
    )


def told(given: Iterable[messages.Message], model: Model | None = None) -> Model:
    """What messages add up to."""
    result = model or Model(address="127.0.0.1:50510", at=NOW)
    for message in given:
        result = apply(result, message)
    return result


def full(view: View = View.OVERVIEW) -> Model:
    """A room that has heard everything and looks at a view."""
    chosen = messages.Picked(pick=messages.Pick.STREAM, key="payments")
    return told((*news(), chosen, messages.ViewChosen(view=view)))


@contextlib.asynccontextmanager
async def room(address: str, folder: Path, *, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """A control room on a real server, once it is live."""
    app = ControlRoom(address, feed=lambda tell: Feed(connect(address), tell, actor="tester", folder=folder))
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.model.live and app.model.synced)
        yield pilot


def model_of(pilot: Pilot[None]) -> Model:
    """What its room knows."""
    assert isinstance(pilot.app, ControlRoom)
    return pilot.app.model


async def until(holds: Callable[[], bool], within: float = 15.0) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what it waits for is in another process
            await asyncio.sleep(0.02)


def screen_text(pilot: Pilot[None]) -> str:
    """What the screen shows, as text."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)
