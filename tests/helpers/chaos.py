"""A round of chaos: a consumer that somebody wrote, made self-healing by an import and two lines, and then killed,
restarted and cut off at random, while its server is killed and drift comes and goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import msgspec

from cta.v1 import event_pb2, stream_pb2
from cta.v1.event_service_pb2 import ListQuarantinedRequest
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest
from cta_client import connect
from cta_client.channel import Client
from helpers.payments import CONTRACT, healthy, payment, raw
from helpers.server import LiveServer, environment, start_server
from helpers.server import close as close_server

STREAM = "ledger"
SETTLED = 2000
"""Looks, some 50 s at most, until everything has found its place."""
QUIET = 200
"""Looks, some 5 s, in which what is held stays held."""


class Outcome(msgspec.Struct, kw_only=True):
    """What became of a round's events."""

    cents: dict[str, int]
    """Booked, by payment."""
    repeated: int
    """Bookings that were made more than once."""
    held: set[str]
    """Payments that wait in the quarantine."""
    healed: int
    """Drifted payments that were booked."""
    kills: int = 0
    """Of the consumer."""


class Wire:
    """The network between consumer and server: one port that outlives the server, and can be cut."""

    def __init__(self) -> None:
        self.target, self.up, self.port = 0, True, 0
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Breaks every connection."""
        pumps = tuple(self._pumps)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        writers = [writer]
        try:
            if self.up:
                with contextlib.suppress(OSError):
                    far, back = await asyncio.open_connection("127.0.0.1", self.target)
                    writers.append(back)
                    await asyncio.gather(_pump(reader, back), _pump(far, writer))
        except asyncio.CancelledError:
            pass  # cut; the connection's task ends here
        finally:
            self._pumps.discard(task)
            for each in writers:
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def self_healing(source: str, address: str) -> str:
    """The consumer's source with an import and two lines more."""
    source = source.replace("import sqlite3\n", "import sqlite3\nfrom cta_client import guards\n", 1)
    lines = (
        f'cta = guards("{address}")\n',
        '@cta.guard("ledger", event_id=lambda payment: payment["id"])\n',
    )
    return source.replace("def book(payment):", f"{''.join(lines)}def book(payment):", 1)


def is_refused(key: str) -> bool:
    """Whether the consumer has no account for a payment."""
    return bool(payment(int(key[1:]))["merchant"] == "m-013")


def drifted(number: int) -> dict[str, Any]:
    """A payment as it comes: drift comes and goes, and comes in another way."""
    event = payment(number)
    name = "amt" if 120 <= number < 260 else "amount_value" if 380 <= number < 520 else "amount"
    return {(name if key == "amount" else key): value for key, value in event.items()}


class Round:
    """One round."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        self.written = 0
        self.kills = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.server: LiveServer | None = None
        self.wire = Wire()

    def start_consumer(self) -> None:
        """Starts it, or starts it again."""
        env = environment(HOME=str(self.folder))
        with (self.folder / "consumer.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "consumer.py"], cwd=self.folder, env=env, stdout=log, stderr=log
            )

    def stop_consumer(self) -> None:
        """Kills it."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "consumer.log").read_text()
        self.process.kill()
        self.process.wait()

    def start_server(self) -> None:
        """Starts it, or starts it again on its store."""
        self.server = start_server(self.folder / "server")
        self.wire.target = int(self.server.address.rpartition(":")[2])

    def write(self, count: int) -> None:
        """The producer's next payments."""
        lines = [raw(drifted(number)) + b"\n" for number in range(self.written, self.written + count)]
        with (self.folder / "events.jsonl").open("ab") as file:
            file.write(b"".join(lines))
        self.written += count

    @property
    def line(self) -> int:
        """How far the consumer is."""
        rows = self._rows("SELECT line FROM place")
        return int(rows[0][0]) if rows else 0

    def booked(self) -> dict[str, tuple[int, int]]:
        """Cents and tries of each payment."""
        return {row[0]: (row[1], row[2]) for row in self._rows("SELECT id, cents, tries FROM booked")}

    def _rows(self, sql: str) -> list[Any]:
        if not (self.folder / "ledger.db").exists():
            return []
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.db")) as ledger:
            try:
                return ledger.execute(sql).fetchall()
            except sqlite3.OperationalError:  # not made yet
                return []

    async def reached(self, line: int) -> None:
        """Waits until the consumer is there."""
        for _ in range(1500):
            if self.line >= line:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"the consumer stands at {self.line}: {(self.folder / 'consumer.log').read_text()}")

    async def strike(self, action: str) -> None:
        """One misfortune."""
        match action:
            case "kill":
                self.kills += 1
                self.stop_consumer()
                await asyncio.sleep(self.chance.random() * 0.2)
                self.start_consumer()
            case "cut":
                await self.wire.cut()
            case "away":
                self.wire.up = False
                await self.wire.cut()
                await asyncio.sleep(0.2 + self.chance.random())
                self.wire.up = True
            case _:
                assert self.server is not None
                self.server.kill()
                close_server(self.server)
                await asyncio.sleep(self.chance.random() * 0.5)
                await asyncio.to_thread(self.start_server)


async def round_of_chaos(folder: Path, seed: int, *, events: int = 560, misfortunes: int = 5) -> Outcome:
    """Runs one, and says what became of every payment."""
    source = (Path(__file__).parent / "bare_consumer.py").read_text("utf-8")
    (folder / "events.jsonl").touch()
    one = Round(folder, seed)
    # Each kind at least once, the rest and the order by chance.
    kinds = ["kill", "cut", "away", "server"]
    actions = kinds + one.chance.choices(["kill", "kill", "cut", "away"], k=misfortunes - len(kinds))
    one.chance.shuffle(actions)
    try:
        one.start_server()
        async with one.wire:
            await _stream(one)
            (folder / "consumer.py").write_text(self_healing(source, f"127.0.0.1:{one.wire.port}"), "utf-8")
            one.start_consumer()
            for action in actions:
                one.write(events // misfortunes)
                await one.reached(one.written - one.chance.randint(0, events // misfortunes - 1))
                await one.strike(action)
            return await _settled(one)
    finally:
        if one.process is not None:
            one.process.kill()
            one.process.wait()
        if one.server is not None:
            close_server(one.server)


async def _stream(one: Round) -> None:
    """The stream, which heals by itself; that the consumer refuses a merchant is no reason to take a fix back."""
    assert one.server is not None
    async with connect(one.server.address) as client:
        policy = stream_pb2.Policy(autonomy=stream_pb2.AUTONOMY_AUTONOMOUS)
        policy.canary.max_error_rate, policy.canary.max_events = 0.1, 400
        policy.bake_max_error_rate = 0.2
        policy.bake.FromMilliseconds(200)
        wanted = stream_pb2.Stream(stream_id=STREAM, contract_json=json.dumps(CONTRACT), policy=policy)
        await client.streams.CreateStream(CreateStreamRequest(stream=wanted))
        baseline = [event_pb2.Payload(data=each) for each in healthy(300, 50_000)]
        await client.streams.LearnBaseline(LearnBaselineRequest(stream_id=STREAM, events=baseline))


async def _settled(one: Round) -> Outcome:
    """Waits until every payment has found its place; a few more come, so that what came back healed is handled."""
    assert one.server is not None
    drift = {f"p{n}" for n in range(one.written) if "amount" not in drifted(n)}
    quiet = 0
    async with connect(one.server.address) as client:
        for look in range(SETTLED):
            held, booked = await _held(client), one.booked()
            wanted = {f"p{n}" for n in range(one.written)}
            # What is held now may heal in a moment, or wait for a person.
            quiet = quiet + 1 if one.line == one.written and set(booked) | held == wanted else 0
            if quiet and (held == {key for key in wanted if is_refused(key)} or quiet > QUIET):
                break
            if look % 10 == 9 and one.line == one.written:
                one.write(1)
            await asyncio.sleep(0.025)
        booked = one.booked()
    return Outcome(
        cents={key: cents for key, (cents, _) in booked.items()},
        repeated=sum(tries - 1 for _, tries in booked.values()),
        held=held,
        healed=len(drift & set(booked)),
        kills=one.kills,
    )


async def _held(client: Client) -> set[str]:
    """Payments that wait in the server's quarantine."""
    request = ListQuarantinedRequest(stream_id=STREAM, state=event_pb2.QUARANTINE_STATE_HELD, page_size=1000)
    return {each.event_id.partition("~")[0] for each in (await client.events.ListQuarantined(request)).events}


def faults_of(outcome: Outcome) -> list[str]:
    """What a round broke of the promise: every payment is booked once with its amount, or held; none is lost."""
    found = []
    numbers = {int(key[1:]) for key in outcome.cents} | {int(key[1:]) for key in outcome.held}
    if lost := set(range(max(numbers, default=-1) + 1)) - numbers:
        found.append(f"lost: {sorted(lost)[:5]}")
    if both := set(outcome.cents) & outcome.held:
        found.append(f"booked and held: {sorted(both)[:5]}")
    wrong = [key for key, cents in outcome.cents.items() if cents != round(payment(int(key[1:]))["amount"] * 100)]
    if wrong:
        found.append(f"wrong amounts: {wrong[:5]}")
    if refused := [key for key in outcome.cents if is_refused(key)]:
        found.append(f"booked without an account: {refused[:5]}")
    # What the handler had in its hands when it was killed is shown again; its booking carries the payment's id.
    if outcome.repeated > outcome.kills:
        found.append(f"{outcome.repeated} bookings repeated by {outcome.kills} kills")
    return found
