"""View 6, Runs: what did the consumers do, and where did it fail?"""

from __future__ import annotations

from textual.app import ComposeResult

from cta_tui.messages import Pick, View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import runs, trace
from cta_tui.widgets.pane import Pane


class Runs(Screenful):
    """A list, and a sheet of the selected one: below it, or beside it from 120 columns on."""

    VIEW = View.RUNS

    def compose(self) -> ComposeResult:
        """List and sheet."""
        yield Pane(runs.draw, title="RUNS", pick=Pick.RUN, pane_id="runs-list")
        yield Pane(trace.draw, title="TRACE", pane_id="runs-sheet")
