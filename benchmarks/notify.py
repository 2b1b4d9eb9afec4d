"""What notifications cost and what a kill does to them: `python -m benchmarks notify`.

A step of the machine is timed with and without a webhook in the journal, in turns; a backlog is sent to a receiver on
this machine; and a server is killed again and again while it sends, at moments that chance chooses.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


from benchmarks.figures import Figure, spread
from cta.v1 import adapter_service_pb2, stream_pb2, stream_service_pb2
from cta_client.channel import connect
from cta_client.errors import ClientError
from cta_core.incident import Incident, Mark, State
from cta_server.runtime.ports import Transition
from cta_server.store.journal import SqliteJournal, open_journal
from helpers.receiver import Answer, Receiver
from helpers.server import LiveServer, close, start_server

STEPS = 300
BACKLOG = 1000
ROUNDS = 12


async def measure() -> Sequence[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder:
        without, with_ = _steps(Path(folder))
        rate = await _backlog(Path(folder) / "backlog")
        made, sent, repeats, missed = await _kills(Path(folder) / "kills")
    return [
        Figure("a step of an incident, no webhook, ms", spread(without)),
        Figure("a step of an incident, its notice written with it, ms", spread(with_)),
        Figure("ratio of the medians", f"{median(with_) / median(without):.2f}"),
        Figure("events to a receiver on this machine, each noted before the next", f"{rate:,.0f}/s"),
        Figure(f"{ROUNDS} kills while {made} events were sent: repeated under their ids", f"{repeats} of {sent}"),
        Figure("of those events: missed, or out of order", str(missed), "0"),
    ]


def _steps(folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds of each step, without and with a webhook."""
    journals = [open_journal(folder / name / "journal.db") for name in ("without", "with")]
    journals[1].open_webhook("pager")
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(STEPS):
        # In turns, so that what else the machine does falls on both alike.
        for journal, taken in zip(journals, times, strict=True):
            begun = time.perf_counter()
            _step(journal, f"inc_{number}")
            taken.append((time.perf_counter() - begun) * 1000)
    for journal in journals:
        journal.close()
    return times


def _step(journal: SqliteJournal, incident_id: str) -> None:
    incident = Incident(
        incident_id=incident_id, stream_id="orders", marks=(Mark(state=State.DETECTED, time=time.time()),)
    )
    journal.commit(Transition(incident=incident, input=b'{"type":"Opened"}'))


async def _backlog(folder: Path) -> float:
    """Events a second out of a backlog."""
    journal = open_journal(folder / "store" / "journal.db")
    journal.open_webhook("pager")
    for number in range(BACKLOG):
        _step(journal, f"inc_{number}")
    journal.close()
    with Receiver() as receiver:
        server = start_server(folder, extra=_flags(receiver))
        try:
            while not receiver.got:  # noqa: ASYNC110 - it happens in a thread
                await asyncio.sleep(0.001)
            begun, before = time.perf_counter(), len(receiver.got)
            while len(receiver.got) < BACKLOG:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
            return (BACKLOG - before) / (time.perf_counter() - begun)
        finally:
            close(server)


async def _kills(folder: Path) -> tuple[int, int, int, int]:
    """Notices that there were, requests that came, repeats among them, and what was missed or out of order."""
    chance = random.Random(7)
    with Receiver() as receiver:
        receiver.always = Answer(seconds=0.01)  # slower than the API makes them, so that a kill comes amidst
        for number in range(ROUNDS):
            server = start_server(folder, extra=_flags(receiver))
            with contextlib.suppress(ClientError, TimeoutError):
                await _burst(server, number, chance.uniform(0.3, 0.8))
            server.kill()
            close(server)
        server = start_server(folder, extra=_flags(receiver))
        try:
            await _quiet(receiver)
        finally:
            close(server)
        journal = open_journal(folder / "store" / "journal.db")
        journal_ids = [notice.notice_id for notice in journal.notices_after(0, limit=100_000).notices]
        journal.close()
        ids = [one.event["id"] for one in receiver.got]
    first = list(dict.fromkeys(ids))
    wrong = sum(told != came for told, came in zip(journal_ids, first, strict=False))
    return len(journal_ids), len(ids), len(ids) - len(first), wrong + abs(len(journal_ids) - len(first))


async def _burst(server: LiveServer, number: int, seconds: float) -> None:
    """Adapters as fast as the API takes them, until it is time for the kill. Raises `TimeoutError` then."""
    async with connect(server.address) as client:
        stream = stream_pb2.Stream(stream_id="orders")
        await client.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
        async with asyncio.timeout(seconds):
            for index in itertools.count():
                request = adapter_service_pb2.CreateAdapterRequest(stream_id="orders", request_id=f"{number}-{index}")
                step = request.program.steps.add()
                step.rename.source, step.rename.target = "/a", "/b"
                await client.adapters.CreateAdapter(request)


async def _quiet(receiver: Receiver) -> None:
    """Until nothing has come for a while that is longer than a webhook's own look."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 6:
        if len(receiver.got) != count:
            count, since = len(receiver.got), time.monotonic()
        await asyncio.sleep(0.05)


def _flags(receiver: Receiver) -> tuple[str, str]:
    hook = [{"name": "pager", "url": receiver.url}]
    return "--set", f"notify.webhooks={json.dumps(hook)}"
