"""Answers to verbs by their request id: a repeated call gets the first answer, and nothing is done twice.

Kept in memory for the retries of a live client, which come within seconds. What must hold across a restart as well
(events that were held, steps of an incident, adapters) is remembered by the journal. `ProcessEvents` has a memory of
its own in the intake, where its answers are not copied. Called by servicers of verbs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from google.protobuf.message import Message

from cta_server.runtime.errors import RequestIdReused

T = TypeVar("T")

KEPT: Final = 1024
"""Answers kept, the latest: verbs are called by people and scripts, and a kilobyte each is a megabyte."""


class Repeats:
    """Remembers answers."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], tuple[bytes, asyncio.Future[Any]]] = OrderedDict()

    async def once(self, request: Any, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of `call`, or that of the same request before; two at the same time share one.

        Raises `RequestIdReused` when the id came with another content. A call that failed is not remembered.
        """
        request_id: str = request.request_id
        if not request_id:
            return await call()
        key = (type(request).__name__, request_id)
        digest = _digest(request)
        known = self._answers.get(key)
        if known is not None:
            if known[0] != digest:
                raise RequestIdReused(request_id)
            # Shielded: a caller that gives up must not take the answer from the others.
            return cast("T", await asyncio.shield(known[1]))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[key] = (digest, answer)
        try:
            result = await call()
        except BaseException as error:
            del self._answers[key]
            if isinstance(error, Exception):
                answer.set_exception(error)
                answer.exception()  # seen: nobody may be waiting for it
            else:
                answer.cancel()
            raise
        answer.set_result(result)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        return result


def _digest(request: Message) -> bytes:
    return hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()
