"""The demo's books: what went in, and where every single event is now.

Each figure comes from another part of the server: the sources say what they sent, the gate what it did at once, the
log of deliveries what came out of the quarantine, the quarantine what still waits. Only if they agree was nothing lost
and nothing delivered twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from cta.v1.event_service_pb2 import ListQuarantinedRequest
from cta.v1.stream_service_pb2 import GetStreamRequest
from cta_client import watches
from cta_client.channel import Client
from cta_client.cli.words import count

LOG_SECONDS: Final = 20.0
"""Longest time for reading the log of deliveries to its end."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Where every event is."""

    sent: int
    """Events that went in, by those who sent them."""
    healthy: int
    """Handed back unchanged."""
    healed: int
    """Handed back changed, at once."""
    delivered: int
    """Out of the quarantine, by the log of deliveries."""
    repeated: int
    """Deliveries of an event that was delivered before."""
    held: int
    """Still in the quarantine."""

    @property
    def balanced(self) -> bool:
        """Whether nothing was lost and nothing delivered twice."""
        return not self.repeated and self.sent == self.healthy + self.healed + self.delivered + self.held

    def lines(self) -> Iterator[str]:
        """The books, and what they prove."""
        sign = "=" if self.balanced else "is not"
        yield (
            f"events in {count(self.sent)} {sign} healthy {count(self.healthy)} "
            f"+ healed {count(self.healed + self.delivered)} + still quarantined {count(self.held)}"
        )
        if self.repeated:
            yield f"{count(self.repeated)} deliveries were repeated."
        elif self.delivered:
            yield f"Of the healed, {count(self.delivered)} came out of the quarantine, each exactly once."


async def balance(client: Client, stream_id: str, sent: int) -> Ledger:
    """The books of a stream after `sent` events; to be called when nothing is being sent any more."""
    stream = (await client.streams.GetStream(GetStreamRequest(stream_id=stream_id))).stream
    waiting = await client.events.ListQuarantined(ListQuarantinedRequest(stream_id=stream_id, page_size=1))
    delivered: Counter[str] = Counter()
    async with asyncio.timeout(LOG_SECONDS):
        log = watches.deliveries(client, stream_id)
        async for news in log:
            if isinstance(news, watches.Stale):
                continue
            if not news.events:
                # A message without events is a checkpoint: the log ends here.
                break
            delivered.update(event.event_id for event in news.events)
        await log.aclose()
    return Ledger(
        sent=sent,
        healthy=stream.healthy_count,
        healed=stream.healed_count,
        delivered=len(delivered),
        repeated=delivered.total() - len(delivered),
        held=waiting.held_count,
    )
