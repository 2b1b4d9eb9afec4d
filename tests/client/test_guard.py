"""The guard in front of a handler, against a real server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cta.v1.adapter_service_pb2 import ReportAdapterRequest, WorkerOutcome
from cta_client import GuardOptions, connect, guards
from cta_client.guard import Away, EventsFailed, NotReady, SpoolFull, SpoolInUse
from helpers import guarding
from helpers.guarding import until
from helpers.payments import payment, renamed
from helpers.server import ROOT, LiveServer, environment, live_server, start_server
from helpers.server import close as close_server


def drifted(number: int) -> dict[str, Any]:
    """A payment whose `amount` arrives as `amt`."""
    found: dict[str, Any] = json.loads(renamed(1, number)[0])
    return found


def options(folder: Path, **more: Any) -> GuardOptions:
    """A guard that keeps its files in the test's folder."""
    return GuardOptions(folder=folder, worker_id=more.pop("worker_id", "w1"), **more)


async def test_healthy_events_reach_the_handler_as_they_are(server: LiveServer, tmp_path: Path) -> None:
    """A guarded handler gets the very object of a healthy event, and its answer comes back."""
    async with connect(server.address) as cta:
        await guarding.stream(cta, "g-healthy")
        seen: list[Any] = []

        @cta.guard("g-healthy", options=options(tmp_path))
        def handle(event: dict[str, Any]) -> float:
            seen.append(event)
            return float(event["amount"])

        event = payment(1)
        assert handle(event) == event["amount"]
        assert seen[0] is event


async def test_a_promotion_reaches_the_handler_without_a_restart(server: LiveServer, tmp_path: Path) -> None:
    """Events that break the contract are held in the server; after a promotion they and their like are handled."""
    async with connect(server.address) as cta:
        await guarding.stream(cta, "g-promoted")
        seen: list[dict[str, Any]] = []

        @cta.guard(stream="g-promoted", options=options(tmp_path))
        async def handle(event: dict[str, Any]) -> str:
            seen.append(event)
            return str(event["id"])

        desk = handle.desk
        assert await handle(drifted(7), event_id="e7") is None
        await until(lambda: desk.status().waiting == 0, "sent")
        assert await guarding.held_ids(cta, "g-promoted") == ["e7"]
        adapter = await guarding.promoted(cta, "g-promoted")
        await until(lambda: desk.status().revision == adapter.revision, "applied")
        await until(lambda: desk.ready, "redriven")
        assert await handle(drifted(8), event_id="e8") == "p8"
        # What came back is handled first, and each event is exact.
        assert seen == [payment(7), payment(8)]
        assert await handle(drifted(7), event_id="e7") is None
        assert [event["id"] for event in seen] == ["p7", "p8"]
        assert desk.status().counts.repeated == 1
        await guarding.taken_back(cta, adapter.adapter_id)
        await until(lambda: desk.status().revision == 0, "rolled back")
        assert await handle(drifted(9), event_id="e9") is None


async def test_each_revision_is_acknowledged(server: LiveServer, tmp_path: Path) -> None:
    """The server counts a guard among the workers that applied a revision."""
    async with connect(server.address) as cta:
        await guarding.stream(cta, "g-ack")
        handle = cta.guard("g-ack", options=options(tmp_path))(lambda event: event)
        handle.desk.wait_ready()
        adapter = await guarding.promoted(cta, "g-ack")
        await until(lambda: handle.desk.status().revision == adapter.revision, "applied")
        request = ReportAdapterRequest(
            worker_id="another",
            adapter_id=adapter.adapter_id,
            revision=adapter.revision,
            outcome=WorkerOutcome.WORKER_OUTCOME_REFUSED,
            error_message="not mine",
        )
        for _ in range(50):
            answer = await cta.adapters.ReportAdapter(request)
            if answer.applied_count:
                break
        assert (answer.applied_count, answer.refused_count) == (1, 1)


async def test_what_the_handler_raises_on_is_held_with_its_error(server: LiveServer, tmp_path: Path) -> None:
    """An exception of the handler does not come out; the event joins the quarantine with stage and error."""
    async with connect(server.address) as cta:
        await guarding.stream(cta, "g-raises")

        @cta.guard("g-raises", options=options(tmp_path))
        def book(event: dict[str, Any]) -> None:
            raise LookupError(f"no account for {event['id']}")

        assert book(payment(3), event_id="e3") is None
        await until(lambda: book.desk.status().waiting == 0, "sent")
        from cta.v1.event_service_pb2 import ListQuarantinedRequest

        answer = await cta.events.ListQuarantined(ListQuarantinedRequest(stream_id="g-raises"))
        (held,) = answer.events
        assert (held.event_id, held.stage) == ("e3", "book")
        assert held.message == "LookupError: no account for p3"


async def test_a_batch_handler_gets_what_passes(server: LiveServer, tmp_path: Path) -> None:
    """A batch handler sees the good events of a batch in order; the ones that it names as failed are held."""
    async with connect(server.address) as cta:
        await guarding.stream(cta, "g-batch")
        seen: list[list[str]] = []

        @cta.guard("g-batch", batch=True, options=options(tmp_path))
        def handle(events: list[dict[str, Any]]) -> int:
            seen.append([event["id"] for event in events])
            if "p5" in seen[-1]:
                raise EventsFailed({seen[-1].index("p5"): ValueError("five")})
            return len(events)

        first = [payment(1), drifted(2), payment(3)]
        assert handle.call_batch(first, ["b1", "b2", "b3"]) == 2
        assert handle.call_batch([payment(4), payment(5)], ["b4", "b5"]) is None
        assert seen == [["p1", "p3"], ["p4", "p5"]]
        await until(lambda: handle.desk.status().waiting == 0, "sent")
        assert sorted(await guarding.held_ids(cta, "g-batch")) == ["b2", "b5"]
        assert handle.desk.status().counts.handled == 3


def test_bytes_and_texts_stay_what_they_are(server: LiveServer, tmp_path: Path) -> None:
    """A handler of bytes gets bytes and one of texts gets a text, also for a healed event; no event loop is needed."""

    async def prepare() -> None:
        async with connect(server.address) as cta:
            await guarding.stream(cta, "g-forms")
            await guarding.promoted(cta, "g-forms")

    asyncio.run(prepare())
    with guards(server.address) as cta:
        handle = cta.guard("g-forms", options=options(tmp_path))(lambda event: event)
        raw = renamed(1, 5)[0]
        assert json.loads(handle(raw) or b"") == payment(5)
        text = handle(raw.decode())
        assert isinstance(text, str)
        assert json.loads(text) == payment(5)


@pytest.mark.timeout(60)
async def test_a_restart_without_a_server_goes_on_from_the_file(tmp_path: Path) -> None:
    """With the server away a fresh process passes what the last good picture accepts and holds the rest on its disk;
    the next server gets it.
    """
    running = start_server(tmp_path / "server")
    port = int(running.address.rpartition(":")[2])
    try:
        async with connect(running.address) as cta:
            await guarding.stream(cta, "away")
            adapter = await guarding.promoted(cta, "away")
            handle = cta.guard("away", options=options(tmp_path / "w"))(lambda event: event["id"])
            assert handle(drifted(1)) == "p1"
        close_server(running)
        async with connect(running.address) as cta:
            handle = cta.guard("away", options=options(tmp_path / "w"))(lambda event: event["id"])
            assert handle(drifted(2)) == "p2"
            assert handle(payment(3)) == "p3"
            assert handle({"id": "p4"}, event_id="e4") is None
            status = handle.desk.status()
            assert (status.state, status.revision, status.waiting) == ("STALE", adapter.revision, 1)
            assert status.why
            running = start_server(tmp_path / "server", port=port)
            await until(lambda: handle.desk.status().state == "FRESH", "back")
            await until(lambda: handle.desk.status().waiting == 0, "sent")
            assert await guarding.held_ids(cta, "away") == ["e4"]
    finally:
        close_server(running)


async def test_a_frozen_server_makes_the_guard_stale(tmp_path: Path) -> None:
    """A server that neither answers nor closes is noticed; events go on, and it is fresh again when the server is."""
    with live_server(tmp_path / "server") as running:
        async with connect(running.address) as cta:
            await guarding.stream(cta, "frozen")
            handle = cta.guard("frozen", options=options(tmp_path / "w"))(lambda event: event["id"])
            handle.desk.wait_ready()
            running.process.send_signal(signal.SIGSTOP)
            try:
                await until(lambda: handle.desk.status().state == "STALE", "noticed")
                assert handle(payment(1)) == "p1"
            finally:
                running.process.send_signal(signal.SIGCONT)
            await until(lambda: handle.desk.status().state == "FRESH", "back")


async def test_the_policy_for_a_server_away_is_obeyed(tmp_path: Path) -> None:
    """HOLD holds every event while the server is away, an old picture no longer heals, and a full spool says so."""
    with live_server(tmp_path / "server") as running:
        async with connect(running.address) as cta:
            await guarding.stream(cta, "s")
            await guarding.promoted(cta, "s")
            for name in ("hold", "old"):
                cta.guards.desk("s", options(tmp_path / name)).wait_ready()
                cta.guards.close()
    with guards(running.address) as cta:
        handle = cta.guard("s", options=options(tmp_path / "hold", away=Away.HOLD, max_spooled=2))(lambda event: 1)
        assert handle(payment(1)) is None
        assert handle(payment(2)) is None
        with pytest.raises(SpoolFull):
            handle(payment(3))
    with guards(running.address) as cta:
        handle = cta.guard("s", options=options(tmp_path / "old", heal_while_away_seconds=0))(lambda event: 1)
        assert handle(payment(1)) == 1
        assert handle(drifted(2)) is None


async def test_the_author_names_events_once_for_all(server: LiveServer, tmp_path: Path) -> None:
    """A function tells each event's id, so that a held one that comes again is known; where it fails there is none, and
    an id given with the call wins.
    """
    async with connect(server.address) as cta:
        await guarding.stream(cta, "g-named")
        handle = cta.guard("g-named", event_id=lambda event: event["id"], options=options(tmp_path))(
            lambda event: event
        )
        assert handle(drifted(1)) is handle(drifted(1)) is None
        assert handle({"amt": 3}) is None
        assert handle(drifted(2), event_id="mine") is None
        await until(lambda: handle.desk.status().waiting == 0, "sent")
        held = await guarding.held_ids(cta, "g-named")
        assert held[0] == "p1"
        assert held[1].startswith("evt-")
        assert held[2:] == ["mine"]
        assert handle.desk.status().counts.repeated == 1


def test_without_server_and_file_nothing_is_judged(tmp_path: Path) -> None:
    """A guard that never heard of its contract handles nothing and says why."""
    with guards("127.0.0.1:1") as cta:
        handle = cta.guard("unknown", options=options(tmp_path, start_seconds=0.5))(lambda event: event)
        with pytest.raises(NotReady, match="UNAVAILABLE"):
            handle({})


def test_a_spool_belongs_to_one_process(tmp_path: Path) -> None:
    """A second guard of the same worker and stream is refused, because two would handle one event twice."""
    with guards("127.0.0.1:1") as first, guards("127.0.0.1:1") as second:
        first.guard("s", options=options(tmp_path))
        with pytest.raises(SpoolInUse):
            second.guard("s", options=options(tmp_path))


def test_the_example_consumes_through_its_two_lines(server: LiveServer, tmp_path: Path) -> None:
    """The consumer of the examples sums what passes the gate, drifted events healed among it, and holds the rest."""

    async def prepare() -> None:
        async with connect(server.address) as cta:
            await guarding.stream(cta, "payments")
            await guarding.promoted(cta, "payments")

    async def held() -> list[str]:
        async with connect(server.address) as cta:
            return await guarding.held_ids(cta, "payments")

    asyncio.run(prepare())
    events = [payment(1), drifted(2), {"id": "p3", "merchant": "m-x"}]
    (tmp_path / "payments.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "guarded_consumer.py", "payments.jsonl", server.address],
        cwd=tmp_path,
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for event in (payment(1), payment(2)):
        assert f"{event['merchant']}  {event['amount']:,.2f}" in done.stdout
    assert len(asyncio.run(held())) == 1
