"""Watches that outlive their connection: one helper, and the API's watches made with it.

A watch resumes by token on a new channel after a short wait, tells its reader how stale the picture is, and drops what
the reader already has, so that a reader sees each revision of a thing once. It keeps no picture of its own beyond the
revisions; the terminal UI and `cta ... --watch` do that. Errors that a new try cannot mend are raised.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from cta.v1.adapter_pb2 import Adapter
from cta.v1.adapter_service_pb2 import WatchAdaptersRequest, WatchAdaptersResponse
from cta.v1.event_pb2 import DeliveredEvent
from cta.v1.event_service_pb2 import EVENT_VIEW_DELIVERIES, WatchEventsRequest, WatchEventsResponse
from cta.v1.incident_pb2 import Incident
from cta.v1.incident_service_pb2 import WatchIncidentsRequest, WatchIncidentsResponse
from cta_client.channel import Client
from cta_client.errors import Busy, ClientError, TimedOut, Unreachable

PATIENCE_SECONDS: Final = 1.5
"""Silence after which a watch counts as broken: the server sends at least every second. Measured: a frozen server is
noticed by this and by nothing that gRPC offers."""
FIRST_WAIT_SECONDS: Final = 0.1
"""First wait before a new try; doubled each time."""
LONGEST_WAIT_SECONDS: Final = 1.0
"""Longest wait: one try a second is nothing to a server and soon enough for a person."""

_Message = TypeVar("_Message")
_Entry = TypeVar("_Entry", bound="_Revised")


class _Revised(Protocol):
    @property
    def revision(self) -> int: ...


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """The connection is lost and the picture is getting old; the watch goes on trying."""

    seconds: float
    """Since the last message."""
    why: str


class News(msgspec.Struct, Generic[_Entry], frozen=True, kw_only=True):
    """What a watch brings. A mere checkpoint has neither entries nor gone ones."""

    revision: int
    """Store-wide revision that this belongs to."""
    entries: tuple[_Entry, ...] = ()
    """New or changed; none that the reader had already."""
    gone: tuple[str, ...] = ()
    """Ids that are no longer part of the picture."""
    current: bool = False
    """The reader has the whole picture as of `revision`."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Events out of the log of deliveries, each once."""

    events: tuple[DeliveredEvent, ...]
    token: str
    """Resumes after these events, also in another process."""


async def resumed(
    client: Client,
    start: Callable[[str], AsyncIterable[_Message]],
    *,
    token: str = "",
    patience: float = PATIENCE_SECONDS,
    insist: bool = False,
) -> AsyncGenerator[_Message | Stale, None]:
    """The messages of a watch, over as many connections as it takes; ends when the server ends it in good order.

    Args:
        client: Where to.
        start: Opens the call with a resume token, empty at first.
        token: Where to begin.
        patience: Seconds of silence after which the connection counts as broken.
        insist: Goes on trying also when the very first connection fails, instead of raising.

    Raises:
        ClientError: What a new try cannot mend.
    """
    loop = asyncio.get_running_loop()
    heard, ever, wait = loop.time(), insist, FIRST_WAIT_SECONDS
    while True:
        generation = client.wire.generation
        answers = aiter(start(token))
        try:
            while True:
                # The first message may take as long as any call: the server may still be recovering.
                async with asyncio.timeout(patience if ever else max(patience, 10.0)):
                    message = await anext(answers)
                heard, ever, wait = loop.time(), True, FIRST_WAIT_SECONDS
                token = getattr(message, "resume_token", "") or token
                yield message
        except StopAsyncIteration:
            return
        except TimeoutError:
            why: ClientError = TimedOut(f"The server at {client.wire.address} went silent.", "Trying again.")
        except (Unreachable, TimedOut, Busy) as error:
            why = error
        finally:
            if isinstance(answers, AsyncGenerator):
                await answers.aclose()
        if not ever:
            raise why
        yield Stale(seconds=loop.time() - heard, why=why.what)
        client.wire.renew(generation)
        # Jitter keeps many readers of one server from coming back in step.
        await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)


async def incidents(
    client: Client, stream_ids: Sequence[str] = (), *, patience: float = PATIENCE_SECONDS, insist: bool = False
) -> AsyncGenerator[News[Incident] | Stale, None]:
    """The open incidents, then every change. A resolved incident comes once more, as RESOLVED."""
    known = _Known[Incident]()

    def start(token: str) -> AsyncIterable[WatchIncidentsResponse]:
        return client.incidents.WatchIncidents(WatchIncidentsRequest(stream_ids=stream_ids, resume_token=token))

    async for message in resumed(client, start, patience=patience, insist=insist):
        if isinstance(message, Stale):
            yield message
            continue
        fresh = known.take((found.incident_id, found) for found in message.changes.incidents)
        yield known.news(message.WhichOneof("change") or "", message.revision, fresh, ())


async def adapters(
    client: Client,
    stream_ids: Sequence[str] = (),
    *,
    worker_id: str = "",
    patience: float = PATIENCE_SECONDS,
    insist: bool = False,
) -> AsyncGenerator[News[Adapter] | Stale, None]:
    """The adapters in force, then every change."""
    known = _Known[Adapter]()

    def start(token: str) -> AsyncIterable[WatchAdaptersResponse]:
        return client.adapters.WatchAdapters(
            WatchAdaptersRequest(worker_id=worker_id, stream_ids=stream_ids, resume_token=token)
        )

    async for message in resumed(client, start, patience=patience, insist=insist):
        if isinstance(message, Stale):
            yield message
            continue
        fresh = known.take((found.adapter_id, found) for found in message.changes.adapters)
        removed = tuple(message.changes.removed_adapter_ids)
        yield known.news(message.WhichOneof("change") or "", message.revision, fresh, removed)


async def deliveries(
    client: Client,
    stream_id: str = "",
    *,
    token: str = "",
    patience: float = PATIENCE_SECONDS,
    insist: bool = False,
) -> AsyncGenerator[Delivery | Stale, None]:
    """The log of redriven events from `token` on, in order, each exactly once."""
    last = 0

    def start(resume: str) -> AsyncIterable[WatchEventsResponse]:
        return client.events.WatchEvents(
            WatchEventsRequest(stream_id=stream_id, view=EVENT_VIEW_DELIVERIES, resume_token=resume)
        )

    async for message in resumed(client, start, token=token, patience=patience, insist=insist):
        if isinstance(message, Stale):
            yield message
            continue
        fresh = tuple(event for event in message.events if event.position > last)
        last = max([last, *(event.position for event in fresh)])
        yield Delivery(events=fresh, token=message.resume_token)


class _Known(Generic[_Entry]):
    """The revisions that the reader has, so that nothing is told twice and nothing that vanished is forgotten."""

    def __init__(self) -> None:
        self._revisions: dict[str, int] = {}
        self._listed: set[str] | None = None
        self._whole = False

    def take(self, entries: Iterable[tuple[str, _Entry]]) -> tuple[_Entry, ...]:
        """Those of the entries that are newer than what the reader has."""
        fresh: list[_Entry] = []
        for key, entry in entries:
            if self._listed is not None:
                self._listed.add(key)
            if entry.revision > self._revisions.get(key, 0):
                self._revisions[key] = entry.revision
                fresh.append(entry)
        return tuple(fresh)

    def news(self, change: str, revision: int, fresh: tuple[_Entry, ...], removed: Sequence[str]) -> News[_Entry]:
        """What one message means, with the snapshot's bounds followed."""
        if change == "snapshot_start":
            self._listed, self._whole = set(), False
        gone = [key for key in removed if self._revisions.pop(key, None) is not None]
        if change == "snapshot_end":
            listed = self._listed if self._listed is not None else set[str]()
            gone += [key for key in self._revisions if key not in listed]
            self._revisions = {key: held for key, held in self._revisions.items() if key in listed}
            self._listed, self._whole = None, True
        elif change == "checkpoint":
            self._whole = self._listed is None
        return News(revision=revision, entries=fresh, gone=tuple(gone), current=self._whole)
