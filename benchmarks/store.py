"""What the store costs: quarantine and deliveries of the journal, blocks of the archive, and one commit of the loop.

Every rate stands beside that of bare `executemany` on the same bytes in the same run; the rounds take turns, so that a
slow moment of the machine touches all of them. Events are the drifted ones of the study of speed, in batches of 500.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.figures import Figure, spread
from benchmarks.orders import drifted
from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.incident import Incident
from cta_core.machine import AdapterChange, AdapterState, Effect, EffectKind
from cta_core.memory import DecisionEntry
from cta_core.quarantine import Delivery, HeldBreach, HeldEvent, HeldReason
from cta_server.runtime.ports import RecordedEvent, Transition
from cta_server.store import open_archive, open_journal
from cta_server.store.journal import SqliteJournal

BATCH = 500
EVENTS = 50_000
ROUNDS = 5
COMMITS = 200

Batches = Sequence[Sequence[HeldEvent]]
Rates = dict[str, list[float]]


async def measure() -> list[Figure]:
    """Figures of the store."""
    raws = [drifted(number) for number in range(EVENTS)]
    ordered = batches(raws, lambda number: f"evt_{number:022d}")
    shuffled = batches(raws, lambda _: uuid.uuid4().hex)
    rates: Rates = {}
    for _ in range(ROUNDS):
        in_folder(rates, "append", EVENTS, lambda folder: append_and_sync(folder, ordered))
        in_folder(rates, "rows", EVENTS, lambda folder: bare_rows(folder, ordered, "FULL"))
        in_folder(rates, "hold, random ids", EVENTS, lambda folder: hold(folder, shuffled))
        in_folder(rates, "rows, NORMAL", EVENTS, lambda folder: bare_rows(folder, ordered, "NORMAL"))
        journal_round(rates, ordered)
        archive_round(rates, raws)
    rate = {name: median(values) for name, values in rates.items()}

    def against(name: str, base: str, goal: str = "") -> Figure:
        return Figure(f"{name}, events/s (of {base})", f"{rate[name]:,.0f}  ({rate[name] / rate[base]:.2f})", goal)

    return [
        Figure("append + fdatasync, the disk's limit, events/s", f"{rate['append']:,.0f}"),
        Figure("bare executemany, synchronous FULL, events/s", f"{rate['rows']:,.0f}"),
        against("hold, ids in order", "rows", "100,000 events/s"),
        against("hold, random ids", "rows"),
        against("deliver", "rows"),
        against("list held", "rows"),
        Figure("commit of one step with its effects, ms", spread(commits())),
        Figure("bare executemany, synchronous NORMAL, events/s", f"{rate['rows, NORMAL']:,.0f}"),
        against("record in blocks", "rows, NORMAL"),
        Figure("last 1,000 recent events, ms", f"{1000 / rate['recent']:.1f}"),
        Figure("last 1,000 quarantined ones, 1 in 50, ms", f"{1000 / rate['recent of a kind']:.1f}"),
    ]


def batches(raws: Sequence[bytes], name: Callable[[int], str]) -> Batches:
    """Held events in batches."""
    breaches = (HeldBreach(path="/order/id", rule="required", message="/order/id is missing"),)
    events = [
        HeldEvent(
            stream_id="orders",
            event_id=name(number),
            raw=raw,
            reason=HeldReason.CONTRACT,
            message="/order/id is missing",
            breaches=breaches,
            failure_key="required:/order/id",
            incident_id="inc_01234567890123456789012345",
            arrive_time=1.0,
        )
        for number, raw in enumerate(raws)
    ]
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]


def timed(rates: Rates, name: str, count: int, work: Callable[[], object]) -> None:
    """Adds one rate."""
    gc.collect()
    began = time.perf_counter()
    work()
    rates.setdefault(name, []).append(count / (time.perf_counter() - began))


def in_folder(rates: Rates, name: str, count: int, work: Callable[[Path], Callable[[], object]]) -> None:
    """Adds one rate of work in a folder of its own; what is prepared there is not measured."""
    folder = Path(tempfile.mkdtemp())
    timed(rates, name, count, work(folder))
    shutil.rmtree(folder)


def append_and_sync(folder: Path, held: Batches) -> Callable[[], object]:
    """Writes the payloads to a file and syncs it after each batch."""
    file = os.open(folder / "events", os.O_WRONLY | os.O_CREAT)

    def work() -> None:
        for batch in held:
            os.write(file, b"".join(event.raw for event in batch))
            os.fdatasync(file)
        os.close(file)

    return work


def bare_rows(folder: Path, held: Batches, synchronous: str) -> Callable[[], object]:
    """Inserts rows of the same bytes into a table without any index."""
    conn = sqlite3.connect(folder / "bare.db", isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute(f"PRAGMA synchronous = {synchronous}")
    conn.execute("CREATE TABLE held (a TEXT, b TEXT, c TEXT, d REAL, e TEXT, f TEXT, g TEXT, h TEXT, i BLOB) STRICT")
    rows = [
        [
            (
                event.stream_id,
                event.event_id,
                event.incident_id,
                event.arrive_time,
                event.reason,
                event.failure_key,
                event.message,
                msgspec.json.encode(event.breaches).decode(),
                event.raw,
            )
            for event in batch
        ]
        for batch in held
    ]

    def work() -> None:
        for batch in rows:
            conn.execute("BEGIN")
            conn.executemany("INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", batch)
            conn.execute("COMMIT")
        conn.close()

    return work


def hold(folder: Path, held: Batches) -> Callable[[], object]:
    """Holds every batch with its request."""
    return lambda: hold_in(open_journal(folder / "journal.db"), held).close()


def hold_in(journal: SqliteJournal, held: Batches) -> SqliteJournal:
    """Holds every batch with its request."""
    for number, batch in enumerate(held):
        journal.hold(batch, request_id=f"r{number}", digest="0" * 32)
    return journal


def journal_round(rates: Rates, held: Batches) -> None:
    """Holds, lists and delivers."""
    folder = Path(tempfile.mkdtemp())
    journal = open_journal(folder / "journal.db")
    healed = [
        [
            Delivery(stream_id="orders", event_id=e.event_id, raw=e.raw, adapter_id="adp", adapter_revision=1, time=2.0)
            for e in batch
        ]
        for batch in held
    ]

    def walk() -> None:
        after = 0
        while page := journal.list_held(stream_id="orders", after=after, limit=BATCH):
            after = page[-1].position

    timed(rates, "hold, ids in order", EVENTS, lambda: hold_in(journal, held))
    timed(rates, "list held", EVENTS, walk)
    timed(rates, "deliver", EVENTS, lambda: [journal.deliver(batch) for batch in healed])
    journal.close()
    shutil.rmtree(folder)


def archive_round(rates: Rates, raws: Sequence[bytes]) -> None:
    """Records and reads recent events; one in fifty was quarantined."""
    folder = Path(tempfile.mkdtemp())
    archive = open_archive(folder / "archive.db")
    events = [
        RecordedEvent(
            position=0,
            stream_id="orders",
            event_id=f"evt_{number:022d}",
            kind="HEALTHY" if number % 50 else "QUARANTINED",
            raw=raw,
            time=1.0,
        )
        for number, raw in enumerate(raws)
    ]
    blocks = [events[start : start + BATCH] for start in range(0, EVENTS, BATCH)]
    timed(rates, "record in blocks", EVENTS, lambda: [archive.append_events("orders", block) for block in blocks])
    timed(rates, "recent", 1, lambda: archive.recent_events("orders", limit=1000))
    timed(rates, "recent of a kind", 1, lambda: archive.recent_events("orders", kinds=("QUARANTINED",), limit=1000))
    archive.close()
    shutil.rmtree(folder)


def commits() -> list[float]:
    """Milliseconds of a step each: incident, adapter, the effect that ended, the one that follows, and a decision."""
    folder = Path(tempfile.mkdtemp())
    journal = open_journal(folder / "journal.db")
    last = journal.commit(
        Transition(
            incident=Incident(incident_id="inc_1", stream_id="orders"),
            input=b"{}",
            new_adapters=(AdapterRevision(adapter_id="adp_1", stream_id="orders", program=Program()),),
            effects=(Effect(kind=EffectKind.BAKE),),
        )
    )
    took: list[float] = []
    for number in range(COMMITS):
        state = AdapterState.ACTIVE if number % 2 else AdapterState.CANARY
        step = Transition(
            incident=last.incident,
            input=b"{}",
            adapters=(AdapterChange(adapter_id="adp_1", state=state),),
            effects=(Effect(kind=EffectKind.BAKE),),
            decisions=(DecisionEntry(action="promote"),),
            done=last.effects[0],
        )
        began = time.perf_counter()
        last = journal.commit(step)
        took.append((time.perf_counter() - began) * 1000)
    journal.close()
    shutil.rmtree(folder)
    return took
