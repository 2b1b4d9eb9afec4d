"""The populations that sources can send. A new one is a module here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cta_server.runtime.sources.populations.orders import ORDERS
from cta_server.runtime.sources.populations.payments import PAYMENTS
from cta_server.runtime.sources.populations.population import Population
from cta_server.runtime.sources.populations.sessions import SESSIONS
from cta_server.runtime.sources.populations.shipments import SHIPMENTS
from cta_server.runtime.sources.populations.telemetry import TELEMETRY

POPULATIONS: Final[Mapping[str, Population]] = {
    population.name: population for population in (PAYMENTS, ORDERS, TELEMETRY, SESSIONS, SHIPMENTS)
}
"""All populations by name."""

__all__ = ["POPULATIONS", "Population"]
