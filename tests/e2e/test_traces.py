"""The OpenTelemetry SDKs of Python and Node against a server, and kill -9 of it on the way from spans to runs.

Node is tried where npm is; installing the SDK from nothing takes some seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from cta.v1.run_pb2 import RUN_ORIGIN_OTLP, TRACE_KIND_ERROR, TRACE_KIND_TOOL, Run
from cta.v1.stream_pb2 import Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest
from cta_client.channel import Client, connect
from cta_server.runtime.faultpoints import TRACE_POINTS
from helpers.otlp import runs_of, span, spans
from helpers.server import ROOT, LiveServer, close, environment, live_server, start_server
from helpers.trace_victim import life

pytestmark = pytest.mark.timeout(120)

LANGUAGES = ["python", *(["node"] if shutil.which("npm") else [])]
QUICK = ("--set", "otlp.settle_seconds=0.5", "--set", "otlp.wait_seconds=1")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for both languages."""
    with live_server(tmp_path_factory.mktemp("server"), extra=QUICK) as server:
        yield server


@pytest.fixture(params=LANGUAGES)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[str]:
    """The command of an example, installed in a copy of its folder as its own first lines say."""
    if request.param == "python":
        return [sys.executable, str(ROOT / "examples" / "traces" / "spans.py")]
    folder = tmp_path / "traces"
    shutil.copytree(ROOT / "examples" / "traces", folder)
    command = ("npm", "install", "--no-audit", "--no-fund", "--prefer-offline")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ["node", str(folder / "spans.mjs")]


def exported(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs an example that compresses what it sends."""
    env = os.environ | {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=env)


async def stream(client: Client, stream_id: str) -> str:
    """Makes a stream."""
    await client.streams.CreateStream(CreateStreamRequest(stream=Stream(stream_id=stream_id)))
    return stream_id


async def test_an_sdk_needs_an_endpoint_and_a_stream(example: Sequence[str], running: LiveServer) -> None:
    """Its traces become runs, compressed as well, and the error survives: status, exception with stack, attributes."""
    async with connect(running.address) as client:
        name = await stream(client, f"sdk-{Path(example[0]).name.partition('3')[0]}")
        done = exported([*example, f"http://{running.address}", name])
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("p2: ")
        first, second = sorted(await runs_of(client.runs, name, 2), key=lambda run: run.failed_count)
        assert (first.origin, first.failed_count, first.event_count) == (RUN_ORIGIN_OTLP, 0, 1)
        assert [(entry.stage, entry.event_id) for entry in first.trace] == [("Clerk", "p1"), ("rates", "p1")]
        agent, tool = first.trace
        assert (tool.kind, tool.tool, tool.parent_span_id) == (TRACE_KIND_TOOL, "rates", agent.span_id)
        assert (json.loads(tool.input_json), json.loads(tool.output_json)) == ({"currency": "USD"}, {"rate": 0.926})
        assert_failed(second)


def assert_failed(run: Run) -> None:
    """The second payment: the tool raised, and the agent with it."""
    errors = [entry for entry in run.trace if entry.kind == TRACE_KIND_ERROR]
    assert [entry.stage for entry in errors] == ["rates", "Clerk"]
    inner = errors[0]
    assert inner.error_type in ("KeyError", "RangeError")
    assert "XTS" in inner.message
    assert "spans." in inner.stacktrace
    tool = next(entry for entry in run.trace if entry.stage == "rates" and entry.kind == TRACE_KIND_TOOL)
    assert tool.message  # the status' own text
    assert json.loads(tool.attributes_json)["gen_ai.operation.name"] == "execute_tool"
    assert [note.name for note in tool.notes] == ["exception"]


def lived(folder: Path, point: str) -> int:
    """The life of a process that makes runs of the store's traces; how it ended."""
    env = environment(CTA_FAULT_POINT=point)
    env["PYTHONPATH"] += os.pathsep + str(ROOT / "tests")
    command = [sys.executable, "-m", "helpers.trace_victim", str(folder), "20"]
    return subprocess.run(command, env=env, capture_output=True, timeout=30, check=False).returncode


async def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Killed at every point between the spans and their run, one life after the other, one run is made of all of
    them: of the span that was acknowledged, and of the one that was kept and never answered.
    """
    calls = [spans(span(2, parent=1, start=1), cta__stream="s"), spans(span(1), cta__stream="s")]
    first, *others = TRACE_POINTS
    server = start_server(tmp_path, env={"CTA_FAULT_POINT": f"{first}:2"}, extra=QUICK)
    try:
        async with connect(server.address) as client, grpc.aio.insecure_channel(server.address) as channel:
            await stream(client, "s")
            await TraceServiceStub(channel).Export(calls[0])
            with pytest.raises(grpc.aio.AioRpcError):
                await TraceServiceStub(channel).Export(calls[1])
        assert server.process.wait(10) == -signal.SIGKILL, f"{first} was never reached"
    finally:
        close(server)
    store = tmp_path / "store"
    for point in others:  # nothing is sent: what the former life took is enough to get there
        assert await asyncio.to_thread(lived, store, point) == -signal.SIGKILL, f"{point} was never reached"
    for seconds in (0.8, 0.2):
        (run,) = await life(store, seconds)
        assert [entry.stage for entry in run.trace] == ["stage-1", "stage-2"]
