"""The report of an analysis, as data: what happened, why we think so, what would mend it and how sure that is.

`diagnose` makes it, the store keeps it, the API and the command line show it. It holds no payload that was not masked.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cta_core.adapter.program import Program


class Method(StrEnum):
    """Where the proposed adapter came from."""

    SIGNATURE = "SIGNATURE"
    """Remembered from an earlier incident, bound to this stream's fields and proved again."""
    HEURISTIC = "HEURISTIC"
    """Found from names, types, values and relations."""
    LLM = "LLM"
    """A candidate came from a language model; the same evidence had to accept it."""


class Decision(StrEnum):
    """What the analysis makes of the events."""

    HEAL = "HEAL"
    """There is one adapter, and the evidence carries it."""
    ESCALATE = "ESCALATE"
    """A person has to decide: several readings, information gone, or too little evidence."""
    QUIET = "QUIET"
    """Nothing to heal: the events are healthy, or what changed is harmless."""


class Severity(StrEnum):
    """How much a finding matters."""

    BREAK = "BREAK"
    """The contract is violated."""
    SILENT = "SILENT"
    """The contract holds, but values changed their meaning."""
    NOTICE = "NOTICE"
    """Worth knowing, never a reason to stop or change an event."""


class Symptom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen to differ from healthy on one field."""

    symptom_id: str
    """`S1`, `S2`, ... within the report."""
    path: str
    """JSON Pointer of the field in the healthy shape."""
    rule: str
    """Rule that broke: `required`, `type`, `enum`, ... of the contract, or `shift`, `labels`, ... of the profile."""
    severity: Severity
    message: str
    """One sentence, without payload values."""
    event_count: int = 0
    """Drifted events that show it."""
    share: float = 0.0
    """The same as a share of the drifted events, 0 to 1."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact that speaks for or against a proposal."""

    evidence_id: str
    """`E1`, `E2`, ... within the report."""
    kind: str
    """`name`, `type`, `pattern`, `distribution`, `relation`, `overlap`, `contract`, `held_back`, `signature`, ..."""
    path: str
    text: str
    """The fact in one sentence with its numbers; values masked."""
    weight: float = 0.0
    """Log-odds that it adds to its proposal; negative speaks against it."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What mends one field, and what was second best."""

    target: str
    sources: tuple[str, ...] = ()
    words: str = ""
    """The field's steps as a phrase."""
    confidence: float = 0.0
    margin: float = 0.0
    """Log-odds between this proposal and the best one with a different result."""
    runner_up: str = ""
    """That second best in words, and why it lost."""
    evidence_ids: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    """Rules that cap the confidence whatever the score says."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several ways to read the same events; a person chooses among them."""

    label: str
    """What the reading says, in words."""
    program: Program
    example_before: str = ""
    """A masked event that tells the readings apart, as JSON text."""
    example_after: str = ""
    confidence: float = 0.0


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The primary cause."""

    stage: str = "producer"
    """Name of the first stage whose output is not healthy; `producer` when the events arrived that way."""
    path: str = ""
    kind: str = ""
    """Step kind that undoes the change: `rename`, `scale`, ...; empty where unknown."""
    sentence: str = ""


class TestCase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A masked event before and after the adapter, to keep as a regression test."""

    __test__ = False  # not a test class, whatever its name tells pytest

    before: str = ""
    after: str = ""


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the proof sheet."""

    name: str
    """`total`, `deterministic`, `lossless`, `round_trip`, `parity`, `complete`, `harmless`."""
    passed: bool
    text: str


class RerunResult(StrEnum):
    """What came of running a failed run again with the proposed adapter."""

    CLEAN = "CLEAN"
    """The events failed again as they were, and none failed with the adapter."""
    FAILED = "FAILED"
    """Some failed with the adapter as well, or it healed none."""
    NOT_RERUN = "NOT_RERUN"
    """It was not run again."""


class Rerun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The proof of a report by running again."""

    result: RerunResult
    why: str
    """The result in one sentence."""
    event_count: int = 0
    """Events that were run again."""
    failed_count: int = 0
    """Of those: failed with the adapter, or not healed by it."""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that an analysis found."""

    decision: Decision
    method: Method = Method.HEURISTIC
    confidence: float = 0.0
    """Of the whole adapter: the least of its fields' confidences, 0 to 1."""
    severity: Severity = Severity.NOTICE
    cause: Cause = Cause()
    symptoms: tuple[Symptom, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    whys: tuple[str, ...] = ()
    """At most five; each follows from facts, and the chain ends where knowledge ends."""
    proposals: tuple[Proposal, ...] = ()
    program: Program | None = None
    """The adapter; on ESCALATE the nearly finished one, if there is any."""
    fix: str = ""
    """The adapter in words."""
    readings: tuple[Reading, ...] = ()
    question: str = ""
    """The one question to a person; empty unless the decision is ESCALATE."""
    test_case: TestCase = TestCase()
    proof: tuple[Check, ...] = ()
    held: int = 0
    """Drifted events that the adapter would leave in quarantine."""
    baseline_count: int = 0
    drifted_count: int = 0
    rerun: Rerun | None = None
    """The proof by running again; only in reports on a run."""
