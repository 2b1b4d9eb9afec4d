"""Calls that the API page shows and its test makes, in this order, against one fresh server.

Data only: the RPC and its request as JSON.
"""

from __future__ import annotations

from typing import Any

HEALTHY = [{"json": f'{{"id": "a{number}", "amount": {number + 1.5}, "currency": "EUR"}}'} for number in range(3)]
"""A baseline to learn from: in real life some hundred events."""

DRIFTED = [
    {"event_id": f"d{number}", "payload": {"json": f'{{"id": "d{number}", "amt": {number + 12.5}, "currency": "EUR"}}'}}
    for number in range(5)
]
"""As many as open an incident (`policy.detector.open_after`)."""

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cta.v1.SystemService/GetServerInfo", {}),
    (
        "cta.v1.StreamService/CreateStream",
        {"stream": {"stream_id": "orders", "policy": {"autonomy": "AUTONOMY_APPROVE"}}},
    ),
    ("cta.v1.StreamService/LearnBaseline", {"stream_id": "orders", "events": HEALTHY}),
    (
        "cta.v1.EventService/ProcessEvents",
        {
            "stream_id": "orders",
            "request_id": "batch-1",
            "events": [
                {"event_id": "a1", "payload": {"value": {"id": "a1", "amount": 12.5, "currency": "EUR"}}},
                *DRIFTED,
            ],
        },
    ),
    ("cta.v1.EventService/ListQuarantined", {"stream_id": "orders", "page_size": 10}),
    ("cta.v1.IncidentService/ListIncidents", {"stream_id": "orders"}),
    ("cta.v1.SystemService/ListDecisions", {"page_size": 5}),
)
