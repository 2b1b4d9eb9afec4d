"""Shell completion of ids: asks the server for what there is, and stays silent when it does not answer at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import click
from click.shell_completion import CompletionItem

from cta.v1.adapter_service_pb2 import ListAdaptersRequest
from cta.v1.canary_service_pb2 import ListCanariesRequest
from cta.v1.incident_service_pb2 import ListIncidentsRequest
from cta.v1.run_service_pb2 import ListRunsRequest
from cta.v1.signature_service_pb2 import ListSignaturesRequest
from cta.v1.source_service_pb2 import ListSourcesRequest
from cta.v1.stream_service_pb2 import ListStreamsRequest
from cta.v1.system_service_pb2 import ListWebhooksRequest
from cta_client.channel import Client, connect
from cta_client.endpoint import DEFAULT_ADDRESS
from cta_client.errors import ClientError

PATIENCE_SECONDS: Final = 1.0
"""Longest wait after a TAB: beyond it a person has typed on."""

_Found = Iterable[tuple[str, str]]
_Ask = Callable[[Client], Awaitable[_Found]]
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completer(ask: _Ask) -> Completer:
    """A click `shell_complete` callback made of a question to the server."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        async def found() -> _Found:
            named = context.params
            address, token = named.get("server") or DEFAULT_ADDRESS, named.get("token") or ""
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                connect(address, tls=bool(named.get("tls")), tls_ca=named.get("tls_ca"), token=token) as client,
            ):
                return await ask(client)

        try:
            return [CompletionItem(key, help=text) for key, text in asyncio.run(found()) if key.startswith(begun)]
        except (ClientError, TimeoutError, OSError):
            return []

    return complete


async def _streams(client: Client) -> _Found:
    return [
        (each.stream_id, each.description) for each in (await client.streams.ListStreams(ListStreamsRequest())).streams
    ]


async def _incidents(client: Client) -> _Found:
    answer = await client.incidents.ListIncidents(ListIncidentsRequest())
    return [(each.incident_id, f"{each.stream_id}: {each.headline}") for each in answer.incidents]


async def _adapters(client: Client) -> _Found:
    answer = await client.adapters.ListAdapters(ListAdaptersRequest())
    return [(each.adapter_id, f"{each.stream_id}: {' '.join(each.words)}") for each in answer.adapters]


async def _canaries(client: Client) -> _Found:
    answer = await client.canaries.ListCanaries(ListCanariesRequest())
    return [(each.canary_id, f"{each.stream_id}: {each.adapter_id}") for each in answer.canaries]


async def _runs(client: Client) -> _Found:
    answer = await client.runs.ListRuns(ListRunsRequest())
    return [(each.run_id, f"{each.stream_id}: {each.event_count} events") for each in answer.runs]


async def _signatures(client: Client) -> _Found:
    answer = await client.signatures.ListSignatures(ListSignaturesRequest())
    return [(each.signature_id, each.headline) for each in answer.signatures]


async def _sources(client: Client) -> _Found:
    answer = await client.sources.ListSources(ListSourcesRequest())
    return [(each.source_id, each.stream_id) for each in answer.sources]


async def _webhooks(client: Client) -> _Found:
    return [(each.name, each.host) for each in (await client.system.ListWebhooks(ListWebhooksRequest())).webhooks]


streams = completer(_streams)
incidents = completer(_incidents)
adapters = completer(_adapters)
canaries = completer(_canaries)
runs = completer(_runs)
signatures = completer(_signatures)
sources = completer(_sources)
webhooks = completer(_webhooks)
