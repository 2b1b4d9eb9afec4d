"""`cta demo --input`: the loop on the user's own events.

A baseline teaches what healthy looks like; the rest goes through the gate as a producer would send it. Whatever the
loop decides is shown and is a good end: promoted, nothing to heal, or a person is asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

import msgspec

from cta.v1.event_pb2 import OUTCOME_KIND_HEALED, Payload
from cta.v1.event_service_pb2 import ListEventsRequest, ListQuarantinedRequest
from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.stream_pb2 import Policy, Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest
from cta_client.channel import Client
from cta_client.cli import inputs, telling
from cta_client.cli.exits import Exit
from cta_client.cli.following import ENDED
from cta_client.cli.processing import Tally, process_lines
from cta_client.cli.words import body, count
from cta_client.demo.follow import Follower
from cta_client.demo.ledger import balance
from cta_client.demo.show import Show

STREAM: Final = "yours"
WHO: Final = "demo"
LEAST_BASELINE: Final = 10
"""Healthy events without which nothing can be learned, as in the API's Diagnose."""
CANARY_WAIT_SECONDS: Final = 3
"""How long the canary waits for more drifted events: none come after the file's end, and the reader waits."""
BAKE_SECONDS: Final = 1
QUIET_SECONDS: Final = 4.0
"""How long an incident may take to open: silent drift is looked for beside the gate, every second or so."""
NEXT_SECONDS: Final = 1.5
"""How long another incident may take to open after one was told."""

_PROMOTED: Final = {IncidentState.INCIDENT_STATE_PROMOTED, IncidentState.INCIDENT_STATE_RESOLVED}


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What the user brings."""

    baseline: Sequence[bytes]
    drifted: Sequence[bytes]
    contract: str = ""

    @classmethod
    def split(cls, events: Sequence[bytes], baseline: Sequence[bytes] | None, contract: str) -> Events:
        """Without a baseline the first half of the events is one; an empty one stays empty, and is for the caller."""
        if baseline is not None:
            return cls(baseline=baseline, drifted=events, contract=contract)
        half = len(events) // 2
        return cls(baseline=events[:half], drifted=events[half:], contract=contract)


async def play(client: Client, show: Show, events: Events) -> Exit:
    """Shows what the loop makes of the events; returns the exit code of the demo."""
    follower = Follower(client, show, STREAM)
    await _learn(client, show, events)
    async with follower.following():
        tally = await _send(client, show, events)
        told = [await _tell(client, show, follower, each) for each in await _incidents(follower)]
        if not told:
            await _nothing(show, tally)
        elif any(each.state in _PROMOTED for each in told):
            await _redriven(client, show, follower)
    books = await balance(client, STREAM, tally.events)
    show.lines(["", *books.lines()])
    if not books.balanced:
        return Exit.REFUSED
    waits = [each for each in told if each.state not in _PROMOTED]
    if waits or (not told and tally.quarantined):
        await show.say("The loop held what it could not prove, and passed nothing on wrong: a person decides.")
        return Exit.PERSON
    return Exit.DONE


async def _learn(client: Client, show: Show, events: Events) -> None:
    await show.act("your events")
    policy = Policy()
    policy.bake.FromSeconds(BAKE_SECONDS)
    policy.canary.wait.FromSeconds(CANARY_WAIT_SECONDS)
    stream = Stream(
        stream_id=STREAM, policy=policy, contract_json=events.contract, description="Events of the demo's reader."
    )
    await client.streams.CreateStream(CreateStreamRequest(stream=stream))
    learned = 0
    for number, batch in enumerate(inputs.batches(events.baseline)):
        payloads = [Payload(data=line) for line in batch]
        request = LearnBaselineRequest(stream_id=STREAM, events=payloads, append=bool(number), actor=WHO)
        learned = (await client.streams.LearnBaseline(request)).event_count
    await show.say(f"Out of {count(learned)} events the server learns what a healthy one looks like.")


async def _send(client: Client, show: Show, events: Events) -> Tally:
    tally = Tally()
    async for batch in process_lines(client, STREAM, events.drifted, request_id=uuid.uuid4().hex):
        tally = tally.plus(batch)
    await show.say(f"The other {count(tally.events)} go through the gate: {tally}.")
    return tally


async def _incidents(follower: Follower) -> Sequence[str]:
    found: list[str] = []
    wait = QUIET_SECONDS
    while incident_id := await follower.new_incident(wait):
        found.append(incident_id)
        wait = NEXT_SECONDS
    return found


async def _tell(client: Client, show: Show, follower: Follower, incident_id: str) -> Incident:
    await show.act(incident_id)
    incident = await follower.tell(incident_id, until=ENDED)
    if incident.state in _PROMOTED:
        request = ListEventsRequest(stream_id=STREAM, kinds=[OUTCOME_KIND_HEALED], page_size=1)
        for event in (await client.events.ListEvents(request)).events:
            show.lines(["  one event, as it came and as it was passed on:"])
            show.lines(telling.change_lines(body(event.original), body(event.payload), show.width))
    await show.pause()
    return incident


async def _redriven(client: Client, show: Show, follower: Follower) -> None:
    """Waits for the redrive: until the quarantine no longer shrinks."""
    before = -1
    while (held := (await follower.stream()).held_count) and held != before:
        before = held
        await show.pause_at_least(0.5)
    waiting = await client.events.ListQuarantined(ListQuarantinedRequest(stream_id=STREAM, page_size=1))
    await show.say(f"What was held was driven through the gate again; {count(waiting.held_count)} events still wait.")


async def _nothing(show: Show, tally: Tally) -> None:
    if tally.quarantined:
        await show.say(
            f"{count(tally.quarantined)} events are held, too few of one kind to open an incident: "
            f"the policy's `open_after` says how many it takes."
        )
    else:
        await show.say("Nothing broke and nothing drifted: there is nothing to heal.")
