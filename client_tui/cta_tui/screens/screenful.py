"""The base of the views: panes with names, drawn together when the app says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.containers import Container

from cta_tui.messages import View
from cta_tui.model import Model
from cta_tui.widgets.pane import Pane


class Screenful(Container):
    """One view. Subclasses name it and compose its panes."""

    VIEW: ClassVar[View]
    TITLES: ClassVar[dict[str, Callable[[Model], str]]] = {}
    """Titles that follow the model, by a pane's id."""

    def __init__(self) -> None:
        super().__init__(id=self.VIEW.value, classes="view")

    def show(self, model: Model) -> None:
        """Draws every pane."""
        for pane in self.panes():
            title = self.TITLES.get(pane.id or "")
            if title is not None:
                told = title(model)
                if pane.border_title != told:
                    pane.border_title = told
            pane.show(model)

    def panes(self) -> list[Pane]:
        """The panes, in reading order."""
        return list(self.query(Pane))
