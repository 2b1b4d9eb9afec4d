"""Canaries in a guarded consumer: what the author marks, what a dry run leaves alone, and workers that are killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cta.v1 import adapter_service_pb2, canary_pb2, event_pb2, incident_pb2, stream_pb2
from cta.v1 import incident_service_pb2 as incidents
from cta.v1.canary_service_pb2 import ListCanariesRequest, RunCanaryRequest
from cta.v1.event_service_pb2 import ProcessEventsRequest
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest
from cta_client import GuardOptions, connect, dry_run, guards
from cta_client.channel import Client
from helpers.checked import checked, checked_healthy, checked_renamed, verify
from helpers.incidents import incident_in
from helpers.payments import CONTRACT
from helpers.server import ROOT, LiveServer, environment, start_server
from helpers.server import close as close_server
from helpers.watching import rename

DRIFTED, HEALTHY = 150, 100


async def stream(client: Client, stream_id: str, *, broken: bool = True, **policy: Any) -> None:
    """A stream whose payments carry a check digit, with drifted ones in its quarantine."""
    rules = stream_pb2.Policy(autonomy=policy.pop("autonomy", stream_pb2.AUTONOMY_OBSERVE))
    rules.canary.max_error_rate, rules.canary.max_events = 0.1, 400
    rules.canary.in_consumer = policy.pop("in_consumer", stream_pb2.CANARY_IN_CONSUMER_WHEN_OFFERED)
    rules.canary.wait.FromSeconds(policy.pop("wait", 15))
    rules.stage_timeout.FromMilliseconds(policy.pop("event_ms", 1000))
    rules.bake.FromMilliseconds(50)
    wanted = stream_pb2.Stream(stream_id=stream_id, contract_json=json.dumps(CONTRACT), policy=rules)
    await client.streams.CreateStream(CreateStreamRequest(stream=wanted))
    events = [event_pb2.Payload(data=raw) for raw in checked_healthy(HEALTHY)]
    await client.streams.LearnBaseline(LearnBaselineRequest(stream_id=stream_id, events=events))
    if broken:
        await drift(client, stream_id)


async def drift(client: Client, stream_id: str) -> None:
    """Sends the drifted ones."""
    await client.events.ProcessEvents(ProcessEventsRequest(stream_id=stream_id, bodies=checked_renamed(DRIFTED)))


async def adapter(client: Client, stream_id: str, source: str) -> str:
    """An adapter that renames a field to `amount`."""
    request = adapter_service_pb2.CreateAdapterRequest(stream_id=stream_id, program=rename(source), author="ann")
    return (await client.adapters.CreateAdapter(request)).adapter.adapter_id


async def canary(client: Client, adapter_id: str) -> canary_pb2.Canary:
    """A canary with its verdict."""
    last = canary_pb2.Canary()
    async for message in client.canaries.RunCanary(RunCanaryRequest(adapter_id=adapter_id)):
        last = message.canary
    return last


async def offers(client: Client, stream_id: str) -> list[tuple[str, str]]:
    """Who offers canaries of a stream, and by which handler."""
    answer = await client.adapters.ListWorkers(adapter_service_pb2.ListWorkersRequest(stream_id=stream_id))
    return [(each.worker_id, offer.consumer) for each in answer.workers for offer in each.offers]


async def offered(client: Client, stream_id: str, count: int = 1) -> None:
    """Waits for so many offers."""
    for _ in range(800):
        if len(await offers(client, stream_id)) == count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{stream_id} has {await offers(client, stream_id)}")


def options(folder: Path) -> GuardOptions:
    """A guard that keeps its files in the test's folder."""
    return GuardOptions(folder=folder, worker_id="w1", version="3.1")


async def test_without_the_mark_no_canary_comes(server: LiveServer, tmp_path: Path) -> None:
    """A handler that its author did not mark never runs for a canary; the fleet shows no offer of it."""
    async with connect(server.address) as cta:
        await stream(cta, "c-plain")
        seen: list[Any] = []
        handle = cta.guard("c-plain", options=options(tmp_path))(seen.append)
        handle(checked(1))
        await asyncio.sleep(0.3)
        assert await offers(cta, "c-plain") == []
        found = await canary(cta, await adapter(cta, "c-plain", "/amt"))
        assert (found.verdict, len(found.proved_by), len(seen)) == (canary_pb2.VERDICT_PASS, 0, 1)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("form", ["object", "text", "bytes"])
async def test_a_marked_handler_runs_dry_in_its_own_form(
    server: LiveServer, tmp_path: Path, form: str, batch: bool
) -> None:
    """It gets every event as it always does, knows that it runs dry, and nothing is counted, held or acknowledged."""
    stream_id = f"c-{form}-{batch}".lower()
    given = {"object": lambda e: e, "text": json.dumps, "bytes": lambda e: json.dumps(e).encode()}[form]
    async with connect(server.address) as cta:
        await stream(cta, stream_id)
        dry: list[Any] = []

        @cta.guard(stream_id, batch=batch, dry_run=True, options=options(tmp_path))
        def book(event: Any) -> None:
            (one,) = event if batch else [event]
            if dry_run():
                dry.append(one)
            verify(one if form == "object" else json.loads(one))

        assert await offers(cta, stream_id) == []  # until the first event has shown the form
        book([given(checked(1))] if batch else given(checked(1)))
        await offered(cta, stream_id)
        before = book.desk.status()
        found = await canary(cta, await adapter(cta, stream_id, "/amt"))
        assert found.verdict == canary_pb2.VERDICT_PASS
        (prover,) = found.proved_by
        assert (prover.worker_id, prover.consumer, prover.version) == ("w1", "book", "3.1")
        assert prover.event_count == len(dry) == DRIFTED + HEALTHY
        assert {type(each) for each in dry} == {type(given(checked(1)))}
        assert not dry_run()
        assert book.desk.status().counts == before.counts
        assert book.desk.spool.count("WAITING") == book.desk.ready == book.desk.status().revision == 0


async def test_a_coroutine_handler_runs_dry_on_its_own_loop(server: LiveServer, tmp_path: Path) -> None:
    """It runs where its author's sessions live, beside the other tasks of that loop."""
    async with connect(server.address) as cta:
        await stream(cta, "c-async")
        loops: set[Any] = set()
        dry: list[bool] = []

        @cta.guard("c-async", dry_run=True, options=options(tmp_path))
        async def book(event: dict[str, Any]) -> None:
            loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0)
            dry.append(await asyncio.to_thread(dry_run))
            verify(event)

        await book(checked(1))
        await offered(cta, "c-async")
        found = await canary(cta, await adapter(cta, "c-async", "/amt"))
        assert found.verdict == canary_pb2.VERDICT_PASS
        assert loops == {asyncio.get_running_loop()}
        assert dry.count(True) == found.proved_by[0].event_count == DRIFTED + HEALTHY


async def test_a_stand_in_runs_instead_of_the_handler(server: LiveServer, tmp_path: Path) -> None:
    """A function given as `dry_run` is all that a canary touches; a second one of the stream is refused."""
    async with connect(server.address) as cta:
        await stream(cta, "c-stand-in")
        booked: list[Any] = []
        handle = cta.guard("c-stand-in", dry_run=verify, options=options(tmp_path))(booked.append)
        handle(checked(1))
        await offered(cta, "c-stand-in")
        wrong = await canary(cta, await adapter(cta, "c-stand-in", "/fee"))
        assert wrong.verdict == canary_pb2.VERDICT_FAIL
        assert wrong.failures[0].message == "ArithmeticError: the check digit is wrong"
        assert len(booked) == 1
        with pytest.raises(ValueError, match="another handler"):
            cta.guard("c-stand-in", dry_run=True)(booked.append)
        with pytest.raises(ValueError, match="coroutine"):
            cta.guard("c-other", dry_run=verify, options=options(tmp_path))(asyncio.sleep)


async def test_whatever_a_dry_run_does_the_consumer_goes_on(server: LiveServer, tmp_path: Path) -> None:
    """A handler that exits, that never ends or that lies about its errors fails its canary and nothing else."""
    async with connect(server.address) as cta:
        await stream(cta, "c-exits", event_ms=200)
        how = "exits"
        done: list[str] = []

        class Wordless(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        @cta.guard("c-exits", dry_run=True, options=options(tmp_path))
        def book(event: dict[str, Any]) -> None:
            if not dry_run():
                done.append(event["id"])
            elif how == "exits":
                sys.exit(3)
            elif how == "wordless":
                raise Wordless
            else:
                time.sleep(0.5)

        book(checked(1))
        await offered(cta, "c-exits")
        right = await adapter(cta, "c-exits", "/amt")
        found = await canary(cta, right)
        assert (found.verdict, found.failures[0].message) == (canary_pb2.VERDICT_FAIL, "SystemExit: 3")
        how = "wordless"
        found = await canary(cta, right)
        assert found.failures[0].message == "Wordless: the error has no words: its __str__ failed"
        how = "hangs"
        running = asyncio.create_task(canary(cta, right))
        await asyncio.sleep(1.0)
        book(checked(2))  # while a dry run hangs
        assert done == ["p1", "p2"]
        running.cancel()


async def test_a_program_without_a_loop_offers_as_well(server: LiveServer, tmp_path: Path) -> None:
    """`with guards(...)` offers, and takes its offer back when it ends."""
    async with connect(server.address) as cta:
        await stream(cta, "c-guards")
        with guards(server.address) as mine:
            book = mine.guard("c-guards", dry_run=True, options=options(tmp_path))(verify)
            await asyncio.to_thread(book, checked(1))
            await offered(cta, "c-guards")
        assert await offers(cta, "c-guards") == []


class Consumers:
    """Consumers in processes of their own."""

    def __init__(self, address: str, folder: Path, stream_id: str) -> None:
        self.address, self.folder, self.stream_id = address, folder, stream_id
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, worker: str, *, version: str = "1.0", dry_seconds: float = 0.0) -> None:
        """Starts one."""
        env = environment()
        env["PYTHONPATH"] += os.pathsep + str(ROOT / "tests")
        with (self.folder / "consumers.log").open("ab") as log:
            arguments = (self.address, str(self.folder), self.stream_id, worker, version, str(dry_seconds))
            self.processes[worker] = subprocess.Popen(
                [sys.executable, "-m", "helpers.dry_consumer", *arguments], stderr=log, stdout=log, env=env
            )

    def kill(self, worker: str) -> None:
        """Kills one."""
        self.processes[worker].kill()
        self.processes[worker].wait()

    @property
    def booked(self) -> list[list[Any]]:
        """What all of them booked."""
        files = self.folder.glob("*.booked")
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


@contextlib.contextmanager
def consumers(address: str, folder: Path, stream_id: str) -> Iterator[Consumers]:
    """Consumers that end with the test."""
    running = Consumers(address, folder, stream_id)
    try:
        yield running
    finally:
        for process in running.processes.values():
            process.kill()
            process.wait()


async def chosen(client: Client, incident_id: str, adapter_id: str) -> AsyncIterator[Any]:
    """Applies an adapter that a person brings."""
    request = incidents.ApplyFixRequest(incident_id=incident_id, adapter_id=adapter_id, actor="ann", comment="try")
    async for message in client.incidents.ApplyFix(request):
        yield message


async def test_the_consumers_own_code_tells_a_wrong_fix_from_a_right_one(server: LiveServer, tmp_path: Path) -> None:
    """A fix that contract and profile take is rolled back because of what the workers answer; the right one is
    promoted, and no wrong amount is ever booked.
    """
    async with connect(server.address) as cta:
        await stream(cta, "c-wrong", in_consumer=stream_pb2.CANARY_IN_CONSUMER_OFF)
        wrong = await adapter(cta, "c-wrong", "/fee")
        assert (await canary(cta, wrong)).verdict == canary_pb2.VERDICT_PASS  # nothing else finds it out
        await stream(cta, "c-right")
        wrong, right = await adapter(cta, "c-right", "/fee"), await adapter(cta, "c-right", "/amt")
        with consumers(server.address, tmp_path, "c-right") as running:
            running.start("w1", version="1.1")
            running.start("w2", version="1.1")
            await offered(cta, "c-right", 2)
            found = await incident_in(cta, "c-right", "ESCALATED")
            last: Any = None
            async for message in chosen(cta, found.incident_id, wrong):
                last = message
            assert last.incident.state == incident_pb2.INCIDENT_STATE_ROLLED_BACK
            assert last.canary.failures[0].message == "ArithmeticError: the check digit is wrong"
            async for message in chosen(cta, found.incident_id, right):
                last = message
            assert last.incident.state in (
                incident_pb2.INCIDENT_STATE_PROMOTED,
                incident_pb2.INCIDENT_STATE_RESOLVED,
            )
            assert {each.version for each in last.canary.proved_by} == {"1.1"}
            assert sum(each.event_count for each in last.canary.proved_by) == DRIFTED + HEALTHY
            # The events were held by the server, not by a guard: they are in its log, and no worker booked one.
            await asyncio.sleep(0.2)
            assert running.booked == [["p0", checked(0)["amount"]]] * 2


async def test_a_killed_worker_goes_on_when_it_is_back(server: LiveServer, tmp_path: Path) -> None:
    """A canary whose only worker is killed in the middle waits for it, and counts every event once."""
    async with connect(server.address) as cta:
        await stream(cta, "c-killed")
        right = await adapter(cta, "c-killed", "/amt")
        with consumers(server.address, tmp_path, "c-killed") as running:
            running.start("w1", dry_seconds=0.002)
            await offered(cta, "c-killed")
            last, killed = canary_pb2.Canary(), False
            async for message in cta.canaries.RunCanary(RunCanaryRequest(adapter_id=right)):
                last = message.canary
                if last.proved_by and not killed:
                    killed = True
                    running.kill("w1")
                    running.start("w1")
        assert killed
        assert last.verdict == canary_pb2.VERDICT_PASS
        assert sum(each.event_count for each in last.proved_by) == DRIFTED + HEALTHY
        assert last.failed_count == 0


@pytest.mark.timeout(40)
async def test_a_canary_in_a_worker_outlives_its_server(tmp_path: Path) -> None:
    """The server is killed while a canary is out: started again it waits for the worker, runs the canary anew and
    promotes, and every event is proved by the consumer's own code.
    """
    server = start_server(tmp_path / "server")
    try:
        async with connect(server.address) as cta:
            await stream(cta, "c-server", broken=False, autonomy=stream_pb2.AUTONOMY_AUTONOMOUS)
            with consumers(server.address, tmp_path, "c-server") as running:
                running.start("w1", dry_seconds=0.002)
                await offered(cta, "c-server")
                await drift(cta, "c-server")
                await incident_in(cta, "c-server", "CANARY")
                await asyncio.sleep(0.5)
                server.kill()
                close_server(server)
                server = start_server(tmp_path / "server", port=int(server.address.rpartition(":")[2]))
                done = await incident_in(cta, "c-server", "PROMOTED", "RESOLVED")
                (found,) = (await cta.canaries.ListCanaries(ListCanariesRequest(stream_id="c-server"))).canaries
    finally:
        close_server(server)
    assert found.canary_id == done.canary_id
    assert (found.verdict, found.failed_count) == (canary_pb2.VERDICT_PASS, 0)
    assert [(each.worker_id, each.event_count) for each in found.proved_by] == [("w1", DRIFTED + HEALTHY)]


def test_the_command_line_shows_who_proved_what(server: LiveServer, tmp_path: Path, run: Any) -> None:
    """`cta adapters workers` has the handlers that run canaries, and a canary the workers that it ran in."""

    async def prepare() -> str:
        async with connect(server.address) as client:
            await stream(client, "c-told")
            return await adapter(client, "c-told", "/amt")

    right = asyncio.run(prepare())
    with guards(server.address) as cta:
        book = cta.guard("c-told", stage="book", dry_run=True, options=options(tmp_path))(verify)
        book(checked(1))
        for _ in range(200):
            told = run("adapters", "workers", "--stream", "c-told").output
            if "book 3.1" in told:
                break
            time.sleep(0.05)
        assert "book 3.1" in told
        assert f"ran in w1, book 3.1: {DRIFTED + HEALTHY} events, 0 failed" in run("canary", "run", right).output
    assert "canaries when offered" in run("streams", "show", "c-told").output
