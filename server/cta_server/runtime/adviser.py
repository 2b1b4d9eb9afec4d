"""Asks a language model about an incident that the analysis left open, over any OpenAI-compatible endpoint.

It sends what `diagnosis.advice` made of the events, three times, and hands the answers back as texts. It reads none of
them and decides nothing: the analysis process does. Whatever goes wrong is logged and leaves the incident as it was.
The investigation calls it, only when the report is ESCALATE.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog

from cta_server.config.settings import AdviserSettings

SAMPLES: Final = 3
"""Answers to one question. A model that is not sure of itself seldom says the same three times."""
MAX_REPLY: Final = 256 * 1024
"""Bytes of a reply that are read: an answer of 64 KiB, escaped, with what the endpoint says around it."""
MAX_TOKENS: Final = 4096
"""Tokens of an answer: the longest program that is read takes about 2,000."""
CHUNK: Final = 16 * 1024

log = structlog.get_logger(__name__)


class AdviceFailed(Exception):
    """The endpoint could not be asked, or said something that is no answer."""


class _Said(msgspec.Struct, frozen=True):
    content: str


class _Choice(msgspec.Struct, frozen=True):
    message: _Said


class _Reply(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...]


class Adviser:
    """Asks the model."""

    def __init__(self, settings: AdviserSettings) -> None:
        self._settings = settings
        # Its own threads: a slow endpoint must not take those that the store needs.
        self._threads = ThreadPoolExecutor(SAMPLES, thread_name_prefix="adviser")
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    async def ask(self, question: dict[str, Any]) -> tuple[str, ...]:
        """All the answers to a question (its messages and the form of its answer); none when one of them is missing."""
        body = msgspec.json.encode(
            {**question, "model": self._settings.model, "temperature": 0, "max_tokens": MAX_TOKENS}
        )
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + self._settings.timeout_seconds
        asked = [loop.run_in_executor(self._threads, self._post, body, deadline) for _ in range(SAMPLES)]
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return tuple(await asyncio.gather(*asked))
        except (AdviceFailed, TimeoutError) as error:
            log.warning("the language model gave no advice", why=str(error) or "it took too long")
            self._hang_up()
            await asyncio.gather(*asked, return_exceptions=True)
            return ()

    def close(self) -> None:
        """Ends what is under way."""
        self._hang_up()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hang_up(self) -> None:
        with self._lock:
            for sock in self._open:
                # Its thread wakes up with an error and closes it.
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _post(self, body: bytes, deadline: float) -> str:
        """One answer. `http.client` follows no redirect, so the key goes to nobody but the named host."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise AdviceFailed("it took too long")
        address = urlsplit(self._settings.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self._settings.key:
            headers["authorization"] = f"Bearer {self._settings.key}"
        connection = kind(address.hostname or "", address.port, timeout=left)
        sock: socket.socket | None = None
        try:
            connection.connect()
            if (sock := connection.sock) is not None:
                with self._lock:
                    self._open.add(sock)
            connection.request("POST", f"{address.path.rstrip('/')}/chat/completions", body, headers)
            with connection.getresponse() as response:
                if response.status != http.client.OK:
                    raise AdviceFailed(f"the endpoint answered {response.status}")
                return _content(_read(response, deadline))
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The kind only: an error's text may quote what was sent.
            raise AdviceFailed(f"the endpoint cannot be used: {type(error).__name__}") from None
        finally:
            with self._lock:
                self._open -= {sock}
            connection.close()


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The reply's bytes, within size and time: a timeout of the socket alone would let it drip for ever."""
    read = b""
    while chunk := response.read1(CHUNK):
        read += chunk
        if len(read) > MAX_REPLY:
            raise AdviceFailed(f"the reply is longer than {MAX_REPLY} bytes")
        if time.monotonic() > deadline:
            raise AdviceFailed("it took too long")
    return read


def _content(reply: bytes) -> str:
    try:
        choices = msgspec.json.decode(reply, type=_Reply).choices
    except (msgspec.DecodeError, RecursionError):
        raise AdviceFailed("the reply is no chat completion") from None
    if not choices:
        raise AdviceFailed("the reply holds no answer")
    return choices[0].message.content
