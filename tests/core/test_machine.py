"""The incident's state machine: what may follow what, and what never happens."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cta_core import machine
from cta_core.diagnosis.report import Decision, Severity
from cta_core.incident import DRIVEN, OPEN, WAITING, Incident, State
from cta_core.machine import AdapterState, Context, EffectKind, Halted, WrongState, step
from cta_core.stream import Autonomy, Policy
from cta_core.verdict import Verdict


def context(*, halted: bool = False, **policy: object) -> Context:
    """A context with these values of the policy."""
    return Context(policy=msgspec.convert(policy, Policy), now=1.0, halted=halted)


def opened() -> Incident:
    """A new incident."""
    incident = Incident(incident_id="inc_1", stream_id="payments")
    return step(incident, machine.Opened(), context()).incident


def analysed(incident: Incident, ctx: Context, **values: object) -> machine.Next:
    """The incident after an analysis with these results."""
    started = step(incident, machine.AnalysisStarted(attempt=incident.attempt), ctx).incident
    result = {
        "attempt": incident.attempt,
        "report_id": "rep_1",
        "decision": Decision.HEAL,
        "severity": Severity.BREAK,
        "confidence": 0.99,
        "method": "HEURISTIC",
        "fingerprint": "f",
        "adapter_id": "adp_1",
        **values,
    }
    return step(started, machine.AnalysisDone(**result), ctx)  # type: ignore[arg-type]


def verdict(adapter_id: str, outcome: Verdict) -> machine.CanaryDone:
    """A canary's end."""
    return machine.CanaryDone(adapter_id=adapter_id, canary_id="can_1", verdict=outcome, why="because")


def states(incident: Incident) -> list[str]:
    """The states it went through."""
    return [mark.state.value for mark in incident.marks]


def test_the_way_of_a_good_fix() -> None:
    """A confident fix that passes its canary is promoted, bakes and is resolved without a person."""
    ctx = context()
    proposed = analysed(opened(), ctx)
    assert proposed.adapters == (machine.AdapterChange(adapter_id="adp_1", state=AdapterState.CANARY),)
    promoted = step(proposed.incident, verdict("adp_1", Verdict.PASS), ctx)
    assert promoted.adapters == (machine.AdapterChange(adapter_id="adp_1", state=AdapterState.ACTIVE),)
    assert {effect.kind for effect in promoted.effects} == {EffectKind.REDRIVE, EffectKind.LEARN, EffectKind.BAKE}
    resolved = step(promoted.incident, machine.BakeDone(adapter_id="adp_1"), ctx)
    assert states(resolved.incident) == ["DETECTED", "ANALYZING", "PATCHED", "CANARY", "PROMOTED", "RESOLVED"]


@pytest.mark.parametrize(
    ("values", "policy", "halted", "expected"),
    [
        ({"decision": Decision.ESCALATE}, {}, False, State.ESCALATED),
        ({"decision": Decision.QUIET, "adapter_id": ""}, {}, False, State.ESCALATED),
        ({"decision": Decision.HEAL, "adapter_id": ""}, {}, False, State.ESCALATED),
        ({}, {"autonomy": "OBSERVE"}, False, State.ESCALATED),
        ({}, {"autonomy": "SUGGEST"}, False, State.AWAITING_APPROVAL),
        ({}, {"autonomy": "APPROVE"}, False, State.CANARY),
        ({}, {}, True, State.AWAITING_APPROVAL),
        ({"refused_before": "rolled back"}, {}, False, State.AWAITING_APPROVAL),
        ({"severity": Severity.SILENT}, {"silent_autonomy": "SUGGEST"}, False, State.AWAITING_APPROVAL),
    ],
)
def test_what_follows_an_analysis(
    values: dict[str, object], policy: dict[str, object], halted: bool, expected: State
) -> None:
    """Policy, kill switch and the decision say whether the fix goes to its canary or to a person."""
    assert analysed(opened(), context(halted=halted, **policy), **values).incident.state is expected


@pytest.mark.parametrize(
    ("values", "policy", "halted"),
    [
        ({}, {"autonomy": "APPROVE"}, False),
        ({"severity": Severity.SILENT}, {}, False),
        ({"confidence": 0.5}, {}, False),
        ({}, {}, True),
    ],
)
def test_a_pass_alone_does_not_promote(values: dict[str, object], policy: dict[str, object], halted: bool) -> None:
    """Autonomy, silence, confidence and the kill switch each keep a proved fix waiting for a person."""
    proposed = analysed(opened(), context(**policy), **values).incident
    judged = step(proposed, verdict("adp_1", Verdict.PASS), context(halted=halted, **policy))
    assert judged.incident.state is State.AWAITING_APPROVAL
    assert judged.incident.question
    approved = step(judged.incident, machine.Approved(actor="ann"), context(**policy))
    assert approved.incident.state is State.PROMOTED
    assert approved.incident.marks[-1].actor == "ann"


def test_a_refused_canary_ends_the_attempt() -> None:
    """FAIL rejects the adapter, blames the signature and asks a person: the loop makes one attempt."""
    proposed = analysed(opened(), context()).incident
    refused = step(proposed, verdict("adp_1", Verdict.FAIL), context())
    assert refused.incident.state is State.ROLLED_BACK
    assert refused.adapters == (machine.AdapterChange(adapter_id="adp_1", state=AdapterState.REJECTED),)
    assert [effect.kind for effect in refused.effects] == [EffectKind.BLAME]


@pytest.mark.parametrize("outcome", [Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.FAIL])
def test_only_a_pass_promotes_by_itself(outcome: Verdict) -> None:
    """No other verdict makes an adapter active."""
    proposed = analysed(opened(), context()).incident
    judged = step(proposed, verdict("adp_1", outcome), context())
    assert judged.incident.state in WAITING
    assert all(change.state is not AdapterState.ACTIVE for change in judged.adapters)


def test_a_stream_that_gets_worse_is_rolled_back() -> None:
    """A failed bake takes the adapter out of force."""
    promoted = step(analysed(opened(), context()).incident, verdict("adp_1", Verdict.PASS), context()).incident
    back = step(promoted, machine.BakeFailed(adapter_id="adp_1", why="worse"), context())
    assert back.incident.state is State.ROLLED_BACK
    assert back.adapters == (machine.AdapterChange(adapter_id="adp_1", state=AdapterState.ROLLED_BACK),)


def test_late_inputs_change_nothing() -> None:
    """A verdict on another adapter, or a second analysis, is ignored."""
    proposed = analysed(opened(), context()).incident
    for late in (
        verdict("adp_9", Verdict.PASS),
        machine.AnalysisFailed(attempt=1, why=""),
        machine.BakeDone(adapter_id="adp_1"),
    ):
        following = step(proposed, late, context())
        assert not following.moved
        assert following.incident == proposed


def test_the_kill_switch_wins_over_a_person() -> None:
    """While it is engaged nobody can approve or choose a fix."""
    waiting = analysed(opened(), context(autonomy="SUGGEST")).incident
    with pytest.raises(Halted):
        step(waiting, machine.Approved(actor="ann"), context(halted=True))
    with pytest.raises(Halted):
        step(waiting, machine.FixChosen(actor="ann", adapter_id="adp_2"), context(halted=True))


class Loop(RuleBasedStateMachine):
    """Any order of inputs keeps the promises."""

    def __init__(self) -> None:
        super().__init__()
        self.adapters: dict[str, AdapterState] = {}
        self.passed: set[str] = set()
        self.number = 0

    @initialize(
        autonomy=st.sampled_from(Autonomy), silent=st.sampled_from(Autonomy), severity=st.sampled_from(Severity)
    )
    def begin(self, autonomy: Autonomy, silent: Autonomy, severity: Severity) -> None:
        """Opens an incident under some policy."""
        self.policy = Policy(autonomy=autonomy, silent_autonomy=silent)
        self.severity = severity
        self.halted = False
        self.incident = Incident(incident_id="inc_1", stream_id="s", severity=severity)
        self.feed(machine.Opened())

    def feed(self, event: machine.Input) -> None:
        """Applies an input, or sees it refused."""
        before = self.incident
        ctx = Context(policy=self.policy, now=2.0, halted=self.halted)
        try:
            following = step(before, event, ctx)
        except (WrongState, Halted):
            return
        if not following.moved:
            assert following.incident == before
            return
        for change in following.adapters:
            if change.state is AdapterState.ACTIVE:
                assert not self.halted
                by_person = following.incident.marks[-1].actor != "loop"
                assert by_person or change.adapter_id in self.passed
            self.adapters[change.adapter_id] = change.state
        self.incident = following.incident
        assert len(following.incident.marks) > len(before.marks)

    @rule(engaged=st.booleans())
    def kill_switch(self, engaged: bool) -> None:
        """Engages or releases."""
        self.halted = engaged

    @rule(decision=st.sampled_from(Decision), confidence=st.sampled_from([0.2, 0.95]), refused=st.booleans())
    def analysis(self, decision: Decision, confidence: float, refused: bool) -> None:
        """An analysis ends."""
        self.feed(machine.AnalysisStarted(attempt=self.incident.attempt))
        self.number += 1
        adapter_id = f"adp_{self.number}" if decision is Decision.HEAL else ""
        self.feed(
            machine.AnalysisDone(
                attempt=self.incident.attempt,
                report_id="rep",
                decision=decision,
                severity=self.severity,
                confidence=confidence,
                method="HEURISTIC",
                fingerprint="f",
                adapter_id=adapter_id,
                refused_before="before" if refused else "",
            )
        )

    @rule(outcome=st.sampled_from(Verdict), own=st.booleans())
    def canary(self, outcome: Verdict, own: bool) -> None:
        """A canary ends, perhaps one of an adapter that is long gone."""
        adapter_id = self.incident.adapter_id if own else "adp_other"
        if outcome is Verdict.PASS and own:
            self.passed.add(adapter_id)
        self.feed(verdict(adapter_id, outcome))

    @rule(good=st.booleans())
    def bake(self, good: bool) -> None:
        """A bake ends."""
        done = machine.BakeDone(adapter_id=self.incident.adapter_id)
        failed = machine.BakeFailed(adapter_id=self.incident.adapter_id, why="worse")
        self.feed(done if good else failed)

    @rule(verb=st.sampled_from([machine.Approved, machine.Rejected, machine.AnalysisAsked, machine.RollBackAsked]))
    def person(self, verb: type[machine.Approved]) -> None:
        """A person does something."""
        self.feed(verb(actor="ann"))

    @precondition(lambda self: self.number > 0)
    @rule()
    def choose(self) -> None:
        """A person brings an adapter."""
        self.number += 1
        self.feed(machine.FixChosen(actor="ann", adapter_id=f"adp_{self.number}"))

    @invariant()
    def one_adapter_is_in_force_only_while_promoted(self) -> None:
        """An adapter is ACTIVE only when its incident is PROMOTED or RESOLVED, and it is the incident's own."""
        active = [adapter_id for adapter_id, state in self.adapters.items() if state is AdapterState.ACTIVE]
        if active:
            assert self.incident.state in (State.PROMOTED, State.RESOLVED)
            assert active == [self.incident.adapter_id]
        if self.incident.state is State.PROMOTED:
            assert active == [self.incident.adapter_id]

    @invariant()
    def somebody_always_drives(self) -> None:
        """An open incident is driven by the loop or asks a person something."""
        assert self.incident.state in OPEN | {State.RESOLVED}
        if self.incident.state in WAITING:
            assert self.incident.question or self.incident.report_id or self.incident.marks[-1].why
        if self.incident.state in DRIVEN:
            assert self.incident.marks[-1].state is self.incident.state


TestLoop = Loop.TestCase
TestLoop.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
