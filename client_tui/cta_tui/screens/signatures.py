"""View 5, Signatures: what has the loop learned?"""

from __future__ import annotations

from textual.app import ComposeResult

from cta_tui.messages import Pick, View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import signature_sheet, signatures
from cta_tui.widgets.pane import Pane


class Signatures(Screenful):
    """A list, and a sheet of the selected one: below it, or beside it from 120 columns on."""

    VIEW = View.SIGNATURES

    def compose(self) -> ComposeResult:
        """List and sheet."""
        yield Pane(signatures.draw, title="SIGNATURES", pick=Pick.SIGNATURE, pane_id="signatures-list")
        yield Pane(signature_sheet.draw, title="THE SELECTED ONE", pane_id="signatures-sheet")
