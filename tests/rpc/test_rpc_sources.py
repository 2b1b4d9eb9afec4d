"""SourceService, FaultService and RunService over a real channel."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from cta.v1 import event_pb2, event_service_pb2, run_pb2, source_pb2
from cta.v1 import fault_service_pb2 as faults
from cta.v1 import run_service_pb2 as runs
from cta.v1 import source_service_pb2 as service
from helpers.api import Api, all_of, refused
from helpers.payments import payment, raw
from helpers.watching import so_many, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

Code = grpc.StatusCode
NewStream = Callable[..., Awaitable[str]]

NOWHERE = "src_" + "0" * 26
GENERATOR, FILE = source_pb2.SOURCE_KIND_GENERATOR, source_pb2.SOURCE_KIND_FILE
RUNNING, STOPPED, FINISHED = (
    source_pb2.SOURCE_STATE_RUNNING,
    source_pb2.SOURCE_STATE_STOPPED,
    source_pb2.SOURCE_STATE_FINISHED,
)


def start(stream_id: str, request_id: str = "", **fields: Any) -> service.StartSourceRequest:
    """A request for a generator of payments."""
    fields = {"kind": GENERATOR, "population": "payments", "rate": 50.0, **fields}
    return service.StartSourceRequest(source=source_pb2.Source(stream_id=stream_id, **fields), request_id=request_id)


async def test_a_source_feeds_its_stream_until_its_limit(api: Api, new_stream: NewStream) -> None:
    """WatchSource tells its counts to the end; every event passed the gate."""
    stream_id = await new_stream(learned=0)
    started = (await api.sources.StartSource(start(stream_id, rate=0.0, limit=120))).source
    assert started.source_id.startswith("src_")
    seen = await all_of(api.sources.WatchSource(service.WatchSourceRequest(source_id=started.source_id)))
    last = seen[-1].source
    assert (last.state, last.sent_count) == (FINISHED, 120)
    assert last.healthy_count + last.healed_count + last.quarantined_count == 120
    assert all(message.server_time.seconds for message in seen)
    got = await api.sources.GetSource(service.GetSourceRequest(source_id=started.source_id))
    assert got.source.sent_count == 120
    listed = await api.sources.ListSources(service.ListSourcesRequest(stream_id=stream_id))
    assert [source.source_id for source in listed.sources] == [started.source_id]


async def test_a_source_is_stopped_and_started_again_with_its_counts(api: Api, new_stream: NewStream) -> None:
    """Stopping twice changes nothing; starting a running one is SOURCE_RUNNING."""
    stream_id = await new_stream(learned=0)
    started = (await api.sources.StartSource(start(stream_id))).source
    again = service.StartSourceRequest(source=source_pb2.Source(source_id=started.source_id))
    refusal = await refused(api.sources.StartSource(again))
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "SOURCE_RUNNING")
    assert refusal.metadata == {"source_id": started.source_id}
    await until(
        api.sources.WatchSource(service.WatchSourceRequest(source_id=started.source_id)),
        lambda message: message.source.sent_count > 0,
    )
    stop = service.StopSourceRequest(source_id=started.source_id)
    stopped = (await api.sources.StopSource(stop)).source
    assert stopped.state == STOPPED
    again_stopped = (await api.sources.StopSource(stop)).source
    assert (again_stopped.state, again_stopped.sent_count) == (STOPPED, stopped.sent_count)
    resumed = (await api.sources.StartSource(again)).source
    assert resumed.state == RUNNING
    assert resumed.sent_count >= stopped.sent_count
    await api.sources.StopSource(stop)


async def test_starting_with_the_same_request_id_starts_one_source(api: Api, new_stream: NewStream) -> None:
    """A retry answers with the source of the first call."""
    stream_id = await new_stream(learned=0)
    first = (await api.sources.StartSource(start(stream_id, f"s-{stream_id}"))).source
    again = (await api.sources.StartSource(start(stream_id, f"s-{stream_id}"))).source
    assert again.source_id == first.source_id
    await api.sources.StopSource(service.StopSourceRequest(source_id=first.source_id))


async def test_a_source_that_cannot_be_is_refused(api: Api, new_stream: NewStream) -> None:
    """Population, rate, file and stream are checked; a file outside the folder is refused."""
    stream_id = await new_stream(learned=0)
    refusal = await refused(api.sources.StartSource(start(stream_id, population="nobody", rate=-1.0)))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"source.population", "source.rate"}
    outside = start(stream_id, kind=FILE, population="", file="../journal.db")
    refusal = await refused(api.sources.StartSource(outside))
    assert set(refusal.fields) == {"source.file"}
    refusal = await refused(api.sources.StartSource(start("nowhere")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")


async def test_a_fault_changes_what_a_source_sends_until_it_is_cleared(api: Api, new_stream: NewStream) -> None:
    """The answer tells in words what the seed chose; drifted events are quarantined; clearing counts."""
    stream_id = await new_stream(open_after=1_000_000)
    started = (await api.sources.StartSource(start(stream_id, rate=200.0))).source
    fault = source_pb2.Fault(source_id=started.source_id, kind="rename", path="/amount", seed=7)
    fault.parameters.update({"to": "amt"})
    injected = (await api.faults.InjectFault(faults.InjectFaultRequest(fault=fault))).fault
    assert injected.fault_id.startswith("flt_")
    assert "/amount" in injected.words
    await until(
        api.sources.WatchSource(service.WatchSourceRequest(source_id=started.source_id)),
        lambda message: message.source.quarantined_count > 0,
    )
    listed = await api.faults.ListFaults(faults.ListFaultsRequest(source_id=started.source_id))
    assert [item.fault_id for item in listed.faults] == [injected.fault_id]
    assert {"rename", "scale", "schema_drift", "tool_ambiguity", "currency_mix"} <= {k.kind for k in listed.kinds}
    assert all(kind.description for kind in listed.kinds)
    cleared = await api.faults.ClearFaults(faults.ClearFaultsRequest(fault_id=injected.fault_id))
    assert cleared.cleared_count == 1
    await api.sources.StopSource(service.StopSourceRequest(source_id=started.source_id))


async def test_a_fault_that_cannot_be_is_refused(api: Api, new_stream: NewStream) -> None:
    """Kind, path, parameter and share are checked; unknown sources and faults are not found."""
    stream_id = await new_stream()
    started = (await api.sources.StartSource(start(stream_id))).source

    async def inject(**fields: Any) -> Any:
        fields.setdefault("source_id", started.source_id)
        return await refused(api.faults.InjectFault(faults.InjectFaultRequest(fault=source_pb2.Fault(**fields))))

    refusal = await inject(kind="nonsense")
    assert (refusal.code, refusal.reason, set(refusal.fields)) == (
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
        {"fault.kind"},
    )
    assert set((await inject(kind="", share=2.0)).fields) == {"fault.kind", "fault.share"}
    assert set((await inject(kind="rename", path="/nothing")).fields) == {"fault.path"}
    refusal = await inject(kind="rename", source_id=NOWHERE)
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "SOURCE_NOT_FOUND")
    refusal = await refused(api.faults.ClearFaults(faults.ClearFaultsRequest(fault_id="flt_x")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "FAULT_NOT_FOUND")
    await api.sources.StopSource(service.StopSourceRequest(source_id=started.source_id))


async def test_an_unknown_source_is_not_found(api: Api) -> None:
    """Every RPC that names a source says SOURCE_NOT_FOUND."""
    for call in (
        api.sources.GetSource(service.GetSourceRequest(source_id=NOWHERE)),
        api.sources.StopSource(service.StopSourceRequest(source_id=NOWHERE)),
        api.sources.StartSource(service.StartSourceRequest(source=source_pb2.Source(source_id=NOWHERE))),
        api.sources.WatchSource(service.WatchSourceRequest(source_id=NOWHERE)).read(),
        api.faults.ClearFaults(faults.ClearFaultsRequest(source_id=NOWHERE)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "SOURCE_NOT_FOUND")
        assert refusal.metadata == {"source_id": NOWHERE}


def a_run(stream_id: str, request_id: str = "", **fields: Any) -> runs.RecordRunRequest:
    """A recorded run of two events, of which one failed."""
    trace = [
        run_pb2.TraceEvent(kind=run_pb2.TRACE_KIND_STEP, stage="Intake", output_json="{}"),
        run_pb2.TraceEvent(kind=run_pb2.TRACE_KIND_TOOL, stage="Retriever", tool="risks"),
        run_pb2.TraceEvent(
            kind=run_pb2.TRACE_KIND_ERROR, stage="Auditor", event_id="e1", error_type="KeyError", message="'amount'"
        ),
    ]
    fields = {"event_count": 2, "failed_count": 1, "trace": trace, **fields}
    return runs.RecordRunRequest(run=run_pb2.Run(stream_id=stream_id, **fields), request_id=request_id)


async def test_a_recorded_run_is_read_again_with_its_trace(api: Api, new_stream: NewStream) -> None:
    """Lists leave the trace out; a repeated request records one run; readers of runs see it once."""
    stream_id = await new_stream(learned=0)
    call = api.runs.WatchRun(runs.WatchRunRequest(stream_id=stream_id))
    await so_many(call, 1)
    recorded = (await api.runs.RecordRun(a_run(stream_id, f"r-{stream_id}"))).run
    assert (await api.runs.RecordRun(a_run(stream_id, f"r-{stream_id}"))).run == recorded
    assert recorded.run_id.startswith("run_")
    assert recorded.create_time.seconds
    got = (await api.runs.GetRun(runs.GetRunRequest(run_id=recorded.run_id))).run
    assert got == recorded
    assert [entry.stage for entry in got.trace] == ["Intake", "Retriever", "Auditor"]
    listed = await api.runs.ListRuns(runs.ListRunsRequest(stream_id=stream_id))
    assert [(run.run_id, len(run.trace)) for run in listed.runs] == [(recorded.run_id, 0)]
    shown = (await until(call, lambda message: bool(message.runs)))[-1]
    assert [run.run_id for run in shown.runs] == [recorded.run_id]
    quiet = await so_many(call, 1)
    assert not quiet[0].runs
    assert quiet[0].server_time.seconds


async def test_a_run_that_cannot_be_is_refused(api: Api, new_stream: NewStream) -> None:
    """Counts, kinds and stages are checked; the stream has to be there; an unknown run is not found."""
    stream_id = await new_stream(learned=0)
    bad = a_run(stream_id, event_count=1, failed_count=2, trace=[run_pb2.TraceEvent(), run_pb2.TraceEvent(kind=1)])
    refusal = await refused(api.runs.RecordRun(bad))
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert set(refusal.fields) == {"run.failed_count", "run.trace[0].kind", "run.trace[1].stage"}
    refusal = await refused(api.runs.RecordRun(a_run("nowhere")))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "STREAM_NOT_FOUND")
    refusal = await refused(api.runs.GetRun(runs.GetRunRequest(run_id="run_x")))
    assert (refusal.code, refusal.reason, refusal.metadata) == (Code.NOT_FOUND, "RUN_NOT_FOUND", {"run_id": "run_x"})


async def test_a_walk_over_runs_shows_each_once_newest_first(api: Api, new_stream: NewStream) -> None:
    """Pages of one, of failed runs only; a token of another filter is PAGE_TOKEN_MISMATCH."""
    stream_id = await new_stream(learned=0)
    made = [(await api.runs.RecordRun(a_run(stream_id))).run.run_id for _ in range(3)]
    await api.runs.RecordRun(a_run(stream_id, failed_count=0))
    seen: list[str] = []
    token = ""
    while True:
        page = await api.runs.ListRuns(
            runs.ListRunsRequest(stream_id=stream_id, failed_only=True, page_size=1, page_token=token)
        )
        seen += [run.run_id for run in page.runs]
        token = page.next_page_token
        if not token:
            break
        wrong = runs.ListRunsRequest(stream_id=stream_id, page_token=token)
        assert (await refused(api.runs.ListRuns(wrong))).reason == "PAGE_TOKEN_MISMATCH"
    assert seen == made[::-1]


async def test_the_trace_of_a_run_through_the_servers_stages_tells_each_stage(api: Api, new_stream: NewStream) -> None:
    """Steps, the tool and the error of the event that failed, by its id."""
    stream_id = await new_stream(consumer="payments")
    bad = json.dumps({**payment(1), "currency": "EURO"})
    batch = [
        event_pb2.Event(event_id="good", payload=event_pb2.Payload(json=raw(payment(2)).decode())),
        event_pb2.Event(event_id="bad", payload=event_pb2.Payload(json=bad)),
    ]
    answer = await api.events.ProcessEvents(
        event_service_pb2.ProcessEventsRequest(stream_id=stream_id, events=batch, run_stages=True)
    )
    run = (await api.runs.GetRun(runs.GetRunRequest(run_id=answer.run_id))).run
    assert (run.event_count, run.failed_count) == (2, 1)
    errors = [entry for entry in run.trace if entry.kind == run_pb2.TRACE_KIND_ERROR]
    assert [(entry.stage, entry.event_id) for entry in errors] == [("Intake", "bad")]
    assert run_pb2.TRACE_KIND_TOOL in {entry.kind for entry in run.trace}
