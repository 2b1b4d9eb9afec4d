"""`cta streams`: what healthy events look like, and what the loop may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from cta.v1.event_pb2 import Payload
from cta.v1.stream_pb2 import Autonomy, CanaryInConsumer, FieldProfile, MaskMethod, Stream, StreamState
from cta.v1.stream_service_pb2 import (
    CreateStreamRequest,
    DeleteStreamRequest,
    GetProfileRequest,
    GetStreamRequest,
    LearnBaselineRequest,
    ListStreamsRequest,
    UpdateStreamRequest,
)
from cta_client.cli import complete, inputs, paint
from cta_client.cli.pages import collect
from cta_client.cli.settings import masks_of, policy_of
from cta_client.cli.table import Column, Table, section, sheet
from cta_client.cli.verb import Session, by, limit, verb
from cta_client.cli.words import ago, clock, count, share, span, word
from cta_client.errors import Invalid
from cta_client.seconds import seconds

_stream = click.argument("stream_id", metavar="STREAM", shell_complete=complete.streams)
_set = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the policy: autonomy=SUGGEST, bake=30s, ...",
)
_mask = click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar="POINTER=METHOD",
    help="Hide a field in all that is stored and shown: /card=hash, /note=drop. With update: all masks, anew.",
)
_keep_events = click.option("--keep-events", default="", metavar="AGE", help="Recent events go at this age: 12h, 7d.")
_keep_delivered = click.option(
    "--keep-delivered", default="", metavar="AGE", help="Redriven events and deliveries are emptied at this age."
)
_keep_history = click.option(
    "--keep-history", default="", metavar="AGE", help="Runs, reports and canaries go at this age."
)
_contract = click.option(
    "--contract",
    type=inputs.Content(),
    default=b"",
    metavar="FILE",
    help="JSON Schema (2020-12) of a healthy event.",
)


@click.group()
def streams() -> None:
    """What healthy events look like, and what the loop may do."""


def state_of(stream: Stream) -> str:
    """Sign and word of its state."""
    return paint.state(word(StreamState, stream.state))


def number_of(value: float) -> str:
    """Three digits are enough to know a magnitude by; quantiles are estimates."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def values_of(field: FieldProfile) -> str:
    """Quantiles of numbers, patterns of texts."""
    if field.quantiles:
        return " ".join(number_of(value) for value in field.quantiles)
    return " ".join(field.patterns[:2])


STREAMS: Table[Stream] = Table(
    columns=(
        Column("STREAM", lambda each: each.stream_id, grow=True),
        Column("STATE", state_of),
        Column("EVENTS", lambda each: count(each.event_count), right=True),
        Column(
            "HEALTHY", lambda each: share(each.healthy_count / each.event_count) if each.event_count else "", right=True
        ),
        Column("HEALED", lambda each: count(each.healed_count), right=True),
        Column("HELD", lambda each: count(each.held_count), right=True),
        Column("ADAPTERS", lambda each: count(len(each.active_adapter_ids)), right=True),
    ),
    empty="No streams yet. `cta streams create NAME` makes one.",
)

FIELDS: Table[FieldProfile] = Table(
    columns=(
        Column("FIELD", lambda each: each.path),
        Column("PRESENT", lambda each: share(each.present_share), right=True),
        Column("NULL", lambda each: share(each.null_share) if each.null_share else "", right=True),
        Column("TYPES", lambda each: " ".join(each.types)),
        Column("DISTINCT", lambda each: count(each.distinct_count), right=True),
        Column("VALUES", values_of, grow=True),
    ),
    empty="The profile has no fields.",
)


@verb(streams, "list", "cta streams list", "cta streams list -o json | jq '.streams[].streamId'")
@limit(100)
async def list_(session: Session, *, limit: int) -> None:
    """List the streams with their state and counts."""
    answer = await collect(session.client.streams.ListStreams, ListStreamsRequest(), limit)
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(STREAMS.lines(answer.streams, session.out.width))


@verb(streams, "show", "cta streams show payments")
@_stream
async def show(session: Session, *, stream_id: str) -> None:
    """Show one stream: state, counts, policy and contract."""
    answer = await session.client.streams.GetStream(GetStreamRequest(stream_id=stream_id))
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(lines_of(answer.stream, session))


@verb(
    streams,
    "create",
    "cta streams create payments --contract payment.schema.json --set bake=30s",
    "cta streams create cards --mask /card=hash --mask /note=drop --keep-events 7d",
    "cta streams create orders --set autonomy=APPROVE --description 'orders of the shop'",
)
@_stream
@_contract
@click.option("--consumer", default="", metavar="NAME", help="Stage chain of the server's configuration.")
@click.option("--description", default="", metavar="TEXT", help="What the stream carries.")
@_mask
@_keep_events
@_keep_delivered
@_keep_history
@_set
@click.option("--validate-only", is_flag=True, help="Check everything, create nothing.")
@click.option("--request-id", default="", metavar="TEXT", help="Repeating with the same id does nothing twice.")
async def create(
    session: Session,
    *,
    stream_id: str,
    contract: bytes,
    consumer: str,
    description: str,
    masks: tuple[str, ...],
    keep_events: str,
    keep_delivered: str,
    keep_history: str,
    settings: tuple[str, ...],
    validate_only: bool,
    request_id: str,
) -> None:
    """Create a stream. Repeating it with the same content changes nothing."""
    policy, _paths = policy_of(settings, _ages(keep_events, keep_delivered, keep_history))
    wanted = Stream(
        stream_id=stream_id,
        contract_json=text_of(contract),
        consumer=consumer,
        description=description,
        policy=policy,
        masks=masks_of(masks),
    )
    answer = await session.client.streams.CreateStream(
        CreateStreamRequest(stream=wanted, validate_only=validate_only, request_id=request_id)
    )
    if session.out.json:
        return session.out.document(answer)
    if validate_only:
        return session.out.note("It would be created; nothing was.")
    return session.out.lines(lines_of(answer.stream, session))


@verb(streams, "update", "cta streams update payments --set autonomy=OBSERVE --comment 'release night'")
@_stream
@_contract
@click.option("--consumer", default=None, metavar="NAME", help="Stage chain of the server's configuration.")
@click.option("--description", default=None, metavar="TEXT", help="What the stream carries.")
@_mask
@click.option("--no-masks", is_flag=True, help="Hide nothing any more.")
@_keep_events
@_keep_delivered
@_keep_history
@_set
@click.option("--expected", "expected_revision", default=0, metavar="REVISION", help="Refuse when it changed since.")
@by
async def update(
    session: Session,
    *,
    stream_id: str,
    contract: bytes,
    consumer: str | None,
    description: str | None,
    masks: tuple[str, ...],
    no_masks: bool,
    keep_events: str,
    keep_delivered: str,
    keep_history: str,
    settings: tuple[str, ...],
    expected_revision: int,
    actor: str,
) -> None:
    """Change what is named, and nothing else."""
    policy, paths = policy_of(settings, _ages(keep_events, keep_delivered, keep_history))
    wanted = Stream(stream_id=stream_id, policy=policy)
    mask = list(paths)
    if contract:
        wanted.contract_json = text_of(contract)
        mask.append("contract_json")
    if consumer is not None:
        wanted.consumer = consumer
        mask.append("consumer")
    if description is not None:
        wanted.description = description
        mask.append("description")
    if masks and no_masks:
        raise click.UsageError("--mask and --no-masks exclude each other.")
    if masks or no_masks:
        wanted.masks.extend(masks_of(masks))
        mask.append("masks")
    if not mask:
        raise click.UsageError("Nothing to change: name --set, --mask, --contract, --consumer or --description.")
    answer = await session.client.streams.UpdateStream(
        UpdateStreamRequest(
            stream=wanted, update_mask=FieldMask(paths=mask), expected_revision=expected_revision, actor=actor
        )
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(lines_of(answer.stream, session))


@verb(streams, "delete", "cta streams delete payments --yes")
@_stream
@click.option("--force", is_flag=True, help="Delete held events, sources and open incidents as well.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@by
async def delete(session: Session, *, stream_id: str, force: bool, yes: bool, actor: str) -> None:
    """Delete a stream with all that belongs to it."""
    if not yes:
        what = "with its held events and open incidents" if force else "with all that belongs to it"
        click.confirm(f"Delete stream {stream_id} {what}?", abort=True, err=True)
    answer = await session.client.streams.DeleteStream(
        DeleteStreamRequest(stream_id=stream_id, force=force, actor=actor)
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"Stream {stream_id} is deleted.")


@verb(streams, "learn", "cta streams learn payments healthy.jsonl", "cta streams learn payments")
@_stream
@click.argument("file", default="", metavar="[FILE|-]")
@click.option("--append", is_flag=True, help="Add to the baseline instead of replacing it.")
@by
async def learn(session: Session, *, stream_id: str, file: str, append: bool, actor: str) -> None:
    """Learn what healthy looks like, from JSON Lines or from the recent healthy events."""
    call, answer = session.client.streams.LearnBaseline, None
    if not file:
        answer = await call(LearnBaselineRequest(stream_id=stream_id, append=append, actor=actor))
    numbers, sent = list[int](), 0
    for batch in inputs.batches(inputs.read(file, numbers)) if file else ():
        events = [Payload(data=line) for line in batch]
        try:
            answer = await call(LearnBaselineRequest(stream_id=stream_id, events=events, append=append, actor=actor))
        except Invalid as error:
            if not error.violations:
                raise
            raise error.placed("events", [f"{file}:{number}" for number in numbers[sent:]]) from None
        append, sent = True, sent + len(batch)
    if answer is None:
        raise click.UsageError(f"{file}: there are no events in it.")
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"The baseline of {stream_id} has {count(answer.event_count)} events.")


@verb(streams, "profile", "cta streams profile payments")
@_stream
async def profile(session: Session, *, stream_id: str) -> None:
    """Show the statistics of the healthy events, field by field."""
    answer = await session.client.streams.GetProfile(GetProfileRequest(stream_id=stream_id))
    if session.out.json:
        return session.out.document(answer)
    session.out.lines(FIELDS.lines(answer.fields, session.out.width))
    return session.out.note(f"Out of {count(answer.event_count)} healthy events.")


def _ages(events: str, delivered: str, history: str) -> dict[str, str]:
    """The ages that were named, by the policy's names."""
    given = {"keep_events": events, "keep_delivered": delivered, "keep_history": history}
    return {name: text for name, text in given.items() if text}


def _until(age: Duration, before: str) -> str:
    """An age in words; empty for good."""
    return f"{before}{span(seconds(age))}" if age.seconds or age.nanos else ""


def text_of(contract: bytes) -> str:
    """The contract's text. Raises `click.UsageError` when it is not UTF-8."""
    try:
        return contract.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError("--contract: the file is not UTF-8 text.") from error


def lines_of(stream: Stream, session: Session) -> Iterator[str]:
    """The stream as a sheet."""
    width = session.out.width
    yield from sheet(
        (
            ("stream", stream.stream_id),
            ("state", state_of(stream)),
            ("about", stream.description),
            ("consumer", stream.consumer or "outside"),
            ("created", f"{clock(stream.create_time)} ({ago(stream.create_time, session.now)})"),
            ("revision", str(stream.revision)),
        ),
        width,
    )
    yield section("Events since the server started")
    yield from sheet(
        (
            ("through the gate", count(stream.event_count)),
            ("healthy", count(stream.healthy_count)),
            ("healed", count(stream.healed_count)),
            ("quarantined", count(stream.quarantined_count)),
            ("waiting now", count(stream.held_count)),
            ("adapters in force", " ".join(stream.active_adapter_ids) or "none"),
        ),
        width,
    )
    policy = stream.policy
    yield section("Policy")
    yield from sheet(
        (
            ("broken events", word(Autonomy, policy.autonomy)),
            ("silent drift", word(Autonomy, policy.silent_autonomy)),
            ("asks a person below", share(policy.min_confidence)),
            ("opens an incident after", f"{policy.open_after} failures of one kind"),
            (
                "a canary needs",
                f"under {share(policy.canary.max_error_rate)} failing, {share(policy.canary.sureness)} sure",
            ),
            (
                "and a p95 under",
                span(seconds(policy.canary.max_p95)),
            ),
            ("in the consumer", f"canaries {word(CanaryInConsumer, policy.canary.in_consumer).lower()}"),
            ("bakes for", span(seconds(policy.bake))),
        ),
        width,
    )
    yield section("Privacy and retention")
    yield from sheet(
        (
            (
                "masks",
                " ".join(f"{each.path}={word(MaskMethod, each.method).lower()}" for each in stream.masks) or "none",
            ),
            (
                "recent events",
                f"the newest {count(policy.keep_recent)}{_until(policy.keep_events, ', and none older than ')}",
            ),
            ("redriven events", _until(policy.keep_delivered, "emptied after ") or "for good"),
            ("runs, reports, canaries", _until(policy.keep_history, "for ") or "for good"),
        ),
        width,
    )
    contract = stream.contract_json or stream.learned_contract_json
    yield section(f"Contract ({'declared' if stream.contract_json else 'learned' if contract else 'none yet'})")
    yield from _contract_lines(contract, width)


def _contract_lines(contract: str, width: int | None) -> Iterator[str]:
    """The fields of the top level; the whole schema is in `-o json`."""
    if not contract:
        yield "Send healthy events, then `cta streams learn` them, or declare one with --contract."
        return
    try:
        schema = msgspec.json.decode(contract, type=_Schema)
    except msgspec.DecodeError:
        yield "A schema of another kind; -o json has it."
        return
    yield from sheet(
        (
            (name, f"{_type_of(rule)}{'' if name in schema.required else ', optional'}")
            for name, rule in schema.properties.items()
        ),
        width,
    )


class _Schema(msgspec.Struct, frozen=True):
    """The part of a JSON Schema that is shown."""

    required: tuple[str, ...] = ()
    properties: Mapping[str, Any] = {}


def _type_of(rule: Any) -> str:
    try:
        types = msgspec.convert(rule, type=_Typed).type
    except msgspec.ValidationError:
        return "any"
    return types if isinstance(types, str) else " or ".join(types)


class _Typed(msgspec.Struct, frozen=True):
    """The type of a field, in a schema."""

    type: str | tuple[str, ...] = "any"
