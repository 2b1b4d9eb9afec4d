"""The two ways to ClickHouse: the engine inside this process, and a server over HTTP.

They decide how a call waits and how it ends. The embedded engine takes one call at a time. A server is asked through
the asynchronous client on a loop of its own: calls from several threads run side by side, each has a time limit as a
whole, and closing ends those that are under way instead of waiting for a server that is away. `Engine` calls them;
errors stay the client's, `naming` names them. The libraries are an optional extra, loaded when an archive is opened.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import fcntl
import logging
import os
import re
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from cta_core.errors import InvalidInput
from cta_server.store.clickhouse.address import KEY, LONGEST_SECONDS, REMOTE, Address
from cta_server.store.errors import StoreLocked

GRACE_SECONDS: Final = 2.0
"""Longest wait for the connections of a server to close; they are only cut then."""


IDLE_SECONDS: Final = 2.0
"""How long an idle connection is kept. Servers hang up after 3 s (as many are configured) or 10 s, and a statement that
meets a connection just hung up cannot be repeated safely."""

CACHE_BYTES: Final = 128 << 20
"""Room of the embedded engine for blocks that a search keeps: half of it is safe from being displaced, and 100,000
signatures take 18 MB of that."""


class Wire(Protocol):
    """An open connection; calls block, and may come from any thread."""

    def query(self, sql: str, parameters: Mapping[str, Any], formats: Mapping[str, str], seconds: float) -> list[Any]:
        """The rows of a query; `formats` gives the Python type of columns."""
        ...

    def command(self, sql: str, parameters: Mapping[str, Any], seconds: float) -> None:
        """A statement without rows."""
        ...

    def insert(
        self, table: str, rows: Sequence[Sequence[Any]], columns: Mapping[str, str], token: str, seconds: float
    ) -> None:
        """Rows in one block; a block with a token that the table knows counts as there."""
        ...

    def close(self) -> None:
        """Ends it, and the calls under way; later ones raise `CancelledError`. A second call does nothing."""
        ...


def connect(address: Address) -> Wire:
    """Connects. Raises `InvalidInput` when a library is missing, else what the client raises."""
    # What goes wrong is told by the errors: the client's own warnings would show addresses and stacks beside them.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    if find_spec("clickhouse_connect") is None:
        raise InvalidInput.of(KEY, "needs clickhouse-connect: pip install 'cta-act[clickhouse]'")
    try:
        return Remote(address) if address.folder is None else Embedded(address.folder)
    except ImportError as error:
        missing = "clickhouse:// needs aiohttp: pip install 'cta-act[clickhouse]'"
        embedded = "chdb:// needs the embedded engine: pip install chdb"
        raise InvalidInput.of(KEY, missing if address.folder is None else embedded) from error


class Embedded:
    """The engine in a folder, used by one thread at a time. Its calls have no time limit: nothing is on the way."""

    def __init__(self, folder: Path) -> None:
        from clickhouse_connect.driver import exceptions  # noqa: PLC0415 - an optional extra, 0.2 s to load

        _make_own(folder)
        # The engine would tell it on standard error only, with its stack.
        holder = _holder(folder / "status")
        if holder is not None and holder != str(os.getpid()):
            raise StoreLocked(folder, holder)
        self._turn = threading.Lock()
        try:
            self._client: Any = _library().get_client(
                interface="chdb", path=f"{folder}?uncompressed_cache_size={CACHE_BYTES}"
            )
        except exceptions.Error as error:
            # Another process was quicker; the engine tells the reason on standard error only.
            holder = _holder(folder / "status")
            if holder is not None:
                raise StoreLocked(folder, holder) from error
            raise

    def query(self, sql: str, parameters: Mapping[str, Any], formats: Mapping[str, str], seconds: float) -> list[Any]:
        """Matches `Wire`."""
        del seconds
        with self._turn:
            found = self._opened().query(sql, parameters=dict(parameters), column_formats=dict(formats) or None)
            return list(found.result_rows)

    def command(self, sql: str, parameters: Mapping[str, Any], seconds: float) -> None:
        """Matches `Wire`."""
        del seconds
        with self._turn:
            self._opened().command(sql, parameters=dict(parameters))

    def insert(
        self, table: str, rows: Sequence[Sequence[Any]], columns: Mapping[str, str], token: str, seconds: float
    ) -> None:
        """Matches `Wire`."""
        del seconds
        with self._turn:
            self._opened().insert(table, rows, **_insert(columns, token))

    def close(self) -> None:
        """Matches `Wire`; a call under way is waited for."""
        with self._turn:
            client, self._client = self._client, None
            if client is not None:
                client.close()

    def _opened(self) -> Any:
        if self._client is None:
            raise concurrent.futures.CancelledError
        return self._client


class Remote:
    """A server, asked by any number of threads at once."""

    def __init__(self, address: Address) -> None:
        self._turn = threading.Lock()
        self._client: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=REMOTE, daemon=True)
        self._thread.start()
        try:
            self._client = self._submit(lambda: _client(address), address.seconds).result()
        except BaseException:
            self._end(None)
            raise

    def query(self, sql: str, parameters: Mapping[str, Any], formats: Mapping[str, str], seconds: float) -> list[Any]:
        """Matches `Wire`."""
        found = self._run(
            lambda client: client.query(sql, parameters=dict(parameters), column_formats=dict(formats) or None), seconds
        )
        return list(found.result_rows)

    def command(self, sql: str, parameters: Mapping[str, Any], seconds: float) -> None:
        """Matches `Wire`."""
        self._run(lambda client: client.command(sql, parameters=dict(parameters)), seconds)

    def insert(
        self, table: str, rows: Sequence[Sequence[Any]], columns: Mapping[str, str], token: str, seconds: float
    ) -> None:
        """Matches `Wire`."""
        self._run(lambda client: client.insert(table, rows, **_insert(columns, token)), seconds)

    def close(self) -> None:
        """Matches `Wire`."""
        with self._turn:
            client, self._client = self._client, None
        if client is not None:
            self._end(client)

    def _run(self, work: Callable[[Any], Coroutine[Any, Any, Any]], seconds: float) -> Any:
        with self._turn:
            client = self._client
            if client is None:
                raise concurrent.futures.CancelledError
            future = self._submit(lambda: work(client), seconds)
        return future.result()

    def _submit(self, work: Callable[[], Coroutine[Any, Any, Any]], seconds: float) -> concurrent.futures.Future[Any]:
        async def within() -> Any:
            async with asyncio.timeout(seconds):
                return await work()

        return asyncio.run_coroutine_threadsafe(within(), self._loop)

    def _end(self, client: Any) -> None:
        """Cancels what is under way, closes the connections and ends the thread."""
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(_leave(client), self._loop).result(GRACE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(GRACE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


def _make_own(folder: Path) -> None:
    """The engine's folder, open to its owner alone: its files, which the engine makes, are open to all by themselves.

    Raises `InvalidInput` where it cannot be made or written: the engine would tell it as a defect, with its stack.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        told = "it is no folder" if folder.exists() else error.strerror or str(error)
        raise InvalidInput.of(KEY, f"the folder {folder} cannot be made: {told}") from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise InvalidInput.of(KEY, f"the folder {folder} cannot be written; look at its owner and rights")
    with contextlib.suppress(PermissionError):  # another's folder, which we may use: its owner's affair
        folder.chmod(folder.stat().st_mode & 0o700)


def _holder(status: Path) -> str | None:
    """The process that has the engine's folder, empty when it does not say; None when nobody has it."""
    try:
        with status.open("r", encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found = re.search(r"PID: (\d+)", file.read())
                return found.group(1) if found else ""
    except OSError:
        pass
    return None


def _library() -> Any:
    """The client's library, whose arguments have no types."""
    return import_module("clickhouse_connect")


async def _client(address: Address) -> Any:
    return await _library().get_async_client(
        host=address.host,
        port=address.port,
        username=address.user,
        password=address.password,
        database=address.database,
        secure=address.secure,
        verify=address.verify,
        ca_cert=address.ca_cert or None,
        client_cert=address.client_cert or None,
        client_cert_key=address.client_key or None,
        # Each call has a limit as a whole; those of the client are for single steps of it, and shall not come first.
        connect_timeout=LONGEST_SECONDS,
        send_receive_timeout=LONGEST_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
        # A session would allow one call at a time, and no retry beside a request that was cut off.
        autogenerate_session_id=False,
    )


async def _leave(client: Any) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if client is not None:
        await client.close()
    await asyncio.get_running_loop().shutdown_default_executor()


def _insert(columns: Mapping[str, str], token: str) -> dict[str, Any]:
    return {
        "column_names": list(columns),
        "column_type_names": list(columns.values()),
        "settings": {
            "insert_deduplication_token": token,
            # A producer's event times may lie in more months than the 100 that a block may have otherwise; the server
            # would refuse such a block again and again.
            "max_partitions_per_insert_block": 0,
        },
    }
