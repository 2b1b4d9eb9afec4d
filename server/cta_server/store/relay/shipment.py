"""One batch on its way to ClickHouse: rows in blocks, each under its token, and orders to delete.

It decides what a refusal is blamed on. A block that is refused for good is halved until the rows to blame stand
alone; the halves have tokens of their own, so that a crash in between doubles nothing. The drainer calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cta_server.store.clickhouse import ClickHouseArchive
from cta_server.store.errors import StoreConflict, StoreUnavailable
from cta_server.store.relay.batch import Batch, Entry, Kind, Row
from cta_server.store.relay.outbox import Refused

TRIES: Final = 3
"""Times that a single row is offered before it is set aside."""

MOST: Final = 64
"""Rows of a batch that may be refused before one is taken; more is no fault of rows, and the batch waits."""


def ship(far: ClickHouseArchive, batch: Batch) -> list[Refused]:
    """Sends a batch and returns what is refused for good. Raises `StoreUnavailable`; then the batch is sent again."""
    if batch.order is not None:
        return _obey(far, batch.order)
    refused: list[Refused] = []
    for table, rows in batch.rows.items():
        refused += _Block(far, table).send(rows, batch.token)
    return refused


def _obey(far: ClickHouseArchive, order: Entry) -> list[Refused]:
    try:
        match order.kind:
            case Kind.FORGET:
                far.delete_stream(order.stream_id)
            case Kind.ERASE:
                far.erase_events(order.stream_id, up_to=order.number)
            case _:
                far.erase_history(order.stream_id, before=order.subject)
    except StoreConflict as error:
        return [Refused(entry=order, row=None, why=str(error))]
    return []


class _Block:
    """Rows for one table."""

    def __init__(self, far: ClickHouseArchive, table: str) -> None:
        self._far, self._table = far, table
        self._taken = self._refused = 0

    def send(self, rows: Sequence[Row], token: str) -> list[Refused]:
        """Sends rows; returns those that are refused."""
        tries = TRIES if len(rows) == 1 else 1
        while True:
            try:
                self._far.arrive(self._table, [row.values for row in rows], token)
            except StoreConflict as error:
                tries -= 1
                if not tries:
                    why = error
                    break
            else:
                self._taken += len(rows)
                return []
        if len(rows) > 1:
            half = len(rows) // 2
            return self.send(rows[:half], f"{token}a") + self.send(rows[half:], f"{token}b")
        self._refused += 1
        if self._refused > MOST and not self._taken:
            raise StoreUnavailable(why.path, f"refuses every row of {self._table}: {why}") from why
        return [Refused(entry=rows[0].entry, row=rows[0], why=str(why))]
