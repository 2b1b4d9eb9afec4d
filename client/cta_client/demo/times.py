"""The times of the loop's phases, first against repeat, as the server's own marks tell them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cta.v1.canary_pb2 import Canary
from cta.v1.incident_pb2 import Incident, IncidentState
from cta_client.cli.table import Column, Table
from cta_client.cli.words import span
from cta_client.seconds import seconds

_S = IncidentState


class PhaseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that each phase took."""

    gather: float
    """From the incident's opening to the start of its analysis."""
    analyse: float
    """From there to the adapter."""
    wait: float
    """Of the time from there to the verdict: waiting for the drifted events that the canary's claim needs."""
    replay: float
    """The rest of it: the replay through gate and stages, and the verdict."""
    total: float
    """From the opening to the promotion."""


def times_of(incident: Incident, canary: Canary) -> PhaseTimes:
    """The times of an incident that was promoted; phases that it never entered took no time."""
    at = {mark.state: seconds(mark.time) for mark in reversed(incident.marks)}
    opened = at.get(_S.INCIDENT_STATE_DETECTED, seconds(incident.create_time))
    analysed = at.get(_S.INCIDENT_STATE_ANALYZING, opened)
    patched = at.get(_S.INCIDENT_STATE_PATCHED, analysed)
    promoted = at.get(_S.INCIDENT_STATE_PROMOTED, patched)
    replay = min(seconds(canary.duration), promoted - patched)
    return PhaseTimes(
        gather=analysed - opened,
        analyse=patched - analysed,
        wait=promoted - patched - replay,
        replay=replay,
        total=promoted - opened,
    )


def table(first: PhaseTimes, repeat: PhaseTimes, width: int | None) -> Iterator[str]:
    """Both side by side."""
    rows = (
        ("gather drifted events", first.gather, repeat.gather),
        ("analyse, and build the adapter", first.analyse, repeat.analyse),
        ("wait for the canary's drifted events", first.wait, repeat.wait),
        ("replay them and judge", first.replay, repeat.replay),
        ("detected to promoted", first.total, repeat.total),
    )
    shown: Table[tuple[str, float, float]] = Table(
        columns=(
            Column("PHASE", lambda row: row[0]),
            Column("FIRST TIME", lambda row: span(row[1]), right=True),
            Column("BY SIGNATURE", lambda row: span(row[2]), right=True),
        )
    )
    yield from shown.lines(rows, width)
