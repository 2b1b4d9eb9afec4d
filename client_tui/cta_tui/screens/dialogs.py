"""The dialogs: a question, a menu, a line to write, and the help. Enter never means yes; Escape always leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cta_tui.ink import wrap
from cta_tui.plans import Choose, Confirm, Plan, Write
from cta_tui.verbs import BY_NAME, VERBS, Section

KEY_CELLS: Final = 12
"""Room for a verb's keys in the help: the longest are `ctrl+p` and its like."""


class Question(ModalScreen[bool]):
    """Yes or no."""

    BINDINGS: ClassVar = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
    ]

    def __init__(self, question: Confirm, rehearsed: str = "") -> None:
        super().__init__()
        self._question, self._rehearsed = question, rehearsed

    def compose(self) -> ComposeResult:
        """Title, what will happen, and the two keys."""
        lines = [line for line in (*self._question.lines, self._rehearsed) if line]
        with Vertical(classes="dialog"):
            yield Static(self._question.title, classes="title", markup=False)
            yield Static("\n".join(lines), classes="body", markup=False)
            yield Static("[b]y[/b] yes    [b]n[/b] no", classes="keys")

    def action_answer(self, yes: bool) -> None:
        """Leaves with the answer."""
        self.dismiss(yes)


class Menu(ModalScreen[Plan | None]):
    """One of several, by its letter."""

    BINDINGS: ClassVar = [Binding("escape,q", "leave", "Leave")]

    def __init__(self, choice: Choose) -> None:
        super().__init__()
        self._choice = choice

    def compose(self) -> ComposeResult:
        """Title, a line an option."""
        with VerticalScroll(classes="dialog"):
            yield Static(self._choice.title, classes="title", markup=False)
            for option in self._choice.options:
                yield Static(f"{option.letter}  {option.text}", classes="option", markup=False)
            yield Static("[b]escape[/b] leaves", classes="keys")

    def on_mount(self) -> None:
        """Arrows scroll at once: a menu may be longer than the screen."""
        self.query_one(VerticalScroll).focus()

    def on_key(self, event: events.Key) -> None:
        """Takes the option of the letter."""
        found = next((each for each in self._choice.options if each.letter == event.character), None)
        if found is not None:
            event.stop()
            self.dismiss(found.plan)

    def on_click(self, event: events.Click) -> None:
        """Takes the option under the mouse."""
        for widget, option in zip(self.query(".option"), self._choice.options, strict=True):
            if widget is event.widget:
                self.dismiss(option.plan)

    def action_leave(self) -> None:
        """Leaves without a choice."""
        self.dismiss(None)


class Line(ModalScreen[str | None]):
    """A line of text; Enter sends what is written."""

    BINDINGS: ClassVar = [Binding("escape", "leave", "Leave")]

    def __init__(self, wanted: Write) -> None:
        super().__init__()
        self._wanted = wanted

    def compose(self) -> ComposeResult:
        """Title and input."""
        with Vertical(classes="dialog"):
            yield Static(self._wanted.title, classes="title", markup=False)
            yield Input(placeholder=self._wanted.hint, id="line")
            yield Static("[b]enter[/b] sends    [b]escape[/b] leaves", classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Leaves with the text."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Leaves without one."""
        self.dismiss(None)


class Help(ModalScreen[None]):
    """Every key, made of the table of verbs: it cannot be untrue."""

    BINDINGS: ClassVar = [Binding("escape,q,question_mark", "leave", "Leave")]

    def __init__(self, title: str, reasons: dict[str, str], view_keys: Sequence[str], cells: int) -> None:
        super().__init__()
        self._cells = cells
        self._title, self._reasons, self._view_keys = title, reasons, view_keys

    def compose(self) -> ComposeResult:
        """The keys by section; those of this view first."""
        with VerticalScroll(classes="dialog help"):
            yield Static(self._title, classes="title", markup=False)
            yield Static(self.text(), classes="body", markup=False, id="help-text")
            yield Static("[b]escape[/b] leaves    [b]up down[/b] scroll", classes="keys")

    def text(self) -> str:
        """The page."""
        lines = ["IN THIS VIEW", *(self._line(name) for name in self._view_keys), ""]
        for section in Section:
            lines += [section.value.upper(), *(self._line(each.name) for each in VERBS if each.section is section), ""]
        lines += ["A click selects, a second one opens; keys in the footer can be clicked."]
        return "\n".join(lines)

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        """Leaves."""
        self.dismiss(None)

    def _line(self, name: str) -> str:
        verb = BY_NAME[name]
        keys = verb.key + (f", {verb.also.replace(',', ', ')}" if verb.also else "")
        reason = self._reasons.get(name, "")
        told = verb.help + (f" Not now: {reason}" if reason else "")
        # The dialog takes at most 96 cells and keeps ten for itself; a long help goes on below its own beginning.
        room = min(self._cells, 96) - KEY_CELLS - 12
        first, *more = wrap(told, max(room, 20))
        return "\n".join([f"  {keys:<{KEY_CELLS}} {first}", *(f"{' ' * (KEY_CELLS + 3)}{each}" for each in more)])
