"""The tables of the journal and of the archive, and the steps that bring an older file up to date.

A migration that was released is never changed: the next one is added below it. Ids and what is queried are columns; the
whole value stands beside them as JSON text, so that a person can read it with `sqlite3`. Columns that repeat a part of
that text are generated from it by SQLite, so that the two can never differ.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations


def journal_migrations() -> Migrations:
    """Migrations of `journal.db`."""
    migrations = Migrations("journal")
    migrations(name="journal_1")(_journal_1)
    migrations(name="journal_traces")(_journal_traces)
    migrations(name="journal_privacy")(_journal_privacy)
    migrations(name="journal_notices")(_journal_notices)
    return migrations


def archive_migrations() -> Migrations:
    """Migrations of `archive.db`."""
    migrations = Migrations("archive")
    migrations(name="archive_1")(_archive_1)
    migrations(name="archive_2")(_archive_2)
    migrations(name="archive_relay")(_archive_relay)
    return migrations


def _run(db: Database, statements: tuple[str, ...]) -> None:
    for statement in statements:
        db.conn.execute(statement)


def _journal_1(db: Database) -> None:
    _run(
        db,
        (
            "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            "INSERT INTO counters VALUES ('revision', 0)",
            # streams
            """CREATE TABLE streams (
                stream_id TEXT PRIMARY KEY, revision INTEGER NOT NULL,
                create_time REAL NOT NULL, update_time REAL NOT NULL,
                consumer TEXT NOT NULL, description TEXT NOT NULL, policy TEXT NOT NULL,
                contract BLOB NOT NULL, learned BLOB NOT NULL
            ) STRICT""",
            """CREATE TABLE baselines (
                stream_id TEXT PRIMARY KEY, offered INTEGER NOT NULL, stride INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE baseline_events (
                stream_id TEXT NOT NULL, number INTEGER NOT NULL, event BLOB NOT NULL, UNIQUE (stream_id, number)
            ) STRICT""",
            "CREATE TABLE profiles (stream_id TEXT PRIMARY KEY, profile BLOB NOT NULL) STRICT",
            # incidents
            """CREATE TABLE incidents (
                incident_id TEXT PRIMARY KEY, revision INTEGER NOT NULL UNIQUE, body TEXT NOT NULL,
                stream_id TEXT NOT NULL AS (json_extract(body, '$.stream_id')) STORED,
                state TEXT NOT NULL AS (json_extract(body, '$.state')) STORED
            ) STRICT""",
            "CREATE INDEX incidents_of_stream ON incidents (stream_id, incident_id)",
            """CREATE TABLE transitions (
                incident_id TEXT NOT NULL REFERENCES incidents ON DELETE CASCADE, number INTEGER NOT NULL,
                revision INTEGER NOT NULL, time REAL NOT NULL, state TEXT NOT NULL, input TEXT NOT NULL,
                PRIMARY KEY (incident_id, number)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE effects (
                incident_id TEXT NOT NULL, transition INTEGER NOT NULL, number INTEGER NOT NULL,
                finished INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1)), body TEXT NOT NULL,
                PRIMARY KEY (incident_id, transition, number),
                FOREIGN KEY (incident_id, transition) REFERENCES transitions ON DELETE CASCADE
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX effects_pending ON effects (incident_id) WHERE finished = 0",
            # adapters
            """CREATE TABLE adapters (
                adapter_id TEXT PRIMARY KEY, revision INTEGER NOT NULL UNIQUE, body TEXT NOT NULL,
                stream_id TEXT NOT NULL AS (json_extract(body, '$.stream_id')) STORED,
                state TEXT NOT NULL AS (json_extract(body, '$.state')) STORED
            ) STRICT""",
            "CREATE INDEX adapters_of_stream ON adapters (stream_id, adapter_id)",
            # verbs that carry a request id, and what they made
            """CREATE TABLE requests (
                scope TEXT NOT NULL, request_id TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (scope, request_id)
            ) STRICT, WITHOUT ROWID""",
            # quarantine: an event that belongs to no incident has the empty id. `held_counts` says how many events each
            # group of stream, incident and state has, and so which groups there are: lists walk `held_groups` by group.
            """CREATE TABLE held (
                position INTEGER PRIMARY KEY AUTOINCREMENT,
                stream_id TEXT NOT NULL, event_id TEXT NOT NULL, incident_id TEXT NOT NULL,
                state TEXT NOT NULL DEFAULT 'HELD' CHECK (state IN ('HELD', 'REDRIVEN')),
                arrive_time REAL NOT NULL, redrive_time REAL NOT NULL DEFAULT 0,
                reason TEXT NOT NULL, failure_key TEXT NOT NULL, stage TEXT NOT NULL, run_id TEXT NOT NULL,
                message TEXT NOT NULL, breaches TEXT NOT NULL, raw BLOB NOT NULL,
                UNIQUE (stream_id, event_id)
            ) STRICT""",
            "CREATE INDEX held_groups ON held (stream_id, incident_id, state, position)",
            "CREATE INDEX held_unassigned ON held (stream_id, failure_key) WHERE incident_id = '' AND state = 'HELD'",
            """CREATE TABLE held_counts (
                stream_id TEXT NOT NULL, incident_id TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
                PRIMARY KEY (stream_id, incident_id, state)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX held_counts_of_incident ON held_counts (incident_id)",
            """CREATE TABLE hold_requests (
                number INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL
            ) STRICT""",
            # deliveries: the unique held position is what makes an event leave the quarantine once
            """CREATE TABLE deliveries (
                position INTEGER PRIMARY KEY AUTOINCREMENT,
                held_position INTEGER NOT NULL UNIQUE REFERENCES held,
                stream_id TEXT NOT NULL, adapter_id TEXT NOT NULL, adapter_revision INTEGER NOT NULL,
                time REAL NOT NULL, raw BLOB NOT NULL
            ) STRICT""",
            "CREATE INDEX deliveries_of_stream ON deliveries (stream_id, position)",
            # decisions and settings
            """CREATE TABLE decisions (
                position INTEGER PRIMARY KEY AUTOINCREMENT,
                time REAL NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL,
                stream_id TEXT NOT NULL, incident_id TEXT NOT NULL, adapter_id TEXT NOT NULL, why TEXT NOT NULL
            ) STRICT""",
            "CREATE INDEX decisions_of_stream ON decisions (stream_id, position)",
            """CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
                BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END""",
            """CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions
                BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END""",
            "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        ),
    )


def _journal_traces(db: Database) -> None:
    _run(
        db,
        (
            # traces on their way to a run
            """CREATE TABLE traces (
                stream_id TEXT NOT NULL, trace_id TEXT NOT NULL, last_time REAL NOT NULL, root INTEGER NOT NULL,
                count INTEGER NOT NULL, bytes INTEGER NOT NULL, run_id TEXT NOT NULL DEFAULT '',
                emptied REAL NOT NULL DEFAULT 0, PRIMARY KEY (stream_id, trace_id)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX traces_by_end ON traces (emptied, last_time)",
            """CREATE TABLE trace_pieces (
                stream_id TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, part TEXT NOT NULL,
                body BLOB NOT NULL, UNIQUE (stream_id, trace_id, span_id, part)
            ) STRICT""",
        ),
    )


def _journal_notices(db: Database) -> None:
    _run(
        db,
        (
            # what webhooks are told, in order, and how far each of them has got
            """CREATE TABLE notices (
                position INTEGER PRIMARY KEY AUTOINCREMENT,
                time REAL NOT NULL, type TEXT NOT NULL, stream_id TEXT NOT NULL, body TEXT NOT NULL
            ) STRICT""",
            "CREATE TABLE webhooks (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID",
        ),
    )


def _journal_privacy(db: Database) -> None:
    _run(
        db,
        (
            "ALTER TABLE streams ADD COLUMN masks TEXT NOT NULL DEFAULT '[]'",
            "ALTER TABLE streams ADD COLUMN masked TEXT NOT NULL DEFAULT '[]'",
            # the last delivery of each stream whose payload was erased; all before it were as well
            "CREATE TABLE erasures (stream_id TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        ),
    )


def _archive_1(db: Database) -> None:
    _run(
        db,
        (
            "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            "INSERT INTO counters VALUES ('revision', 0)",
            # recent events: one row per block; `kinds` lists what is inside, each between spaces
            """CREATE TABLE event_blocks (
                stream_id TEXT NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, kinds TEXT NOT NULL,
                body BLOB NOT NULL, UNIQUE (stream_id, last)
            ) STRICT""",
            # runs: the trace stands apart, so that lists do not read it
            """CREATE TABLE runs (
                run_id TEXT PRIMARY KEY, request_id TEXT, body TEXT NOT NULL, trace TEXT NOT NULL,
                stream_id TEXT NOT NULL AS (json_extract(body, '$.stream_id')) STORED,
                failed INTEGER NOT NULL AS (coalesce(json_extract(body, '$.failed_count'), 0) > 0) STORED,
                UNIQUE (stream_id, request_id)
            ) STRICT""",
            "CREATE INDEX runs_of_stream ON runs (stream_id, run_id)",
            "CREATE INDEX runs_failed ON runs (stream_id, run_id) WHERE failed = 1",
            """CREATE TABLE reports (
                report_id TEXT PRIMARY KEY, body TEXT NOT NULL,
                stream_id TEXT NOT NULL AS (json_extract(body, '$.stream_id')) STORED,
                incident_id TEXT NOT NULL AS (json_extract(body, '$.incident_id')) STORED
            ) STRICT""",
            "CREATE INDEX reports_of_stream ON reports (stream_id, report_id)",
            "CREATE INDEX reports_of_incident ON reports (incident_id, report_id)",
            """CREATE TABLE canaries (
                canary_id TEXT PRIMARY KEY, body TEXT NOT NULL,
                stream_id TEXT NOT NULL AS (json_extract(body, '$.stream_id')) STORED,
                adapter_id TEXT NOT NULL AS (json_extract(body, '$.adapter_id')) STORED
            ) STRICT""",
            "CREATE INDEX canaries_of_stream ON canaries (stream_id, canary_id)",
            "CREATE INDEX canaries_of_adapter ON canaries (adapter_id, canary_id)",
            """CREATE TABLE signatures (
                signature_id TEXT PRIMARY KEY, body TEXT NOT NULL,
                stream_id TEXT NOT NULL AS (json_extract(body, '$.stream_id')) STORED,
                fingerprint TEXT NOT NULL AS (json_extract(body, '$.fingerprint')) STORED,
                confirmed INTEGER NOT NULL AS (json_extract(body, '$.confirmed')) STORED,
                retired INTEGER NOT NULL AS (json_extract(body, '$.retired')) STORED
            ) STRICT""",
            "CREATE INDEX signatures_of_stream ON signatures (stream_id, signature_id)",
            """CREATE INDEX signatures_by_fingerprint ON signatures (fingerprint, confirmed, signature_id)
                WHERE retired = 0""",
        ),
    )


def _archive_2(db: Database) -> None:
    # What a signature looks like stands beside its value, as float32: a search reads this column and nothing else.
    _run(db, ("ALTER TABLE signatures ADD COLUMN embedding BLOB",))


def _archive_relay(db: Database) -> None:
    _run(
        db,
        (
            # What has not reached ClickHouse yet, in order. An entry names what stands in the tables above: a block of
            # events by `number`, its last position, anything else by `subject`. A block that leaves its table before
            # it was drained leaves its events here.
            """CREATE TABLE outbox (
                position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, stream_id TEXT NOT NULL,
                subject TEXT NOT NULL DEFAULT '', number INTEGER NOT NULL DEFAULT 0, count INTEGER NOT NULL DEFAULT 0,
                version INTEGER NOT NULL, bytes INTEGER NOT NULL DEFAULT 0, body BLOB
            ) STRICT""",
            "CREATE INDEX outbox_events ON outbox (stream_id, number) WHERE kind = 'event'",
            "CREATE INDEX outbox_orders ON outbox (position) WHERE kind IN ('forget', 'erase', 'expire', 'signature')",
            "CREATE TABLE outbox_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            """INSERT INTO outbox_state VALUES ('rows', 0), ('bytes', 0), ('version', 0), ('sealed', 0), ('drained', 0),
                ('dropped', 0), ('aside', 0), ('left', 0), ('deaf', 0)""",
            """CREATE TRIGGER outbox_grows AFTER INSERT ON outbox BEGIN
                UPDATE outbox_state SET value = value + CASE name WHEN 'rows' THEN 1 ELSE NEW.bytes END
                    WHERE name IN ('rows', 'bytes'); END""",
            """CREATE TRIGGER outbox_shrinks AFTER DELETE ON outbox BEGIN
                UPDATE outbox_state SET value = value - CASE name WHEN 'rows' THEN 1 ELSE OLD.bytes END
                    WHERE name IN ('rows', 'bytes'); END""",
            """CREATE TRIGGER outbox_keeps BEFORE DELETE ON event_blocks BEGIN
                UPDATE outbox SET body = OLD.body WHERE kind = 'event' AND stream_id = OLD.stream_id
                    AND number = OLD.last AND body IS NULL; END""",
            # rows that ClickHouse refused for good
            """CREATE TABLE outbox_aside (
                number INTEGER PRIMARY KEY AUTOINCREMENT, position INTEGER NOT NULL, kind TEXT NOT NULL,
                stream_id TEXT NOT NULL, subject TEXT NOT NULL, time REAL NOT NULL, why TEXT NOT NULL,
                body BLOB NOT NULL
            ) STRICT""",
            # the databases that were drained to: what was asked of them first, and the name of this file's blocks there
            """CREATE TABLE outbox_fars (
                name TEXT PRIMARY KEY, token TEXT NOT NULL, state TEXT NOT NULL, current INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
        ),
    )
