"""What a check of the store at rest finds, as values: for people as lines, for programs as JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Health(StrEnum):
    """How a part of the store is, from good to bad."""

    FINE = "FINE"
    ABSENT = "ABSENT"
    """It is not there yet: the server makes it when it starts."""
    TOO_OLD = "TOO_OLD"
    """Whole, of an older release: a start or `cta store migrate` brings it up to date."""
    AWAY = "AWAY"
    """It does not answer, or cannot be used as it is now."""
    TOO_NEW = "TOO_NEW"
    """A newer release wrote it."""
    DAMAGED = "DAMAGED"
    """It contradicts itself: restore a copy."""


ORDER: Final = tuple(Health)


class PartReport(msgspec.Struct, frozen=True, kw_only=True):
    """One part: a file, or the tables on ClickHouse."""

    name: str
    """`journal`, `archive` or `clickhouse`."""
    place: str
    """File or address, without a password."""
    health: Health
    version: str = ""
    """Its last migration; empty for none."""
    pending: tuple[str, ...] = ()
    """What bringing it up to date would do, in order."""
    bytes: int = 0
    """What it takes on the disk, logs included."""
    tables: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    """Rows by table."""
    facts: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """What else is known, by name."""
    problems: tuple[str, ...] = ()
    """What is wrong with it, a sentence each."""


class StoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole store."""

    folder: str
    health: Health
    """That of its worst part."""
    parts: tuple[PartReport, ...]


def worst(parts: tuple[PartReport, ...]) -> Health:
    """The worst health; a part that is not there yet does not count."""
    return max(
        (part.health for part in parts if part.health is not Health.ABSENT), key=ORDER.index, default=Health.ABSENT
    )
