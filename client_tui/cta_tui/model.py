"""Everything that the screen shows, and how a message changes it: `apply(model, message) -> model`, pure.

The model is bounded, so that a day of watching costs what an hour does. It decides what is kept, what counts as the
selected thing when nothing was selected, and how old the picture is; it draws nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from cta_tui import facts, messages
from cta_tui.messages import Pick, View

EVENTS_KEPT: Final = 500
"""Rows of the tail: at 40 a second twelve seconds of scrolling back; older ones are in `ListEvents`."""
INCIDENTS_KEPT: Final = 200
"""Closed ones make room: more than a person reads in a shift."""
RUNS_KEPT: Final = 200
HISTORY_SECONDS: Final = 240
"""Buckets of the chart: four minutes, the widest terminal's width in seconds."""
STALE_SECONDS: Final = 1.5
"""Silence after which values are called old: the server speaks four times a second."""

WAITING: Final = frozenset({"AWAITING APPROVAL", "ESCALATED", "ROLLED BACK"})
"""States in which a person is asked."""
GAP: Final = "GAP"
"""Kind of a row of the tail that stands for what was not seen."""
CLOSED: Final = frozenset({"RESOLVED"})


class Link(StrEnum):
    """Where the connection stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "offline"
    REFUSED = "refused"


class Bucket(msgspec.Struct, frozen=True):
    """One second of traffic."""

    second: int
    good: float
    bad: float


class ChartMark(msgspec.Struct, frozen=True):
    """A moment worth a sign on the chart."""

    second: int
    sign: str
    word: str


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What is known, and what the person looks at."""

    address: str = ""
    link: Link = Link.CONNECTING
    why: str = ""
    """Why the connection is not live."""
    tries: int = 0
    heard: float = 0.0
    """This machine's clock when the server was last heard; 0.0 for never."""
    at: float = 0.0
    """This machine's clock."""
    skew: float = 0.0
    """The server's clock minus ours."""
    delay: float = 0.0
    synced: bool = False
    """The incidents are whole and current; false while a reconnect catches up."""

    info: facts.InfoFact = facts.InfoFact()
    stats: facts.StatsFact = facts.StatsFact()
    history: tuple[Bucket, ...] = ()
    marks: tuple[ChartMark, ...] = ()
    streams: Mapping[str, facts.StreamFact] = {}
    rates: Mapping[str, tuple[float, ...]] = {}
    """Events a second of each stream, the last samples."""
    streams_at: float = 0.0
    incidents: Mapping[str, facts.IncidentFact] = {}
    """Newest first."""
    reports: Mapping[str, facts.ReportFact] = {}
    """By incident."""
    adapters: Mapping[str, facts.AdapterFact] = {}
    """Newest first."""
    workers: tuple[facts.WorkerFact, ...] = ()
    canaries: Mapping[str, facts.CanaryFact] = {}
    """The last one by adapter."""
    trials: Mapping[str, facts.TrialFact] = {}
    """By adapter."""
    events: tuple[facts.EventFact, ...] = ()
    """Oldest first."""
    left_out: int = 0
    held: tuple[facts.EventFact, ...] = ()
    held_total: int = 0
    signatures: tuple[facts.SignatureFact, ...] = ()
    runs: Mapping[str, facts.RunFact] = {}
    """Newest first."""
    sources: Mapping[str, facts.SourceFact] = {}
    faults: tuple[facts.FaultFact, ...] = ()
    kinds: tuple[facts.KindFact, ...] = ()
    decisions: tuple[facts.DecisionFact, ...] = ()

    view: View = View.OVERVIEW
    picked: Mapping[str, str] = {}
    filter: str = ""
    follow: bool = True
    held_shown: bool = False
    story: messages.Told = messages.Told()
    guide_shown: bool = True

    # --- derived ------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The server's clock, as well as we know it."""
        return self.at + self.skew

    @property
    def age(self) -> float:
        """Seconds since the server was last heard."""
        return max(self.at - self.heard, 0.0) if self.heard else 0.0

    @property
    def live(self) -> bool:
        """Whether what is shown is of this moment."""
        return self.link is Link.LIVE and self.age < STALE_SECONDS

    @property
    def open(self) -> tuple[facts.IncidentFact, ...]:
        """Open incidents: those that ask a person first, then by age, newest first."""
        found = [each for each in self.incidents.values() if each.state not in CLOSED]
        return tuple(sorted(found, key=lambda each: (each.state not in WAITING, -each.opened)))

    @property
    def waiting(self) -> tuple[facts.IncidentFact, ...]:
        """Incidents that ask a person."""
        return tuple(each for each in self.open if each.state in WAITING)

    @property
    def incident(self) -> facts.IncidentFact | None:
        """The incident in view: the selected one, else the first that asks, else the newest."""
        chosen = self.incidents.get(self.picked.get(Pick.INCIDENT, ""))
        if chosen is not None:
            return chosen
        return next(iter(self.open), None) or next(iter(self.incidents.values()), None)

    @property
    def stream(self) -> facts.StreamFact | None:
        """The selected stream, else the first."""
        return self.streams.get(self.picked.get(Pick.STREAM, "")) or next(iter(self.streams.values()), None)

    @property
    def adapter(self) -> facts.AdapterFact | None:
        """The selected adapter, else the newest."""
        return self.adapters.get(self.picked.get(Pick.ADAPTER, "")) or next(iter(self.adapters.values()), None)

    @property
    def signature(self) -> facts.SignatureFact | None:
        """The selected signature, else the newest."""
        key = self.picked.get(Pick.SIGNATURE, "")
        return next((each for each in self.signatures if each.signature_id == key), None) or next(
            iter(self.signatures), None
        )

    @property
    def run(self) -> facts.RunFact | None:
        """The selected run, else the newest."""
        return self.runs.get(self.picked.get(Pick.RUN, "")) or next(iter(self.runs.values()), None)

    @property
    def source(self) -> facts.SourceFact | None:
        """The selected source, else the newest that runs, else the newest."""
        chosen = self.sources.get(self.picked.get(Pick.SOURCE, ""))
        running = (each for each in self.sources.values() if each.state == "RUNNING")
        return chosen or next(running, None) or next(iter(self.sources.values()), None)

    @property
    def rows(self) -> tuple[facts.EventFact, ...]:
        """The events of the view under its filter, oldest first."""
        found = self.held if self.held_shown else self.events
        return tuple(each for each in found if matches(each, self.filter)) if self.filter else found

    @property
    def event(self) -> facts.EventFact | None:
        """The selected event, else the newest that was not simply healthy, else the newest."""
        rows = self.rows
        key = self.picked.get(Pick.EVENT, "")
        chosen = next((each for each in rows if each.key == key), None)
        changed = (each for each in reversed(rows) if each.kind not in {"HEALTHY", GAP})
        return chosen or next(changed, None) or (rows[-1] if rows else None)


def matches(event: facts.EventFact, wanted: str) -> bool:
    """Whether every word of the filter is in the event: in its text, or as `state:healed`, `stream:orders`."""
    for word in wanted.lower().split():
        name, sign, value = word.partition(":")
        match name if sign else "":
            case "state":
                found = event.kind.lower().startswith(value) or (value == "held" and event.kind == "QUARANTINED")
            case "stream":
                found = value in event.stream_id
            case _:
                found = any(word in text.lower() for text in (event.body, event.original, event.event_id, event.kind))
        if not found:
            return False
    return True


def apply(model: Model, message: messages.Message) -> Model:
    """The model after the message."""
    change = msgspec.structs.replace
    match message:
        case messages.Heard():
            return _heard(model, message)
        case messages.Lost(why=why, at=at, since=since, tries=tries):
            heard = min(model.heard, at - since) if model.heard else 0.0
            return change(model, link=Link.LOST, why=why, at=max(at, model.at), heard=heard, tries=tries, synced=False)
        case messages.Refused(why=why, at=at):
            return change(model, link=Link.REFUSED, why=why, at=max(at, model.at), synced=False)
        case messages.Tick(at=at):
            return change(model, at=max(at, model.at))
        case messages.InfoCame(info=info):
            return change(model, info=info)
        case messages.IncidentsCame():
            return _incidents(model, message)
        case messages.StreamsCame():
            return _streams(model, message)
        case messages.ReportCame(report=report):
            return change(model, reports={**model.reports, report.incident_id: report})
        case messages.AdaptersCame(adapters=found):
            newer = {
                each.adapter_id: each
                for each in found
                if each.revision > getattr(model.adapters.get(each.adapter_id), "revision", -1)
                or each.healed != getattr(model.adapters.get(each.adapter_id), "healed", -1)
            }
            both = {**model.adapters, **newer}
            return change(model, adapters=_newest_adapters(both.values()))
        case messages.WorkersCame(workers=workers):
            return change(model, workers=workers)
        case messages.CanaryCame(canary=canary):
            return change(model, canaries={**model.canaries, canary.adapter_id: canary})
        case messages.TrialCame(trial=trial):
            return change(model, trials={**model.trials, trial.adapter_id: trial})
        case messages.EventsCame(events=found, left_out=left_out):
            events = (*model.events, *found)[-EVENTS_KEPT:]
            return change(model, events=events, left_out=model.left_out + left_out)
        case messages.HeldCame(events=found, total=total):
            return change(model, held=found, held_total=total)
        case messages.SignaturesCame(signatures=signatures):
            return change(model, signatures=signatures)
        case messages.RunsCame(runs=runs):
            return _runs(model, runs)
        case messages.SourcesCame(sources=sources, faults=faults, kinds=kinds):
            return change(
                model, sources={each.source_id: each for each in sources}, faults=faults, kinds=kinds or model.kinds
            )
        case messages.DecisionsCame(decisions=decisions):
            return change(model, decisions=decisions)
        case messages.ViewChosen(view=view):
            return change(model, view=view, filter="")
        case messages.Picked(pick=pick, key=key):
            follow = model.follow and pick is not Pick.EVENT
            return change(model, picked={**model.picked, pick.value: key}, follow=follow)
        case messages.Filtered(text=text):
            return change(model, filter=text)
        case messages.FollowSet(follow=follow):
            picked = {name: key for name, key in model.picked.items() if name != Pick.EVENT or not follow}
            return change(model, follow=follow, picked=picked)
        case messages.HeldShown(shown=shown):
            return change(model, held_shown=shown)
        case messages.GuideShown(shown=shown):
            return change(model, guide_shown=shown)
        case messages.Told():
            return change(model, story=message)
        case _:
            return model


def _heard(model: Model, message: messages.Heard) -> Model:
    stats, second = message.stats, int(message.server_time)
    history, marks = model.history, model.marks
    before = model.stats
    # A server that started anew counts from zero: that second has no rate.
    if model.heard and stats.events >= before.events:
        good = stats.healthy + stats.healed - before.healthy - before.healed
        bad = stats.quarantined - before.quarantined
        last = history[-1] if history and history[-1].second == second else None
        kept = history[:-1] if last else history
        bucket = Bucket(second, (last.good if last else 0) + max(good, 0), (last.bad if last else 0) + max(bad, 0))
        history = (*kept, bucket)[-HISTORY_SECONDS:]
        marks = tuple(mark for mark in marks if mark.second > second - HISTORY_SECONDS)
    events = model.events
    if model.link is Link.LOST and model.heard:
        # Nobody knows what passed meanwhile: the tail says so instead of closing over it.
        silent = max(message.at - model.heard, 0.0)
        told = f"events not shown: the server was away for {silent:.1f} s"
        gap = facts.EventFact(key=f"gap {message.at}", kind=GAP, message=told, time=message.server_time)
        events = (*events, gap)[-EVENTS_KEPT:]
    return msgspec.structs.replace(
        model,
        events=events,
        link=Link.LIVE,
        why="",
        tries=0,
        heard=message.at,
        at=max(message.at, model.at),
        skew=message.server_time - message.at,
        delay=message.delay or model.delay,
        stats=stats,
        history=history,
        marks=marks,
    )


_SIGNS: Final = {"DETECTED": ("▼", "drift"), "PROMOTED": ("▲", "promoted"), "ROLLED BACK": ("◀", "rolled back")}


def _incidents(model: Model, message: messages.IncidentsCame) -> Model:
    both = dict(model.incidents)
    marks = set(model.marks)
    for each in message.incidents:
        known = both.get(each.incident_id)
        if known is not None and known.revision > each.revision:
            continue
        both[each.incident_id] = each
        for mark in each.marks:
            if mark.state in _SIGNS:
                marks.add(ChartMark(int(mark.time), *_SIGNS[mark.state]))
    # What is gone from the open ones was resolved while nobody looked: the list of incidents still has it.
    for key in message.gone:
        if key in both and both[key].state not in CLOSED:
            both[key] = msgspec.structs.replace(both[key], state="RESOLVED", question="")
    ordered = sorted(both.values(), key=lambda each: each.incident_id, reverse=True)
    kept = [each for place, each in enumerate(ordered) if place < INCIDENTS_KEPT or each.state not in CLOSED]
    names = {each.incident_id for each in kept}
    return msgspec.structs.replace(
        model,
        incidents={each.incident_id: each for each in kept},
        reports={key: found for key, found in model.reports.items() if key in names},
        marks=tuple(sorted(marks, key=lambda mark: (mark.second, mark.sign != "▼", mark.sign)))[-60:],
        synced=message.current or model.synced,
    )


def _streams(model: Model, message: messages.StreamsCame) -> Model:
    passed = message.at - model.streams_at
    rates: dict[str, tuple[float, ...]] = {}
    for each in message.streams:
        known = model.streams.get(each.stream_id)
        samples = model.rates.get(each.stream_id, ())
        if known is not None and each.events >= known.events and passed > 0:
            samples = (*samples, (each.events - known.events) / passed)[-20:]
        rates[each.stream_id] = samples
    streams = {each.stream_id: each for each in message.streams}
    return msgspec.structs.replace(model, streams=streams, rates=rates, streams_at=message.at)


def _runs(model: Model, runs: Iterable[facts.RunFact]) -> Model:
    both = dict(model.runs)
    for each in runs:
        known = both.get(each.run_id)
        # A list has no traces: it must not take away one that was fetched.
        both[each.run_id] = msgspec.structs.replace(each, trace=each.trace or (known.trace if known else ()))
    ordered = sorted(both.values(), key=lambda each: each.run_id, reverse=True)[:RUNS_KEPT]
    return msgspec.structs.replace(model, runs={each.run_id: each for each in ordered})


def _newest_adapters(adapters: Iterable[facts.AdapterFact]) -> dict[str, facts.AdapterFact]:
    """Newest first: ids sort by time. Those in force are never dropped."""
    ordered = sorted(adapters, key=lambda each: each.adapter_id, reverse=True)
    return {
        each.adapter_id: each for place, each in enumerate(ordered) if place < INCIDENTS_KEPT or each.state == "ACTIVE"
    }
