"""A store at rest is looked at without a change, a broken promise is named, and an older one is brought up to date."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cta_core.incident import Incident, State
from cta_core.machine import Effect, EffectKind
from cta_core.run import Run
from cta_server.store import open_archive, open_journal
from cta_server.store.check import Health, check_store
from cta_server.store.check.files import names_of
from cta_server.store.migrations import archive_migrations, journal_migrations
from cta_server.store.upkeep import copy_aside
from cta_server.store_command import store
from helpers.server import environment
from helpers.stores import adapter, delivery, held, older, recorded, stream, transition

FINE, REFUSED, USAGE, TOO_OLD, TOO_NEW, DAMAGED = 0, 1, 2, 10, 11, 12
MIGRATIONS = {"journal": journal_migrations, "archive": archive_migrations}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store with a little of everything."""
    path = tmp_path_factory.mktemp("filled") / "store"
    fill(path)
    return path


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(filled, tmp_path / "store"))


def fill(path: Path) -> None:
    """Puts a stream with held and delivered events, an incident with an effect, an adapter and history into a store."""
    path.mkdir(exist_ok=True)
    journal = open_journal(path / "journal.db")
    journal.put_stream(stream(), expected=0)
    effects = (Effect(kind=EffectKind.GATHER),)
    opened = Incident(incident_id="inc_1", stream_id="orders", state=State.DETECTED)
    journal.commit(transition(opened, effects=effects, new_adapters=(adapter(),)))
    journal.hold([held(f"e{number}", incident_id="inc_1") for number in range(5)] + [held("free")])
    journal.deliver([delivery("e0"), delivery("e1")])
    journal.close()
    archive = open_archive(path / "archive.db")
    archive.append_events("orders", [recorded(f"e{number}") for number in range(700)])
    archive.put_run(Run(run_id="run_1", stream_id="orders"))
    archive.close()


def cta(*arguments: str, folder: Path) -> Result:
    """`cta store` in this process."""
    return CliRunner().invoke(store, [*arguments, "--store", str(folder)], env={"CTA_OUTPUT": ""})


def counter(path: Path) -> int:
    """The counter of a file."""
    conn = sqlite3.connect(path)
    value = int(conn.execute("SELECT value FROM counters").fetchone()[0])
    conn.close()
    return value


def whole(path: Path) -> dict[str, bytes]:
    """Every file of a folder, with what is in it."""
    return {found.name: found.read_bytes() for found in path.iterdir()}


def parts(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parts of a report by name."""
    return {part["name"]: part for part in report["parts"]}


def test_a_whole_store_is_fine(folder: Path) -> None:
    """Versions, sizes and rows of each table are told, for people and as JSON."""
    told = cta("check", folder=folder)
    assert told.exit_code == FINE, told.output
    assert "held 6" in told.stdout
    assert told.stderr == ""
    report = json.loads(cta("check", "-o", "json", folder=folder).stdout)
    journal, archive = parts(report)["journal"], parts(report)["archive"]
    assert report["health"] == journal["health"] == archive["health"] == "FINE"
    assert journal["version"] == names_of(journal_migrations())[-1]
    assert (journal["tables"]["held"], journal["tables"]["deliveries"], journal["tables"]["effects"]) == (6, 2, 1)
    assert archive["tables"]["event_blocks"] == 2
    assert journal["bytes"] == (folder / "journal.db").stat().st_size


def test_a_check_changes_nothing(folder: Path) -> None:
    """No file is written, and none is made."""
    before = whole(folder)
    assert cta("check", folder=folder).exit_code == FINE
    assert whole(folder) == before


def test_what_a_killed_server_left_in_its_log_is_seen(folder: Path, tmp_path: Path) -> None:
    """Rows that are in the log only count, and stay there."""
    journal = open_journal(folder / "journal.db")
    journal.hold([held("late")])
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal", "archive.db"):
        shutil.copy(folder / name, copy / name)
    journal.close()
    before = whole(copy)
    report = json.loads(cta("check", "-o", "json", folder=copy).stdout)
    assert parts(report)["journal"]["tables"]["held"] == 7
    assert report["health"] == "FINE"
    assert before.items() <= whole(copy).items()


@pytest.mark.parametrize("verb", ["check", "migrate"])
def test_a_store_in_use_is_left_alone(folder: Path, verb: str) -> None:
    """The error names the process that has it, and what can be looked at instead."""
    journal = open_journal(folder / "journal.db")
    told = cta(verb, folder=folder)
    journal.close()
    assert told.exit_code == REFUSED
    assert f"in use by process {os.getpid()}; stop it, or name a copy of the store" in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize("verb", ["check", "migrate"])
def test_where_no_store_is_none_is_made(tmp_path: Path, verb: str) -> None:
    """A folder that is not there, or is empty, stays so."""
    for place in (tmp_path / "nowhere", tmp_path):
        told = cta(verb, "-o", "json", folder=place)
        assert told.exit_code == REFUSED
        assert "there is no store in" in json.loads(told.stderr)["error"]["what"]
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key_is_wrong_usage(folder: Path) -> None:
    """The configuration is read as the server reads it."""
    assert cta("check", "--set", "store.archive=redis://x", folder=folder).exit_code == USAGE
    assert cta("check", "--set", "store.archive=clickhouse://x?y=z", folder=folder).exit_code == USAGE
    assert cta("check", "--set", "store.pth=x", folder=folder).exit_code == USAGE


def test_an_older_store_says_what_would_be_done(tmp_path: Path) -> None:
    """The steps are named and nothing is done."""
    folder = tmp_path / "old"
    older(folder)
    before = whole(folder)
    told = cta("check", folder=folder)
    assert told.exit_code == TOO_OLD
    assert f"to be done: {'; '.join(names_of(journal_migrations())[1:])}" in told.stdout
    assert "cta store migrate" in told.stderr
    assert whole(folder) == before


def test_a_migration_copies_first_and_loses_nothing(tmp_path: Path) -> None:
    """The copies are the old store, for their owner alone; the files are of this release, with all rows."""
    folder = tmp_path / "old"
    older(folder)
    told = cta("migrate", "-o", "json", folder=folder)
    assert told.exit_code == FINE, told.output
    done = json.loads(told.stdout)
    assert [Path(copy).name for copy in done["copies"]] == ["journal.db", "archive.db"]
    assert done["done"][0] == f"journal: {names_of(journal_migrations())[1]}"
    for copy in map(Path, done["copies"]):
        assert counter(copy) == counter(folder / copy.name) == 41
        assert copy.stat().st_mode & 0o077 == 0
        assert copy.parent.stat().st_mode & 0o077 == 0
    assert cta("check", folder=Path(done["copies"][0]).parent).exit_code == TOO_OLD
    assert cta("check", folder=folder).exit_code == FINE
    again = cta("migrate", folder=folder)
    assert again.exit_code == FINE
    assert "It was up to date." in again.stdout
    assert len(list(folder.glob("before-migration-*"))) == 1


def test_copies_that_cannot_be_made_stop_the_migration(tmp_path: Path) -> None:
    """Where the folder of the copies is a file, nothing changes and nothing is left behind."""
    folder = tmp_path / "old"
    older(folder)
    before = whole(folder)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    with pytest.raises(Exception, match=r"no copy could be made .* so nothing was changed"):
        copy_aside(check_store(folder), blocked / "copies")
    assert whole(folder) == before
    assert blocked.read_text() == "a file"


@pytest.mark.timeout(60)
def test_a_migration_that_is_killed_is_done_by_the_next(tmp_path: Path) -> None:
    """Killed at any moment, it leaves a store of the old or of the new release; named copies are whole."""
    chance = random.Random(5)
    for number in range(3):
        folder = tmp_path / str(number)
        older(folder)
        code = "from cta_server.store_command import store; import sys; print('up', flush=True); store(sys.argv[1:])"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "migrate", "--store", str(folder)],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.12)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert cta("check", folder=folder).exit_code in (FINE, TOO_OLD)
        for copies in folder.glob("before-migration-*Z"):
            assert {counter(copies / "journal.db"), counter(copies / "archive.db")} == {41}
        assert cta("migrate", folder=folder).exit_code == FINE
        assert {counter(folder / "journal.db"), counter(folder / "archive.db")} == {41}


@pytest.mark.parametrize("name", MIGRATIONS)
def test_a_store_of_a_newer_release_is_left_alone(folder: Path, name: str) -> None:
    """It is named as such, and a migration does not touch it."""
    run(
        folder / f"{name}.db",
        f"INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('{name}', 'x', '')",  # noqa: S608 - a name of ours
    )
    before = whole(folder)
    for verb in ("check", "migrate"):
        told = cta(verb, folder=folder)
        assert told.exit_code == TOO_NEW
        assert "unknown: x" in told.stdout
    assert whole(folder) == before


@pytest.mark.parametrize("name", MIGRATIONS)
@pytest.mark.parametrize("harm", ["pages", "text", "other"])
def test_a_damaged_file_is_named(folder: Path, name: str, harm: str) -> None:
    """Overwritten pages, a file of another kind and another program's database are damage, and no migration begins."""
    file = folder / f"{name}.db"
    if harm == "pages":
        with file.open("r+b") as opened:
            for page in range(8192, file.stat().st_size, 4096):
                opened.seek(page + 8)
                opened.write(b"\xa5" * 64)
    elif harm == "text":
        file.write_bytes(b"an innocent text file\n" * 300)
    else:
        file.unlink()
        run(file, "CREATE TABLE notes (text)")
    before = whole(folder)
    for verb in ("check", "migrate"):
        told = cta(verb, folder=folder)
        assert told.exit_code == DAMAGED, told.output
        assert f"{name:<11}damaged" in told.stdout
        assert "restore a copy" in told.stderr
    assert whole(folder) == before


BROKEN = {
    "1 groups of the quarantine are counted wrongly": "UPDATE held_counts SET count = 9 WHERE state = 'REDRIVEN'",
    "2 groups of the quarantine are counted wrongly": "DELETE FROM held_counts WHERE state = 'HELD'",
    "1 events are redriven without a delivery": "DELETE FROM deliveries WHERE position = 1",
    "1 unfinished effects belong to no incident": "DELETE FROM incidents",
    "1 incidents are not in the state of their last transition": "UPDATE transitions SET state = 'RESOLVED'",
    "3 revisions lie beyond the store's revision": "UPDATE counters SET value = 0",
    "1 incidents, adapters or effects are no JSON": "UPDATE effects SET body = '{'",
    "1 rows of deliveries name rows of held that": "UPDATE deliveries SET held_position = 99 WHERE position = 1",
    "1 blocks of recent events cannot be read": "UPDATE event_blocks SET count = 3 WHERE last = 700",
    "2 blocks of recent events cannot be read": "UPDATE event_blocks SET body = x'c1'",
    "1 blocks of recent events overlap": "UPDATE event_blocks SET last = 600 WHERE last = 700",
    "1 runs, reports, canaries or signatures are no JSON": "UPDATE runs SET trace = 'no'",
    "what waits for ClickHouse is counted wrongly": "UPDATE outbox_state SET value = 7 WHERE name = 'rows'",
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_promise_that_does_not_hold_is_named(folder: Path, sentence: str) -> None:
    """A store that SQLite finds whole is damaged where it contradicts itself, and the sentence says how."""
    sql = BROKEN[sentence]
    name = "archive" if any(table in sql for table in ("event_blocks", "runs", "outbox")) else "journal"
    run(folder / f"{name}.db", sql)
    told = cta("check", folder=folder)
    assert told.exit_code == DAMAGED
    assert sentence in told.stdout


def test_an_event_delivered_twice_is_named(folder: Path) -> None:
    """Were the rule of the table lost, the check would still see it."""
    run(
        folder / "journal.db",
        "CREATE TABLE copied AS SELECT * FROM deliveries; DROP TABLE deliveries; "
        "ALTER TABLE copied RENAME TO deliveries; INSERT INTO deliveries "
        "SELECT 9, held_position, stream_id, adapter_id, adapter_revision, time, raw FROM deliveries WHERE position=1",
    )
    told = cta("check", folder=folder)
    assert told.exit_code == DAMAGED
    assert "1 events were delivered more than once" in told.stdout


def test_the_worst_part_counts(folder: Path) -> None:
    """An archive that is gone is made by the next start; a damaged one outweighs the rest."""
    (folder / "archive.db").unlink()
    report = json.loads(cta("check", "-o", "json", folder=folder).stdout)
    assert (report["health"], parts(report)["archive"]["health"]) == (Health.FINE, Health.ABSENT)


def run(path: Path, sql: str) -> None:
    """Changes a file behind the store's back."""
    conn = sqlite3.connect(path)
    conn.executescript(sql)
    conn.commit()
    conn.close()
