"""A stream and its policy: what the loop may do by itself, and how sure it has to be.

The thresholds are judgements; each says where its value comes from and can be set per stream.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from cta_core.errors import InvalidInput, Violation
from cta_core.privacy.mask import Mask


class Autonomy(StrEnum):
    """How far the loop goes on a stream without a person."""

    OBSERVE = "OBSERVE"
    """Detects, holds and analyses; proposes nothing."""
    SUGGEST = "SUGGEST"
    """Proposes an adapter; the canary runs once a person approves."""
    APPROVE = "APPROVE"
    """Proves the adapter by a canary, then asks a person before it is promoted."""
    AUTONOMOUS = "AUTONOMOUS"
    """Promotes by itself what is confident enough and passed its canary."""


class InConsumer(StrEnum):
    """Whether a canary also runs in the consumer's own process, where its workers offer that."""

    OFF = "OFF"
    """Never: the gate, and the server's stages where there are any, decide alone."""
    WHEN_OFFERED = "WHEN_OFFERED"
    """When a worker offers it; without one the canary is decided as with OFF."""
    REQUIRED = "REQUIRED"
    """Always: without a worker the incident waits for a person, and no time that passes promotes it."""


class CanaryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a canary has to show."""

    max_error_rate: float = 0.01
    """Share of drifted events that may fail, as an upper bound at `sureness`. 1 %: the reference system's threshold."""
    max_p95_ms: float = 500.0
    """p95 of one event's way through gate and stages, milliseconds. 500: the reference system's threshold."""
    sureness: float = 0.95
    """One-sided confidence of the bound on the error rate."""
    min_events: int = 0
    """Drifted events needed before PASS is possible; 0 derives the least number that can carry the claim:
    ln(1 - sureness) / ln(1 - max_error_rate), 299 for 1 % at 95 % with no failure among them."""
    max_events: int = 1000
    """Recorded events replayed at most: enough for the claim with up to 4 failures (1 % at 95 % needs 913)."""
    wait_seconds: float = 600.0
    """How long a canary waits for more drifted events before it ends INCONCLUSIVE. Ten minutes: half an event per
    second reaches 299 in that time; slower streams are better served by a person."""
    in_consumer: InConsumer = InConsumer.WHEN_OFFERED
    """Whether the consumer's own code has to prove an adapter (OFF, WHEN_OFFERED, REQUIRED). Nothing knows better what
    the consumer can take, and it costs nothing where nobody offers it."""

    def smallest_sample(self) -> int:
        """Drifted events needed for PASS; see `min_events`."""
        derived = math.ceil(math.log(1 - self.sureness) / math.log(1 - self.max_error_rate))
        return max(self.min_events, derived) if self.min_events else derived


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Autonomy, thresholds and limits of one stream."""

    autonomy: Autonomy = Autonomy.AUTONOMOUS
    """For broken events. They are held anyway, so a heal that is proved first is the lesser risk."""
    silent_autonomy: Autonomy = Autonomy.APPROVE
    """For silent drift. Its events satisfy the contract, so nothing but the evidence says that they are wrong: a
    person confirms."""
    min_confidence: float = 0.9
    """Below this a person is asked. Measured: raising it to 0.97 only costs heals, lowering it to 0.5 adds wrong
    ones."""
    open_after: int = 5
    """Failures of one kind that open an incident. With 1,000 healthy events behind it a field that is gone from every
    event is beyond doubt after 4 (analysis study, alpha 1e-6); one more is cheap."""
    analysis_events: int = 20
    """Drifted events that the analysis waits for, at most `analysis_wait_seconds`: half of them fit, half verify."""
    analysis_wait_seconds: float = 2.0
    """Longest wait for `analysis_events`; after it the analysis takes what is there. The same again before a person is
    asked: while the drifted events double within it, up to `analysis_sample`, the analysis looks once more."""
    analysis_sample: int = 400
    """Events of either side that an analysis looks at: relations between fields need rows, and more than this no
    longer helps."""
    canary: CanaryPolicy = CanaryPolicy()
    bake_seconds: float = 60.0
    """How long after a promotion the healed stream is watched and rolled back by itself if it gets worse."""
    bake_max_error_rate: float = 0.01
    """Share of healed events that may fail during the bake, as a lower bound at the canary's sureness."""
    stage_timeout_ms: float = 1000.0
    """Longest run of one stage on one event, milliseconds. Twice the p95 that a canary allows."""
    max_event_bytes: int = 5 * 1024 * 1024
    """A larger event is held, with its first bytes as evidence."""
    max_depth: int = 200
    """Deepest nesting of an event; real payloads stay under 20, and decoding must not exhaust the stack."""
    max_quarantined: int = 1_000_000
    """Events the quarantine takes; beyond it ProcessEvents answers RESOURCE_EXHAUSTED and accepts nothing."""
    keep_recent: int = 10_000
    """Recent events kept for analysis and canaries."""
    keep_events_seconds: float = 0.0
    """Age at which recent events go, beside `keep_recent`; 0: none go by age. For good by default, as long as there was
    no such setting: a count bounds them already, and a slow stream needs its old ones for a canary."""
    keep_delivered_seconds: float = 0.0
    """Age at which redriven events and their deliveries are emptied; 0: they stay for good. For good by default: a
    reader of the log may come back at any time, and only the owner of the stream knows when none will."""
    keep_history_seconds: float = 0.0
    """Age at which runs, reports and canaries go; 0: they stay for good. For good by default: they are the record of
    why an adapter is in force. Those of an open incident stay in any case."""

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the values."""
        share = "must lie between 0 and 1, both excluded"
        for name, value in (
            ("canary.max_error_rate", self.canary.max_error_rate),
            ("canary.sureness", self.canary.sureness),
            ("bake_max_error_rate", self.bake_max_error_rate),
        ):
            if not 0 < value < 1:
                yield Violation(name, share)
        if not 0 <= self.min_confidence <= 1:
            yield Violation("min_confidence", "must lie between 0 and 1")
        for name, number in (
            ("open_after", self.open_after),
            ("analysis_events", self.analysis_events),
            ("analysis_sample", self.analysis_sample),
            ("canary.max_events", self.canary.max_events),
            ("max_event_bytes", self.max_event_bytes),
            ("max_depth", self.max_depth),
            ("max_quarantined", self.max_quarantined),
            ("keep_recent", self.keep_recent),
        ):
            if number < 1:
                yield Violation(name, "must be at least 1")
        for name, seconds in (
            ("canary.max_p95_ms", self.canary.max_p95_ms),
            ("canary.wait_seconds", self.canary.wait_seconds),
            ("analysis_wait_seconds", self.analysis_wait_seconds),
            ("bake_seconds", self.bake_seconds),
            ("stage_timeout_ms", self.stage_timeout_ms),
            ("keep_events_seconds", self.keep_events_seconds),
            ("keep_delivered_seconds", self.keep_delivered_seconds),
            ("keep_history_seconds", self.keep_history_seconds),
        ):
            if not 0 <= seconds < math.inf:
                yield Violation(name, "must be a finite number, 0 or more")
        # A quarter of the replay is healthy events (see the canary); the rest has to carry the claim.
        room = self.canary.max_events - self.canary.max_events // 4
        if 0 < self.canary.max_error_rate < 1 and 0 < self.canary.sureness < 1 and room < self.canary.smallest_sample():
            least = -(-self.canary.smallest_sample() * 4 // 3)
            yield Violation("canary.max_events", f"must be at least {least} to carry the claim on the error rate")
        if self.canary.min_events < 0:
            yield Violation("canary.min_events", "must be 0 (derived) or more")

    @property
    def forgets(self) -> bool:
        """Something goes by age."""
        return bool(self.keep_events_seconds or self.keep_delivered_seconds or self.keep_history_seconds)

    def check(self) -> None:
        """Raises `InvalidInput` with every problem."""
        found = list(self.problems())
        if found:
            raise InvalidInput(found)


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A named flow of events of one kind."""

    stream_id: str
    """Chosen by its owner: 1 to 64 of a-z, 0-9, `-`, `_`, `.`."""
    revision: int = 0
    create_time: float = 0.0
    """Seconds since the epoch, like all times of the core."""
    update_time: float = 0.0
    contract: bytes = b""
    """Declared JSON Schema as JSON text; empty: learned from the baseline."""
    learned: bytes = b""
    """JSON Schema learned from the baseline; empty until there is one."""
    consumer: str = ""
    """Name of the stage chain in the server's configuration; empty: the consumer is outside."""
    policy: Policy = Policy()
    description: str = ""
    masks: tuple[Mask, ...] = ()
    """Fields that are hidden in whatever is stored or shown of the events."""
    masked: tuple[Mask, ...] = ()
    """Masks that the stored copies of its events have; they differ from `masks` until the stored copies are brought up
    to date."""
