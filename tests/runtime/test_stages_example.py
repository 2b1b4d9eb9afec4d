"""The example of a consumer of one's own works as its text says."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import msgspec
import pytest

from cta_server.app import consumer_spec
from cta_server.config import load
from cta_server.runtime.sources.populations import POPULATIONS
from cta_server.runtime.stages import ConsumerSpec, StageKind, StagePool

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> ConsumerSpec:
    """The example's consumer as the server reads it, started from the root of the repository."""
    monkeypatch.chdir(ROOT)
    settings = load(Path("examples/payments_consumer.toml")).settings
    return consumer_spec("ledger", settings.consumers["ledger"])


async def test_the_example_runs_on_payments(ledger: ConsumerSpec) -> None:
    """Every healthy payment becomes a line of the ledger, and a payment without its amount fails at the first stage."""
    assert [stage.kind for stage in ledger.stages] == [StageKind.STEP, StageKind.TOOL, StageKind.STEP]
    payments = list(islice(POPULATIONS["payments"].events(1), 300))
    drifted = {("amt" if key == "amount" else key): value for key, value in payments[0].items()}
    pool = StagePool({"ledger": ledger})
    await pool.start()
    try:
        result = await pool.run("ledger", [msgspec.json.encode(e) for e in (*payments, drifted)], timeout_ms=1000)
    finally:
        await pool.close()
    *healthy, failed = result.outcomes
    assert all(outcome.ok for outcome in healthy)
    assert msgspec.json.decode(healthy[0].output).keys() == {"entry", "day", "eur"}
    assert (failed.stage, failed.error_type, failed.message) == ("Check", "KeyError", "'amount'")
