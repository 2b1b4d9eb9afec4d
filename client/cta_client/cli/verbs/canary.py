"""`cta canary`: an adapter tried on recorded events before anything depends on it."""

from __future__ import annotations

import click

from cta.v1.canary_pb2 import Canary, Verdict
from cta.v1.canary_service_pb2 import GetCanaryRequest, ListCanariesRequest, RunCanaryRequest
from cta_client.cli import complete, paint, telling
from cta_client.cli.exits import Exit
from cta_client.cli.pages import listed
from cta_client.cli.table import Column, Table, sheet
from cta_client.cli.verb import Session, limit, verb
from cta_client.cli.words import ago, clock, count, span, word
from cta_client.seconds import seconds


def verdict_of(canary: Canary) -> str:
    """Sign and word of its verdict."""
    return paint.state(word(Verdict, canary.verdict)) or "▶ RUNNING"


def passed_of(canary: Canary) -> str:
    """Drifted events that passed, of all."""
    return f"{count(canary.drifted_count - canary.failed_count)}/{count(canary.drifted_count)}"


@click.group()
def canary() -> None:
    """Try an adapter on recorded events before anything depends on it."""


def table(now: float) -> Table[Canary]:
    """Canaries as rows."""
    return Table(
        columns=(
            Column("CANARY", lambda each: each.canary_id),
            Column("VERDICT", verdict_of),
            Column("PASSED", passed_of, right=True),
            Column("STARTED", lambda each: ago(each.create_time, now)),
            Column("STREAM", lambda each: each.stream_id, grow=True),
        ),
        note=lambda each: each.reasons[0] if each.reasons else "",
        empty="No canaries. The loop runs them; `cta canary run ADAPTER` runs one.",
    )


@verb(canary, "run", "cta canary run adp_...")
@click.argument("adapter_id", metavar="ADAPTER", shell_complete=complete.adapters)
async def run(session: Session, *, adapter_id: str) -> Exit:
    """Replay recorded events through gate and consumer with the adapter, and show the verdict.

    Exits 0 for PASS, 5 for FAIL, INCONCLUSIVE and ERROR. It promotes nothing.
    """
    last, told = Canary(), -1
    async for message in session.client.canaries.RunCanary(RunCanaryRequest(adapter_id=adapter_id)):
        last = message.canary
        if session.out.json:
            session.out.entry(message)
        elif not last.verdict and last.drifted_count != told:
            told = last.drifted_count
            session.out.note(
                f"  {count(told)} of {count(last.needed_count)} drifted events, {count(last.failed_count)} failed"
            )
    if not session.out.json:
        session.out.lines(telling.canary_lines(last, session.out.width))
    return Exit.DONE if last.verdict == Verdict.VERDICT_PASS else Exit.NOT_PROVED


@verb(canary, "show", "cta canary show can_...")
@click.argument("canary_id", metavar="CANARY", shell_complete=complete.canaries)
async def show(session: Session, *, canary_id: str) -> None:
    """Show one canary: verdict, numbers, and the first failures."""
    answer = await session.client.canaries.GetCanary(GetCanaryRequest(canary_id=canary_id))
    if session.out.json:
        return session.out.document(answer)
    found, width = answer.canary, session.out.width
    session.out.lines(
        sheet(
            (
                ("canary", found.canary_id),
                ("verdict", verdict_of(found)),
                ("because", "; ".join(found.reasons)),
                ("adapter", found.adapter_id),
                ("stream", found.stream_id),
                ("incident", found.incident_id or "run by a person"),
                ("started", f"{clock(found.create_time)} ({ago(found.create_time, session.now)})"),
                ("took", span(seconds(found.duration))),
                ("needs", telling.needs(found)),
            ),
            width,
        )
    )
    session.out.lines([""])
    return session.out.lines(telling.canary_lines(found, width))


@verb(canary, "list", "cta canary list --stream payments")
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
@click.option(
    "--adapter",
    "adapter_id",
    default="",
    metavar="ADAPTER",
    help="Only this adapter's.",
    shell_complete=complete.adapters,
)
@limit(20)
async def list_(session: Session, *, stream_id: str, adapter_id: str, limit: int) -> None:
    """List canaries, newest first."""
    request = ListCanariesRequest(stream_id=stream_id, adapter_id=adapter_id)
    answer = await listed(session.client, session.client.canaries.ListCanaries, request, limit)
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(table(session.now).lines(answer.canaries, session.out.width))
