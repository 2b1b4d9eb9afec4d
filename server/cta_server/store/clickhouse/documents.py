"""Runs, reports and canaries on ClickHouse: whole values as JSON text, beside the columns that are asked for.

The newest version of an id counts; `FINAL` sees to that whether or not the engine has merged the older ones away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cta_core.canary import Canary
from cta_core.run import Run, TraceEvent
from cta_server.runtime.ports import StoredReport
from cta_server.store.clickhouse.part import Part

RUNS: Final = {
    "run_id": "String",
    "stream_id": "LowCardinality(String)",
    "request_id": "String",
    "failed": "UInt8",
    "body": "String",
    "trace": "String",
    "version": "UInt64",
}
REPORTS: Final = {
    "report_id": "String",
    "stream_id": "LowCardinality(String)",
    "incident_id": "String",
    "body": "String",
    "version": "UInt64",
}
CANARIES: Final = {
    "canary_id": "String",
    "stream_id": "LowCardinality(String)",
    "adapter_id": "String",
    "body": "String",
    "version": "UInt64",
}


class Documents(Part):
    """Runs, reports and canaries of the archive."""

    def put_run(self, run: Run) -> Run:
        """Inserts. A run with a known `request_id` of its stream, or with a known id, returns the one that exists."""
        with self._turn:
            known = self._engine.rows(
                "SELECT body, trace FROM runs FINAL WHERE run_id = {run:String} "
                "OR ({request:String} != '' AND stream_id = {stream:String} AND request_id = {request:String}) LIMIT 1",
                {"run": run.run_id, "stream": run.stream_id, "request": run.request_id},
            )
            if known:
                return _run(*known[0])
            head = msgspec.json.encode(msgspec.structs.replace(run, trace=())).decode()
            trace = msgspec.json.encode(run.trace).decode()
            row = [
                run.run_id,
                run.stream_id,
                run.request_id,
                int(run.failed_count > 0),
                head,
                trace,
                self.next_version(),
            ]
            self._engine.insert("runs", RUNS, [row])
            return run

    def get_run(self, run_id: str) -> Run | None:
        """The run with its trace, None if there is none."""
        found = self._engine.rows("SELECT body, trace FROM runs FINAL WHERE run_id = {run:String}", {"run": run_id})
        return _run(*found[0]) if found else None

    def list_runs(
        self, *, stream_id: str = "", failed_only: bool = False, before: str = "", limit: int = 50
    ) -> list[Run]:
        """By id, descending, without traces."""
        more = "failed = 1" if failed_only else ""
        return [msgspec.json.decode(body, type=Run) for body in self._list("runs", "run_id", before, limit,
                {"stream_id": stream_id}, more)]  # fmt: skip

    def put_report(self, report: StoredReport) -> None:
        """Inserts or replaces by id."""
        body = msgspec.json.encode(report).decode()
        row = [report.report_id, report.stream_id, report.incident_id, body, self.next_version()]
        self._engine.insert("reports", REPORTS, [row])

    def get_report(self, report_id: str) -> StoredReport | None:
        """The report, None if there is none."""
        body = self._one("reports", "report_id", report_id)
        return msgspec.json.decode(body, type=StoredReport) if body is not None else None

    def list_reports(
        self, *, stream_id: str = "", incident_id: str = "", before: str = "", limit: int = 50
    ) -> list[StoredReport]:
        """By id, descending."""
        asked = {"stream_id": stream_id, "incident_id": incident_id}
        found = self._list("reports", "report_id", before, limit, asked)
        return [msgspec.json.decode(body, type=StoredReport) for body in found]

    def put_canary(self, canary: Canary) -> None:
        """Inserts or replaces by id."""
        body = msgspec.json.encode(canary).decode()
        row = [canary.canary_id, canary.stream_id, canary.adapter_id, body, self.next_version()]
        self._engine.insert("canaries", CANARIES, [row])

    def get_canary(self, canary_id: str) -> Canary | None:
        """The canary, None if there is none."""
        body = self._one("canaries", "canary_id", canary_id)
        return msgspec.json.decode(body, type=Canary) if body is not None else None

    def list_canaries(
        self, *, stream_id: str = "", adapter_id: str = "", before: str = "", limit: int = 50
    ) -> list[Canary]:
        """By id, descending."""
        asked = {"stream_id": stream_id, "adapter_id": adapter_id}
        found = self._list("canaries", "canary_id", before, limit, asked)
        return [msgspec.json.decode(body, type=Canary) for body in found]

    def _one(self, table: str, key: str, value: str) -> str | None:
        found = self._engine.rows(
            f"SELECT body FROM {table} FINAL WHERE {key} = {{value:String}}",  # noqa: S608 - names of ours
            {"value": value},
        )
        return str(found[0][0]) if found else None

    def _list(
        self, table: str, key: str, before: str, limit: int, asked: Mapping[str, str], more: str = ""
    ) -> list[str]:
        """Bodies by id, descending; empty filters ask for nothing."""
        values: dict[str, Any] = {"limit": limit, "before": before}
        values.update(asked)
        terms = [f"{name} = {{{name}:String}}" for name, value in asked.items() if value]
        terms += [f"{key} < {{before:String}}"] if before else []
        terms += [more] if more else []
        where = f"WHERE {' AND '.join(terms)}" if terms else ""
        found = self._engine.rows(
            f"SELECT body FROM {table} FINAL {where} ORDER BY {key} DESC LIMIT {{limit:UInt64}}",  # noqa: S608 - names of ours
            values,
        )
        return [str(row[0]) for row in found]


def _run(body: str, trace: str) -> Run:
    head = msgspec.json.decode(body, type=Run)
    return msgspec.structs.replace(head, trace=msgspec.json.decode(trace, type=tuple[TraceEvent, ...]))
