"""`cta store` with an archive on ClickHouse: what it says of tables that are whole, old, new, damaged or away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cta_server.store import open_archive, open_journal
from cta_server.store.clickhouse import Retention, open_clickhouse
from cta_server.store.clickhouse.engine import open_engine
from cta_server.store.clickhouse.schema import STEPS, VERSION, migrate, version_of
from cta_server.store_command import store
from helpers.clickhouse_front import ClickHouseFront
from helpers.stores import recorded

FINE, AWAY, TOO_OLD, TOO_NEW, DAMAGED = 0, 3, 10, 11, 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The SQLite half of a store, up to date."""
    open_journal(tmp_path / "journal.db").close()
    open_archive(tmp_path / "archive.db").close()
    return tmp_path


def cta(verb: str, folder: Path, url: str) -> tuple[Result, dict[str, Any]]:
    """`cta store VERB` in this process, and what it says of ClickHouse."""
    arguments = [verb, "-o", "json", "--store", str(folder), "--set", f"store.archive={url}"]
    told = CliRunner().invoke(store, arguments, env={"CTA_OUTPUT": ""})
    return told, {part["name"]: part for part in json.loads(told.stdout)["parts"]}["clickhouse"]


def test_tables_that_are_whole_are_fine(folder: Path, url: str) -> None:
    """Release, version, rows, parts and days are told; nothing is changed and no password shown."""
    archive = open_clickhouse(url, Retention(events_days=30))
    archive.append_events("orders", [recorded(f"e{number}", time=2e9) for number in range(5)])
    archive.close()
    told, found = cta("check", folder, url.replace("//", "//me:hushhush@"))
    assert told.exit_code == FINE, told.output
    assert "hushhush" not in told.output
    assert (found["health"], found["version"]) == ("FINE", str(VERSION))
    assert found["tables"] == {"events": 5, "runs": 0, "reports": 0, "canaries": 0, "signatures": 0}
    assert found["facts"]["days kept"] == "events 30"
    assert found["facts"]["parts"] == "events 1"
    assert found["bytes"] > 0


def test_a_database_without_tables_is_no_damage(folder: Path, url: str) -> None:
    """They are made by the next start; the check makes none."""
    told, found = cta("check", folder, url)
    assert told.exit_code == FINE
    assert found["health"] == "ABSENT"
    engine = open_engine(url)
    assert engine.rows("SELECT count() FROM system.tables WHERE database = currentDatabase()") == [(0,)]
    engine.close()


def test_older_tables_are_brought_up_to_date(folder: Path, url: str) -> None:
    """The check names the steps and does nothing; the migration does them."""
    engine = open_engine(url)
    migrate(engine, version=1)
    told, found = cta("check", folder, url)
    assert told.exit_code == TOO_OLD
    assert found["pending"] == [step.headline for step in STEPS[1:]]
    assert version_of(engine) == 1
    told, found = cta("migrate", folder, url)
    assert told.exit_code == FINE
    assert (found["health"], found["version"]) == ("FINE", str(VERSION))
    assert json.loads(told.stdout)["copies"] == []
    assert version_of(engine) == VERSION
    engine.close()


def test_tables_of_a_newer_release_are_left_alone(folder: Path, url: str) -> None:
    """Neither verb touches them."""
    engine = open_engine(url)
    migrate(engine)
    engine.insert("cta_schema", {"version": "UInt32"}, [[VERSION + 1]])
    for verb in ("check", "migrate"):
        told, found = cta(verb, folder, url)
        assert told.exit_code == TOO_NEW
        assert "written by a newer release" in found["problems"][0]
    engine.close()


def test_a_table_that_is_missing_is_damage(folder: Path, url: str) -> None:
    """It is named."""
    engine = open_engine(url)
    migrate(engine)
    engine.change("DROP TABLE runs")
    told, found = cta("check", folder, url)
    assert told.exit_code == DAMAGED
    assert found["problems"] == ["the table runs is missing"]
    engine.close()


def test_a_part_that_was_overwritten_is_damage(folder: Path, url: str, front: ClickHouseFront) -> None:
    """Bytes that changed on the disk are found by their checksums, and the table is named."""
    archive = open_clickhouse(url)
    archive.append_events("orders", [recorded(f"e{number}", message="x" * 300) for number in range(50)])
    archive.close()
    engine = open_engine(url)
    path = Path(
        str(
            engine.rows(
                "SELECT path FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active"
            )[0][0]
        )
    )
    engine.close()
    data = next(found for found in (front.folder / path / "data.bin", path / "data.bin") if found.exists())
    harmed = bytearray(data.read_bytes())
    harmed[len(harmed) // 2] ^= 0xFF
    data.write_bytes(harmed)
    told, found = cta("check", folder, url)
    assert told.exit_code == DAMAGED
    assert "the table events has a damaged part" in found["problems"][0]


@pytest.mark.parametrize("verb", ["check", "migrate"])
def test_a_server_that_is_away_is_told(folder: Path, front: ClickHouseFront, verb: str) -> None:
    """The files are looked at all the same, and nothing is migrated by halves."""
    front.order(away=True)
    told, found = cta(verb, folder, front.url())
    assert told.exit_code == AWAY
    assert "is it running, and reached from here?" in found["problems"][0]
    assert {part["name"]: part["health"] for part in json.loads(told.stdout)["parts"]}["journal"] == "FINE"


def test_the_embedded_engine_in_use_is_told(folder: Path, front: ClickHouseFront) -> None:
    """A process that has the engine's folder keeps the check off it, with exit code 1."""
    told = CliRunner().invoke(
        store,
        ["check", "--store", str(folder), "--set", f"store.archive=chdb://{front.folder}"],
        env={"CTA_OUTPUT": ""},
    )
    assert told.exit_code == 1
    assert f"in use by process {front.pid}; stop it" in told.stderr
