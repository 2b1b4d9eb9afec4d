"""The control room's app: keys in, model drawn. Thin: what a key comes to is `plans`, what is shown the widgets.

It keeps the one model, lets the feed's messages change it, and draws at a fixed pace: the bar ten times a second, the
view in sight five times, and at once after a key. While the terminal has not taken the last frame, none is made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, Protocol

import msgspec
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Input, Static

from cta_tui import acts, messages, plans, ready, verbs
from cta_tui.commands import Verbs
from cta_tui.governor import hang_up, is_behind, is_gone
from cta_tui.ink import Drawing, Line, Span, fit, plain_text
from cta_tui.messages import Pick, View
from cta_tui.model import Model, apply
from cta_tui.screens import adapters, dialogs, events, incident, overview, runs, server, signatures, sources
from cta_tui.screens.screenful import Screenful
from cta_tui.theme import THEMES
from cta_tui.widgets import guide, stage_strip, today, top_bar
from cta_tui.widgets.footer import Footer
from cta_tui.widgets.pane import Pane
from cta_tui.words import count

FRAME_SECONDS: Final = 0.1
"""Between two looks at what has to be drawn: a new count ten times a second reads as live."""
VIEW_FRAMES: Final = 2
"""The view is drawn at every second one: five times a second is faster than a person reads a table."""
LOOK_FRAMES: Final = 10
"""Whether the terminal is still there is looked at once a second."""
UNDO_SECONDS: Final = 10.0
"""How long an act can be taken back: long enough to read the notice and reach for the key."""
NOTICE_SECONDS: Final = 10.0
HELD_SECONDS: Final = 2.0
"""Between two looks at the quarantine while it is shown."""

VIEWS: Final = (
    overview.Overview,
    incident.Incident,
    events.Events,
    adapters.Adapters,
    signatures.Signatures,
    runs.Runs,
    sources.Sources,
    server.Server,
)


class Backstage(Protocol):
    """Who feeds the room and carries its acts out: `feed.Feed`."""

    async def run(self) -> None:
        """Feeds until it is cancelled."""
        ...

    async def perform(self, act: acts.Act) -> acts.Done:
        """Performs an act. Raises `acts.Failed`."""
        ...


class ControlRoom(App[None]):
    """The app."""

    CSS_PATH = "style.tcss"
    TITLE = "CTA-ACT"
    COMMANDS: ClassVar = {Verbs}
    ENABLE_COMMAND_PALETTE = True
    # Textual declares these two as instance variables, so that ClassVar is not for us to say.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (80, "-normal"), (120, "-wide"), (160, "-huge")]  # noqa: RUF012 - see above
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (18, "-short"), (40, "-tall")]  # noqa: RUF012 - see above
    BINDINGS: ClassVar = [
        Binding(
            ",".join([verb.key, *([verb.also] if verb.also else [])]), f"press('{verb.name}')", verb.word, id=verb.name
        )
        for verb in verbs.VERBS
    ]

    def __init__(
        self,
        address: str = "",
        *,
        feed: Callable[[Callable[[messages.Message], None]], Backstage] | None = None,
        clock: Callable[[], float] = time.time,
        gone: Callable[[], None] = hang_up,
    ) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        self.model = Model(address=address, at=clock())
        self._clock, self._make_feed, self._gone = clock, feed, gone
        self._feed: Backstage | None = None
        self._frozen: Model | None = None
        self._frames = 0
        self._back: list[View] = []
        self._undo: tuple[acts.Act, ...] = ()
        self._undo_until = 0.0
        self._notice: Line = ()
        self._notice_until = 0.0
        self._held_asked = 0.0
        self._acting: set[asyncio.Task[None]] = set()

    # --- life ---------------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Bar, strip, the views, guide, filter, notice, footer."""
        yield Pane(top_bar.draw, pane_id="bar", fixed=True)
        yield Pane(stage_strip.draw, pane_id="strip", fixed=True)
        with ContentSwitcher(initial=View.OVERVIEW.value, id="views"):
            for view in VIEWS:
                yield view()
        yield Static("Make the window larger: at least 60 columns by 18 lines.", id="small")
        yield Input(placeholder="words, state:held, stream:orders", id="filter")
        yield Pane(guide.draw, pane_id="guide", fixed=True)
        yield Pane(self._draw_notice, pane_id="notice", fixed=True)
        yield Footer()

    def on_mount(self) -> None:
        """Begins to draw and to be fed."""
        self.call_after_refresh(self._focus_first)
        self.call_after_refresh(self.draw)
        self.set_interval(FRAME_SECONDS, self._frame)
        if self._make_feed is not None:
            self.attach(self._make_feed)

    def attach(self, make: Callable[[Callable[[messages.Message], None]], Backstage], address: str = "") -> None:
        """Is fed by this from now on."""
        if address:
            self.model = msgspec.structs.replace(self.model, address=address)
        self._feed = make(self.tell)
        self.run_worker(self._feed.run(), name="feed", group="feed", exclusive=True)

    def tell(self, message: messages.Message) -> None:
        """Takes news into the model. They are drawn by the clock, however many come."""
        self.model = apply(self.model, message)

    # --- drawing ------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draws everything in sight, at once."""
        self._chrome()
        view = self._view()
        if view is not None:
            view.show(self.shown)

    @property
    def shown(self) -> Model:
        """What the view shows: the model, or the frozen picture."""
        return self._frozen or self.model

    def _frame(self) -> None:
        self.tell(messages.Tick(at=self._clock()))
        self._frames += 1
        if self._frames % LOOK_FRAMES == 0 and not self.is_headless and is_gone():
            self._gone()
            return
        if self._room is None or is_behind(self):
            return
        self._ask_for_held()
        if self._frames % VIEW_FRAMES == 0:
            self.draw()
        else:
            self._chrome()

    @property
    def _room(self) -> Screen[Any] | None:
        """The screen below any dialog; None before it stands and while it is taken down."""
        room = self.screen_stack[0] if self.screen_stack else None
        return room if room is not None and room.query(Footer) and room.query("#bar") else None

    def _chrome(self) -> None:
        room = self._room
        if room is None:
            return
        guide_on = bool(self.model.story.sentence) and self.model.guide_shown
        for name in ("bar", "strip", "guide", "notice"):
            pane = room.query_one(f"#{name}", Pane)
            if name == "guide":
                pane.set_class(guide_on, "on")
            pane.show(self.model)
        room.query_one(Footer).show(self.model)

    def _view(self) -> Screenful | None:
        room = self._room
        return room.query_one(f"#{self.model.view.value}", Screenful) if room is not None else None

    def _notice_now(self) -> Line:
        if self._frozen is not None:
            more = self.model.stats.events - self._frozen.stats.events
            return (Span(f" ■ frozen, +{count(max(more, 0))} events since; space goes on", "attention strong"),)
        if not self.model.live and self.model.why:
            return (Span(f" {self.model.why}", "bad"),)
        return self._notice if self._clock() < self._notice_until else ()

    def _draw_notice(self, model: Model, width: int, height: int) -> Drawing:
        """The line above the footer: what was just said, else the balance."""
        notice = self._notice_now()
        return Drawing(lines=(fit(notice, width),)) if notice else today.draw(model, width, height)

    def say(self, words: str, style: str = "", *, undo: tuple[acts.Act, ...] = ()) -> None:
        """Shows a sentence above the footer for a while."""
        self._undo, self._undo_until = undo, self._clock() + UNDO_SECONDS if undo else 0.0
        hint = (Span("   z takes it back", "attention strong"),) if undo else ()
        self._notice = (Span(f" {words}", style), *hint)
        self._notice_until = self._clock() + NOTICE_SECONDS
        self.draw()

    # --- keys ---------------------------------------------------------------------------------------------------------

    def action_press(self, name: str) -> None:
        """A key of the table."""
        self.press(name)

    def press(self, name: str) -> None:
        """Does the verb, or says why not."""
        verb = verbs.BY_NAME[name]
        reason = verb.ready(self.model)
        if reason:
            self.say(f"{verb.word}: {reason}", "attention")
            return
        plan = plans.plan(name, self.model)
        if plan is not None:
            self._follow(plan)
            return
        if name.startswith("view_"):
            self.go(View(name.removeprefix("view_")))
            return
        moves = {"down": 1, "up": -1, "page_down": 10, "page_up": -10, "first": -(10**6), "last": 10**6}
        if name in moves:
            self._move(moves[name])
            return
        work = {
            "next_pane": self.action_focus_next,
            "open": self._open,
            "back": self._back_out,
            "incident_before": lambda: self._incident_by(-1),
            "incident_after": lambda: self._incident_by(1),
            "filter": self._filter,
            "follow": self._follow_newest,
            "held": self._held,
            "freeze": self._freeze,
            "copy": self._copy,
            "undo": self._undo_last,
            "theme": self._theme,
            "palette": self.action_command_palette,
            "quit": self.exit,
            "guide": self._guide,
            "help": self._help,
        }[name]
        work()

    def on_footer_pressed(self, event: Footer.Pressed) -> None:
        """A key that was clicked."""
        self.press(event.verb)

    def go(self, view: View) -> None:
        """To another view."""
        if view is not self.model.view:
            self._back.append(self.model.view)
            self._back = self._back[-20:]
        self._switch(view)

    def open_thing(self, pick: Pick, key: str) -> None:
        """To the view of a thing."""
        self.tell(messages.Picked(pick=pick, key=key))
        self.go({Pick.INCIDENT: View.INCIDENT, Pick.ADAPTER: View.ADAPTERS}.get(pick, self.model.view))

    def on_pane_chosen(self, event: Pane.Chosen) -> None:
        """A row was selected."""
        self.tell(messages.Picked(pick=event.pick, key=event.key))
        if self._frozen is not None:
            self._frozen = apply(self._frozen, messages.Picked(pick=event.pick, key=event.key))
        self._fetch(event.pick, event.key)
        if event.opened:
            self._open()
        self.draw()

    def _switch(self, view: View) -> None:
        room = self._room
        if room is None:
            return
        self._frozen = None
        self.tell(messages.ViewChosen(view=view))
        room.query_one("#filter", Input).set_class(False, "on")
        room.query_one("#views", ContentSwitcher).current = view.value
        # A view that was seen before has its size, and is drawn into the very frame that shows it.
        self.draw()
        self.call_after_refresh(self._focus_first)
        self.call_after_refresh(self.draw)

    def _focus_first(self) -> None:
        view = self._view()
        panes = [pane for pane in view.panes() if pane.can_focus] if view is not None else []
        if panes and self._room is not None:
            self._room.set_focus(panes[0], scroll_visible=False)

    def _pane(self) -> Pane | None:
        return self.focused if isinstance(self.focused, Pane) else None

    def _move(self, by: int) -> None:
        pane = self._pane()
        if pane is not None:
            pane.move(by)

    def _open(self) -> None:
        pane = self._pane()
        match pane.pick if pane else None:
            case Pick.INCIDENT:
                self.go(View.INCIDENT)
            case Pick.STREAM:
                stream = self.model.stream
                found = [each for each in self.model.open if stream and each.stream_id == stream.stream_id]
                if found:
                    self.open_thing(Pick.INCIDENT, found[0].incident_id)
                elif stream is not None:
                    self.go(View.EVENTS)
                    self.tell(messages.Filtered(text=f"stream:{stream.stream_id}"))
            case Pick.RUN if self.model.run is not None:
                self._act(acts.FetchRun(run_id=self.model.run.run_id))
            case Pick.ADAPTER if self.model.adapter is not None:
                self._act(acts.TryAdapter(adapter_id=self.model.adapter.adapter_id))
            case _:
                self.action_focus_next()

    def _back_out(self) -> None:
        if self.model.filter:
            self.tell(messages.Filtered(text=""))
            self.query_one("#filter", Input).set_class(False, "on")
        elif self._frozen is not None:
            self._frozen = None
        elif self._clock() < self._notice_until and self._notice:
            self._notice_until = 0.0
        elif self.model.story.sentence and self.model.guide_shown:
            self._guide()
        else:
            self._switch(self._back.pop() if self._back else View.OVERVIEW)
        self.draw()

    def _incident_by(self, by: int) -> None:
        keys = list(self.model.incidents)
        if keys and self.model.incident is not None:
            place = keys.index(self.model.incident.incident_id) + by
            self.tell(messages.Picked(pick=Pick.INCIDENT, key=keys[max(0, min(place, len(keys) - 1))]))
            self.draw()

    def _filter(self) -> None:
        if self.model.view not in {View.EVENTS, View.RUNS}:
            self.go(View.EVENTS)
        field = self.query_one("#filter", Input)
        field.value = self.model.filter
        field.set_class(True, "on")
        self.call_after_refresh(field.focus)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters while it is written."""
        if event.input.id == "filter" and event.input.has_class("on"):
            self.tell(messages.Filtered(text=event.value))
            self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keeps the filter and goes back to the list."""
        if event.input.id == "filter":
            event.input.set_class(False, "on")
            self._focus_first()

    def _follow_newest(self) -> None:
        self.tell(messages.FollowSet(follow=True))
        self.tell(messages.HeldShown(shown=False))
        self.draw()

    def _held(self) -> None:
        if self.model.view is not View.EVENTS:
            self.go(View.EVENTS)
        self.tell(messages.HeldShown(shown=not self.model.held_shown))
        self._held_asked = 0.0
        self._ask_for_held()
        self.draw()

    def _freeze(self) -> None:
        self._frozen = None if self._frozen is not None else self.model
        self.draw()

    def _copy(self) -> None:
        pane = self._pane()
        if pane is not None:
            self.copy_to_clipboard(plain_text(pane.drawing))
            self.say("Copied.")

    def _undo_last(self) -> None:
        if not self._undo or self._clock() >= self._undo_until:
            self.say("Undo: nothing can be taken back now.", "attention")
            return
        undo, self._undo = self._undo, ()
        for act in undo:
            self._act(act)

    def _theme(self) -> None:
        names = [theme.name for theme in THEMES]
        now = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(now + 1) % len(names)]
        self.say(f"Theme: {self.theme}.")

    def _guide(self) -> None:
        self.tell(messages.GuideShown(shown=not self.model.guide_shown))
        self.draw()

    def _help(self) -> None:
        reasons = {verb.name: verb.ready(self.model) for verb in verbs.VERBS}
        word, told = verbs.VIEW_WORDS[self.model.view]
        names = [verb.name for verb in verbs.of_view(self.model.view)]
        self.push_screen(dialogs.Help(f"{word}: {told}", reasons, names, self.size.width))

    # --- acts ---------------------------------------------------------------------------------------------------------

    def _follow(self, plan: plans.Plan) -> None:
        match plan:
            case plans.Do(act=act):
                self._act(act)
            case plans.Confirm(rehearsal=None):
                self._ask(plan, "")
            case plans.Confirm(rehearsal=rehearsal) if rehearsal is not None:
                self._spawn(self._rehearse(plan, rehearsal))
            case plans.Choose():
                self.push_screen(dialogs.Menu(plan), lambda chosen: self._follow(chosen) if chosen else None)
            case plans.Write(make=make):
                self.push_screen(dialogs.Line(plan), lambda text: self._act(make(text)) if text is not None else None)
            case _:
                pass

    def _ask(self, question: plans.Confirm, rehearsed: str) -> None:
        self.push_screen(
            dialogs.Question(question, rehearsed),
            lambda yes: self._act(question.act) if yes else self.say("Nothing done."),
        )

    async def _rehearse(self, question: plans.Confirm, rehearsal: acts.Act) -> None:
        if self._feed is None:
            self.say("There is no server.", "bad")
            return
        try:
            words = (await self._feed.perform(rehearsal)).words
        except acts.Failed as error:
            self.say(str(error), "bad")
            return
        self._ask(question, words)

    def _act(self, act: acts.Act) -> None:
        self._spawn(self._perform(act))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        task = asyncio.create_task(run(), name="an act")
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    async def _perform(self, act: acts.Act) -> None:
        if self._feed is None:
            self.say("There is no server.", "bad")
            return
        shown = not isinstance(act, acts.FetchRun | acts.FetchHeld | acts.TryAdapter)
        if shown:
            self.say("Sent.", "quiet")
        try:
            done = await self._feed.perform(act)
        except acts.Failed as error:
            self.say(str(error), "bad")
            return
        if done.words:
            self.say(f"✓ {done.words}", "good", undo=done.undo)

    def _fetch(self, pick: Pick, key: str) -> None:
        """Brings what a row's sheet needs and a list does not have."""
        if pick is Pick.RUN and key in self.model.runs and not self.model.runs[key].trace:
            self._act(acts.FetchRun(run_id=key))
        if pick is Pick.ADAPTER and key not in self.model.trials and not ready.online(self.model):
            self._act(acts.TryAdapter(adapter_id=key))

    def _ask_for_held(self) -> None:
        wanted = self.model.view is View.EVENTS and self.model.held_shown and self.model.live
        if wanted and self._clock() - self._held_asked > HELD_SECONDS:
            self._held_asked = self._clock()
            self._act(acts.FetchHeld())
