"""The server as a citizen: health, reflection, phases, limits, tokens, TLS, ports, faults of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cta.v1 import event_service_pb2, stream_pb2, stream_service_pb2, system_service_pb2
from cta_core.errors import InvalidInput
from cta_server.config import load
from cta_server.rpc.listening import check_listening
from cta_server.rpc.server import SERVICES, build_server
from helpers.api import Server, refused, serving

Code = grpc.StatusCode
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def health(server: Server, service: str = "") -> int:
    """What health says."""
    stub = health_pb2_grpc.HealthStub(server.api.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


async def create(server: Server, stream_id: str = "s") -> None:
    """Makes a stream."""
    await server.api.streams.CreateStream(
        stream_service_pb2.CreateStreamRequest(stream=stream_pb2.Stream(stream_id=stream_id))
    )


async def test_a_server_that_recovers_says_so_and_then_serves(tmp_path: Path) -> None:
    """NOT_SERVING and RECOVERING for all but GetServerInfo, then SERVING for every service."""
    async with serving(tmp_path, recovered=False) as server:
        for name in ("", *SERVICES):
            assert await health(server, name) == NOT_SERVING
        assert (await server.api.system.GetServerInfo(system_service_pb2.GetServerInfoRequest())).version
        refusal = await refused(server.api.streams.ListStreams(stream_service_pb2.ListStreamsRequest()))
        assert (refusal.code, refusal.reason) == (Code.UNAVAILABLE, "RECOVERING")
        assert refusal.retry == 0.5
        watch = server.api.system.WatchStats(system_service_pb2.WatchStatsRequest())
        assert (await refused(watch.read())).reason == "RECOVERING"
    async with serving(tmp_path) as server:
        for name in ("", *SERVICES):
            assert await health(server, name) == SERVING
        await create(server)


async def test_a_server_that_stops_ends_watches_and_refuses_calls(tmp_path: Path) -> None:
    """Watches end with DRAINING before the grace is over, and a call in that time is DRAINING too."""
    async with serving(tmp_path, server__drain_seconds="60") as server:
        watch = server.api.system.WatchStats(system_service_pb2.WatchStatsRequest())
        await watch.read()
        server.runtime.draining.set()
        refusal = await refused(server.api.system.GetStats(system_service_pb2.GetStatsRequest()))
        assert (refusal.code, refusal.reason, refusal.retry) == (Code.UNAVAILABLE, "DRAINING", 1.0)
        async with asyncio.timeout(10):  # a grace of 60 s would be over much later
            await server.rpc.stop()

        async def to_the_end() -> None:
            while True:
                await watch.read()

        assert (await refused(to_the_end())).reason == "DRAINING"


async def test_more_calls_of_a_kind_than_allowed_are_refused_with_a_time_to_retry(tmp_path: Path) -> None:
    """The limit counts open calls; one that ends makes room."""
    async with serving(tmp_path, limits__watches="2") as server:
        request = system_service_pb2.WatchStatsRequest()
        request.interval.FromMilliseconds(50)
        open_ = [server.api.system.WatchStats(request) for _ in range(2)]
        for watch in open_:
            await watch.read()
        refusal = await refused(server.api.system.WatchStats(request).read())
        assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
        assert refusal.retry == 0.2
        assert "limits.watches" in refusal.message
        open_[0].cancel()
        for _ in range(200):
            watch = server.api.system.WatchStats(request)
            try:
                await watch.read()
                break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.01)
        else:
            pytest.fail("the cancelled watch kept its slot")


async def test_a_token_is_asked_of_every_call_but_health_and_reflection(tmp_path: Path) -> None:
    """No token and a wrong one are UNAUTHENTICATED; the right one is let in; probes need none."""
    async with serving(tmp_path, server__token="hush") as server:  # noqa: S106
        request = system_service_pb2.GetServerInfoRequest()
        for metadata in (None, (("authorization", "Bearer no"),), (("authorization", "hush"),)):
            refusal = await refused(server.api.system.GetServerInfo(request, metadata=metadata))
            assert (refusal.code, refusal.reason) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
        info = await server.api.system.GetServerInfo(request, metadata=(("authorization", "Bearer hush"),))
        assert {entry.value for entry in info.config if entry.key == "server.token"} == {"(set)"}
        assert await health(server) == SERVING
        assert "cta.v1.EventService" in await services(server, reflection_pb2_grpc.ServerReflectionStub)


async def services(server: Server, stub: Any) -> set[str]:
    """The services that reflection lists."""
    call = stub(server.api.channel).ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    return {service.name for service in answer.list_services_response.service}


async def test_reflection_describes_every_service_and_the_details_of_errors(tmp_path: Path) -> None:
    """All services are listed and their files can be asked for, and so can google.rpc.ErrorInfo."""
    async with serving(tmp_path) as server:
        assert set(SERVICES) <= await services(server, reflection_pb2_grpc.ServerReflectionStub)
        for symbol in (*SERVICES, "google.rpc.ErrorInfo", "google.rpc.BadRequest"):
            call = reflection_pb2_grpc.ServerReflectionStub(server.api.channel).ServerReflectionInfo()
            await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))
            answer = await call.read()
            await call.done_writing()
            (file,) = answer.file_descriptor_response.file_descriptor_proto[:1]
            assert FileDescriptorProto.FromString(file).name.endswith(".proto"), symbol


@pytest.mark.parametrize("version", ["grpc-v1", "grpc-v1alpha"])
async def test_a_tool_without_proto_files_can_call_the_server(tmp_path: Path, version: str) -> None:
    """Buf curl lists the methods and makes a call by either version of reflection."""
    async with serving(tmp_path) as server:
        buf = Path(sys.executable).with_name("buf")
        address = f"http://127.0.0.1:{server.port}"
        common = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", version]
        listed = await run(buf, *common, "--list-methods", address)
        assert "cta.v1.StreamService/CreateStream" in listed
        body = json.dumps({"stream": {"streamId": "by-hand", "policy": {"bake": "5s"}}})
        made = json.loads(await run(buf, *common, "-d", body, f"{address}/cta.v1.StreamService/CreateStream"))
        assert made["stream"]["streamId"] == "by-hand"
        assert made["stream"]["policy"]["bake"] == "5s"


async def run(*command: Any) -> str:
    """What a command prints; it has to end well."""
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_a_fault_of_the_server_tells_nothing_but_an_id_that_is_in_its_log(tmp_path: Path) -> None:
    """INTERNAL without the exception's text, for one answer and in the middle of a stream; the log has the id."""
    async with serving(tmp_path) as server:

        async def breaks() -> Any:
            raise ZeroDivisionError("card 4000")

        server.runtime.system.stats = breaks  # type: ignore[method-assign]
        with structlog.testing.capture_logs() as lines:
            single = await refused(server.api.system.GetStats(system_service_pb2.GetStatsRequest()))
            streamed = await refused(server.api.system.WatchStats(system_service_pb2.WatchStatsRequest()).read())
        for refusal in (single, streamed):
            assert (refusal.code, refusal.reason) == (Code.INTERNAL, "INTERNAL")
            assert "card" not in refusal.message
            assert "ZeroDivisionError" not in refusal.message
        logged = [line["error_id"] for line in lines if "error_id" in line]
        assert logged == [single.metadata["error_id"], streamed.metadata["error_id"]]


async def test_every_call_has_a_line_with_its_code_and_ids(tmp_path: Path) -> None:
    """One line per call: rpc, peer, request id, code, reason of an error, messages of a stream."""
    async with serving(tmp_path) as server:
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            await create(server)
            request = event_service_pb2.ProcessEventsRequest(stream_id="nowhere", bodies=[b"{}"], request_id="r1")
            await refused(server.api.events.ProcessEvents(request))
            watch = server.api.system.WatchStats(system_service_pb2.WatchStatsRequest())
            await watch.read()
            watch.cancel()
            for _ in range(200):
                calls = [line for line in lines if line["event"] == "call"]
                if len(calls) == 3:
                    break
                await asyncio.sleep(0.01)
        first, second, third = calls
        assert (first["rpc"], first["code"]) == ("StreamService/CreateStream", "OK")
        assert first["peer"].startswith("ipv4:127.0.0.1:")
        assert first["ms"] >= 0
        assert (second["rpc"], second["code"], second["reason"], second["request_id"]) == (
            "EventService/ProcessEvents",
            "NOT_FOUND",
            "STREAM_NOT_FOUND",
            "r1",
        )
        assert (third["rpc"], third["code"], third["messages"]) == ("SystemService/WatchStats", "CANCELLED", 1)
        assert "request_id" not in third


async def test_a_second_server_on_the_same_port_is_refused(tmp_path: Path) -> None:
    """The port is not shared: the second one says which address it cannot have."""
    async with serving(tmp_path) as server:
        again = build_server(server.runtime, load(None, {}, {"server.port": str(server.port)}))
        with pytest.raises(InvalidInput) as raised:
            await again.start()
        assert raised.value.violations[0].field == "server.port"
        await again.server.stop(None)


async def test_files_of_the_tls_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """The violation names the key and the file."""
    async with serving(tmp_path) as server:
        flags = {"server.tls_cert": str(tmp_path / "none.pem"), "server.tls_key": str(tmp_path / "none.key")}
        with pytest.raises(InvalidInput) as raised:
            build_server(server.runtime, load(None, {}, flags))
        assert raised.value.violations[0].field == "server.tls_key"


def test_files_of_the_tls_settings_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    """What gRPC would tell as an address that cannot be had is told by the keys of the files."""
    file = tmp_path / "file.pem"
    file.write_text("no certificate")
    made = load(None, {}, {"server.port": "0", "server.tls_cert": str(file), "server.tls_key": str(file)})
    with pytest.raises(InvalidInput, match=r"server\.tls_key") as raised:
        check_listening(made.settings.server)
    assert [violation.field for violation in raised.value.violations] == ["server.tls_cert"]


async def test_with_a_certificate_the_server_speaks_tls(tmp_path: Path) -> None:
    """A client that trusts the certificate is answered; one without TLS is not."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    await run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
    )  # fmt: skip
    async with serving(tmp_path, server__tls_cert=str(certificate), server__tls_key=str(key)) as server:
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{server.port}", credentials) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            assert (await stub.Check(health_pb2.HealthCheckRequest())).status == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await health(server)
        assert raised.value.code() is Code.UNAVAILABLE
