"""A real HTTP receiver of webhooks in a thread, which answers as it is told and keeps what it got."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """How one request is answered."""

    status: int = 204
    headers: dict[str, str] = {}
    body: bytes = b""
    seconds: float = 0.0
    """How long it takes."""


class Received(msgspec.Struct, frozen=True):
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    """How it was answered."""

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def kind(self) -> str:
        """The event's type without what all types share."""
        return str(self.event["type"]).removeprefix("act.cta.").removesuffix(".v1")


class Receiver:
    """Listens while it is open. Answers 204 unless the next answers are set."""

    def __init__(self, port: int = 0, *, certificate: Path | None = None) -> None:
        self.got: list[Received] = []
        self.next: deque[Answer] = deque()
        self.always = Answer()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                answer = owner.next.popleft() if owner.next else owner.always
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.got.append(Received(self.path, headers, body, answer.status))
                time.sleep(answer.seconds)
                self.send_response(answer.status)
                for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                """Says nothing: the tests look at `got`."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A sender that hung up is no fault of a receiver."""

        self._server = Server(("127.0.0.1", port), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/hook?token=in-the-address"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def taken(self) -> list[Received]:
        """What was answered with 2xx."""
        return [one for one in self.got if one.status < 300]

    @property
    def kinds(self) -> list[str]:
        """The types of what was taken, short."""
        return [one.kind for one in self.taken]

    def close(self) -> None:
        """Stops listening; a second call does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
