"""What arrives from a spool: rows with the positions and versions that they have there, many to a block.

It decides the columns of such rows, and nothing about what is sent when: `store.relay` does. A block that is sent again
under its token counts once; a document that is sent again replaces itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cta_server.store.clickhouse import events, signatures
from cta_server.store.clickhouse.part import Part

_FOUND: Final = {"body": "String", "version": "UInt64", "deleted": "UInt8"}

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "events": events.COLUMNS,
    "signatures": signatures.COLUMNS,
    "runs": {
        "run_id": "String",
        "stream_id": "LowCardinality(String)",
        "request_id": "String",
        "failed": "UInt8",
        "trace": "String",
        **_FOUND,
    },
    "reports": {
        "report_id": "String",
        "stream_id": "LowCardinality(String)",
        "incident_id": "String",
        **_FOUND,
    },
    "canaries": {
        "canary_id": "String",
        "stream_id": "LowCardinality(String)",
        "adapter_id": "String",
        **_FOUND,
    },
}
"""The columns of the rows of each table, in order."""


class Arrivals(Part):
    """What a spool asks of the archive."""

    def arrive(self, table: str, rows: Sequence[Sequence[Any]], token: str) -> None:
        """Adds rows under a token. Raises `StoreConflict` when one of them will never be taken."""
        self._engine.insert(table, COLUMNS[table], rows, token=token)

    def last_positions(self) -> dict[str, int]:
        """The last position of each stream's events."""
        found = self._engine.rows("SELECT stream_id, max(position) FROM events GROUP BY stream_id")
        return {str(name): int(last) for name, last in found}

    def ping(self) -> None:
        """Asks for nothing. Raises `StoreUnavailable` when it is away."""
        self._engine.rows("SELECT 1")
