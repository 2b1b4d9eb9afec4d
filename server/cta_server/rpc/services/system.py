"""SystemService: the server itself, its configuration, its counts and its kill switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from cta.v1 import system_service_pb2 as api
from cta.v1 import system_service_pb2_grpc
from cta_server.config import Configuration
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.scalars import duration, milliseconds_of, timestamp
from cta_server.rpc.convert.system import decision, stats
from cta_server.rpc.convert.webhook import webhook
from cta_server.rpc.face import Context, Face
from cta_server.rpc.paging import Page
from cta_server.rpc.watch import GAP, LONGEST_SILENCE
from cta_server.runtime.errors import Kind, NotFound
from cta_server.runtime.sources.populations import POPULATIONS

API_VERSIONS: Final = ("cta.v1",)
FEATURES: Final = (
    "adapter-files",
    "bake",
    "canary",
    "diagnose",
    "faults",
    "kill-switch",
    "packed-bodies",
    "quarantine-redrive",
    "signatures-exact",
    "silent-drift",
    "sources-file",
    "sources-generator",
    "watch-resume",
    "webhooks",
)
"""What this version does, by name. A later version adds names and never takes one away."""
ADVISER: Final = "llm-adviser"
"""The feature that is there only when a language model is configured."""


class SystemServicer(system_service_pb2_grpc.SystemServiceServicer):
    """The service."""

    def __init__(self, face: Face, configuration: Configuration) -> None:
        self._face, self._runtime, self._configuration = face, face.runtime, configuration

    async def GetServerInfo(self, request: api.GetServerInfoRequest, context: Context) -> api.GetServerInfoResponse:
        return api.GetServerInfoResponse(
            version=_version(),
            api_versions=API_VERSIONS,
            features=sorted((*FEATURES, ADVISER)) if self._configuration.settings.adviser.url else FEATURES,
            config=[
                api.ConfigEntry(key=key, value=value, origin=origin.value)
                for key, value, origin in self._configuration.entries()
            ],
            consumers=sorted(self._configuration.settings.consumers),
            populations=sorted(POPULATIONS),
        )

    async def GetStats(self, request: api.GetStatsRequest, context: Context) -> api.GetStatsResponse:
        return api.GetStatsResponse(stats=await self._stats())

    async def WatchStats(
        self, request: api.WatchStatsRequest, context: Context
    ) -> AsyncGenerator[api.WatchStatsResponse]:
        problems = Problems()
        asked = milliseconds_of(request.interval, "interval", problems) / 1000
        problems.check()
        interval = min(LONGEST_SILENCE, max(GAP, asked)) if asked else LONGEST_SILENCE
        while True:
            yield api.WatchStatsResponse(stats=await self._stats(), server_time=timestamp(self._runtime.clock()))
            await asyncio.sleep(interval)

    async def SetKillSwitch(self, request: api.SetKillSwitchRequest, context: Context) -> api.SetKillSwitchResponse:
        problems = Problems()
        actor, comment = problems.audit(request.actor, request.comment)
        problems.check()
        engaged = await self._runtime.system.set_kill_switch(request.engaged, actor=actor, comment=comment)
        return api.SetKillSwitchResponse(engaged=engaged)

    async def ListDecisions(self, request: api.ListDecisionsRequest, context: Context) -> api.ListDecisionsResponse:
        problems = Problems()
        page = Page(request, 0, request.stream_id, problems=problems)
        problems.check()
        journal = self._face.journal
        entries, following = await page.collect(
            lambda before, limit: self._face.journaled(
                journal.list_decisions, stream_id=request.stream_id, before=before, limit=limit
            ),
            decision,
            lambda item: item.position,
        )
        return api.ListDecisionsResponse(decisions=entries, next_page_token=following)

    async def ListWebhooks(self, request: api.ListWebhooksRequest, context: Context) -> api.ListWebhooksResponse:
        webhooks = self._runtime.webhooks
        standings = await webhooks.standings() if webhooks is not None else []
        return api.ListWebhooksResponse(webhooks=[webhook(standing) for standing in standings])

    async def TestWebhook(self, request: api.TestWebhookRequest, context: Context) -> api.TestWebhookResponse:
        if self._runtime.webhooks is None:
            raise NotFound(Kind.WEBHOOK, request.name)
        answer = await self._runtime.webhooks.test(request.name)
        return api.TestWebhookResponse(
            taken=answer.taken,
            status_code=answer.status,
            error=answer.words,
            duration=duration(answer.seconds * 1000),
        )

    async def _stats(self) -> api.Stats:
        return stats(await self._runtime.system.stats())


def _version() -> str:
    """The installed version; a checkout that was never installed has none."""
    try:
        return version("cta-act")
    except PackageNotFoundError:
        return "0.0.0+checkout"
