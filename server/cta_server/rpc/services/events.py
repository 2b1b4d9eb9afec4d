"""EventService: events through the gate, into the quarantine, and out of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import Any, Final

from cta.v1 import event_pb2, event_service_pb2_grpc
from cta.v1 import event_service_pb2 as api
from cta_core.quarantine import HeldEvent, HeldState
from cta_server.rpc.convert import event as convert
from cta_server.rpc.convert.problems import MAX_NAME, Problems
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.rpc.watch import GAP, interval_of, place_of, token
from cta_server.runtime.errors import HistoryGone
from cta_server.runtime.gates import Counts

LOG_START: Final = 25
"""Deliveries read at first; the number doubles while they fit into a message."""
LOG_CHUNK: Final = 500
"""Deliveries of one message at most; with a message every 50 ms a reader catches up at 10,000 a second."""
LOG_BYTES: Final = 2 * 1024 * 1024
"""Bytes of one message of the log, beyond which it ends with the event it has; below the 4 MiB that clients take by
default."""
TAIL_RATE: Final = 20
"""Events a second that the tail shows, unless the reader names another number."""
TAIL_PREVIEW: Final = 2048
"""Bytes of a payload that the tail shows, unless the reader names another number."""


class EventServicer(event_service_pb2_grpc.EventServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime = face, face.runtime

    async def ProcessEvents(self, request: api.ProcessEventsRequest, context: Context) -> api.ProcessEventsResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        batch = convert.batch_of(request, problems)
        problems.check()
        done = await self._runtime.intake.process(
            request.stream_id, batch, request_id=request.request_id, run_stages=request.run_stages
        )
        answer = api.ProcessEventsResponse(revision=done.revision, run_id=done.run_id)
        if request.bodies:
            convert.write_packed(answer.packed, done.results)
        else:
            convert.write_outcomes(answer, request.events, done.results)
        return answer

    async def ReportFailures(self, request: api.ReportFailuresRequest, context: Context) -> api.ReportFailuresResponse:
        problems = Problems()
        problems.request_id(request.request_id)
        failures = convert.failures_of(request, problems)
        problems.check()
        intake = self._runtime.intake
        accepted = await self._face.repeats.once(
            request,
            lambda: intake.report_failures(request.stream_id, failures, request_id=request.request_id),
        )
        return api.ReportFailuresResponse(accepted_count=accepted)

    async def WatchEvents(
        self,
        request: api.WatchEventsRequest,
        context: Context,
    ) -> AsyncGenerator[api.WatchEventsResponse]:
        problems = Problems()
        interval = interval_of(request.checkpoint_interval, problems)
        problems.number("max_rate", request.max_rate, least=0, most=1000)
        problems.number("preview_bytes", request.preview_bytes, least=0, most=1024 * 1024)
        kinds = convert.KINDS.all_of(request.kinds, "kinds", problems)
        if request.view not in api.EventView.values():
            problems.add("view", "must be EVENT_VIEW_DELIVERIES or EVENT_VIEW_TAIL")
        if request.view == api.EVENT_VIEW_TAIL:
            problems.check()
            watch = self._tail(request, [kind.value for kind in kinds], interval)
        else:
            place = place_of(request.resume_token, problems, await self._face.store_id())
            problems.check()
            watch = self._deliveries(request, place, interval)
        async for message in watch:
            yield message

    async def _deliveries(
        self, request: api.WatchEventsRequest, place: int, interval: float
    ) -> AsyncGenerator[api.WatchEventsResponse]:
        """The log: everything after the place, in order."""
        hub, journal = self._runtime.hub, self._face.journal
        era = await self._face.store_id()
        if place > hub.deliveries.value:
            place = 0  # a place that this log never reached: begin at the oldest
        limit = LOG_START
        if not request.resume_token:
            place = await self._face.journaled(journal.erased_to, stream_id=request.stream_id)
        while True:
            end = hub.deliveries.value
            erased = await self._face.journaled(journal.erased_to, stream_id=request.stream_id)
            if place < erased:
                raise HistoryGone(erased + 1)
            found = await self._face.journaled(
                journal.list_deliveries, stream_id=request.stream_id, after=place, limit=limit
            )
            events: list[event_pb2.DeliveredEvent] = []
            size = 0
            for delivery in found:
                entry = convert.delivered(delivery, preview_bytes=request.preview_bytes)
                size += entry.ByteSize()
                if events and size > LOG_BYTES:
                    break
                events.append(entry)
                place = delivery.position
            whole = len(events) == len(found)
            if whole and len(found) < limit:
                place = max(place, end)  # the query came after `end` was read, so all up to it has been shown
            # Large events are read in small numbers: what does not fit into the message was read in vain.
            limit = min(LOG_CHUNK, limit * 2) if whole else max(1, len(events))
            yield self._message(
                request.stream_id, resume_token=token(place, era), revision=max(end, place), events=events
            )
            # The shortest gap is kept also when there is more, so that a catching-up reader does not crowd out the
            # others.
            await asyncio.sleep(GAP)
            if place >= hub.deliveries.value:
                await hub.deliveries.wait(place, interval - GAP)

    async def _tail(
        self, request: api.WatchEventsRequest, kinds: list[str], interval: float
    ) -> AsyncGenerator[api.WatchEventsResponse]:
        """A sample of what passes the gate now."""
        hub = self._runtime.hub
        rate = request.max_rate or TAIL_RATE
        preview = request.preview_bytes or TAIL_PREVIEW
        # One event a message at least; slow rates take longer pauses, up to the longest silence.
        pause = min(interval, max(GAP, 1 / rate))
        with hub.tail(request.stream_id, kinds=kinds, size=math.ceil(rate * pause)) as tail:
            # The first message says at once that the watch stands.
            yield self._message(request.stream_id, revision=hub.deliveries.value)
            while True:
                await asyncio.sleep(pause)
                batch = await tail.next(max(0.0, interval - pause))
                events = [convert.recorded(item, preview_bytes=preview) for item in batch.items]
                yield self._message(
                    request.stream_id, revision=hub.deliveries.value, events=events, left_out_count=batch.left_out
                )

    def _message(self, stream_id: str, **values: Any) -> api.WatchEventsResponse:
        """A message with the server's time and the counts that every message has."""
        gates = self._runtime.gates
        counts: Counts = gates.counts(stream_id) if stream_id else gates.totals()
        return api.WatchEventsResponse(
            server_time=timestamp(self._runtime.clock()),
            event_count=counts.events,
            healthy_count=counts.healthy,
            healed_count=counts.healed,
            quarantined_count=counts.quarantined,
            **values,
        )

    async def ListEvents(self, request: api.ListEventsRequest, context: Context) -> api.ListEventsResponse:
        problems = Problems()
        kinds = [kind.value for kind in convert.KINDS.all_of(request.kinds, "kinds", problems)]
        page = Page(request, 0, request.stream_id, sorted(kinds), problems=problems)
        problems.check()
        await self._runtime.streams.get(request.stream_id)
        archive = self._face.archive
        entries, following = await page.collect(
            lambda before, limit: self._face.archived(
                archive.recent_events, request.stream_id, kinds=kinds, before=before, limit=limit
            ),
            convert.recorded,
            lambda item: item.position,
        )
        return api.ListEventsResponse(events=entries, next_page_token=following)

    async def ListQuarantined(
        self, request: api.ListQuarantinedRequest, context: Context
    ) -> api.ListQuarantinedResponse:
        problems = Problems()
        state = convert.STATES.word(request.state, "state", problems, HeldState.HELD) or HeldState.HELD
        page = Page(request, 0, request.stream_id, request.incident_id, state, problems=problems)
        problems.text("actor", request.actor, MAX_NAME, required=request.raw)
        problems.check()
        journal = self._face.journal
        masked: set[int] = set()
        bare: set[int] = set()

        async def read(after: int, limit: int) -> list[HeldEvent]:
            found = await self._face.journaled(
                journal.list_held,
                stream_id=request.stream_id,
                incident_id=request.incident_id,
                state=state,
                after=after,
                limit=limit,
            )
            shown = await self._runtime.quarantine.shown(found, raw=request.raw)
            masked.update(each.event.position for each in shown if each.masked)
            bare.update(each.event.position for each in shown if each.bare)
            return [each.event for each in shown]

        held = await self._face.journaled(
            journal.count_held, stream_id=request.stream_id, incident_id=request.incident_id
        )
        entries, following = await page.collect(
            read,
            lambda item: convert.held(item, masked=item.position in masked),
            lambda item: item.position,
        )
        # Only now it is known: a page reads one event more than it shows.
        seen = [entry.stream_id for entry in entries if entry.position in bare]
        await self._runtime.quarantine.record(seen, actor=request.actor)
        return api.ListQuarantinedResponse(events=entries, next_page_token=following, held_count=held)

    async def RedriveQuarantined(
        self,
        request: api.RedriveQuarantinedRequest,
        context: Context,
    ) -> api.RedriveQuarantinedResponse:
        problems = Problems()
        actor, _ = problems.audit(request.actor)
        problems.check()
        await self._runtime.streams.get(request.stream_id)
        done = await self._runtime.redriver.redrive(
            request.stream_id, incident_id=request.incident_id, dry_run=request.dry_run, actor=actor
        )
        return api.RedriveQuarantinedResponse(redriven_count=done.redriven, held_count=done.held)
