"""The veil of a stream that masks fields: everything of its events that is kept or shown goes through it.

It decides what is hidden in a recent event, a run, a held event and a message, and gives analyses and replays the
contract that copies satisfy. Quarantine and deliveries hold the events themselves, since those must leave whole; they
go through the veil when they are shown. Made with the stream's gate; a stream without masks has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cta_core.contract import Contract, compile_contract
from cta_core.contract.contract import schema_bytes
from cta_core.errors import EventRefused
from cta_core.event import EventLimits, decode
from cta_core.privacy import Masker
from cta_core.privacy.masker import HIDDEN
from cta_core.privacy.relax import relaxed
from cta_core.privacy.study import Study
from cta_core.quarantine import HeldEvent, HeldReason
from cta_core.run import Run, TraceEvent
from cta_core.stream import Stream
from cta_server.runtime.ports import RecordedEvent

_COUNT: Final = re.compile(r"[0-9,]+ events?(?:, [0-9,]+ failed)?")
"""What the server itself says of a stage in a run."""


class Veil:
    """Hides what one stream masks."""

    def __init__(self, stream: Stream, contract: Contract | None, limits: EventLimits, key: bytes) -> None:
        self.masker = Masker(stream.masks, contract, key, limits)
        self.plain = Masker(stream.masks, None, key, limits)
        """Hides the masked fields alone: what a contract is learned from."""
        self._real = contract
        self.contract = compile_contract(relaxed(contract.schema, stream.masks)) if contract is not None else None
        """The contract in force, as copies satisfy it."""
        declared = compile_contract(stream.contract) if stream.contract else None
        self.declared = schema_bytes(relaxed(declared.schema, stream.masks)) if declared is not None else b""
        """The declared contract, as copies satisfy it; empty where there is none."""
        learned = compile_contract(stream.learned) if stream.learned else None
        self.learned = schema_bytes(relaxed(learned.schema, stream.masks)) if learned is not None else b""
        """The learned one."""

    def copy(self, raw: bytes) -> bytes:
        """An event as it may be kept and shown; empty for what cannot be read."""
        return self.masker.raw(raw)

    def copies(self, raws: Sequence[bytes]) -> list[bytes]:
        """Several of them."""
        return [self.masker.raw(raw) for raw in raws]

    def study(self, healthy: Sequence[bytes], drifted: Sequence[bytes], *, copied: bool) -> Study:
        """The copies for an analysis; `copied` where the drifted events are copies already."""
        return Study(self.masker, self._real, healthy, drifted, copied=copied)

    def recorded(self, event: RecordedEvent) -> RecordedEvent:
        """A recent event."""
        failed = event.reason == HeldReason.STAGE_FAILED
        return msgspec.structs.replace(
            event,
            raw=self.copy(event.raw),
            output=self.copy(event.output) if event.output else b"",
            message=self.failure(event.message) if failed else event.message,
        )

    def held(self, event: HeldEvent) -> HeldEvent:
        """A held event as it may be shown. One that was erased stays empty."""
        failed = event.reason is HeldReason.STAGE_FAILED
        return msgspec.structs.replace(
            event, raw=self.copy(event.raw), message=self.failure(event.message) if failed else event.message
        )

    def failure(self, text: str) -> str:
        """What a stage said, as `Class: message`: the class stays."""
        error_type, colon, message = text.partition(": ")
        return f"{error_type}: {self.masker.message(message)}" if colon else self.masker.message(text)

    def run(self, run: Run) -> Run:
        """A run with its trace."""
        return msgspec.structs.replace(run, trace=tuple(self._entry(entry) for entry in run.trace))

    def _entry(self, entry: TraceEvent) -> TraceEvent:
        return msgspec.structs.replace(
            entry,
            message=self.masker.message(entry.message) if entry.error_type else self._said(entry),
            input_json=self._json(entry.input_json),
            output_json=self._json(entry.output_json),
            attributes_json=self._attributes(entry.attributes_json),
            stacktrace=HIDDEN if entry.stacktrace else "",
            notes=tuple(
                msgspec.structs.replace(
                    note,
                    message=self.masker.message(note.message),
                    attributes_json=self._attributes(note.attributes_json),
                )
                for note in entry.notes
            ),
        )

    def _said(self, entry: TraceEvent) -> str:
        """The server's own words count events; what another one recorded may say anything."""
        return entry.message if _COUNT.fullmatch(entry.message) else self.masker.message(entry.message)

    def _json(self, text: str) -> str:
        return self.copy(text.encode("utf-8", "replace")).decode() if text else ""

    def _attributes(self, text: str) -> str:
        """Attributes are no event of the stream: all their values are in disguise."""
        if not text:
            return ""
        try:
            value: Any = decode(text.encode("utf-8", "replace"))
        except EventRefused:
            return ""
        return msgspec.json.encode(self.masker.hidden(value)).decode()
