"""`cta incidents`: what broke, and the loop's work on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import click

from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.incident_service_pb2 import (
    ApplyFixRequest,
    ApplyFixResponse,
    ApproveFixRequest,
    GetIncidentRequest,
    ListIncidentsRequest,
    RejectFixRequest,
    ResolveIncidentRequest,
)
from cta_client import watches
from cta_client.cli import complete, telling
from cta_client.cli.exits import Exit
from cta_client.cli.following import LoopTeller, exit_of
from cta_client.cli.pages import listed
from cta_client.cli.table import Column, Table
from cta_client.cli.verb import WATCH_PATIENCE_SECONDS, Session, as_seen, by_whom, limit, verb
from cta_client.cli.words import ago, clock, count

_incident = click.argument("incident_id", metavar="INCIDENT", shell_complete=complete.incidents)


def table(time: Callable[[Incident], str]) -> Table[Incident]:
    """Incidents with a column of times."""
    return Table(
        columns=(
            Column("INCIDENT", lambda each: each.incident_id, least=30),
            Column("STATE", telling.state_of, least=19),
            Column("TIME", time, least=8),
            Column("EVENTS", lambda each: count(each.quarantined_count), right=True),
            Column("STREAM", lambda each: each.stream_id, grow=True, least=20),
        ),
        note=lambda each: each.question or each.headline,
        empty="No incidents. All streams are well, or nothing was sent yet.",
    )


@click.group()
def incidents() -> None:
    """What broke, and the loop's work on it."""


@verb(incidents, "list", "cta incidents list", "cta incidents list --open", "cta incidents list --watch")
@click.option(
    "--stream",
    "stream_ids",
    multiple=True,
    metavar="STREAM",
    help="Only these streams'.",
    shell_complete=complete.streams,
)
@click.option("--open", "open_only", is_flag=True, help="Only those that are not over.")
@limit(20)
@click.option("--watch", is_flag=True, help="Follow the open ones: a line at every change.")
async def list_(session: Session, *, stream_ids: tuple[str, ...], open_only: bool, limit: int, watch: bool) -> None:
    """List incidents, newest first, or follow them."""
    if watch:
        return await _follow(session, stream_ids)
    over = {IncidentState.INCIDENT_STATE_UNSPECIFIED, IncidentState.INCIDENT_STATE_RESOLVED}
    states = [state for state in IncidentState.values() if state not in over] if open_only else []
    if len(stream_ids) > 1:
        raise click.UsageError("Several --stream need --watch; a list takes one.")
    request = ListIncidentsRequest(stream_id="".join(stream_ids), states=states)
    answer = await listed(session.client, session.client.incidents.ListIncidents, request, limit)
    if session.out.json:
        return session.out.document(answer)
    now = session.now
    return session.out.lines(table(lambda each: ago(each.create_time, now)).lines(answer.incidents, session.out.width))


async def _follow(session: Session, stream_ids: tuple[str, ...]) -> None:
    show = table(lambda each: clock(each.update_time)[11:19]).stream(session.out.width)
    async for news in watches.incidents(session.client, stream_ids, patience=WATCH_PATIENCE_SECONDS):
        if isinstance(news, watches.Stale):
            session.stale(news)
            continue
        for each in news.entries:
            if session.out.json:
                session.out.entry(each)
            else:
                session.out.lines(show(each))


@verb(incidents, "show", "cta incidents show inc_...")
@_incident
async def show(session: Session, *, incident_id: str) -> None:
    """Show one incident: where it stands, what is asked, and every state so far."""
    answer = await session.client.incidents.GetIncident(GetIncidentRequest(incident_id=incident_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(telling.incident_lines(answer.incident, session.now, session.out.width))


@verb(
    incidents,
    "fix",
    "cta incidents fix inc_...",
    "cta incidents fix inc_... --reading 2 --comment 'the shop switched to cents'",
    "cta incidents fix inc_... --adapter adp_...",
)
@_incident
@click.option(
    "--reading",
    default=0,
    type=click.IntRange(min=0),
    show_default=False,
    metavar="N",
    help="Apply this reading of the report, from 1.",
)
@click.option(
    "--adapter",
    "adapter_id",
    default="",
    metavar="ADAPTER",
    help="Apply this adapter.",
    shell_complete=complete.adapters,
)
@by_whom
@as_seen
async def fix(session: Session, /, *, incident_id: str, reading: int, adapter_id: str, **asked: Any) -> Exit:
    """Drive the whole loop for an incident and show each phase as it happens.

    Exits 0 when the fix is promoted, 4 when a person is needed, 5 when the canary did not pass.
    """
    if reading and adapter_id:
        raise click.UsageError("Choose a reading or bring an adapter, not both.")
    request = ApplyFixRequest(incident_id=incident_id, reading=reading, adapter_id=adapter_id, **asked)
    teller, last = LoopTeller(session.out), Incident()
    phases: AsyncIterator[ApplyFixResponse] = aiter(session.client.incidents.ApplyFix(request))
    async for phase in phases:
        last = phase.incident
        if session.out.json:
            session.out.entry(phase)
        else:
            teller.tell(phase)
    return exit_of(last)


def _decided(session: Session, answer: Any, done: str) -> None:
    """Prints the incident as a verb left it."""
    if session.out.json:
        return session.out.document(answer)
    session.out.note(f"{done} It is {telling.state_of(answer.incident)[2:]}, revision {answer.incident.revision}.")
    return None


@verb(incidents, "approve", "cta incidents approve inc_... --comment 'checked with the shop' --expected 42")
@_incident
@by_whom
@as_seen
async def approve(session: Session, /, *, incident_id: str, **asked: Any) -> None:
    """Approve the proposed adapter: its canary runs, or, where it has run, it is promoted."""
    answer = await session.client.incidents.ApproveFix(ApproveFixRequest(incident_id=incident_id, **asked))
    _decided(session, answer, "Approved.")


@verb(incidents, "reject", "cta incidents reject inc_... --comment 'the unit is wrong'")
@_incident
@by_whom
@as_seen
async def reject(session: Session, /, *, incident_id: str, **asked: Any) -> None:
    """Reject the proposed adapter: the same fix is not proposed again by itself."""
    answer = await session.client.incidents.RejectFix(RejectFixRequest(incident_id=incident_id, **asked))
    _decided(session, answer, "Rejected.")


@verb(incidents, "resolve", "cta incidents resolve inc_... --comment 'the producer was rolled back'")
@_incident
@by_whom
@as_seen
async def resolve(session: Session, /, *, incident_id: str, **asked: Any) -> None:
    """Close an incident; its held events stay in the quarantine."""
    answer = await session.client.incidents.ResolveIncident(ResolveIncidentRequest(incident_id=incident_id, **asked))
    _decided(session, answer, "Closed.")
