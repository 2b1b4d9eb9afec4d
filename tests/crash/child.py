"""The child of the crash tests: one life of a server's runtime, from start to a healthy stream.

    python -m crash.child FOLDER

Sends the same requests with the same ids every time, as a client does that never got its answer, then waits until the
incident is over and nothing is held.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from cta_core.incident import State
from cta_server.runtime.errors import StreamExists
from cta_server.runtime.runtime import Runtime
from helpers.loop import eventually, incident_in, running, send, stream
from helpers.payments import healthy, renamed

BATCHES = 3
SIZE = 200


async def unfinished(runtime: Runtime) -> int:
    """Events that wait, and effects that are not crossed off."""
    journal = runtime.storage.journal
    effects = await runtime.storage.journaled(journal.pending_effects)
    return (await runtime.streams.status("payments")).held + len(effects)


async def live(folder: Path) -> None:
    """One life."""
    async with running(folder) as runtime:
        try:
            made = await runtime.streams.get("payments")
        except Exception:  # noqa: BLE001 - the first life, or one that was killed before the stream was made
            made = None
        if made is None or not made.learned:
            try:
                await stream(runtime, consumer="payments", bake_seconds=0.2)
            except StreamExists:
                await runtime.streams.learn("payments", healthy(400))
        for number in range(BATCHES):
            await send(runtime, renamed(SIZE, 10_000 + number * SIZE), request_id=f"batch-{number}", run_stages=False)
        await incident_in(runtime, State.RESOLVED)
        await eventually(lambda: unfinished(runtime), lambda count: count == 0)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(live(Path(sys.argv[1])))
