"""Guarded handlers: the author's function behind the desk, for plain and coroutine functions, one event or a batch.

A guarded handler is called as the bare one was: with the event as an object, a text or bytes, and it gets what passes
in the same form. It returns what the handler returns, and None where nothing was handled. Events that were held and
came back healed are handled first, on the caller's own thread, before the event of the call. The handler's exceptions
are the guard's: the event is held with them. Cancellation and exits pass through, and then the event counts as not
taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Generic, TypeVar

from cta_client.guard.desk import Desk, as_bytes, like
from cta_client.guard.spool import Entry
from cta_core.gate import Outcome, OutcomeKind

MOST_RETURNED: Final = 100
"""Events that came back and are handled before one event of the call, so that a large redrive delays it by a hundred
handlers at most."""

UNSEEN: Final = object()
"""Stands for the form of events before the first one."""

Result = TypeVar("Result")
_Passed = tuple[str, bytes, Outcome, Any]


class EventsFailed(Exception):
    """Raised by a batch handler that knows which of its events failed; the others count as handled."""

    def __init__(self, errors: Mapping[int, Exception]) -> None:
        """Takes errors by place in the batch that the handler was given."""
        self.errors = dict(errors)
        super().__init__(f"{len(self.errors)} events of the batch failed")


class _Handler:
    """What both kinds share."""

    def __init__(
        self,
        desk: Desk,
        handler: Callable[..., Any],
        *,
        stage: str,
        batch: bool,
        event_id: Callable[[Any], str] | None = None,
    ) -> None:
        self.desk, self.handler, self.stage, self.batch, self._event_id = desk, handler, stage, batch, event_id
        self.form: Any = UNSEEN
        """The last event given: its type is the form that the handler takes."""

    @property
    def form_known(self) -> bool:
        """Whether an event was given yet."""
        return self.form is not UNSEEN

    def _judge(self, events: Sequence[Any], event_ids: Sequence[str]) -> list[_Passed]:
        """Those that may be handled, in order. Raises `SpoolFull`; then the caller shows the whole batch again."""
        if self._event_id is not None and not any(event_ids):
            event_ids = [self._name(event) for event in events]
        if event_ids and len(event_ids) != len(events):
            raise ValueError(f"{len(event_ids)} event ids for {len(events)} events")
        named = [(as_bytes(event), event_id) for event, event_id in zip(events, event_ids or repeat(""), strict=False)]
        passed: list[_Passed] = []
        for event, (raw, event_id), outcome in zip(events, named, self.desk.judge(named), strict=True):
            if outcome is not None:
                shown = event if outcome.kind is OutcomeKind.HEALTHY else like(event, outcome.raw)
                passed.append((event_id, raw, outcome, shown))
        if events:
            self.form = events[-1]
        return passed

    def _name(self, event: Any) -> str:
        """The event's id by the author's function; none where that fails, as on an event whose id has drifted."""
        try:
            return str(self._event_id(event)) if self._event_id is not None else ""
        except Exception:  # noqa: BLE001 - whatever the author's code raises, the event is only without an id
            return ""

    def _failed(self, passed: Sequence[_Passed], error: Exception) -> None:
        errors = error.errors if isinstance(error, EventsFailed) else dict.fromkeys(range(len(passed)), error)
        if not set(errors) <= set(range(len(passed))):
            raise error  # the handler's own numbers are wrong: nothing may be guessed
        self.desk.failed([(*passed[index][:3], errors[index]) for index in sorted(errors)], self.stage)
        self.desk.counts.handled += len(passed) - len(errors)

    def _returned(self) -> list[tuple[Entry, Any]]:
        return [(entry, like(self.form, entry.healed)) for entry in self.desk.take(MOST_RETURNED)]

    def _argument(self, event: Any) -> Any:
        return [event] if self.batch else event


class Guarded(_Handler, Generic[Result]):
    """A guarded plain function."""

    def __call__(self, event: Any, *, event_id: str = "") -> Result | None:
        """Handles an event, or a list of them for a batch handler, or holds it.

        Args:
            event: The event, or the list.
            event_id: Names it for exactly-once: the same over restarts of the consumer, like a topic's offset. A batch
                handler takes `call_batch` for that.

        Raises:
            NotReady: There is no contract to judge by.
            SpoolFull: The server is away and the spool is full.
        """
        return self.call_batch(event) if self.batch else self.call_batch([event], [event_id])

    def call_batch(self, events: Sequence[Any], event_ids: Sequence[str] = ()) -> Result | None:
        """The same for a list of events and their ids."""
        if not self.desk.started:
            self.desk.wait_ready()
        if self.desk.ready:
            self.redeliver()
        passed = self._judge(events, event_ids)
        if not passed:
            return None
        try:
            result: Result = self.handler([each[3] for each in passed] if self.batch else passed[0][3])
        except Exception as error:  # noqa: BLE001 - whatever the author's code raises is a failure of that event
            self._failed(passed, error)
            return None
        self.desk.counts.handled += len(passed)
        return result

    def redeliver(self) -> int:
        """Handles events that came back healed, a hundred at most; returns how many. For times when nothing comes."""
        returned = self._returned()
        for entry, event in returned:
            try:
                self.handler(self._argument(event))
            except Exception as error:  # noqa: BLE001 - as above
                self.desk.settle([], [(entry, error)], self.stage)
            else:
                self.desk.settle([entry], [], self.stage)
        return len(returned)


class AsyncGuarded(_Handler, Generic[Result]):
    """A guarded coroutine function."""

    loop: asyncio.AbstractEventLoop | None = None
    """The loop that it is called on."""

    async def __call__(self, event: Any, *, event_id: str = "") -> Result | None:
        """As `Guarded`; waiting for the contract does not block the loop."""
        return await (self.call_batch(event) if self.batch else self.call_batch([event], [event_id]))

    async def call_batch(self, events: Sequence[Any], event_ids: Sequence[str] = ()) -> Result | None:
        """The same for a list of events and their ids."""
        self.loop = asyncio.get_running_loop()
        if not self.desk.started:
            await asyncio.to_thread(self.desk.wait_ready)
        if self.desk.ready:
            await self.redeliver()
        passed = self._judge(events, event_ids)
        if not passed:
            return None
        try:
            result: Result = await self.handler([each[3] for each in passed] if self.batch else passed[0][3])
        except Exception as error:  # noqa: BLE001 - whatever the author's code raises is a failure of that event
            self._failed(passed, error)
            return None
        self.desk.counts.handled += len(passed)
        return result

    async def redeliver(self) -> int:
        """Handles events that came back healed, a hundred at most; returns how many."""
        returned = self._returned()
        for entry, event in returned:
            try:
                await self.handler(self._argument(event))
            except Exception as error:  # noqa: BLE001 - as above
                self.desk.settle([], [(entry, error)], self.stage)
            else:
                self.desk.settle([entry], [], self.stage)
        return len(returned)
