"""Adapters by hand: create, try, promote, take back. What the loop does with its own adapters is the healer's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from cta_core.adapter.compile import check_program
from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.errors import InvalidInput
from cta_core.gate import OutcomeKind
from cta_core.incident import State
from cta_core.machine import AdapterChange, AdapterState, Halted
from cta_core.memory import DecisionEntry
from cta_core.verdict import Verdict
from cta_server.runtime.errors import AdapterWrongState, Kind, NoEvents, NotFound
from cta_server.runtime.fleet import Fleet, WorkerStanding
from cta_server.runtime.gates import Gates
from cta_server.runtime.hub import Hub
from cta_server.runtime.ids import Ids
from cta_server.runtime.incidents import Incidents
from cta_server.runtime.ports import StaleRevision
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage

PROMOTABLE: Final = (
    AdapterState.PROPOSED,
    AdapterState.CANARY,
    AdapterState.REJECTED,
    AdapterState.ROLLED_BACK,
    AdapterState.RETIRED,
)
"""States from which a person may promote: a former decision can be revised, in the open."""


class Trial(msgspec.Struct, frozen=True):
    """What an adapter does to one event in a dry run."""

    before: bytes
    after: bytes
    """Empty when the event would be held."""
    kind: OutcomeKind
    message: str
    touched: bool
    """The adapter's guard holds for the event."""


class Adapters:
    """Reads and changes adapters."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        hub: Hub,
        ids: Ids,
        samples: Samples,
        incidents: Incidents,
        halted: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._hub, self._ids = storage, gates, hub, ids
        self._samples, self._incidents = samples, incidents
        self._halted, self._clock = halted, clock
        self.fleet = Fleet(clock)
        self.on_healed_outside: Callable[[str, int], None] | None = None
        """Set by the runtime: the bake counts what an adapter healed in the workers."""
        self.on_promoted: Callable[[str], None] | None = None
        """Set by the runtime: drives the stream's held events again."""

    async def get(self, adapter_id: str) -> AdapterRevision:
        """The adapter. Raises `NotFound`."""
        adapter = await self._storage.journaled(self._storage.journal.get_adapter, adapter_id)
        if adapter is None:
            raise NotFound(Kind.ADAPTER, adapter_id)
        return adapter

    def healed_count(self, adapter_id: str) -> int:
        """Events that it healed since the server started."""
        return self._gates.healed_by.get(adapter_id, 0)

    async def create(
        self,
        stream_id: str,
        program: Program,
        *,
        author: str = "",
        comment: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> AdapterRevision:
        """A new adapter in state PROPOSED. Raises `NotFound` or `InvalidProgram`."""
        await self._gates.get(stream_id)
        check_program(program)
        adapter = AdapterRevision(
            adapter_id=self._ids.new("adp"),
            stream_id=stream_id,
            program=program,
            create_time=self._clock(),
            update_time=self._clock(),
            author=author or "somebody",
            comment=comment,
        )
        if validate_only:
            return adapter
        return await self._storage.journaled(self._storage.journal.put_adapter, adapter, request_id=request_id)

    async def test(
        self, stream_id: str, program: Program, events: Sequence[bytes] = (), limit: int = 20
    ) -> tuple[Trial, ...]:
        """What the gate would do with the program; events empty: held and recent ones, shown as copies where the
        stream masks fields. Raises `NotFound`, `InvalidProgram` or `NoEvents`.
        """
        gate = await self._gates.get(stream_id)
        check_program(program)
        own, copied = bool(events), 0
        if not events:
            healthy = await self._samples.healthy(stream_id, max(1, limit // 4))
            events = await self._samples.held(max(1, limit - len(healthy)), stream_id=stream_id) + healthy
            copied = len(healthy)
        if not events:
            raise NoEvents(f"stream {stream_id!r} has no held and no recent events; give some")
        tried = AdapterRevision(adapter_id="trial", stream_id=stream_id, program=program)
        events = list(events)[:limit]
        whole = len(events) - copied if gate.veil is not None else len(events)
        outcomes = gate.candidate((tried,)).judge_many(events[:whole])
        if whole < len(events):
            outcomes += gate.candidate((tried,), copies=True).judge_many(events[whole:])
        veil = gate.veil if not own else None
        trials = tuple(
            Trial(
                before=before,
                after=b"" if outcome.kind is OutcomeKind.QUARANTINED else outcome.raw,
                kind=outcome.kind,
                message=outcome.message,
                touched=outcome.adapter_id == "trial",
            )
            for before, outcome in zip(events, outcomes, strict=True)
        )
        if veil is None:
            return trials
        held = [
            msgspec.structs.replace(
                each, before=veil.copy(each.before), after=veil.copy(each.after) if each.after else b""
            )
            for each in trials[:whole]
        ]
        return (*held, *trials[whole:])

    async def promote(
        self,
        adapter_id: str,
        *,
        expected: int = 0,
        request_id: str = "",
        actor: str = "",
        comment: str = "",
        without_canary: bool = False,
    ) -> AdapterRevision:
        """Puts an adapter in force. Raises `NotFound`, `Halted`, `AdapterWrongState`, `StaleRevision` or
        `InvalidInput`.
        """
        if await self._repeated(request_id):
            return await self.get(adapter_id)
        adapter = await self._current(adapter_id, expected)
        if adapter.state is AdapterState.ACTIVE:
            return adapter
        if self._halted():
            raise Halted("the kill switch is engaged; release it before an adapter is promoted")
        if adapter.state not in PROMOTABLE:
            raise AdapterWrongState("promote", adapter.state, tuple(s.value for s in PROMOTABLE))
        if without_canary and not comment:
            raise InvalidInput.of("comment", "say why the adapter is promoted without a canary")
        if not without_canary and not await self._proved(adapter_id):
            why = "the adapter has no canary with verdict PASS; run one, or promote without_canary with a comment"
            raise AdapterWrongState("promote", adapter.state, (), why)
        changed = await self._change(
            [adapter],
            AdapterState.ACTIVE,
            action="promote",
            expected=expected,
            request_id=request_id,
            actor=actor,
            why=comment,
        )
        if self.on_promoted is not None:
            self.on_promoted(adapter.stream_id)
        return changed[0]

    async def roll_back(
        self, adapter_id: str, *, expected: int = 0, request_id: str = "", actor: str = "", comment: str = ""
    ) -> AdapterRevision:
        """Takes an active adapter back. Raises `NotFound`, `AdapterWrongState` or `StaleRevision`."""
        if await self._repeated(request_id):
            return await self.get(adapter_id)
        adapter = await self._current(adapter_id, expected)
        if adapter.state is AdapterState.ROLLED_BACK:
            return adapter
        if adapter.state is not AdapterState.ACTIVE:
            raise AdapterWrongState("roll back", adapter.state, (AdapterState.ACTIVE.value,))
        if adapter.incident_id:
            incident = await self._incidents.get(adapter.incident_id)
            if incident.adapter_id == adapter_id and incident.state in (State.PROMOTED, State.RESOLVED):
                # The incident it healed is told, so that its story stays whole and its signature is blamed.
                await self._incidents.roll_back(
                    adapter.incident_id, request_id=request_id, actor=actor, comment=comment
                )
                return await self.get(adapter_id)
        changed = await self._change(
            [adapter],
            AdapterState.ROLLED_BACK,
            action="roll_back",
            expected=expected,
            request_id=request_id,
            actor=actor,
            why=comment,
        )
        return changed[0]

    async def clear(self, stream_id: str, *, actor: str = "", comment: str = "") -> int:
        """Retires all active adapters of a stream; those that still bake are rolled back. Raises `NotFound`.

        Retired is not refused: a signature keeps its good name, and the same drift is healed from it again.
        """
        gate = await self._gates.get(stream_id)
        why = comment or "adapters cleared"
        settled: list[AdapterRevision] = []
        for adapter in gate.adapters:
            incident = await self._incidents.get(adapter.incident_id) if adapter.incident_id else None
            if incident is not None and incident.state is State.PROMOTED and incident.adapter_id == adapter.adapter_id:
                await self.roll_back(adapter.adapter_id, actor=actor, comment=why)
            else:
                settled.append(adapter)
        if settled:
            await self._change(
                settled, AdapterState.RETIRED, action="retire", expected=0, request_id="", actor=actor, why=why
            )
        return len(gate.adapters)

    def report(
        self, worker_id: str, adapter_id: str, revision: int, *, applied: bool, error: str = "", healed: int = 0
    ) -> tuple[int, int]:
        """A worker applied or refused a revision, and healed so many events with it; returns how many workers did the
        one and the other.
        """
        if healed:
            self._gates.healed_by[adapter_id] = self.healed_count(adapter_id) + healed
            if self.on_healed_outside is not None:
                self.on_healed_outside(adapter_id, healed)
        return self.fleet.report(worker_id, adapter_id, revision, applied=applied, error=error)

    async def workers(self, stream_id: str) -> list[WorkerStanding]:
        """The consumers that apply adapters in their own processes."""
        in_force: dict[str, tuple[str, int]] = {}
        before, journal = "", self._storage.journal
        while page := await self._storage.journaled(
            journal.list_adapters, stream_id=stream_id, states=(AdapterState.ACTIVE,), before=before, limit=500
        ):
            in_force.update((adapter.adapter_id, (adapter.stream_id, adapter.revision)) for adapter in page)
            before = page[-1].adapter_id
        return self.fleet.workers(stream_id, in_force)

    async def _current(self, adapter_id: str, expected: int) -> AdapterRevision:
        adapter = await self.get(adapter_id)
        if expected and adapter.revision != expected:
            raise StaleRevision(expected, adapter.revision)
        return adapter

    async def _repeated(self, request_id: str) -> bool:
        """The verb was carried out before; asking again changes nothing, whatever happened since."""
        if not request_id:
            return False
        journal = self._storage.journal
        changed = await self._storage.journaled(journal.changed_by, request_id)
        return bool(changed) or bool(await self._storage.journaled(journal.moved_by, request_id))

    async def _proved(self, adapter_id: str) -> bool:
        """The adapter's last canary passed."""
        found = await self._storage.archived(self._storage.archive.list_canaries, adapter_id=adapter_id, limit=1)
        return bool(found) and found[0].judgement is not None and found[0].judgement.verdict is Verdict.PASS

    async def _change(
        self,
        adapters: Sequence[AdapterRevision],
        state: AdapterState,
        *,
        action: str,
        expected: int,
        request_id: str,
        actor: str,
        why: str,
    ) -> list[AdapterRevision]:
        changed = await self._storage.journaled(
            self._storage.journal.change_adapters,
            [AdapterChange(adapter_id=adapter.adapter_id, state=state) for adapter in adapters],
            expected=expected,
            decisions=[
                DecisionEntry(
                    action=action,
                    actor=actor or "somebody",
                    stream_id=adapter.stream_id,
                    incident_id=adapter.incident_id,
                    adapter_id=adapter.adapter_id,
                    why=why,
                    time=self._clock(),
                )
                for adapter in adapters
            ],
            request_id=request_id,
        )
        for stream_id in {adapter.stream_id for adapter in changed}:
            await self._gates.refresh(stream_id)
        self._hub.revisions.raise_to(max(adapter.revision for adapter in changed))
        return changed
