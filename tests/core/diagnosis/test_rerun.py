"""What is run again of a failed run, and what the outcomes prove."""

from __future__ import annotations

import msgspec
import pytest

from cta_core.adapter.program import Program
from cta_core.adapter.steps.default import Default
from cta_core.diagnosis.report import Cause, Decision, Report, RerunResult
from cta_core.diagnosis.rerun import MOST, Plan, heal, judge, plan, proved
from cta_core.diagnosis.stages import PRODUCER, outputs, primary
from cta_core.event import decode
from cta_core.run import TraceEvent, TraceKind
from driftgen.pipelines import failure

STAGES = ("parse", "check", "book")


def step(stage: str, number: int, given: str = "", made: str = "") -> TraceEvent:
    """A stage did its work on one event."""
    return TraceEvent(kind=TraceKind.STEP, stage=stage, event_id=f"e{number}", input_json=given, output_json=made)


def error(stage: str, number: int, given: str = "") -> TraceEvent:
    """A stage raised."""
    return TraceEvent(kind=TraceKind.ERROR, stage=stage, event_id=f"e{number}", input_json=given, error_type="KeyError")


def reported(stage: str) -> Report:
    """A report with a program and that primary stage."""
    case = failure(1, events=20)
    report = primary(outputs(case.healthy, case.failed), case.failed)
    assert report.program is not None
    return msgspec.structs.replace(report, cause=Cause(stage=stage))


def test_the_stages_after_the_primary_one_are_run_on_its_output() -> None:
    """Of the events that failed, not of the others; the first ones where they are many."""
    trace = [
        *(step("parse", n, "{}", f'{{"n":{n}}}') for n in range(100)),
        *(error("book", n) for n in range(1, 100)),
    ]
    found = plan(trace, reported("parse"), STAGES)
    assert isinstance(found, Plan)
    assert (found.first, len(found.events), found.events[0]) == (1, MOST, b'{"n":1}')


def test_the_whole_pipeline_is_run_where_the_events_came_in_changed() -> None:
    """The inputs of the first stage are the producer's output, also of the events on which that stage raised."""
    trace = [step("parse", 1, '{"a":1}', "{}"), error("parse", 2, '{"a":2}'), error("book", 1)]
    assert plan(trace, reported(PRODUCER), STAGES) == Plan(first=0, events=(b'{"a":1}', b'{"a":2}'))


@pytest.mark.parametrize(
    ("trace", "report", "why"),
    [
        ([error("book", 1)], Report(decision=Decision.ESCALATE), "the report proposes no adapter"),
        ([error("ship", 1)], reported("parse"), "the consumer has no stage ship any more"),
        ([error("book", 1)], reported("book"), "no stage comes after book"),
        ([error("book", 1)], reported("parse"), "the run does not hold what parse put out for the events that failed"),
        ([error("book", 1)], reported(PRODUCER), "the run does not hold what came in for the events that failed"),
        (
            [step("parse", 1, "", "[1]"), error("book", 1)],
            reported("parse"),
            "the run does not hold what parse put out",
        ),
    ],
)
def test_what_cannot_be_run_again_says_why(trace: list[TraceEvent], report: Report, why: str) -> None:
    """Each reason is told in words."""
    found = plan(trace, report, STAGES)
    assert isinstance(found, str)
    assert found.startswith(why)


@pytest.mark.parametrize(
    ("before", "after", "result", "failed"),
    [
        ([False, False], [True, True], RerunResult.CLEAN, 0),
        ([False, True], [True, True], RerunResult.CLEAN, 0),
        ([False, True], [True, None], RerunResult.CLEAN, 0),
        ([False, False], [True, False], RerunResult.FAILED, 1),
        ([False, False], [True, None], RerunResult.FAILED, 1),
        ([False, True], [True, False], RerunResult.FAILED, 1),
        ([False], [None], RerunResult.FAILED, 1),
        ([True, True], [True, True], RerunResult.NOT_RERUN, 0),
    ],
)
def test_only_failures_that_vanish_are_a_proof(
    before: list[bool], after: list[bool | None], result: RerunResult, failed: int
) -> None:
    """Clean: something failed as it was, and with the adapter nothing does; what it leaves as it was must pass so."""
    found = judge(before, after)
    assert (found.result, found.failed_count) == (result, failed)


def test_a_report_that_fails_its_proof_asks_a_person() -> None:
    """It keeps its adapter and its evidence, and is neither decided nor sure."""
    report = msgspec.structs.replace(reported("parse"), decision=Decision.HEAL, confidence=0.99)
    failed = proved(report, judge([False], [False]))
    assert (failed.decision, failed.confidence, failed.program) == (Decision.ESCALATE, 0.5, report.program)
    assert "Is parse the cause?" in failed.question
    clean = proved(report, judge([False], [True]))
    assert (clean.decision, clean.confidence) == (Decision.HEAL, 0.99)


def test_an_adapter_leaves_what_it_is_not_for() -> None:
    """An event of another shape, or no event at all, is not healed; what is healed is another text."""
    case = failure(1, events=20)
    report = primary(outputs(case.healthy, case.failed), case.failed)
    assert report.program is not None
    drifted = [e.output_json.encode() for e in case.failed if e.stage == case.stage and e.output_json]
    healthy = [e.output_json.encode() for e in case.healthy[0] if e.stage == case.stage]
    healed = heal(report.program, [drifted[0], healthy[0], b"[]", b"{"])
    assert healed[0] is not None
    assert case.field.encode() in healed[0]
    assert healed[1:] == [None, None, None]


@pytest.mark.parametrize("seed", range(20))
def test_generated_pipelines_prove_the_right_adapter_and_no_other(seed: int) -> None:
    """With the proposed adapter the rest of the pipeline passes; with one that mends another field it fails again."""
    case = failure(seed, events=30)
    report = primary(outputs(case.healthy, case.failed), case.failed)
    if report.program is None:
        return
    found = plan(case.failed, report, case.stages)
    assert isinstance(found, Plan)
    before = [case.passes(found.first, decode(raw)) for raw in found.events]

    def outcome(program: Program) -> RerunResult:
        healed = heal(program, found.events)
        return judge(before, [None if raw is None else case.passes(found.first, decode(raw)) for raw in healed]).result

    other = Program(steps=(Default(path="/other", value=1),))
    assert (outcome(report.program), outcome(other)) == (RerunResult.CLEAN, RerunResult.FAILED)
