"""What a person can do with an incident. Each verb is one input of the machine; the healer performs what follows."""

from __future__ import annotations

from collections.abc import Callable

from cta_core.adapter.revision import AdapterRevision
from cta_core.errors import InvalidInput
from cta_core.incident import Incident
from cta_core.machine import AnalysisAsked, Approved, Closed, FixChosen, Rejected, RollBackAsked
from cta_core.quarantine import HeldState
from cta_server.runtime.errors import Kind, NotFound
from cta_server.runtime.healer import Healer
from cta_server.runtime.ids import Ids
from cta_server.runtime.storage import Storage


class Incidents:
    """Reads incidents and passes verbs on. Every verb raises `NotFound`, `WrongState`, `Halted` or `StaleRevision`."""

    def __init__(self, *, storage: Storage, healer: Healer, ids: Ids, clock: Callable[[], float]) -> None:
        self._storage, self._healer, self._ids, self._clock = storage, healer, ids, clock

    async def get(self, incident_id: str) -> Incident:
        """The incident. Raises `NotFound`."""
        return await self._healer.get(incident_id)

    async def counts(self, incident_id: str) -> tuple[int, int]:
        """Events of the incident that are held, and that were redriven."""
        count = self._storage.journal.count_held
        held = await self._storage.journaled(count, incident_id=incident_id)
        redriven = await self._storage.journaled(count, incident_id=incident_id, state=HeldState.REDRIVEN)
        return held, redriven

    async def approve(
        self, incident_id: str, *, expected: int = 0, request_id: str = "", actor: str = "", comment: str = ""
    ) -> Incident:
        """Approves the proposed adapter."""
        return await self._healer.person(
            incident_id, Approved(actor=_named(actor), comment=comment), expected=expected, request_id=request_id
        )

    async def reject(
        self, incident_id: str, *, expected: int = 0, request_id: str = "", actor: str = "", comment: str = ""
    ) -> Incident:
        """Rejects the proposed adapter."""
        return await self._healer.person(
            incident_id, Rejected(actor=_named(actor), comment=comment), expected=expected, request_id=request_id
        )

    async def resolve(
        self, incident_id: str, *, expected: int = 0, request_id: str = "", actor: str = "", comment: str = ""
    ) -> Incident:
        """Closes the incident."""
        return await self._healer.person(
            incident_id, Closed(actor=_named(actor), comment=comment), expected=expected, request_id=request_id
        )

    async def analyze_again(
        self, incident_id: str, *, expected: int = 0, request_id: str = "", actor: str = "", comment: str = ""
    ) -> Incident:
        """Asks for another attempt."""
        return await self._healer.person(
            incident_id, AnalysisAsked(actor=_named(actor), comment=comment), expected=expected, request_id=request_id
        )

    async def roll_back(
        self, incident_id: str, *, expected: int = 0, request_id: str = "", actor: str = "", comment: str = ""
    ) -> Incident:
        """Takes the promoted adapter back."""
        return await self._healer.person(
            incident_id, RollBackAsked(actor=_named(actor), comment=comment), expected=expected, request_id=request_id
        )

    async def choose(
        self,
        incident_id: str,
        *,
        reading: int = 0,
        adapter_id: str = "",
        expected: int = 0,
        request_id: str = "",
        actor: str = "",
        comment: str = "",
    ) -> Incident:
        """Sends one of the report's readings (from 1), or an adapter that a person brought, to its canary. Raises
        `InvalidInput` too.
        """
        new: tuple[AdapterRevision, ...] = ()
        if reading:
            chosen = await self._reading(incident_id, reading, actor, comment)
            adapter_id, new = chosen.adapter_id, (chosen,)
        elif await self._storage.journaled(self._storage.journal.get_adapter, adapter_id) is None:
            raise NotFound(Kind.ADAPTER, adapter_id)
        event = FixChosen(actor=_named(actor), adapter_id=adapter_id, comment=comment)
        return await self._healer.person(incident_id, event, expected=expected, request_id=request_id, new_adapters=new)

    async def _reading(self, incident_id: str, number: int, actor: str, comment: str) -> AdapterRevision:
        incident = await self.get(incident_id)
        stored = await self._storage.archived(self._storage.archive.get_report, incident.report_id)
        readings = stored.report.readings if stored else ()
        if not 1 <= number <= len(readings):
            raise InvalidInput.of("reading", f"the report has {len(readings)} readings; name one of them, from 1")
        reading = readings[number - 1]
        return AdapterRevision(
            adapter_id=self._ids.new("adp"),
            stream_id=incident.stream_id,
            program=reading.program,
            create_time=self._clock(),
            incident_id=incident_id,
            author=_named(actor),
            comment=comment or reading.label,
        )


def _named(actor: str) -> str:
    """A person without a name is still not the loop."""
    return "somebody" if actor in ("", "loop") else actor
