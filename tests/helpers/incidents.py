"""Incidents over the API: waiting for one, and its state as a word."""

from __future__ import annotations

import asyncio

from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.incident_service_pb2 import ListIncidentsRequest
from cta_client.channel import Client
from helpers.api import Api


def state(incident: Incident) -> str:
    """The state's word."""
    return IncidentState.Name(incident.state).removeprefix("INCIDENT_STATE_")


async def incident_in(api: Api | Client, stream_id: str, *states: str) -> Incident:
    """The stream's newest incident once it is in one of the states, which are words. Fails with what there is else."""
    for _ in range(1500):
        listed = await api.incidents.ListIncidents(ListIncidentsRequest(stream_id=stream_id, page_size=1))
        if listed.incidents and state(listed.incidents[0]) in states:
            return listed.incidents[0]
        await asyncio.sleep(0.01)
    raise AssertionError(f"{stream_id} has {listed.incidents}")
