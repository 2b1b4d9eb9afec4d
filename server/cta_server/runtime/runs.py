"""Runs on their way to the archive: made of what the stages did, given their size, and shown to those who watch.

It decides of which runs the trace holds what the stages took and gave: enough that an analysis always finds some, few
enough that a fast stream does not fill the disk with them. Every run goes through here, and on a stream with masks
through its veil. Called by intake, redriver, `traces` and the RunService.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cta_core.run import Run, RunOrigin, recorded
from cta_server.runtime.gates import StreamGate
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.stages.outcome import VALUES_HEALTHY, ChainResult
from cta_server.runtime.stages.tracing import Recorded, trace
from cta_server.runtime.storage import Storage

EVENTS: Final = VALUES_HEALTHY
"""Events of one run whose inputs and outputs are kept, healthy and failed ones each; ten failed ones are enough for an
analysis."""
BURST: Final = 400.0
"""Events in a row that are kept so: as many as an analysis looks at."""
PER_SECOND: Final = 2.0
"""And then so many a second: of 400 bytes each through three stages some 200 MB a day and stream at most."""


class Allowance:
    """Of how many events of each stream inputs and outputs may be kept: a burst, then a few."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, stream_id: str, wanted: int, now: float) -> int:
        """Of how many of the next ones they may be."""
        then, left = self._left.get(stream_id, (now, BURST))
        left = min(BURST, left + max(now - then, 0.0) * PER_SECOND)
        granted = min(wanted, int(left))
        self._left[stream_id] = (max(then, now), left - granted)  # a clock that goes back gives nothing twice
        return granted

    def forget(self, stream_id: str) -> None:
        """The stream is deleted."""
        self._left.pop(stream_id, None)


class Runs:
    """Makes and keeps runs."""

    def __init__(self, *, storage: Storage, hub: Hub, ids: Ids, clock: Callable[[], float]) -> None:
        self._storage, self._hub, self._ids, self._clock = storage, hub, ids, clock
        self._healthy, self._failed = Allowance(), Allowance()

    async def of_stages(
        self,
        gate: StreamGate,
        chain: ChainResult,
        *,
        inputs: Sequence[bytes],
        event_ids: Sequence[str],
        began: float,
        rerun_of: str = "",
        adapter_id: str = "",
    ) -> Run:
        """Keeps the run of a batch through the server's own stages. It is written soon; nothing waits for it."""
        now, failed, stream_id = self._clock(), chain.failed, gate.stream.stream_id
        wanted = Recorded(
            inputs=inputs,
            healthy=self._healthy.take(stream_id, min(len(event_ids) - failed, EVENTS), now),
            failed=self._failed.take(stream_id, min(failed, EVENTS), now),
        )
        entries = trace(chain, event_ids=event_ids, time=began, recorded=wanted)
        run = _veiled(
            gate,
            Run(
                run_id=self._ids.new("run"),
                stream_id=stream_id,
                create_time=began,
                event_count=len(event_ids),
                failed_count=failed,
                duration_ms=(now - began) * 1000,
                rerun_of=rerun_of,
                adapter_id=adapter_id,
                trace=entries,
                origin=RunOrigin.STAGES,
                recorded_count=recorded(entries),
            ),
        )
        await self._storage.archive_later(self._storage.archive.put_run, run)
        self._hub.ended(run)
        return run

    async def keep(self, gate: StreamGate, run: Run) -> Run:
        """Writes a run that came from outside; one with a known request is returned as it is kept."""
        kept = await self._storage.archived(self._storage.archive.put_run, _veiled(gate, run))
        if kept.run_id == run.run_id:
            self._hub.ended(kept)
        return kept

    def forget(self, stream_id: str) -> None:
        """The stream is deleted."""
        self._healthy.forget(stream_id)
        self._failed.forget(stream_id)


def _veiled(gate: StreamGate, run: Run) -> Run:
    return gate.veil.run(run) if gate.veil is not None else run
