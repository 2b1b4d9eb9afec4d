"""One webhook: reads what follows its place in the journal and posts it, one event at a time and in order.

Its place moves only after the receiver has taken the event, so a kill in between sends that event again under the same
id, and nothing is missed. It decides when to try again, what is too old, and when the receiver is gone. Each webhook is
a task of its own: one that is dead delays no other, and never the loop. `webhooks` owns it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import takewhile
from typing import Final

import msgspec
import structlog

from cta_core.notice import Notice
from cta_server.config.webhooks import WebhookSettings
from cta_server.runtime import faultpoints
from cta_server.runtime.hub import Hub
from cta_server.runtime.notify.answer import Answer, delay
from cta_server.runtime.notify.cloudevent import CONTENT_TYPE
from cta_server.runtime.notify.log import WebhookPlace
from cta_server.runtime.notify.post import Post
from cta_server.runtime.notify.signature import signed_headers
from cta_server.runtime.storage import Storage

PAGE: Final = 100
"""Notices that are read at once: 100 KB, and a tenth of a second of sending to a near receiver."""
LOOK_SECONDS: Final = 5.0
"""How long a quiet webhook waits for news before it looks by itself, for what no revision was told of."""

log = structlog.get_logger(__name__)


class WebhookState(StrEnum):
    """How a webhook is."""

    OK = "OK"
    """The last attempt was taken, or there was none yet."""
    FAILING = "FAILING"
    """The last attempt failed; it is tried again."""
    GONE = "GONE"
    """The receiver answered 410 Gone; nothing is sent until a test succeeds or the address changes."""


class WebhookStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a webhook now. Times are 0 where there is none."""

    name: str
    host: str
    state: WebhookState
    signed: bool
    types: tuple[str, ...]
    streams: tuple[str, ...]
    waiting_count: int
    waiting_since: float
    delivered_count: int
    skipped_count: int
    success_time: float
    failure_count: int
    """In a row."""
    error: str
    error_time: float
    retry_time: float


class Webhook:
    """A receiver and its place."""

    def __init__(
        self,
        settings: WebhookSettings,
        keys: tuple[bytes, ...],
        place: WebhookPlace,
        *,
        event: Callable[[Notice], bytes],
        post: Post,
        storage: Storage,
        hub: Hub,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.settings, self._keys, self._event, self._post = settings, keys, event, post
        self._storage, self._hub, self._clock, self._chance = storage, hub, clock, chance
        self._types, self._streams = settings.wanted_types, settings.wanted_streams
        # The mark tells whether the address is still the one that said so, and tells nobody the address.
        self._mark = hashlib.sha256(settings.url.encode()).hexdigest()[:16]
        self._place = place if place.gone == self._mark else msgspec.structs.replace(place, gone="")
        self._after = place.position
        """Up to here there is nothing left to send; may lie beyond the place by notices that are not for this one."""
        self._failures = 0
        self._error, self._error_time, self._retry_time = "", 0.0, 0.0
        self._wake = asyncio.Event()
        self._moving = asyncio.Lock()

    @property
    def state(self) -> WebhookState:
        """How it is."""
        if self._place.gone:
            return WebhookState.GONE
        return WebhookState.FAILING if self._failures else WebhookState.OK

    async def run(self) -> None:
        """Sends until it is cancelled."""
        while True:
            try:
                await self._round()
            except Exception:
                # A full disk, or a fault of ours: it is told, and it must not end the webhook in silence.
                log.exception("webhook could not go on", webhook=self.settings.name)
                self._failed(Answer(error="the server could not prepare or note an event; its log says why"))
                await self._pause(Answer())

    async def test(self, id_: str, body: bytes) -> Answer:
        """Posts an event that is not in the journal. Where it is taken, what waits is tried at once."""
        answer = await self._send(id_, body)
        if answer.taken:
            await self._move(gone="", success_time=self._clock())
            self._recovered()
            self._wake.set()
        return answer

    async def standing(self) -> WebhookStanding:
        """What is known now."""
        place, settings = self._place, self.settings
        waiting = await self._storage.journaled(
            self._storage.journal.waiting_notices,
            max(self._after, place.position),
            types=self._types,
            streams=self._streams,
        )
        return WebhookStanding(
            name=settings.name,
            host=settings.host,
            state=self.state,
            signed=bool(self._keys),
            types=settings.types,
            streams=settings.streams,
            waiting_count=waiting.count,
            waiting_since=waiting.since,
            delivered_count=place.delivered,
            skipped_count=place.skipped,
            success_time=place.success_time,
            failure_count=self._failures,
            error=self._error,
            error_time=self._error_time,
            retry_time=0.0 if place.gone else self._retry_time,
        )

    async def _round(self) -> None:
        """Sends what is there, up to the first event that is not taken; without any it waits for news."""
        if self._place.gone:
            await self._wake.wait()
            self._wake.clear()
            return
        seen = self._hub.revision  # before the look: what comes while we look wakes us
        page = await self._storage.journaled(
            self._storage.journal.notices_after, self._after, types=self._types, streams=self._streams, limit=PAGE
        )
        for index, notice in enumerate(page.notices):
            answer = await self._send(notice.notice_id, self._event(notice))
            if not answer.taken:
                await self._refused(answer, page.notices[index:])
                return
            faultpoints.hit("notify.after_send")
            await self._move(position=notice.position, delivered=self._place.delivered + 1, success_time=self._clock())
            self._after = notice.position
            self._recovered()
        self._after = page.end
        if not page.notices:
            await self._hub.wait(seen, LOOK_SECONDS)

    async def _send(self, id_: str, body: bytes) -> Answer:
        headers = {
            "content-type": CONTENT_TYPE,
            "user-agent": "cta-act",
            **signed_headers(self._keys, id_, int(self._clock()), body),
        }
        return await self._post(self.settings.url, body, headers, self.settings.timeout_seconds)

    async def _refused(self, answer: Answer, waiting: Sequence[Notice]) -> None:
        """An event was not taken: what is too old by now is skipped, and the rest waits."""
        self._failed(answer)
        first = waiting[0]
        name = self.settings.name
        told = log.bind(webhook=name, event=first.notice_id, type=first.type, why=answer.words, in_a_row=self._failures)
        if answer.gone:
            told.warning("webhook is gone; nothing is sent to it until a test succeeds or its address changes")
            await self._move(gone=self._mark)
            return
        told.warning("webhook did not take an event")
        # Every event is tried at least once, however old: after a long absence of ours the receiver may be well.
        oldest = self._clock() - self.settings.max_age_seconds
        old = list(takewhile(lambda notice: notice.time < oldest, waiting))
        if old:
            told.error("webhook misses events: they could not be delivered in time", count=len(old))
            await self._move(position=old[-1].position, skipped=self._place.skipped + len(old))
            self._after = old[-1].position
        await self._pause(answer)

    def _failed(self, answer: Answer) -> None:
        self._failures += 1
        self._error, self._error_time = answer.words, self._clock()

    def _recovered(self) -> None:
        self._failures = 0
        self._error, self._error_time, self._retry_time = "", 0.0, 0.0

    async def _pause(self, answer: Answer) -> None:
        """Waits until the next attempt is due, or a test succeeds."""
        seconds = delay(self._failures, answer, self._chance)
        self._retry_time = self._clock() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _move(self, **changes: object) -> None:
        """Notes a change of the place. What could not be noted did not happen: its event is sent again."""
        async with self._moving:
            moved = msgspec.structs.replace(self._place, **changes)
            await self._storage.journaled(self._storage.journal.place_webhook, moved)
            self._place = moved
