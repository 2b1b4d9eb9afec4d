"""The link of one guard: three threads that speak to the server for it, so that no handler waits for the network.

One thread watches adapters, fetches the contract and acknowledges each revision; one reads the log of deliveries; one
sends what the desk holds and notices a server that went silent. They use gRPC's plain channels, because a consumer's
own loop may be busy for as long as its author likes. They decide nothing about events.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import grpc
import msgspec
from google.protobuf.duration_pb2 import Duration

from cta.v1 import adapter_service_pb2 as adapter_api
from cta.v1 import adapter_service_pb2_grpc, event_service_pb2_grpc, stream_service_pb2_grpc
from cta.v1 import event_service_pb2 as event_api
from cta.v1 import stream_service_pb2 as stream_api
from cta.v1.adapter_pb2 import Adapter
from cta_client.guard.desk import PATIENCE_SECONDS, Desk
from cta_client.guard.picture import Picture, read_adapter
from cta_client.guard.sender import Sender
from cta_core.errors import CtaError
from cta_core.event import EventLimits
from cta_core.gate import ActiveAdapter

CALL_SECONDS: Final = 5.0
"""Time of a call: a batch of held events is stored in milliseconds, so five seconds mean a server in trouble."""
LONGEST_WAIT_SECONDS: Final = 1.0
"""Longest wait before the next try to reach the server."""
REFRESH_SECONDS: Final = 1.0
"""Shortest time between two looks at the stream: its contract changes by hand, a few times a week."""

Metadata = tuple[tuple[str, str], ...]

log = logging.getLogger("cta_client.guard")


class Link:
    """Keeps a desk's picture fresh, and takes what it holds to the server."""

    def __init__(self, desk: Desk, dial: Callable[[], grpc.Channel], metadata: Metadata = ()) -> None:
        self._desk, self._dial, self._metadata = desk, dial, metadata
        self._closing = threading.Event()
        self._heard = time.monotonic()
        self._calls: list[Any] = []
        self._draft: dict[str, ActiveAdapter] | None = None
        self._acked: dict[str, int] = {}
        self._counted: Counter[str] = Counter()
        self._looked = (0, 0.0)
        # Daemons: a consumer that ends without closing its guard still ends; what is held is on its disk.
        self._threads = [
            threading.Thread(target=self._persist, args=(work,), name=f"cta {name} {desk.stream_id}", daemon=True)
            for name, work in (("watch", self._watch), ("deliveries", self._deliveries), ("sender", self._send))
        ]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def close(self, patience: float) -> None:
        """Sends what is held, for `patience` seconds at most, and ends."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self._desk.away_seconds() and self._desk.spool.count("WAITING"):
            time.sleep(0.02)
        self._closing.set()
        self._desk.work.set()
        while any(thread.is_alive() for thread in self._threads):
            for call in tuple(self._calls):
                call.cancel()
            for thread in self._threads:
                thread.join(0.1)

    def _persist(self, work: Callable[[grpc.Channel], None]) -> None:
        """Does its work over as many channels as it takes."""
        wait = 0.1
        while not self._closing.is_set():
            began = time.monotonic()
            channel = self._dial()
            try:
                work(channel)
            except grpc.RpcError as error:
                self._broken(work, error)
            except Exception:
                # A thread that dies in silence would leave a guard that looks fresh and is not.
                log.exception("the guard of %s stumbled; it tries again", self._desk.stream_id)
                self._desk.lost("an error of the guard; see the log")
            finally:
                channel.close()
            wait = 0.1 if time.monotonic() - began > LONGEST_WAIT_SECONDS else min(wait * 2, LONGEST_WAIT_SECONDS)
            # Jitter keeps many workers of one server from coming back in step.
            self._closing.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _broken(self, work: object, error: grpc.RpcError) -> None:
        if self._closing.is_set():
            return
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        details = error.details() if isinstance(error, grpc.Call) else ""
        why = "the server went silent" if code is grpc.StatusCode.CANCELLED else f"{code.name}: {details}"
        if work != self._watch:
            self._desk.trouble = why  # the watch says whether the server is there
            return
        if not self._desk.away_seconds():
            log.warning("STALE: the guard of %s goes on with what it has: %s", self._desk.stream_id, why)
        self._desk.lost(why)

    def _reading(self, call: Any) -> Iterator[Any]:
        """A stream's messages; it is cancelled when the guard is closed or the server goes silent."""
        self._calls.append(call)
        try:
            yield from call
        finally:
            self._calls.remove(call)
            call.cancel()

    # The watch of adapters.

    def _watch(self, channel: grpc.Channel) -> None:
        adapters = adapter_service_pb2_grpc.AdapterServiceStub(channel)
        streams = stream_service_pb2_grpc.StreamServiceStub(channel)
        self._acked, self._looked = {}, (0, 0.0)
        # A snapshot each time: a worker's picture is a few adapters, and the server hears anew what it applies.
        call = adapters.WatchAdapters(
            adapter_api.WatchAdaptersRequest(
                worker_id=self._desk.worker_id,
                stream_ids=[self._desk.stream_id],
                checkpoint_interval=Duration(seconds=1),
            ),
            metadata=self._metadata,
        )
        self._heard = time.monotonic()
        for message in self._reading(call):
            self._heard = time.monotonic()
            self._take(message, adapters, streams)

    def _take(self, message: Any, adapters: Any, streams: Any) -> None:
        change = message.WhichOneof("change")
        if change == "snapshot_start":
            self._draft = {}
            return None
        fresh, refused = self._read(message.changes.adapters)
        gone = tuple(message.changes.removed_adapter_ids)
        if self._draft is not None:
            self._draft.update((each.adapter_id, each) for each in fresh)
            if change != "snapshot_end":
                return self._report(adapters, [], refused)
            # Nothing of the snapshot counts before its end.
            listed, self._draft = self._draft, None
            base = msgspec.structs.replace(self._base(), adapters=())
            self._put(base.having(listed.values()), message.revision, streams, again=True)
        else:
            self._put(self._base().having(fresh, gone), message.revision, streams, again=False)
        if self._desk.started and self._desk.away_seconds():
            log.warning("FRESH: the guard of %s has the server again", self._desk.stream_id)
        self._desk.heard()
        picture = self._desk.picture
        return self._report(adapters, picture.adapters if picture is not None else (), refused)

    def _base(self) -> Picture:
        return self._desk.picture or Picture(stream_id=self._desk.stream_id)

    def _read(self, sent: Iterable[Adapter]) -> tuple[list[ActiveAdapter], list[tuple[Adapter, str]]]:
        """Those that can be applied, each refused one replaced by its last good revision, and the refused ones."""
        fresh, refused = list[ActiveAdapter](), list[tuple[Adapter, str]]()
        for adapter in sent:
            try:
                fresh.append(read_adapter(adapter.adapter_id, adapter.revision, adapter.program_json))
            except (msgspec.DecodeError, CtaError) as error:
                refused.append((adapter, str(error)[:500]))
                log.warning("adapter %s, revision %s, is refused: %s", adapter.adapter_id, adapter.revision, error)
                fresh += [known for known in self._base().adapters if known.adapter_id == adapter.adapter_id]
        return fresh, refused

    def _put(self, picture: Picture, revision: int, streams: Any, *, again: bool) -> None:
        """Applies a picture, with the stream looked at again where it may have changed."""
        seen, when = self._looked
        if again or (revision > seen and time.monotonic() - when > REFRESH_SECONDS):
            stream = streams.GetStream(
                stream_api.GetStreamRequest(stream_id=self._desk.stream_id),
                timeout=CALL_SECONDS,
                metadata=self._metadata,
            ).stream
            self._looked = (revision, time.monotonic())
            policy, limits = stream.policy, EventLimits()
            picture = msgspec.structs.replace(
                picture,
                contract_json=stream.contract_json or stream.learned_contract_json,
                limits=EventLimits(
                    max_bytes=policy.max_event_bytes or limits.max_bytes, max_depth=policy.max_depth or limits.max_depth
                ),
            )
        self._desk.apply(picture)

    def _report(self, stub: Any, applied: Iterable[ActiveAdapter], refused: Iterable[tuple[Adapter, str]]) -> None:
        """Acknowledges what the server does not know yet."""
        told = [(each.adapter_id, each.revision, adapter_api.WORKER_OUTCOME_REFUSED, why) for each, why in refused]
        told += [(each.adapter_id, each.revision, adapter_api.WORKER_OUTCOME_APPLIED, "") for each in applied]
        for adapter_id, revision, outcome, why in told:
            healed = self._desk.healed_by[adapter_id] - self._counted[adapter_id]
            if self._acked.get(adapter_id, 0) >= revision and not healed:
                continue
            request = adapter_api.ReportAdapterRequest(
                worker_id=self._desk.worker_id, adapter_id=adapter_id, revision=revision, outcome=outcome,
                error_message=why, healed_count=healed,
            )  # fmt: skip
            stub.ReportAdapter(request, timeout=CALL_SECONDS, metadata=self._metadata)
            self._acked[adapter_id] = revision
            self._counted[adapter_id] += healed

    # What was held, there and back.

    def _deliveries(self, channel: grpc.Channel) -> None:
        events = event_service_pb2_grpc.EventServiceStub(channel)
        request = event_api.WatchEventsRequest(
            stream_id=self._desk.stream_id, view=event_api.EVENT_VIEW_DELIVERIES, resume_token=self._desk.spool.token
        )
        known = request.resume_token
        for message in self._reading(events.WatchEvents(request, metadata=self._metadata)):
            if not message.events and message.resume_token == known:
                continue
            known = message.resume_token
            found = [(each.event_id, _body(each.payload), _body(each.original)) for each in message.events]
            self._desk.spool.delivered(found, known)

    def _send(self, channel: grpc.Channel) -> None:
        sender = Sender(self._desk, event_service_pb2_grpc.EventServiceStub(channel), self._metadata, CALL_SECONDS)
        while not self._closing.is_set():
            self._desk.work.wait(0.2)
            if time.monotonic() - self._heard > PATIENCE_SECONDS:
                for call in tuple(self._calls):
                    call.cancel()
                self._heard = time.monotonic()
            if self._desk.work.is_set() and not self._closing.is_set():
                self._desk.work.clear()
                try:
                    sender.send_all(self._closing)
                    self._desk.trouble = ""
                except BaseException:
                    self._desk.work.set()
                    raise


def _body(payload: Any) -> bytes:
    return bytes(payload.data) if payload.WhichOneof("body") == "data" else payload.json.encode()
