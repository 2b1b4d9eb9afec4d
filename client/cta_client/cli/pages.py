"""Walking pages: a list RPC called until there are as many entries as were asked for.

The answers are merged into one message, so that `-o json` prints one document whatever the page size was. An empty list
of a stream that is not there is told as such: it must not read like a stream that is well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from google.protobuf.message import Message

from cta.v1.stream_service_pb2 import GetStreamRequest
from cta_client.channel import Client

_Answer = TypeVar("_Answer", bound=Message)

PAGE: Final = 200
"""Entries a page when more are asked for: events of 1 kB stay far under gRPC's limits."""


async def collect(call: Callable[[Any], Awaitable[_Answer]], request: Any, limit: int) -> _Answer:
    """One answer with the entries of as many pages as `limit` (0: all) needs; `next_page_token` is where to go on."""
    request.page_size = min(limit, PAGE) or PAGE
    whole: Any = await call(request)
    # Results are field 1 of every list answer, by the API's style.
    entries = whole.DESCRIPTOR.fields_by_number[1].name
    while whole.next_page_token and (not limit or len(getattr(whole, entries)) < limit):
        request.page_token = whole.next_page_token
        if limit:
            request.page_size = min(limit - len(getattr(whole, entries)), PAGE)
        page = await call(request)
        whole.ClearField("next_page_token")
        whole.MergeFrom(page)
    return cast("_Answer", whole)


async def listed(client: Client, call: Callable[[Any], Awaitable[_Answer]], request: Any, limit: int) -> _Answer:
    """As `collect`, of a list that may be one stream's. Raises `NotFound` where `known` does."""
    answer: Any = await collect(call, request, limit)
    await known(client, request.stream_id, len(getattr(answer, answer.DESCRIPTOR.fields_by_number[1].name)))
    return cast("_Answer", answer)


async def known(client: Client, stream_id: str, found: int) -> None:
    """Raises `NotFound` where nothing was found and there is no such stream; a deleted one's history is still found."""
    if stream_id and not found:
        await client.streams.GetStream(GetStreamRequest(stream_id=stream_id))
