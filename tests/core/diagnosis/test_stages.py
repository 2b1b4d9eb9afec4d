"""The primary stage of a failed run, on generated pipelines whose names nobody knows."""

from __future__ import annotations

import msgspec
import pytest

from cta_core.diagnosis.report import Decision
from cta_core.diagnosis.stages import PRODUCER, akin, order, outputs, primary
from cta_core.run import TraceEvent, TraceKind
from driftgen.pipelines import failure

HEALTHY = [
    tuple(
        TraceEvent(
            kind=TraceKind.STEP,
            stage="check",
            event_id=f"{number}",
            input_json=f'{{"amount":{number}.5,"id":"p{number}"}}',
            output_json=f'{{"amount":{number}.5}}',
        )
        for number in range(40)
    )
]


def error(stage: str, event_id: str = "e") -> TraceEvent:
    """A stage raised."""
    return TraceEvent(kind=TraceKind.ERROR, stage=stage, event_id=event_id, error_type="KeyError", message="'amount'")


@pytest.mark.parametrize("seed", range(20))
def test_the_earliest_stage_that_left_its_profile_is_named(seed: int) -> None:
    """The report names the stage at which drift was seeded, and its field, wherever it was noticed."""
    case = failure(seed)
    report = primary(outputs(case.healthy, case.failed), case.failed)
    assert (report.cause.stage, report.cause.path) == (case.stage, f"/{case.field}")
    assert case.raised in report.cause.sentence


def test_drift_of_the_producer_is_the_producers() -> None:
    """Events that come in otherwise are not blamed on the first stage that passes them on."""
    failed = [
        TraceEvent(kind=TraceKind.ERROR, stage="check", event_id=f"f{n}", input_json=f'{{"amt":{n}.5,"id":"p{n}"}}')
        for n in range(30)
    ]
    report = primary(outputs(HEALTHY, failed), failed)
    assert (report.cause.stage, report.cause.path) == (PRODUCER, "/amount")
    assert report.decision is Decision.HEAL


def test_a_stage_that_fails_on_healthy_input_is_its_own_cause() -> None:
    """Where nothing before the failure differs, the stage that raised is named and a person is asked."""
    failed = [*HEALTHY[0], error("book", "3")]
    report = primary(outputs(HEALTHY, failed), failed)
    assert (report.cause.stage, report.decision) == ("book", Decision.ESCALATE)
    assert "as in healthy runs" in report.cause.sentence


def test_a_change_that_the_failed_events_do_not_show_is_not_blamed() -> None:
    """Another shape of events that went well explains nothing."""
    other = TraceEvent(
        kind=TraceKind.STEP, stage="check", event_id="x", input_json='{"amt":1}', output_json='{"sum":"many"}'
    )
    failed = [*HEALTHY[0], *[other] * 30, error("book", "3")]
    assert primary(outputs(HEALTHY, failed), failed).cause.stage == "book"


def test_runs_without_outputs_say_so() -> None:
    """Where nothing was recorded nothing is claimed."""
    failed = [error("book")]
    assert "record no outputs" in primary(outputs([], failed), failed).cause.sentence
    assert primary(outputs([], []), []).decision is Decision.QUIET


def test_runs_of_one_kind_are_those_with_the_same_first_error() -> None:
    """Another stage, another class of error, or none makes a run of another kind."""
    same, other_stage = [error("book", "1")], [error("check", "1"), error("book", "1")]
    other_class = [msgspec.structs.replace(error("book"), error_type="ValueError")]
    assert akin([error("book")], [same, other_stage, other_class, HEALTHY[0]]) == [same]
    assert akin(HEALTHY[0], [same]) == []


def test_a_stage_that_encloses_others_puts_out_last() -> None:
    """With spans the order is that of the ends; without them it is that of the entries."""
    inner = TraceEvent(kind=TraceKind.STEP, stage="inner", time=1.0, duration_ms=1000.0, span_id="2")
    outer = TraceEvent(kind=TraceKind.STEP, stage="outer", time=0.0, duration_ms=9000.0, span_id="1")
    assert order([outer, inner]) == ["inner", "outer"]
    bare = [msgspec.structs.replace(each, span_id="") for each in (outer, inner)]
    assert order(bare) == ["outer", "inner"]
