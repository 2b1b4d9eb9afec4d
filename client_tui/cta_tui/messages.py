"""What the model is told: news of the server by the feed, and moves of the person by the app.

Frozen values; `model.apply` says what each does. A message about the server carries whole facts, so that hearing it
twice changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cta_tui import facts


class View(StrEnum):
    """The views, in the order of their digits."""

    OVERVIEW = "overview"
    INCIDENT = "incident"
    EVENTS = "events"
    ADAPTERS = "adapters"
    SIGNATURES = "signatures"
    RUNS = "runs"
    SOURCES = "sources"
    SERVER = "server"


class Pick(StrEnum):
    """The lists in which something can be selected."""

    STREAM = "stream"
    INCIDENT = "incident"
    EVENT = "event"
    ADAPTER = "adapter"
    SIGNATURE = "signature"
    RUN = "run"
    SOURCE = "source"


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all."""


# --- the connection ---------------------------------------------------------------------------------------------------


class Heard(Message):
    """The server spoke: its counts, and its clock."""

    stats: facts.StatsFact
    server_time: float
    at: float
    """This machine's clock."""
    delay: float = 0.0
    """Seconds that the last question took, there and back."""


class Lost(Message):
    """The connection is gone; the feed goes on trying."""

    why: str
    at: float
    since: float
    """Seconds since the server was last heard."""
    tries: int = 1


class Refused(Message):
    """The server answers, but not us; the feed goes on trying, slowly."""

    why: str
    at: float


class Tick(Message):
    """Time passes."""

    at: float


class InfoCame(Message):
    """What the server is."""

    info: facts.InfoFact


# --- the server's things ----------------------------------------------------------------------------------------------


class IncidentsCame(Message):
    """New or changed incidents, and ids of those that are gone."""

    incidents: tuple[facts.IncidentFact, ...] = ()
    gone: tuple[str, ...] = ()
    current: bool = False
    """The picture is whole now."""


class StreamsCame(Message):
    """All streams."""

    streams: tuple[facts.StreamFact, ...]
    at: float


class ReportCame(Message):
    """A report."""

    report: facts.ReportFact


class AdaptersCame(Message):
    """Adapters, new or changed."""

    adapters: tuple[facts.AdapterFact, ...]


class CanaryCame(Message):
    """A canary so far, or with its verdict."""

    canary: facts.CanaryFact


class TrialCame(Message):
    """A real event before and after an adapter."""

    trial: facts.TrialFact


class EventsCame(Message):
    """A batch of the tail, oldest first."""

    events: tuple[facts.EventFact, ...]
    left_out: int = 0
    """Events that passed and are not among them."""


class HeldCame(Message):
    """The head of the quarantine, and how many wait in all."""

    events: tuple[facts.EventFact, ...]
    total: int = 0


class SignaturesCame(Message):
    """The newest signatures."""

    signatures: tuple[facts.SignatureFact, ...]


class RunsCame(Message):
    """Runs that ended."""

    runs: tuple[facts.RunFact, ...]


class SourcesCame(Message):
    """All sources with their faults, and the kinds that can be injected."""

    sources: tuple[facts.SourceFact, ...]
    faults: tuple[facts.FaultFact, ...]
    kinds: tuple[facts.KindFact, ...]


class DecisionsCame(Message):
    """The newest decisions."""

    decisions: tuple[facts.DecisionFact, ...]


# --- the person -------------------------------------------------------------------------------------------------------


class ViewChosen(Message):
    """Another view."""

    view: View


class Picked(Message):
    """Something was selected in a list."""

    pick: Pick
    key: str


class Filtered(Message):
    """A filter for the lists of the view; empty takes it away."""

    text: str


class FollowSet(Message):
    """The tail of events follows the newest, or stands."""

    follow: bool


class HeldShown(Message):
    """The events' view shows the quarantine instead of the tail, or the tail again."""

    shown: bool


class Told(Message):
    """A sentence of the demo's story; empty takes it away."""

    title: str = ""
    sentence: str = ""
    hint: str = ""
