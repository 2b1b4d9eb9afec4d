"""`cta adapters`: typed programs that heal events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cta.v1.adapter_pb2 import Adapter, AdapterState
from cta.v1.adapter_service_pb2 import (
    ClearAdaptersRequest,
    CreateAdapterRequest,
    ExportAdapterRequest,
    GetAdapterRequest,
    ListAdaptersRequest,
    ListWorkersRequest,
    PromoteAdapterRequest,
    ReportAdapterRequest,
    RollBackAdapterRequest,
    TestAdapterRequest,
    Worker,
    WorkerOutcome,
    WorkerState,
)
from cta.v1.event_pb2 import OutcomeKind, Payload
from cta_client import watches
from cta_client.cli import complete, inputs, paint, telling
from cta_client.cli.pages import known, listed
from cta_client.cli.table import Column, Table
from cta_client.cli.verb import WATCH_PATIENCE_SECONDS, Session, as_seen, by_whom, limit, verb
from cta_client.cli.words import body, count, word

_adapter = click.argument("adapter_id", metavar="ADAPTER", shell_complete=complete.adapters)


def state_of(adapter: Adapter) -> str:
    """Sign and word of its state."""
    return paint.state(word(AdapterState, adapter.state))


ADAPTERS: Table[Adapter] = Table(
    columns=(
        Column("ADAPTER", lambda each: each.adapter_id, least=30),
        Column("STATE", state_of, least=13),
        Column("HEALED", lambda each: count(each.healed_count), right=True),
        Column("BY", lambda each: each.author),
        Column("STREAM", lambda each: each.stream_id, grow=True, least=20),
    ),
    note=lambda each: "; ".join(each.words),
    empty="No adapters. The loop makes them; `cta adapters create` brings one.",
)


def offers_of(worker: Worker) -> str:
    """The handlers that run canaries in it, with their versions."""
    return ", ".join(f"{each.consumer} {each.version}".strip() for each in worker.offers) or "no"


WORKERS: Table[Worker] = Table(
    columns=(
        Column("WORKER", lambda each: each.worker_id, grow=True, least=20),
        Column("STATE", lambda each: word(WorkerState, each.state), least=8),
        Column("APPLIES", lambda each: f"r{each.applied_revision}", right=True),
        Column("IN FORCE", lambda each: f"r{each.wanted_revision}", right=True),
        Column("CANARIES", offers_of),
        Column("STREAMS", lambda each: ", ".join(each.stream_ids) or "all"),
    ),
    note=lambda each: each.error_message,
    empty="No workers. A guard in a consumer's own process is one; see docs/clients.md.",
)


@click.group()
def adapters() -> None:
    """Typed programs that heal events."""


@verb(
    adapters,
    "list",
    "cta adapters list --stream payments",
    "cta adapters list --state ACTIVE",
    "cta adapters list --watch",
)
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["PROPOSED", "CANARY", "ACTIVE", "REJECTED", "ROLLED_BACK", "RETIRED"], case_sensitive=False),
    help="Only these; may be repeated.",
)
@limit(20)
@click.option("--watch", is_flag=True, help="Follow the adapters in force: a line at every change.")
async def list_(session: Session, *, stream_id: str, states: tuple[str, ...], limit: int, watch: bool) -> None:
    """List adapters, newest first, or follow those in force."""
    if watch:
        return await _follow(session, stream_id)
    wanted = [AdapterState.Value(f"ADAPTER_STATE_{state.upper()}") for state in states]
    request = ListAdaptersRequest(stream_id=stream_id, states=wanted)
    answer = await listed(session.client, session.client.adapters.ListAdapters, request, limit)
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(ADAPTERS.lines(answer.adapters, session.out.width))


async def _follow(session: Session, stream_id: str) -> None:
    show = ADAPTERS.stream(session.out.width)
    chosen = [stream_id] if stream_id else []
    async for news in watches.adapters(session.client, chosen, patience=WATCH_PATIENCE_SECONDS):
        if isinstance(news, watches.Stale):
            session.stale(news)
            continue
        for each in news.entries:
            if session.out.json:
                session.out.entry(each)
            else:
                session.out.lines(show(each))
        for gone in news.gone:
            session.out.note(f"{gone}  no longer in force")


@verb(adapters, "show", "cta adapters show adp_...")
@_adapter
async def show(session: Session, *, adapter_id: str) -> None:
    """Show one adapter: what it does, step by step, and where it stands."""
    answer = await session.client.adapters.GetAdapter(GetAdapterRequest(adapter_id=adapter_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(telling.adapter_lines(answer.adapter, session.now, session.out.width))


@verb(adapters, "create", "cta adapters create payments cents.adapter.json --comment 'cents since Monday'")
@click.argument("stream_id", metavar="STREAM", shell_complete=complete.streams)
@click.argument("file", type=inputs.Content(), metavar="FILE|-")
@click.option("--validate-only", is_flag=True, help="Check everything, create nothing.")
@click.option("--request-id", default="", metavar="TEXT", help="Repeating with the same id does nothing twice.")
@by_whom
async def create(
    session: Session,
    *,
    stream_id: str,
    file: bytes,
    validate_only: bool,
    request_id: str,
    actor: str,
    comment: str,
) -> None:
    """Bring an adapter file, as `cta adapters export` and `cta heal` write it. It changes nothing until promoted."""
    answer = await session.client.adapters.CreateAdapter(
        CreateAdapterRequest(
            stream_id=stream_id,
            file=file,
            validate_only=validate_only,
            request_id=request_id,
            author=actor,
            comment=comment,
        )
    )
    if session.out.json:
        return session.out.document(answer)
    session.out.lines(telling.adapter_lines(answer.adapter, session.now, session.out.width))
    if validate_only:
        session.out.note("\nIt is valid; nothing was created.")
    return None


@verb(adapters, "test", "cta adapters test adp_...", "cta adapters test adp_... events.jsonl --show 3")
@_adapter
@click.argument("file", default="", metavar="[FILE|-]")
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(1, 1000), metavar="N", help="Most events tried."
)
@click.option("--show", "shown", default=2, show_default=True, metavar="N", help="Changed events shown in full.")
async def test(session: Session, *, adapter_id: str, file: str, limit: int, shown: int) -> None:
    """Say what an adapter does to the given events, or to held and recent ones; change nothing."""
    given = [Payload(data=line) for line in inputs.read(file)][:limit] if file else []
    answer = await session.client.adapters.TestAdapter(
        TestAdapterRequest(adapter_id=adapter_id, events=given, limit=limit)
    )
    if session.out.json:
        return session.out.document(answer)
    healed = [trial for trial in answer.trials if trial.kind == OutcomeKind.OUTCOME_KIND_HEALED]
    for trial in healed[:shown]:
        session.out.lines(telling.change_lines(body(trial.before), body(trial.after), session.out.width))
        session.out.lines([""])
    held = [trial.message for trial in answer.trials if trial.kind == OutcomeKind.OUTCOME_KIND_QUARANTINED]
    for message in sorted(set(held))[:5]:
        session.out.lines([f"  held: {message} ({count(held.count(message))} events)"])
    healed_count, untouched, still_held = answer.healed_count, answer.untouched_count, answer.held_count
    return session.out.note(f"{count(healed_count)} healed, {count(untouched)} untouched, {count(still_held)} held.")


@verb(adapters, "promote", "cta adapters promote adp_... --comment 'canary passed' --expected 42")
@_adapter
@click.option("--without-canary", is_flag=True, help="Without a passed canary; needs --comment.")
@by_whom
@as_seen
async def promote(session: Session, /, *, adapter_id: str, without_canary: bool, **asked: Any) -> None:
    """Put an adapter in force. Needs a canary with verdict PASS."""
    answer = await session.client.adapters.PromoteAdapter(
        PromoteAdapterRequest(adapter_id=adapter_id, without_canary=without_canary, **asked)
    )
    _decided(session, answer)


@verb(adapters, "roll-back", "cta adapters roll-back adp_... --comment 'totals are off'")
@_adapter
@by_whom
@as_seen
async def roll_back(session: Session, /, *, adapter_id: str, **asked: Any) -> None:
    """Take an active adapter back; the others of the stream stay in force."""
    answer = await session.client.adapters.RollBackAdapter(RollBackAdapterRequest(adapter_id=adapter_id, **asked))
    _decided(session, answer)


def _decided(session: Session, answer: Any) -> None:
    if session.out.json:
        return session.out.document(answer)
    adapter = answer.adapter
    return session.out.note(f"{adapter.adapter_id} is {state_of(adapter)[2:]}, revision {adapter.revision}.")


@verb(adapters, "clear", "cta adapters clear payments --comment 'the producer is mended'")
@click.argument("stream_id", metavar="STREAM", shell_complete=complete.streams)
@by_whom
async def clear(session: Session, *, stream_id: str, actor: str, comment: str) -> None:
    """Take all active adapters of a stream back."""
    answer = await session.client.adapters.ClearAdapters(
        ClearAdaptersRequest(stream_id=stream_id, actor=actor, comment=comment)
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"{count(answer.cleared_count)} adapters of {stream_id} are taken back.")


@verb(adapters, "export", "cta adapters export adp_... > cents.adapter.json", "cta adapters export adp_... --to .")
@_adapter
@click.option(
    "--to",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write it there under its own name.",
)
async def export(session: Session, *, adapter_id: str, folder: Path | None) -> None:
    """Write an adapter as a file that `cta apply` and `cta adapters create` read."""
    answer = await session.client.adapters.ExportAdapter(ExportAdapterRequest(adapter_id=adapter_id))
    if session.out.json:
        return session.out.document(answer)
    if folder is None:
        click.echo(answer.file.decode().rstrip("\n"))
        return None
    # The name comes from the server: only its last part is a name here.
    target = folder / (Path(answer.file_name).name or f"{adapter_id}.json")
    inputs.write(target, answer.file)
    return session.out.note(f"Written to {target}.")


@verb(adapters, "report", "cta adapters report adp_... --worker w-1 --revision 42 --outcome APPLIED")
@_adapter
@click.option("--worker", "worker_id", required=True, metavar="NAME", help="The worker.")
@click.option("--revision", required=True, type=int, metavar="N", help="The revision that it got.")
@click.option(
    "--outcome", required=True, type=click.Choice(["APPLIED", "REFUSED"], case_sensitive=False), help="What it did."
)
@click.option("--error", default="", metavar="TEXT", help="Why it was refused.")
async def report(session: Session, *, adapter_id: str, worker_id: str, revision: int, outcome: str, error: str) -> None:
    """Tell the server that a worker applied or refused a revision."""
    answer = await session.client.adapters.ReportAdapter(
        ReportAdapterRequest(
            worker_id=worker_id,
            adapter_id=adapter_id,
            revision=revision,
            outcome=WorkerOutcome.Value(f"WORKER_OUTCOME_{outcome.upper()}"),
            error_message=error,
        )
    )
    if session.out.json:
        return session.out.document(answer)
    session.out.note(f"Applied by {count(answer.applied_count)} workers, refused by {count(answer.refused_count)}.")
    return None


@verb(adapters, "workers", "cta adapters workers --stream payments")
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
async def workers(session: Session, *, stream_id: str) -> None:
    """List the consumers that apply adapters in their own processes, the revision of each, and who runs canaries."""
    answer = await session.client.adapters.ListWorkers(ListWorkersRequest(stream_id=stream_id))
    await known(session.client, stream_id, len(answer.workers))
    if session.out.json:
        return session.out.document(answer)
    session.out.lines(WORKERS.lines(answer.workers, session.out.width))
    if answer.workers:
        others = [
            word(WorkerState, each.state) for each in answer.workers if each.state != WorkerState.WORKER_STATE_CURRENT
        ]
        told = [f"{count(others.count(state))} {state.lower()}" for state in sorted(set(others))]
        session.out.note(
            f"{count(answer.current_count)} of {count(answer.worker_count)} current{''.join(', ' + t for t in told)}."
        )
    return None
