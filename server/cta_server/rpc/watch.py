"""Watches of state: a snapshot, then changes merged by revision, with a checkpoint at least every interval.

One helper serves WatchAdapters and WatchIncidents. It keeps no queue: a reader that is slow gets, when it reads again,
the latest state of whatever changed since its revision, read from the journal in one query, so that nothing is lost and
memory is bounded. A reader that is far behind, or whose token the store does not know, gets a snapshot.

Why the revision of a message is safe: the store's revision is read before the query, and the query is one statement.
What the query does not show has a greater revision than everything that it does show, and than the one that was read
before.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from google.protobuf.duration_pb2 import Duration

from cta.v1.watch_pb2 import Checkpoint, SnapshotEnd, SnapshotStart
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.scalars import milliseconds_of, timestamp
from cta_server.runtime.hub import Hub

VERSION: Final = 1
LONGEST_SILENCE: Final = 1.0
"""Seconds between two messages at most, whatever the reader asks for: a frozen server is noticed by it."""
GAP: Final = 0.05
"""Seconds between two messages of one reader at least: a person sees no faster, and one message an event would cost
a core. The first news after a silence are sent at once."""
CHUNK: Final = 100
"""Entries of one message of a snapshot. Adapters take some 2 kB and incidents 4 kB, so a message stays below 1 MiB."""
FAR_BEHIND: Final = 1000
"""Changes beyond which a snapshot, which comes in chunks, replaces a single message with all of them."""


class Revised(Protocol):
    """What is watched."""

    @property
    def revision(self) -> int:
        """Of its last change."""
        ...


Item = TypeVar("Item", bound=Revised)


class _Token(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    place: int
    era: str = ""


def token(place: int, era: str = "") -> str:
    """A resume token: a place in the order of a log or of revisions. `era` changes when places lose their meaning."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Token(VERSION, place, era))).rstrip(b"=").decode()


def place_of(text: str, problems: Problems, era: str = "") -> int:
    """The place of a resume token; 0 for none and for one of another era, a problem for a text that is no token."""
    if not text:
        return 0
    try:
        read = msgspec.msgpack.decode(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)), type=_Token)
    except (binascii.Error, msgspec.DecodeError):
        problems.add("resume_token", "is no token of this server; leave it empty to start anew")
        return 0
    return read.place if read.version == VERSION and read.era == era else 0


def interval_of(span: Duration, problems: Problems) -> float:
    """The longest silence that a reader asks for, in seconds, within what the server keeps to."""
    asked = milliseconds_of(span, "checkpoint_interval", problems) / 1000
    return min(LONGEST_SILENCE, max(GAP, asked)) if asked else LONGEST_SILENCE


class StateWatch(Generic[Item]):
    """A watch of one kind of thing."""

    def __init__(
        self,
        *,
        hub: Hub,
        clock: Callable[[], float],
        response: Callable[..., Any],
        snapshot: Callable[[], Awaitable[Sequence[Item]]],
        since: Callable[[int], Awaitable[Sequence[Item]]],
        shown: Callable[[Item], bool],
        key: Callable[[Item], str],
        changes: Callable[[Sequence[Item]], Awaitable[Any]],
        era: Callable[[], Awaitable[str]],
    ) -> None:
        """`snapshot` reads what a snapshot shows, `since` everything that changed after a revision in one query,
        `shown` tells whether a thing belongs into a snapshot, `changes` makes the message of changes. `era` changes
        when rows went that no revision tells of.
        """
        self._hub, self._clock, self._response = hub, clock, response
        self._snapshot, self._since, self._shown, self._changes = snapshot, since, shown, changes
        self._key, self._era = key, era

    async def run(self, resume_token: str, interval: float) -> AsyncGenerator[Any]:
        """The watch's messages, without end."""
        era = await self._era()
        revision = place_of(resume_token, Problems(), era)
        if revision == 0 or revision > self._hub.revisions.value:
            async for message, reached in self._all(era):
                revision = reached
                yield message
        loop = asyncio.get_running_loop()
        spoke = loop.time()
        while True:
            # Revisions that change nothing here must not put the checkpoint off: a silent watch reads as a frozen one.
            known = await self._hub.revisions.wait(revision, max(spoke + interval - loop.time(), 0.0))
            if known <= revision:
                spoke = loop.time()
                yield self._message(revision, era, checkpoint=Checkpoint(server_time=timestamp(self._clock())))
                continue
            now = await self._era()
            changed = await self._since(revision)
            if now != era or len(changed) > FAR_BEHIND:
                era = now
                async for message, reached in self._all(era):
                    revision = reached
                    yield message
                continue
            revision = max([known, *(item.revision for item in changed)])
            if changed:
                spoke = loop.time()
                yield self._message(revision, era, changes=await self._changes(changed))
            await asyncio.sleep(GAP)  # what changes in the meantime comes merged

    async def _all(self, era: str) -> AsyncGenerator[tuple[Any, int]]:
        """A snapshot's messages, each with the revision that the reader has reached by it."""
        before = self._hub.revisions.value
        shown = list(await self._snapshot())
        changed = await self._since(before)
        revision = max([before, *(item.revision for item in changed)])
        # What changed while the pages were read comes from the one query, and replaces what the pages had.
        latest = {self._key(item): item for item in (*shown, *changed)}
        listed = [item for item in latest.values() if self._shown(item)]
        # Resuming in the middle of a snapshot would miss the rest of it: these tokens begin it anew.
        anew = token(0, era)
        yield self._response(resume_token=anew, revision=revision, snapshot_start=SnapshotStart()), 0
        for start in range(0, len(listed), CHUNK):
            part = await self._changes(listed[start : start + CHUNK])
            yield self._response(resume_token=anew, revision=revision, changes=part), 0
        yield self._message(revision, era, snapshot_end=SnapshotEnd()), revision

    def _message(self, revision: int, era: str, **change: Any) -> Any:
        return self._response(resume_token=token(revision, era), revision=revision, **change)
