"""The memory: how fast and how rightly a like incident is recognised, and what the archive costs on both engines.

    python -m benchmarks.memory [--signatures N] [--events N] [--rounds N] [--parts analysis,search,archive,drains]

Analysis: generated incidents on streams of many domains, analysed first, then from their own signature, then from those
of other streams; look-alikes whose right fix is another; signatures that do not belong. Search: the nearest three of N
signatures. Archive: events written in batches of 500 to ten streams, and the last 10,000 of one of them read back, as a
canary does; through the spool as well, until all are in ClickHouse. Drains: a process that writes and drains is killed
N times at random moments, and what is in ClickHouse is compared with what was acknowledged.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.orders import drifted
from benchmarks.recognition import recognition
from cta_core.adapter.program import Program
from cta_core.adapter.steps import Rename
from cta_core.memory import SignatureRecord
from cta_core.signature import DIMENSIONS
from cta_server.runtime.ports import Archive, RecordedEvent
from cta_server.store import open_archive
from cta_server.store.clickhouse import open_clickhouse
from cta_server.store.clickhouse.signatures import COLUMNS
from cta_server.store.relay import Relay, open_relay
from helpers.clickhouse_front import clickhouse_front
from helpers.draining import killed_drains

ENGINES: dict[str, Callable[[Path], Archive]] = {
    "SQLite": lambda folder: open_archive(folder / "archive.db"),
    "ClickHouse, embedded": lambda folder: open_clickhouse(f"chdb://{folder}/archive"),
}
SPOOLED = "SQLite, spooled to ClickHouse, embedded"
T = TypeVar("T")

BATCH = 500
WINDOW = 10_000
STREAMS = 10


def search(signatures: int) -> Iterator[Figure]:
    """The nearest three of many."""
    chance = np.random.default_rng(5)
    vectors = chance.standard_normal((signatures, DIMENSIONS)).astype(np.float32)
    program = Program(steps=(Rename(source="/amt", target="/amount"),))
    for name, opener in ENGINES.items():
        with tempfile.TemporaryDirectory() as folder:
            archive = opener(Path(folder))
            fill(archive, vectors, program)
            archive.similar_signatures(vectors[0].tolist(), limit=3)  # the matrix is read once
            taken = []
            for number in range(200):
                wanted = (vectors[number * 31 % signatures] + 0.1).tolist()
                took, found = timed(lambda: archive.similar_signatures(wanted, limit=3))  # noqa: B023 - called at once
                taken.append(took)
                if found[0].signature.signature_id != f"sig_{number * 31 % signatures:08d}":
                    raise AssertionError("the nearest one was not found")
            archive.close()
        yield Figure(f"nearest 3 of {signatures:,} signatures, {name}, ms", spread(taken), "p95 < 20")


def fill(archive: Archive, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]], program: Program) -> None:
    """Signatures with these embeddings."""
    records = (
        SignatureRecord(
            signature_id=f"sig_{number:08d}", fingerprint=f"f{number}", stream_id="s", program=program,
            embedding=tuple(vector.tolist()), revision=number + 1,
        )
        for number, vector in enumerate(vectors)
    )  # fmt: skip
    engine = getattr(archive, "_engine", None)
    if engine is None:
        for record in records:
            archive.put_signature(record)
        return
    rows: list[list[object]] = []
    for record in records:  # one row at a time takes milliseconds there; the search is what is measured
        body = msgspec.json.encode(msgspec.structs.replace(record, embedding=())).decode()
        rows.append([record.signature_id, "s", record.fingerprint, 0, 0, record.embedding, body, record.revision, 0])
        if len(rows) == 10_000:
            engine.insert("signatures", COLUMNS, rows)
            rows = []
    engine.insert("signatures", COLUMNS, rows)
    engine.change("OPTIMIZE TABLE signatures FINAL")  # as it does by itself within minutes


def archive_costs(events: int) -> Iterator[Figure]:
    """Events written, and a canary's window read."""
    batch = [
        RecordedEvent(position=0, stream_id="s", event_id=f"e{n}", kind="HEALTHY", raw=drifted(n), time=1.7e9)
        for n in range(BATCH)
    ]
    for name, opener in {**ENGINES, SPOOLED: spooled}.items():
        with tempfile.TemporaryDirectory() as folder:
            archive = opener(Path(folder))
            begun = time.perf_counter()
            for number in range(events // BATCH):
                archive.append_events(f"stream-{number % STREAMS}", batch)
            written = time.perf_counter() - begun
            reads = [timed(lambda: archive.recent_events("stream-3", limit=WINDOW))[0] for _ in range(15)]  # noqa: B023 - called at once
            while isinstance(archive, Relay) and archive.spool().spooled_rows:
                time.sleep(0.01)
            arrived = time.perf_counter() - begun
            archive.close()
        yield Figure(f"{events:,} events in batches of {BATCH}, {name}, events/s", f"{events / written:,.0f}")
        if name == SPOOLED:
            yield Figure("and until the last of them was in ClickHouse, events/s", f"{events / arrived:,.0f}")
        yield Figure(f"last {WINDOW:,} of a stream among them, {name}, ms", spread(reads))


def spooled(folder: Path) -> Relay:
    """A relay whose ClickHouse is the embedded engine."""
    url = f"chdb://{folder}/clickhouse"
    return open_relay(
        folder / "archive.db",
        url,
        opener=lambda: open_clickhouse(url),
        limit=1 << 40,
        by_age=True,
        chance=random.Random(5),
    )


def drains(rounds: int) -> Iterator[Figure]:
    """Kills in the middle of drains, over HTTP."""
    with tempfile.TemporaryDirectory() as folder, clickhouse_front(Path(folder) / "front") as front:
        told, there = killed_drains(Path(folder) / "store", front.url(), rounds=rounds, chance=random.Random())
    yield Figure(f"events acknowledged before {rounds} kills", f"{told:,}")
    yield Figure("events in ClickHouse then, each once and in its place", f"{there:,}", "no fewer")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds, and what came of it."""
    begun = time.perf_counter()
    found = work()
    return (time.perf_counter() - begun) * 1000, found


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signatures", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--parts", default="analysis,search,archive,drains")
    given = parser.parse_args()
    parts = given.parts.split(",")
    if "analysis" in parts:
        show(recognition())
    if "search" in parts:
        show(search(given.signatures))
    if "archive" in parts:
        show(archive_costs(given.events))
    if "drains" in parts:
        show(drains(given.rounds))
    return 0


def show(figures: Iterator[Figure]) -> None:
    """One line each, as they come."""
    for figure in figures:
        print(figure, flush=True)


if __name__ == "__main__":
    sys.exit(main())
