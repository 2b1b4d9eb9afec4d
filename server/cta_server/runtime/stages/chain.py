"""A consumer's stages inside its worker process: import them, and run events through them under a time limit.

Every event ends in one outcome, whatever its stages raise or return. The time limit is a signal: it interrupts
everything that lets Python run now and then. What does not (C code that keeps the interpreter's lock) and what ends
the process is seen by the server, through the marks that are set here before each stage.
"""

from __future__ import annotations

import importlib
import inspect
import signal
from collections.abc import Callable, Sequence
from functools import reduce
from time import monotonic
from types import FrameType
from typing import Any, Final

from cta_core.errors import EventRefused
from cta_core.event import decode, encode
from cta_server.runtime.stages.frames import EVENT, MAX_OUTPUT, STAGE, STARTED, Batch, LoadProblem, Shared
from cta_server.runtime.stages.json_value import why_not_json
from cta_server.runtime.stages.outcome import (
    MESSAGE_CHARS,
    NOT_JSON,
    NOT_READ,
    TIME_LIMIT,
    VALUE_BYTES,
    VALUES_BYTES,
    VALUES_HEALTHY,
    StageOutcome,
)
from cta_server.runtime.stages.spec import StageSpec

Call = Callable[[Any], Any]

_TYPE_CHARS: Final = 100
"""Longest error class that is handed on: classes are short, but a program can make any."""


class StageTimeLimit(BaseException):
    """Raised inside a stage that took too long. Not an `Exception`: `except Exception` in a stage must not swallow
    it.
    """


def load(stages: Sequence[StageSpec], shared: Shared) -> tuple[list[Call], list[LoadProblem]]:
    """The callables of the stages, or why there are none."""
    calls: list[Call] = []
    problems: list[LoadProblem] = []
    for number, stage in enumerate(stages):
        shared.marks[STAGE] = number  # an import can hang or crash as well
        try:
            calls.append(_load(stage.call))
        except BaseException as error:  # noqa: BLE001 - a module may raise anything, and must not take the others with it
            problems.append(LoadProblem(number, f"{type(error).__name__}: {_words(error)}"))
    return calls, problems


def _load(name: str) -> Call:
    module, _, attribute = name.partition(":")
    call = reduce(getattr, attribute.split("."), importlib.import_module(module))
    if not callable(call):
        raise TypeError(f"{name} cannot be called")
    if inspect.iscoroutinefunction(call):
        raise TypeError(f"{name} is a coroutine function; a stage is a plain one")
    return call


class Chain:
    """Stages that are ready to run."""

    def __init__(self, stages: Sequence[StageSpec], calls: Sequence[Call], shared: Shared) -> None:
        self._stages = list(zip((stage.name for stage in stages), calls, strict=True))
        self._shared = shared
        self._marks = shared.marks
        self._limit = 0.0
        self._expired = False
        self._first = 0
        self._record = False
        self.exhausted = False
        """A stage ran out of memory: what leaked stays, so the process should end after its answer."""

    def run(self, batch: Batch) -> int:
        """Run events until all are done, the time slice is over or the shared memory is full; says how many are
        done.
        """
        self._limit, self._first, self._record = batch.limit_s, batch.first, batch.record
        self._shared.clear()
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, batch.limit_s)
        end = monotonic() + batch.slice_s
        done = 0
        try:
            for number, raw in enumerate(batch.events):
                more = self._shared.append(self._run(number, raw))
                done += 1
                if not more or self.exhausted or monotonic() >= end:
                    break
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        return done

    def _run(self, number: int, raw: bytes) -> StageOutcome:
        begun = at = monotonic()
        times: list[float] = []
        values = _Values() if self._record else None
        name = self._stages[self._first][0]
        marks = self._marks
        try:
            value: Any = decode(raw)
        except EventRefused as refusal:
            return _failure(name, NOT_READ, str(refusal), begun, times)
        for stage, (name, call) in enumerate(self._stages[self._first :], self._first):
            try:
                try:
                    self._expired = False
                    marks[EVENT] = number
                    marks[STAGE] = stage
                    marks[STARTED] = at  # from here to the line that clears it the alarm may raise
                    value = call(value)
                    wrong = why_not_json(value)
                finally:
                    marks[STARTED] = 0.0
            except BaseException as error:  # noqa: BLE001 - SystemExit and the like are failures of this event too
                marks[STARTED] = (
                    0.0  # the alarm may have come between the stage's error and the line that clears the mark
                )
                times.append((monotonic() - at) * 1000)
                if self._expired:
                    return self._too_slow(name, begun, times, values)
                self.exhausted = isinstance(error, MemoryError)
                return _failure(name, type(error).__qualname__, _words(error), begun, times, values)
            now = monotonic()
            times.append((now - at) * 1000)
            at = now
            if self._expired:  # the stage swallowed the alarm and returned
                return self._too_slow(name, begun, times, values)
            if wrong:
                return _failure(name, NOT_JSON, f"returned {wrong}; a stage returns JSON values", begun, times, values)
            if values is not None:
                values.keep(value)  # at once: the next stage may change it in place
        try:
            output = encode(value)
        except EventRefused as refusal:
            return _failure(name, NOT_JSON, f"returned what cannot be written: {refusal}", begun, times)
        if len(output) > MAX_OUTPUT:
            return _failure(name, NOT_JSON, f"returned {len(output)} bytes; {MAX_OUTPUT} are allowed", begun, times)
        return StageOutcome(
            ok=True,
            output=output,
            latency_ms=(monotonic() - begun) * 1000,
            stage_ms=tuple(times),
            values=tuple(values.kept) if values is not None and number < VALUES_HEALTHY else (),
        )

    def _on_alarm(self, _signal: int, _frame: FrameType | None) -> None:
        """One timer serves all stages: it looks whether the running one is over its limit, else it waits for the rest.

        So a stage costs no system call, and is still interrupted when its limit is reached.
        """
        started = self._marks[STARTED]
        left = started + self._limit - monotonic() if started else self._limit
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, left)
            return
        signal.setitimer(signal.ITIMER_REAL, self._limit)
        if not self._expired:  # once: what swallows the alarm and stays is killed by the server
            self._expired = True
            raise StageTimeLimit

    def _too_slow(self, name: str, begun: float, times: list[float], values: _Values | None) -> StageOutcome:
        return _failure(name, TIME_LIMIT, f"took longer than {self._limit * 1000:g} ms", begun, times, values)


class _Values:
    """What the stages put out for one event, as far as it is kept."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self._room = VALUES_BYTES

    def keep(self, value: Any) -> None:
        """Keeps the next stage's output; empty bytes stand for one that is too long or cannot be written."""
        try:
            raw = encode(value)
        except EventRefused:
            raw = b""
        if len(raw) > min(VALUE_BYTES, self._room):
            raw = b""
        self._room -= len(raw)
        self.kept.append(raw)


def _failure(
    stage: str, error_type: str, message: str, begun: float, times: list[float], values: _Values | None = None
) -> StageOutcome:
    return StageOutcome(
        ok=False,
        stage=stage,
        error_type=error_type[:_TYPE_CHARS],
        message=message[:MESSAGE_CHARS],
        latency_ms=(monotonic() - begun) * 1000,
        stage_ms=tuple(times),
        values=tuple(values.kept) if values is not None else (),
    )


def _words(error: BaseException) -> str:
    """The error's own words; its `__str__` is the stage's code and may fail as well."""
    try:
        words = str(error)
    except BaseException:  # noqa: BLE001 - nothing that the stage's code raises here may end the worker
        return "the error has no words: its __str__ failed"
    # A text may hold half of a surrogate pair, which no message can carry.
    return words[:MESSAGE_CHARS].encode("utf-8", "backslashreplace").decode()[:MESSAGE_CHARS]
