"""`cta events`: through the gate, in the quarantine, and out of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator

import click

from cta.v1.event_pb2 import (
    DeliveredEvent,
    Event,
    OutcomeKind,
    Payload,
    QuarantinedEvent,
    QuarantineReason,
    QuarantineState,
)
from cta.v1.event_service_pb2 import (
    EVENT_VIEW_TAIL,
    FailureReport,
    ListEventsRequest,
    ListQuarantinedRequest,
    RedriveQuarantinedRequest,
    ReportFailuresRequest,
    WatchEventsRequest,
    WatchEventsResponse,
)
from cta_client import watches
from cta_client.cli import complete, inputs, paint
from cta_client.cli.exits import Exit
from cta_client.cli.pages import known, listed
from cta_client.cli.processing import Tally, Trouble, process_lines
from cta_client.cli.table import Column, Table
from cta_client.cli.verb import WATCH_PATIENCE_SECONDS, Session, by, limit, verb
from cta_client.cli.words import body, clock, count, span, word

_stream = click.argument("stream_id", metavar="STREAM", shell_complete=complete.streams)
_of_stream = click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
_of_incident = click.option(
    "--incident",
    "incident_id",
    default="",
    metavar="INCIDENT",
    help="Only this incident's.",
    shell_complete=complete.incidents,
)
_kinds = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["HEALTHY", "HEALED", "QUARANTINED"], case_sensitive=False),
    help="Only these; may be repeated.",
)


def kind_of(number: int) -> str:
    """Sign and word of an outcome."""
    return paint.state(word(OutcomeKind, number))


def why_of(each: DeliveredEvent) -> str:
    """What an adapter or the gate did to it."""
    return each.message or (f"by {each.adapter_id}" if each.adapter_id else "")


def held_for(each: QuarantinedEvent) -> str:
    """Why it is held: the stage that failed, or the field that breaks the contract, before the reason."""
    where = each.stage or (each.breaches[0].path if each.breaches else "")
    return f"{where}: {each.message}" if where else each.message


EVENTS: Table[DeliveredEvent] = Table(
    columns=(
        Column("TIME", lambda each: clock(each.time)[11:]),
        Column("OUTCOME", lambda each: kind_of(each.kind), least=13),
        Column("EVENT", lambda each: body(each.payload) or body(each.original), grow=True, least=200),
    ),
    note=why_of,
    empty="No events yet. `cta events process STREAM FILE` sends some.",
)

HELD: Table[QuarantinedEvent] = Table(
    columns=(
        Column("POSITION", lambda each: count(each.position), right=True),
        Column("STATE", lambda each: paint.state(word(QuarantineState, each.state))),
        Column("STREAM", lambda each: each.stream_id),
        Column("ARRIVED", lambda each: clock(each.arrive_time)[11:19]),
        Column("REASON", lambda each: word(QuarantineReason, each.reason).lower()),
        Column("EVENT", lambda each: "(erased by age)" if each.erased else body(each.payload), grow=True),
    ),
    note=held_for,
    empty="The quarantine is empty.",
)


@click.group()
def events() -> None:
    """Through the gate, in the quarantine, and out of it."""


@verb(
    events,
    "process",
    "cta events process payments today.jsonl",
    "producer | cta events process payments - --passed - | consumer",
    "cta events process payments today.jsonl -o json > outcomes.jsonl",
)
@_stream
@click.argument("file", metavar="FILE|-")
@click.option("--passed", default="", metavar="FILE", help="Write events that passed, one a line; - for stdout.")
@click.option("--run-stages", is_flag=True, help="Run them through the stream's consumer as well.")
@click.option("--strict", is_flag=True, help="Exit 6 when an event was quarantined.")
@click.option(
    "--request-id", default="", metavar="TEXT", help="Repeating the same file with the same id stores nothing twice."
)
async def process(
    session: Session,
    *,
    stream_id: str,
    file: str,
    passed: str,
    run_stages: bool,
    strict: bool,
    request_id: str,
) -> Exit:
    """Drive JSON Lines through the gate: one outcome per event, in order.

    Prints the events that are not healthy, like ones of a call together, or with -o json every outcome as one line. The
    summary goes to stderr.
    """
    began, tally, numbers = time.monotonic(), Tally(), list[int]()
    show = TROUBLES.stream(session.out.width)
    with inputs.sink(passed) as keep:
        async for batch in process_lines(
            session.client,
            stream_id,
            inputs.read(file, numbers),
            request_id=request_id or uuid.uuid4().hex,
            run_stages=run_stages,
            detailed=session.out.json,
        ):
            tally = tally.plus(batch)
            if keep is not None:
                for line in batch.passed():
                    keep(line)
            if passed == "-":
                # stdout has the events; what became of the others is counted at the end.
                continue
            if session.out.json:
                for outcome in batch.outcomes:
                    session.out.entry(outcome)
            else:
                for trouble in batch.troubles(numbers[tally.events - len(batch.kinds) : tally.events]):
                    session.out.lines(show(trouble))
    took = max(time.monotonic() - began, 1e-9)
    session.out.note(f"{tally} in {span(took)} ({count(tally.events / took)}/s)")
    return Exit.HELD if strict and tally.quarantined else Exit.DONE


TROUBLES: Table[Trouble] = Table(
    columns=(
        Column("LINES", lambda each: each.where, right=True, least=15),
        Column("EVENTS", lambda each: count(len(each.lines)), right=True),
        Column("OUTCOME", lambda each: each.outcome, least=13),
        Column("WHY", lambda each: each.why, grow=True, least=200),
    )
)


@verb(events, "report-failure", "cta events report-failure payments bad.jsonl --stage Auditor --message 'no amount'")
@_stream
@click.argument("file", metavar="FILE|-")
@click.option("--stage", required=True, metavar="NAME", help="Stage of your consumer that raised.")
@click.option("--error-type", default="Error", show_default=True, metavar="NAME", help="Class of the exception.")
@click.option("--message", required=True, metavar="TEXT", help="Its message.")
@click.option("--request-id", default="", metavar="TEXT", help="Repeating with the same id stores nothing twice.")
async def report_failure(
    session: Session, *, stream_id: str, file: str, stage: str, error_type: str, message: str, request_id: str
) -> Exit:
    """Report events on which your own consumer raised: they join the quarantine and may open an incident."""
    accepted, refused, prefix = 0, 0, request_id or uuid.uuid4().hex
    numbers, sent = list[int](), 0
    for number, batch in enumerate(inputs.batches(inputs.read(file, numbers))):
        failures = [
            FailureReport(event=Event(payload=Payload(data=line)), stage=stage, error_type=error_type, message=message)
            for line in batch
        ]
        answer = await session.client.events.ReportFailures(
            ReportFailuresRequest(stream_id=stream_id, failures=failures, request_id=f"{prefix[:54]}-{number}")
        )
        accepted, refused = accepted + answer.accepted_count, refused + len(answer.rejected)
        if session.out.json:
            session.out.entry(answer)
        else:
            session.out.lines(f"line {numbers[sent + each.index]}: {each.message}" for each in answer.rejected)
        sent += len(batch)
    session.out.note(
        f"{count(accepted)} {'failure' if accepted == 1 else 'failures'} stored, {count(refused)} refused."
    )
    return Exit.REFUSED if refused else Exit.DONE


@verb(events, "list", "cta events list payments --kind HEALED", "cta events list payments --watch")
@_stream
@_kinds
@limit(20)
@click.option("--watch", is_flag=True, help="Show what passes the gate now, sampled.")
@click.option("--rate", default=20, show_default=True, metavar="N", help="With --watch: most events shown a second.")
async def list_(
    session: Session, *, stream_id: str, kinds: tuple[str, ...], limit: int, watch: bool, rate: int
) -> None:
    """List recent events, newest first, or watch them pass."""
    wanted = [OutcomeKind.Value(f"OUTCOME_KIND_{kind.upper()}") for kind in kinds]
    if not watch:
        request = ListEventsRequest(stream_id=stream_id, kinds=wanted)
        answer = await listed(session.client, session.client.events.ListEvents, request, limit)
        if session.out.json:
            return session.out.document(answer)
        return session.out.lines(EVENTS.lines(answer.events, session.out.width))

    def start(_token: str) -> AsyncIterator[WatchEventsResponse]:
        return aiter(
            session.client.events.WatchEvents(
                WatchEventsRequest(stream_id=stream_id, view=EVENT_VIEW_TAIL, max_rate=rate, kinds=wanted)
            )
        )

    show = EVENTS.stream(session.out.width)
    async for message in watches.resumed(session.client, start, patience=WATCH_PATIENCE_SECONDS):
        if isinstance(message, watches.Stale):
            session.stale(message)
        elif session.out.json:
            session.out.entry(message)
        else:
            for event in message.events:
                session.out.lines(show(event))
            if message.left_out_count:
                session.out.note(f"  ({count(message.left_out_count)} more passed)")
    return None


@verb(events, "deliveries", "cta events deliveries --stream payments", "cta events deliveries --watch -o json")
@_of_stream
@click.option("--watch", is_flag=True, help="Go on with what is redriven from now on.")
@click.option("--after", "resume", default="", metavar="TOKEN", help="Resume there; stderr shows the last token.")
async def deliveries(session: Session, *, stream_id: str, watch: bool, resume: str) -> None:
    """Read the log of redriven events: each exactly once, in order, resumable."""
    show, token, seen = EVENTS.stream(session.out.width), resume, 0
    log = watches.deliveries(session.client, stream_id, token=resume, patience=WATCH_PATIENCE_SECONDS)
    async for news in log:
        if isinstance(news, watches.Stale):
            session.stale(news)
            continue
        token = news.token or token
        seen += len(news.events)
        for event in news.events:
            if session.out.json:
                session.out.entry(event)
            else:
                session.out.lines(show(event))
        # A message without events is a checkpoint: the log is read to its end.
        if not news.events and not watch:
            break
    await log.aclose()
    await known(session.client, stream_id, seen)
    if token:
        session.out.note(f"Go on with --after {token}")


@verb(events, "quarantined", "cta events quarantined --stream payments", "cta events quarantined --incident inc_...")
@_of_stream
@_of_incident
@click.option("--redriven", is_flag=True, help="Those that were redriven, instead of those that wait.")
@click.option("--raw", is_flag=True, help="Show what a stream masks; it is written to the log of decisions.")
@by
@limit(20)
async def quarantined(
    session: Session, *, stream_id: str, incident_id: str, redriven: bool, raw: bool, actor: str, limit: int
) -> None:
    """List the quarantine in order of arrival; of a stream with masks as masked copies."""
    state = QuarantineState.QUARANTINE_STATE_REDRIVEN if redriven else QuarantineState.QUARANTINE_STATE_HELD
    request = ListQuarantinedRequest(stream_id=stream_id, incident_id=incident_id, state=state, raw=raw, actor=actor)
    answer = await listed(session.client, session.client.events.ListQuarantined, request, limit)
    if session.out.json:
        return session.out.document(answer)
    session.out.lines(HELD.lines(answer.events, session.out.width))
    if answer.next_page_token:
        session.out.note(f"{count(len(answer.events))} of {count(answer.held_count)}; --limit 0 shows all.")
    if any(each.masked for each in answer.events):
        session.out.note("Masked copies; --raw shows the events, and is written to the log of decisions.")
    return None


@verb(events, "redrive", "cta events redrive payments --dry-run", "cta events redrive payments")
@_stream
@_of_incident
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
@by
async def redrive(session: Session, *, stream_id: str, incident_id: str, dry_run: bool, actor: str) -> None:
    """Drive held events through the gate again; those that pass are delivered exactly once."""
    answer = await session.client.events.RedriveQuarantined(
        RedriveQuarantinedRequest(stream_id=stream_id, incident_id=incident_id, dry_run=dry_run, actor=actor)
    )
    if session.out.json:
        return session.out.document(answer)
    done = "would be redriven" if dry_run else "redriven"
    return session.out.note(f"{count(answer.redriven_count)} {done}, {count(answer.held_count)} stay held.")
