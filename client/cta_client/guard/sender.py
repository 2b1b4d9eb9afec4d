"""Takes held events from the spool to the server, in batches and in order: what the gate held through ProcessEvents,
what a handler raised on through ReportFailures.

Repeating is safe: the server knows each event by its id and stores it once. An event that the server's newer gate lets
pass comes back at once and is handled here. What the server refuses for good stays in the spool as STUCK. Called by
the link's thread only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import grpc

from cta.v1 import event_pb2
from cta.v1 import event_service_pb2 as api
from cta_client.guard.desk import Desk
from cta_client.guard.spool import Entry

BATCH: Final = 500
"""Events of one call: half of what the API takes, stored in some milliseconds."""
BATCH_BYTES: Final = 2 * 1024 * 1024
"""Bytes of one call, below the API's 3 MiB; a larger event goes alone."""

FOR_GOOD: Final = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)
"""Refusals of the request itself, which no repeat mends."""


class Sender:
    """Empties a desk's spool."""

    def __init__(self, desk: Desk, stub: Any, metadata: tuple[tuple[str, str], ...], seconds: float) -> None:
        self._desk, self._stub, self._metadata, self._seconds = desk, stub, metadata, seconds

    def send_all(self, closing: threading.Event) -> None:
        """Sends until nothing waits. Raises `grpc.RpcError` when the server is away or full; the rest stays."""
        while not closing.is_set():
            waiting = self._desk.spool.entries("WAITING", BATCH)
            if not waiting:
                return
            for batch in _batches(waiting):
                self._send(batch)

    def _send(self, batch: list[Entry]) -> None:
        try:
            held, back = self._report(batch) if batch[0].stage else self._process(batch)
        except grpc.RpcError as error:
            too_large = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in str(error.details())
            if error.code() not in FOR_GOOD and not too_large:
                raise
            if len(batch) > 1:  # one of them is to blame, the others are not
                for entry in batch:
                    self._send([entry])
            else:
                self._desk.spool.sent([], stuck=[batch[0].event_id])
            return
        self._desk.spool.sent(held, back)

    def _process(self, batch: list[Entry]) -> tuple[list[str], list[tuple[str, bytes]]]:
        events = [event_pb2.Event(event_id=each.event_id, payload=event_pb2.Payload(data=each.raw)) for each in batch]
        answer = self._stub.ProcessEvents(
            api.ProcessEventsRequest(stream_id=self._desk.stream_id, events=events),
            timeout=self._seconds, metadata=self._metadata,
        )  # fmt: skip
        held, back = list[str](), list[tuple[str, bytes]]()
        for entry, outcome in zip(batch, answer.outcomes, strict=True):
            if outcome.kind in (event_pb2.OUTCOME_KIND_HEALTHY, event_pb2.OUTCOME_KIND_HEALED):
                body = outcome.payload
                back.append((entry.event_id, body.data if body.WhichOneof("body") == "data" else body.json.encode()))
            else:
                held.append(entry.event_id)
        return held, back

    def _report(self, batch: list[Entry]) -> tuple[list[str], list[tuple[str, bytes]]]:
        failures = [
            api.FailureReport(
                event=event_pb2.Event(event_id=each.event_id, payload=event_pb2.Payload(data=each.raw)),
                stage=each.stage, adapter_id=each.adapter_id, error_type=each.error_type, message=each.message,
            )
            for each in batch
        ]  # fmt: skip
        self._stub.ReportFailures(
            api.ReportFailuresRequest(stream_id=self._desk.stream_id, failures=failures),
            timeout=self._seconds, metadata=self._metadata,
        )  # fmt: skip
        return [each.event_id for each in batch], []


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Runs of one kind, each small enough for one call, in order."""
    for _, run in groupby(entries, key=lambda each: bool(each.stage)):
        batch, size = list[Entry](), 0
        for entry in run:
            if batch and size + len(entry.raw) > BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(entry)
            size += len(entry.raw)
        yield batch
