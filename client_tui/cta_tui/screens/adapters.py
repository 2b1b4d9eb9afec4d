"""View 4, Adapters: what runs now, since when, by whom, and what was tried before."""

from __future__ import annotations

from textual.app import ComposeResult

from cta_tui.messages import Pick, View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import adapter_sheet, adapters
from cta_tui.widgets.pane import Pane


class Adapters(Screenful):
    """A list, and a sheet of the selected one: below it, or beside it from 120 columns on."""

    VIEW = View.ADAPTERS

    def compose(self) -> ComposeResult:
        """List and sheet."""
        yield Pane(adapters.draw, title="ADAPTERS", pick=Pick.ADAPTER, pane_id="adapters-list")
        yield Pane(adapter_sheet.draw, title="THE SELECTED ONE", pane_id="adapters-sheet")
