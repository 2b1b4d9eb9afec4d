"""One connection to ClickHouse, over HTTP or to the engine inside this process, used by one thread at a time.

It decides how a URL is read, how rows go in and come out, and how the engine's errors are named; it knows no table. The
libraries are an optional extra and are loaded only when a ClickHouse archive is opened.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from cta_core.errors import InvalidInput
from cta_server.store.errors import StoreClosed, StoreConflict, StoreLocked, StoreUnavailable

EMBEDDED, REMOTE = "chdb", "clickhouse"

LOCKED: Final = "Cannot lock file"
"""What the embedded engine says when another process has its directory."""

SECONDS: Final = 10
"""Longest wait for a server's answer. The slowest call, the last 10,000 events of a stream, takes some 50 ms."""

WINDOW: Final = 1000
"""Insert tokens that each table remembers: a repeated insert is recognised within as many others."""


class Engine:
    """An open connection."""

    def __init__(self, client: Any, name: Path) -> None:
        self._client: Any = client
        self._turn = threading.Lock()
        self.name = name
        """Where the data is, for messages; without the password."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, *, raw: Sequence[str] = ()) -> list[Any]:
        """The rows of a query; the columns in `raw` as bytes, other texts as str."""
        with self._using() as client:
            formats = dict.fromkeys(raw, "bytes")
            found = client.query(sql, parameters=dict(parameters or {}), column_formats=formats or None)
            return list(found.result_rows)

    def change(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs a statement that gives no rows, and waits until it is done."""
        with self._using() as client:
            client.command(sql, parameters=dict(parameters or {}))

    def insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows in one block.

        The block has a token of its own: where the client sends it again because the answer was lost, it counts once.

        Args:
            table: Its name.
            columns: The type of each column, by name, in the order of the rows.
            rows: Any number of rows.
        """
        if not rows:
            return
        with self._using() as client:
            client.insert(
                table,
                rows,
                column_names=list(columns),
                column_type_names=list(columns.values()),
                settings={"insert_deduplication_token": uuid.uuid4().hex},
            )

    def close(self) -> None:
        """Closes the connection; a second call does nothing."""
        with self._turn:
            client, self._client = self._client, None
            if client is not None:
                client.close()

    @contextlib.contextmanager
    def _using(self) -> Generator[Any]:
        with self._turn:
            if self._client is None:
                raise StoreClosed(self.name)
            with named_errors(self.name):
                yield self._client


@contextlib.contextmanager
def named_errors(name: Path) -> Generator[None]:
    """Gives the client's errors the names of `store.errors`."""
    from clickhouse_connect.driver import exceptions  # noqa: PLC0415 - an optional extra

    try:
        yield
    except exceptions.OperationalError as error:
        raise StoreUnavailable(name, _first_line(error)) from error
    except exceptions.Error as error:
        text = _first_line(error)
        if LOCKED in str(error):
            raise StoreLocked(name, "") from error
        if isinstance(error, exceptions.DataError):
            raise StoreConflict(name, text) from error
        raise StoreUnavailable(name, text) from error
    except OSError as error:
        raise StoreUnavailable(name, _first_line(error)) from error


def open_engine(url: str) -> Engine:
    """Connects. Raises `InvalidInput` for a URL that is none or a library that is missing, or `StoreError`."""
    parts = urlsplit(url)
    try:
        import clickhouse_connect  # noqa: PLC0415 - an optional extra, 0.2 s to load
    except ImportError:
        raise InvalidInput.of("store.archive", "needs clickhouse-connect: pip install 'cta-act[clickhouse]'") from None
    if parts.scheme == EMBEDDED:
        path = Path(unquote(parts.netloc + parts.path)).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with named_errors(path):
                return Engine(clickhouse_connect.get_client(interface="chdb", path=str(path)), path)
        except ImportError:
            raise InvalidInput.of("store.archive", "chdb:// needs the embedded engine: pip install chdb") from None
    if parts.scheme != REMOTE or not parts.hostname:
        raise InvalidInput.of("store.archive", "must be empty, chdb://PATH or clickhouse://HOST[:PORT][/DATABASE]")
    secure = parse_qs(parts.query).get("secure", ["false"])[-1].lower() in ("1", "true", "yes")
    port = parts.port or (8443 if secure else 8123)
    name = Path(f"{parts.hostname}:{port}")
    with named_errors(name):
        client = clickhouse_connect.get_client(
            host=parts.hostname,
            port=port,
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=parts.path.strip("/") or "default",
            secure=secure,
            connect_timeout=SECONDS,
            send_receive_timeout=SECONDS,
            # One thread uses it, and a session would forbid a retry that overlaps a request that was cut off.
            autogenerate_session_id=False,
        )
    return Engine(client, name)


def _first_line(error: Exception) -> str:
    """What went wrong, without the stack of the engine and without the query's data."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
