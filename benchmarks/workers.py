"""A fleet of guarded processes on one server: `python -m benchmarks workers`, or `python -m benchmarks.workers 100`.

Each worker is a process with its own connection, guard and offer of canaries. The server is a process too, and is
looked at from outside: seconds from the answer of PromoteAdapter until it has heard that a worker applies the revision
(ListWorkers), and its CPU time and memory. The workers are forked from a process that has the modules and no channel
yet, so that a hundred of them fit a small machine; what their promotion costs them is part of what is measured.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.figures import Figure
from cta.v1.adapter_service_pb2 import ListWorkersRequest, WorkerState
from cta_client import GuardOptions, connect, dry_run, guards
from cta_client.channel import Client
from helpers import guarding
from helpers.payments import payment
from helpers.server import environment, live_server

STREAM = "fleet"
WORKERS = 100
LOOK_SECONDS = 0.01
"""Between two looks at the fleet; the resolution of the times."""
STEADY_SECONDS = 10.0
"""Of watching only: long enough for some hundred messages a worker."""


def nursery(address: str, folder: Path, count: int) -> None:
    """Forks the workers, one after another, and ends them with itself."""
    children: list[int] = []
    for number in range(count):
        child = os.fork()
        if not child:
            work(address, folder, number)
            os._exit(0)
        children.append(child)
        time.sleep(0.02)  # in step they would all dial at once
    sys.stdin.read()  # until the measuring process closes it, also when it dies
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def work(address: str, folder: Path, number: int) -> None:
    """One consumer: it handles an event and waits for the next."""
    with guards(address) as cta:
        options = GuardOptions(folder=folder, worker_id=f"w{number:03}", version="1", start_seconds=120)

        @cta.guard(STREAM, dry_run=True, options=options)
        def book(event: dict[str, object]) -> bool:
            return bool(event) and dry_run()

        book(payment(number))
        while True:
            time.sleep(60)


def nursery_of(address: str, folder: Path, count: int) -> subprocess.Popen[bytes]:
    """The process that forks the workers."""
    arguments = (sys.executable, "-m", "benchmarks.workers", "nursery", address, str(folder), str(count))
    # gRPC's own handlers of forks are for channels that are open, and there are none.
    env = environment(PYTHONPATH=os.pathsep.join(sys.path), GRPC_ENABLE_FORK_SUPPORT="0")
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, env=env)


async def fleet(client: Client) -> dict[str, tuple[int, bool]]:
    """By worker: the revision that it applies, and whether it offers canaries; those that are away are left out."""
    answer = await client.adapters.ListWorkers(ListWorkersRequest(stream_id=STREAM))
    return {
        each.worker_id: (each.applied_revision, bool(each.offers))
        for each in answer.workers
        if each.state != WorkerState.WORKER_STATE_AWAY
    }


async def told(client: Client, count: int) -> list[float]:
    """Seconds from a promotion until each worker has acknowledged it, in order."""
    adapter = await guarding.promoted(client, STREAM)
    begun, took = time.perf_counter(), dict[str, float]()
    while len(took) < count and time.perf_counter() - begun < 60:
        for name, (revision, _) in (await fleet(client)).items():
            if revision >= adapter.revision:
                took.setdefault(name, time.perf_counter() - begun)
        await asyncio.sleep(LOOK_SECONDS)
    await guarding.taken_back(client, adapter.adapter_id)
    return sorted(took.values())


async def measure(count: int = WORKERS) -> list[Figure]:
    """Figures of a fleet."""
    with tempfile.TemporaryDirectory() as name, live_server(Path(name) / "server") as server:
        folder, pid = Path(name), server.process.pid
        before = _resident(pid)
        async with connect(server.address) as client:
            await guarding.stream(client, STREAM)
            started = time.perf_counter()
            parent = nursery_of(server.address, folder, count)
            try:
                while len([1 for _, offers in (await fleet(client)).values() if offers]) < count:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                came = time.perf_counter() - started
                busy, begun = _cpu(pid), time.perf_counter()
                await asyncio.sleep(STEADY_SECONDS)
                steady = (_cpu(pid) - busy) / (time.perf_counter() - begun)
                memory, busy = _resident(pid), _cpu(pid)
                rounds = [await told(client, count) for _ in range(3)]
                spent = (_cpu(pid) - busy) / len(rounds)
            finally:
                if parent.stdin is not None:
                    parent.stdin.close()
                parent.wait()
    times = sorted(seconds for one in rounds for seconds in one)
    middle, high = times[len(times) // 2], times[len(times) * 95 // 100]
    heard = f"{min(map(len, rounds))} of {count} workers in each of {len(rounds)} rounds"
    return [
        Figure(f"{count} guarded processes, all there", f"after {came:.1f} s"),
        Figure(
            "promotion to acknowledgement",
            f"p50 {middle:.3f}  p95 {high:.3f}  most {times[-1]:.3f} s ({heard})",
        ),
        Figure("server's CPU for a promotion and its rollback, looks included", f"{spent:.2f} s"),
        Figure("server while all only watch and offer", f"{steady:.1%} of a core"),
        Figure("server's memory with all of them", f"{memory} MB, {memory - before} MB more than alone"),
    ]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    if sys.argv[1:2] == ["nursery"]:
        nursery(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        for figure in asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else WORKERS)):
            print(figure)
