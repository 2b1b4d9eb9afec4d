"""The incident's state machine: `step(incident, input, context) -> Next`, pure, so that the loop can be replayed and
tested as data.

It decides which state follows, which adapter states change in the same transaction, and which effects the healer then
performs. It does no work itself. Inputs of the loop that come too late (a canary's verdict on an incident that a person
has closed) change nothing; a person's verb in a wrong state raises `WrongState`.

    DETECTED -> ANALYZING -> PATCHED -> CANARY -> PROMOTED -> RESOLVED
                    |           |          |          '-> ROLLED_BACK   the healed stream got worse
                    |           |          |-> AWAITING_APPROVAL        proved, but a person's word is wanted
                    |           |          '-> ROLLED_BACK              refused by the canary
                    |           '-> AWAITING_APPROVAL                   policy SUGGEST, or the kill switch
                    '-> ESCALATED                                       no safe adapter
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cta_core.diagnosis.report import Decision, Severity
from cta_core.errors import CtaError
from cta_core.incident import OPEN, Incident, Mark, State
from cta_core.stream import Autonomy, Policy
from cta_core.verdict import Verdict


class AdapterState(StrEnum):
    """Where an adapter stands. Only ACTIVE ones change events of their stream."""

    PROPOSED = "PROPOSED"
    CANARY = "CANARY"
    ACTIVE = "ACTIVE"
    REJECTED = "REJECTED"
    ROLLED_BACK = "ROLLED_BACK"
    RETIRED = "RETIRED"


class WrongState(CtaError):
    """A person's verb does not fit the incident's state."""

    def __init__(self, verb: str, state: State, allowed: tuple[State, ...], why: str = "") -> None:
        self.verb, self.state, self.allowed = verb, state, allowed
        super().__init__(why or f"cannot {verb} an incident that is {state}; possible in {', '.join(allowed)}")


class Halted(CtaError):
    """The kill switch is engaged: nothing may be promoted, not even by a person."""


# --- inputs -----------------------------------------------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Failures of one kind reached the policy's number; the incident is new."""


class AnalysisStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Enough drifted events are gathered, or the wait for them is over."""

    attempt: int


class AnalysisDone(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The analysis answered."""

    attempt: int
    report_id: str
    decision: Decision
    severity: Severity
    confidence: float
    method: str
    fingerprint: str
    adapter_id: str = ""
    """Adapter made of the report's program, already in the journal as PROPOSED; empty if there is none."""
    headline: str = ""
    question: str = ""
    refused_before: str = ""
    """Why the same fix must not be tried again by the loop; empty if nothing is known against it."""


class AnalysisFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The analysis broke or ran out of time."""

    attempt: int
    why: str


class CanaryDone(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The canary gave its verdict on an adapter."""

    adapter_id: str
    canary_id: str
    verdict: Verdict
    why: str = ""
    question: str = ""
    """What to ask a person when it is INCONCLUSIVE; empty: it saw too few events."""


class BakeDone(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The bake period ended and the healed stream stayed healthy."""

    adapter_id: str
    why: str = ""


class BakeFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The healed stream got worse during the bake."""

    adapter_id: str
    why: str


class Approved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person approves the proposed adapter."""

    actor: str
    comment: str = ""


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person rejects the proposed adapter."""

    actor: str
    comment: str = ""


class FixChosen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person chose a reading of the report, or brought an adapter: it goes to its canary."""

    actor: str
    adapter_id: str
    comment: str = ""


class AnalysisAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person asks for another attempt."""

    actor: str
    comment: str = ""


class RollBackAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person takes a promoted adapter back."""

    actor: str
    comment: str = ""


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person closes the incident."""

    actor: str
    comment: str = ""


LoopInput = Opened | AnalysisStarted | AnalysisDone | AnalysisFailed | CanaryDone | BakeDone | BakeFailed
PersonInput = Approved | Rejected | FixChosen | AnalysisAsked | RollBackAsked | Closed
Input = LoopInput | PersonInput


# --- what follows -----------------------------------------------------------------------------------------------------


class EffectKind(StrEnum):
    """Work for the healer; performed at least once, idempotent by (incident, transition)."""

    GATHER = "GATHER"
    """Wait for drifted events, then report AnalysisStarted."""
    ANALYZE = "ANALYZE"
    """Run the analysis, then report AnalysisDone or AnalysisFailed."""
    CANARY = "CANARY"
    """Replay recorded events with the adapter, then report CanaryDone."""
    REDRIVE = "REDRIVE"
    """Drive the incident's quarantined events through the gate again, and run the failed run again."""
    BAKE = "BAKE"
    """Watch the healed stream, then report BakeDone or BakeFailed."""
    LEARN = "LEARN"
    """Keep the signature, or count its confirmation."""
    BLAME = "BLAME"
    """Count against the signature that this fix was refused or rolled back."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work."""

    kind: EffectKind
    adapter_id: str = ""


class AdapterChange(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's new state, written in the same transaction as the transition."""

    adapter_id: str
    state: AdapterState


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine has to know besides the incident."""

    policy: Policy
    now: float
    halted: bool = False
    """The kill switch is engaged."""


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """What follows an input. `moved` is false when the input came too late and nothing changes."""

    incident: Incident
    adapters: tuple[AdapterChange, ...] = ()
    effects: tuple[Effect, ...] = ()
    moved: bool = True


def step(incident: Incident, event: Input, context: Context) -> Next:
    """What follows `event`. Raises `WrongState` or `Halted` for a person's verb that cannot be done now."""
    match event:
        case Opened():
            return _go(incident, State.DETECTED, context, effects=(Effect(kind=EffectKind.GATHER),))
        case AnalysisStarted(attempt=attempt):
            if incident.state is not State.DETECTED or attempt != incident.attempt:
                return _late(incident)
            return _go(incident, State.ANALYZING, context, effects=(Effect(kind=EffectKind.ANALYZE),))
        case AnalysisDone():
            return _analysis_done(incident, event, context)
        case AnalysisFailed(attempt=attempt, why=why):
            if incident.state is not State.ANALYZING or attempt != incident.attempt:
                return _late(incident)
            asked = msgspec.structs.replace(incident, question="The analysis failed. Look at the events and decide.")
            return _go(asked, State.ESCALATED, context, why=why)
        case CanaryDone():
            return _canary_done(incident, event, context)
        case BakeDone(adapter_id=adapter_id, why=why):
            if incident.state is not State.PROMOTED or adapter_id != incident.adapter_id:
                return _late(incident)
            return _go(incident, State.RESOLVED, context, why=why)
        case BakeFailed(adapter_id=adapter_id, why=why):
            if incident.state is not State.PROMOTED or adapter_id != incident.adapter_id:
                return _late(incident)
            return _roll_back(incident, context, why=why)
        case Approved():
            return _approved(incident, event, context)
        case Rejected(actor=actor, comment=comment):
            _require("reject", incident, State.AWAITING_APPROVAL, State.PATCHED, State.CANARY)
            return _refuse(incident, State.ESCALATED, context, actor=actor, why=comment or "rejected")
        case FixChosen():
            return _fix_chosen(incident, event, context)
        case AnalysisAsked(actor=actor, comment=comment):
            _require("analyse", incident, State.ESCALATED, State.ROLLED_BACK, State.AWAITING_APPROVAL)
            again = msgspec.structs.replace(
                incident, attempt=incident.attempt + 1, adapter_id="", canary_id="", canary_passed=False, question=""
            )
            left = _shelved(incident, AdapterState.RETIRED) if incident.state is State.AWAITING_APPROVAL else ()
            return _go(
                again,
                State.DETECTED,
                context,
                actor=actor,
                why=comment,
                adapters=left,
                effects=(Effect(kind=EffectKind.GATHER),),
            )
        case RollBackAsked(actor=actor, comment=comment):
            _require("roll back", incident, State.PROMOTED, State.RESOLVED)
            if not incident.adapter_id:
                raise WrongState("roll back", incident.state, (State.PROMOTED,), "the incident has no promoted adapter")
            return _roll_back(incident, context, actor=actor, why=comment or "rolled back")
        case Closed(actor=actor, comment=comment):
            _require("close", incident, *sorted(OPEN))
            adapters = () if incident.state is State.PROMOTED else _shelved(incident, AdapterState.RETIRED)
            return _go(incident, State.RESOLVED, context, actor=actor, why=comment or "closed", adapters=adapters)


def _analysis_done(incident: Incident, done: AnalysisDone, context: Context) -> Next:
    if incident.state is not State.ANALYZING or done.attempt != incident.attempt:
        return _late(incident)
    known = msgspec.structs.replace(
        incident,
        report_id=done.report_id,
        severity=done.severity,
        confidence=done.confidence,
        method=done.method,
        fingerprint=done.fingerprint,
        adapter_id=done.adapter_id,
        headline=done.headline or incident.headline,
        question=done.question,
    )
    autonomy = _autonomy(known, context.policy)
    if done.decision is Decision.QUIET:
        quiet = msgspec.structs.replace(known, question=done.question or "The events look healthy. Is this a fault?")
        return _go(quiet, State.ESCALATED, context, why="the analysis finds nothing to heal")
    if done.decision is not Decision.HEAL or not done.adapter_id:
        return _go(known, State.ESCALATED, context, why="no safe adapter")
    if autonomy is Autonomy.OBSERVE:
        seen = msgspec.structs.replace(known, question="The stream's policy is OBSERVE. Apply the proposed fix?")
        return _go(seen, State.ESCALATED, context, why="policy OBSERVE")
    patched = _go(known, State.PATCHED, context).incident
    if done.refused_before:
        asked = msgspec.structs.replace(
            patched, question=f"The same fix was refused before: {done.refused_before}. Try it again?"
        )
        return _go(asked, State.AWAITING_APPROVAL, context, why="refused before")
    if context.halted:
        return _go(_ask(patched, "The kill switch is engaged."), State.AWAITING_APPROVAL, context, why="kill switch")
    if autonomy is Autonomy.SUGGEST:
        return _go(
            _ask(patched, "The stream's policy is SUGGEST."), State.AWAITING_APPROVAL, context, why="policy SUGGEST"
        )
    return _to_canary(patched, context)


def _canary_done(incident: Incident, done: CanaryDone, context: Context) -> Next:
    if incident.state is not State.CANARY or done.adapter_id != incident.adapter_id:
        return _late(incident)
    judged = msgspec.structs.replace(incident, canary_id=done.canary_id, canary_passed=done.verdict is Verdict.PASS)
    match done.verdict:
        case Verdict.FAIL:
            asked = msgspec.structs.replace(
                judged, question="The canary refused the fix. Look at what failed and decide."
            )
            return _refuse(asked, State.ROLLED_BACK, context, why=done.why)
        case Verdict.ERROR:
            asked = msgspec.structs.replace(judged, question="The canary could not be carried out.")
            return _go(asked, State.ESCALATED, context, why=done.why, adapters=_shelved(judged, AdapterState.PROPOSED))
        case Verdict.INCONCLUSIVE:
            asked = _ask(judged, done.question or "The canary saw too few events for its claim.")
            return _go(asked, State.AWAITING_APPROVAL, context, why=done.why)
        case Verdict.PASS:
            approved = _approved_by_person(incident)
            if context.halted:
                asked = _ask(judged, "The canary passed; the kill switch is engaged.")
                return _go(asked, State.AWAITING_APPROVAL, context, why="kill switch")
            if not approved and _autonomy(judged, context.policy) is not Autonomy.AUTONOMOUS:
                asked = _ask(judged, "The canary passed; the stream's policy asks a person.")
                return _go(asked, State.AWAITING_APPROVAL, context, why="policy")
            if not approved and judged.confidence < context.policy.min_confidence:
                asked = _ask(judged, "The canary passed; the confidence is under the policy's bar.")
                return _go(asked, State.AWAITING_APPROVAL, context, why="confidence")
            return _promote(judged, context, why=done.why)


def _approved(incident: Incident, event: Approved, context: Context) -> Next:
    _require("approve", incident, State.AWAITING_APPROVAL)
    if context.halted:
        raise Halted("the kill switch is engaged; release it before a fix can be promoted")
    if incident.canary_passed or incident.canary_id:
        # The person has the verdict in view; approving an INCONCLUSIVE one is a decision that only a person can take.
        return _promote(incident, context, actor=event.actor, why=event.comment or "approved")
    return _to_canary(incident, context, actor=event.actor, why=event.comment or "approved")


def _fix_chosen(incident: Incident, event: FixChosen, context: Context) -> Next:
    _require("choose a fix for", incident, State.ESCALATED, State.ROLLED_BACK, State.AWAITING_APPROVAL)
    if context.halted:
        raise Halted("the kill switch is engaged; release it before a fix can be tried")
    left = _shelved(incident, AdapterState.RETIRED) if incident.adapter_id != event.adapter_id else ()
    if incident.state is State.ROLLED_BACK:
        left = ()  # already REJECTED or ROLLED_BACK, and history stays as it was
    chosen = msgspec.structs.replace(incident, adapter_id=event.adapter_id, canary_id="", canary_passed=False)
    patched = _go(chosen, State.PATCHED, context, actor=event.actor, why=event.comment or "fix chosen").incident
    moved = _to_canary(patched, context, actor=event.actor, why=event.comment or "fix chosen")
    return msgspec.structs.replace(moved, adapters=left + moved.adapters)


def _autonomy(incident: Incident, policy: Policy) -> Autonomy:
    return policy.silent_autonomy if incident.severity is Severity.SILENT else policy.autonomy


def _approved_by_person(incident: Incident) -> bool:
    """Whether the canary that just ended was started by a person."""
    last = incident.marks[-1] if incident.marks else None
    return last is not None and last.state is State.CANARY and last.actor != "loop"


def _to_canary(incident: Incident, context: Context, *, actor: str = "loop", why: str = "") -> Next:
    return _go(
        msgspec.structs.replace(incident, question=""),
        State.CANARY,
        context,
        actor=actor,
        why=why,
        adapters=(AdapterChange(adapter_id=incident.adapter_id, state=AdapterState.CANARY),),
        effects=(Effect(kind=EffectKind.CANARY, adapter_id=incident.adapter_id),),
    )


def _promote(incident: Incident, context: Context, *, actor: str = "loop", why: str = "") -> Next:
    done = incident.adapter_id
    return _go(
        msgspec.structs.replace(incident, question=""),
        State.PROMOTED,
        context,
        actor=actor,
        why=why,
        adapters=(AdapterChange(adapter_id=done, state=AdapterState.ACTIVE),),
        effects=tuple(
            Effect(kind=kind, adapter_id=done) for kind in (EffectKind.REDRIVE, EffectKind.LEARN, EffectKind.BAKE)
        ),
    )


def _roll_back(incident: Incident, context: Context, *, actor: str = "loop", why: str) -> Next:
    asked = msgspec.structs.replace(
        incident, question="The adapter was rolled back. Its events are held again; decide."
    )
    return _go(
        asked,
        State.ROLLED_BACK,
        context,
        actor=actor,
        why=why,
        adapters=_shelved(incident, AdapterState.ROLLED_BACK),
        effects=(Effect(kind=EffectKind.BLAME, adapter_id=incident.adapter_id),),
    )


def _refuse(incident: Incident, state: State, context: Context, *, actor: str = "loop", why: str) -> Next:
    return _go(
        incident,
        state,
        context,
        actor=actor,
        why=why,
        adapters=_shelved(incident, AdapterState.REJECTED),
        effects=(Effect(kind=EffectKind.BLAME, adapter_id=incident.adapter_id),) if incident.adapter_id else (),
    )


def _shelved(incident: Incident, state: AdapterState) -> tuple[AdapterChange, ...]:
    return (AdapterChange(adapter_id=incident.adapter_id, state=state),) if incident.adapter_id else ()


def _ask(incident: Incident, why: str) -> Incident:
    return msgspec.structs.replace(incident, question=f"{why} Promote the proposed fix?")


def _require(verb: str, incident: Incident, *allowed: State) -> None:
    if incident.state not in allowed:
        raise WrongState(verb, incident.state, allowed)


def _late(incident: Incident) -> Next:
    return Next(incident=incident, moved=False)


def _go(
    incident: Incident,
    state: State,
    context: Context,
    *,
    actor: str = "loop",
    why: str = "",
    adapters: tuple[AdapterChange, ...] = (),
    effects: tuple[Effect, ...] = (),
) -> Next:
    mark = Mark(state=state, time=context.now, actor=actor, why=why)
    moved = msgspec.structs.replace(incident, state=state, update_time=context.now, marks=(*incident.marks, mark))
    return Next(incident=moved, adapters=adapters, effects=effects)
