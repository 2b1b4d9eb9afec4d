"""`connect`: a client of one server, with a stub for each of the eleven services.

It decides which calls are retried and how long each may take, out of the API's own descriptors, so that a new RPC gets
its rules by being declared. The calls raise `cta_client.errors`; watches that survive a restart are in
`cta_client.watches`. Used by the `cta` command, the terminal UI and programs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import grpc
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

from cta.v1 import (
    adapter_service_pb2,
    adapter_service_pb2_grpc,
    analysis_service_pb2,
    analysis_service_pb2_grpc,
    canary_service_pb2,
    canary_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    fault_service_pb2,
    fault_service_pb2_grpc,
    incident_service_pb2,
    incident_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    signature_service_pb2,
    signature_service_pb2_grpc,
    source_service_pb2,
    source_service_pb2_grpc,
    stream_service_pb2,
    stream_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)
from cta_client.endpoint import DEFAULT_ADDRESS, Endpoint
from cta_client.wire import Wire

if TYPE_CHECKING:
    from cta.v1.adapter_service_pb2_grpc import AdapterServiceAsyncStub
    from cta.v1.analysis_service_pb2_grpc import AnalysisServiceAsyncStub
    from cta.v1.canary_service_pb2_grpc import CanaryServiceAsyncStub
    from cta.v1.event_service_pb2_grpc import EventServiceAsyncStub
    from cta.v1.fault_service_pb2_grpc import FaultServiceAsyncStub
    from cta.v1.incident_service_pb2_grpc import IncidentServiceAsyncStub
    from cta.v1.run_service_pb2_grpc import RunServiceAsyncStub
    from cta.v1.signature_service_pb2_grpc import SignatureServiceAsyncStub
    from cta.v1.source_service_pb2_grpc import SourceServiceAsyncStub
    from cta.v1.stream_service_pb2_grpc import StreamServiceAsyncStub
    from cta.v1.system_service_pb2_grpc import SystemServiceAsyncStub

READ_SECONDS: Final = 10.0
"""Time of a read: reads take milliseconds, so ten seconds mean a server in trouble."""
WORK_SECONDS: Final = 60.0
"""Time of other unary calls: a batch of 1000 events through three stages at the stages' own limit of 1 s each still
takes less in all but pathological cases, and an analysis takes less than a second."""
FILES: Final[tuple[FileDescriptor, ...]] = (
    adapter_service_pb2.DESCRIPTOR,
    analysis_service_pb2.DESCRIPTOR,
    canary_service_pb2.DESCRIPTOR,
    event_service_pb2.DESCRIPTOR,
    fault_service_pb2.DESCRIPTOR,
    incident_service_pb2.DESCRIPTOR,
    run_service_pb2.DESCRIPTOR,
    signature_service_pb2.DESCRIPTOR,
    source_service_pb2.DESCRIPTOR,
    stream_service_pb2.DESCRIPTOR,
    system_service_pb2.DESCRIPTOR,
)


class Client:
    """One server. Use it as `async with connect(...) as client`, or call `close`."""

    def __init__(self, wire: Wire, endpoint: Endpoint) -> None:
        self.wire = wire
        self.endpoint = endpoint
        # The stubs only ever ask their channel for callables, and the wire gives them.
        channel = cast("grpc.aio.Channel", wire)
        self.streams: StreamServiceAsyncStub = stream_service_pb2_grpc.StreamServiceStub(channel)
        self.events: EventServiceAsyncStub = event_service_pb2_grpc.EventServiceStub(channel)
        self.sources: SourceServiceAsyncStub = source_service_pb2_grpc.SourceServiceStub(channel)
        self.faults: FaultServiceAsyncStub = fault_service_pb2_grpc.FaultServiceStub(channel)
        self.runs: RunServiceAsyncStub = run_service_pb2_grpc.RunServiceStub(channel)
        self.analysis: AnalysisServiceAsyncStub = analysis_service_pb2_grpc.AnalysisServiceStub(channel)
        self.adapters: AdapterServiceAsyncStub = adapter_service_pb2_grpc.AdapterServiceStub(channel)
        self.canaries: CanaryServiceAsyncStub = canary_service_pb2_grpc.CanaryServiceStub(channel)
        self.incidents: IncidentServiceAsyncStub = incident_service_pb2_grpc.IncidentServiceStub(channel)
        self.signatures: SignatureServiceAsyncStub = signature_service_pb2_grpc.SignatureServiceStub(channel)
        self.system: SystemServiceAsyncStub = system_service_pb2_grpc.SystemServiceStub(channel)

    async def close(self) -> None:
        """Ends the connection."""
        await self.wire.close()

    async def __aenter__(self) -> Self:
        """The client itself; nothing is sent yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the connection."""
        await self.close()


def connect(
    address: str = DEFAULT_ADDRESS,
    *,
    tls: bool = False,
    tls_ca: Path | None = None,
    token: str = "",
    patience: float = 0.0,
    waiting: Callable[[], None] | None = None,
) -> Client:
    """A client of the server at `address` (`host:port`). Connects at the first call.

    Args:
        address: Host and port; `http://` before it changes nothing, `https://` encrypts as `tls` does.
        tls: Encrypts, trusting the system's certificate authorities.
        tls_ca: Encrypts, trusting the certificates of this PEM file instead.
        token: Sent as a bearer token with every call.
        patience: Seconds for which a call is repeated while the server recovers; 0: `Busy` is raised at once.
        waiting: Called once, when a call waits for a server that recovers.
    """
    return Client(*reach(address, tls=tls, tls_ca=tls_ca, token=token, patience=patience, waiting=waiting))


def reach(
    address: str,
    *,
    tls: bool,
    tls_ca: Path | None,
    token: str,
    patience: float = 0.0,
    waiting: Callable[[], None] | None = None,
) -> tuple[Wire, Endpoint]:
    """The wire to a server, with the API's rules of times and retries, and where it leads."""
    rules = json.dumps({"methodConfig": list(method_rules())})
    endpoint = Endpoint.of(address, tls=tls, tls_ca=tls_ca, token=token, service_config=rules)
    return Wire(endpoint.address, endpoint.dial, token, patience=patience, waiting=waiting), endpoint


def method_rules() -> Iterator[dict[str, Any]]:
    """The service config of gRPC, one entry a method: its time, and retries where repeating is safe.

    Streams have neither: a watch lives as long as it is read, and its reader resumes by token.
    """
    for method in methods():
        if method.server_streaming:
            continue
        rule: dict[str, Any] = {
            "name": [{"service": method.containing_service.full_name, "method": method.name}],
            "timeout": f"{READ_SECONDS if is_read(method) else WORK_SECONDS:g}s",
        }
        if is_repeatable(method):
            # Two repeats within about 0.3 s bridge a dropped connection; a server that is away is soon told as such.
            rule["retryPolicy"] = {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "0.4s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            }
        yield rule


def methods() -> Iterator[MethodDescriptor]:
    """Every RPC of the API."""
    for file in FILES:
        for service in file.services_by_name.values():
            yield from service.methods


def is_read(method: MethodDescriptor) -> bool:
    """Whether the RPC only reads, by the API's verbs."""
    return method.name.startswith(("Get", "List", "Find", "Export"))


def is_repeatable(method: MethodDescriptor) -> bool:
    """Whether sending the RPC twice does what sending it once does: reads, and what carries a request id."""
    return is_read(method) or "request_id" in method.input_type.fields_by_name
