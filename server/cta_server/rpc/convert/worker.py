"""Workers: consumers that apply adapters in their own processes, as messages."""

from __future__ import annotations

from typing import Final

from cta.v1 import adapter_service_pb2 as api
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.convert.words import Words
from cta_server.runtime.fleet import WorkerStanding, WorkerState

STATES: Final = Words(api.WorkerState, WorkerState)


def worker(core: WorkerStanding) -> api.Worker:
    """A worker as a message."""
    return api.Worker(
        worker_id=core.worker_id,
        stream_ids=core.stream_ids,
        state=STATES.numbers[core.state],
        applied_revision=core.applied_revision,
        wanted_revision=core.wanted_revision,
        last_time=timestamp(core.last_time),
        error_message=core.error,
        offers=[
            api.WorkerOffer(stream_id=each.stream_id, consumer=each.consumer, version=each.version)
            for each in core.offers
        ],
    )
