"""Where a ClickHouse archive is: `store.archive` as a value. It reads the text and says what is wrong with it.

`engine` asks it; `wire` connects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from cta_core.errors import InvalidInput, Violation

EMBEDDED, REMOTE = "chdb", "clickhouse"

SECONDS: Final = 10.0
"""Longest wait for a server's answer. The slowest call, the last 10,000 events of a stream, takes some 50 ms."""

LONGEST_SECONDS: Final = 600.0
"""Longest limit that may be asked for."""

KEY: Final = "store.archive"
SHAPE: Final = "must be empty, chdb://PATH or clickhouse://[USER:PASSWORD@]HOST[:PORT][/DATABASE]"
QUOTE: Final = "in user and password write / as %2F, ? as %3F and # as %23, and anywhere @ as %40"

_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A folder for the embedded engine, or a server."""

    folder: Path | None = None
    """Folder of the embedded engine; None for a server."""
    host: str = ""
    """Name or address of the server."""
    port: int = 8123
    """Its port for HTTP, or for HTTPS."""
    user: str = "default"
    """Who asks."""
    password: str = ""
    """Their password."""
    database: str = "default"
    """The database that has the tables."""
    secure: bool = False
    """TLS."""
    verify: bool = True
    """Whether the server's certificate has to be trusted."""
    ca_cert: str = ""
    """PEM file with the authorities that are trusted; empty: those of the system."""
    client_cert: str = ""
    """PEM file with the certificate that is shown to the server; empty: none is."""
    client_key: str = ""
    """PEM file with its private key."""
    seconds: float = SECONDS
    """Longest wait for an answer, all of it, seconds."""

    @property
    def name(self) -> Path:
        """Where the data is, for messages; without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.folder if self.folder is not None else Path(f"{host}:{self.port}/{self.database}")


def read_address(url: str) -> Address:
    """The address that the text names. Raises `InvalidInput`, which names what is wrong and what would be right."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Its own words would show what it took for a port, which may be the beginning of a password.
        raise InvalidInput.of(KEY, f"{SHAPE}, with a port from 1 to 65535; {QUOTE}") from None
    if parts.scheme == EMBEDDED:
        return Address(folder=Path(unquote(parts.netloc + parts.path)).absolute())
    if parts.scheme != REMOTE or not parts.hostname or port == 0:
        raise InvalidInput.of(KEY, SHAPE)
    if parts.fragment or "@" in parts.path + parts.query:
        # A password cut in two: its rest would be shown as the name of a database or of an option.
        raise InvalidInput.of(KEY, f"{SHAPE}; {QUOTE}")
    asked = _Query(parts.query)
    secure = asked.truth("secure", default=False)
    address = Address(
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")) or "default",
        secure=secure,
        verify=asked.truth("verify", default=True),
        ca_cert=asked.file("ca_cert"),
        client_cert=asked.file("client_cert"),
        client_key=asked.file("client_key"),
        seconds=asked.seconds("timeout"),
    )
    if not secure:
        asked.forbid(("verify", "ca_cert", "client_cert", "client_key"), "needs secure=true")
    if bool(address.client_cert) != bool(address.client_key):
        asked.problem("client_cert and client_key belong together: set both, or none")
    asked.end()
    return address


class _Query:
    """The part of the text behind `?`, and what is wrong with it."""

    def __init__(self, text: str) -> None:
        self._values = dict(parse_qsl(text, keep_blank_values=True))
        self._given = set(self._values)
        self._known: list[str] = []
        self._problems: list[str] = []

    def truth(self, name: str, *, default: bool) -> bool:
        """Whether it says true."""
        value = self._take(name).lower()
        if value and value not in (*_YES, *_NO):
            self.problem(f"{name} must be true or false")
        return value in _YES if value else default

    def file(self, name: str) -> str:
        """The path of a file that is there."""
        value = self._take(name)
        if value and not Path(value).is_file():
            self.problem(f"{name}: there is no file {value}")
        return value

    def seconds(self, name: str) -> float:
        """A time limit."""
        value = self._take(name)
        try:
            found = float(value) if value else SECONDS
        except ValueError:
            found = 0.0
        if not 0.1 <= found <= LONGEST_SECONDS:
            self.problem(f"{name} must be seconds, from 0.1 to {LONGEST_SECONDS:g}")
        return found

    def forbid(self, names: tuple[str, ...], why: str) -> None:
        """None of the names may be there."""
        for name in names:
            if name in self._given:
                self.problem(f"{name} {why}")

    def problem(self, text: str) -> None:
        """Something is wrong."""
        self._problems.append(text)

    def end(self) -> None:
        """Raises what is wrong; names that nobody asked for are."""
        for name in sorted(self._values):
            self.problem(f"{name} is not known; known: {', '.join(sorted(self._known))}")
        if self._problems:
            raise InvalidInput(tuple(Violation(KEY, text) for text in self._problems))

    def _take(self, name: str) -> str:
        self._known.append(name)
        return self._values.pop(name, "").strip()
