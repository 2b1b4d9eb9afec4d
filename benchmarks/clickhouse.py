"""What an event as JSON costs on ClickHouse, and what the wire costs: over HTTP to another process, and embedded there.

Three tables take the same blocks in turn: without the JSON column, with it computed on asking (as the archive has it),
and with it stored. Then the archive itself is written and read over HTTP, alone and beside a write that does not end.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, spread
from benchmarks.orders import drifted
from cta_server.runtime.ports import RecordedEvent
from cta_server.store.clickhouse import open_clickhouse
from cta_server.store.clickhouse.engine import Engine, open_engine

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.clickhouse_front import clickhouse_front

BATCH = 500
BLOCKS = 60
READS = 100
CAST = "accurateCastOrNull(raw, 'JSON')"
TABLES = {
    "without": "",
    "asked": f", payload Nullable(JSON) ALIAS {CAST}",
    "stored": f", payload Nullable(JSON) MATERIALIZED {CAST}",
}
UNREMEMBERED = "SETTINGS use_query_condition_cache = 0"
"""The engine remembers which granules a condition left out; every query is to be the first."""
COLUMNS = {"position": "UInt64", "raw": "String"}


async def measure() -> list[Figure]:
    """Figures of ClickHouse."""
    with tempfile.TemporaryDirectory() as folder, clickhouse_front(Path(folder) / "data") as front:
        engine = open_engine(front.url())
        figures = payload(engine)
        engine.close()
        archive = open_clickhouse(front.url())
        events = [recorded(number) for number in range(BATCH)]
        appended = [timed(lambda: archive.append_events("orders", events)) for _ in range(BLOCKS)]
        alone = [timed(lambda: archive.recent_events("orders", limit=10)) for _ in range(READS)]
        front.order(slow={"insert": 600})
        with ThreadPoolExecutor(1) as writer:
            write = writer.submit(archive.append_events, "orders", events)
            beside = [timed(lambda: archive.recent_events("orders", limit=10)) for _ in range(READS)]
            front.order(slow={})
            write.result()
        archive.close()
    return [
        *figures,
        Figure("archive over HTTP, events/s", f"{BATCH / median(appended):,.0f}"),
        Figure("10 recent events over HTTP, ms", spread([1000 * second for second in alone])),
        Figure(
            "the same beside a write that does not end (of alone)",
            f"{1000 * median(beside):.2f} ms  ({median(beside) / median(alone):.2f})",
            "1",
        ),
    ]


def payload(engine: Engine) -> list[Figure]:
    """The JSON column, written and asked."""
    for name, column in TABLES.items():
        engine.change(f"CREATE TABLE {name} (position UInt64, raw String CODEC(ZSTD(1)){column}) "
                      "ENGINE = MergeTree ORDER BY position")  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in TABLES}
    for block in range(BLOCKS):
        rows = [[number, drifted(number)] for number in range(block * BATCH, (block + 1) * BATCH)]
        turns = list(TABLES)
        for name in turns[block % 3 :] + turns[: block % 3]:
            spent[name].append(timed(lambda name=name: engine.insert(name, COLUMNS, rows)))  # noqa: B023 - called at once
    cost = {name: median(values) for name, values in spent.items()}
    figures = [Figure("blocks without JSON, events/s", f"{BATCH / cost['without']:,.0f}")]
    for name, words, goal in (("asked", "computed on asking", "over 0.8"), ("stored", "stored", "")):
        # Each block beside the same block: a slow moment of the machine touches both.
        ratio = median(bare / spelt for bare, spelt in zip(spent["without"], spent[name], strict=True))
        rate = f"{BATCH / cost[name]:,.0f}  ({ratio:.2f})"
        figures.append(Figure(f"blocks with JSON {words}, events/s (of without)", rate, goal))
    fields = {
        "asked": "payload.order.amount::Nullable(Float64)",
        "stored": "payload.order.amount::Nullable(Float64)",
        "without": "JSONExtractFloat(raw, 'order', 'amount')",
    }
    for name, field in fields.items():
        query = f"SELECT count() FROM {name} WHERE {field} > 1 {UNREMEMBERED}"  # noqa: S608 - names of ours
        found = [timed(lambda query=query: engine.rows(query)) for _ in range(5)]
        figures.append(
            Figure(f"a field of {BATCH * BLOCKS:,} events, {name}, ms", spread([1000 * one for one in found]))
        )
    return figures


def recorded(number: int) -> RecordedEvent:
    """A recent event."""
    return RecordedEvent(
        position=0, stream_id="orders", event_id=f"evt_{number}", kind="HEALTHY", raw=drifted(number), time=time.time()
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
