"""What needs a person, then what the loop works on, then what is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cta_tui import facts, signs
from cta_tui.ink import Column, Drawing, Span, table
from cta_tui.model import WAITING, Model
from cta_tui.words import ago, short

COLUMNS = (
    Column("INCIDENT", 11),
    Column("STREAM", 10),
    Column("STATE", 13),
    Column("WHAT", 16, grow=True),
    Column("AGE", 10, right=True, rank=2),
)


def draw(model: Model, width: int, _height: int) -> Drawing:
    """A row an incident."""
    chosen = model.incident
    source = model.source
    hint = "`i` then a letter injects a drift." if source else "`7` has sources that can be started."
    empty = (f"Nothing broke. {hint}",) if model.synced else ("Waiting for the server.",)
    over = [each for each in model.incidents.values() if each.state == "RESOLVED"]
    return table(
        COLUMNS,
        _rows(model, (*model.open, *over)),
        width,
        selected=chosen.incident_id if chosen else "",
        empty=empty,
    )


def headline(model: Model) -> str:
    """The pane's title."""
    waiting = len(model.waiting)
    return f"NEEDS YOU ({waiting})" if waiting else "INCIDENTS"


def _rows(model: Model, incidents: Sequence[facts.IncidentFact]) -> Iterator[tuple[str, Sequence[Span | str]]]:
    for each in incidents:
        sign = signs.sign_of(each.state)
        adapter = model.adapters.get(each.adapter_id)
        what = each.question if each.state in WAITING and each.question else each.headline
        if adapter is not None and adapter.words and each.state != "ESCALATED":
            what = "; ".join(adapter.words)
        yield (
            each.incident_id,
            (
                short(each.incident_id),
                each.stream_id,
                Span(f"{sign.sign} {sign.word}", sign.style),
                what,
                Span(ago(each.opened, model.now), "quiet"),
            ),
        )
