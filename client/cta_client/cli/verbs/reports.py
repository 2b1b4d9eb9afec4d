"""`cta reports`: what an analysis found, with its evidence."""

from __future__ import annotations

from itertools import islice

import click

from cta.v1.analysis_service_pb2 import (
    AnalyzeIncidentRequest,
    AnalyzeRunRequest,
    DiagnoseRequest,
    GetReportRequest,
    ListReportsRequest,
)
from cta.v1.event_pb2 import Payload
from cta.v1.report_pb2 import Decision, Report
from cta_client.cli import complete, inputs, paint, telling
from cta_client.cli.exits import Exit
from cta_client.cli.pages import listed
from cta_client.cli.table import Column, Table
from cta_client.cli.verb import Session, limit, verb
from cta_client.cli.words import ago, share, word

DIAGNOSE_EVENTS = 1000
"""Events of either side that the stateless diagnosis takes, by the API."""


@click.group()
def reports() -> None:
    """What an analysis found, with its evidence."""


def table(now: float) -> Table[Report]:
    """Reports as rows."""
    return Table(
        columns=(
            Column("REPORT", lambda each: each.report_id),
            Column("DECISION", lambda each: paint.state(word(Decision, each.decision))),
            Column("SURE", lambda each: share(each.confidence) if each.confidence else "", right=True),
            Column("MADE", lambda each: ago(each.create_time, now)),
            Column("STREAM", lambda each: each.stream_id, grow=True),
        ),
        note=lambda each: each.cause.sentence or each.question,
        empty="No reports. An incident's analysis makes one.",
    )


@verb(reports, "list", "cta reports list --incident inc_...")
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
@click.option(
    "--incident",
    "incident_id",
    default="",
    metavar="INCIDENT",
    help="Only this incident's.",
    shell_complete=complete.incidents,
)
@limit(20)
async def list_(session: Session, *, stream_id: str, incident_id: str, limit: int) -> None:
    """List reports, newest first."""
    request = ListReportsRequest(stream_id=stream_id, incident_id=incident_id)
    answer = await listed(session.client, session.client.analysis.ListReports, request, limit)
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(table(session.now).lines(answer.reports, session.out.width))


@verb(reports, "show", "cta reports show rep_...")
@click.argument("report_id", metavar="REPORT")
async def show(session: Session, *, report_id: str) -> None:
    """Show one report: cause, fix, evidence, why-chain, readings and proof."""
    answer = await session.client.analysis.GetReport(GetReportRequest(report_id=report_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(telling.report_lines(answer.report, session.out.width))


@verb(reports, "analyze", "cta reports analyze inc_...", "cta reports analyze --run run_...")
@click.argument("incident_id", default="", metavar="[INCIDENT]", shell_complete=complete.incidents)
@click.option("--run", "run_id", default="", metavar="RUN", help="A failed run instead.", shell_complete=complete.runs)
async def analyze(session: Session, *, incident_id: str, run_id: str) -> None:
    """Analyse an incident again without moving it, or a failed run."""
    if bool(incident_id) == bool(run_id):
        raise click.UsageError("Name an incident, or a run with --run.")
    client = session.client.analysis
    answer = (
        await client.AnalyzeIncident(AnalyzeIncidentRequest(incident_id=incident_id))
        if incident_id
        else await client.AnalyzeRun(AnalyzeRunRequest(run_id=run_id))
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(telling.report_lines(answer.report, session.out.width))


@verb(reports, "diagnose", "cta reports diagnose healthy.jsonl drifted.jsonl --contract payment.schema.json")
@click.argument("baseline", metavar="BASELINE")
@click.argument("drifted", metavar="DRIFTED")
@click.option("--contract", type=inputs.Content(), default=b"", metavar="FILE", help="JSON Schema of a healthy event.")
async def diagnose(session: Session, *, baseline: str, drifted: str, contract: bytes) -> Exit:
    """Let the server say what changed between two files; nothing is stored. Offline: `cta diagnose`.

    Exits 4 when the analysis asks a person.
    """
    answer = await session.client.analysis.Diagnose(
        DiagnoseRequest(
            baseline=_first(baseline), drifted=_first(drifted), contract_json=contract.decode("utf-8", "replace")
        )
    )
    if session.out.json:
        session.out.document(answer)
    else:
        session.out.lines(telling.report_lines(answer.report, session.out.width))
    return Exit.PERSON if answer.report.decision == Decision.DECISION_ESCALATE else Exit.DONE


def _first(file: str) -> list[Payload]:
    return [Payload(data=line) for line in islice(inputs.read(file), DIAGNOSE_EVENTS)]
