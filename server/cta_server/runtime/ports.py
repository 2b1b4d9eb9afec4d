"""What the runtime asks of a store: the journal (transactional) and the archive (many, append-only).

Protocols; `cta_server.store` matches them by shape. All methods block and are called from the store's own executor by
way of `runtime.storage.Storage`; none is called on the event loop.

The journal's `revision` is one counter for the whole store: every changed stream, incident, adapter or signature gets
the next value inside the transaction that changes it, so that a reader who knows revision r has seen all up to r.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.canary import Canary
from cta_core.diagnosis.report import Report
from cta_core.incident import Incident, State
from cta_core.look import Look
from cta_core.machine import AdapterChange, AdapterState, Effect
from cta_core.memory import DecisionEntry, SignatureRecord
from cta_core.privacy.mask import Mask
from cta_core.quarantine import Delivery, HeldEvent, HeldState
from cta_core.run import Run
from cta_core.stream import Stream
from cta_server.runtime.notify.log import NoticeLog


class PendingEffect(msgspec.Struct, frozen=True, kw_only=True):
    """An effect of a transition that is not finished yet."""

    incident_id: str
    transition: int
    """Number of the transition within its incident, from 1."""
    number: int
    """Number of the effect within its transition, from 0."""
    effect: Effect


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of the machine writes, all of it or nothing."""

    incident: Incident
    """The incident after the step; its `revision` says which one the step was made on (0: it is new)."""
    input: bytes
    """The machine's input as msgspec JSON, for the record."""
    adapters: tuple[AdapterChange, ...] = ()
    new_adapters: tuple[AdapterRevision, ...] = ()
    """Adapters that are written first, in state PROPOSED."""
    effects: tuple[Effect, ...] = ()
    decisions: tuple[DecisionEntry, ...] = ()
    done: PendingEffect | None = None
    """The effect whose outcome this is; it is finished in the same transaction."""
    adopt_keys: tuple[str, ...] = ()
    """Held events of the stream with these failure keys and no incident join this one."""
    request_id: str = ""
    """Of the verb that caused it; a second transition with the same id is not written."""


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What a transition looks like once it is written."""

    revision: int
    incident: Incident
    adapters: tuple[AdapterRevision, ...] = ()
    """Adapters that changed, at their new revision."""
    effects: tuple[PendingEffect, ...] = ()
    adopted: int = 0
    """Held events that joined the incident."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What `hold` did."""

    new: int
    """Events that are held now and were not known before; a known (stream, event id) is left as it is."""
    last_position: int


class KeptPiece(msgspec.Struct, frozen=True, kw_only=True):
    """What a span or a log record brought to a trace, until its run is written."""

    stream_id: str
    trace_id: str
    span_id: str
    part: str
    """Empty for the span itself; tells log records of one span apart."""
    root: bool
    body: bytes


class Taken(StrEnum):
    """What became of a piece."""

    NEW = "NEW"
    KNOWN = "KNOWN"
    """It is there already: it was sent again."""
    LATE = "LATE"
    """The run of its trace is made; it is not kept."""
    FULL = "FULL"
    """Its trace has as many as it may; it is not kept."""


class OpenTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A trace whose run is not in the archive yet."""

    stream_id: str
    trace_id: str
    last_time: float
    """When its last piece came, by the server's clock."""
    root: bool
    """The span above all others has come."""
    bytes: int
    run_id: str = ""
    """Set once it is closed."""


class StaleRevision(Exception):
    """The incident, adapter or stream changed since the caller looked."""

    def __init__(self, expected: int, actual: int) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(f"expected revision {expected}, it is {actual}")


class Journal(NoticeLog, Protocol):
    """What must never tear. Every method that writes is one transaction."""

    def revision(self) -> int:
        """The store's revision."""
        ...

    # streams
    def put_stream(self, stream: Stream, *, expected: int, decision: DecisionEntry | None = None) -> Stream:
        """Inserts (expected 0 and absent) or replaces; `expected` -1 skips the check. Raises `StaleRevision`."""
        ...

    def get_stream(self, stream_id: str) -> Stream | None: ...

    def list_streams(self, *, after: str = "", limit: int = 50) -> list[Stream]:
        """By id, ascending."""
        ...

    def count_streams(self) -> int:
        """How many there are."""
        ...

    def delete_stream(self, stream_id: str, decision: DecisionEntry) -> None:
        """Deletes the stream with its adapters, incidents, held events and deliveries; signatures stay.

        Takes a revision and counts the deletion in the setting `deletions`, so that watchers learn of it.
        """
        ...

    def put_baseline(self, stream_id: str, events: Sequence[bytes], *, append: bool) -> int:
        """Keeps healthy events that the analyses compare with; returns how many are kept.

        That is all of them up to 10,000 offered, and between 5,000 and 10,000 beyond, spread evenly over all.
        """
        ...

    def get_baseline(self, stream_id: str, *, limit: int) -> list[bytes]:
        """At most `limit` of them, spread evenly."""
        ...

    def mask_baseline(self, stream_id: str, events: Sequence[bytes], *, profile: bytes, masks: Sequence[Mask]) -> bool:
        """Puts masked copies in the place of all kept events, with their profile and the masks that they have.

        Without events the baseline goes. False when the baseline changed since it was read, or the stream is gone.
        """
        ...

    def put_profile(self, stream_id: str, profile: bytes) -> None: ...

    def get_profile(self, stream_id: str) -> bytes | None: ...

    # incidents, transitions, effects
    def commit(self, transition: Transition) -> Committed:
        """Writes a step of the machine. Raises `StaleRevision` when the incident moved in between.

        A second transition with a known `request_id`, or with the outcome of an effect that is finished, writes nothing
        and returns the incident as it is, with no effects. A `request_id` stands for the incident that it moved first.
        """
        ...

    def moved_by(self, request_id: str) -> str:
        """The incident that a verb's request moved, empty for a request that moved none."""
        ...

    def get_incident(self, incident_id: str) -> Incident | None: ...

    def list_incidents(
        self, *, stream_id: str = "", states: Sequence[State] = (), before: str = "", limit: int = 50
    ) -> list[Incident]:
        """By id, descending (ids sort by time)."""
        ...

    def incidents_since(self, revision: int, *, stream_ids: Sequence[str] = ()) -> list[Incident]:
        """Changed after `revision`, by revision."""
        ...

    def pending_effects(self) -> list[PendingEffect]:
        """All that are not finished, by incident and transition."""
        ...

    def finish(self, effect: PendingEffect) -> None:
        """Marks an effect as finished that has no transition of its own (REDRIVE, LEARN, BLAME)."""
        ...

    # adapters
    def put_adapter(self, adapter: AdapterRevision, *, request_id: str = "") -> AdapterRevision:
        """Inserts. With a known `request_id` returns the one that exists."""
        ...

    def change_adapters(
        self,
        changes: Sequence[AdapterChange],
        *,
        expected: int = 0,
        decisions: Sequence[DecisionEntry] = (),
        request_id: str = "",
    ) -> list[AdapterRevision]:
        """New states, in one transaction, at the last decision's time. With a known `request_id` nothing changes.

        `expected` is checked against a single change; 0 skips the check. Raises `StaleRevision`, also for an adapter
        that is gone.
        """
        ...

    def changed_by(self, request_id: str) -> tuple[str, ...]:
        """The adapters that a verb's request changed, none for a request that changed none."""
        ...

    def get_adapter(self, adapter_id: str) -> AdapterRevision | None: ...

    def list_adapters(
        self, *, stream_id: str = "", states: Sequence[AdapterState] = (), before: str = "", limit: int = 50
    ) -> list[AdapterRevision]:
        """By id, descending."""
        ...

    def adapters_since(self, revision: int, *, stream_ids: Sequence[str] = ()) -> list[AdapterRevision]:
        """Changed after `revision`, by revision."""
        ...

    # quarantine and deliveries
    def hold(self, events: Sequence[HeldEvent], *, request_id: str = "", digest: str = "") -> Held:
        """Stores events durably before it returns (synchronous FULL). Remembers the request, with its digest."""
        ...

    def request_digest(self, request_id: str) -> str | None:
        """Digest of a remembered request."""
        ...

    def known_events(self, stream_id: str, event_ids: Sequence[str]) -> dict[str, HeldEvent]:
        """Those of the ids that are or were in the quarantine, by id."""
        ...

    def list_held(
        self,
        *,
        stream_id: str = "",
        incident_id: str = "",
        failure_keys: Sequence[str] = (),
        state: HeldState | None = HeldState.HELD,
        after: int = 0,
        limit: int = 50,
    ) -> list[HeldEvent]:
        """In order of arrival."""
        ...

    def held_bodies(self, *, stream_id: str = "", incident_id: str = "", limit: int) -> list[bytes]:
        """The held events themselves, in order of arrival."""
        ...

    def count_held(self, *, stream_id: str = "", incident_id: str = "", state: HeldState = HeldState.HELD) -> int: ...

    def assign(self, stream_id: str, failure_keys: Sequence[str], incident_id: str) -> int:
        """Held events with these keys and no incident join one; returns how many."""
        ...

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """In one transaction: each held event that is still HELD becomes REDRIVEN and enters the log; others are left
        out. Returns how many were delivered.
        """
        ...

    def delivery_position(self) -> int:
        """Position of the last delivery; 0 if there is none yet."""
        ...

    def list_deliveries(self, *, stream_id: str = "", after: int = 0, limit: int = 500) -> list[Delivery]:
        """In order of the log, without those that were erased."""
        ...

    def erase_delivered(self, stream_id: str, *, before: float, limit: int) -> int:
        """Empties the payloads of older deliveries and of the held events that they were; returns how many.

        At most `limit` at once, the oldest first. Rows, positions and counts stay.
        """
        ...

    def erased_to(self, *, stream_id: str = "") -> int:
        """Position of the last delivery that was erased, of a stream or of all; 0 if none was."""
        ...

    # decisions and settings
    def decide(self, decision: DecisionEntry) -> None: ...

    def list_decisions(self, *, stream_id: str = "", before: int = 0, limit: int = 50) -> list[DecisionEntry]:
        """By position, descending; `before` 0 starts at the newest."""
        ...

    # traces on their way to a run
    def put_pieces(self, pieces: Sequence[KeptPiece], *, now: float, most: int) -> list[Taken]:
        """Keeps pieces, durably before it returns; says of each what became of it."""
        ...

    def open_traces(self) -> list[OpenTrace]:
        """All whose run is not in the archive yet, the oldest first."""
        ...

    def close_trace(self, stream_id: str, trace_id: str, *, run_id: str) -> tuple[str, list[bytes]]:
        """Closes a trace to newcomers; gives the id of its run, which a former call may have chosen, and its pieces."""
        ...

    def empty_trace(self, stream_id: str, trace_id: str, *, now: float, forget_before: float) -> None:
        """The run is in the archive: only the ids stay, and go when they are older than `forget_before`."""
        ...

    def setting(self, name: str) -> str | None: ...

    def set_setting(self, name: str, value: str, decision: DecisionEntry | None = None) -> None: ...

    def close(self) -> None: ...


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A recent event as the archive gives it back."""

    position: int
    stream_id: str
    event_id: str
    kind: str
    """HEALTHY, HEALED or QUARANTINED."""
    raw: bytes
    """The event as it came."""
    output: bytes = b""
    """The event after the gate, where it was changed."""
    adapter_id: str = ""
    reason: str = ""
    message: str = ""
    time: float = 0.0


class StoredReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report with where it belongs."""

    report_id: str
    stream_id: str
    incident_id: str
    create_time: float
    duration_ms: float
    report: Report
    look: Look | None = None
    """What the incident looked like; None where nobody looked."""


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """A signature and how alike it is."""

    signature: SignatureRecord
    likeness: float
    """Cosine of the embeddings, -1 to 1."""


class SpoolNow(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive is kept in, and what has not got there yet; the names of the API's `ArchiveStats`."""

    engine: str = "SQLite"
    """SQLite, ClickHouse, or ClickHouse inside this process."""
    reachable: bool = True
    """It answered when it was asked last."""
    spooled_rows: int = 0
    """Blocks of events, documents and deletes that are not there yet."""
    spooled_bytes: int = 0
    oldest_age: float = 0.0
    """How long the first of them has waited, seconds."""
    drained_count: int = 0
    """Rows that got there."""
    dropped_count: int = 0
    """Events that gave way, since there was no room for more."""
    set_aside_count: int = 0
    """Rows that it refused for good."""
    last_error: str = ""
    """Why it is away; empty while it is there."""


class Archive(Protocol):
    """What is many and append-only. Writes are idempotent by id."""

    def append_events(self, stream_id: str, events: Sequence[RecordedEvent]) -> None:
        """Keeps recent events in blocks, at the next positions of their stream, whatever positions they bring."""
        ...

    def recent_events(
        self, stream_id: str, *, kinds: Sequence[str] = (), before: int = 0, limit: int = 1000
    ) -> list[RecordedEvent]:
        """Newest first; `before` 0 starts at the newest."""
        ...

    def trim_events(self, stream_id: str, *, keep: int) -> None:
        """Drops old events, but none of the newest `keep`; it drops whole blocks, so up to 500 more may stay."""
        ...

    def erase_events(self, stream_id: str, *, up_to: int) -> None:
        """Drops events up to a position, in whole blocks; what is appended later gets greater positions."""
        ...

    def erase_history(self, stream_id: str, *, before: str) -> None:
        """Drops a stream's runs, reports and canaries whose id, without its prefix, is smaller: ids sort by time."""
        ...

    def put_run(self, run: Run) -> Run:
        """Inserts. A run with a known `request_id` of its stream, or a known id, returns the one that exists."""
        ...

    def get_run(self, run_id: str) -> Run | None: ...

    def list_runs(
        self, *, stream_id: str = "", failed_only: bool = False, before: str = "", limit: int = 50
    ) -> list[Run]:
        """By id, descending, without traces."""
        ...

    def put_report(self, report: StoredReport) -> None: ...

    def get_report(self, report_id: str) -> StoredReport | None: ...

    def list_reports(
        self, *, stream_id: str = "", incident_id: str = "", before: str = "", limit: int = 50
    ) -> list[StoredReport]: ...

    def put_canary(self, canary: Canary) -> None:
        """Inserts or replaces by id."""
        ...

    def get_canary(self, canary_id: str) -> Canary | None: ...

    def list_canaries(
        self, *, stream_id: str = "", adapter_id: str = "", before: str = "", limit: int = 50
    ) -> list[Canary]: ...

    def put_signature(self, signature: SignatureRecord) -> SignatureRecord:
        """Inserts or replaces by id, at the next revision."""
        ...

    def get_signature(self, signature_id: str) -> SignatureRecord | None: ...

    def find_signatures(self, fingerprint: str) -> list[SignatureRecord]:
        """Not retired, most confirmed first."""
        ...

    def similar_signatures(self, embedding: Sequence[float], *, limit: int) -> list[Similar]:
        """Not retired, most alike first; those without an embedding are left out."""
        ...

    def list_signatures(self, *, stream_id: str = "", before: str = "", limit: int = 50) -> list[SignatureRecord]: ...

    def count_signatures(self) -> int:
        """How many are not retired."""
        ...

    def delete_signature(self, signature_id: str) -> bool: ...

    def delete_stream(self, stream_id: str) -> None:
        """Removes events, runs, reports and canaries of a stream; signatures stay."""
        ...

    def close(self) -> None: ...
