"""What goes by age on ClickHouse: recent events up to a position, and runs, reports and canaries up to an id.

Deletes are lightweight: rows are out of every answer at once, and out of the files when the engine merges their parts.
"""

from __future__ import annotations

from cta_server.store.clickhouse.part import Part


class Erasing(Part):
    """The archive's deletes by age."""

    def erase_events(self, stream_id: str, *, up_to: int) -> None:
        """Drops events up to a position."""
        self._engine.change(
            "DELETE FROM events WHERE stream_id = {stream:String} AND position <= {last:UInt64}",
            {"stream": stream_id, "last": up_to},
        )

    def erase_history(self, stream_id: str, *, before: str) -> None:
        """Drops a stream's runs, reports and canaries whose id, without its prefix, is smaller: ids sort by time."""
        for table, key, prefix in (
            ("runs", "run_id", "run_"), ("reports", "report_id", "rep_"), ("canaries", "canary_id", "can_")
        ):  # fmt: skip
            self._engine.change(
                f"DELETE FROM {table} WHERE stream_id = {{stream:String}} AND {key} < {{last:String}}",  # noqa: S608 - names of ours
                {"stream": stream_id, "last": prefix + before},
            )
