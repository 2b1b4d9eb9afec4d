"""Walking pages: a list RPC called until there are as many entries as were asked for.

The answers are merged into one message, so that `-o json` prints one document whatever the page size was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from google.protobuf.message import Message

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
