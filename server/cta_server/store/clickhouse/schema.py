"""The tables of the archive on ClickHouse, versioned: created when it is opened, brought up to date step by step.

A step that was released is never changed: the next one is added below it. A step is not a transaction there, so each
statement can be repeated, and the version is written last. Events lie by stream and position; what is replaced by id
keeps its newest version; insert tokens make a repeated block count once.
"""

from __future__ import annotations

from typing import Final

from cta_server.store.clickhouse.engine import WINDOW, Engine
from cta_server.store.errors import StoreTooNew

_TOKENS: Final = f"SETTINGS non_replicated_deduplication_window = {WINDOW}"
_NEWEST: Final = "ENGINE = ReplacingMergeTree(version, deleted)"

_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # time in seconds since 1970, as everywhere; a partition is a month, so that old ones leave whole
        f"""CREATE TABLE IF NOT EXISTS events (
            stream_id LowCardinality(String), position UInt64, event_id String, kind LowCardinality(String),
            raw String CODEC(ZSTD(1)), output String CODEC(ZSTD(1)),
            adapter_id LowCardinality(String), reason LowCardinality(String), message String, time Float64
        ) ENGINE = MergeTree PARTITION BY toYYYYMM(toDateTime(toUInt32(time), 'UTC'))
        ORDER BY (stream_id, position) {_TOKENS}""",
        f"""CREATE TABLE IF NOT EXISTS runs (
            run_id String, stream_id LowCardinality(String), request_id String, failed UInt8,
            body String, trace String CODEC(ZSTD(1)), version UInt64, deleted UInt8 DEFAULT 0
        ) {_NEWEST} ORDER BY run_id {_TOKENS}""",
        f"""CREATE TABLE IF NOT EXISTS reports (
            report_id String, stream_id LowCardinality(String), incident_id String,
            body String CODEC(ZSTD(1)), version UInt64, deleted UInt8 DEFAULT 0
        ) {_NEWEST} ORDER BY report_id {_TOKENS}""",
        f"""CREATE TABLE IF NOT EXISTS canaries (
            canary_id String, stream_id LowCardinality(String), adapter_id String,
            body String CODEC(ZSTD(1)), version UInt64, deleted UInt8 DEFAULT 0
        ) {_NEWEST} ORDER BY canary_id {_TOKENS}""",
        # shorter granules than usual: a search reads the values of a few ids that lie anywhere; vectors do not compress
        f"""CREATE TABLE IF NOT EXISTS signatures (
            signature_id String, stream_id LowCardinality(String), fingerprint String, confirmed Int64, retired UInt8,
            embedding Array(Float32) CODEC(NONE), body String, version UInt64, deleted UInt8 DEFAULT 0
        ) {_NEWEST} ORDER BY signature_id {_TOKENS}, index_granularity = 2048""",
    ),
)

VERSION: Final = len(_STEPS)
"""The version that this release writes."""


def version_of(engine: Engine) -> int:
    """The version of the tables that are there, 0 for none."""
    known = engine.rows("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'cta_schema'")
    if not known[0][0]:
        return 0
    return int(engine.rows("SELECT max(version) FROM cta_schema")[0][0])


def migrate(engine: Engine) -> int:
    """Brings the tables up to date and returns their version. Raises `StoreTooNew`."""
    engine.change("CREATE TABLE IF NOT EXISTS cta_schema (version UInt32, time DateTime DEFAULT now()) "
                  "ENGINE = MergeTree ORDER BY version")  # fmt: skip
    found = version_of(engine)
    if found > VERSION:
        raise StoreTooNew(engine.name, (f"clickhouse_{found}",))
    for number in range(found, VERSION):
        for statement in _STEPS[number]:
            engine.change(statement)
        engine.insert("cta_schema", {"version": "UInt32"}, [[number + 1]])
    return VERSION
