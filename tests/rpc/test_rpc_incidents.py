"""IncidentService, AnalysisService and SignatureService over a real channel: the loop driven and looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from cta.v1 import (
    adapter_service_pb2,
    analysis_service_pb2,
    canary_pb2,
    event_pb2,
    event_service_pb2,
    incident_pb2,
    report_pb2,
    run_pb2,
    run_service_pb2,
    signature_service_pb2,
    stream_pb2,
    system_service_pb2,
)
from cta.v1 import incident_service_pb2 as service
from helpers.api import Api, all_of, payments, refused, serving
from helpers.incidents import incident_in, state
from helpers.payments import healthy, renamed
from helpers.watching import proposed

pytestmark = pytest.mark.asyncio(loop_scope="module")

Code = grpc.StatusCode
NewStream = Callable[..., Awaitable[str]]

NOWHERE = "inc_" + "0" * 26
OBSERVE, SUGGEST, APPROVE = stream_pb2.AUTONOMY_OBSERVE, stream_pb2.AUTONOMY_SUGGEST, stream_pb2.AUTONOMY_APPROVE


async def broken(api: Api, new_stream: NewStream, count: int = 400, **policy: Any) -> str:
    """A stream of which so many events arrived with `amt` for `amount`."""
    stream_id = await new_stream(**policy)
    await send(api, stream_id, count)
    return stream_id


async def send(api: Api, stream_id: str, count: int) -> None:
    """Sends events with `amt` for `amount`."""
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=renamed(count)))


async def test_applying_a_fix_streams_every_phase_to_the_end(tmp_path: Path) -> None:
    """On an incident that the loop drives it watches: report and adapter once, canary, redrive, and the end."""
    async with serving(tmp_path) as alone:  # what other tests refused is not remembered there
        api = alone.api
        await payments(api, "s", bake_ms=600_000)  # it bakes long enough to be watched
        await send(api, "s", 400)
        found = await incident_in(api, "s", "DETECTED", "ANALYZING", "CANARY", "PROMOTED")
        seen = await all_of(api.incidents.ApplyFix(service.ApplyFixRequest(incident_id=found.incident_id)))
        last = seen[-1]
        assert state(last.incident) in ("PROMOTED", "RESOLVED")
        assert last.redriven_count == 400
        assert (last.incident.quarantined_count, last.incident.redriven_count) == (400, 400)
        assert last.canary.verdict == canary_pb2.VERDICT_PASS
        assert sum(message.HasField("report") for message in seen) == 1
        assert sum(message.HasField("adapter") for message in seen) == 1
        report = next(message.report for message in seen if message.HasField("report"))
        assert report.decision == report_pb2.DECISION_HEAL
        assert report.fix == "rename /amt to /amount"
        assert [item.state for item in last.incident.marks][:5] == [
            incident_pb2.INCIDENT_STATE_DETECTED,
            incident_pb2.INCIDENT_STATE_ANALYZING,
            incident_pb2.INCIDENT_STATE_PATCHED,
            incident_pb2.INCIDENT_STATE_CANARY,
            incident_pb2.INCIDENT_STATE_PROMOTED,
        ]
        assert all(message.server_time.seconds for message in seen)


async def test_what_was_healed_is_remembered_until_it_is_deleted(tmp_path: Path) -> None:
    """The signature is listed and read, deleted with a decision, and then not found."""
    async with serving(tmp_path) as alone:  # what other tests refused is not remembered there
        api = alone.api
        await payments(api, "s")
        await send(api, "s", 400)
        await incident_in(api, "s", "RESOLVED")
        of_stream = signature_service_pb2.ListSignaturesRequest(stream_id="s")
        for _ in range(500):
            signatures = (await api.signatures.ListSignatures(of_stream)).signatures
            if signatures:
                break
            await asyncio.sleep(0.01)
        (signature,) = signatures
        assert signature.fingerprint
        get = signature_service_pb2.GetSignatureRequest(signature_id=signature.signature_id)
        assert (await api.signatures.GetSignature(get)).signature.program == signature.program
        delete = signature_service_pb2.DeleteSignatureRequest(signature_id=signature.signature_id, actor="ann")
        await api.signatures.DeleteSignature(delete)
        for call in (api.signatures.GetSignature(get), api.signatures.DeleteSignature(delete)):
            refusal = await refused(call)
            assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "SIGNATURE_NOT_FOUND")
        decisions = await api.system.ListDecisions(
            system_service_pb2.ListDecisionsRequest(stream_id=signature.stream_id)
        )
        assert [(d.action, d.actor) for d in decisions.decisions][:1] == [("delete_signature", "ann")]


async def test_a_person_brings_the_fix_of_an_escalated_incident(api: Api, new_stream: NewStream) -> None:
    """adapter_id sends it to its canary, and the stream tells each phase until it is promoted and redriven."""
    stream_id = await broken(api, new_stream, autonomy=OBSERVE)
    found = await incident_in(api, stream_id, "ESCALATED")
    made = await proposed(api, stream_id)
    request = service.ApplyFixRequest(
        incident_id=found.incident_id,
        expected_revision=found.revision,
        adapter_id=made.adapter_id,
        request_id=f"fix-{stream_id}",
        actor="ann",
        comment="it was renamed",
    )
    seen = await all_of(api.incidents.ApplyFix(request))
    assert state(seen[-1].incident) in ("PROMOTED", "RESOLVED")
    assert seen[-1].redriven_count == 400
    assert "ann" in {mark.actor for mark in seen[-1].incident.marks}
    again = await all_of(api.incidents.ApplyFix(request))
    assert [mark.actor for mark in again[-1].incident.marks].count("ann") == [
        mark.actor for mark in seen[-1].incident.marks
    ].count("ann")


async def test_a_fix_that_the_canary_refuses_ends_rolled_back(api: Api, new_stream: NewStream) -> None:
    """A wrong adapter is refused by its canary; the last message has the verdict, and the events stay held."""
    stream_id = await broken(api, new_stream, autonomy=OBSERVE)
    found = await incident_in(api, stream_id, "ESCALATED")
    made = await proposed(api, stream_id)
    wrong = made.program
    wrong.steps.add().scale.CopyFrom(type(wrong.steps[0].scale)(path="/amount", numerator=100))
    bad = await api.adapters.CreateAdapter(adapter_service_pb2.CreateAdapterRequest(stream_id=stream_id, program=wrong))
    request = service.ApplyFixRequest(incident_id=found.incident_id, adapter_id=bad.adapter.adapter_id)
    last = (await all_of(api.incidents.ApplyFix(request)))[-1]
    assert state(last.incident) == "ROLLED_BACK"
    assert last.canary.verdict == canary_pb2.VERDICT_FAIL
    assert last.incident.question
    held = await api.events.ListQuarantined(event_service_pb2.ListQuarantinedRequest(stream_id=stream_id))
    assert held.held_count == 400


async def test_applying_without_a_choice_analyses_again(api: Api, new_stream: NewStream) -> None:
    """On an escalated incident another attempt begins, and the stream ends where a person is asked again."""
    stream_id = await broken(api, new_stream, 30, autonomy=OBSERVE)
    found = await incident_in(api, stream_id, "ESCALATED")
    last = (await all_of(api.incidents.ApplyFix(service.ApplyFixRequest(incident_id=found.incident_id))))[-1]
    assert (state(last.incident), last.incident.attempt) == ("ESCALATED", 2)
    assert last.incident.question


async def test_a_fix_that_cannot_be_applied_is_refused(api: Api, new_stream: NewStream) -> None:
    """Unknown ids, two choices, a reading that is not there, a stale revision, the kill switch, a wrong state."""
    stream_id = await broken(api, new_stream, 30, autonomy=OBSERVE)
    found = await incident_in(api, stream_id, "ESCALATED")

    async def fix(**fields: Any) -> Any:
        fields.setdefault("incident_id", found.incident_id)
        return await refused(api.incidents.ApplyFix(service.ApplyFixRequest(**fields)).read())

    refusal = await fix(incident_id=NOWHERE)
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "INCIDENT_NOT_FOUND")
    refusal = await fix(adapter_id="adp_x")
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "ADAPTER_NOT_FOUND")
    assert set((await fix(adapter_id="adp_x", reading=1)).fields) == {"adapter_id"}
    assert set((await fix(reading=-1)).fields) == {"reading"}
    assert set((await fix(reading=99)).fields) == {"reading"}
    refusal = await fix(expected_revision=1)
    assert (refusal.code, refusal.reason) == (Code.ABORTED, "REVISION_MISMATCH")
    made = await proposed(api, stream_id)
    switch = system_service_pb2.SetKillSwitchRequest(engaged=True, actor="ann")
    await api.system.SetKillSwitch(switch)
    try:
        refusal = await fix(adapter_id=made.adapter_id)
        assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "KILL_SWITCH_ENGAGED")
    finally:
        switch.engaged = False
        await api.system.SetKillSwitch(switch)
    await api.incidents.ResolveIncident(service.ResolveIncidentRequest(incident_id=found.incident_id))
    refusal = await fix()
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "INCIDENT_STATE")
    assert refusal.metadata["state"] == "RESOLVED"


async def test_an_approved_fix_goes_to_its_canary_and_is_promoted(api: Api, new_stream: NewStream) -> None:
    """Under SUGGEST the approval starts the canary; a repeated call gets the first answer."""
    stream_id = await broken(api, new_stream, autonomy=SUGGEST)
    found = await incident_in(api, stream_id, "AWAITING_APPROVAL")
    refusal = await refused(api.incidents.ApplyFix(service.ApplyFixRequest(incident_id=found.incident_id)).read())
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "INCIDENT_STATE")
    assert "ApproveFix" in refusal.message
    request = service.ApproveFixRequest(
        incident_id=found.incident_id,
        expected_revision=found.revision,
        request_id=f"yes-{stream_id}",
        actor="ann",
        comment="looks right",
    )
    first = await api.incidents.ApproveFix(request)
    assert state(first.incident) == "CANARY"
    await incident_in(api, stream_id, "PROMOTED", "RESOLVED")
    assert await api.incidents.ApproveFix(request) == first


async def test_a_rejected_fix_is_not_tried_again(api: Api, new_stream: NewStream) -> None:
    """The incident escalates, its adapter is rejected; the verbs then say INCIDENT_STATE with what is allowed."""
    stream_id = await broken(api, new_stream, autonomy=APPROVE)
    found = await incident_in(api, stream_id, "AWAITING_APPROVAL")
    rejected = await api.incidents.RejectFix(
        service.RejectFixRequest(incident_id=found.incident_id, actor="ann", comment="not this")
    )
    assert state(rejected.incident) == "ESCALATED"
    refusal = await refused(api.incidents.ApproveFix(service.ApproveFixRequest(incident_id=found.incident_id)))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "INCIDENT_STATE")
    assert refusal.metadata == {"state": "ESCALATED", "allowed": "AWAITING_APPROVAL"}
    stale = service.ResolveIncidentRequest(incident_id=found.incident_id, expected_revision=found.revision)
    refusal = await refused(api.incidents.ResolveIncident(stale))
    assert (refusal.code, refusal.reason) == (Code.ABORTED, "REVISION_MISMATCH")
    resolved = await api.incidents.ResolveIncident(service.ResolveIncidentRequest(incident_id=found.incident_id))
    assert state(resolved.incident) == "RESOLVED"
    refusal = await refused(api.incidents.RejectFix(service.RejectFixRequest(incident_id=found.incident_id)))
    assert refusal.reason == "INCIDENT_STATE"


async def test_the_kill_switch_stops_an_approval(api: Api, new_stream: NewStream) -> None:
    """Engaged, ApproveFix is KILL_SWITCH_ENGAGED and the incident stays where it is."""
    stream_id = await broken(api, new_stream, autonomy=APPROVE)
    found = await incident_in(api, stream_id, "AWAITING_APPROVAL")
    switch = system_service_pb2.SetKillSwitchRequest(engaged=True, actor="ann")
    await api.system.SetKillSwitch(switch)
    try:
        refusal = await refused(api.incidents.ApproveFix(service.ApproveFixRequest(incident_id=found.incident_id)))
        assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "KILL_SWITCH_ENGAGED")
    finally:
        switch.engaged = False
        await api.system.SetKillSwitch(switch)
    got = await api.incidents.GetIncident(service.GetIncidentRequest(incident_id=found.incident_id))
    assert state(got.incident) == "AWAITING_APPROVAL"


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    """Every verb on an unknown incident says INCIDENT_NOT_FOUND; reports have their own."""
    for call in (
        api.incidents.GetIncident(service.GetIncidentRequest(incident_id=NOWHERE)),
        api.incidents.ApproveFix(service.ApproveFixRequest(incident_id=NOWHERE)),
        api.incidents.RejectFix(service.RejectFixRequest(incident_id=NOWHERE)),
        api.incidents.ResolveIncident(service.ResolveIncidentRequest(incident_id=NOWHERE)),
        api.analysis.AnalyzeIncident(analysis_service_pb2.AnalyzeIncidentRequest(incident_id=NOWHERE)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "INCIDENT_NOT_FOUND")
        assert refusal.metadata == {"incident_id": NOWHERE}
    refusal = await refused(api.analysis.GetReport(analysis_service_pb2.GetReportRequest(report_id="rep_x")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "REPORT_NOT_FOUND")


async def test_a_walk_over_incidents_shows_each_once_newest_first(api: Api, new_stream: NewStream) -> None:
    """Pages of one, by state; a token of another filter is PAGE_TOKEN_MISMATCH."""
    ids: list[str] = []
    for _ in range(2):
        stream_id = await broken(api, new_stream, 30, autonomy=OBSERVE)
        ids.append((await incident_in(api, stream_id, "ESCALATED")).incident_id)
    states = [incident_pb2.INCIDENT_STATE_ESCALATED]
    seen: list[str] = []
    token = ""
    while True:
        page = await api.incidents.ListIncidents(
            service.ListIncidentsRequest(states=states, page_size=1, page_token=token)
        )
        seen += [incident.incident_id for incident in page.incidents]
        token = page.next_page_token
        if not token:
            break
        wrong = service.ListIncidentsRequest(page_token=token)
        refusal = await refused(api.incidents.ListIncidents(wrong))
        assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")
    assert seen == sorted(seen, reverse=True)
    assert set(ids) <= set(seen)


async def test_an_incident_is_analysed_again_without_moving_it(api: Api, new_stream: NewStream) -> None:
    """The new report is stored and listed, page by page; the incident keeps its revision."""
    stream_id = await broken(api, new_stream, 30, autonomy=OBSERVE)
    found = await incident_in(api, stream_id, "ESCALATED")
    request = analysis_service_pb2.AnalyzeIncidentRequest(incident_id=found.incident_id)
    report = (await api.analysis.AnalyzeIncident(request)).report
    assert (report.incident_id, report.stream_id) == (found.incident_id, stream_id)
    assert report.proposals
    assert report.program.steps
    got = await api.analysis.GetReport(analysis_service_pb2.GetReportRequest(report_id=report.report_id))
    assert got.report == report
    still = await api.incidents.GetIncident(service.GetIncidentRequest(incident_id=found.incident_id))
    assert still.incident.revision == found.revision
    seen: list[str] = []
    token = ""
    while True:
        page = await api.analysis.ListReports(
            analysis_service_pb2.ListReportsRequest(incident_id=found.incident_id, page_size=1, page_token=token)
        )
        seen += [item.report_id for item in page.reports]
        token = page.next_page_token
        if not token:
            break
        wrong = analysis_service_pb2.ListReportsRequest(stream_id=stream_id, page_token=token)
        assert (await refused(api.analysis.ListReports(wrong))).reason == "PAGE_TOKEN_MISMATCH"
    assert seen == [report.report_id, found.report_id]


async def test_a_diagnosis_needs_no_stored_state(api: Api) -> None:
    """Baseline and drifted in, report out, with nothing stored; too few or broken events are named."""
    baseline = [event_pb2.Payload(json=body.decode()) for body in healthy(200)]
    drifted = [event_pb2.Payload(json=body.decode()) for body in renamed(50)]
    answer = await api.analysis.Diagnose(analysis_service_pb2.DiagnoseRequest(baseline=baseline, drifted=drifted))
    report = answer.report
    assert (report.report_id, report.decision) == ("", report_pb2.DECISION_HEAL)
    assert report.program.steps[0].rename.source == "/amt"
    assert report.duration.ToMicroseconds() > 0
    assert (report.baseline_count, report.drifted_count) == (200, 50)
    few = analysis_service_pb2.DiagnoseRequest(baseline=baseline[:9])
    refusal = await refused(api.analysis.Diagnose(few))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"baseline", "drifted"}
    unset = analysis_service_pb2.DiagnoseRequest(baseline=[*baseline[:9], event_pb2.Payload()], drifted=drifted)
    assert set((await refused(api.analysis.Diagnose(unset))).fields) == {"baseline[9]"}
    broken_ = analysis_service_pb2.DiagnoseRequest(baseline=baseline, drifted=drifted, contract_json="{")
    assert (await refused(api.analysis.Diagnose(broken_))).reason == "FIELD_INVALID"
    poison = analysis_service_pb2.DiagnoseRequest(
        baseline=[*baseline[:9], event_pb2.Payload(data=b"\xff")], drifted=drifted
    )
    assert (await refused(api.analysis.Diagnose(poison))).reason == "FIELD_INVALID"
    blank = analysis_service_pb2.DiagnoseRequest(
        baseline=[event_pb2.Payload(json="{}")] * 10, drifted=[event_pb2.Payload(data=b"\xff")]
    )
    refusal = await refused(api.analysis.Diagnose(blank))
    assert (refusal.code, set(refusal.fields)) == (Code.INVALID_ARGUMENT, {"baseline", "drifted"})


async def test_an_analysis_without_a_baseline_says_so(api: Api, new_stream: NewStream) -> None:
    """NO_BASELINE where nothing healthy is known."""
    stream_id = await broken(api, new_stream, 30, learned=0)
    found = await incident_in(api, stream_id, "ESCALATED")
    request = analysis_service_pb2.AnalyzeIncidentRequest(incident_id=found.incident_id)
    refusal = await refused(api.analysis.AnalyzeIncident(request))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_BASELINE")


def trace_of(number: int, field: str, *, raises: bool) -> list[run_pb2.TraceEvent]:
    """One event through two stages, the second of which may raise."""
    parsed = run_pb2.TraceEvent(
        kind=run_pb2.TRACE_KIND_STEP,
        stage="parse",
        event_id=f"e{number}",
        input_json=f'{{"text":"t{number}"}}',
        output_json=f'{{"id":"e{number}","{field}":{number}.5}}',
    )
    booked = run_pb2.TraceEvent(kind=run_pb2.TRACE_KIND_STEP, stage="book", event_id=f"e{number}")
    if raises:
        booked = run_pb2.TraceEvent(
            kind=run_pb2.TRACE_KIND_ERROR, stage="book", event_id=f"e{number}", error_type="KeyError", message="'sum'"
        )
    return [parsed, booked]


async def test_a_failed_run_names_its_primary_stage(api: Api, new_stream: NewStream) -> None:
    """AnalyzeRun blames the stage whose output changed and not the one that raised; without healthy runs it says so."""
    stream_id = await new_stream()

    async def recorded(field: str, *, raises: bool) -> str:
        trace = [entry for number in range(40) for entry in trace_of(number, field, raises=raises)]
        run = run_pb2.Run(stream_id=stream_id, event_count=40, failed_count=40 * raises, trace=trace)
        return (await api.runs.RecordRun(run_service_pb2.RecordRunRequest(run=run))).run.run_id

    async def analyzed(run_id: str) -> report_pb2.Report:
        answer = await api.analysis.AnalyzeRun(analysis_service_pb2.AnalyzeRunRequest(run_id=run_id))
        return answer.report

    alone = analysis_service_pb2.AnalyzeRunRequest(run_id=await recorded("total", raises=True))
    refusal = await refused(api.analysis.AnalyzeRun(alone))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_BASELINE")
    await recorded("sum", raises=False)
    report = await analyzed(await recorded("total", raises=True))
    assert (report.cause.stage, report.cause.path) == ("parse", "/sum")
    kept = await api.analysis.GetReport(analysis_service_pb2.GetReportRequest(report_id=report.report_id))
    assert kept.report == report
    own = await analyzed(await recorded("sum", raises=True))
    assert (own.cause.stage, own.decision) == ("book", report_pb2.DECISION_ESCALATE)
    empty = await api.runs.RecordRun(run_service_pb2.RecordRunRequest(run=run_pb2.Run(stream_id=stream_id)))
    refusal = await refused(api.analysis.AnalyzeRun(analysis_service_pb2.AnalyzeRunRequest(run_id=empty.run.run_id)))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NO_EVENTS")
    refusal = await refused(api.analysis.AnalyzeRun(analysis_service_pb2.AnalyzeRunRequest(run_id="run_x")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "RUN_NOT_FOUND")


async def test_a_token_that_is_none_is_refused(api: Api) -> None:
    """INVALID_ARGUMENT PAGE_TOKEN_MISMATCH, and no silence."""
    refusal = await refused(
        api.signatures.ListSignatures(signature_service_pb2.ListSignaturesRequest(page_token="%%%"))  # noqa: S106
    )
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")
