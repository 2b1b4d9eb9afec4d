"""Webhooks through the API: a whole life of incidents is told, in order, and nothing secret is."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from standardwebhooks.webhooks import Webhook

from cta.v1 import (
    adapter_pb2,
    adapter_service_pb2,
    event_service_pb2,
    incident_pb2,
    incident_service_pb2,
    stream_pb2,
    system_service_pb2,
    webhook_pb2,
)
from helpers.api import Api, payments, refused, serving
from helpers.payments import healthy, renamed
from helpers.receiver import Answer, Receiver

SECRET = f"whsec_{base64.b64encode(b'of-a-test-and-of-nothing-else').decode()}"
LIFE = [
    *("incident.detected", "adapter.proposed", "incident.patched", "adapter.active", "incident.promoted"),
    *("incident.resolved", "adapter.rolled_back", "incident.rolled_back", "adapter.retired", "incident.resolved"),
]
"""A heal, and then a person who takes it back and closes the incident."""


def configured(receiver: Receiver, **more: Any) -> dict[str, str]:
    """The flags of a server with one webhook."""
    hook = {"name": "pager", "url": receiver.url, "secrets": [SECRET], **more}
    return {"notify__webhooks": json.dumps([hook]), "notify__source": "urn:test"}


async def until(look: Callable[[], bool]) -> None:
    """Waits for something that the server does by itself."""
    for _ in range(1500):
        if look():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def send(api: Api, stream_id: str, bodies: list[bytes]) -> None:
    """Events through the gate."""
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=bodies))


async def listed(api: Api) -> webhook_pb2.Webhook:
    """The one webhook."""
    answer = await api.system.ListWebhooks(system_service_pb2.ListWebhooksRequest())
    (webhook,) = answer.webhooks
    return webhook


async def test_a_whole_life_is_told_in_order(tmp_path: Path) -> None:
    """Heal, bake, a person's rollback and the close are told, each once, as the API's own messages, signed."""
    with Receiver() as receiver:
        async with serving(tmp_path, **configured(receiver)) as server:
            await payments(server.api, "payments")
            await send(server.api, "payments", renamed(400))
            await until(lambda: "incident.resolved" in receiver.kinds)
            by = {"actor": "ann", "comment": "not for the wire"}
            adapter_id = receiver.taken[1].event["data"]["adapterId"]
            back = adapter_service_pb2.RollBackAdapterRequest(adapter_id=adapter_id, **by)
            await server.api.adapters.RollBackAdapter(back)
            incident_id = receiver.taken[0].event["data"]["incidentId"]
            close = incident_service_pb2.ResolveIncidentRequest(incident_id=incident_id, **by)
            await server.api.incidents.ResolveIncident(close)
            await until(lambda: receiver.kinds.count("incident.resolved") == 2)
            webhook = await listed(server.api)
            while webhook.waiting_count:  # what was taken is noted a moment later
                webhook = await listed(server.api)
        assert receiver.kinds == LIFE
        assert (webhook.state, webhook.delivered_count) == (webhook_pb2.WEBHOOK_STATE_OK, len(LIFE))
        assert len({one.event["id"] for one in receiver.taken}) == len(LIFE)
        for one in receiver.taken:
            assert Webhook(SECRET).verify(one.body, one.headers) == one.event
            message = incident_pb2.Incident() if one.kind.startswith("incident") else adapter_pb2.Adapter()
            told = ParseDict(one.event["data"], message)
            assert told.stream_id == "payments"
            assert one.event["subject"] == f"payments/{one.event['id'].rpartition('-')[0]}"
        actors = [one.event["data"]["marks"][0]["actor"] for one in receiver.taken if "marks" in one.event["data"]]
        assert actors == ["loop"] * 4 + ["ann"] * 2
        words = b"".join(one.body for one in receiver.taken).decode()
        assert "not for the wire" not in words
        assert "amt" not in words


async def test_what_waits_for_a_person_is_told(tmp_path: Path) -> None:
    """An incident without a safe fix is escalated, one whose policy asks waits for approval: both reach a pager, which
    wants nothing else.
    """
    pager = ("act.cta.incident.escalated.v1", "act.cta.incident.awaiting_approval.v1")
    with Receiver() as receiver:
        async with serving(tmp_path, **configured(receiver, types=pager)) as server:
            await payments(server.api, "asks", autonomy=stream_pb2.AUTONOMY_APPROVE)
            await payments(server.api, "lost")
            await send(server.api, "asks", renamed(400))
            without = [json.dumps({k: v for k, v in json.loads(raw).items() if k != "amount"}) for raw in healthy(200)]
            await send(server.api, "lost", [text.encode() for text in without])
            await until(lambda: len(receiver.taken) == 2)
        told = {one.event["data"]["streamId"]: one.kind for one in receiver.taken}
        assert told == {"asks": "incident.awaiting_approval", "lost": "incident.escalated"}


async def test_an_adapter_of_a_person_is_told(tmp_path: Path) -> None:
    """Creating, promoting and retiring by hand are told without an incident."""
    with Receiver() as receiver:
        async with serving(tmp_path, **configured(receiver)) as server:
            await payments(server.api, "payments")
            request = adapter_service_pb2.CreateAdapterRequest(stream_id="payments", author="ann")
            step = request.program.steps.add()
            step.rename.source, step.rename.target = "/amt", "/amount"
            made = (await server.api.adapters.CreateAdapter(request)).adapter
            promote = {"adapter_id": made.adapter_id, "without_canary": True, "comment": "sure"}
            await server.api.adapters.PromoteAdapter(adapter_service_pb2.PromoteAdapterRequest(**promote))
            await server.api.adapters.ClearAdapters(adapter_service_pb2.ClearAdaptersRequest(stream_id="payments"))
            await until(lambda: len(receiver.taken) == 3)
        assert receiver.kinds == ["adapter.proposed", "adapter.active", "adapter.retired"]
        assert {one.event["data"]["adapterId"] for one in receiver.taken} == {made.adapter_id}


async def test_a_webhook_is_listed_and_tested(tmp_path: Path) -> None:
    """The list tells lag and trouble; a test tells the answer; an unknown name is NOT_FOUND."""
    with Receiver() as receiver:
        receiver.always = Answer(503)
        async with serving(tmp_path, **configured(receiver, streams=["pay*"])) as server:
            await payments(server.api, "payments")
            await send(server.api, "payments", renamed(400))
            await until(lambda: len(receiver.got) > 0)
            webhook = await listed(server.api)
            while not webhook.failure_count:
                webhook = await listed(server.api)
            stats = (await server.api.system.GetStats(system_service_pb2.GetStatsRequest())).stats
            assert (stats.webhook_count, stats.failing_webhook_count) == (1, 1)
            assert (webhook.name, webhook.host) == ("pager", f"http://127.0.0.1:{receiver.port}")
            assert (webhook.state, webhook.signed) == (webhook_pb2.WEBHOOK_STATE_FAILING, True)
            assert (webhook.types, webhook.streams) == (["*"], ["pay*"])
            assert (webhook.last_error, webhook.delivered_count) == ("answered 503", 0)
            assert webhook.waiting_count > 0
            assert webhook.oldest_waiting_time.seconds > 0
            request = system_service_pb2.TestWebhookRequest(name="pager")
            answer = await server.api.system.TestWebhook(request)
            assert (answer.taken, answer.status_code, answer.error) == (False, 503, "answered 503")
            receiver.always = Answer()
            answer = await server.api.system.TestWebhook(request)
            assert (answer.taken, answer.status_code, answer.error) == (True, 204, "")
            assert answer.duration.ToNanoseconds() > 0
            await until(lambda: "incident.promoted" in receiver.kinds)
            stats = (await server.api.system.GetStats(system_service_pb2.GetStatsRequest())).stats
            assert (stats.webhook_count, stats.failing_webhook_count) == (1, 0)
            refusal = await refused(server.api.system.TestWebhook(system_service_pb2.TestWebhookRequest(name="nix")))
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "WEBHOOK_NOT_FOUND")
            assert refusal.metadata == {"webhook_id": "nix"}
            info = await server.api.system.GetServerInfo(system_service_pb2.GetServerInfoRequest())
            told = f"{info}{webhook}{answer}"
    assert "webhooks" in info.features
    assert "pager" in told
    for hidden in (SECRET, SECRET.removeprefix("whsec_"), "in-the-address", "/hook"):
        assert hidden not in told


async def test_a_server_without_webhooks_lists_none(tmp_path: Path) -> None:
    """The list is empty, and a test of any name is NOT_FOUND."""
    async with serving(tmp_path) as server:
        answer = await server.api.system.ListWebhooks(system_service_pb2.ListWebhooksRequest())
        assert list(answer.webhooks) == []
        with pytest.raises(grpc.aio.AioRpcError):
            await server.api.system.TestWebhook(system_service_pb2.TestWebhookRequest(name="pager"))
