"""A whole server on a free port with a real channel, and what an error of it says."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Any

import grpc
import msgspec
from google.rpc import error_details_pb2 as rich
from google.rpc import status_pb2

from cta.v1 import (
    adapter_service_pb2_grpc,
    analysis_service_pb2_grpc,
    canary_service_pb2_grpc,
    event_pb2,
    event_service_pb2_grpc,
    fault_service_pb2_grpc,
    incident_service_pb2_grpc,
    run_service_pb2_grpc,
    signature_service_pb2_grpc,
    source_service_pb2_grpc,
    stream_pb2,
    stream_service_pb2,
    stream_service_pb2_grpc,
    system_service_pb2_grpc,
)
from cta_server.app import build_webhooks
from cta_server.config import load
from cta_server.rpc.server import RpcServer, build_server
from cta_server.runtime.runtime import Runtime
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal
from helpers.loop import PAYMENTS
from helpers.payments import CONTRACT, healthy

DETAILS_KEY = "grpc-status-details-bin"


class Api:
    """Stubs of all services on one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.streams = stream_service_pb2_grpc.StreamServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.sources = source_service_pb2_grpc.SourceServiceStub(channel)
        self.faults = fault_service_pb2_grpc.FaultServiceStub(channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(channel)
        self.analysis = analysis_service_pb2_grpc.AnalysisServiceStub(channel)
        self.adapters = adapter_service_pb2_grpc.AdapterServiceStub(channel)
        self.canaries = canary_service_pb2_grpc.CanaryServiceStub(channel)
        self.incidents = incident_service_pb2_grpc.IncidentServiceStub(channel)
        self.signatures = signature_service_pb2_grpc.SignatureServiceStub(channel)
        self.system = system_service_pb2_grpc.SystemServiceStub(channel)


class Server:
    """A server of a test."""

    def __init__(self, runtime: Runtime, rpc: RpcServer, port: int, api: Api) -> None:
        self.runtime, self.rpc, self.port, self.api = runtime, rpc, port, api


@contextlib.asynccontextmanager
async def serving(folder: Path, *, recovered: bool = True, **flags: str) -> AsyncIterator[Server]:
    """A server over a store in the folder. `flags` are keys with `__` for the dot: `server__token="t"`.

    With `recovered` false it listens and its runtime has not started.
    """
    keys: Mapping[str, str] = {key.replace("__", "."): value for key, value in flags.items()}
    configuration = load(None, {}, {"server.port": "0", "server.drain_seconds": "2", **keys})
    storage = Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    otlp = configuration.settings.otlp
    runtime = Runtime(
        storage=storage,
        consumers={"payments": PAYMENTS},
        sources_folder=sources,
        clock=time.time,
        settle_seconds=otlp.settle_seconds,
        wait_seconds=otlp.wait_seconds,
        webhooks=build_webhooks(configuration.settings.notify),
    )
    rpc = build_server(runtime, configuration)
    port = await rpc.start()
    try:
        if recovered:
            await runtime.start()
            await rpc.ready()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Server(runtime, rpc, port, Api(channel))
    finally:
        await rpc.stop()
        if recovered:
            await runtime.stop()
        else:
            storage.start()
            await storage.close()


async def payments(
    api: Api, stream_id: str, *, learned: int = 300, consumer: str = "", bake_ms: int = 50, **policy: object
) -> None:
    """A stream of payments with a contract and a baseline."""
    rules = stream_pb2.Policy()
    rules.bake.FromMilliseconds(bake_ms)
    for name, value in policy.items():
        setattr(rules, name, value)
    wanted = stream_pb2.Stream(stream_id=stream_id, contract_json=json.dumps(CONTRACT), consumer=consumer, policy=rules)
    await api.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=wanted))
    if learned:
        events = [event_pb2.Payload(json=raw.decode()) for raw in healthy(learned)]
        await api.streams.LearnBaseline(stream_service_pb2.LearnBaselineRequest(stream_id=stream_id, events=events))


class Refusal(msgspec.Struct, frozen=True):
    """An error as a caller reads it."""

    code: grpc.StatusCode
    reason: str
    metadata: dict[str, str]
    fields: dict[str, str]
    """Field and description of each violation."""
    retry: float
    """Seconds to wait; 0.0 if nothing is said."""
    message: str


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """What an error says. Every error of the API has an ErrorInfo of our domain."""
    trailing: Any = error.trailing_metadata()
    status = status_pb2.Status.FromString(trailing[DETAILS_KEY])
    info, bad, retry = rich.ErrorInfo(), rich.BadRequest(), rich.RetryInfo()
    for detail in status.details:
        for message in (info, bad, retry):
            detail.Unpack(message)
    assert info.domain == "cta-act"
    assert status.code == error.code().value[0]
    return Refusal(
        code=error.code(),
        reason=info.reason,
        metadata=dict(info.metadata),
        fields={violation.field: violation.description for violation in bad.field_violations},
        retry=retry.retry_delay.ToTimedelta().total_seconds(),
        message=status.message,
    )


async def refused(call: Awaitable[Any]) -> Refusal:
    """How a call is refused; fails when it is not."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    raise AssertionError(f"was answered {answer!r}")


async def all_of(call: Any) -> list[Any]:
    """Every message of a stream that ends by itself."""
    return [message async for message in call]
