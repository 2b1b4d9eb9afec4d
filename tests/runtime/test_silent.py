"""Silent drift: the contract holds, the meaning does not. A person is asked; business is left alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from cta_core.diagnosis.report import Severity
from cta_core.gate import OutcomeKind
from cta_core.incident import State
from cta_server.runtime.runtime import Runtime
from helpers.loop import incident_in, running, send, stream
from helpers.payments import payment, raw


def scaled(start: int, count: int, factor: float) -> list[bytes]:
    """Payments whose amounts are sent in another unit, under the same name."""
    events: list[dict[str, Any]] = [payment(number) for number in range(start, start + count)]
    digits = None if factor == 100.0 else 2  # cents are whole numbers
    return [raw({**event, "amount": round(event["amount"] * factor, digits)}) for event in events]


async def flow(runtime: Runtime, factor: float, batches: int, start: int) -> None:
    """Events as a producer sends them, over some seconds."""
    for number in range(batches):
        await send(runtime, scaled(start + number * 100, 100, factor))
        await asyncio.sleep(0.15)


async def test_cents_for_units_ask_a_person(tmp_path: Path) -> None:
    """A unit that changes under the same name opens a silent incident; approved, its events are healed from then on."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        await flow(runtime, 1.0, 4, 20_000)
        await flow(runtime, 100.0, 12, 30_000)
        waiting = await incident_in(runtime, State.AWAITING_APPROVAL, State.ESCALATED)
        assert waiting.severity is Severity.SILENT
        assert waiting.state is State.AWAITING_APPROVAL
        assert (await runtime.streams.status("payments")).active == ()
        await runtime.incidents.approve(waiting.incident_id, actor="ann")
        await incident_in(runtime, State.PROMOTED, State.RESOLVED)
        healed = await send(runtime, scaled(50_000, 5, 100.0))
        assert {result.kind for result in healed.results} == {OutcomeKind.HEALED}
        amounts = [json.loads(result.payload)["amount"] for result in healed.results]
        assert amounts == [payment(number)["amount"] for number in range(50_000, 50_005)]


async def test_a_good_season_is_left_alone(tmp_path: Path) -> None:
    """Amounts that grow by a quarter open nothing."""
    async with running(tmp_path) as runtime:
        await stream(runtime)
        await flow(runtime, 1.0, 3, 20_000)
        await flow(runtime, 1.25, 9, 30_000)
        await asyncio.sleep(1.0)
        assert runtime.detector.open_incidents() == []
        assert (await runtime.streams.status("payments")).counts.quarantined == 0
