"""A guarded consumer and its server, killed while drift comes and goes."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cta.v1.event_pb2 import QUARANTINE_STATE_HELD
from cta.v1.event_service_pb2 import ListQuarantinedRequest
from cta_client import connect
from cta_client.channel import Client
from helpers import guarding
from helpers.guarded_consumer import REFUSED
from helpers.payments import payment, raw, renamed
from helpers.server import ROOT, environment, start_server
from helpers.server import close as close_server

EVENTS = 700
KILLS = 4


def drifts(number: int) -> bool:
    """Drift comes and goes: two spells of it."""
    return 150 <= number < 300 or 450 <= number < 600


def consumer(address: str, folder: Path) -> subprocess.Popen[bytes]:
    """Starts the consumer."""
    env = environment()
    env["PYTHONPATH"] += os.pathsep + str(ROOT / "tests")
    with (folder / "consumer.log").open("ab") as log:
        arguments = ("-m", "helpers.guarded_consumer", address, str(folder), str(folder / "events.jsonl"))
        return subprocess.Popen([sys.executable, *arguments], stderr=log, stdout=log, env=env)


def place(folder: Path) -> int:
    """How far the consumer is."""
    if not (folder / "ledger.db").exists():
        return 0
    with sqlite3.connect(folder / "ledger.db") as ledger:
        try:
            found = ledger.execute("SELECT line FROM place").fetchone()
        except sqlite3.OperationalError:
            return 0
    return int(found[0]) if found else 0


async def reached(folder: Path, line: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until the consumer is there."""
    for _ in range(1500):
        if place(folder) >= line:
            return
        assert process.poll() is None, (folder / "consumer.log").read_text()
        await asyncio.sleep(0.01)
    raise AssertionError(f"the consumer stands at {place(folder)}: {(folder / 'consumer.log').read_text()}")


async def held(client: Client) -> set[str]:
    """Lines that wait in the server's quarantine, whatever number of times they were held again."""
    answer = await client.events.ListQuarantined(
        ListQuarantinedRequest(stream_id="ledger", state=QUARANTINE_STATE_HELD, page_size=1000)
    )
    return {each.event_id.partition("~")[0] for each in answer.events}


@pytest.mark.timeout(90)
async def test_no_event_is_lost_and_none_is_handled_twice(tmp_path: Path) -> None:
    """Consumer and server are killed at random places; in the end every event is booked exactly once with its right
    amount, or waits in the quarantine, and a kill repeats at most the one event that was in the handler's hands.
    """
    chance = random.Random(20)
    events = [renamed(1, n)[0] if drifts(n) else raw(payment(n)) for n in range(EVENTS)]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(events))
    server = start_server(tmp_path / "server")
    port = int(server.address.rpartition(":")[2])
    processes = [consumer(server.address, tmp_path)]
    try:
        async with connect(server.address) as cta:
            await guarding.stream(cta, "ledger")
            for kill in range(KILLS):
                await reached(tmp_path, 80 + kill * 150 + chance.randint(0, 60), processes[-1])
                processes[-1].send_signal(signal.SIGKILL)
                processes[-1].wait()
                if kill == 2:  # in the second spell the adapter is in force, and the server is away for a while
                    server.kill()
                    processes.append(consumer(server.address, tmp_path))
                    await reached(tmp_path, place(tmp_path) + 20, processes[-1])
                    close_server(server)
                    server = start_server(tmp_path / "server", port=port)
                else:
                    processes.append(consumer(server.address, tmp_path))
                if kill == 1:
                    await guarding.promoted(cta, "ledger")
            await reached(tmp_path, EVENTS, processes[-1])
            refused = {n for n in range(EVENTS) if payment(n)["merchant"] == REFUSED}
            for _ in range(400):
                if await held(cta) == {f"line-{n}" for n in refused} and len(booked(tmp_path)) == EVENTS - len(refused):
                    break
                await asyncio.sleep(0.02)
            waiting, kept = await held(cta), booked(tmp_path)
        (tmp_path / "stop").touch()
        assert processes[-1].wait(10) == 0, (tmp_path / "consumer.log").read_text()
    finally:
        for process in processes:
            process.kill()
            process.wait()
        close_server(server)
    assert refused
    assert waiting == {f"line-{n}" for n in refused}
    assert {key: amount for key, (amount, _) in kept.items()} == {
        f"p{n}": payment(n)["amount"] for n in range(EVENTS) if n not in refused
    }
    assert sum(tries - 1 for _, tries in kept.values()) <= KILLS


def booked(folder: Path) -> dict[str, tuple[float, int]]:
    """Amount and tries of each booked payment."""
    with sqlite3.connect(folder / "ledger.db") as ledger:
        return {key: (amount, tries) for key, amount, tries in ledger.execute("SELECT id, amount, tries FROM booked")}


def test_the_consumers_file_drifts() -> None:
    """The scenario has both spells of drift, and a drifted payment lacks its amount."""
    assert sum(map(drifts, range(EVENTS))) == 300
    assert "amount" not in json.loads(renamed(1, 150)[0])
