"""Performs acts: each is one or two calls of the API. Used by `feed`, which holds the client.

It decides what takes an act back, because only the answer tells (a fault's id, a source's former rate). Refusals become
`Failed` with the server's own sentence.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from cta.v1 import adapter_service_pb2 as adapter_api
from cta.v1 import analysis_service_pb2 as analysis_api
from cta.v1 import canary_service_pb2 as canary_api
from cta.v1 import event_service_pb2 as event_api
from cta.v1 import fault_service_pb2 as fault_api
from cta.v1 import incident_service_pb2 as incident_api
from cta.v1 import run_service_pb2 as run_api
from cta.v1 import signature_service_pb2 as signature_api
from cta.v1 import source_service_pb2 as source_api
from cta.v1 import stream_service_pb2 as stream_api
from cta.v1 import system_service_pb2 as system_api
from cta.v1.event_pb2 import OUTCOME_KIND_HEALED
from cta.v1.source_pb2 import SOURCE_KIND_GENERATOR, Fault, Source
from cta.v1.stream_pb2 import Autonomy, Policy, Stream
from cta_client.channel import Client
from cta_client.cli.words import body, count, plain
from cta_client.errors import ClientError
from cta_tui import acts, convert, facts, messages
from cta_tui.acts import Act, Done, Failed

Tell = Callable[[messages.Message], None]

HELD_SHOWN: Final = 200
"""Rows of the quarantine that are fetched: its head; the total stands beside it."""
TRIALS: Final = 50
"""Recorded events among which one is looked for that the adapter heals."""


class Calls:
    """The verbs of one server."""

    def __init__(self, client: Client, tell: Tell, *, actor: str, folder: Path) -> None:
        self._client, self._tell, self._actor, self._folder = client, tell, actor, folder

    async def perform(self, act: Act) -> Done:
        """Does it. Raises `Failed`."""
        try:
            return await self._perform(act)
        except ClientError as error:
            raise Failed(str(error)) from error

    async def _perform(self, act: Act) -> Done:
        match act:
            case acts.Approve() | acts.Reject() | acts.Close():
                return await self._decide(act)
            case acts.ApplyFix():
                return await self._apply(act)
            case acts.Analyse(incident_id=key):
                found = await self._client.analysis.AnalyzeIncident(
                    analysis_api.AnalyzeIncidentRequest(incident_id=key)
                )
                self._tell(messages.ReportCame(report=convert.report(found.report)))
                return Done(words="Analysed again; the incident did not move.")
            case acts.RunCanary():
                return await self._canary(act)
            case acts.Promote() | acts.RollBack() | acts.ClearAdapters() | acts.ExportAdapter() | acts.TryAdapter():
                return await self._adapter(act)
            case acts.Redrive():
                return await self._redrive(act)
            case acts.SetAutonomy() | acts.Learn():
                return await self._stream(act)
            case acts.SetKillSwitch(engaged=engaged):
                await self._client.system.SetKillSwitch(
                    system_api.SetKillSwitchRequest(engaged=engaged, actor=self._actor, comment="control room")
                )
                words = "Halted: nothing is promoted or redriven." if engaged else "Released: the loop goes on."
                return Done(words=words)
            case acts.StartSource() | acts.StopSource() | acts.SetRate():
                return await self._source(act)
            case acts.Inject() | acts.ClearFaults():
                return await self._fault(act)
            case acts.DeleteSignature(signature_id=key):
                await self._client.signatures.DeleteSignature(
                    signature_api.DeleteSignatureRequest(signature_id=key, actor=self._actor)
                )
                return Done(words="Forgotten.")
            case acts.FetchRun(run_id=key):
                answer = await self._client.runs.GetRun(run_api.GetRunRequest(run_id=key))
                self._tell(messages.RunsCame(runs=(convert.run(answer.run),)))
                return Done()
            case acts.FetchHeld(stream_id=key):
                page = await self._client.events.ListQuarantined(
                    event_api.ListQuarantinedRequest(stream_id=key, page_size=HELD_SHOWN)
                )
                rows = tuple(convert.held(each) for each in page.events)
                self._tell(messages.HeldCame(events=rows, total=page.held_count))
                return Done()
            case _:
                raise Failed(f"This version cannot do {type(act).__name__}.")

    async def _decide(self, act: acts.Approve | acts.Reject | acts.Close) -> Done:
        incidents = self._client.incidents
        match act:
            case acts.Approve(incident_id=key, revision=revision):
                request = incident_api.ApproveFixRequest(incident_id=key, expected_revision=revision, actor=self._actor)
                moved = (await incidents.ApproveFix(request)).incident
                words = "Approved: in force, what was held is redriven."
                if convert.incident(moved).state == "CANARY":
                    words = "Approved: the canary runs."
                done = Done(words=words)
            case acts.Reject(incident_id=key, revision=revision, reason=reason):
                # No undo: choosing the adapter again would count as approving it.
                rejecting = incident_api.RejectFixRequest(
                    incident_id=key, expected_revision=revision, actor=self._actor, comment=reason
                )
                moved = (await incidents.RejectFix(rejecting)).incident
                done = Done(words="Rejected: the events stay held. p brings a fix again.")
            case acts.Close(incident_id=key, revision=revision):
                closing = incident_api.ResolveIncidentRequest(
                    incident_id=key, expected_revision=revision, actor=self._actor, comment="closed in the control room"
                )
                moved = (await incidents.ResolveIncident(closing)).incident
                done = Done(words="Closed.")
        self._tell(messages.IncidentsCame(incidents=(convert.incident(moved),)))
        return done

    async def _apply(self, act: acts.ApplyFix) -> Done:
        request = incident_api.ApplyFixRequest(
            incident_id=act.incident_id,
            expected_revision=act.revision,
            reading=act.reading,
            adapter_id=act.adapter_id,
            actor=self._actor,
        )
        last = ""
        async for phase in self.phases(request):
            last = phase.state
        words = {"PROMOTED": "Promoted.", "AWAITING APPROVAL": "Proved: it waits for your word."}
        return Done(words=words.get(last, f"The loop ended at {last.lower()}."))

    async def phases(self, request: incident_api.ApplyFixRequest) -> AsyncIterator[facts.IncidentFact]:
        """The phases of ApplyFix; what each brings is told."""
        async for phase in self._client.incidents.ApplyFix(request):
            if phase.HasField("report"):
                self._tell(messages.ReportCame(report=convert.report(phase.report)))
            if phase.HasField("adapter"):
                self._tell(messages.AdaptersCame(adapters=(convert.adapter(phase.adapter),)))
            if phase.HasField("canary"):
                self._tell(messages.CanaryCame(canary=convert.canary(phase.canary)))
            moved = convert.incident(phase.incident)
            self._tell(messages.IncidentsCame(incidents=(moved,)))
            yield moved

    async def _canary(self, act: acts.RunCanary) -> Done:
        last = facts.CanaryFact(canary_id="")
        async for answer in self._client.canaries.RunCanary(canary_api.RunCanaryRequest(adapter_id=act.adapter_id)):
            last = convert.canary(answer.canary)
            self._tell(messages.CanaryCame(canary=last))
        return Done(words=f"Canary: {last.verdict.lower()}. {last.reasons[0] if last.reasons else ''}".strip())

    async def _adapter(
        self, act: acts.Promote | acts.RollBack | acts.ClearAdapters | acts.ExportAdapter | acts.TryAdapter
    ) -> Done:
        adapters = self._client.adapters
        match act:
            case acts.Promote(adapter_id=key, revision=revision):
                request = adapter_api.PromoteAdapterRequest(
                    adapter_id=key, expected_revision=revision, actor=self._actor
                )
                changed = (await adapters.PromoteAdapter(request)).adapter
                words = "In force."
            case acts.RollBack(adapter_id=key, revision=revision):
                answer = await adapters.RollBackAdapter(
                    adapter_api.RollBackAdapterRequest(
                        adapter_id=key, expected_revision=revision, actor=self._actor, comment="control room"
                    )
                )
                changed, words = answer.adapter, "Rolled back: the former state is in force."
            case acts.ClearAdapters(stream_id=key):
                cleared = await adapters.ClearAdapters(
                    adapter_api.ClearAdaptersRequest(stream_id=key, actor=self._actor, comment="control room")
                )
                return Done(words=f"{cleared.cleared_count} taken out of force.")
            case acts.ExportAdapter(adapter_id=key):
                file = await adapters.ExportAdapter(adapter_api.ExportAdapterRequest(adapter_id=key))
                # The server names the file; only its last part may decide where it lands.
                path = self._folder / Path(file.file_name).name
                path.write_bytes(file.file)
                return Done(words=f"Written to {path}.")
            case acts.TryAdapter(adapter_id=key):
                await self._try(key)
                return Done()
        self._tell(messages.AdaptersCame(adapters=(convert.adapter(changed),)))
        return Done(words=words)

    async def _try(self, adapter_id: str) -> None:
        answer = await self._client.adapters.TestAdapter(
            adapter_api.TestAdapterRequest(adapter_id=adapter_id, limit=TRIALS)
        )
        healed = [each for each in answer.trials if each.kind == OUTCOME_KIND_HEALED]
        for each in healed[:1]:
            trial = facts.TrialFact(
                adapter_id=adapter_id,
                before=plain(body(each.before)),
                after=plain(body(each.after)),
                kind="HEALED",
                message=plain(each.message),
            )
            self._tell(messages.TrialCame(trial=trial))

    async def _redrive(self, act: acts.Redrive) -> Done:
        answer = await self._client.events.RedriveQuarantined(
            event_api.RedriveQuarantinedRequest(
                stream_id=act.stream_id, incident_id=act.incident_id, dry_run=act.dry_run, actor=self._actor
            )
        )
        passed, stay = count(answer.redriven_count), count(answer.held_count)
        if act.dry_run:
            return Done(words=f"{passed} would pass and be delivered, {stay} would stay held.")
        return Done(words=f"{passed} redriven and delivered, {stay} stay held.")

    async def _stream(self, act: acts.SetAutonomy | acts.Learn) -> Done:
        if isinstance(act, acts.Learn):
            answer = await self._client.streams.LearnBaseline(
                stream_api.LearnBaselineRequest(stream_id=act.stream_id, actor=self._actor)
            )
            return Done(words=f"Learned from {count(answer.event_count)} healthy events.")
        policy = Policy(autonomy=Autonomy.Value(f"AUTONOMY_{act.autonomy}"))
        changed = await self._client.streams.UpdateStream(
            stream_api.UpdateStreamRequest(
                stream=Stream(stream_id=act.stream_id, policy=policy),
                update_mask=FieldMask(paths=["policy.autonomy"]),
                expected_revision=act.revision,
                actor=self._actor,
            )
        )
        undo = acts.SetAutonomy(
            stream_id=act.stream_id, revision=changed.stream.revision, autonomy=act.former, former=act.autonomy
        )
        return Done(words=f"{act.stream_id}: {act.autonomy}.", undo=(undo,) if act.former else ())

    async def _source(self, act: acts.StartSource | acts.StopSource | acts.SetRate) -> Done:
        sources = self._client.sources
        match act:
            case acts.StartSource(source_id="", stream_id=stream_id, population=population, rate=rate):
                made = Source(stream_id=stream_id, kind=SOURCE_KIND_GENERATOR, population=population, rate=rate)
                found = (await sources.StartSource(source_api.StartSourceRequest(source=made))).source
                undo = (acts.StopSource(source_id=found.source_id),)
                return Done(words=f"A new source sends {population} to {stream_id}.", undo=undo)
            case acts.StartSource(source_id=key):
                again = source_api.StartSourceRequest(source=Source(source_id=key))
                await sources.StartSource(again)
                return Done(words="Started.", undo=(acts.StopSource(source_id=key),))
            case acts.StopSource(source_id=key):
                await sources.StopSource(source_api.StopSourceRequest(source_id=key))
                return Done(words="Stopped.", undo=(acts.StartSource(source_id=key),))
            case acts.SetRate(source_id=key, rate=rate):
                before = (await sources.StopSource(source_api.StopSourceRequest(source_id=key))).source
                after = Source()
                after.CopyFrom(before)
                after.rate = rate
                await sources.StartSource(source_api.StartSourceRequest(source=after))
                undo_rate = acts.SetRate(source_id=key, rate=before.rate)
                return Done(words=f"{count(rate)} events a second.", undo=(undo_rate,))

    async def _fault(self, act: acts.Inject | acts.ClearFaults) -> Done:
        faults = self._client.faults
        if isinstance(act, acts.Inject):
            fault = Fault(source_id=act.source_id, kind=act.kind, path=act.path, share=act.share, seed=act.seed)
            ParseDict(json.loads(act.parameters), fault.parameters)
            put = (await faults.InjectFault(fault_api.InjectFaultRequest(fault=fault))).fault
            undo = acts.ClearFaults(source_id=act.source_id, fault_id=put.fault_id)
            return Done(words=f"Injected: {plain(put.words)}", undo=(undo,))
        standing = await faults.ListFaults(fault_api.ListFaultsRequest(source_id=act.source_id))
        taken = [each for each in standing.faults if act.fault_id in ("", each.fault_id)]
        # The server reads `fault_id` alone, or `source_id` alone.
        only = {"fault_id": act.fault_id} if act.fault_id else {"source_id": act.source_id}
        cleared = await faults.ClearFaults(fault_api.ClearFaultsRequest(**only))
        return Done(
            words=f"{cleared.cleared_count} faults cleared: the producer is as it was.",
            undo=tuple(_again(convert.fault(each)) for each in taken),
        )


def _again(fault: facts.FaultFact) -> acts.Inject:
    return acts.Inject(
        source_id=fault.source_id,
        kind=fault.kind,
        path=fault.path,
        parameters=fault.parameters,
        share=fault.share,
        seed=fault.seed,
    )
