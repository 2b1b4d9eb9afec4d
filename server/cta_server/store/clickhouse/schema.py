"""The tables of the archive on ClickHouse, versioned: created when it is opened, brought up to date step by step.

A step that was released is never changed: the next one is added below it. A step is not a transaction there, so each
statement can be repeated, and the version is written last. Events lie by stream and position; what is replaced by id
keeps its newest version; insert tokens make a repeated block count once.
"""

from __future__ import annotations

from typing import Final

from cta_server.store.clickhouse.engine import WINDOW, Engine
from cta_server.store.errors import StoreTooNew, StoreUnavailable

_TOKENS: Final = f"SETTINGS non_replicated_deduplication_window = {WINDOW}"
_NEWEST: Final = "ENGINE = ReplacingMergeTree(version, deleted)"

_GREATEST: Final = "arrayMax(y -> abs(y), embedding)"
_LEAST: Final = "1e-30"
"""In place of the zero by which a vector without a direction would be divided."""


class Step:
    """One step of the schema: what it brings, and the statements, each of which can be repeated."""

    def __init__(self, headline: str, *statements: str) -> None:
        self.headline = headline
        self.statements = statements


STEPS: Final[tuple[Step, ...]] = (
    Step(
        "events, runs, reports, canaries and signatures",
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
    Step(
        "events.payload: the event as JSON, for queries",
        # Computed when it is asked for. Stored beside `raw` it would be read 200 times as fast, but blocks would be
        # written at half the speed, and so they are at the same (`python -m benchmarks clickhouse`). What is no JSON
        # object, has a key twice or a number beyond all types is NULL: no payload can break an insert or a query.
        "ALTER TABLE events ADD COLUMN IF NOT EXISTS payload Nullable(JSON) ALIAS accurateCastOrNull(raw, 'JSON')",
    ),
    Step(
        "signatures.coarse: embeddings in a quarter of the bytes, for the first look of a search",
        # The next step has something better in its place: for the rows that are there it need not be computed.
        """ALTER TABLE signatures ADD COLUMN IF NOT EXISTS coarse Array(Int8) MATERIALIZED
            arrayMap(x -> toInt8(round(127 * x)), L2Normalize(embedding)) CODEC(NONE)""",
    ),
    Step(
        "signatures.rounded in place of coarse: embeddings in as many bytes, four times as exact",
        # A search is bound by what it reads. Each vector is rounded by its own greatest number, so that the search need
        # read few exact ones; what is never found has none, and is passed over without another column.
        "ALTER TABLE signatures DROP COLUMN IF EXISTS coarse",
        f"""ALTER TABLE signatures ADD COLUMN IF NOT EXISTS rounding Float32 MATERIALIZED
            {_GREATEST} / 127 / greatest(L2Norm(embedding), {_LEAST}) CODEC(NONE)""",
        f"""ALTER TABLE signatures ADD COLUMN IF NOT EXISTS rounded Array(Int8) MATERIALIZED
            if(retired OR deleted OR L2Norm(embedding) = 0, [],
                arrayMap(x -> toInt8(round(127 * x / greatest({_GREATEST}, {_LEAST}))), embedding)) CODEC(NONE)""",
        "ALTER TABLE signatures MATERIALIZE COLUMN rounding SETTINGS mutations_sync = 1",
        "ALTER TABLE signatures MATERIALIZE COLUMN rounded SETTINGS mutations_sync = 1",
        # Each part costs every query a fifth of a millisecond, and versions that are no longer the newest cost more:
        # all parts become one when they have lain for five minutes. 100,000 signatures take a second for that.
        """ALTER TABLE signatures MODIFY SETTING min_age_to_force_merge_seconds = 300,
            min_age_to_force_merge_on_partition_only = 1""",
    ),
)

VERSION: Final = len(STEPS)
"""The version that this release writes."""


OLDEST: Final = (25, 3)
"""The oldest ClickHouse whose JSON type is no experiment."""

SECONDS: Final = 600.0
"""Longest wait for one statement of a step: it may wait for the merges of large tables."""


def version_of(engine: Engine) -> int:
    """The version of the tables that are there, 0 for none."""
    known = engine.rows("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'cta_schema'")
    if not known[0][0]:
        return 0
    return int(engine.rows("SELECT max(version) FROM cta_schema")[0][0])


def migrate(engine: Engine, *, version: int = VERSION) -> int:
    """Brings the tables up to date, or to an older version, and returns theirs. Raises `StoreTooNew`."""
    release = str(engine.rows("SELECT version()")[0][0])
    if not is_supported(release):
        raise StoreUnavailable(
            engine.name, f"ClickHouse {release} is too old; from {'.'.join(map(str, OLDEST))} on it works"
        )
    engine.change("CREATE TABLE IF NOT EXISTS cta_schema (version UInt32, time DateTime DEFAULT now()) "
                  "ENGINE = MergeTree ORDER BY version")  # fmt: skip
    found = version_of(engine)
    if found > VERSION:
        raise StoreTooNew(engine.name, (f"clickhouse_{found}",))
    for number in range(found, version):
        for statement in STEPS[number].statements:
            engine.change(statement, seconds=SECONDS)
        engine.insert("cta_schema", {"version": "UInt32"}, [[number + 1]])
    return max(found, version)


def is_supported(release: str) -> bool:
    """Whether a release of ClickHouse is new enough; one that cannot be read is taken for new enough."""
    numbers = release.split(".")[:2]
    return not all(part.isdecimal() for part in numbers) or tuple(map(int, numbers)) >= OLDEST
