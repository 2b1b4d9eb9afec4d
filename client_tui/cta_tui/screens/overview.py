"""View 1, Overview: is all well, and what needs me? Streams, incidents, and the chart."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from cta_tui.messages import Pick, View
from cta_tui.screens.screenful import Screenful
from cta_tui.widgets import canary, chart, fix, inbox, streams, why
from cta_tui.widgets.pane import Pane


class Overview(Screenful):
    """The first view. From 160 columns on the incident in view stands beside the lists."""

    VIEW = View.OVERVIEW
    TITLES: ClassVar = {"inbox": inbox.headline}

    def compose(self) -> ComposeResult:
        """Lists left; the incident right, where there is room."""
        with Container(classes="main"):
            yield Pane(streams.draw, title="STREAMS", pick=Pick.STREAM, pane_id="streams")
            yield Pane(inbox.draw, title="INCIDENTS", pick=Pick.INCIDENT, pane_id="inbox")
            yield Pane(chart.draw, title="LAST MINUTES", pane_id="chart", fixed=True)
        with VerticalScroll(classes="side", can_focus=False):
            yield Pane(why.draw, title="WHY", pane_id="side-why")
            yield Pane(fix.draw, title="FIX", pane_id="side-fix")
            yield Pane(canary.draw, title="CANARY", pane_id="side-canary")
