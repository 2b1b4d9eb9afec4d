"""View 2, Incident: what broke, why, what is the fix, what proves it, and what was decided."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from cta_tui.messages import View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import canary, evidence, fix, incident_head, timeline, why
from cta_tui.widgets.pane import Pane


class Incident(Screenful):
    """One incident. From 120 columns on in two columns."""

    VIEW = View.INCIDENT

    def compose(self) -> ComposeResult:
        """The head stays; the rest scrolls."""
        yield Pane(incident_head.draw, pane_id="head", fixed=True)
        with VerticalScroll(classes="sheets", can_focus=False):
            with VerticalScroll(classes="column", can_focus=False):
                yield Pane(why.draw, title="WHY", pane_id="why")
                yield Pane(fix.draw, title="FIX", pane_id="fix")
            with VerticalScroll(classes="column", can_focus=False):
                yield Pane(canary.draw, title="CANARY", pane_id="canary")
                yield Pane(timeline.draw, title="TIMELINE", pane_id="timeline")
                yield Pane(evidence.draw, title="EVIDENCE", pane_id="evidence")
