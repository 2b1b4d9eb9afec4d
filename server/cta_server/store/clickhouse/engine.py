"""ClickHouse as the parts of the archive use it: rows out, rows in, statements, over either wire.

It decides what a block's token is and how long a call may take, and it has errors named; it knows no table.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cta_server.store.clickhouse.address import read_address
from cta_server.store.clickhouse.naming import named_errors
from cta_server.store.clickhouse.wire import Wire, connect
from cta_server.store.errors import StoreConflict

WINDOW: Final = 1000
"""Insert tokens that each table remembers: a repeated insert is recognised within as many others."""


class Engine:
    """An open connection. Calls block and may come from any thread; over a server they run side by side."""

    def __init__(self, wire: Wire, name: Path, seconds: float) -> None:
        self._wire = wire
        self._seconds = seconds
        self.name = name
        """Where the data is, for messages; without the password."""

    def rows(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        raw: Sequence[str] = (),
        seconds: float | None = None,
    ) -> list[Any]:
        """The rows of a query; the columns in `raw` as bytes, other texts as str.

        `seconds` is the longest wait for a server; None takes that of the address.
        """
        limit = seconds or self._seconds
        with named_errors(self.name, limit):
            return self._wire.query(sql, parameters or {}, dict.fromkeys(raw, "bytes"), limit)

    def change(self, sql: str, parameters: Mapping[str, Any] | None = None, *, seconds: float | None = None) -> None:
        """Runs a statement that gives no rows, and waits until it is done."""
        limit = seconds or self._seconds
        with named_errors(self.name, limit):
            self._wire.command(sql, parameters or {}, limit)

    def insert(
        self,
        table: str,
        columns: Mapping[str, str],
        rows: Sequence[Sequence[Any]],
        *,
        token: str = "",
        seconds: float | None = None,
    ) -> None:
        """Adds rows in one block.

        The block has a token: where it is sent again because the answer was lost, it counts once.

        Args:
            table: Its name.
            columns: The type of each column, by name, in the order of the rows.
            rows: Any number of rows.
            token: Names the block over restarts, for a caller that repeats it itself; empty: one of its own, for the
                repeats of the client.
            seconds: Longest wait for a server.

        Raises:
            StoreConflict: A row will never be taken.
            StoreUnavailable: It is not known whether the rows are there; the same token makes a repeat safe.
        """
        if not rows:
            return
        limit = seconds or self._seconds
        with named_errors(self.name, limit):
            try:
                self._wire.insert(table, rows, columns, token or uuid.uuid4().hex, limit)
            except (ValueError, OverflowError) as error:
                # The client turns rows into columns before it sends them; its text would show the value.
                raise StoreConflict(self.name, f"a value does not fit its column ({type(error).__name__})") from error

    def close(self) -> None:
        """Closes the connection, and ends the calls to a server that are under way; a second call does nothing."""
        self._wire.close()


def open_engine(url: str) -> Engine:
    """Connects. Raises `InvalidInput` for a URL that is none or a library that is missing, or `StoreError`."""
    address = read_address(url)
    with named_errors(address.name, address.seconds):
        return Engine(connect(address), address.name, address.seconds)
