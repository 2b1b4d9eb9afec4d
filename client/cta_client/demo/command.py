"""The command `cta demo`: options in, a server of its own, a story, an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Generator
from importlib import metadata
from pathlib import Path
from typing import Final

import click

from cta_client.channel import connect
from cta_client.cli import inputs
from cta_client.cli.exits import Exit
from cta_client.cli.verb import Verb, perform
from cta_client.demo import own, story
from cta_client.demo.server import running
from cta_client.demo.show import Show

PAUSE_SECONDS: Final = 1.2
"""Pause after a sentence: people read about 15 letters a second, the sentences have some 80, and half is read while
they wait for what comes."""
FAST_SECONDS: Final = 0.1
ROOMS: Final = "cta.rooms"
"""Entry points of other packages that show the demo on a whole screen: `demo(folder, pace, forget)`."""

Room = Callable[[Path, float, Callable[[], None]], None]


@click.command(
    "demo",
    cls=Verb,
    examples=(
        "cta demo",
        "cta demo --plain --fast",
        "cta demo --input mine.jsonl",
        "cta demo --input new.jsonl --baseline old.jsonl",
    ),
)
@click.option(
    "--input", "file", default="", metavar="FILE", help="Your own events, JSON Lines: the first half is the baseline."
)
@click.option(
    "--baseline", default="", metavar="FILE", help="With --input: healthy events; then all of FILE is looked at."
)
@click.option(
    "--contract",
    type=inputs.Content(),
    default=b"",
    metavar="FILE",
    help="With --input: JSON Schema of a healthy event.",
)
@click.option("--fast", is_flag=True, help="Without pauses for the reader.")
@click.option(
    "--pace",
    type=click.FloatRange(0, 30),
    default=PAUSE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Pause after a sentence.",
)
@click.option(
    "--tui/--plain",
    "in_room",
    default=None,
    help="In the control room, or told line by line. Default: the room, when this is a terminal.",
)
@click.option("--keep", is_flag=True, help="Keep the store and the server's log, and say where.")
def demo(
    *, file: str, baseline: str, contract: bytes, fast: bool, pace: float, in_room: bool | None, keep: bool
) -> None:
    """Show the whole loop on a server of its own: drift, diagnosis, canary, promotion, signature, rollback.

    The server and its store are gone afterwards. With --input it shows what the loop makes of your own events; it then
    exits 0 when they are healthy or healed, and 4 when a person has to decide.
    """
    events = _events(file, baseline, contract)
    room = _room(in_room, told=bool(file))
    if room is not None:
        with _folder(keep=keep) as folder:
            room(folder, FAST_SECONDS if fast else pace / PAUSE_SECONDS, lambda: _forget(folder, keep=keep))
        return
    show = Show(pause=FAST_SECONDS if fast else pace)
    with _folder(keep=keep) as folder:
        exit_code = perform(lambda: _play(show, folder, events), show)
        if keep:
            show.note(f"Kept: {folder}. Go on with: cta serve --store {folder / 'store'}")
    click.get_current_context().exit(exit_code)


def _room(wanted: bool | None, *, told: bool) -> Room | None:
    """Who shows the demo on a whole screen; None when it is told line by line.

    Unless the caller says so, a room is for a person at a terminal who brings nothing of their own.
    """
    if wanted is None and (told or not (sys.stdout.isatty() and sys.stdin.isatty())):
        return None
    found = next(iter(metadata.entry_points(group=ROOMS, name="demo")), None)
    if wanted is False or (wanted is None and found is None):
        return None
    if found is None:
        raise click.UsageError("There is no control room in this installation: leave --tui out.")
    if told and wanted and click.get_current_context().params.get("file"):
        raise click.UsageError("--input is told line by line: leave --tui out.")
    room: Room = found.load()
    return room


async def _play(show: Show, folder: Path, events: own.Events | None) -> Exit:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is not None:
        # A polite kill cleans up as Ctrl-C does; an impolite one is noticed by the server itself.
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
    try:
        with show.lit():
            show.lines(["A server of its own starts, with its store in a temporary folder."])
            async with running(folder) as server, connect(server.address) as client:
                return await (story.play(client, show) if events is None else own.play(client, show, events))
    except asyncio.CancelledError:
        return Exit.INTERRUPTED


def _events(file: str, baseline: str, contract: bytes) -> own.Events | None:
    if not file:
        if baseline or contract:
            raise click.UsageError("--baseline and --contract belong to --input.")
        return None
    given = own.Events.split(
        list(inputs.read(file)), list(inputs.read(baseline)) if baseline else None, contract.decode("utf-8", "replace")
    )
    if len(given.baseline) < own.LEAST_BASELINE or not given.drifted:
        raise click.UsageError(
            f"There are {len(given.baseline)} events to learn from and {len(given.drifted)} to look at; "
            f"it takes at least {own.LEAST_BASELINE} and 1."
        )
    return given


@contextlib.contextmanager
def _folder(*, keep: bool) -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cta-demo-"))
    try:
        yield folder
    finally:
        _forget(folder, keep=keep)


def _forget(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
