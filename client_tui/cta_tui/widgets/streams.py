"""The streams: traffic, health, autonomy, and the adapter in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui import facts, signs
from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import CLOSED, Model
from cta_tui.words import count, rate, share, short, spark

COLUMNS = (
    Column("STREAM", 12, grow=True),
    Column("EV/S", 8, right=True),
    Column("", 8, rank=5),
    Column("HEALTHY", 8, right=True),
    Column("STATE", 13),
    Column("HELD", 6, right=True, rank=2),
    Column("AUTONOMY", 15, rank=3),
    Column("ADAPTER", 20, rank=4),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row a stream."""
    chosen = model.stream
    empty = (
        ("Waiting for the server.",)
        if not model.heard
        else (
            "No streams yet.",
            "`cta streams create orders` makes one; `cta demo` shows the loop on a server of its own.",
        )
    )
    return table(COLUMNS, _rows(model), width, selected=chosen.stream_id if chosen else "", empty=empty)


def _rows(model: Model) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in model.streams.values():
        samples = model.rates.get(each.stream_id, ())
        passed = each.healthy + each.healed
        yield (
            each.stream_id,
            (
                each.stream_id,
                rate(samples[-1]) if samples else "",
                Span(spark(samples, 8) if samples else "", "good"),
                share(passed / each.events) if each.events else "",
                state(model, each),
                Span(count(each.held), "bad" if each.held else "quiet"),
                Span(f"{signs.METERS.get(each.autonomy, '????')} {each.autonomy}"),
                adapter(model, each),
            ),
        )


def state(model: Model, stream: facts.StreamFact) -> Span:
    """Where the stream stands: its open incident's state says more than `incident`."""
    found = next((each for each in model.open if each.stream_id == stream.stream_id), None)
    sign = signs.sign_of(found.state if found and found.state not in CLOSED else stream.state)
    return Span(f"{sign.sign} {sign.word}", sign.style)


def adapter(model: Model, stream: facts.StreamFact) -> Span:
    """The newest adapter in force, in words where they are known."""
    newest = next(iter(stream.active), "")
    if not newest:
        return Span("none", "quiet")
    found = model.adapters.get(newest)
    words = next(iter(found.words), "") if found is not None else ""
    more = f" +{len(stream.active) - 1}" if len(stream.active) > 1 else ""
    return Span(f"{words or short(newest)}{more}")
