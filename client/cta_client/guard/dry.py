"""Dry runs: one event through the author's own handler, for its outcome only.

It decides what the handler's end says of the event. The author has marked the handler as one that may run dry: it has
no side effects, or asks `dry_run()` before each of them. Called by the rehearsal.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from cta.v1 import canary_task_pb2 as api
from cta_client.guard.desk import like
from cta_client.guard.handler import AsyncGuarded, EventsFailed, Guarded
from cta_client.seconds import duration
from cta_core.gate import Gate, OutcomeKind
from cta_core.quarantine import HeldReason

TIME_LIMIT: Final = "HandlerTimeLimit"
"""Error of an event on which the handler took too long."""

_dry: ContextVar[bool] = ContextVar("cta_dry_run", default=False)


class NoLoop(Exception):
    """The event loop of a coroutine handler is closed."""


def dry_run() -> bool:
    """Whether the handler runs for a canary now and must have no side effects.

    Ask it where the handler runs: tasks and `asyncio.to_thread` know it as well, threads and pools of your own do not.
    """
    return _dry.get()


@contextmanager
def dry() -> Generator[None]:
    """Everything inside runs dry."""
    token = _dry.set(True)
    try:
        yield
    finally:
        _dry.reset(token)


def answer_of(
    gate: Gate, raw: bytes, guarded: Guarded[Any] | AsyncGuarded[Any], call: Callable[[Any], Any], limit: float
) -> api.CanaryAnswer:
    """What becomes of an event in the gate with the candidate, and then in the handler. Raises `NoLoop`."""
    began = time.perf_counter()
    outcome = gate.judge(raw)
    if outcome.kind is OutcomeKind.QUARANTINED:
        refused = outcome.reason is HeldReason.ADAPTER_REFUSED
        kind = api.CANARY_OUTCOME_ADAPTER_REFUSED if refused else api.CANARY_OUTCOME_CONTRACT_BROKEN
        return _answer(kind, time.perf_counter() - began, "", outcome.message)
    try:
        shown = like(guarded.form, outcome.raw)
        argument = [shown] if guarded.batch else shown
        if isinstance(guarded, AsyncGuarded):
            _on_loop(guarded.loop, call, argument, limit)
        else:
            with dry():
                call(argument)
    except (NoLoop, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the author's code raises, exits included, is an outcome
        blamed = next(iter(error.errors.values()), error) if isinstance(error, EventsFailed) else error
        kind, words = api.CANARY_OUTCOME_HANDLER_RAISED, (type(blamed).__name__, _words(blamed))
    else:
        kind, words = api.CANARY_OUTCOME_PASSED, ("", "")
    took = time.perf_counter() - began
    if took > limit:
        kind, words = api.CANARY_OUTCOME_HANDLER_RAISED, (TIME_LIMIT, f"took longer than {limit * 1000:g} ms")
    return _answer(kind, took, *words)


def _on_loop(loop: asyncio.AbstractEventLoop | None, call: Callable[[Any], Any], argument: Any, limit: float) -> None:
    """Runs a coroutine handler on the loop that its author uses, where its sessions and locks live."""

    async def run() -> None:
        with dry():
            async with asyncio.timeout(limit):
                await call(argument)

    work = run()
    if loop is None or loop.is_closed():
        work.close()
        raise NoLoop
    future = asyncio.run_coroutine_threadsafe(work, loop)
    while True:
        try:
            return future.result(1.0)
        except concurrent.futures.TimeoutError as error:
            if future.done():  # the handler's own end, or its limit
                raise
            if loop.is_closed():  # nobody will ever finish it
                future.cancel()
                raise NoLoop from error
        except concurrent.futures.CancelledError as error:
            raise NoLoop from error


def _words(error: BaseException) -> str:
    """The error's own words; its `__str__` is the author's code and may fail as well."""
    try:
        return str(error)[:500].encode("utf-8", "backslashreplace").decode()
    except Exception:  # noqa: BLE001 - as it says
        return "the error has no words: its __str__ failed"


def _answer(
    kind: api.CanaryOutcome.ValueType, seconds: float, error_type: str = "", message: str = ""
) -> api.CanaryAnswer:
    return api.CanaryAnswer(
        outcome=kind, latency=duration(seconds), error_type=error_type[:200], error_message=message[:500]
    )
