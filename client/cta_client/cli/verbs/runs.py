"""`cta runs`: passes of batches through a consumer's stages, with their traces."""

from __future__ import annotations

from collections.abc import AsyncIterator

import click
from google.protobuf.json_format import Parse, ParseError

from cta.v1.run_pb2 import RUN_ORIGIN_OTLP, Run
from cta.v1.run_service_pb2 import (
    GetRunRequest,
    ListRunsRequest,
    RecordRunRequest,
    WatchRunRequest,
    WatchRunResponse,
)
from cta_client import traces as messages
from cta_client import watches
from cta_client.cli import complete, inputs, traces
from cta_client.cli.pages import listed
from cta_client.cli.table import Column, Table, sheet
from cta_client.cli.verb import WATCH_PATIENCE_SECONDS, Session, limit, verb
from cta_client.cli.words import ago, clock, count, plain, span
from cta_client.seconds import seconds
from cta_core import trace_file
from cta_core.errors import Violation

RUNS: Table[Run] = Table(
    columns=(
        Column("RUN", lambda each: each.run_id, least=30),
        Column("TIME", lambda each: clock(each.create_time)[11:]),
        Column("EVENTS", lambda each: count(each.event_count), right=True),
        Column("FAILED", lambda each: count(each.failed_count), right=True),
        Column("TOOK", lambda each: span(seconds(each.duration)), right=True, least=6),
        Column("STREAM", lambda each: each.stream_id, grow=True, least=16),
    ),
    note=lambda each: f"repeats {each.rerun_of} with {each.adapter_id}" if each.rerun_of else "",
    empty="No runs. `cta events process --run-stages` and sources make them.",
)
SHOWN = 20
"""Bad lines of a file that are shown; the rest is counted."""


@click.group()
def runs() -> None:
    """Passes of batches through a consumer's stages, with their traces."""


@verb(runs, "list", "cta runs list --stream payments --failed", "cta runs list --watch")
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
@click.option("--failed", "failed_only", is_flag=True, help="Only runs with failures.")
@limit(20)
@click.option("--watch", is_flag=True, help="Follow runs as they end.")
async def list_(session: Session, *, stream_id: str, failed_only: bool, limit: int, watch: bool) -> None:
    """List runs, newest first, or follow them."""
    if not watch:
        request = ListRunsRequest(stream_id=stream_id, failed_only=failed_only)
        answer = await listed(session.client, session.client.runs.ListRuns, request, limit)
        if session.out.json:
            return session.out.document(answer)
        return session.out.lines(RUNS.lines(answer.runs, session.out.width))

    def start(_token: str) -> AsyncIterator[WatchRunResponse]:
        return aiter(session.client.runs.WatchRun(WatchRunRequest(stream_id=stream_id)))

    show = RUNS.stream(session.out.width)
    async for message in watches.resumed(session.client, start, patience=WATCH_PATIENCE_SECONDS):
        if isinstance(message, watches.Stale):
            session.stale(message)
        elif session.out.json:
            session.out.entry(message)
        else:
            for run in message.runs:
                if run.failed_count or not failed_only:
                    session.out.lines(show(run))
            if message.left_out_count:
                session.out.note(f"  ({count(message.left_out_count)} more ended)")
    return None


@verb(runs, "show", "cta runs show run_...")
@click.argument("run_id", metavar="RUN", shell_complete=complete.runs)
async def show(session: Session, *, run_id: str) -> None:
    """Show one run with its trace."""
    answer = await session.client.runs.GetRun(GetRunRequest(run_id=run_id))
    if session.out.json:
        return session.out.document(answer)
    found, width = answer.run, session.out.width
    session.out.lines(
        sheet(
            (
                ("run", found.run_id),
                ("stream", found.stream_id),
                ("began", f"{clock(found.create_time)} ({ago(found.create_time, session.now)})"),
                ("events", f"{count(found.event_count)}, {count(found.failed_count)} failed"),
                ("took", span(seconds(found.duration))),
                ("repeats", found.rerun_of),
                ("adapter", found.adapter_id),
                ("from", {RUN_ORIGIN_OTLP: f"OpenTelemetry trace {found.trace_id}"}.get(found.origin, found.trace_id)),
            ),
            width,
        )
    )
    return session.out.lines(traces.trace_lines(found, width))


@verb(runs, "record", "cta runs record run.json")
@click.argument("file", type=inputs.Content(), metavar="FILE|-")
@click.option("--request-id", default="", metavar="TEXT", help="Repeating with the same id records one run.")
async def record(session: Session, *, file: bytes, request_id: str) -> None:
    """Record a run of a consumer outside: a Run of the API as proto-JSON."""
    try:
        run = Parse(file, Run())
    except ParseError as error:
        raise click.UsageError(f"The file is no Run: {error}") from error
    answer = await session.client.runs.RecordRun(RecordRunRequest(run=run, request_id=request_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"Recorded as {answer.run.run_id}.")


@verb(runs, "import", "cta runs import trace.jsonl --stream payments", "agent | cta runs import - --stream payments")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--stream",
    "stream_id",
    default="",
    metavar="STREAM",
    help="Stream of lines that name none.",
    shell_complete=complete.streams,
)
@click.option("--keep-going", is_flag=True, help="Leave bad lines out instead of importing nothing.")
async def import_(session: Session, *, file: str, stream_id: str, keep_going: bool) -> None:
    """Import traces: JSON Lines of steps, tools and errors. Importing a file again makes no run twice."""
    found, faults = trace_file.read(inputs.read(file), stream_id=stream_id)
    requests = [RecordRunRequest(run=messages.message_of(run), request_id=run.request_id) for run in found]
    faults += [
        Violation(f"run {each.run.trace_id}", f"has {each.ByteSize():,} bytes; a call takes {inputs.EVENT_BYTES:,}")
        for each in requests
        if each.ByteSize() > inputs.EVENT_BYTES
    ]
    told = [plain(f"  {fault.field}: {fault.remedy}") for fault in faults[:SHOWN]]
    if len(faults) > SHOWN:
        told.append(f"  and {count(len(faults) - SHOWN)} more")
    if faults and not keep_going:
        raise click.ClickException("\n".join((f"{file} has bad lines; nothing was imported.", *told)))
    recorded = [
        await session.client.runs.RecordRun(request) for request in requests if request.ByteSize() <= inputs.EVENT_BYTES
    ]
    if session.out.json:
        for answer in recorded:
            session.out.entry(answer)
    for line in (f"{count(len(faults))} bad lines left out:" if faults else "", *told):
        if line:
            session.out.note(line)
    new = [answer.run for answer in recorded if not answer.known]
    failed = sum(run.failed_count > 0 for run in new)
    done = f"{count(len(new))} {'run' if len(new) == 1 else 'runs'} imported, {count(failed)} of them failed"
    known = len(recorded) - len(new)
    session.out.note(f"{done}; {count(known)} known already." if known else f"{done}.")


@verb(runs, "export", "cta runs export run_...", "cta runs export run_... --to trace.jsonl")
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, shell_complete=complete.runs)
@click.option("--to", "target", default="-", metavar="FILE|-", show_default=True, help="Where to write.")
async def export(session: Session, *, run_ids: tuple[str, ...], target: str) -> None:
    """Write runs with their traces as JSON Lines, one an entry, which `cta runs import` reads."""
    answers = [await session.client.runs.GetRun(GetRunRequest(run_id=run_id)) for run_id in run_ids]
    with inputs.sink(target) as write:
        if write is not None:
            for answer in answers:
                for line in trace_file.write(messages.run_of(answer.run)):
                    write(line)
