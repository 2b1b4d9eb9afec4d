"""The views on the screen: pictures at three sizes, no line cut, every footer key answered. No server: a full model."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cta_tui.app import ControlRoom
from cta_tui.messages import View
from cta_tui.verbs import VIEW_WORDS, of_view
from helpers.room import NOW, full, screen_text

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 60))
PICTURES = [
    *((View.OVERVIEW, size, "loop-dark") for size in SIZES),
    *((View.INCIDENT, size, "loop-dark") for size in SIZES),
    (View.EVENTS, SIZES[0], "loop-light"),
    (View.SOURCES, SIZES[1], "loop-contrast"),
]


@contextlib.asynccontextmanager
async def still(view: View, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
    """A room whose clock stands and that has heard everything."""
    app = ControlRoom("127.0.0.1:50510", clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        app.model = full(View.OVERVIEW)
        app.go(view)
        await pilot.pause(0.3)
        app.draw()
        await pilot.pause(0.1)
        yield pilot


@pytest.mark.parametrize(("view", "size", "theme"), PICTURES, ids=str)
async def test_the_view_looks_as_it_did(
    view: View, size: tuple[int, int], theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view looks as its picture; CTA_SNAPSHOTS=write makes the pictures anew, for a person to look at."""
    monkeypatch.setenv("TZ", "UTC")
    async with still(view, size) as pilot:
        pilot.app.theme = theme
        drawn, before = "", "nothing"
        while drawn != before:
            # Layout and drawing take turns until neither changes anything; a view is drawn five times a second.
            before = drawn
            await pilot.pause(0.3)
            drawn = comparable(pilot.app.export_screenshot(title=view.value))
    file = FOLDER / f"{view}-{size[0]}x{size[1]}-{theme}.svg"
    if os.environ.get("CTA_SNAPSHOTS") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(drawn, "utf-8")
    assert drawn == file.read_text("utf-8")


def comparable(svg: str) -> str:
    """The picture without the ids that are new in each, and without times of day, which follow the machine's zone."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"\d\d:\d\d:\d\d", "00:00:00", svg)


@pytest.mark.parametrize("size", [(60, 18), *SIZES], ids=str)
async def test_every_view_stands_at_every_size(size: tuple[int, int]) -> None:
    """At every size the bar, the strip and the two keys that one must find are there, in every view."""
    async with still(View.OVERVIEW, size) as pilot:
        for view in View:
            room_of(pilot).go(view)
            await pilot.pause(0.05)
            lines = screen_text(pilot).splitlines()
            assert len(lines) == size[1]
            assert "CTA-ACT" in lines[0]
            assert "live" in lines[0]
            assert "✓ S" in lines[1]
            assert "! Halt" in lines[-1]
            assert "? Help" in lines[-1]
            assert len([line for line in lines if line.strip()]) > 8


@pytest.mark.parametrize("size", [(59, 24), (80, 17)], ids=str)
async def test_a_window_that_is_too_small_says_so(size: tuple[int, int]) -> None:
    """Below 60 by 18 the room asks for more room, instead of showing cut words."""
    async with still(View.OVERVIEW, size) as pilot:
        text = screen_text(pilot)
        assert "Make the window larger" in text
        assert "STREAMS" not in text
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.2)
        assert "STREAMS" in screen_text(pilot)


async def test_every_footer_key_answers() -> None:
    """In every view each key of its footer acts, opens something, or says why not."""
    async with still(View.OVERVIEW, (120, 40)) as pilot:
        app = room_of(pilot)
        for view in View:
            for verb in of_view(view):
                app.go(view)
                app.say("Before.")
                before = app._notice, len(app.screen_stack), app.model, app.focused, app.query_one("#filter").classes
                app.press(verb.name)
                # What is sent to the server is sent by a task.
                await pilot.pause(0)
                after = app._notice, len(app.screen_stack), app.model, app.focused, app.query_one("#filter").classes
                assert after != before or (verb.name == "follow" and app.model.follow), (view, verb.name)
                while len(app.screen_stack) > 1:
                    app.pop_screen()
                app.query_one("#filter").set_class(False, "on")


def room_of(pilot: Pilot[None]) -> ControlRoom:
    """Its room."""
    assert isinstance(pilot.app, ControlRoom)
    return pilot.app


async def test_the_help_has_every_key_of_the_view() -> None:
    """`?` opens a page that names the view, its keys, and why some cannot be pressed now."""
    async with still(View.INCIDENT, (120, 60)) as pilot:
        await pilot.press("?")
        await pilot.pause(0.1)
        text = screen_text(pilot)
    assert VIEW_WORDS[View.INCIDENT][1] in text
    for verb in of_view(View.INCIDENT):
        assert verb.help.split(":")[0] in text


async def test_the_palette_finds_a_verb_and_does_it() -> None:
    """What a person writes into the palette finds the verb; Enter does it."""
    async with still(View.OVERVIEW, (120, 40)) as pilot:
        await pilot.press(":")
        await pilot.pause(0.2)
        await pilot.press(*"signatures")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause(0.3)
        app = room_of(pilot)
        assert app.model.view is View.SIGNATURES


async def test_a_click_selects_and_a_second_one_opens() -> None:
    """The mouse does what the keys do."""
    async with still(View.OVERVIEW, (120, 40)) as pilot:
        app = room_of(pilot)
        second = list(app.model.incidents)[1]
        await pilot.click("#inbox", offset=(5, 3))
        await pilot.pause(0.1)
        assert app.model.picked["incident"] == second
        await pilot.click("#inbox", offset=(5, 3), times=2)
        await pilot.pause(0.2)
        assert app.model.view is View.INCIDENT


async def test_freezing_keeps_the_picture_while_reading_goes_on() -> None:
    """Space freezes what the view shows; the model goes on, and the line above the footer says how far."""
    from cta_tui import facts, messages

    async with still(View.EVENTS, (120, 40)) as pilot:
        app = room_of(pilot)
        await pilot.press("space")
        app.tell(messages.EventsCame(events=(facts.EventFact(key="9", kind="HEALTHY", body="NEWEST"),)))
        app.draw()
        await pilot.pause(0.1)
        assert "NEWEST" not in screen_text(pilot)
        assert "frozen" in screen_text(pilot)
        await pilot.press("space")
        await pilot.pause(0.1)
        assert "NEWEST" in screen_text(pilot)


async def test_without_colours_every_state_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the screen has no colour, and the words of the states are there."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with still(View.OVERVIEW, (120, 40)) as pilot:
        strips, text = pilot.app.screen._compositor.render_strips(), screen_text(pilot)
    styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour is not None]
    assert all(len(set(colour.get_truecolor())) == 1 for colour in colours)
    assert "! asks you" in text
    assert "✓ resolved" in text
