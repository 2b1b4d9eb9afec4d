"""`guard`: the decorator, and the guards of one connection, one per stream.

It decides when desks and links begin and end: at the first guard of a stream, and at `close`. Programs without a loop
use `with guards(...) as cta`; `Client.guard` is the same behind `async with connect(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast, overload

from cta_client.endpoint import DEFAULT_ADDRESS, Endpoint
from cta_client.guard.desk import Desk
from cta_client.guard.handler import AsyncGuarded, Guarded
from cta_client.guard.link import Link
from cta_client.guard.options import GuardOptions
from cta_client.guard.rehearsal import Rehearsal

CLOSE_SECONDS: Final = 2.0
"""How long the end waits for held events to reach the server; what does not is on disk and sent by the next process."""

Result = TypeVar("Result")


class Guards:
    """The guards of one connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._desks: dict[str, tuple[Desk, Link]] = {}
        self._rehearsals: dict[str, Rehearsal] = {}

    def guard(
        self,
        stream: str,
        *,
        stage: str = "",
        batch: bool = False,
        event_id: Callable[[Any], str] | None = None,
        dry_run: bool | Callable[[Any], Any] = False,
        options: GuardOptions | None = None,
    ) -> Guarding:
        """Decorates a handler of one stream's events.

        Args:
            stream: The stream's id.
            stage: Names the handler in reports; empty: the function's name.
            batch: The handler takes a list of events, and one that raises has handled none of them, unless it raises
                `EventsFailed`.
            event_id: Tells the id of an event, for calls that give none: the same over restarts, another one for each
                event. Where it fails the event has none.
            dry_run: True marks a handler that may run canaries: it has no side effects, or asks `dry_run()` before each
                of them, and may be called from another thread. A function of the handler's kind runs in its stead.
                Without it no canary ever comes here.
            options: Where files are kept, and what holds while the server is away. The first guard of a stream decides.

        Raises:
            SpoolInUse: Another process has the stream's spool.
            SpoolUnusable: The folder of the options cannot keep one, or what is there is none.
        """
        return Guarding(self, self.desk(stream, options), stage, batch=batch, event_id=event_id, dry_run=dry_run)

    def rehearse(self, guarded: Guarded[Any] | AsyncGuarded[Any], call: Callable[[Any], Any]) -> None:
        """Offers the server to run canaries by `call`.

        Raises:
            ValueError: Another handler of the stream does so already, or one of the two is a coroutine function and
                the other is not.
        """
        stream = guarded.desk.stream_id
        if stream in self._rehearsals:
            raise ValueError(f"another handler of stream {stream!r} runs its canaries already")
        if iscoroutinefunction(call) != isinstance(guarded, AsyncGuarded):
            raise ValueError("a dry run has to be a coroutine function if the handler is one, and only then")
        rehearsal = Rehearsal(guarded.desk, guarded, call, self._endpoint.dial_plain, self._endpoint.metadata)
        self._rehearsals[stream] = rehearsal
        rehearsal.start()

    def desk(self, stream: str, options: GuardOptions | None = None) -> Desk:
        """The desk of a stream, opened at the first time; its `status` tells how the guard stands."""
        if stream not in self._desks:
            desk = Desk(stream, options or GuardOptions())
            link = Link(desk, self._endpoint.dial_plain, self._endpoint.metadata)
            self._desks[stream] = (desk, link)
            link.start()
        return self._desks[stream][0]

    def close(self) -> None:
        """Ends all guards. Handlers may not be called any more."""
        for rehearsal in self._rehearsals.values():
            rehearsal.close()
        self._rehearsals.clear()
        for desk, link in self._desks.values():
            link.close(CLOSE_SECONDS)
            desk.close()
        self._desks.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Guarding:
    """The decorator of one stream."""

    def __init__(
        self,
        guards: Guards,
        desk: Desk,
        stage: str,
        *,
        batch: bool,
        event_id: Callable[[Any], str] | None,
        dry_run: bool | Callable[[Any], Any],
    ) -> None:
        self._guards, self._desk, self._stage, self._batch = guards, desk, stage, batch
        self._event_id, self._dry_run = event_id, dry_run

    @overload
    def __call__(self, handler: Callable[[Any], Coroutine[Any, Any, Result]]) -> AsyncGuarded[Result]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, handler: Callable[[Any], Result]) -> Guarded[Result]: ...
    def __call__(self, handler: Callable[[Any], Any]) -> AsyncGuarded[Any] | Guarded[Any]:
        """The guarded handler; of the same kind, plain or coroutine, as the bare one."""
        kind = AsyncGuarded[Any] if iscoroutinefunction(handler) else Guarded[Any]
        stage = self._stage or cast("str", getattr(handler, "__name__", "handler"))
        guarded = kind(self._desk, handler, stage=stage, batch=self._batch, event_id=self._event_id)
        if self._dry_run:
            self._guards.rehearse(guarded, handler if self._dry_run is True else self._dry_run)
        return guarded


def guards(address: str = DEFAULT_ADDRESS, *, tls: bool = False, tls_ca: Path | None = None, token: str = "") -> Guards:
    """The guards of a program without an event loop; use them in a `with`, as `Client.guard` is in `async with`."""
    return Guards(Endpoint.of(address, tls=tls, tls_ca=tls_ca, token=token))
