"""Canaries out."""

from __future__ import annotations

from typing import Final

from cta.v1 import canary_pb2 as api
from cta_core.canary import Canary
from cta_core.verdict import Judgement, Verdict, percentile
from cta_server.rpc.convert.scalars import duration, timestamp
from cta_server.rpc.convert.words import Words

VERDICTS: Final = Words(api.Verdict, Verdict)

_RUNNING: Final = Judgement(verdict=Verdict.INCONCLUSIVE)


def canary(core: Canary) -> api.Canary:
    """A canary as a message; without a verdict while it runs."""
    tally, judgement = core.tally, core.judgement or _RUNNING
    running = core.judgement is None
    return api.Canary(
        canary_id=core.canary_id,
        stream_id=core.stream_id,
        incident_id=core.incident_id,
        adapter_id=core.adapter_id,
        create_time=timestamp(core.create_time),
        verdict=VERDICTS.number(None if running else judgement.verdict),
        reasons=judgement.reasons,
        drifted_count=tally.drifted,
        failed_count=tally.failed,
        healthy_count=tally.healthy,
        harmed_count=tally.harmed,
        needed_count=core.needed or judgement.needed,
        error_rate=tally.failed / tally.drifted if tally.drifted else 0.0,
        error_bound=judgement.error_bound,
        p95=duration(percentile(tally.latencies_ms, 0.95) if running else judgement.p95_ms),
        parity=tally.parity_ok,
        parity_text=tally.parity_text,
        duration=duration(core.duration_ms),
        failures=[api.CanaryFailure(stage=f.stage, message=f.message, count=f.count) for f in core.failures],
        proved_by=[
            api.CanaryProver(
                worker_id=p.worker_id,
                consumer=p.consumer,
                version=p.version,
                event_count=p.events,
                failed_count=p.failed,
            )
            for p in core.proved_by
        ],
        unproved_reason=core.unproved,
    )
