"""The example clients in other languages, generated and built from the contract, against a server that restarts.

Each language is tried where its toolchain is; building one from nothing takes a minute on two cores, from its cache a
second or two.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cta.v1.event_pb2 import Payload
from cta.v1.incident_pb2 import INCIDENT_STATE_AWAITING_APPROVAL, Incident
from cta.v1.incident_service_pb2 import ListIncidentsRequest
from cta.v1.stream_pb2 import AUTONOMY_APPROVE, Policy, Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest
from cta_client.channel import Client, connect
from helpers import guarding
from helpers.payments import CONTRACT, expected, healthy, renamed
from helpers.server import ROOT, LiveServer, live_server, start_server
from helpers.server import close as close_server

pytestmark = pytest.mark.timeout(400)

BUF = str(Path(sys.executable).with_name("buf"))
LANGUAGES = [name for name, tool in (("go", "go"), ("typescript", "npm"), ("java", "mvn")) if shutil.which(tool)]


def made(folder: Path, *command: str) -> None:
    """Runs one step of a build."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module", params=LANGUAGES)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """The command of an example, built in a copy of its folder as its own first lines say."""
    folder = tmp_path_factory.mktemp(request.param) / request.param
    shutil.copytree(ROOT / "examples" / request.param, folder)
    if request.param == "typescript":
        made(folder, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline")
    if request.param == "java":
        made(folder, "mvn", "-q", "-B", f"-Dcta.proto={ROOT / 'proto'}", "package")
        return ["java", "-cp", f"{folder}/target/classes:{folder}/target/lib/*", "act.cta.example.Client"]
    made(folder, BUF, "generate", str(ROOT / "proto"))
    if request.param == "go":
        made(folder, "go", "build", "-o", "client", ".")
        return [str(folder / "client")]
    return ["node", "--import", str(folder / "node_modules" / "tsx" / "dist" / "loader.mjs"), str(folder / "client.ts")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for all languages."""
    with live_server(tmp_path_factory.mktemp("server")) as server:
        yield server


def told(command: Sequence[str], *arguments: str, code: int = 0) -> list[str]:
    """What a client prints; on standard error when it fails."""
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return (done.stderr if code else done.stdout).splitlines()


async def waiting(cta: Client, stream_id: str) -> Incident:
    """The incident that waits for a person."""
    for _ in range(600):
        answer = await cta.incidents.ListIncidents(ListIncidentsRequest(stream_id=stream_id))
        for incident in answer.incidents:
            if incident.state == INCIDENT_STATE_AWAITING_APPROVAL:
                return incident
        await asyncio.sleep(0.05)
    raise AssertionError(f"no incident waits: {answer}")


async def test_a_batch_is_processed_and_its_fix_approved(
    client: Sequence[str], running: LiveServer, tmp_path: Path
) -> None:
    """The client gets healthy events back byte for byte, approves the incident of drifted ones, and then gets these
    healed; a refusal tells its reason.
    """
    stream_id = f"batch-{Path(client[-1]).name.lower().replace('.', '-')}"
    async with connect(running.address) as cta:
        policy = Policy(autonomy=AUTONOMY_APPROVE)
        policy.bake.FromMilliseconds(50)
        wanted = Stream(stream_id=stream_id, contract_json=json.dumps(CONTRACT), policy=policy)
        await cta.streams.CreateStream(CreateStreamRequest(stream=wanted))
        events = [Payload(data=raw) for raw in healthy(300)]
        await cta.streams.LearnBaseline(LearnBaselineRequest(stream_id=stream_id, events=events))
        file = tmp_path / "events.jsonl"
        file.write_bytes(b"\n".join([*healthy(2), *renamed(400)]) + b"\n")
        lines = told(client, running.address, "process", stream_id, str(file))
        assert [line.split("HEALTHY ")[-1] for line in lines[:2]] == [raw.decode() for raw in healthy(2)]
        assert len(lines) == 402
        assert all("QUARANTINED" in line for line in lines[2:])
        incident = await waiting(cta, stream_id)
        assert "PROMOTED" in told(client, running.address, "approve", incident.incident_id)[0]
        file.write_bytes(renamed(1, 20_000)[0] + b"\n")
        (line,) = told(client, running.address, "process", stream_id, str(file))
        assert "HEALED" in line
        assert json.loads(line[line.index("{") :]) == expected(1, 20_000)[0]
        assert "nowhere" in " ".join(told(client, running.address, "process", "nowhere", str(file), code=1))


class Watching:
    """A client that watches, and what it printed, read line by line."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self._path = folder / "watch.out"
        self._file = self._path.open("wb")
        self.process = subprocess.Popen(command, stdout=self._file, cwd=folder)
        self._read = 0

    async def line(self, start: str) -> str:
        """The rest of the next line that begins so; others are passed over."""
        for _ in range(1000):
            lines = self._lines()
            for number in range(self._read, len(lines)):
                if lines[number].startswith(start):
                    self._read = number + 1
                    return lines[number].removeprefix(start).strip()
            assert self.process.poll() is None, lines
            await asyncio.sleep(0.02)
        raise AssertionError(f"no {start} after {lines[: self._read]} in {lines[self._read :]}")

    def _lines(self) -> list[str]:
        return self._path.read_text("utf-8").splitlines()

    def close(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self._file.close()


async def test_a_watch_goes_on_over_a_restart_of_the_server(client: Sequence[str], tmp_path: Path) -> None:
    """The client sees what is in force, then every change, also one that a restarted server makes."""
    server = start_server(tmp_path / "server")
    watching: Watching | None = None
    port = int(server.address.rpartition(":")[2])
    try:
        async with connect(server.address) as cta:
            await guarding.stream(cta, "s")
            first = await guarding.promoted(cta, "s", "/amt")
            watching = Watching(tmp_path, [*client, server.address, "watch", "s"])
            assert (await watching.line("IN FORCE")).startswith(f"{first.adapter_id} {first.revision} {{")
            await watching.line("CURRENT")
            second = await guarding.promoted(cta, "s", "/sum")
            assert (await watching.line("IN FORCE")).startswith(second.adapter_id)
        server.kill()
        await watching.line("STALE")
        close_server(server)
        server = start_server(tmp_path / "server", port=port)
        async with connect(server.address) as cta:
            await guarding.taken_back(cta, first.adapter_id)
        assert await watching.line("GONE") == first.adapter_id
    finally:
        if watching is not None:
            watching.close()
        close_server(server)
