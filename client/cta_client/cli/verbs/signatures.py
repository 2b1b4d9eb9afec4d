"""`cta signatures`: the memory of what healed what."""

from __future__ import annotations

import click

from cta.v1.signature_pb2 import Signature
from cta.v1.signature_service_pb2 import (
    DeleteSignatureRequest,
    ExportSignaturesRequest,
    FindSimilarSignaturesRequest,
    GetSignatureRequest,
    ImportSignaturesRequest,
    ListSignaturesRequest,
    MergeSignaturesRequest,
    SimilarSignature,
    UpdateSignatureRequest,
)
from cta_client.cli import complete, inputs
from cta_client.cli.pages import listed
from cta_client.cli.table import Column, Table, sheet
from cta_client.cli.verb import Session, by, limit, verb
from cta_client.cli.words import ago, clock, count

_signature = click.argument("signature_id", metavar="SIGNATURE", shell_complete=complete.signatures)
_of_stream = click.option(
    "--stream",
    "stream_id",
    default="",
    metavar="STREAM",
    help="Only those learned on it.",
    shell_complete=complete.streams,
)


def _standing(found: Signature) -> str:
    """What a reader of a list has to know beside the counts."""
    if found.merged_into:
        return f" (merged into {found.merged_into})"
    return " (retired)" if found.retired else ""


SIGNATURES: Table[Signature] = Table(
    columns=(
        Column("SIGNATURE", lambda each: each.signature_id),
        Column("FOUND AGAIN", lambda each: count(each.hit_count), right=True),
        Column("CONFIRMED", lambda each: count(each.confirmed_count), right=True),
        Column("REFUSED", lambda each: count(each.refused_count), right=True),
        Column("STREAM", lambda each: each.stream_id, grow=True),
    ),
    note=lambda each: f"{each.headline}{_standing(each)}",
    empty="No signatures yet. The loop keeps one for every fix that it promotes.",
)

SIMILAR: Table[SimilarSignature] = Table(
    columns=(
        Column("LIKENESS", lambda each: f"{each.likeness:.2f}", right=True),
        Column("SIGNATURE", lambda each: each.signature.signature_id),
        Column("STREAM", lambda each: each.signature.stream_id, grow=True),
    ),
    note=lambda each: each.signature.headline,
    empty="No signature is like this incident.",
)


@click.group()
def signatures() -> None:
    """The memory of what healed what."""


@verb(signatures, "list", "cta signatures list --stream payments")
@_of_stream
@limit(20)
async def list_(session: Session, *, stream_id: str, limit: int) -> None:
    """List signatures, newest first."""
    request = ListSignaturesRequest(stream_id=stream_id)
    answer = await listed(session.client, session.client.signatures.ListSignatures, request, limit)
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(SIGNATURES.lines(answer.signatures, session.out.width))


@verb(signatures, "show", "cta signatures show sig_...")
@_signature
async def show(session: Session, *, signature_id: str) -> None:
    """Show one signature: what it looked like, and how its fix did."""
    answer = await session.client.signatures.GetSignature(GetSignatureRequest(signature_id=signature_id))
    if session.out.json:
        return session.out.document(answer)
    found = answer.signature
    return session.out.lines(
        sheet(
            (
                ("signature", found.signature_id),
                ("heals", found.headline),
                ("stream", found.stream_id),
                ("fingerprint", found.fingerprint),
                ("learned", f"{clock(found.create_time)} ({ago(found.create_time, session.now)})"),
                ("found again", count(found.hit_count)),
                ("confirmed", count(found.confirmed_count)),
                ("refused", count(found.refused_count)),
                ("steps", count(len(found.program.steps))),
                ("retired", "yes: it is no longer used" if found.retired else ""),
                ("merged into", f"{found.merged_into}: its counts hold" if found.merged_into else ""),
                ("stands for", ", ".join(found.merged_signature_ids)),
                ("revision", str(found.revision)),
            ),
            session.out.width,
        )
    )


@verb(signatures, "similar", "cta signatures similar inc_...")
@click.argument("incident_id", metavar="INCIDENT", shell_complete=complete.incidents)
@click.option("--limit", default=3, show_default=True, metavar="N", help="Most signatures.")
async def similar(session: Session, *, incident_id: str, limit: int) -> None:
    """Find signatures that look like an incident."""
    answer = await session.client.signatures.FindSimilarSignatures(
        FindSimilarSignaturesRequest(incident_id=incident_id, limit=limit)
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(SIMILAR.lines(answer.signatures, session.out.width))


@verb(signatures, "edit", 'cta signatures edit sig_... --headline "cents for units" --actor ann')
@_signature
@click.option("--headline", metavar="TEXT", help="What it heals, one sentence.")
@click.option("--retire/--restore", "retired", default=None, help="Take it out of use, or take it back.")
@by
@click.option("--comment", default="", metavar="TEXT", help="Why.")
async def edit(
    session: Session, *, signature_id: str, headline: str | None, retired: bool | None, actor: str, comment: str
) -> None:
    """Change a signature's headline, or take it out of use."""
    if headline is None and retired is None:
        raise click.UsageError("Say what to change: --headline, --retire or --restore.")
    answer = await session.client.signatures.UpdateSignature(
        UpdateSignatureRequest(
            signature_id=signature_id, headline=headline, retired=retired, actor=actor, comment=comment
        )
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"Signature {signature_id} is {'retired' if answer.signature.retired else 'in use'}.")


@verb(signatures, "merge", 'cta signatures merge sig_A sig_B --actor ann --comment "the same release"')
@_signature
@click.argument("others", metavar="OTHER...", nargs=-1, required=True, shell_complete=complete.signatures)
@by
@click.option("--comment", default="", metavar="TEXT", help="Why.")
async def merge(session: Session, *, signature_id: str, others: tuple[str, ...], actor: str, comment: str) -> None:
    """Merge signatures that heal alike: from then on they share one standing, that of SIGNATURE."""
    answer = await session.client.signatures.MergeSignatures(
        MergeSignaturesRequest(signature_id=signature_id, merged_signature_ids=others, actor=actor, comment=comment)
    )
    if session.out.json:
        return session.out.document(answer)
    kept = answer.signature
    return session.out.note(
        f"Signature {signature_id} stands for {count(len(kept.merged_signature_ids))} more: "
        f"confirmed {count(kept.confirmed_count)}, refused {count(kept.refused_count)}."
    )


@verb(signatures, "delete", "cta signatures delete sig_... --yes")
@_signature
@click.option("--yes", is_flag=True, help="Do not ask.")
@by
async def delete(session: Session, *, signature_id: str, yes: bool, actor: str) -> None:
    """Forget a signature: the same drift is then analysed from the beginning."""
    if not yes:
        click.confirm(f"Delete signature {signature_id}?", abort=True, err=True)
    answer = await session.client.signatures.DeleteSignature(
        DeleteSignatureRequest(signature_id=signature_id, actor=actor)
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"Signature {signature_id} is deleted.")


@verb(signatures, "export", "cta signatures export > signatures.json")
@_of_stream
async def export(session: Session, *, stream_id: str) -> None:
    """Write signatures as a file."""
    answer = await session.client.signatures.ExportSignatures(ExportSignaturesRequest(stream_id=stream_id))
    if session.out.json:
        return session.out.document(answer)
    return click.echo(answer.file.decode().rstrip("\n"))


@verb(signatures, "import", "cta signatures import signatures.json")
@click.argument("file", type=inputs.Content(), metavar="FILE|-")
@by
async def import_(session: Session, *, file: bytes, actor: str) -> None:
    """Take signatures out of such a file. Their fixes are proved again before they are used."""
    answer = await session.client.signatures.ImportSignatures(ImportSignaturesRequest(file=file, actor=actor))
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"{count(answer.imported_count)} new, {count(answer.known_count)} known already.")
