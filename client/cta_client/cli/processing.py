"""Driving lines through a stream's gate, batch by batch, order kept: `cta events process` and the demo.

Two forms of the same call: packed bodies, the fast one, and detailed outcomes with every broken rule. It counts and
pairs; it prints nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from cta.v1.event_pb2 import (
    OUTCOME_KIND_HEALED,
    OUTCOME_KIND_HEALTHY,
    OUTCOME_KIND_QUARANTINED,
    Event,
    EventOutcome,
    OutcomeKind,
    Payload,
)
from cta.v1.event_service_pb2 import PackedDetail, ProcessEventsRequest
from cta_client.channel import Client
from cta_client.cli import inputs, paint
from cta_client.cli.words import body, count, word

RANGES: Final = 3
"""Ranges of lines that are named of like events: as many as fit beside the reason on 80 cells. -o json has all."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one call that fared alike."""

    lines: tuple[int, ...]
    """Their lines in the file, from 1."""
    outcome: str
    why: str

    @property
    def where(self) -> str:
        """The lines as ranges: `3`, `3-9,12`, `3,5,7,...`."""
        found: list[tuple[int, int]] = []
        for line in self.lines:
            if found and line == found[-1][1] + 1:
                found[-1] = (found[-1][0], line)
            else:
                found.append((line, line))
        told = [str(first) if first == last else f"{first}-{last}" for first, last in found[:RANGES]]
        return ",".join(told + (["..."] if len(found) > RANGES else []))


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one call's events."""

    kinds: Sequence[int]
    """`OutcomeKind` of each, in order."""
    bodies: Sequence[bytes] = ()
    """The events after the gate, packed form; empty where one is held."""
    details: Sequence[PackedDetail] = ()
    """More about those that are not healthy, packed form."""
    outcomes: Sequence[EventOutcome] = ()
    """Everything about each, detailed form."""

    def passed(self) -> Iterator[bytes]:
        """The events that passed, healthy or healed, in order."""
        if self.outcomes:
            yield from (body(each.payload).encode() for each in self.outcomes if each.HasField("payload"))
            return
        for kind, text in zip(self.kinds, self.bodies, strict=True):
            if kind != OUTCOME_KIND_QUARANTINED:
                yield text

    def troubles(self, numbers: Sequence[int]) -> Iterator[Trouble]:
        """The events that are not healthy, those with one reason together; `numbers` has the line of each event."""
        found: dict[tuple[str, str], list[int]] = {}
        for detail in self.details:
            kind = self.kinds[detail.index]
            if kind != OUTCOME_KIND_HEALTHY:
                why = detail.message or (f"by {detail.adapter_id}" if detail.adapter_id else "")
                told = f"{detail.path}: {why}" if detail.path else why
                found.setdefault((paint.state(word(OutcomeKind, kind)), told), []).append(numbers[detail.index])
        for (outcome, why), lines in found.items():
            yield Trouble(lines=tuple(lines), outcome=outcome, why=why)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over batches."""

    events: int = 0
    healthy: int = 0
    healed: int = 0
    quarantined: int = 0

    def plus(self, batch: Batch) -> Tally:
        """The counts with this batch."""
        kinds = list(batch.kinds)
        return Tally(
            events=self.events + len(kinds),
            healthy=self.healthy + kinds.count(OUTCOME_KIND_HEALTHY),
            healed=self.healed + kinds.count(OUTCOME_KIND_HEALED),
            quarantined=self.quarantined + kinds.count(OUTCOME_KIND_QUARANTINED),
        )

    def __str__(self) -> str:
        """One phrase."""
        return (
            f"{count(self.events)} events: {count(self.healthy)} healthy, {count(self.healed)} healed, "
            f"{count(self.quarantined)} quarantined"
        )


async def process_lines(
    client: Client,
    stream_id: str,
    lines: Iterable[bytes],
    *,
    request_id: str,
    run_stages: bool = False,
    detailed: bool = False,
) -> AsyncIterator[Batch]:
    """Sends the lines and yields what became of each call's, in order.

    Each call has its own request id, made of `request_id` and its number, so that repeating the whole with the same id
    after a failure stores nothing twice.
    """
    for number, batch in enumerate(inputs.batches(lines)):
        request = ProcessEventsRequest(
            # A request id has at most 64 characters, by the API.
            stream_id=stream_id,
            run_stages=run_stages,
            request_id=f"{request_id[:54]}-{number}",
        )
        if detailed:
            request.events.extend(Event(payload=Payload(data=line)) for line in batch)
        else:
            request.bodies.extend(batch)
        answer = await client.events.ProcessEvents(request)
        if detailed:
            yield Batch(kinds=[each.kind for each in answer.outcomes], outcomes=answer.outcomes)
        else:
            yield Batch(kinds=answer.packed.kinds, bodies=answer.packed.bodies, details=answer.packed.details)
