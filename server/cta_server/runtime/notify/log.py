"""What notifications ask of the journal: a log of notices, and each webhook's place in it.

A part of `runtime.ports.Journal`; `store.journal.notices` matches it by shape. Notices are written by the journal
itself, each in the transaction of what it tells of, once there is a webhook.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cta_core.notice import Notice


class WebhookPlace(msgspec.Struct, frozen=True, kw_only=True):
    """How far a webhook has got in the notices; all of it outlives the process."""

    name: str
    position: int = 0
    """Of the last notice that was taken or skipped."""
    delivered: int = 0
    skipped: int = 0
    """Notices that grew too old while they could not be delivered."""
    success_time: float = 0.0
    """When a notice or a ping was last taken; 0: never."""
    gone: str = ""
    """Mark of the address that answered 410 Gone; empty: none did."""


class NoticePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some notices in order, and the place up to which there are no others."""

    notices: tuple[Notice, ...]
    end: int


class WaitingNotices(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook has still before it."""

    count: int
    since: float
    """Time of the oldest; 0 if none waits."""


class NoticeLog(Protocol):
    """Every method that writes is one transaction."""

    def open_webhook(self, name: str) -> WebhookPlace:
        """The place of a webhook. A new one starts behind everything that has happened.

        Notices are written, each in the transaction of what it tells, once there is a webhook.
        """
        ...

    def place_webhook(self, place: WebhookPlace) -> None:
        """Writes how far a webhook has got."""
        ...

    def notices_after(
        self, position: int, *, types: Sequence[str] = (), streams: Sequence[str] = (), limit: int
    ) -> NoticePage:
        """What follows a place; `streams` are patterns with `*` and `?`. Without types or streams: all."""
        ...

    def waiting_notices(
        self, position: int, *, types: Sequence[str] = (), streams: Sequence[str] = ()
    ) -> WaitingNotices:
        """How many follow a place, and since when the first of them waits."""
        ...

    def trim_notices(self, before: float) -> int:
        """Drops the oldest up to a time; returns how many."""
        ...
