"""A process that does nothing but make runs of the traces in a store: `python -m helpers.trace_victim FOLDER SECONDS`.

It takes a moment to start where a server takes seconds, and dies at the same fault points. `life` is the same in this
process.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from cta_core.run import Run
from cta_server.runtime.gates import Gates
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.runs import Runs
from cta_server.runtime.storage import Storage
from cta_server.runtime.traces import Traces
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal


async def life(folder: Path, seconds: float) -> list[Run]:
    """Makes runs of what the store holds, and returns all that there are after so long."""
    storage = Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
    storage.start()
    ids = Ids(time.time)
    runs = Runs(storage=storage, hub=Hub(), ids=ids, clock=time.time)
    traces = Traces(
        storage=storage, gates=Gates(storage), runs=runs, ids=ids, clock=time.time, settle_seconds=0.1, wait_seconds=0.1
    )
    await traces.load()
    work = asyncio.create_task(traces.run())
    await asyncio.sleep(seconds)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    heads = await storage.archived(storage.archive.list_runs)
    found = [await storage.archived(storage.archive.get_run, head.run_id) for head in heads]
    await storage.close()
    return [run for run in found if run is not None]


if __name__ == "__main__":
    asyncio.run(life(Path(sys.argv[1]), float(sys.argv[2])))
