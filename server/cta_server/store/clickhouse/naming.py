"""The names of what goes wrong with ClickHouse: codes and the client's errors as `store.errors`, with what to do.

It decides which error is for good and which passes. Nothing of a query or of its data gets into a text.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
from collections.abc import Generator
from pathlib import Path
from typing import Final

from cta_server.store.errors import StoreClosed, StoreConflict, StoreError, StoreUnavailable

REFUSED_ROWS: Final = frozenset({6, 27, 33, 38, 41, 53, 69, 70, 72, 117, 131, 349, 469})
"""Codes of a row that will never be taken: it does not parse, does not fit its type or breaks a rule of the table."""

REMEDIES: Final = {
    81: "the database does not exist; create it there, or name another in store.archive",
    164: "the user may only read there; give it the right to write",
    194: "the user or its password is refused; mend store.archive",
    192: "the user or its password is refused; mend store.archive",
    193: "the user or its password is refused; mend store.archive",
    516: "the user or its password is refused; mend store.archive",
    497: "the user lacks a right; grant it SELECT, INSERT, ALTER, CREATE and DROP on the database",
    241: "it has no memory left for this; look at its limits",
    243: "its disk is full; make room there",
    252: "it has more parts than it can merge; look at its load",
}
"""What to do about the codes that an operator can mend."""

_TRUST: Final = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "self-signed certificate")
_TEXT: Final = re.compile(r"Code: \d+\. DB::\w*Exception: (?!Code: )(.*)", re.DOTALL)
_LITERAL: Final = re.compile(r"'(?:[^'\\]|\\.)*'")


@contextlib.contextmanager
def named_errors(name: Path, seconds: float) -> Generator[None]:
    """Gives the client's errors the names of `store.errors`; `seconds` is the time limit that held."""
    from clickhouse_connect.driver import exceptions  # noqa: PLC0415 - an optional extra

    try:
        yield
    except concurrent.futures.CancelledError:
        raise StoreClosed(name) from None
    except TimeoutError as error:
        raise StoreUnavailable(name, f"no answer within {seconds:g} s; look at its load and at the network") from error
    except exceptions.Error as error:
        raise _named(name, error, conflict=isinstance(error, exceptions.DataError)) from error
    except OSError as error:
        raise StoreUnavailable(name, f"{first_line(str(error))}; is it running, and reached from here?") from error


def _named(name: Path, error: Exception, *, conflict: bool) -> StoreError:
    text, code = str(error).removeprefix("Network Error: "), getattr(error, "code", None)
    if any(mark in text for mark in _TRUST):
        return StoreUnavailable(
            name, "its certificate is not trusted; name its authority with ca_cert=FILE, or trust any with verify=false"
        )
    if code in REMEDIES:
        return StoreUnavailable(name, f"{REMEDIES[code]} (code {code})")
    if conflict or code in REFUSED_ROWS:
        return StoreConflict(name, f"refuses a row: {first_line(text)}")
    if code is not None:
        return StoreUnavailable(name, f"refuses a query: {first_line(text)} (code {code})")
    if "Stream failed" in text:
        return StoreUnavailable(name, "its answer broke off; repeat, and look at the network and at its log")
    if "HTTP status" in text:
        status = re.search(r"HTTP status (\d+)", text)
        return StoreUnavailable(
            name, f"takes no queries now (HTTP {status.group(1) if status else '?'}); it may be starting or overloaded"
        )
    return StoreUnavailable(name, f"the connection failed ({first_line(text)}); is it running, and reached from here?")


def first_line(text: str) -> str:
    """What went wrong, without the stack of the engine, addresses and the query's data."""
    found = _TEXT.search(text)
    told = _LITERAL.sub("'...'", found.group(1)) if found else text
    lines = told.strip().splitlines() or ["it says nothing"]
    return re.sub(r" \(for url .*|: While executing .*| ssl:default| \(version .*", "", lines[0])[:300]
