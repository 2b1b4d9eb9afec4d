"""The archive on ClickHouse: what a file of SQLite does not have. The contract itself is in `test_archive`."""

from __future__ import annotations

import fcntl
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from cta_core.errors import InvalidInput
from cta_server.config.settings import StoreSettings
from cta_server.store.clickhouse.engine import open_engine
from helpers.stores import recorded


@pytest.mark.parametrize("url", ["", "sqlite://x", "http://host", "clickhouse://", "clickhouse:///db"])
def test_another_url_is_refused(url: str) -> None:
    """A URL that names no ClickHouse is refused with what would be one."""
    with pytest.raises(InvalidInput, match=r"store\.archive"):
        open_engine(url)


if find_spec("chdb") is not None:
    from cta_server.app import open_storage
    from cta_server.store import open_journal
    from cta_server.store.archive import SqliteArchive
    from cta_server.store.clickhouse import open_clickhouse
    from cta_server.store.clickhouse.schema import VERSION, migrate, version_of
    from cta_server.store.errors import StoreClosed, StoreLocked, StoreTooNew
    from cta_server.store.relay import Relay

    def test_the_configuration_chooses_the_engine(tmp_path: Path) -> None:
        """Nothing is SQLite in the store's folder; `chdb://` is the embedded engine there."""
        with closing(open_journal(tmp_path / "journal.db")) as journal:
            sqlite = open_storage(journal, StoreSettings(path=str(tmp_path))).archive
            sqlite.close()
            embedded = open_storage(journal, StoreSettings(path=str(tmp_path), archive="chdb://")).archive
            embedded.close()
        assert isinstance(sqlite, SqliteArchive)
        assert isinstance(embedded, Relay)
        assert (tmp_path / "archive").is_dir()

    def test_only_the_owner_may_enter_the_folder_of_the_engine(tmp_path: Path) -> None:
        """The engine's own files are open to all, so their folder is not: a new one, and one of an older release."""
        (tmp_path / "old").mkdir(mode=0o755)
        for name in ("new", "old"):
            open_clickhouse(f"chdb://{tmp_path / name}").close()
            assert (tmp_path / name).stat().st_mode & 0o077 == 0, name

    def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
        """Events, positions and tables outlive the connection; migrating again changes nothing."""
        url = f"chdb://{tmp_path}/archive"
        first = open_clickhouse(url)
        first.append_events("orders", [recorded("e1"), recorded("e2")])
        first.close()
        with pytest.raises(StoreClosed):
            first.recent_events("orders")
        again = open_clickhouse(url)
        again.append_events("orders", [recorded("e3")])
        assert [(event.event_id, event.position) for event in again.recent_events("orders")] == [
            ("e3", 3),
            ("e2", 2),
            ("e1", 1),
        ]
        again.close()

    def test_a_folder_that_another_process_has_is_refused_in_words(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The error names the process, and the engine, which would print its own stack, is not asked."""
        with (tmp_path / "status").open("w") as status:
            fcntl.flock(status, fcntl.LOCK_EX)
            status.write("PID: 1\nStarted at: 2026-01-01 00:00:00\n")
            status.flush()
            with pytest.raises(StoreLocked, match="in use by process 1; stop it"):
                open_engine(f"chdb://{tmp_path}")
        assert capfd.readouterr().err == ""

    def test_a_folder_that_cannot_be_made_is_refused_in_words(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The error names the key and the folder; nothing is said of a network."""
        (tmp_path / "file").write_text("no folder")
        for place, told in ((tmp_path / "file", "it is no folder"), (Path("/proc/archive"), "No such file")):
            with pytest.raises(InvalidInput, match=f"store.archive: the folder {place} cannot be made: {told}"):
                open_engine(f"chdb://{place}")
        assert capfd.readouterr().err == ""

    def test_tables_of_a_newer_release_are_refused(tmp_path: Path) -> None:
        """A version that this release does not know is left alone."""
        engine = open_engine(f"chdb://{tmp_path}/archive")
        assert version_of(engine) == 0
        assert migrate(engine) == migrate(engine) == version_of(engine) == VERSION
        engine.insert("cta_schema", {"version": "UInt32"}, [[VERSION + 1]])
        with pytest.raises(StoreTooNew):
            migrate(engine)
        engine.close()
