"""A small HTTP front over the embedded ClickHouse engine: a test double of the wire, with the real engine behind it.

It speaks as much of ClickHouse's HTTP interface as clickhouse-connect uses, by urllib3 and by aiohttp: queries
and commands as a body or as a form, parameters, Native both ways, chunked bodies compressed with lz4, settings of an
insert, errors with their code, one user with a password, TLS. What goes wrong on a wire is made to order.

Its limits: it answers whole and uncompressed, knows no sessions, no roles, no progress headers and no settings of a
query other than those of an insert; what many clients at once do to a server, and what a cluster does, it cannot show.
`clickhouse_front` starts it as a process and gives it orders, a JSON object a line, each answered by its counts.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import email.parser
import email.policy
import json
import queue
import re
import socket
import ssl
import sys
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

CONNECTIONS: Final = 4
"""Connections to the engine: more measured no gain on two cores."""

ENGINE_SETTINGS: Final = (
    "insert_deduplication_token",
    "insert_deduplicate",
    "max_execution_time",
    "max_partitions_per_insert_block",
    "mutations_sync",
)
"""Settings that are handed on to the engine with an insert; the rest are the transport's or do not matter to a test."""

FORMAT: Final = re.compile(rb"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
INSERT: Final = re.compile(rb"\s*(INSERT\s+INTO\s+.+?)\s+FORMAT\s+Native[ \t]*\n", re.IGNORECASE | re.DOTALL)
CODE: Final = re.compile(r"Code: (\d+)")


class Engine:
    """Connections to the embedded engine, each used by one request at a time."""

    def __init__(self, folder: Path) -> None:
        self._free: queue.LifoQueue[tuple[Any, str]] = queue.LifoQueue()
        for _ in range(CONNECTIONS):
            self._free.put((chdb.connect(str(folder)), "default"))

    def run(self, sql: bytes, form: str, parameters: dict[str, str], database: str) -> bytes:
        """The answer in that format. Raises `RuntimeError` with the engine's text."""
        connection, current = self._free.get()
        try:
            if database and database != current:
                connection.query(f"USE `{database}`", "TabSeparated")
                current = database
            return bytes(connection.query(sql.decode("utf-8", "surrogateescape"), form, params=parameters).bytes())
        finally:
            self._free.put((connection, current))


class Faults:
    """What shall go wrong, and how often it did."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._left: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.slow: dict[str, float] = {}
        """Seconds before an answer, by kind: `read`, `write`, `insert`."""
        self.reject = b""
        """Inserts with these bytes are refused for good, as the engine refuses a value that does not fit."""

    def order(self, orders: dict[str, Any]) -> None:
        """Takes orders: the number of times for each fault, or a new value of the other two."""
        with self._turn:
            for name, value in orders.items():
                if name == "slow":
                    self.slow = dict(value)
                    self._turn.notify_all()
                elif name == "reject":
                    self.reject = value.encode()
                else:
                    self._left[name] = value

    def delay(self, kind: str) -> None:
        """Waits as long as is ordered, or until no delay is ordered any more."""
        with self._turn:
            self._turn.wait_for(lambda: kind not in self.slow, self.slow.get(kind, 0.0))

    def count(self, name: str) -> None:
        """Something happened."""
        with self._turn:
            self.counts[name] += 1

    def due(self, name: str) -> bool:
        """Whether this fault is to happen now; it is counted."""
        with self._turn:
            if self._left[name] < 1:
                return False
            self._left[name] -= 1
            self.counts[name] += 1
            return True


class Front(ThreadingHTTPServer):
    """The listener."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, engine: Engine, faults: Faults, *, login: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine, self.faults, self.tls = engine, faults, tls
        self.login = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self.open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection; its handshake is made in its own thread."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forgets a connection."""
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that ended early is the client's affair."""
        self.faults.count("broken")

    def vanish(self) -> None:
        """Stops listening as well."""
        self.shutdown()
        self.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """Cuts every connection."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Front

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """A ping, or a query in the address."""
        self._answer_request(b"")

    def do_POST(self) -> None:
        """A query, a command or an insert."""
        self._answer_request(self._body())

    def _answer_request(self, body: bytes) -> None:
        faults = self.server.faults
        address = urlsplit(self.path)
        if address.path == "/ping":
            self._answer(200, b"Ok.\n")
            return
        asked = dict(parse_qsl(address.query, keep_blank_values=True))
        if self.headers.get_content_type() == "multipart/form-data":
            form = self._form(body)
            asked.update(form)
            body = b""
        sql = b"\n".join(part for part in (asked.pop("query", "").encode("utf-8", "surrogateescape"), body) if part)
        insert = INSERT.match(sql)
        kind = "insert" if insert else "read" if sql.lstrip()[:6].upper() in (b"SELECT", b"DESCRI") else "write"
        faults.count(kind)
        if self.server.login and self.headers.get("Authorization") != self.server.login:
            self._refuse(
                "Code: 516. DB::Exception: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)"
            )
            return
        if faults.due("busy"):
            self._answer(503, b"the server is overloaded\n")
            return
        if kind == "insert" and faults.due("drop_before"):
            self.close_connection = True
            return
        faults.delay(kind)
        try:
            if insert:
                answer, form = self._insert(insert.group(1), sql[insert.end() :], asked), "Native"
            else:
                answer, form = self._query(sql, asked)
        except RuntimeError as error:
            self._refuse(str(error))
            return
        if kind == "insert" and faults.due("drop_after"):
            self.close_connection = True
            return
        self._answer(200, answer, form=form, whole=not (kind == "read" and faults.due("truncate")))

    def _query(self, sql: bytes, asked: dict[str, str]) -> tuple[bytes, str]:
        found = FORMAT.search(sql)
        form = found.group(1).decode() if found else "TabSeparated"
        bare = sql[: found.start()] if found else sql
        values = {name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")}
        return self.server.engine.run(bare, form, values, asked.get("database", "")), form

    def _insert(self, statement: bytes, block: bytes, asked: dict[str, str]) -> bytes:
        reject = self.server.faults.reject
        if reject and reject in block:
            self.server.faults.count("reject")
            raise RuntimeError("Code: 117. DB::Exception: Cannot parse the block: refused by order. (INCORRECT_DATA)")
        settings = ", ".join(f"{name} = '{asked[name]}'" for name in ENGINE_SETTINGS if name in asked)
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(block)
            file.flush()
            into = f" FROM INFILE '{file.name}' {f'SETTINGS {settings}' if settings else ''} FORMAT Native"
            return self.server.engine.run(statement + into.encode(), "Native", {}, asked.get("database", ""))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "lz4":
            body = _unpacked(body)
        return body

    def _form(self, body: bytes) -> dict[str, str]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        fields = {}
        for part in whole.iter_parts():
            value = part.get_payload(decode=True)
            assert isinstance(value, bytes)
            fields[str(part.get_param("name", header="content-disposition"))] = value.decode("utf-8", "surrogateescape")
        return fields

    def _refuse(self, text: str) -> None:
        start = text.find("Code: ")
        text = text[max(start, 0) :]
        code = CODE.search(text)
        number = code.group(1) if code else "1002"
        self._answer(403 if number == "516" else 500, text.encode() + b"\n", code=number)

    def _answer(self, status: int, body: bytes, *, form: str = "", code: str = "", whole: bool = True) -> None:
        """Head and body in one write: two cost 48 ms a request, since the client's system waits for the second."""
        head = [
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/octet-stream",
            "X-ClickHouse-Timezone: UTC",
            "X-ClickHouse-Summary: {}",
        ]
        head += [f"X-ClickHouse-Format: {form}"] if form and body else []
        head += [f"X-ClickHouse-Exception-Code: {code}"] if code else []
        sent = body if whole else body[: len(body) // 2]
        self.close_connection = self.close_connection or not whole
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + sent)


def _unpacked(body: bytes) -> bytes:
    """What is in a row of lz4 frames."""
    parts = []
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        parts.append(frame.decompress(body))
        body = frame.unused_data or b""
    return b"".join(parts)


def main() -> None:
    """Serves until its input ends; says its port first, then answers each order."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--login", default="", help="USER:PASSWORD that every request must bring")
    options.add_argument("--tls", nargs="+", metavar="FILE", help="certificate, key, and authorities of the clients")
    given = options.parse_args()
    tls = None
    if given.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*given.tls[:2])
        for authorities in given.tls[2:]:
            tls.load_verify_locations(authorities)
            tls.verify_mode = ssl.CERT_REQUIRED
    engine, faults = Engine(given.folder), Faults()

    def listen(port: int) -> Front:
        front = Front(port, engine, faults, login=given.login, tls=tls)
        threading.Thread(target=front.serve_forever, args=(0.02,), daemon=True).start()
        return front

    front = listen(given.port)
    port = int(front.server_address[1])
    away = False
    print(port, flush=True)
    for line in sys.stdin:
        orders = json.loads(line)
        wanted = bool(orders.pop("away", away))
        if wanted and not away:
            front.vanish()
        elif away and not wanted:
            front = listen(port)
        away = wanted
        if orders.pop("hang_up", False):
            front.hang_up()
        faults.order(orders)
        print(json.dumps(faults.counts), flush=True)


if __name__ == "__main__":
    main()
