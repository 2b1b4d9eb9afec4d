"""`cta sources`: generators and replays that feed a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

import click

from cta.v1.source_pb2 import SOURCE_KIND_FILE, SOURCE_KIND_GENERATOR, Source, SourceState
from cta.v1.source_service_pb2 import (
    GetSourceRequest,
    ListSourcesRequest,
    StartSourceRequest,
    StopSourceRequest,
    WatchSourceRequest,
    WatchSourceResponse,
)
from cta_client import watches
from cta_client.cli import complete, paint
from cta_client.cli.table import Column, Table, sheet
from cta_client.cli.verb import WATCH_PATIENCE_SECONDS, Session, verb
from cta_client.cli.words import ago, clock, count, word

_source = click.argument("source_id", metavar="SOURCE", shell_complete=complete.sources)


def state_of(source: Source) -> str:
    """Sign and word of its state."""
    return paint.state(word(SourceState, source.state))


SOURCES: Table[Source] = Table(
    columns=(
        Column("SOURCE", lambda each: each.source_id, least=30),
        Column("STATE", state_of, least=10),
        Column("SENT", lambda each: count(each.sent_count), right=True, least=7),
        Column("RATE", lambda each: f"{count(each.measured_rate)}/s", right=True, least=7),
        Column("HELD", lambda each: count(each.quarantined_count), right=True, least=5),
        Column("STREAM", lambda each: each.stream_id, grow=True, least=12),
    ),
    note=lambda each: each.error,
    empty="No sources. `cta sources start payments --population payments` starts one.",
)


@click.group()
def sources() -> None:
    """Generators and replays that feed a stream."""


@verb(
    sources,
    "start",
    "cta sources start payments --population payments --rate 200",
    "cta sources start orders --file orders.jsonl --limit 1000",
    "cta sources start --again src_...",
)
@click.argument("stream_id", default="", metavar="[STREAM]", shell_complete=complete.streams)
@click.option(
    "--population", default="", metavar="NAME", help="Generate events of this population; `cta system info` lists them."
)
@click.option(
    "--file", default="", metavar="NAME", help="Replay this JSON Lines file of the server's folder of sources."
)
@click.option(
    "--rate", default=20.0, show_default=True, metavar="N", help="Events a second; 0: as fast as the gate takes them."
)
@click.option("--limit", default=0, metavar="N", help="Events to send; 0: until stopped.")
@click.option("--seed", default=0, metavar="N", help="Seed of the generator.")
@click.option("--again", "source_id", default="", metavar="SOURCE", help="Start a stopped source again, counts kept.")
@click.option("--request-id", default="", metavar="TEXT", help="Repeating with the same id starts one source.")
async def start(
    session: Session,
    *,
    stream_id: str,
    population: str,
    file: str,
    rate: float,
    limit: int,
    seed: int,
    source_id: str,
    request_id: str,
) -> None:
    """Start a source: a seeded generator, or the replay of a file."""
    if source_id:
        wanted = Source(source_id=source_id)
    elif not stream_id or bool(population) == bool(file):
        raise click.UsageError("Name a stream, and either --population or --file.")
    else:
        wanted = Source(
            stream_id=stream_id,
            kind=SOURCE_KIND_GENERATOR if population else SOURCE_KIND_FILE,
            population=population,
            file=file,
            rate=rate,
            limit=limit,
            seed=seed,
        )
    answer = await session.client.sources.StartSource(StartSourceRequest(source=wanted, request_id=request_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(SOURCES.lines([answer.source], session.out.width))


@verb(sources, "stop", "cta sources stop src_...")
@_source
async def stop(session: Session, *, source_id: str) -> None:
    """Stop a source; stopping a stopped one changes nothing."""
    answer = await session.client.sources.StopSource(StopSourceRequest(source_id=source_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(SOURCES.lines([answer.source], session.out.width))


@verb(sources, "show", "cta sources show src_...", "cta sources show src_... --watch")
@_source
@click.option("--watch", is_flag=True, help="Follow its counts until it ends.")
async def show(session: Session, *, source_id: str, watch: bool) -> None:
    """Show one source, or follow its counts."""
    if not watch:
        answer = await session.client.sources.GetSource(GetSourceRequest(source_id=source_id))
        if session.out.json:
            return session.out.document(answer)
        return session.out.lines(_lines(answer.source, session))

    def start(_token: str) -> AsyncIterator[WatchSourceResponse]:
        return aiter(session.client.sources.WatchSource(WatchSourceRequest(source_id=source_id)))

    show_row = SOURCES.stream(session.out.width)
    async for message in watches.resumed(session.client, start, patience=WATCH_PATIENCE_SECONDS):
        if isinstance(message, watches.Stale):
            session.stale(message)
        elif session.out.json:
            session.out.entry(message)
        else:
            session.out.lines(show_row(message.source))
    return None


def _lines(source: Source, session: Session) -> list[str]:
    came = f"population {source.population}" if source.population else f"file {source.file}"
    rate = f"{source.rate:g} events/s" if source.rate else "as fast as the gate takes them"
    return list(
        sheet(
            (
                ("source", source.source_id),
                ("state", state_of(source)),
                ("error", source.error),
                ("stream", source.stream_id),
                (
                    "sends",
                    f"{came}, {rate}, seed {source.seed}{f', {count(source.limit)} events' if source.limit else ''}",
                ),
                ("started", f"{clock(source.start_time)} ({ago(source.start_time, session.now)})"),
                ("sent", f"{count(source.sent_count)}, now {count(source.measured_rate)}/s"),
                ("healthy", count(source.healthy_count)),
                ("healed", count(source.healed_count)),
                ("quarantined", count(source.quarantined_count)),
            ),
            session.out.width,
        )
    )


@verb(sources, "list", "cta sources list --stream payments")
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
async def list_(session: Session, *, stream_id: str) -> None:
    """List the sources, newest first."""
    answer = await session.client.sources.ListSources(ListSourcesRequest(stream_id=stream_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(SOURCES.lines(answer.sources, session.out.width))
