"""CanaryService: an adapter tried on recorded events before anything depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from cta.v1 import canary_service_pb2 as api
from cta.v1 import canary_service_pb2_grpc
from cta_core.errors import InvalidInput
from cta_server.rpc.convert.canary import canary
from cta_server.rpc.convert.offer import answers_of, offer_of, told
from cta_server.rpc.convert.problems import MAX_TEXT, Problems
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.runtime.errors import Kind, NotFound
from cta_server.runtime.leases import Notice, Offer, Station

FIRST_SECONDS: Final = 10.0
"""How long a worker may take for its offer; it has nothing else to do."""
SILENCE_SECONDS: Final = 1.0
"""Longest silence of the server, as on every watch."""
GONE_SECONDS: Final = 30.0
"""Silence of a worker after which its call is ended: it speaks every second, and a network that comes back in less is
forgiven."""


class CanaryServicer(canary_service_pb2_grpc.CanaryServiceServicer):
    """The service."""

    def __init__(self, face: Face) -> None:
        self._face, self._runtime = face, face.runtime

    async def RunCanary(
        self,
        request: api.RunCanaryRequest,
        context: Context,
    ) -> AsyncGenerator[api.RunCanaryResponse]:
        adapter = await self._runtime.adapters.get(request.adapter_id)
        async for item in self._runtime.canaries.run(adapter):
            yield api.RunCanaryResponse(canary=canary(item), server_time=timestamp(self._runtime.clock()))

    async def GetCanary(self, request: api.GetCanaryRequest, context: Context) -> api.GetCanaryResponse:
        found = await self._face.archived(self._face.archive.get_canary, request.canary_id)
        if found is None:
            raise NotFound(Kind.CANARY, request.canary_id)
        return api.GetCanaryResponse(canary=canary(found))

    async def ListCanaries(self, request: api.ListCanariesRequest, context: Context) -> api.ListCanariesResponse:
        problems = Problems()
        page = Page(request, "", request.stream_id, request.adapter_id, problems=problems)
        problems.check()
        archive = self._face.archive
        entries, following = await page.collect(
            lambda before, limit: self._face.archived(
                archive.list_canaries,
                stream_id=request.stream_id,
                adapter_id=request.adapter_id,
                before=before,
                limit=limit,
            ),
            canary,
            lambda item: item.canary_id,
        )
        return api.ListCanariesResponse(canaries=entries, next_page_token=following)

    async def OfferCanaries(
        self, request_iterator: AsyncIterator[api.OfferCanariesRequest], context: Context
    ) -> AsyncGenerator[api.OfferCanariesResponse]:
        runtime, requests = self._runtime, aiter(request_iterator)
        offer = await _first(requests)
        await runtime.gates.get(offer.stream_id)
        async with runtime.offers.open(offer) as station:
            with runtime.adapters.fleet.offering(offer):
                reader = asyncio.create_task(_read(requests, station), name=f"offer/{offer.worker_id}")
                try:
                    yield told(None, runtime.clock())
                    while not reader.done() and not station.left and station.silence < GONE_SECONDS:
                        message = await station.told(SILENCE_SECONDS)
                        yield told(message, runtime.clock())
                finally:
                    reader.cancel()
                    await asyncio.gather(reader, return_exceptions=True)


async def _first(requests: AsyncIterator[api.OfferCanariesRequest]) -> Offer:
    """The offer, which comes first. Raises `InvalidInput`."""
    first = api.OfferCanariesRequest()
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            first = await anext(requests, first)
    except TimeoutError:
        pass
    if first.WhichOneof("said") != "offer":
        raise InvalidInput.of("offer", f"must be the first message, within {FIRST_SECONDS:g} s")
    problems = Problems()
    offer = offer_of(first.offer, problems)
    problems.check()
    return offer


async def _read(requests: AsyncIterator[api.OfferCanariesRequest], station: Station) -> None:
    """Takes what the worker says until it ends. What is wrong in a message is told, and nothing of it counts."""
    async for request in requests:
        problems = Problems()
        match request.WhichOneof("said"):
            case "answers":
                answers, lease_id = answers_of(request.answers, problems), request.answers.lease_id
                if not problems.count:
                    station.answer(lease_id, answers)
            case "heartbeat":
                lease_id = request.heartbeat.lease_id
                station.beat(lease_id)
            case "refusal":
                lease_id = request.refusal.lease_id
                problems.text("refusal.error_message", request.refusal.error_message, MAX_TEXT)
                if not problems.count:
                    station.refuse(lease_id, request.refusal.error_message)
            case "farewell":
                station.leave()
                return
            case _:
                lease_id = ""
                problems.add("said", "must be answers, a heartbeat, a refusal or a farewell after the offer")
        try:
            problems.check()
        except InvalidInput as error:
            station.tell(Notice(lease_id=lease_id, message=str(error)[:MAX_TEXT]))
