"""Everything that a person can press: key, word, help, where it shows, and why it cannot be done now. One table.

Bindings, footer, help, palette and the documentation are made of it, so none of them can be untrue. What a verb of the
loop does then is `plans`' affair; what a verb of the screen does is the app's.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from cta_tui import facts
from cta_tui.messages import View
from cta_tui.model import WAITING, Link, Model

Ready = Callable[[Model], str]
"""Empty when the verb can be done; otherwise one sentence why not."""


class Section(StrEnum):
    """Groups of the help."""

    GO = "Go"
    LOOK = "Look"
    LOOP = "Drive the loop"
    FEED = "Drive sources and faults"
    ROOM = "The room"


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be pressed."""

    name: str
    """Identifies its binding; a key map may name it."""
    key: str
    word: str
    """In the footer."""
    help: str
    section: Section
    views: tuple[View, ...] = ()
    """Views whose footer shows it; empty: none, it works in all the same."""
    ready: Ready = lambda _model: ""
    also: str = ""
    """Other keys, with commas between."""


# --- who it is about --------------------------------------------------------------------------------------------------


def adapter_of(model: Model) -> facts.AdapterFact | None:
    """The adapter that is meant: the selected one among adapters, the incident's elsewhere."""
    if model.view is View.ADAPTERS:
        return model.adapter
    incident = model.incident
    found = model.adapters.get(incident.adapter_id) if incident is not None else None
    if found is not None:
        return found
    stream = model.stream
    return model.adapters.get(stream.active[0]) if stream is not None and stream.active else None


def source_of(model: Model) -> facts.SourceFact | None:
    """The source that is meant: the selected one among sources, the selected stream's elsewhere."""
    if model.view is View.SOURCES:
        return model.source
    stream = stream_of(model)
    of_stream = [each for each in model.sources.values() if stream is None or each.stream_id == stream.stream_id]
    running = [each for each in of_stream if each.state == "RUNNING"]
    return next(iter([*running, *of_stream]), None)


def stream_of(model: Model) -> facts.StreamFact | None:
    """The stream that is meant: the incident's in its view, the selected one elsewhere."""
    if model.view is View.INCIDENT and model.incident is not None:
        return model.streams.get(model.incident.stream_id) or model.stream
    if model.view is View.SOURCES and model.source is not None:
        return model.streams.get(model.source.stream_id) or model.stream
    return model.stream


# --- why not ----------------------------------------------------------------------------------------------------------


def online(model: Model) -> str:
    """Nothing is sent on the strength of an old picture."""
    if model.live:
        return ""
    return "The server refuses us." if model.link is Link.REFUSED else "Offline: nothing is sent while the picture is old."


def _incident(*states: str, verb: str) -> Ready:
    def ready(model: Model) -> str:
        incident = model.incident
        if refusal := online(model):
            return refusal
        if incident is None:
            return f"There is no incident to {verb}."
        if states and incident.state not in states:
            return f"An incident that is {incident.state.lower()} cannot be {verb}."
        return ""

    return ready


def _approve(model: Model) -> str:
    if refusal := _incident("AWAITING APPROVAL", verb="approved")(model):
        return refusal
    return "Halted: ! releases the kill switch." if model.stats.halted else ""


def _apply(model: Model) -> str:
    if refusal := _incident(*WAITING, verb="driven by hand: the loop does it")(model):
        return refusal
    return "Halted: ! releases the kill switch." if model.stats.halted else ""


def _canary(model: Model) -> str:
    return online(model) or ("" if adapter_of(model) else "There is no candidate yet.")


def _roll_back(model: Model) -> str:
    adapter = adapter_of(model)
    if refusal := online(model):
        return refusal
    if adapter is None:
        return "There is no adapter to take back."
    return "" if adapter.state == "ACTIVE" else f"The adapter is {adapter.state.lower()}, not in force."


def _promote(model: Model) -> str:
    adapter = adapter_of(model)
    if refusal := online(model):
        return refusal
    if adapter is None:
        return "There is no adapter."
    if model.stats.halted:
        return "Halted: ! releases the kill switch."
    return "The adapter is in force." if adapter.state == "ACTIVE" else ""


def _stream(model: Model) -> str:
    return online(model) or ("" if stream_of(model) else "There is no stream yet.")


def _redrive(model: Model) -> str:
    stream = stream_of(model)
    if refusal := _stream(model):
        return refusal
    if model.stats.halted:
        return "Halted: ! releases the kill switch."
    return "" if stream is not None and stream.held else "Nothing is held."


def _clear_adapters(model: Model) -> str:
    stream = stream_of(model)
    return _stream(model) or ("" if stream is not None and stream.active else "No adapter is in force.")


def _source(model: Model) -> str:
    return online(model) or ("" if source_of(model) else "There is no source; n starts one.")


def _running(model: Model) -> str:
    source = source_of(model)
    return _source(model) or ("" if source is not None and source.state == "RUNNING" else "The source does not run.")


def _clear(model: Model) -> str:
    source = source_of(model)
    standing = source is not None and any(each.source_id == source.source_id for each in model.faults)
    return _source(model) or ("" if standing else "No fault is in force.")


def _new_source(model: Model) -> str:
    return _stream(model) or ("" if model.info.populations else "The server knows no population.")


def _signature(model: Model) -> str:
    return online(model) or ("" if model.signature else "There is no signature.")


def _export(model: Model) -> str:
    return online(model) or ("" if adapter_of(model) else "There is no adapter.")


_ALL: Final = tuple(View)

VIEW_WORDS: Final = {
    View.OVERVIEW: ("Overview", "Is all well, and what needs me?"),
    View.INCIDENT: ("Incident", "What broke, why, what is the fix, what proves it?"),
    View.EVENTS: ("Events", "The events themselves, and the quarantine."),
    View.ADAPTERS: ("Adapters", "What runs now, and what was tried before."),
    View.SIGNATURES: ("Signatures", "What the loop has learned."),
    View.RUNS: ("Runs", "What the consumers did, with their traces."),
    View.SOURCES: ("Sources", "What is sent, how fast, and what is made to break."),
    View.SERVER: ("Server", "Connection, counts, configuration, and the log of decisions."),
}


def _go(number: int, view: View) -> Verb:
    word, told = VIEW_WORDS[view]
    return Verb(name=f"view_{view}", key=str(number), word=word, help=told, section=Section.GO)


VERBS: Final[tuple[Verb, ...]] = (
    *(_go(number, view) for number, view in enumerate(View, 1)),
    Verb(name="next_pane", key="tab", word="Pane", help="The next pane; shift+tab the one before.", section=Section.GO),
    Verb(name="down", key="j", also="down", word="Down", help="The next row, or scrolls.", section=Section.GO),
    Verb(name="up", key="k", also="up", word="Up", help="The row before, or scrolls.", section=Section.GO),
    Verb(name="page_down", key="pagedown", word="Page down", help="A page on.", section=Section.GO),
    Verb(name="page_up", key="pageup", word="Page up", help="A page back.", section=Section.GO),
    Verb(name="first", key="g", also="home", word="First", help="The first row.", section=Section.GO),
    Verb(name="last", key="G", also="end", word="Last", help="The last row.", section=Section.GO),
    Verb(name="open", key="enter", word="Open", help="Opens the selected row.", section=Section.GO),
    Verb(name="back", key="escape", word="Back", help="Takes away filter, guide or notice; else the view before.", section=Section.GO),
    Verb(name="incident_before", key="[", word="Newer", help="The newer incident.", section=Section.GO),
    Verb(name="incident_after", key="]", word="Older", help="The older incident.", section=Section.GO),
    Verb(name="filter", key="/", word="Filter", help="Filters events and runs: words, state:held, stream:orders.", section=Section.LOOK, views=(View.EVENTS, View.RUNS)),
    Verb(name="follow", key="f", word="Follow", help="Follows the newest event again.", section=Section.LOOK, views=(View.EVENTS,)),
    Verb(name="held", key="t", word="Tail/held", help="Between the tail of events and the quarantine.", section=Section.LOOK, views=(View.EVENTS,)),
    Verb(name="freeze", key="space", word="Freeze", help="Freezes the picture; reading goes on.", section=Section.LOOK),
    Verb(name="copy", key="y", word="Copy", help="Copies the pane's text to the clipboard.", section=Section.LOOK),
    Verb(name="approve", key="a", word="Approve", help="Approves the proposed fix.", section=Section.LOOP, views=(View.INCIDENT, View.OVERVIEW), ready=_approve),
    Verb(name="reject", key="x", word="Reject", help="Rejects the proposed fix, with a reason.", section=Section.LOOP, views=(View.INCIDENT, View.OVERVIEW), ready=_incident("AWAITING APPROVAL", "PATCHED", "CANARY", verb="rejected")),
    Verb(name="apply", key="p", word="Fix", help="Applies a fix by hand: a reading, an adapter, or another analysis.", section=Section.LOOP, views=(View.INCIDENT,), ready=_apply),
    Verb(name="canary", key="c", word="Canary", help="Runs the canary now; it changes nothing.", section=Section.LOOP, views=(View.INCIDENT, View.ADAPTERS), ready=_canary),
    Verb(name="roll_back", key="R", word="Roll back", help="Takes the adapter out of force.", section=Section.LOOP, views=(View.INCIDENT, View.ADAPTERS), ready=_roll_back),
    Verb(name="analyse", key="r", word="Analyse", help="Analyses the incident again, without moving it.", section=Section.LOOP, views=(View.INCIDENT,), ready=_incident(verb="analysed")),
    Verb(name="close", key="w", word="Close", help="Closes the incident; its held events stay held.", section=Section.LOOP, ready=_incident(*WAITING, "DETECTED", "ANALYZING", "PATCHED", "CANARY", "PROMOTED", verb="closed")),
    Verb(name="redrive", key="d", word="Redrive", help="Drives held events through the gate again.", section=Section.LOOP, views=(View.EVENTS,), ready=_redrive),
    Verb(name="autonomy", key="m", word="Mode", help="How far the loop goes on the stream by itself.", section=Section.LOOP, views=(View.OVERVIEW,), ready=_stream),
    Verb(name="promote", key="P", word="Promote", help="Puts the selected adapter in force; its canary must have passed.", section=Section.LOOP, views=(View.ADAPTERS,), ready=_promote),
    Verb(name="clear_adapters", key="K", word="Clear", help="Takes all adapters of the stream out of force.", section=Section.LOOP, ready=_clear_adapters),
    Verb(name="export", key="e", word="Export", help="Writes the adapter to a file that `cta apply` reads.", section=Section.LOOP, views=(View.ADAPTERS,), ready=_export),
    Verb(name="learn", key="b", word="Baseline", help="Learns the stream's baseline from its recent healthy events.", section=Section.LOOP, ready=_stream),
    Verb(name="forget", key="X", word="Forget", help="Deletes the selected signature.", section=Section.LOOP, views=(View.SIGNATURES,), ready=_signature),
    Verb(name="source", key="s", word="Start/stop", help="Starts or stops the source.", section=Section.FEED, views=(View.SOURCES,), ready=_source),
    Verb(name="new_source", key="n", word="New", help="Starts a new source on the stream.", section=Section.FEED, views=(View.SOURCES,), ready=_new_source),
    Verb(name="faster", key="+", word="Faster", help="Doubles the source's rate.", section=Section.FEED, views=(View.SOURCES,), ready=_running),
    Verb(name="slower", key="-", word="Slower", help="Halves the source's rate.", section=Section.FEED, ready=_running),
    Verb(name="inject", key="i", word="Inject", help="Injects a fault into the source: a menu of kinds.", section=Section.FEED, views=(View.OVERVIEW, View.SOURCES), ready=_running),
    Verb(name="clear_faults", key="C", word="Clear faults", help="Takes all faults of the source out.", section=Section.FEED, views=(View.SOURCES,), ready=_clear),
    Verb(name="undo", key="z", word="Undo", help="Takes the last act back, where that can be; for ten seconds.", section=Section.ROOM),
    Verb(name="theme", key="T", word="Theme", help="Dark, light, high contrast.", section=Section.ROOM),
    Verb(name="palette", key=":", also="ctrl+p", word="All", help="Everything by name.", section=Section.ROOM),
    Verb(name="quit", key="q", word="Quit", help="Leaves the room; the loop goes on without it.", section=Section.ROOM),
    Verb(name="halt", key="!", word="Halt", help="The kill switch: nothing is promoted or redriven. Again: releases it.", section=Section.ROOM, views=_ALL, ready=online),
    Verb(name="help", key="?", word="Help", help="This page.", section=Section.ROOM, views=_ALL),
)  # fmt: skip
"""In the order of the help."""

BY_NAME: Final = {verb.name: verb for verb in VERBS}
ALWAYS: Final = ("halt", "help")
"""Never cut from the footer: stopping everything, and finding out."""


def of_view(view: View) -> tuple[Verb, ...]:
    """The verbs of a view's footer, its own before those of every view."""
    own = [verb for verb in VERBS if view in verb.views and verb.name not in ALWAYS]
    return (*own, *(BY_NAME[name] for name in ALWAYS))
