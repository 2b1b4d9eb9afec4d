"""The pipes between the server and one worker process: one frame out, one frame back, and what the stages print.

Decides nothing; `process.Worker` owns it. A protocol instead of streams, because its transport can be closed for good
even when a program that a stage started still holds an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any, Final, cast

_LINES: Final = 20
"""Printed lines logged out of one read of the pipe: enough to see what a stage says, too few to fill the log."""
_LINE_CHARS: Final = 500
"""Longest printed line in the log."""


class WorkerGone(Exception):
    """The process ended before it answered."""


class Pipes(asyncio.SubprocessProtocol):
    """Frames of four bytes of length and a body. One exchange at a time."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._transport: asyncio.SubprocessTransport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._gone = False
        self._exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def busy(self) -> bool:
        """Whether an answer is due."""
        return self._answer is not None and not self._answer.done()

    async def ended(self, seconds: float | None = None) -> None:
        """Wait for the end of the process, or so many seconds."""
        # Not by awaiting the future itself: a cancelled waiter would cancel it for all others.
        await asyncio.wait({self._exited}, timeout=seconds)

    def exchange(self, frame: bytes) -> asyncio.Future[bytes]:
        """Send a frame; the future is the answer's body, or `WorkerGone`."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._gone or self._transport is None:
            self._answer.set_exception(WorkerGone())
        else:
            stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
            stdin.write(len(frame).to_bytes(4, "big") + frame)
        return self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.SubprocessProtocol`."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """See `asyncio.SubprocessProtocol`."""
        if fd != 1:
            self._log_prints(data)
            return
        self._received += data
        size = int.from_bytes(self._received[:4], "big")
        if len(self._received) >= 4 + size > 4 and self._answer is not None and not self._answer.done():
            self._answer.set_result(bytes(self._received[4 : 4 + size]))
            self._received.clear()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """See `asyncio.SubprocessProtocol`."""
        if fd == 1:
            self._lost()

    def process_exited(self) -> None:
        """See `asyncio.SubprocessProtocol`."""
        self._lost()
        # What it started ends now: later its id, which is the group's, may belong to somebody else.
        self._kill_group()
        if not self._exited.done():
            self._exited.set_result(None)

    def kill(self) -> None:
        """Kill the process and what it started, if it still runs."""
        if not self._exited.done():
            self._kill_group()

    def _kill_group(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._transport.get_pid(), signal.SIGKILL)

    def _lost(self) -> None:
        self._gone = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerGone())
            self._answer.exception()  # whoever asked may be gone as well; nothing is left to be told then

    def _log_prints(self, data: bytes) -> None:
        """Log what the stages print; of a flood only the first lines."""
        lines = data[: _LINES * _LINE_CHARS].decode("utf-8", "replace").splitlines()[:_LINES]
        for line in lines:
            self._log.info("stage printed", line=line[:_LINE_CHARS])
        left_out = data.count(b"\n") - len(lines)
        if left_out > 0:
            self._log.info("stage printed more", left_out=left_out)
