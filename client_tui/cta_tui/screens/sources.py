"""View 7, Sources and faults: what is sent, how fast, and what is made to break."""

from __future__ import annotations

from textual.app import ComposeResult

from cta_tui.messages import Pick, View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import faults, sources
from cta_tui.widgets.pane import Pane


class Sources(Screenful):
    """A list, and a sheet of the selected one: below it, or beside it from 120 columns on."""

    VIEW = View.SOURCES

    def compose(self) -> ComposeResult:
        """List and sheet."""
        yield Pane(sources.draw, title="SOURCES", pick=Pick.SOURCE, pane_id="sources-list")
        yield Pane(faults.draw, title="FAULTS", pane_id="sources-sheet")
