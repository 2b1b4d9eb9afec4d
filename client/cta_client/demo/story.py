"""The story of `cta demo`: payments break, heal, break again, and a wrong fix is refused.

Four acts on one stream. Every act does what a person or a producer would do through the API, and shows what the server
makes of it; every number is measured. What the last act must leave behind is checked by the ledger.
"""

from __future__ import annotations

from typing import Final

import msgspec
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from cta.v1.adapter_pb2 import TEST_PRESENT, Condition, Program, RenameStep, Step
from cta.v1.adapter_service_pb2 import ClearAdaptersRequest, CreateAdapterRequest
from cta.v1.canary_pb2 import Canary
from cta.v1.event_pb2 import OUTCOME_KIND_HEALED
from cta.v1.event_service_pb2 import ListEventsRequest
from cta.v1.fault_service_pb2 import ClearFaultsRequest, InjectFaultRequest
from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.incident_service_pb2 import ApplyFixRequest
from cta.v1.report_pb2 import METHOD_SIGNATURE
from cta.v1.source_pb2 import SOURCE_KIND_GENERATOR, Fault, Source
from cta.v1.source_service_pb2 import StartSourceRequest, StopSourceRequest
from cta.v1.stream_pb2 import AUTONOMY_SUGGEST, Policy, Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest, UpdateStreamRequest
from cta_client.channel import Client
from cta_client.cli import telling
from cta_client.cli.exits import Exit
from cta_client.cli.following import WAITING
from cta_client.cli.words import body, count
from cta_client.demo.follow import Follower, StoryBroke
from cta_client.demo.ledger import balance
from cta_client.demo.show import Show
from cta_client.demo.times import PhaseTimes, table, times_of

STREAM: Final = "payments"
WHO: Final = "demo"
RATE: Final = 500.0
"""Events a second: the canary's claim needs 299 drifted events, which then arrive in 0.6 s."""
BASELINE_EVENTS: Final = 400
"""Healthy events to learn from: as many as an analysis looks at."""
BAKE_SECONDS: Final = 1
"""Bake of the demo: long enough for 500 healed events to be judged, short enough for a reader."""

_PROMOTED: Final = {IncidentState.INCIDENT_STATE_PROMOTED, IncidentState.INCIDENT_STATE_RESOLVED}


_STUCK: Final = WAITING | {IncidentState.INCIDENT_STATE_ROLLED_BACK}
_OVER: Final = {IncidentState.INCIDENT_STATE_RESOLVED, IncidentState.INCIDENT_STATE_ROLLED_BACK}


class Scene(msgspec.Struct, kw_only=True):
    """What the acts share."""

    client: Client
    show: Show
    follower: Follower
    source_id: str = ""


async def play(client: Client, show: Show) -> Exit:
    """Plays the story and returns the exit code of the demo."""
    scene = Scene(client=client, show=show, follower=Follower(client, show, STREAM))
    await _healthy(scene)
    async with scene.follower.following():
        first = await _breaks(scene)
        repeat = await _breaks_again(scene)
        await _wrong_fix(scene)
    canaries = scene.follower.canaries
    times = [times_of(each, canaries.get(each.incident_id, Canary())) for each in (first, repeat)]
    return await _books(scene, *times)


async def _healthy(scene: Scene) -> None:
    client, show = scene.client, scene.show
    await show.act("1 of 4: a healthy stream")
    await show.say("A shop sends payments. Three stages of a consumer work on each: Intake, Retriever, Auditor.")
    policy = Policy()
    policy.bake.FromSeconds(BAKE_SECONDS)
    stream = Stream(stream_id=STREAM, consumer="payments", description="Payments of the demo's shop.", policy=policy)
    await client.streams.CreateStream(CreateStreamRequest(stream=stream))
    source = Source(stream_id=STREAM, kind=SOURCE_KIND_GENERATOR, population="payments", rate=RATE, seed=7)
    scene.source_id = (await client.sources.StartSource(StartSourceRequest(source=source))).source.source_id
    await scene.follower.until(lambda now: now.healthy_count >= BASELINE_EVENTS, "healthy events")
    learned = await client.streams.LearnBaseline(LearnBaselineRequest(stream_id=STREAM, actor=WHO))
    await show.say(f"Out of {count(learned.event_count)} events the server learns what a healthy payment looks like.")
    now = await scene.follower.until(lambda now: now.healthy_count >= 2 * BASELINE_EVENTS, "healthy events")
    await show.say(
        f"Now the gate checks every event: {count(now.healthy_count)} healthy so far, "
        f"{count(now.quarantined_count)} in the quarantine."
    )


async def _breaks(scene: Scene) -> Incident:
    show = scene.show
    await show.act("2 of 4: the producer changes")
    await show.say("The shop releases a new version, and nobody tells us: `amount` is now called `amt`.")
    await _inject(scene, "rename", "/amount", {"to": "amt"})
    incident = await scene.follower.next_incident(until=_PROMOTED | _STUCK)
    _must_be_promoted(incident)
    await _after_promotion(scene, incident)
    return incident


async def _breaks_again(scene: Scene) -> Incident:
    client, show, follower = scene.client, scene.show, scene.follower
    await show.act("3 of 4: the same drift again")
    await show.say("By mistake somebody takes the adapter back. The shop still sends `amt`, so payments break again.")
    await client.adapters.ClearAdapters(ClearAdaptersRequest(stream_id=STREAM, actor=WHO, comment="a mishap"))
    incident = await follower.next_incident(until=_PROMOTED | _STUCK)
    _must_be_promoted(incident)
    if incident.method == METHOD_SIGNATURE:
        await show.say("This drift is known: its signature brought the adapter, and the canary proved it again.")
    await _after_promotion(scene, incident)
    return incident


async def _wrong_fix(scene: Scene) -> None:
    client, show, follower = scene.client, scene.show, scene.follower
    await show.act("4 of 4: a wrong fix is refused")
    await show.say("For the next change people want to decide themselves: they set the stream's autonomy to SUGGEST.")
    await client.streams.UpdateStream(
        UpdateStreamRequest(
            stream=Stream(stream_id=STREAM, policy=Policy(autonomy=AUTONOMY_SUGGEST)),
            update_mask=FieldMask(paths=["policy.autonomy"]),
            actor=WHO,
        )
    )
    await show.say("The shop now sends `amount_cents`: another name, and cents instead of units.")
    await client.faults.ClearFaults(ClearFaultsRequest(source_id=scene.source_id))
    await _inject(scene, "scale", "/amount", {"factor": 100})
    await _inject(scene, "rename", "/amount", {"to": "amount_cents"})
    asked = await follower.next_incident(until=_STUCK | _PROMOTED)
    await show.say("Somebody in a hurry brings a fix of their own: the new name is mended, the cents are overlooked.")
    bad = await client.adapters.CreateAdapter(
        CreateAdapterRequest(stream_id=STREAM, program=_wrong_program(), author=WHO, comment="only the name changed")
    )
    before = await follower.stream()
    refused = await _apply(scene, asked, bad.adapter.adapter_id)
    if refused.state != IncidentState.INCIDENT_STATE_ROLLED_BACK:
        raise StoryBroke("The canary should have refused the wrong fix.")
    after = await follower.stream()
    await show.say(
        f"Every such payment satisfies the contract; the canary still saw amounts that are no payments of this shop. "
        f"Passed on wrong: {count(after.healed_count - before.healed_count)}. "
        f"Waiting in the quarantine: {count(after.held_count)}."
    )
    if asked.adapter_id:
        await show.say("The loop's own proposal is still there. The person takes that one.")
        promoted = await _apply(scene, refused, asked.adapter_id)
        _must_be_promoted(promoted)
        await _after_promotion(scene, promoted)


async def _books(scene: Scene, first: PhaseTimes, repeat: PhaseTimes) -> Exit:
    client, show = scene.client, scene.show
    stopped = await client.sources.StopSource(StopSourceRequest(source_id=scene.source_id))
    await show.act("the books")
    show.lines(table(first, repeat, show.width))
    books = await balance(client, STREAM, stopped.source.sent_count)
    show.lines(["", *books.lines()])
    if not books.balanced:
        show.lines(["The books do not balance."])
        return Exit.REFUSED
    await show.say("Nothing was lost, and nothing was delivered twice.")
    return Exit.DONE


async def _inject(scene: Scene, kind: str, path: str, parameters: dict[str, object]) -> None:
    fault = Fault(source_id=scene.source_id, kind=kind, path=path)
    ParseDict(parameters, fault.parameters)
    await scene.client.faults.InjectFault(InjectFaultRequest(fault=fault))


async def _apply(scene: Scene, incident: Incident, adapter_id: str) -> Incident:
    """Brings an adapter for an incident and tells the loop's work on it."""
    teller, last = scene.follower.teller(incident.incident_id), incident
    request = ApplyFixRequest(
        incident_id=incident.incident_id, adapter_id=adapter_id, actor=WHO, comment="brought by hand"
    )
    async for phase in scene.client.incidents.ApplyFix(request):
        last = phase.incident
        teller.tell(phase)
        scene.show.progress(last)
    return last


async def _after_promotion(scene: Scene, incident: Incident) -> None:
    """Shows one healed event, waits until the quarantine is empty and the bake is over."""
    client, show, follower = scene.client, scene.show, scene.follower
    await follower.until(lambda now: now.held_count == 0 and now.healed_count > 0, "the quarantine to be redriven")
    healed = await client.events.ListEvents(
        ListEventsRequest(stream_id=STREAM, kinds=[OUTCOME_KIND_HEALED], page_size=1)
    )
    for event in healed.events:
        show.lines(["  one event, as it came and as it was passed on:"])
        show.lines(telling.change_lines(body(event.original), body(event.payload), show.width))
    now = await follower.fresh(incident.incident_id)
    await show.say(
        f"The {count(now.redriven_count)} held events were driven through the gate again, in order; "
        f"{count(now.quarantined_count - now.redriven_count)} still wait. New ones are healed as they come."
    )
    baked = await follower.tell(incident.incident_id, until=_OVER)
    if baked.state != IncidentState.INCIDENT_STATE_RESOLVED:
        raise StoryBroke(f"The healed stream got worse during the bake: {baked.question}")
    show.progress(None)


def _must_be_promoted(incident: Incident) -> None:
    if incident.state not in _PROMOTED:
        raise StoryBroke(f"The loop should have healed this: {incident.headline} {incident.question}")


def _wrong_program() -> Program:
    """Right name, wrong unit: cents stay cents."""
    return Program(
        guard=[Condition(path="/amount_cents", test=TEST_PRESENT)],
        steps=[Step(rename=RenameStep(source="/amount_cents", target="/amount"))],
    )
