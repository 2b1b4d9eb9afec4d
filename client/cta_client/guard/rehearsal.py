"""The rehearsal of one guarded handler: offers canaries to the server and runs their events dry, beside the real work.

One thread holds the call and takes tasks, one runs them; gRPC's own thread sends what they say and a heartbeat every
second. They read the desk's picture and nothing else of it: no event is held, counted or acknowledged by a dry run, and
whatever fails in here ends the offer and never the consumer. `Guards` starts it for handlers that are marked.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc
import msgspec

from cta.v1 import canary_service_pb2 as service
from cta.v1 import canary_service_pb2_grpc
from cta.v1 import canary_task_pb2 as api
from cta_client.guard.desk import Desk
from cta_client.guard.dry import NoLoop, answer_of
from cta_client.guard.handler import AsyncGuarded, Guarded
from cta_client.guard.picture import Picture, read_adapter
from cta_client.seconds import seconds
from cta_core.errors import CtaError
from cta_core.gate import Gate

SHARE: Final = 0.25
"""Share of the time in which a dry run is at work; in the rest it sleeps. A canary of 1,000 events on which a handler
takes a millisecond is over in four seconds, and the consumer loses a quarter of one core for that long."""
NAP_SECONDS: Final = 0.002
"""Shortest sleep: shorter ones cost more than they give, so they are saved up."""
BEAT_SECONDS: Final = 1.0
"""How often the server hears of it."""
SILENCE_SECONDS: Final = 3.0
"""Silence after which the server counts as away: it speaks every second."""
FLUSH_SECONDS: Final = 0.2
"""How long answers are gathered before they are sent: what is not sent is run again after a kill."""
UNKNOWN_WAIT_SECONDS: Final = 30.0
"""Wait after a refusal that a repeat does not mend, as by a server that knows no canaries in consumers."""

FOR_GOOD: Final = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED)

log = logging.getLogger("cta_client.guard")


class Rehearsal:
    """Offers the canaries of one handler."""

    def __init__(
        self,
        desk: Desk,
        guarded: Guarded[Any] | AsyncGuarded[Any],
        call: Callable[[Any], Any],
        dial: Callable[[], grpc.Channel],
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        """`call` is what runs dry: the handler itself, or the author's stand-in for it."""
        self._desk, self._guarded, self._call, self._dial, self._metadata = desk, guarded, call, dial, metadata
        self._closing = threading.Event()
        self._session: _Session | None = None
        self._known: tuple[str, Picture, Gate] | None = None
        """The last candidate's program with the picture it was compiled for, and their gate."""
        # Daemons: a consumer that ends without closing its guard still ends.
        self._thread = threading.Thread(target=self._persist, name=f"cta canary {desk.stream_id}", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Takes the offer back and ends; an event in the handler's hands is waited for, two seconds at most."""
        self._closing.set()
        session = self._session
        if session is not None:
            session.say(service.OfferCanariesRequest(farewell=api.CanaryFarewell()))
        self._thread.join(2.0)
        if session is not None:
            session.cancel()

    def _persist(self) -> None:
        """Offers over as many calls as it takes."""
        wait = 0.1
        while not self._closing.is_set():
            if not self._able():
                self._closing.wait(0.1)
                continue
            channel = self._dial()
            try:
                self._offer(channel)
                wait = 0.1
            except grpc.RpcError as error:
                code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
                wait = UNKNOWN_WAIT_SECONDS if code in FOR_GOOD else min(wait * 2, 1.0)
                log.info("the offer of canaries of %s ended: %s", self._desk.stream_id, code.name)
            except Exception:  # the consumer goes on whatever fails here
                log.exception("the offer of canaries of %s stumbled; it tries again", self._desk.stream_id)
            finally:
                channel.close()
            # Jitter keeps many workers of one server from coming back in step.
            self._closing.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _able(self) -> bool:
        """Whether a task could be run: there is a picture, and the handler's first event has shown their form."""
        guarded = self._guarded
        if isinstance(guarded, AsyncGuarded) and (guarded.loop is None or guarded.loop.is_closed()):
            return False
        return self._desk.started and self._desk.picture is not None and guarded.form_known

    def _offer(self, channel: grpc.Channel) -> None:
        """One call: offers, and hands its tasks to a thread of their own."""
        session = self._session = _Session(self._desk, self._guarded.stage, self._closing)
        runner = threading.Thread(
            target=self._run_all, args=(session,), name=f"cta dry run {self._desk.stream_id}", daemon=True
        )
        call = canary_service_pb2_grpc.CanaryServiceStub(channel).OfferCanaries(
            session.requests(), metadata=self._metadata
        )
        session.cancel = call.cancel
        runner.start()
        try:
            for message in call:
                session.hear(message)
        finally:
            session.end()
            call.cancel()

    def _run_all(self, session: _Session) -> None:
        """Runs the tasks of a call, one after another."""
        while not session.over.is_set():
            try:
                task = session.tasks.get(timeout=0.5)
            except queue.Empty:
                continue
            try:
                self._run(session, task)
            except NoLoop:
                session.say(service.OfferCanariesRequest(farewell=api.CanaryFarewell()))
                return
            except Exception as error:  # a fault of ours must not leave the lease to run out
                log.exception("a canary of %s stumbled", self._desk.stream_id)
                session.refuse(task.lease_id, f"the worker stumbled: {type(error).__name__}")

    def _run(self, session: _Session, task: api.CanaryTask) -> None:
        """One task: every event through the gate with the candidate, and through the handler."""
        try:
            gate = self._gate(task)
        except (msgspec.DecodeError, CtaError) as error:
            return session.refuse(task.lease_id, str(error)[:500])
        limit = seconds(task.event_limit)
        answers, flushed, debt = list[api.CanaryAnswer](), time.monotonic(), 0.0
        for index, event in enumerate(task.events):
            if session.over.is_set() or session.is_cancelled(task.lease_id):
                return None
            began = time.monotonic()
            session.busy_until = began + limit
            answer = answer_of(gate, event.payload.data, self._guarded, self._call, limit)
            session.busy_until = 0.0
            answer.index = index
            answers.append(answer)
            now = time.monotonic()
            if now - flushed > FLUSH_SECONDS:
                session.answer(task.lease_id, answers)
                answers, flushed = [], now
            debt += (now - began) * (1 / SHARE - 1)
            if debt >= NAP_SECONDS:
                session.over.wait(debt)
                debt = 0.0
        return session.answer(task.lease_id, answers)

    def _gate(self, task: api.CanaryTask) -> Gate:
        """The gate as it would be with the candidate, promoted now."""
        picture = self._desk.picture or Picture(stream_id=self._desk.stream_id)
        known = self._known
        if known is not None and known[0] == task.program_json and known[1] is picture:
            return known[2]
        candidate = read_adapter(task.adapter_id, picture.revision + 1, task.program_json)
        gate = picture.having([candidate]).gate()
        self._known = (task.program_json, picture, gate)
        return gate


class _Session:
    """One call of OfferCanaries: what is to be said, and what was told."""

    def __init__(self, desk: Desk, consumer: str, closing: threading.Event) -> None:
        self._desk, self._consumer, self._closing = desk, consumer, closing
        self.tasks: queue.SimpleQueue[api.CanaryTask] = queue.SimpleQueue()
        self.over = threading.Event()
        self.cancel: Callable[[], object] = lambda: None
        self.busy_until = 0.0
        """When the running event is over its limit; 0 while none runs."""
        self._said: queue.SimpleQueue[service.OfferCanariesRequest] = queue.SimpleQueue()
        self._lease = ""
        self._heard = time.monotonic()

    def requests(self) -> Iterator[service.OfferCanariesRequest]:
        """What the worker says, to the end of the call."""
        desk = self._desk
        offer = api.CanaryOffer(
            stream_id=desk.stream_id,
            worker_id=desk.worker_id,
            consumer=self._consumer,
            version=desk.options.version,
        )
        yield service.OfferCanariesRequest(offer=offer)
        while not self.over.is_set():
            try:
                said = self._said.get(timeout=BEAT_SECONDS)
            except queue.Empty:
                if time.monotonic() - self._heard > SILENCE_SECONDS:
                    self.cancel()
                    return
                if self.busy_until and time.monotonic() > self.busy_until:
                    continue  # a handler over its limit is no life that a heartbeat should tell of
                said = service.OfferCanariesRequest(heartbeat=api.CanaryHeartbeat(lease_id=self._lease))
            yield said
            if said.WhichOneof("said") == "farewell":
                return

    def hear(self, message: service.OfferCanariesResponse) -> None:
        """Takes what the server tells."""
        self._heard = time.monotonic()
        match message.WhichOneof("told"):
            case "task":
                self._lease = message.task.lease_id
                self.tasks.put(message.task)
            case "cancel":
                if self._lease == message.cancel.lease_id:
                    self._lease = ""
            case "notice":
                log.info("canary of %s: %s", self._desk.stream_id, message.notice.message)
            case _:
                pass

    def is_cancelled(self, lease_id: str) -> bool:
        """Whether the task was taken back."""
        return self._lease != lease_id

    def answer(self, lease_id: str, answers: list[api.CanaryAnswer]) -> None:
        """Says what became of events."""
        if answers:
            self.say(service.OfferCanariesRequest(answers=api.CanaryAnswers(lease_id=lease_id, answers=answers)))

    def refuse(self, lease_id: str, why: str) -> None:
        """Says that a task cannot be run."""
        refusal = api.CanaryRefusal(lease_id=lease_id, error_message=why)
        self.say(service.OfferCanariesRequest(refusal=refusal))

    def say(self, request: service.OfferCanariesRequest) -> None:
        """Puts a message before the server."""
        self._said.put(request)

    def end(self) -> None:
        """The call is over."""
        self.over.set()
