"""The trace of a batch: one entry per stage, one per failed event."""

from __future__ import annotations

from cta_core.run import TraceKind
from cta_server.runtime.stages import ChainResult, StageKind, StageOutcome, StageSpec, trace
from cta_server.runtime.stages.tracing import Recorded

STAGES = (
    StageSpec(name="Intake", call="m:intake"),
    StageSpec(name="Retriever", call="m:retriever", kind=StageKind.TOOL),
)


def passed(*times: float) -> StageOutcome:
    """An outcome without a failure."""
    return StageOutcome(ok=True, output=b"1", stage_ms=times)


def failed(stage: str, *times: float) -> StageOutcome:
    """An outcome of an event that failed."""
    return StageOutcome(ok=False, stage=stage, error_type="KeyError", message="'amount'", stage_ms=times)


def test_stages_follow_each_other() -> None:
    """Each stage has one entry with the number of its events and the time they took together, a tool with its name."""
    result = ChainResult(outcomes=(passed(1.0, 2.0), passed(3.0, 4.0)), stages=STAGES)
    step, tool = trace(result, event_ids=("a", "b"), time=100.0)
    assert (step.kind, step.stage, step.time, step.duration_ms, step.message) == (
        (TraceKind.STEP, "Intake", 100.0, 4.0, "2 events")
    )
    assert (tool.kind, tool.stage, tool.time, tool.duration_ms, tool.tool) == (
        (TraceKind.TOOL, "Retriever", 100.004, 6.0, "m:retriever")
    )


def test_errors_follow_their_stage() -> None:
    """A failed event is an entry after its stage, with its id and the error; later stages count only what reached
    them.
    """
    result = ChainResult(
        outcomes=(failed("Intake", 1.0), passed(1.0, 1.0), failed("Retriever", 1.0, 1.0)), stages=STAGES
    )
    entries = trace(result, event_ids=("a", "b", "c"), time=0.0)
    assert [(e.kind.value, e.stage, e.event_id) for e in entries] == [
        ("STEP", "Intake", ""),
        ("ERROR", "Intake", "a"),
        ("TOOL", "Retriever", ""),
        ("ERROR", "Retriever", "c"),
    ]
    assert [entries[0].message, entries[2].message] == ["3 events, 1 failed", "2 events, 1 failed"]
    assert (entries[1].error_type, entries[1].message, entries[1].duration_ms) == ("KeyError", "'amount'", 1.0)


def test_errors_are_capped_and_still_counted() -> None:
    """Of very many failures a hundred are kept; the stage's own entry counts them all."""
    result = ChainResult(outcomes=tuple(failed("Intake", 1.0) for _ in range(1500)), stages=STAGES)
    entries = trace(result, event_ids=[str(n) for n in range(1500)], time=0.0)
    assert len(entries) == 101
    assert entries[0].message == "1,500 events, 1,500 failed"


def test_events_that_no_stage_saw_are_there() -> None:
    """A failure before the stage ran, or in a process that died, still names the stage and the event."""
    result = ChainResult(outcomes=(failed("Intake"),), stages=STAGES)
    stage, error = trace(result, event_ids=("a",), time=0.0)
    assert (stage.message, error.event_id) == ("1 event, 1 failed", "a")


def test_no_events_leave_no_trace() -> None:
    """An empty batch has an empty trace."""
    assert trace(ChainResult(outcomes=(), stages=STAGES), event_ids=(), time=0.0) == ()


def test_a_recorded_batch_holds_what_went_in_and_out() -> None:
    """As many events of each sort as asked for: the first input, every output, and what the failing stage took."""
    ok = StageOutcome(ok=True, output=b"3", stage_ms=(1.0, 1.0), values=(b"2", b"3"))
    bad = StageOutcome(ok=False, stage="Retriever", error_type="E", stage_ms=(1.0, 1.0), values=(b"2",))
    result = ChainResult(outcomes=(ok, ok, bad, bad), stages=STAGES)
    wanted = Recorded(inputs=[b"1"] * 4, healthy=1, failed=1)
    entries = trace(result, event_ids=("a", "b", "c", "d"), time=0.0, recorded=wanted)
    assert [(e.kind.value, e.event_id, e.input_json, e.output_json) for e in entries] == [
        ("STEP", "", "", ""),
        ("STEP", "a", "1", "2"),
        ("STEP", "c", "1", "2"),
        ("TOOL", "", "", ""),
        ("TOOL", "a", "", "3"),
        ("ERROR", "c", "2", ""),
        ("ERROR", "d", "", ""),
    ]


def test_a_recorded_batch_is_bounded() -> None:
    """What would make the run too large is left out; a body that is too long is left out for itself."""
    large = StageOutcome(ok=True, output=b"", stage_ms=(1.0,), values=(b"x" * 16_000,))
    result = ChainResult(outcomes=(large,) * 100, stages=STAGES[:1])
    wanted = Recorded(inputs=[b"y" * 20_000] * 100, healthy=100, failed=0)
    kept = [e for e in trace(result, event_ids=["e"] * 100, time=0.0, recorded=wanted) if e.event_id]
    assert len(kept) == 512 * 1024 // 36_000
    assert {(e.input_json, len(e.output_json)) for e in kept} == {("", 16_000)}
