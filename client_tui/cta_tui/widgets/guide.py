"""The guide: the demo's story, sentence by sentence, with the key that can be pressed now. `h` or Escape hides it."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.ink import Drawing, Line, Span, wrap
from cta_tui.model import Model


def draw(model: Model, width: int, _height: int) -> Drawing:
    """Title, sentence, hint."""
    story = model.story
    leave = "h hides this"
    gap = max(width - ink.size(story.title) - ink.size(leave), 1)
    lines: list[Line] = [(Span(story.title, "accent strong"), Span(" " * gap), Span(leave, "quiet"))]
    lines += [(Span(text),) for text in wrap(story.sentence, max(width - 1, 10), most=2)]
    if story.hint:
        lines.append((Span(f"▶ {story.hint}", "attention strong"),))
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))
