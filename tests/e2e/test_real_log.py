"""A real log through a running server: a renamed column is healed, event by event, to what it has to be."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cta.v1 import event_pb2, event_service_pb2, incident_pb2, incident_service_pb2, stream_pb2, stream_service_pb2
from cta_client.channel import Client, connect
from helpers.loop import eventually
from helpers.server import live_server

SHARED = Path(__file__).resolve().parents[3] / "shared" / "driftbench" / "cases" / "loghub-openstack-level-lowercase"

Case = tuple[dict[str, Any], list[str], list[str], list[dict[str, Any]]]
"""Contract, baseline lines, drifted lines, and what the drifted ones have to become."""


def made() -> Case:
    """A made log whose column `Level` becomes `level`."""
    chance = random.Random(7)

    def line(number: int) -> dict[str, Any]:
        return {
            "LineId": number,
            "Level": chance.choice(["INFO", "INFO", "INFO", "WARNING", "ERROR"]),
            "Component": chance.choice(["nova.api", "nova.compute.manager", "nova.scheduler"]),
            "Content": f"request {chance.getrandbits(40):x} took {chance.randint(1, 900)} ms",
        }

    baseline = [line(number) for number in range(1, 301)]
    later = [line(number) for number in range(301, 601)]
    drifted = [{("level" if key == "Level" else key): value for key, value in event.items()} for event in later]
    contract = {
        "type": "object",
        "properties": {
            "LineId": {"type": "integer", "minimum": 1},
            "Level": {"enum": ["DEBUG", "INFO", "WARNING", "ERROR"]},
            "Component": {"type": "string"},
            "Content": {"type": "string"},
        },
        "required": ["LineId", "Level", "Component", "Content"],
    }
    return contract, [json.dumps(e) for e in baseline], [json.dumps(e) for e in drifted], later


def recorded() -> Case:
    """The OpenStack Nova log of the open set of drift cases."""
    lines = {
        name: [line for line in (SHARED / f"{name}.jsonl").read_text("utf-8").splitlines() if line.strip()]
        for name in ("baseline", "drifted", "expected")
    }
    contract = json.loads((SHARED / "case.json").read_text("utf-8"))["contract"]
    return contract, lines["baseline"], lines["drifted"], [json.loads(line) for line in lines["expected"]]


def cases() -> Iterator[Any]:
    """The recorded log where it is at hand, and always a made one."""
    yield pytest.param(made, id="made")
    if SHARED.is_dir():
        yield pytest.param(recorded, id="openstack-nova")


async def process(client: Client, name: str, lines: list[str]) -> list[Any]:
    """The outcomes of the lines."""
    found: list[Any] = []
    for start in range(0, len(lines), 100):
        request = event_service_pb2.ProcessEventsRequest(stream_id="nova", request_id=f"{name}-{start}")
        for line in lines[start : start + 100]:
            request.events.add(payload=event_pb2.Payload(json=line))
        found += (await client.events.ProcessEvents(request)).outcomes
    return found


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", list(cases()))
async def test_the_log_is_healed_line_by_line(tmp_path: Path, case: Any) -> None:
    """Baseline, then drift: every drifted line is delivered or handed back exactly as the truth has it."""
    contract, baseline, drifted, truth = case()
    with live_server(tmp_path) as server:
        async with connect(server.address) as client:
            stream = stream_pb2.Stream(stream_id="nova", contract_json=json.dumps(contract))
            stream.policy.bake.FromMilliseconds(100)
            await client.streams.CreateStream(stream_service_pb2.CreateStreamRequest(stream=stream))
            passed = await process(client, "baseline", baseline)
            assert [outcome.payload.json for outcome in passed] == baseline
            learn = stream_service_pb2.LearnBaselineRequest(stream_id="nova", actor="test")
            await client.streams.LearnBaseline(learn)
            answers = await process(client, "drifted", drifted)

            async def incident() -> Any:
                listed = await client.incidents.ListIncidents(incident_service_pb2.ListIncidentsRequest())
                return listed.incidents[0] if listed.incidents else None

            resolved = incident_pb2.INCIDENT_STATE_RESOLVED
            await eventually(incident, lambda found: found is not None and found.state == resolved, seconds=30)

            async def redriven() -> list[Any]:
                watch = client.events.WatchEvents(event_service_pb2.WatchEventsRequest(stream_id="nova"))
                events: list[Any] = []
                async for message in watch:
                    events += message.events
                    if not message.events:
                        break
                await watch.aclose()
                return events

            log = await eventually(redriven, lambda events: len(events) == len(held(answers)), seconds=20)
    healed = [json.loads(o.payload.json) for o in answers if o.kind == event_pb2.OUTCOME_KIND_HEALED]
    assert [json.loads(event.payload.json) for event in log] + healed == truth


def held(answers: list[Any]) -> list[Any]:
    """The outcomes that were quarantined."""
    return [outcome for outcome in answers if outcome.kind == event_pb2.OUTCOME_KIND_QUARANTINED]
