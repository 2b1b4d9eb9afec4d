"""View 8, Server: the connection, the counts, the configuration in force, and the log of decisions."""

from __future__ import annotations

from textual.app import ComposeResult

from cta_tui.messages import View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import decisions, server_sheet
from cta_tui.widgets.pane import Pane


class Server(Screenful):
    """Two panes: below each other, or side by side from 120 columns on."""

    VIEW = View.SERVER

    def compose(self) -> ComposeResult:
        """The server, and who decided what."""
        yield Pane(server_sheet.draw, title="SERVER", pane_id="server-sheet")
        yield Pane(decisions.draw, title="DECISIONS", pane_id="server-decisions")
