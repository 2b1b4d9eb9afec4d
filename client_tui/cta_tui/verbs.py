"""Everything that a person can press: key, word, help, where it shows, and why it cannot be done now. One table.

Bindings, footer, help, palette and the documentation are made of it, so none of them can be untrue. What a verb of the
loop does then is `plans`' affair; what a verb of the screen does is the app's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from cta_tui import ready
from cta_tui.messages import View
from cta_tui.model import WAITING

_ALL = tuple(View)


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
    """Views whose footer shows it; it works in all the same."""
    ready: ready.Ready = ready.always
    also: str = ""
    """Other keys, with commas between."""


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

_MOVES: Final = (
    # name, key, other keys, word, help
    ("next_pane", "tab", "", "Pane", "The next pane; shift+tab the one before."),
    ("down", "j", "down", "Down", "The next row, or scrolls."),
    ("up", "k", "up", "Up", "The row before, or scrolls."),
    ("page_down", "pagedown", "", "Page down", "A page on."),
    ("page_up", "pageup", "", "Page up", "A page back."),
    ("first", "g", "home", "First", "The first row."),
    ("last", "G", "end", "Last", "The last row."),
    ("open", "enter", "", "Open", "Opens the selected row."),
    ("back", "escape", "", "Back", "Takes away filter, freeze, notice or guide; else back to the former view."),
    ("incident_before", "[", "", "Newer", "The newer incident."),
    ("incident_after", "]", "", "Older", "The older incident."),
)

_EVENTS, _INCIDENT, _ADAPTERS, _SOURCES = (View.EVENTS,), (View.INCIDENT,), (View.ADAPTERS,), (View.SOURCES,)
_DECIDE: Final = (View.INCIDENT, View.OVERVIEW)
_PROVE: Final = (View.INCIDENT, View.ADAPTERS)
_REJECTABLE: Final = ("AWAITING APPROVAL", "PATCHED", "CANARY")
_OPEN: Final = (*WAITING, "DETECTED", "ANALYZING", "PATCHED", "CANARY", "PROMOTED")

_LOOK: Final = (
    # name, key, word, help, footers, readiness
    ("filter", "/", "Filter", "Filters: words, state:held, stream:orders.", (View.EVENTS, View.RUNS), ready.always),
    ("follow", "f", "Follow", "Follows the newest event again.", _EVENTS, ready.always),
    ("held", "t", "Tail/held", "Between the tail of events and the quarantine.", _EVENTS, ready.always),
    ("freeze", "space", "Freeze", "Freezes the picture; reading goes on.", (), ready.always),
    ("copy", "y", "Copy", "Copies the pane's text to the clipboard.", (), ready.always),
)

_LOOP: Final = (
    ("approve", "a", "Approve", "Approves the proposed fix.", _DECIDE, ready.approve),
    (
        *("reject", "x", "Reject", "Rejects the proposed fix, with a reason.", _DECIDE),
        ready.incident_in(*_REJECTABLE, verb="reject", done="rejected"),
    ),
    ("apply", "p", "Fix", "A fix by hand: a reading, an adapter, or another analysis.", _INCIDENT, ready.apply),
    ("canary", "c", "Canary", "Runs the canary now; it changes nothing.", _PROVE, ready.canary),
    ("roll_back", "R", "Roll back", "Takes the adapter out of force.", _PROVE, ready.roll_back),
    (
        *("analyse", "r", "Analyse", "Analyses the incident again, without moving it.", _INCIDENT),
        ready.incident_in(verb="analyse"),
    ),
    (
        *("close", "w", "Close", "Closes the incident; its held events stay held.", ()),
        ready.incident_in(*_OPEN, verb="close", done="closed"),
    ),
    ("redrive", "d", "Redrive", "Drives held events through the gate again.", _EVENTS, ready.redrive),
    ("autonomy", "m", "Mode", "How far the loop goes on the stream alone.", (View.OVERVIEW,), ready.stream),
    ("promote", "P", "Promote", "Puts the adapter in force; its canary must have passed.", _ADAPTERS, ready.promote),
    ("clear_adapters", "K", "Clear", "Takes all adapters of the stream out of force.", (), ready.clear_adapters),
    ("export", "e", "Export", "Writes the adapter to a file that `cta apply` reads.", _ADAPTERS, ready.export),
    ("learn", "b", "Baseline", "Learns the stream's baseline from its recent healthy events.", (), ready.stream),
    ("forget", "X", "Forget", "Deletes the selected signature.", (View.SIGNATURES,), ready.signature),
)

_FEED: Final = (
    ("source", "s", "Start/stop", "Starts or stops the source.", _SOURCES, ready.source),
    ("new_source", "n", "New", "Starts a new source on the stream.", _SOURCES, ready.new_source),
    ("faster", "+", "Faster", "Doubles the source's rate.", _SOURCES, ready.running),
    ("slower", "-", "Slower", "Halves the source's rate.", _SOURCES, ready.running),
    ("inject", "i", "Inject", "Injects a fault: a menu of kinds.", (View.OVERVIEW, View.SOURCES), ready.running),
    ("clear_faults", "C", "Clear faults", "Takes all faults of the source out.", _SOURCES, ready.clear),
)

_ROOM: Final = (
    # name, key, other keys, word, help
    ("undo", "z", "", "Undo", "Takes the last act back, where that can be; for ten seconds."),
    ("guide", "h", "", "Guide", "Shows or hides the demo's guide."),
    ("theme", "T", "", "Theme", "Dark, light, high contrast."),
    ("palette", ":", "ctrl+p", "All", "Everything by name."),
    ("quit", "q", "", "Quit", "Leaves the room; the loop goes on without it."),
)

_HALT_HELP: Final = "The kill switch: nothing is promoted or redriven. Again: releases it."


def _table() -> tuple[Verb, ...]:
    views = [
        Verb(
            name=f"view_{view}", key=str(number), word=VIEW_WORDS[view][0], help=VIEW_WORDS[view][1], section=Section.GO
        )
        for number, view in enumerate(View, 1)
    ]
    moves = [
        Verb(name=name, key=key, also=also, word=word, help=told, section=Section.GO)
        for name, key, also, word, told in _MOVES
    ]
    driven = [
        Verb(name=name, key=key, word=word, help=told, section=section, views=shown, ready=check)
        for section, rows in ((Section.LOOK, _LOOK), (Section.LOOP, _LOOP), (Section.FEED, _FEED))
        for name, key, word, told, shown, check in rows
    ]
    room = [
        Verb(name=name, key=key, also=also, word=word, help=told, section=Section.ROOM)
        for name, key, also, word, told in _ROOM
    ]
    always = [
        Verb(
            name="halt",
            key="!",
            word="Halt",
            help=_HALT_HELP,
            section=Section.ROOM,
            views=_ALL,
            ready=ready.online,
        ),
        Verb(name="help", key="?", word="Help", help="This page.", section=Section.ROOM, views=_ALL),
    ]
    return (*views, *moves, *driven, *room, *always)


VERBS: Final = _table()
"""In the order of the help."""
BY_NAME: Final = {verb.name: verb for verb in VERBS}
ALWAYS: Final = ("halt", "help")
"""Never cut from the footer: stopping everything, and finding out."""


def of_view(view: View) -> tuple[Verb, ...]:
    """The verbs of a view's footer, its own before those of every view."""
    own = [verb for verb in VERBS if view in verb.views and verb.name not in ALWAYS]
    return (*own, *(BY_NAME[name] for name in ALWAYS))
