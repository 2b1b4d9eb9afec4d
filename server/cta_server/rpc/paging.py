"""Pages of lists: keyset tokens that belong to one list and its filters, and pages that fit into a message.

A token is the base64url text of {version, hash of list and filters, last key}. It holds a place, not a result, so that
it stays good while entries come and go. A page ends early when its entries are large; the token goes on from there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from google.protobuf.message import Message

from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.refusals import PageTokenMismatch

VERSION: Final = 1
DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 1000
MAX_BYTES: Final = 3 * 1024 * 1024
"""Bytes of one page's entries: below the 4 MiB at which clients refuse an answer by default."""

BLOCK: Final = 100
"""Items read at once. Of the largest events (5 MiB) that is the most memory a page can take, of usual ones 100 kB."""

Key = TypeVar("Key", str, int)
Item = TypeVar("Item")
Entry = TypeVar("Entry", bound=Message)


class ListRequest(Protocol):
    """What the requests of all lists have."""

    @property
    def page_size(self) -> int:
        """Most entries to return."""
        ...

    @property
    def page_token(self) -> str:
        """From the former answer."""
        ...


class _Token(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    filters: bytes
    key: str | int


class Page(Generic[Key]):
    """One page of a list."""

    def __init__(self, request: ListRequest, start: Key, *filters: object, problems: Problems) -> None:
        """`start` is the key before the first entry; `filters` are all that choose the entries.

        Raises `PageTokenMismatch`. A negative size is noted in `problems`.
        """
        size = request.page_size
        if size < 0:
            problems.add("page_size", "must be 0 (means 50) or more")
        self.size: Final = min(size, MAX_SIZE) if size > 0 else DEFAULT_SIZE
        name = type(request).__name__
        self._filters = hashlib.blake2b(msgspec.json.encode([name, *filters]), digest_size=8).digest()
        self.after: Final[Key] = self._key(request.page_token, start) if request.page_token else start
        """Key of the last entry that the caller has seen."""

    def _key(self, text: str, start: Key) -> Key:
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            token = msgspec.msgpack.decode(base64.urlsafe_b64decode(padded), type=_Token)
            key = msgspec.convert(token.key, type(start))
        except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
            raise PageTokenMismatch from None
        if token.version != VERSION or token.filters != self._filters:
            raise PageTokenMismatch
        return key

    async def collect(
        self,
        read: Callable[[Key, int], Awaitable[Sequence[Item]]],
        write: Callable[[Item], Entry],
        key: Callable[[Item], Key],
    ) -> tuple[list[Entry], str]:
        """The page's entries, and the token of the next page; empty at the end.

        `read` gives so many items after a key. They are read a block at a time, so that a page of large ones never
        stands in memory whole.
        """
        entries: list[Entry] = []
        after, size = self.after, 0
        while True:
            # One more than fits tells whether there is a next page.
            wanted = min(BLOCK, self.size + 1 - len(entries))
            found = await read(after, wanted)
            for item in found:
                entry = write(item)
                size += entry.ByteSize()
                if len(entries) == self.size or (size > MAX_BYTES and entries):
                    return entries, self._token(after)
                entries.append(entry)
                after = key(item)
            if len(found) < wanted:
                return entries, ""

    def _token(self, key: str | int) -> str:
        raw = msgspec.msgpack.encode(_Token(VERSION, self._filters, key))
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
