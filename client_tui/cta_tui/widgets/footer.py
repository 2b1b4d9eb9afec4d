"""The footer: the keys of the view, as many as fit; `!` and `?` always do. A click presses the key.

What cannot be done now stays, dimmed: pressing it says why.
"""

from __future__ import annotations

from textual import events
from textual.message import Message as TextualMessage

from cta_tui import ink
from cta_tui.ink import Drawing, Span
from cta_tui.model import Model
from cta_tui.verbs import ALWAYS, BY_NAME, Verb, of_view
from cta_tui.widgets.pane import Pane


def fitting(model: Model, width: int) -> list[Verb]:
    """The verbs that have room, in their order."""
    verbs = of_view(model.view)
    always = [BY_NAME[name] for name in ALWAYS]
    room = width - sum(_cells(verb) for verb in always) - 1
    kept: list[Verb] = []
    for verb in [each for each in verbs if each.name not in ALWAYS] + [BY_NAME["palette"]]:
        if room >= _cells(verb):
            room -= _cells(verb)
            kept.append(verb)
    return [*kept, *always]


def draw(model: Model, width: int, _height: int) -> Drawing:
    """One line."""
    spans: list[Span] = []
    for verb in fitting(model, width):
        able = not verb.ready(model)
        spans += [
            Span(f" {verb.key}", "accent strong" if able else "quiet"),
            Span(f" {verb.word} ", "" if able else "quiet"),
        ]
    return Drawing(lines=(ink.fit(tuple(spans), width),))


def _cells(verb: Verb) -> int:
    return ink.size(f" {verb.key} {verb.word} ")


class Footer(Pane):
    """The pane of it."""

    class Pressed(TextualMessage):
        """A key was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.verb = name

    def __init__(self) -> None:
        super().__init__(draw, pane_id="footer", fixed=True)

    def on_click(self, event: events.Click) -> None:
        """Presses the key under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None or self._model is None:
            return
        left = 0
        for verb in fitting(self._model, self.size.width):
            left += _cells(verb)
            if offset.x < left:
                self.post_message(self.Pressed(verb.name))
                return
