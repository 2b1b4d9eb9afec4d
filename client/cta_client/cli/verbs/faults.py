"""`cta faults`: seeded changes of what a source sends, to see the loop at work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import click
from google.protobuf.json_format import ParseDict, ParseError

from cta.v1.fault_service_pb2 import ClearFaultsRequest, InjectFaultRequest, ListFaultsRequest
from cta.v1.source_pb2 import Fault, FaultKind
from cta_client.cli import complete, telling
from cta_client.cli.table import Column, Table, section
from cta_client.cli.verb import Session, verb
from cta_client.cli.words import count, share

FAULTS: Table[Fault] = Table(
    columns=(
        Column("FAULT", lambda each: each.fault_id),
        Column("KIND", lambda each: each.kind),
        Column("SHARE", lambda each: share(each.share or 1), right=True),
        Column("SOURCE", lambda each: each.source_id, grow=True),
    ),
    note=lambda each: each.words,
    empty="No faults. `cta faults inject SOURCE KIND` injects one.",
)


def kind_lines(kinds: Iterable[FaultKind], width: int | None) -> Iterator[str]:
    """Each kind with what it does and its parameters, in full: this is what a person writes a fault from."""
    for kind in kinds:
        yield from telling.item_lines(kind.kind, kind.description, width, column=KIND_CELLS)
        for name, text in sorted(kind.parameters.items()):
            yield from telling.item_lines("", f"{name}: {text}", width, column=KIND_CELLS)


KIND_CELLS = 16
"""Cells of the column of kinds: the longest name and a gap."""


@click.group()
def faults() -> None:
    """Seeded changes of what a source sends, to see the loop at work."""


@verb(
    faults,
    "inject",
    "cta faults inject src_... rename --path /amount --with to=amt",
    "cta faults inject src_... schema_drift --seed 7",
)
@click.argument("source_id", metavar="SOURCE", shell_complete=complete.sources)
@click.argument("kind", metavar="KIND")
@click.option("--path", default="", metavar="POINTER", help="Field; empty lets the seed choose one that fits.")
@click.option(
    "--with",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the kind; `cta faults list` tells them.",
)
@click.option(
    "--share",
    "part",
    default=0.0,
    type=click.FloatRange(0, 1),
    metavar="0..1",
    help="Share of the events that it changes; 0: all.",
)
@click.option("--seed", default=0, metavar="N", help="Seed of its choices.")
async def inject(
    session: Session, *, source_id: str, kind: str, path: str, parameters: tuple[str, ...], part: float, seed: int
) -> None:
    """Inject a fault into a running source; faults compose in order."""
    fault = Fault(source_id=source_id, kind=kind, path=path, share=part, seed=seed)
    try:
        ParseDict(parsed(parameters), fault.parameters)
    except ParseError as error:
        raise click.UsageError(f"--with: {error}") from error
    answer = await session.client.faults.InjectFault(InjectFaultRequest(fault=fault))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(FAULTS.lines([answer.fault], session.out.width))


def parsed(parameters: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is JSON where it can be, else text."""
    found: dict[str, Any] = {}
    for parameter in parameters:
        name, sign, text = parameter.partition("=")
        if not sign or not name:
            raise click.UsageError(f"--with {parameter}: write NAME=VALUE, like to=amt.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


@verb(faults, "list", "cta faults list", "cta faults list --source src_...")
@click.option(
    "--source", "source_id", default="", metavar="SOURCE", help="Only this source's.", shell_complete=complete.sources
)
async def list_(session: Session, *, source_id: str) -> None:
    """List the faults in force, and the kinds that can be injected."""
    answer = await session.client.faults.ListFaults(ListFaultsRequest(source_id=source_id))
    if session.out.json:
        return session.out.document(answer)
    session.out.lines(FAULTS.lines(answer.faults, session.out.width))
    session.out.lines([section("Kinds")])
    return session.out.lines(kind_lines(answer.kinds, session.out.width))


@verb(faults, "clear", "cta faults clear flt_...", "cta faults clear --source src_...", "cta faults clear --all")
@click.argument("fault_id", default="", metavar="[FAULT]")
@click.option(
    "--source",
    "source_id",
    default="",
    metavar="SOURCE",
    help="All faults of this source.",
    shell_complete=complete.sources,
)
@click.option("--all", "everything", is_flag=True, help="All faults of all sources.")
async def clear(session: Session, *, fault_id: str, source_id: str, everything: bool) -> None:
    """Take faults out: events come as they did before."""
    if [bool(fault_id), bool(source_id), everything].count(True) != 1:
        raise click.UsageError("Name a fault, or --source, or --all.")
    answer = await session.client.faults.ClearFaults(ClearFaultsRequest(fault_id=fault_id, source_id=source_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"{count(answer.cleared_count)} faults cleared.")
