"""All webhooks of the configuration: started with the runtime, stopped with it, listed and tested by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from cta_core.notice import Notice
from cta_server.config.webhooks import KEPT_SECONDS, NotifySettings
from cta_server.runtime.errors import Kind, NotFound, StoreDown
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.notify.answer import Answer
from cta_server.runtime.notify.cloudevent import Describe, cloud_event, ping
from cta_server.runtime.notify.post import HttpPost, load_library
from cta_server.runtime.notify.webhook import Webhook, WebhookStanding, WebhookState
from cta_server.runtime.storage import Storage
from cta_server.runtime.tasks import Tasks

INSTALLATION: Final = "installation"
"""The journal's setting that names it."""
TRIM_SECONDS: Final = 3600.0

log = structlog.get_logger(__name__)


class Webhooks:
    """The webhooks. Made from the configuration; raises `InvalidInput` for a secret that is missing or none."""

    def __init__(
        self,
        settings: NotifySettings,
        *,
        environment: Mapping[str, str],
        describe: Describe,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._settings, self._describe, self._clock, self._chance = settings, describe, clock, chance
        if settings.webhooks:
            load_library()
        self._keys = [
            webhook.keys(environment, f"notify.webhooks[{index}]") for index, webhook in enumerate(settings.webhooks)
        ]
        self._post = HttpPost(clock)
        self._tasks = Tasks()
        self._webhooks: dict[str, Webhook] = {}
        self._source = settings.source
        self._ids = Ids(clock)

    async def start(self, storage: Storage, hub: Hub) -> None:
        """Takes each webhook's place, before anything moves, and begins to send."""
        journal = storage.journal
        if not self._source:
            self._source = f"urn:cta-act:{await self._installation(storage)}"
        for settings, keys in zip(self._settings.webhooks, self._keys, strict=True):
            place = await storage.journaled(journal.open_webhook, settings.name)
            self._webhooks[settings.name] = Webhook(
                settings,
                keys,
                place,
                event=self._event,
                post=self._post,
                storage=storage,
                hub=hub,
                clock=self._clock,
                chance=self._chance,
            )
        for name, webhook in self._webhooks.items():
            self._tasks.spawn(f"webhook/{name}", webhook.run())
        self._tasks.spawn("webhooks/trim", self._trim(storage))

    async def stop(self) -> None:
        """Stops sending; what was not taken is sent after the next start."""
        await self._tasks.close()
        await self._post.close()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._webhooks)

    @property
    def failing_count(self) -> int:
        """How many of them are not OK."""
        return sum(webhook.state is not WebhookState.OK for webhook in self._webhooks.values())

    async def standings(self) -> list[WebhookStanding]:
        """Every webhook as it is now, in the order of the configuration."""
        return [await webhook.standing() for webhook in self._webhooks.values()]

    async def test(self, name: str) -> Answer:
        """Sends a ping and tells the answer. Raises `NotFound`."""
        webhook = self._webhooks.get(name)
        if webhook is None:
            raise NotFound(Kind.WEBHOOK, name)
        id_ = self._ids.new("png")
        return await webhook.test(id_, ping(id_, self._source, name, self._clock()))

    def _event(self, notice: Notice) -> bytes:
        return cloud_event(notice, self._source, self._describe)

    async def _installation(self, storage: Storage) -> str:
        """The id that this store has for good; made at its first start."""
        known = await storage.journaled(storage.journal.setting, INSTALLATION)
        if known is None:
            known = self._ids.new("ins")
            await storage.journaled(storage.journal.set_setting, INSTALLATION, known)
        return known

    async def _trim(self, storage: Storage) -> None:
        """Drops what is older than any webhook may ask for, now and every hour."""
        while True:
            try:
                dropped = await storage.journaled(storage.journal.trim_notices, self._clock() - KEPT_SECONDS)
            except StoreDown as error:
                log.warning("old notices stay for another hour", why=str(error))
            else:
                if dropped:
                    log.info("old notices dropped", count=dropped)
            await asyncio.sleep(TRIM_SECONDS)
