"""Messages of the API into facts of the screen. Used by `feed` and `calls` only.

Enum values become their words; values that this version does not know keep their number, so that a newer server can be
watched. Payload text is made harmless for a terminal here, once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from google.protobuf.json_format import MessageToDict

from cta.v1.adapter_pb2 import Adapter, AdapterState, Condition, Test
from cta.v1.adapter_service_pb2 import Worker, WorkerState
from cta.v1.canary_pb2 import Canary, Verdict
from cta.v1.event_pb2 import DeliveredEvent, OutcomeKind, QuarantinedEvent, QuarantineReason
from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.report_pb2 import Decision, Method, Report, Severity
from cta.v1.run_pb2 import Run, TraceKind, TraceNote
from cta.v1.signature_pb2 import Signature
from cta.v1.source_pb2 import Fault, Source, SourceKind, SourceState
from cta.v1.stream_pb2 import Autonomy, Stream, StreamState
from cta.v1.system_service_pb2 import ArchiveStats, DecisionEntry, GetServerInfoResponse, Stats
from cta_client.cli.words import body, plain, word
from cta_client.seconds import seconds
from cta_tui import facts


def stream(found: Stream) -> facts.StreamFact:
    """A stream."""
    policy = found.policy
    return facts.StreamFact(
        stream_id=found.stream_id,
        revision=found.revision,
        state=word(StreamState, found.state),
        autonomy=word(Autonomy, policy.autonomy) or "AUTONOMOUS",
        silent_autonomy=word(Autonomy, policy.silent_autonomy) or "APPROVE",
        consumer=found.consumer,
        description=plain(found.description),
        active=tuple(found.active_adapter_ids),
        events=found.event_count,
        healthy=found.healthy_count,
        healed=found.healed_count,
        quarantined=found.quarantined_count,
        held=found.held_count,
    )


def incident(found: Incident) -> facts.IncidentFact:
    """An incident."""
    return facts.IncidentFact(
        incident_id=found.incident_id,
        revision=found.revision,
        stream_id=found.stream_id,
        state=word(IncidentState, found.state),
        severity=word(Severity, found.severity),
        headline=plain(found.headline),
        stage=found.stage,
        method=word(Method, found.method),
        confidence=found.confidence,
        report_id=found.report_id,
        adapter_id=found.adapter_id,
        canary_id=found.canary_id,
        question=plain(found.question),
        attempt=found.attempt,
        opened=seconds(found.create_time),
        updated=seconds(found.update_time),
        marks=tuple(
            facts.MarkFact(
                state=word(IncidentState, mark.state), time=seconds(mark.time), actor=mark.actor, why=plain(mark.why)
            )
            for mark in found.marks
        ),
        held=found.quarantined_count,
        redriven=found.redriven_count,
    )


def report(found: Report) -> facts.ReportFact:
    """A report."""
    return facts.ReportFact(
        report_id=found.report_id,
        incident_id=found.incident_id,
        decision=word(Decision, found.decision),
        method=word(Method, found.method),
        confidence=found.confidence,
        cause=plain(found.cause.sentence),
        stage=found.cause.stage,
        path=found.cause.path,
        fix=plain(found.fix),
        question=plain(found.question),
        symptoms=tuple(
            facts.NoteFact(name=each.symptom_id, text=plain(f"{each.path} {each.message}"), weight=each.share)
            for each in found.symptoms
        ),
        evidence=tuple(
            facts.NoteFact(name=each.evidence_id, text=plain(each.text), weight=each.weight, good=each.weight >= 0)
            for each in found.evidence
        ),
        whys=tuple(plain(each) for each in found.whys),
        proposals=tuple(
            facts.ProposalFact(
                target=each.target,
                words=plain(each.words),
                confidence=each.confidence,
                runner_up=plain(each.runner_up),
                vetoes=tuple(plain(veto) for veto in each.vetoes),
            )
            for each in found.proposals
        ),
        readings=tuple(
            facts.ReadingFact(
                label=plain(each.label),
                confidence=each.confidence,
                before=plain(each.example_before),
                after=plain(each.example_after),
            )
            for each in found.readings
        ),
        proof=tuple(facts.NoteFact(name=each.name, text=plain(each.text), good=each.passed) for each in found.proof),
        before=plain(found.test_case.before),
        after=plain(found.test_case.after),
        baseline=found.baseline_count,
        drifted=found.drifted_count,
        seconds=seconds(found.duration),
    )


def adapter(found: Adapter) -> facts.AdapterFact:
    """An adapter."""
    return facts.AdapterFact(
        adapter_id=found.adapter_id,
        revision=found.revision,
        stream_id=found.stream_id,
        state=word(AdapterState, found.state),
        words=tuple(plain(each) for each in found.words),
        guard=tuple(condition(each) for each in found.program.guard),
        incident_id=found.incident_id,
        author=plain(found.author),
        comment=plain(found.comment),
        loss=plain(found.loss),
        healed=found.healed_count,
        created=seconds(found.create_time),
    )


def worker(found: Worker) -> facts.WorkerFact:
    """A consumer that applies adapters itself."""
    return facts.WorkerFact(
        worker_id=plain(found.worker_id),
        stream_ids=tuple(found.stream_ids),
        state=word(WorkerState, found.state),
        applied=found.applied_revision,
        wanted=found.wanted_revision,
        last=seconds(found.last_time),
        error=plain(found.error_message),
        offers=tuple(each.stream_id for each in found.offers),
    )


def condition(found: Condition) -> str:
    """A condition of a guard in words."""
    values = ", ".join(json.dumps(MessageToDict(each), ensure_ascii=False) for each in found.values)
    lowest = f"{found.minimum:g}" if found.HasField("minimum") else "any"
    highest = f"{found.maximum:g}" if found.HasField("maximum") else "any"
    told = {
        "PRESENT": "is there",
        "ABSENT": "is not there",
        "TYPE": f"is {' or '.join(found.types)}",
        "EQUALS": f"is one of {values}",
        "BETWEEN": f"lies between {lowest} and {highest}",
        "MATCHES": f"matches {found.pattern}",
    }.get(word(Test, found.test), word(Test, found.test))
    return plain(f"{found.path} {told}")


def canary(found: Canary) -> facts.CanaryFact:
    """A canary."""
    return facts.CanaryFact(
        canary_id=found.canary_id,
        stream_id=found.stream_id,
        incident_id=found.incident_id,
        adapter_id=found.adapter_id,
        verdict=word(Verdict, found.verdict),
        reasons=tuple(plain(each) for each in found.reasons),
        drifted=found.drifted_count,
        failed=found.failed_count,
        healthy=found.healthy_count,
        harmed=found.harmed_count,
        needed=found.needed_count,
        error_rate=found.error_rate,
        error_bound=found.error_bound,
        p95=seconds(found.p95),
        parity=found.parity,
        parity_text=plain(found.parity_text),
        seconds=seconds(found.duration),
        failures=tuple(
            facts.NoteFact(name=each.stage, text=plain(each.message), weight=each.count, good=False)
            for each in found.failures
        ),
    )


def events(found: Iterable[DeliveredEvent], number: int) -> tuple[facts.EventFact, ...]:
    """Events of the tail, numbered from `number` on."""
    return tuple(
        facts.EventFact(
            key=f"{number + place}",
            stream_id=each.stream_id,
            event_id=each.event_id,
            kind=word(OutcomeKind, each.kind),
            body=plain(body(each.payload)),
            original=plain(body(each.original)),
            adapter_id=each.adapter_id,
            reason=word(QuarantineReason, each.reason),
            message=plain(each.message),
            redriven=each.redriven,
            time=seconds(each.time),
        )
        for place, each in enumerate(found)
    )


def held(found: QuarantinedEvent) -> facts.EventFact:
    """An event of the quarantine."""
    return facts.EventFact(
        key=f"q{found.position}",
        stream_id=found.stream_id,
        event_id=found.event_id,
        kind="QUARANTINED",
        body=plain(body(found.payload)),
        reason=word(QuarantineReason, found.reason),
        message=plain(found.message),
        masked=found.masked,
        time=seconds(found.arrive_time),
    )


def signature(found: Signature) -> facts.SignatureFact:
    """A signature."""
    return facts.SignatureFact(
        signature_id=found.signature_id,
        stream_id=found.stream_id,
        headline=plain(found.headline),
        created=seconds(found.create_time),
        updated=seconds(found.update_time),
        hits=found.hit_count,
        confirmed=found.confirmed_count,
        refused=found.refused_count,
        retired=found.retired,
        merged=bool(found.merged_into),
    )


STACK_LINES = 3
"""Of a stack the last lines are shown: there it broke."""


def run(found: Run) -> facts.RunFact:
    """A run."""
    return facts.RunFact(
        run_id=found.run_id,
        stream_id=found.stream_id,
        time=seconds(found.create_time),
        events=found.event_count,
        failed=found.failed_count,
        seconds=seconds(found.duration),
        rerun_of=found.rerun_of,
        adapter_id=found.adapter_id,
        trace_id=plain(found.trace_id),
        recorded=found.recorded_count,
        trace=tuple(
            facts.TraceFact(
                kind=word(TraceKind, each.kind),
                stage=plain(each.stage),
                event_id=plain(each.event_id),
                time=seconds(each.time),
                seconds=seconds(each.duration),
                tool=plain(each.tool),
                error=plain(each.error_type),
                message=plain(each.message),
                given=plain(each.input_json),
                made=plain(each.output_json),
                span_id=each.span_id,
                parent_id=each.parent_span_id,
                attributes=plain(each.attributes_json),
                stack=" · ".join(plain(line.strip()) for line in each.stacktrace.splitlines()[-STACK_LINES:]),
                notes=tuple(plain(_note(note)) for note in each.notes if note.name != "exception"),
            )
            for each in found.trace
        ),
    )


def _note(found: TraceNote) -> str:
    return ": ".join(filter(None, (found.name, found.message, found.attributes_json)))


def source(found: Source) -> facts.SourceFact:
    """A source."""
    return facts.SourceFact(
        source_id=found.source_id,
        stream_id=found.stream_id,
        kind=word(SourceKind, found.kind),
        population=found.population,
        file=found.file,
        rate=found.rate,
        limit=found.limit,
        seed=found.seed,
        state=word(SourceState, found.state),
        error=plain(found.error),
        sent=found.sent_count,
        measured=found.measured_rate,
    )


def fault(found: Fault) -> facts.FaultFact:
    """A fault."""
    return facts.FaultFact(
        fault_id=found.fault_id,
        source_id=found.source_id,
        kind=found.kind,
        path=found.path,
        words=plain(found.words),
        parameters=json.dumps(MessageToDict(found.parameters)),
        share=found.share,
        seed=found.seed,
    )


def decision(found: DecisionEntry) -> facts.DecisionFact:
    """A decision."""
    return facts.DecisionFact(
        position=found.position,
        time=seconds(found.time),
        actor=plain(found.actor),
        action=found.action,
        stream_id=found.stream_id,
        incident_id=found.incident_id,
        adapter_id=found.adapter_id,
        why=plain(found.why),
    )


def stats(found: Stats) -> facts.StatsFact:
    """The counts."""
    return facts.StatsFact(
        uptime=seconds(found.uptime),
        events=found.event_count,
        healthy=found.healthy_count,
        healed=found.healed_count,
        quarantined=found.quarantined_count,
        held=found.held_count,
        redriven=found.redriven_count,
        streams=found.stream_count,
        open=found.open_incident_count,
        waiting=found.waiting_incident_count,
        rate=found.event_rate,
        halted=found.kill_switch_engaged,
        signatures=found.signature_count,
        archive=archive(found.archive),
        webhooks=found.webhook_count,
        webhooks_failing=found.failing_webhook_count,
    )


def archive(found: ArchiveStats) -> facts.ArchiveFact:
    """The archive's state; a server that does not tell has none."""
    return facts.ArchiveFact(
        engine=plain(found.engine),
        away=bool(found.engine) and not found.reachable,
        rows=found.spooled_rows,
        size=found.spooled_bytes,
        age=seconds(found.oldest_age),
        dropped=found.dropped_count,
        aside=found.set_aside_count,
        error=plain(found.last_error),
    )


def info(found: GetServerInfoResponse) -> facts.InfoFact:
    """What the server is."""
    return facts.InfoFact(
        version=found.version,
        api=tuple(found.api_versions),
        features=tuple(found.features),
        settings=tuple(
            facts.SettingFact(key=each.key, value=plain(each.value), origin=each.origin) for each in found.config
        ),
        populations=tuple(found.populations),
    )
