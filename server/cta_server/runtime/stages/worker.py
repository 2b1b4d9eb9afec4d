"""The worker process of one consumer: `python -m cta_server.runtime.stages.worker FD`.

It reads frames from its standard input, runs them through the stages and answers on its standard output, which it
takes away from the stages first: what they print goes to standard error, from where the server logs it. It ends when
its input ends. Started by `process.Worker` only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO, Final

import msgspec

from cta_server.runtime.stages.chain import Chain, load
from cta_server.runtime.stages.frames import Batch, Done, Ready, Setup, Shared

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Serve batches until the server closes the pipe."""
    incoming, outgoing = _take_pipes()
    _settle()
    shared = Shared(int(sys.argv[1]))
    encoder = msgspec.msgpack.Encoder()
    setup = msgspec.msgpack.decode(_read(incoming), type=Setup)
    _limit_memory(setup.memory_bytes)
    sys.path[:0] = setup.path
    calls, problems = load(setup.stages, shared)
    _write(outgoing, encoder.encode(Ready(problems=tuple(problems))))
    if problems:
        _read(incoming)  # the server ends the worker once it has read the answer
        return
    chain = Chain(setup.stages, calls, shared)
    decoder = msgspec.msgpack.Decoder(Batch)
    while not chain.exhausted and (frame := _read(incoming)):
        _write(outgoing, encoder.encode(Done(count=chain.run(decoder.decode(frame)))))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes to the server, moved to where no stage writes by accident."""
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _settle() -> None:
    """Live exactly as long as the server wants: no signal of a terminal or a supervisor ends the worker before it does.

    The handlers do nothing, instead of being ignored, so that programs which a stage starts get the defaults back.
    """
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda _signal, _frame: None)
    if sys.platform == "linux":
        # A killed server cannot close a pipe that a busy stage does not read: the kernel ends the worker then.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory(size: int) -> None:
    """Let allocations beyond the limit fail in the stage that makes them, instead of starving the machine."""
    with contextlib.suppress(ValueError, OSError):  # a lower limit is in force, or the system has none
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _read(pipe: BinaryIO) -> bytes:
    """One frame; empty when the server is gone."""
    size = pipe.read(4)
    return pipe.read(int.from_bytes(size, "big")) if len(size) == 4 else b""


def _write(pipe: BinaryIO, frame: bytes) -> None:
    pipe.write(len(frame).to_bytes(4, "big") + frame)
    pipe.flush()


if __name__ == "__main__":
    main()
