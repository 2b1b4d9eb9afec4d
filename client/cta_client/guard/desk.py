"""The desk of one guarded stream: judges events in the process, holds what may not pass, and knows how fresh it is.

It decides between handling and holding, with the server's own gate and the author's policy; it never calls the network
and never the handler. Handlers ask it, the link keeps its picture fresh.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cta_client.guard.options import Away, GuardOptions
from cta_client.guard.picture import Picture, load, save
from cta_client.guard.spool import Entry, Spool, SpoolUnusable
from cta_core.errors import CtaError
from cta_core.gate import Gate, Outcome, OutcomeKind

PATIENCE_SECONDS: Final = 1.5
"""Silence after which the server counts as away: it speaks at least every second."""
LONGEST_ID: Final = 128
"""Characters of an event id, as the API has it."""


class NotReady(Exception):
    """Neither the server nor a file knows the stream's contract yet."""


class Counts(msgspec.Struct):
    """Events since the guard began."""

    handled: int = 0
    """Came through the handler; `healed` and `redelivered` are among them."""
    healed: int = 0
    held: int = 0
    failed: int = 0
    """The handler raised; they are held as well."""
    repeated: int = 0
    """Shown again although they are held already."""
    redelivered: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a guard stands."""

    state: str
    """STARTING, FRESH or STALE."""
    stale_seconds: float
    """Since the server was last heard; 0 while FRESH."""
    why: str
    """What keeps the server away, or what it refuses."""
    revision: int
    """Of the newest adapter applied."""
    waiting: int
    """Held events that the server does not have yet."""
    stuck: int
    """Held events that the server will not take; they stay in the spool."""
    counts: Counts


class Desk:
    """One guarded stream. Safe to share between threads."""

    def __init__(self, stream_id: str, options: GuardOptions) -> None:
        """Raises `SpoolInUse` or `SpoolUnusable`."""
        self.stream_id, self.options, self.worker_id = stream_id, options, options.worker(stream_id)
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in self.worker_id)
        try:
            home = options.home()
            self._file = home / f"{name}.{stream_id}.picture.json"
            self.spool = Spool(home / f"{name}.{stream_id}.spool.db", options.max_spooled)
        except (OSError, RuntimeError) as error:  # the latter where `~` has no meaning
            why = (isinstance(error, OSError) and error.strerror) or str(error)
            raise SpoolUnusable(
                f"GuardOptions.folder: {str(options.folder)!r} cannot keep a guard's files ({why}). "
                "Name a folder that this process may write."
            ) from error
        self.counts = Counts()
        self.healed_by: Counter[str] = Counter()
        """Events that each adapter healed here."""
        self.work = threading.Event()
        """Set when there is something to send."""
        if self.spool.count("WAITING"):
            self.work.set()
        self._started = threading.Event()
        self._heard_at, self._lost = time.monotonic(), True
        self.why = ""
        self.trouble = ""
        """What keeps held events from being taken by the server; empty when nothing does."""
        self.picture: Picture | None = None
        self._gate: Gate | None = None
        kept = load(self._file, stream_id)
        if kept is not None:
            try:
                self.picture, self._gate = kept, kept.gate()
            except CtaError:  # of a version that knew more, or less
                self.picture = None

    def wait_ready(self, seconds: float | None = None) -> None:
        """Waits for the first word of the server, or that it is away and a file has the last good picture.

        Raises:
            NotReady: There is neither.
        """
        if not self._started.wait(self.options.start_seconds if seconds is None else seconds):
            raise NotReady(f"no contract of stream {self.stream_id!r} yet: {self.why or 'the server says nothing'}")

    @property
    def ready(self) -> int:
        """Events that came back healed and wait for the handler."""
        return self.spool.ready

    @property
    def started(self) -> bool:
        """Whether there is a picture to judge with."""
        return self._started.is_set()

    def status(self) -> Status:
        """How it stands now."""
        away = self.away_seconds()
        return Status(
            state="STARTING" if not self.started else "STALE" if away else "FRESH",
            stale_seconds=away,
            why=self.why or self.trouble,
            revision=self.picture.revision if self.picture is not None else 0,
            waiting=self.spool.count("WAITING"),
            stuck=self.spool.count("STUCK"),
            counts=msgspec.structs.replace(self.counts),
        )

    def away_seconds(self) -> float:
        """How long the server is away; 0.0 while it speaks."""
        silence = time.monotonic() - self._heard_at
        return silence if self._lost or silence > PATIENCE_SECONDS else 0.0

    def apply(self, picture: Picture) -> None:
        """Puts a picture in force and into the file. Raises what `Picture.gate` raises; then the old one stays."""
        if picture == self.picture:
            return
        self._gate = picture.gate()
        self.picture = picture
        save(picture, self._file)

    def heard(self) -> None:
        """The server speaks and the picture is whole."""
        self._heard_at, self._lost, self.why = time.monotonic(), False, ""
        self._started.set()

    def lost(self, why: str) -> None:
        """The server is away."""
        self.why, self._lost = why, True
        if self._gate is not None:
            self._started.set()

    def judge(self, events: Sequence[tuple[bytes, str]]) -> list[Outcome | None]:
        """The outcome of each event that may be handled; None for one that is held, durably, before this returns.

        Raises:
            SpoolFull: Then none of them is held.
        """
        outcomes = [self._judge(raw, event_id) for raw, event_id in events]
        held = [
            Entry(event_id=event_id or new_id(), raw=raw)
            for (raw, event_id), outcome in zip(events, outcomes, strict=True)
            if outcome is None and not (event_id and self.spool.knows(event_id))
        ]
        if held:
            self.spool.hold(held)
            self.work.set()
            self.counts.held += len(held)
        return outcomes

    def _judge(self, raw: bytes, event_id: str) -> Outcome | None:
        if event_id and self._is_known(event_id):
            return None
        gate, careful = self._gate, self.options.away is Away.HOLD
        if gate is None:
            return None
        outcome = gate.judge(raw)
        if outcome.kind is OutcomeKind.QUARANTINED or (careful and self.away_seconds()):
            return None
        if outcome.kind is OutcomeKind.HEALED:
            if self.away_seconds() > self.options.heal_while_away_seconds:
                return None
            self.counts.healed += 1
            self.healed_by[outcome.adapter_id] += 1
        return outcome

    def _is_known(self, event_id: str) -> bool:
        if len(event_id) > LONGEST_ID:
            raise ValueError(f"an event id has at most {LONGEST_ID} characters")
        if not self.spool.knows(event_id):
            return False
        self.counts.repeated += 1
        return True

    def failed(self, events: Sequence[tuple[str, bytes, Outcome, Exception]], stage: str) -> None:
        """The handler raised on these: they are held with what it said."""
        self.spool.hold(
            [
                _entry(event_id or new_id(), raw, stage, error, adapter_id=outcome.adapter_id)
                for event_id, raw, outcome, error in events
            ]
        )
        self.counts.failed += len(events)
        self.work.set()

    def take(self, limit: int) -> list[Entry]:
        """The oldest events that came back healed, to be handled now."""
        return self.spool.entries("READY", limit)

    def settle(self, handled: Sequence[Entry], failed: Sequence[tuple[Entry, Exception]], stage: str) -> None:
        """What became of events that came back. One on which the handler raised is held again, as a new event: the
        former one is delivered, and the server never delivers an event twice.
        """
        if failed:
            again = [_entry(next_id(entry.event_id), entry.raw or entry.healed, stage, e) for entry, e in failed]
            self.spool.hold(again, handled=[entry.event_id for entry, _ in failed])
            self.work.set()
        if handled:
            self.spool.done([entry.event_id for entry in handled])
        self.counts.handled += len(handled)
        self.counts.redelivered += len(handled)
        self.counts.failed += len(failed)

    def close(self) -> None:
        """Closes the spool."""
        self.spool.close()


def _entry(event_id: str, raw: bytes, stage: str, error: Exception, *, adapter_id: str = "") -> Entry:
    return Entry(
        event_id=event_id, raw=raw, stage=stage, error_type=type(error).__name__, message=str(error)[:500],
        adapter_id=adapter_id,
    )  # fmt: skip


def new_id() -> str:
    """An id for an event that has none: it is found again by nobody, so a consumer that shows it twice has two."""
    return f"evt-{uuid.uuid4().hex}"


def next_id(event_id: str) -> str:
    """The id under which a redelivered event is held again: `a`, `a~2`, `a~3`."""
    base, mark, number = event_id.rpartition("~")
    if mark and number.isdigit():
        return f"{base}~{int(number) + 1}"
    return f"{event_id[: LONGEST_ID - 6]}~2"


def as_bytes(event: Any) -> bytes:
    """The event's bytes: bytes as they are, a text in UTF-8, anything else as JSON."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode()
    return msgspec.json.encode(event)


def like(event: Any, raw: bytes) -> Any:
    """The bytes in the form in which the handler gets its events."""
    if isinstance(event, bytes):
        return raw
    if isinstance(event, str):
        return raw.decode()
    return msgspec.json.decode(raw)
