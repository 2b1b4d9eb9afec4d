"""What a person can do to the server, as data: `verbs` makes them, `calls` performs them.

Each act names the thing and the revision that the person saw; if the thing changed meanwhile the server refuses. An act
says nothing about how it is asked for or confirmed.
"""

from __future__ import annotations

import msgspec


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all."""


class Approve(Act, frozen=True, kw_only=True):
    """Takes the proposed fix: to its canary, or, where that has passed, into force."""

    incident_id: str
    revision: int


class Reject(Act, frozen=True, kw_only=True):
    """Refuses the proposed fix."""

    incident_id: str
    revision: int
    reason: str = ""


class Close(Act, frozen=True, kw_only=True):
    """Ends an incident; its held events stay."""

    incident_id: str
    revision: int


class ApplyFix(Act, frozen=True, kw_only=True):
    """Drives the loop: again from the analysis, or with a reading or an adapter that the person chose."""

    incident_id: str
    revision: int
    reading: int = 0
    adapter_id: str = ""


class Analyse(Act, frozen=True, kw_only=True):
    """Analyses an incident again, without moving it."""

    incident_id: str


class RunCanary(Act, frozen=True, kw_only=True):
    """Tries an adapter on recorded events; changes nothing."""

    adapter_id: str


class Promote(Act, frozen=True, kw_only=True):
    """Puts an adapter in force that passed its canary."""

    adapter_id: str
    revision: int


class RollBack(Act, frozen=True, kw_only=True):
    """Takes an adapter out of force."""

    adapter_id: str
    revision: int


class ClearAdapters(Act, frozen=True, kw_only=True):
    """Takes all adapters of a stream out of force."""

    stream_id: str


class ExportAdapter(Act, frozen=True, kw_only=True):
    """Writes an adapter to a file of this machine."""

    adapter_id: str


class TryAdapter(Act, frozen=True, kw_only=True):
    """Drives one recorded event through an adapter, for the eye."""

    adapter_id: str


class Redrive(Act, frozen=True, kw_only=True):
    """Drives held events through the gate again."""

    stream_id: str
    incident_id: str = ""
    dry_run: bool = False


class SetAutonomy(Act, frozen=True, kw_only=True):
    """How far the loop goes on a stream without a person."""

    stream_id: str
    revision: int
    autonomy: str
    former: str = ""


class SetKillSwitch(Act, frozen=True, kw_only=True):
    """Stops every promotion and redrive, or lets them go on."""

    engaged: bool


class StartSource(Act, frozen=True, kw_only=True):
    """Starts a stopped source again, or a new one of a population."""

    source_id: str = ""
    stream_id: str = ""
    population: str = ""
    rate: float = 0.0


class StopSource(Act, frozen=True, kw_only=True):
    """Stops a source."""

    source_id: str


class SetRate(Act, frozen=True, kw_only=True):
    """Another rate for a source: it is stopped and started again where it was."""

    source_id: str
    rate: float


class Inject(Act, frozen=True, kw_only=True):
    """Puts a fault on a source."""

    source_id: str
    kind: str
    path: str = ""
    parameters: str = "{}"
    share: float = 0.0
    seed: int = 0


class ClearFaults(Act, frozen=True, kw_only=True):
    """Takes one fault, or all of a source, out."""

    source_id: str
    fault_id: str = ""


class Learn(Act, frozen=True, kw_only=True):
    """Learns a stream's baseline from its recent healthy events."""

    stream_id: str


class DeleteSignature(Act, frozen=True, kw_only=True):
    """Forgets a signature."""

    signature_id: str


class FetchRun(Act, frozen=True, kw_only=True):
    """Brings a run's trace."""

    run_id: str


class FetchHeld(Act, frozen=True, kw_only=True):
    """Brings the head of a stream's quarantine; of all streams when none is named."""

    stream_id: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an act."""

    words: str = ""
    """One sentence; empty when the screen itself shows it."""
    undo: tuple[Act, ...] = ()
    """Takes it back; empty where nothing does."""


class Failed(Exception):
    """The act was not done; the text says why and what helps."""
