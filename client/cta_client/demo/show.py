"""How the demo is shown: sentences at a reader's pace, and on a terminal a strip of the loop with live counts below.

In a pipe the same sentences come as plain lines. It knows words and counts; the story decides what to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cta.v1.incident_pb2 import Incident, IncidentState
from cta.v1.stream_pb2 import Stream
from cta_client.cli import paint
from cta_client.cli.output import Output
from cta_client.cli.table import wrap
from cta_client.cli.words import count

WIDEST: Final = 100
"""Cells of a line at most: longer sentences are hard to read."""

STRIP: Final = ("DETECT", "ANALYSE", "PATCH", "CANARY", "PROMOTE", "LEARN")

REACHED: Final[dict[int, int]] = {
    IncidentState.INCIDENT_STATE_DETECTED: 0,
    IncidentState.INCIDENT_STATE_ANALYZING: 1,
    IncidentState.INCIDENT_STATE_PATCHED: 2,
    IncidentState.INCIDENT_STATE_AWAITING_APPROVAL: 2,
    IncidentState.INCIDENT_STATE_ESCALATED: 1,
    IncidentState.INCIDENT_STATE_CANARY: 3,
    IncidentState.INCIDENT_STATE_ROLLED_BACK: 3,
    IncidentState.INCIDENT_STATE_PROMOTED: 4,
    IncidentState.INCIDENT_STATE_RESOLVED: 5,
}
"""How far along the strip each state is."""


class Show(Output):
    """The demo's screen."""

    def __init__(self, *, pause: float) -> None:
        super().__init__(json=False)
        self._pause = pause
        self._console = Console(file=sys.stdout, highlight=False, no_color=not paint.coloured() or None)
        self._live: Live | None = None
        self._stream: Stream | None = None
        self._incident: Incident | None = None
        self._rate = 0.0

    @property
    def width(self) -> int:
        """Cells of a line; 80 in a pipe."""
        return min(shutil.get_terminal_size().columns, WIDEST) if sys.stdout.isatty() else 80

    @contextlib.contextmanager
    def lit(self) -> Generator[None]:
        """Shows the strip while the context lasts; on a terminal only."""
        if not self._console.is_terminal:
            yield
            return
        with Live(
            self._bottom(),
            console=self._console,
            auto_refresh=False,
            transient=True,
            # Everything is printed through the console already, and a stand-in for stdout has another encoding.
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def lines(self, lines: Iterable[str]) -> None:
        """Lines above the strip."""
        for line in lines:
            if self._live is None:
                super().lines([line])
            else:
                self._console.print(Text.from_ansi(paint.shown(line)), no_wrap=True, overflow="ignore", crop=False)

    async def act(self, title: str) -> None:
        """A heading, and a moment to read it."""
        rule = "─" * max(self.width - len(title) - 4, 3)
        self.lines(["", paint.paint(f"── {title} {rule}", paint.PLAIN, bold=True)])
        await self.pause(0.5)

    async def say(self, sentence: str) -> None:
        """A sentence of the story, and time to read it."""
        self.lines(wrap(sentence, self.width))
        await self.pause()

    async def pause(self, times: float = 1.0) -> None:
        """Waits for the reader."""
        await asyncio.sleep(self._pause * times)

    async def pause_at_least(self, seconds: float) -> None:
        """Waits for something that needs its time however fast the reader is."""
        await asyncio.sleep(max(self._pause, seconds))

    def counts(self, stream: Stream, rate: float) -> None:
        """New counts for the strip."""
        self._stream, self._rate = stream, rate
        self._refresh()

    def progress(self, incident: Incident | None) -> None:
        """Where the loop is, for the strip; None when nothing is wrong."""
        self._incident = incident
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._bottom(), refresh=True)

    def _bottom(self) -> RenderableType:
        return Group(
            *(Text.from_ansi(paint.shown(line), no_wrap=True, overflow="crop") for line in self._bottom_lines())
        )

    def _bottom_lines(self) -> Iterator[str]:
        yield ""
        yield self._strip()
        if self._stream is not None:
            each = self._stream
            yield (
                f" {each.stream_id}  {count(each.event_count)} in  {count(each.healthy_count)} healthy  "
                f"{count(each.healed_count)} healed  {count(each.held_count)} held  {count(self._rate)}/s"
            )

    def _strip(self) -> str:
        incident = self._incident
        at = REACHED.get(incident.state, -1) if incident is not None else -1
        stopped = incident is not None and incident.state in {
            IncidentState.INCIDENT_STATE_ROLLED_BACK,
            IncidentState.INCIDENT_STATE_ESCALATED,
            IncidentState.INCIDENT_STATE_AWAITING_APPROVAL,
        }
        done = incident is not None and incident.state in {
            IncidentState.INCIDENT_STATE_PROMOTED,
            IncidentState.INCIDENT_STATE_RESOLVED,
        }
        pieces = [paint.paint("✓ STREAM", paint.GOOD)]
        for place, name in enumerate(STRIP):
            if place < at or (place == at and done):
                pieces.append(paint.paint(f"✓ {name}", paint.GOOD))
            elif place == at:
                sign, colour = ("×", paint.BAD) if stopped else ("◆", paint.ATTENTION)
                pieces.append(paint.paint(f"{sign} {name}", colour))
            else:
                pieces.append(paint.paint(f"· {name}", paint.QUIET))
        return " " + " ▶ ".join(pieces)
