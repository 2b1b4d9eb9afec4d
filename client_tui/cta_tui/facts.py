"""What the screen knows of the server's things: frozen values, free of protobuf.

One struct a noun of the API, with the fields that some widget shows. `convert` makes them out of messages; the model
keeps them; nothing here decides anything. Times are seconds since the epoch on the server's clock, 0.0 for none.
"""

from __future__ import annotations

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all: values that never change."""


class StreamFact(Fact, frozen=True, kw_only=True):
    """A stream with its counts since the server started."""

    stream_id: str
    revision: int = 0
    state: str = ""
    """LEARNING, HEALTHY, HEALED or INCIDENT."""
    autonomy: str = "AUTONOMOUS"
    silent_autonomy: str = "APPROVE"
    consumer: str = ""
    description: str = ""
    active: tuple[str, ...] = ()
    """Adapters in force, newest first."""
    events: int = 0
    healthy: int = 0
    healed: int = 0
    quarantined: int = 0
    held: int = 0
    """Events that wait in the quarantine now."""


class MarkFact(Fact, frozen=True, kw_only=True):
    """A state that an incident entered."""

    state: str
    time: float = 0.0
    actor: str = ""
    why: str = ""


class IncidentFact(Fact, frozen=True, kw_only=True):
    """An incident."""

    incident_id: str
    revision: int = 0
    stream_id: str = ""
    state: str = ""
    severity: str = ""
    headline: str = ""
    stage: str = ""
    method: str = ""
    confidence: float = 0.0
    report_id: str = ""
    adapter_id: str = ""
    canary_id: str = ""
    question: str = ""
    attempt: int = 1
    opened: float = 0.0
    updated: float = 0.0
    marks: tuple[MarkFact, ...] = ()
    held: int = 0
    """Events that it put into the quarantine so far."""
    redriven: int = 0


class NoteFact(Fact, frozen=True, kw_only=True):
    """A numbered sentence: a symptom, a fact, a check."""

    name: str
    text: str
    weight: float = 0.0
    """Log-odds of a fact; negative speaks against."""
    good: bool = True


class ProposalFact(Fact, frozen=True, kw_only=True):
    """What mends one field."""

    target: str
    words: str
    confidence: float = 0.0
    runner_up: str = ""
    vetoes: tuple[str, ...] = ()


class ReadingFact(Fact, frozen=True, kw_only=True):
    """One of several ways to read the same events."""

    label: str
    confidence: float = 0.0
    before: str = ""
    after: str = ""


class ReportFact(Fact, frozen=True, kw_only=True):
    """What an analysis found."""

    report_id: str
    incident_id: str = ""
    decision: str = ""
    method: str = ""
    confidence: float = 0.0
    cause: str = ""
    stage: str = ""
    path: str = ""
    fix: str = ""
    question: str = ""
    symptoms: tuple[NoteFact, ...] = ()
    evidence: tuple[NoteFact, ...] = ()
    whys: tuple[str, ...] = ()
    proposals: tuple[ProposalFact, ...] = ()
    readings: tuple[ReadingFact, ...] = ()
    proof: tuple[NoteFact, ...] = ()
    before: str = ""
    after: str = ""
    baseline: int = 0
    drifted: int = 0
    seconds: float = 0.0


class AdapterFact(Fact, frozen=True, kw_only=True):
    """An adapter's revision."""

    adapter_id: str
    revision: int = 0
    stream_id: str = ""
    state: str = ""
    words: tuple[str, ...] = ()
    guard: tuple[str, ...] = ()
    incident_id: str = ""
    author: str = ""
    comment: str = ""
    loss: str = ""
    healed: int = 0
    created: float = 0.0


class WorkerFact(Fact, frozen=True, kw_only=True):
    """A consumer that applies adapters in its own process."""

    worker_id: str
    stream_ids: tuple[str, ...] = ()
    """Streams that it watches; empty: all."""
    state: str = ""
    applied: int = 0
    """Revision that it applies."""
    wanted: int = 0
    """Revision that is in force."""
    last: float = 0.0
    error: str = ""
    offers: tuple[str, ...] = ()
    """Streams whose canaries it offers to run in its own process."""


class CanaryFact(Fact, frozen=True, kw_only=True):
    """A canary so far, or with its verdict."""

    canary_id: str
    stream_id: str = ""
    incident_id: str = ""
    adapter_id: str = ""
    verdict: str = ""
    """PASS, FAIL, INCONCLUSIVE, ERROR; empty while it runs."""
    reasons: tuple[str, ...] = ()
    drifted: int = 0
    failed: int = 0
    healthy: int = 0
    harmed: int = 0
    needed: int = 0
    error_rate: float = 0.0
    error_bound: float = 0.0
    p95: float = 0.0
    parity: bool = True
    parity_text: str = ""
    seconds: float = 0.0
    failures: tuple[NoteFact, ...] = ()


class TrialFact(Fact, frozen=True, kw_only=True):
    """A real event before and after an adapter, in a dry run."""

    adapter_id: str
    before: str = ""
    after: str = ""
    kind: str = ""
    message: str = ""


class EventFact(Fact, frozen=True, kw_only=True):
    """An event that passed the gate, or waits in the quarantine."""

    key: str
    """Names the row: position or arrival number, and id."""
    stream_id: str = ""
    event_id: str = ""
    kind: str = ""
    """HEALTHY, HEALED or QUARANTINED."""
    body: str = ""
    original: str = ""
    adapter_id: str = ""
    reason: str = ""
    message: str = ""
    redriven: bool = False
    masked: bool = False
    """Its body is a copy, in which the stream hides fields."""
    time: float = 0.0


class SignatureFact(Fact, frozen=True, kw_only=True):
    """What the loop has learned."""

    signature_id: str
    stream_id: str = ""
    headline: str = ""
    created: float = 0.0
    updated: float = 0.0
    hits: int = 0
    confirmed: int = 0
    refused: int = 0
    retired: bool = False
    merged: bool = False


class TraceFact(Fact, frozen=True, kw_only=True):
    """One entry of a run's trace."""

    kind: str
    stage: str = ""
    event_id: str = ""
    time: float = 0.0
    seconds: float = 0.0
    tool: str = ""
    error: str = ""
    message: str = ""
    given: str = ""
    made: str = ""
    span_id: str = ""
    parent_id: str = ""
    attributes: str = ""
    stack: str = ""
    notes: tuple[str, ...] = ()
    """What was noted meanwhile, a line each."""


class RunFact(Fact, frozen=True, kw_only=True):
    """One pass of a batch through a consumer's stages."""

    run_id: str
    stream_id: str = ""
    time: float = 0.0
    events: int = 0
    failed: int = 0
    seconds: float = 0.0
    rerun_of: str = ""
    adapter_id: str = ""
    trace_id: str = ""
    recorded: int = 0
    """Events of which the trace holds what the stages took and gave."""
    trace: tuple[TraceFact, ...] = ()


class SourceFact(Fact, frozen=True, kw_only=True):
    """A source."""

    source_id: str
    stream_id: str = ""
    kind: str = ""
    population: str = ""
    file: str = ""
    rate: float = 0.0
    limit: int = 0
    seed: int = 0
    state: str = ""
    error: str = ""
    sent: int = 0
    measured: float = 0.0


class FaultFact(Fact, frozen=True, kw_only=True):
    """A fault in force on a source."""

    fault_id: str
    source_id: str = ""
    kind: str = ""
    path: str = ""
    words: str = ""
    parameters: str = "{}"
    """JSON text."""
    share: float = 0.0
    seed: int = 0


class KindFact(Fact, frozen=True, kw_only=True):
    """A kind of fault that can be injected."""

    kind: str
    description: str = ""


class DecisionFact(Fact, frozen=True, kw_only=True):
    """One line of the log of decisions."""

    position: int
    time: float = 0.0
    actor: str = ""
    action: str = ""
    stream_id: str = ""
    incident_id: str = ""
    adapter_id: str = ""
    why: str = ""


class ArchiveFact(Fact, frozen=True, kw_only=True):
    """What the archive is kept in, and what has not got there yet."""

    engine: str = ""
    away: bool = False
    rows: int = 0
    size: int = 0
    age: float = 0.0
    dropped: int = 0
    aside: int = 0
    error: str = ""


class StatsFact(Fact, frozen=True, kw_only=True):
    """The server's counts."""

    uptime: float = 0.0
    events: int = 0
    healthy: int = 0
    healed: int = 0
    quarantined: int = 0
    held: int = 0
    redriven: int = 0
    streams: int = 0
    open: int = 0
    waiting: int = 0
    rate: float = 0.0
    halted: bool = False
    signatures: int = 0
    archive: ArchiveFact = ArchiveFact()
    webhooks: int = 0
    webhooks_failing: int = 0


class SettingFact(Fact, frozen=True, kw_only=True):
    """One value of the server's configuration."""

    key: str
    value: str
    origin: str


class InfoFact(Fact, frozen=True, kw_only=True):
    """What the server is."""

    version: str = ""
    api: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    settings: tuple[SettingFact, ...] = ()
    populations: tuple[str, ...] = ()
