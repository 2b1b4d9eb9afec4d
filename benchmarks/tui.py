"""The control room under load: answer to a key, processor and memory, in a real pseudo-terminal.

A server takes events from a generator at the wanted rate; the room runs in a terminal of its own; this presses keys at
random moments and waits until what they change has been written to the terminal. Run it by `make bench-tui`.

Goals (of the design study): key to paint p95 at 10,000 events/s at most 40 ms at 80x24 and 50 ms at 200x60; at most a
fifth of a core; memory flat.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from cta.v1.source_pb2 import SOURCE_KIND_GENERATOR, Source
from cta.v1.source_service_pb2 import GetSourceRequest, StartSourceRequest
from cta.v1.stream_pb2 import Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, LearnBaselineRequest
from cta_client.channel import connect
from cta_client.demo.server import running

KEYS = ((b"z", b"can be taken back"), (b"y", b"Copied"))
"""Two keys that only change the line above the footer, each to a text of its own."""
VIEWS = ((b"8", b"DECISIONS"), (b"1", b"STREAMS"))
"""Two views, and what stands in each and not in the other."""
WARM_SECONDS = 6.0


class Terminal:
    """A program in a pseudo-terminal whose output is read as fast as it comes."""

    def __init__(self, arguments: list[str], columns: int, lines: int) -> None:
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        os.close(theirs)
        self.pid = self._process.pid
        self.written = 0
        self._wanted, self._found = b"", threading.Event()
        self._tail = b""
        threading.Thread(target=self._read, name="read the terminal", daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._end, 65536)
            except OSError:
                return
            self.written += len(data)
            text = self._tail + data
            if self._wanted and self._wanted in text:
                self._found.set()
            self._tail = text[-200:]

    def answer(self, key: bytes, wanted: bytes) -> float:
        """Seconds from a key to its effect on the terminal."""
        self._found.clear()
        self._tail, self._wanted = b"", wanted
        begin = time.perf_counter()
        os.write(self._end, key)
        if not self._found.wait(20):
            raise SystemExit(f"no answer to {key!r} within 20 s")
        taken = time.perf_counter() - begin
        self._wanted = b""
        return taken

    def megabytes(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6

    def processor(self) -> float:
        """Processor seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Ends the program."""
        self._process.kill()
        self._process.wait()


def measure(address: str, columns: int, lines: int, seconds: float) -> dict[str, float]:
    """The figures of one room."""
    room = Terminal(["-m", "cta_tui", "--connect", address], columns, lines)
    try:
        time.sleep(WARM_SECONDS)
        chance = random.Random(7)
        began, used, written = time.monotonic(), room.processor(), room.written
        memory: list[float] = [room.megabytes()]
        keys: list[float] = []
        views: list[float] = []
        number = 0
        while time.monotonic() - began < seconds:
            # Keys of a person come when they come, not in step with the frames.
            time.sleep(chance.uniform(0.1, 0.3))
            keys.append(room.answer(*KEYS[number % 2]))
            if number % 5 == 4:
                time.sleep(chance.uniform(0.1, 0.3))
                views.append(room.answer(*VIEWS[(number // 5) % 2]))
            if number % 20 == 0:
                memory.append(room.megabytes())
            number += 1
        passed = time.monotonic() - began
        half = len(memory) // 2
        return {
            "keys": len(keys),
            "key p50 ms": 1000 * statistics.median(keys),
            "key p95 ms": 1000 * statistics.quantiles(keys, n=20)[-1],
            "view p95 ms": 1000 * statistics.quantiles(views, n=20)[-1],
            "core %": 100 * (room.processor() - used) / passed,
            "kB/s out": (room.written - written) / passed / 1000,
            "memory MB": memory[-1],
            "growth MB": statistics.mean(memory[half:]) - statistics.mean(memory[1:half] or memory),
        }
    finally:
        room.close()


async def main() -> None:
    """Serves, feeds, measures, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=10_000.0, help="events a second (10000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each size is measured (60)")
    parser.add_argument("--sizes", default="80x24,200x60")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cta-bench-") as folder:
        async with running(Path(folder)) as server, connect(server.address) as client:
            await client.streams.CreateStream(CreateStreamRequest(stream=Stream(stream_id="orders")))
            made = Source(stream_id="orders", kind=SOURCE_KIND_GENERATOR, population="orders", rate=200, seed=3)
            source = (await client.sources.StartSource(StartSourceRequest(source=made))).source
            await asyncio.sleep(2.5)
            await client.streams.LearnBaseline(LearnBaselineRequest(stream_id="orders"))
            made = Source(stream_id="orders", kind=SOURCE_KIND_GENERATOR, population="orders", rate=asked.rate, seed=4)
            source = (await client.sources.StartSource(StartSourceRequest(source=made))).source
            await asyncio.sleep(2.0)
            for size in asked.sizes.split(","):
                columns, lines = (int(part) for part in size.split("x"))
                figures = await asyncio.to_thread(measure, server.address, columns, lines, asked.seconds)
                now = (await client.sources.GetSource(GetSourceRequest(source_id=source.source_id))).source
                told = "  ".join(f"{name} {value:.1f}" for name, value in figures.items())
                print(f"{size:>7} at {now.measured_rate:,.0f} events/s for {asked.seconds:g} s: {told}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
