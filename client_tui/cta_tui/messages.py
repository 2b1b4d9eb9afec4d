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


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all."""


# --- the connection ---------------------------------------------------------------------------------------------------


class Heard(Message, frozen=True, kw_only=True):
    """The server spoke: its counts, and its clock."""

    stats: facts.StatsFact
    server_time: float
    at: float
    """This machine's clock."""
    delay: float = 0.0
    """Seconds that the last question took, there and back."""


class Lost(Message, frozen=True, kw_only=True):
    """The connection is gone; the feed goes on trying."""

    why: str
    at: float
    since: float
    """Seconds since the server was last heard."""
    tries: int = 1


class Refused(Message, frozen=True, kw_only=True):
    """The server answers, but not us; the feed goes on trying, slowly."""

    why: str
    at: float


class Tick(Message, frozen=True, kw_only=True):
    """Time passes."""

    at: float


class InfoCame(Message, frozen=True, kw_only=True):
    """What the server is."""

    info: facts.InfoFact


# --- the server's things ----------------------------------------------------------------------------------------------


class IncidentsCame(Message, frozen=True, kw_only=True):
    """New or changed incidents, and ids of those that are gone."""

    incidents: tuple[facts.IncidentFact, ...] = ()
    gone: tuple[str, ...] = ()
    current: bool = False
    """The picture is whole now."""


class StreamsCame(Message, frozen=True, kw_only=True):
    """All streams."""

    streams: tuple[facts.StreamFact, ...]
    at: float


class ReportCame(Message, frozen=True, kw_only=True):
    """A report."""

    report: facts.ReportFact


class AdaptersCame(Message, frozen=True, kw_only=True):
    """Adapters, new or changed."""

    adapters: tuple[facts.AdapterFact, ...]


class WorkersCame(Message, frozen=True, kw_only=True):
    """All consumers that apply adapters in their own process."""

    workers: tuple[facts.WorkerFact, ...]


class CanaryCame(Message, frozen=True, kw_only=True):
    """A canary so far, or with its verdict."""

    canary: facts.CanaryFact


class TrialCame(Message, frozen=True, kw_only=True):
    """A real event before and after an adapter."""

    trial: facts.TrialFact


class EventsCame(Message, frozen=True, kw_only=True):
    """A batch of the tail, oldest first."""

    events: tuple[facts.EventFact, ...]
    left_out: int = 0
    """Events that passed and are not among them."""


class HeldCame(Message, frozen=True, kw_only=True):
    """The head of the quarantine, and how many wait in all."""

    events: tuple[facts.EventFact, ...]
    total: int = 0


class SignaturesCame(Message, frozen=True, kw_only=True):
    """The newest signatures."""

    signatures: tuple[facts.SignatureFact, ...]


class RunsCame(Message, frozen=True, kw_only=True):
    """Runs that ended."""

    runs: tuple[facts.RunFact, ...]


class SourcesCame(Message, frozen=True, kw_only=True):
    """All sources with their faults, and the kinds that can be injected."""

    sources: tuple[facts.SourceFact, ...]
    faults: tuple[facts.FaultFact, ...]
    kinds: tuple[facts.KindFact, ...]


class DecisionsCame(Message, frozen=True, kw_only=True):
    """The newest decisions."""

    decisions: tuple[facts.DecisionFact, ...]


# --- the person -------------------------------------------------------------------------------------------------------


class ViewChosen(Message, frozen=True, kw_only=True):
    """Another view."""

    view: View


class Picked(Message, frozen=True, kw_only=True):
    """Something was selected in a list."""

    pick: Pick
    key: str


class Filtered(Message, frozen=True, kw_only=True):
    """A filter for the lists of the view; empty takes it away."""

    text: str


class FollowSet(Message, frozen=True, kw_only=True):
    """The tail of events follows the newest, or stands."""

    follow: bool


class HeldShown(Message, frozen=True, kw_only=True):
    """The events' view shows the quarantine instead of the tail, or the tail again."""

    shown: bool


class GuideShown(Message, frozen=True, kw_only=True):
    """The guide is shown or hidden; the story goes on either way."""

    shown: bool


class Told(Message, frozen=True, kw_only=True):
    """A sentence of the demo's story; empty takes it away."""

    title: str = ""
    sentence: str = ""
    hint: str = ""
