"""A check of the archive's tables on ClickHouse: reached, of which release, and whether its parts are whole.

It makes and changes no table. What the check of parts may cost on a large table is bounded; what was not looked at is
said.
"""

from __future__ import annotations

from typing import Final

from cta_server.store.check.report import Health, PartReport
from cta_server.store.clickhouse.address import read_address
from cta_server.store.clickhouse.engine import Engine, open_engine
from cta_server.store.clickhouse.retention import days_of
from cta_server.store.clickhouse.schema import OLDEST, STEPS, VERSION, is_supported, version_of
from cta_server.store.errors import StoreLocked, StoreUnavailable

NAME: Final = "clickhouse"

LOOK_SECONDS: Final = 60.0
"""Longest check of one table's parts: it reads all of them. The embedded engine reads a gigabyte in some seconds."""

TABLES: Final = ("events", "runs", "reports", "canaries", "signatures")


def check_tables(url: str) -> PartReport:
    """How the tables are. Raises `InvalidInput` for a URL that is none, `StoreLocked` when a process has the folder."""
    address = read_address(url)
    place = str(address.name)
    if address.folder is not None and not address.folder.exists():
        return PartReport(name=NAME, place=place, health=Health.ABSENT)
    try:
        engine = open_engine(url)
    except StoreLocked:
        raise
    except StoreUnavailable as error:
        return PartReport(name=NAME, place=place, health=Health.AWAY, problems=(_what(place, error),))
    try:
        return _look(place, engine)
    except StoreUnavailable as error:
        return PartReport(name=NAME, place=place, health=Health.AWAY, problems=(_what(place, error),))
    finally:
        engine.close()


def _look(place: str, engine: Engine) -> PartReport:
    release = str(engine.rows("SELECT version()")[0][0])
    if not is_supported(release):
        told = f"ClickHouse {release} is too old; from {'.'.join(map(str, OLDEST))} on it works"
        return PartReport(name=NAME, place=place, health=Health.AWAY, problems=(told,))
    facts = {"release": release}
    found = version_of(engine)
    if not found:
        return PartReport(name=NAME, place=place, health=Health.ABSENT, facts=facts)
    rows = engine.rows(
        "SELECT table, sum(rows), count(), sum(bytes_on_disk) FROM system.parts "
        "WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)} GROUP BY table",
        {"tables": list(TABLES)},
    )
    there = {str(row[0]) for row in engine.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")}
    counts = {table: 0 for table in TABLES if table in there} | {str(table): int(count) for table, count, _, _ in rows}
    facts["parts"] = ", ".join(f"{table} {parts}" for table, _, parts, _ in sorted(rows)) or "none"
    days = {table: kept for table, kept in days_of(engine).items() if kept and table in TABLES}
    facts["days kept"] = ", ".join(f"{table} {kept}" for table, kept in sorted(days.items())) or "for good"
    problems = [f"the table {table} is missing" for table in TABLES if table not in there]
    for table in sorted(counts):
        try:
            whole = engine.rows(
                f"CHECK TABLE {table} SETTINGS check_query_single_value_result = 1",
                seconds=LOOK_SECONDS,
            )
            if not int(whole[0][0]):
                problems.append(f"the table {table} has a damaged part; `CHECK TABLE {table}` names it")
        except StoreUnavailable as error:
            facts[f"{table} not checked"] = _what(place, error)
    if found > VERSION:
        health = Health.TOO_NEW
        problems = [f"written by a newer release (version {found}, known: {VERSION}); use that release"]
    else:
        health = Health.DAMAGED if problems else Health.TOO_OLD if found < VERSION else Health.FINE
    return PartReport(
        name=NAME, place=place, health=health, version=str(found),
        pending=tuple(step.headline for step in STEPS[found:]), bytes=sum(int(row[3]) for row in rows),
        tables=counts, facts=facts, problems=tuple(problems),
    )  # fmt: skip


def _what(place: str, error: StoreUnavailable) -> str:
    return str(error).removeprefix(f"{place}: ")
