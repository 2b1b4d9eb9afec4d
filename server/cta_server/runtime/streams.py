"""Streams: created, changed, deleted, and taught what healthy looks like."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from cta_core.contract import compile_contract, learn
from cta_core.errors import EventRefused, InvalidInput, Violation
from cta_core.event import decode
from cta_core.incident import OPEN
from cta_core.memory import DecisionEntry
from cta_core.privacy import Masker
from cta_core.privacy.mask import problems_of
from cta_core.profile import Profile
from cta_core.stream import Stream
from cta_server.runtime.detector import Detector
from cta_server.runtime.errors import NoBaseline, NoEvents, StreamBusy, StreamExists
from cta_server.runtime.gates import Counts, Gates, StreamGate, contract_of
from cta_server.runtime.hub import Hub
from cta_server.runtime.intake import Intake
from cta_server.runtime.ports import StaleRevision
from cta_server.runtime.remasking import UNKNOWN_MASKS
from cta_server.runtime.samples import Samples
from cta_server.runtime.storage import Storage
from cta_server.runtime.tasks import Tasks

STREAM_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

OWN_BASELINE: Final = 300
"""Healthy events after which a stream with a declared contract has its first baseline by itself: a field that is gone
is then beyond doubt after five events, and one in a hundred of its values has been seen. Without a declared contract
nothing says that the events are healthy, so its owner has to call LearnBaseline."""

LEARNABLE: Final = 10_000
"""Recent healthy events that LearnBaseline takes when it is given none."""


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream is."""

    state: str
    """LEARNING, HEALTHY, HEALED or INCIDENT."""
    counts: Counts
    held: int
    active: tuple[str, ...]
    """Adapters in force, newest first."""


class Streams:
    """Keeps streams."""

    def __init__(
        self,
        *,
        storage: Storage,
        gates: Gates,
        detector: Detector,
        hub: Hub,
        intake: Intake,
        samples: Samples,
        tasks: Tasks,
        consumers: Callable[[], frozenset[str]],
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._gates, self._detector, self._hub = storage, gates, detector, hub
        self._intake, self._samples, self._tasks = intake, samples, tasks
        self._consumers, self._clock = consumers, clock
        self._first: dict[str, list[bytes]] = {}
        self._taught: set[str] = set()
        self.feeds: Callable[[str], bool] = lambda _stream_id: False
        """Set by the runtime: whether a source feeds the stream."""
        self.on_masks: Callable[[str], Awaitable[None]] | None = None
        """Set by the runtime: brings what is stored up to changed masks."""
        self.on_learned: Callable[[str], None] | None = None
        """Set by the runtime: the watch for silent drift begins anew."""
        self.on_deleted: Callable[[str], None] = lambda _stream_id: None
        """Set by the runtime: its open traces are forgotten."""

    async def create(self, stream: Stream, *, validate_only: bool = False) -> Stream:
        """Creates a stream; the same content again returns what exists. Raises `InvalidInput` or `StreamExists`."""
        self._check(stream)
        now = self._clock()
        fresh = msgspec.structs.replace(
            stream, create_time=now, update_time=now, learned=b"", revision=0, masked=stream.masks
        )
        existing = await self._storage.journaled(self._storage.journal.get_stream, stream.stream_id)
        if existing is not None:
            if _content(existing) == _content(fresh):
                return existing
            raise StreamExists(stream.stream_id)
        if validate_only:
            return fresh
        try:
            stored = await self._storage.journaled(self._storage.journal.put_stream, fresh, expected=0)
        except StaleRevision:
            raise StreamExists(stream.stream_id) from None
        await self._changed(stored)
        return stored

    async def get(self, stream_id: str) -> Stream:
        """The stream. Raises `NotFound`."""
        return (await self._gates.get(stream_id)).stream

    async def list(self, after: str = "", limit: int = 50) -> list[Stream]:
        """Streams by id."""
        return await self._storage.journaled(self._storage.journal.list_streams, after=after, limit=limit)

    async def update(
        self, stream_id: str, change: Callable[[Stream], Stream], *, expected: int = 0, actor: str = ""
    ) -> Stream:
        """Changes a stream. Raises `NotFound`, `InvalidInput` or `StaleRevision`."""
        current = await self.get(stream_id)
        if expected and current.revision != expected:
            raise StaleRevision(expected, current.revision)
        wanted = msgspec.structs.replace(change(current), update_time=self._clock())
        self._check(wanted)
        if wanted.masks and wanted.contract != current.contract:
            # Which members the contract knows decides what is hidden in the stored copies.
            wanted = msgspec.structs.replace(wanted, masked=(UNKNOWN_MASKS,))
        decision = DecisionEntry(
            action="update_stream",
            actor=actor or "somebody",
            stream_id=stream_id,
            why=_difference(current, wanted),
            time=self._clock(),
        )
        stored = await self._storage.journaled(
            self._storage.journal.put_stream, wanted, expected=current.revision, decision=decision
        )
        await self._changed(stored)
        if set(stored.masks) != set(stored.masked) and self.on_masks is not None:
            await self.on_masks(stream_id)
        return stored

    def unlearn(self, stream_id: str) -> None:
        """The baseline is gone: a stream with a declared contract takes its next healthy events as another."""
        self._taught.discard(stream_id)
        self._first.pop(stream_id, None)

    async def delete(self, stream_id: str, *, force: bool = False, actor: str = "") -> None:
        """Deletes a stream with all that belongs to it. Raises `NotFound` or `StreamBusy`."""
        await self.get(stream_id)
        held = await self._storage.journaled(self._storage.journal.count_held, stream_id=stream_id)
        if not force:
            if held:
                raise StreamBusy(stream_id, f"{held} events in quarantine")
            if any(incident.state in OPEN for incident in self._detector.open_incidents(stream_id)):
                raise StreamBusy(stream_id, "an open incident")
            if self.feeds(stream_id):
                raise StreamBusy(stream_id, "a running source")
        decision = DecisionEntry(
            action="delete_stream",
            actor=actor or "somebody",
            stream_id=stream_id,
            why=f"{held} held events went with it",
            time=self._clock(),
        )
        await self._storage.journaled(self._storage.journal.delete_stream, stream_id, decision)
        await self._storage.archived(self._storage.archive.delete_stream, stream_id)
        self._hub.revisions.raise_to(await self._storage.journaled(self._storage.journal.revision))
        self._gates.forget(stream_id)
        self._detector.forget(stream_id)
        self._taught.discard(stream_id)
        self._intake.forget(stream_id)
        self.on_deleted(stream_id)

    async def learn(
        self, stream_id: str, events: Sequence[bytes] = (), *, append: bool = False, actor: str = ""
    ) -> tuple[Stream, int]:
        """Learns the baseline; returns the stream and how many events it has. Raises `NotFound`, `InvalidInput` or
        `NoEvents`.
        """
        gate = await self._gates.get(stream_id)
        copied = not events and gate.veil is not None
        if copied and gate.stream.learned and not gate.stream.contract:
            raise InvalidInput.of(
                "events", "give healthy events: the recent ones are masked copies, and hide what would be new to learn"
            )
        if not events:
            events = await self._samples.healthy(stream_id, LEARNABLE)
        if not events:
            raise NoEvents(f"stream {stream_id!r} has no recent healthy events; send some, or give them in the call")
        self._check_events(gate, events, copied=copied)
        return await self._teach(gate.stream, events, append=append, actor=actor or "somebody", copied=copied)

    async def profile(self, stream_id: str) -> Profile:
        """The profile of the baseline. Raises `NotFound` or `NoBaseline`."""
        await self.get(stream_id)
        encoded = await self._storage.journaled(self._storage.journal.get_profile, stream_id)
        if encoded is None:
            raise NoBaseline(stream_id)
        return Profile.from_bytes(encoded)

    async def status(self, stream_id: str) -> StreamStatus:
        """How the stream is. Raises `NotFound`."""
        gate = await self._gates.get(stream_id)
        held = await self._storage.journaled(self._storage.journal.count_held, stream_id=stream_id)
        if self._detector.open_incidents(stream_id):
            state = "INCIDENT"
        elif gate.adapters:
            state = "HEALED"
        elif gate.contract is None:
            state = "LEARNING"
        else:
            state = "HEALTHY"
        active = tuple(adapter.adapter_id for adapter in gate.adapters)
        return StreamStatus(state=state, counts=self._gates.counts(stream_id), held=held, active=active)

    def observe(self, gate: StreamGate, healthy: Sequence[bytes]) -> None:
        """Takes the first healthy events of a stream with a declared contract as its baseline."""
        stream = gate.stream
        if not stream.contract or stream.learned or stream.stream_id in self._taught or not healthy:
            return
        first = self._first.setdefault(stream.stream_id, [])
        first += healthy[: OWN_BASELINE - len(first)]
        if len(first) >= OWN_BASELINE:
            self._taught.add(stream.stream_id)
            del self._first[stream.stream_id]
            self._tasks.spawn(f"baseline/{stream.stream_id}", self._own_baseline(stream, first))

    async def _own_baseline(self, stream: Stream, events: Sequence[bytes]) -> None:
        await self._teach(stream, events, append=False, actor="loop")

    async def _teach(
        self, stream: Stream, events: Sequence[bytes], *, append: bool, actor: str, copied: bool = False
    ) -> tuple[Stream, int]:
        journal = self._storage.journal
        schema = b""
        if stream.masks:
            events, schema = await self._masked(stream, events, append=append, copied=copied)
        count = await self._storage.journaled(journal.put_baseline, stream.stream_id, events, append=append)
        if append:
            events = await self._storage.journaled(journal.get_baseline, stream.stream_id, limit=LEARNABLE)
        decoded = [decode(raw) for raw in events]
        await self._storage.journaled(journal.put_profile, stream.stream_id, Profile.of(decoded).to_bytes())
        current = await self.get(stream.stream_id)
        schema = schema or msgspec.json.encode(learn(decoded))
        masked = current.masked if append else current.masks
        stored = await self._storage.journaled(
            journal.put_stream,
            msgspec.structs.replace(current, learned=schema, masked=masked, update_time=self._clock()),
            expected=-1,
            decision=DecisionEntry(
                action="learn_baseline",
                actor=actor,
                stream_id=stream.stream_id,
                why=f"{count} events",
                time=self._clock(),
            ),
        )
        await self._changed(stored)
        if self.on_learned is not None:
            self.on_learned(stream.stream_id)
        return stored, count

    async def _masked(
        self, stream: Stream, events: Sequence[bytes], *, append: bool, copied: bool
    ) -> tuple[Sequence[bytes], bytes]:
        """The copies that a baseline keeps, and the contract that is learned: never from what the stream masks."""
        gate = await self._gates.get(stream.stream_id)
        key, masks, journal = await self._gates.mask_key(), stream.masks, self._storage.journal
        plain = Masker(masks, None, key, gate.limits)
        seen = list(events) if copied else [plain.raw(raw) for raw in events]
        if append:
            seen = [*await self._storage.journaled(journal.get_baseline, stream.stream_id, limit=LEARNABLE), *seen]
        schema = learn(decode(raw) for raw in seen)
        if copied:
            return events, msgspec.json.encode(schema)
        masker = Masker(masks, compile_contract(stream.contract or schema), key, gate.limits)
        return [masker.raw(raw) for raw in events], msgspec.json.encode(schema)

    async def _changed(self, stream: Stream) -> None:
        await self._gates.refresh(stream.stream_id)
        self._hub.revisions.raise_to(stream.revision)

    def _check(self, stream: Stream) -> None:
        found = list(stream.policy.problems())
        found = [Violation(f"policy.{violation.field}", violation.remedy) for violation in found]
        if not STREAM_ID.fullmatch(stream.stream_id):
            found.append(
                Violation(
                    "stream_id", "must be 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit"
                )
            )
        if stream.consumer and stream.consumer not in self._consumers():
            known = ", ".join(sorted(self._consumers())) or "none"
            found.append(Violation("consumer", f"is not in the server's configuration; it knows {known}"))
        if stream.contract:
            try:
                compile_contract(stream.contract)
            except InvalidInput as error:
                found += [Violation(f"contract_json{_below(v.field)}", v.remedy) for v in error.violations]
            else:
                found += problems_of(stream.masks, contract_of(stream))
        else:
            found += problems_of(stream.masks, contract_of(stream))
        if found:
            raise InvalidInput(found)

    def _check_events(self, gate: StreamGate, events: Sequence[bytes], *, copied: bool) -> None:
        found: list[Violation] = []
        schema = gate.veil.declared if copied and gate.veil is not None else gate.stream.contract
        declared = compile_contract(schema) if schema else None
        for index, raw in enumerate(events):
            try:
                event = decode(raw, gate.limits)
            except EventRefused as error:
                found.append(Violation(f"events[{index}]", error.reason))
                continue
            if declared is not None and not declared.holds(event):
                first = declared.violations(event)[0]
                found.append(
                    Violation(f"events[{index}]{first.path}", f"breaks the declared contract: {first.message}")
                )
        if found:
            raise InvalidInput(found[:100])


def _content(stream: Stream) -> tuple[object, ...]:
    return (stream.contract, stream.consumer, stream.policy, stream.description, stream.masks)


def _difference(before: Stream, after: Stream) -> str:
    """Which fields an update changed, for the log of decisions."""
    changed = [
        name for name in ("contract", "consumer", "description") if getattr(before, name) != getattr(after, name)
    ]
    if before.masks != after.masks:
        changed.append("masks: " + (", ".join(f"{mask.path} {mask.method}" for mask in after.masks) or "none"))
    old, new = msgspec.to_builtins(before.policy), msgspec.to_builtins(after.policy)
    changed += [f"policy.{name}: {old[name]} -> {value}" for name, value in new.items() if old[name] != value]
    return "; ".join(changed) or "nothing"


def _below(field: str) -> str:
    return f".{field}" if field and not field.startswith("/") else field
