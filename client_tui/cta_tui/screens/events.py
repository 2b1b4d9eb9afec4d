"""View 3, Events: show me the data. The tail or the quarantine, and the selected event field by field."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from cta_tui.messages import Pick, View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import event_detail, tail
from cta_tui.widgets.pane import Pane


class Events(Screenful):
    """A list, and a sheet of the selected one: below it, or beside it from 120 columns on."""

    VIEW = View.EVENTS
    TITLES: ClassVar = {"events-list": tail.headline}

    def compose(self) -> ComposeResult:
        """List and sheet."""
        yield Pane(tail.draw, title="EVENTS", pick=Pick.EVENT, pane_id="events-list")
        yield Pane(event_detail.draw, title="THE SELECTED ONE", pane_id="events-sheet")
