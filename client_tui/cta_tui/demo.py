"""The demo in the control room: a server of its own, the story in the background, and nothing left behind.

The room paints before the server is up. The client's `cta demo` finds `run` through the entry point group `cta.rooms`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cta_tui import launch

if TYPE_CHECKING:
    from cta_tui.app import ControlRoom


def run(folder: Path, pace: float, forget: Callable[[], None]) -> None:
    """Shows the demo until the person leaves.

    Args:
        folder: Where the server keeps its store; the caller takes it away.
        pace: How slow the story is told; 1.0 is a reader's pace.
        forget: Takes the folder away where this process ends without returning: when its terminal is gone.
    """
    launch.prepare()
    if asyncio.run(show(folder, pace, forget)):
        raise SystemExit(1)


async def show(folder: Path, pace: float, forget: Callable[[], None]) -> int:
    """The room, with the server and the story behind it for as long as it is open; returns the room's exit code."""
    from cta_tui.app import ControlRoom  # noqa: PLC0415 - Textual comes after `prepare`
    from cta_tui.governor import hang_up  # noqa: PLC0415

    gone = asyncio.Event()
    app = ControlRoom("a server of its own", gone=gone.set)
    loop = asyncio.get_running_loop()
    # A polite kill leaves as `q` does; a closed window leaves as little behind.
    loop.add_signal_handler(signal.SIGTERM, app.exit)
    loop.add_signal_handler(signal.SIGHUP, gone.set)
    behind = asyncio.create_task(backstage(app, folder, pace), name="demo: server and story")
    shown = asyncio.create_task(app.run_async(), name="demo: the room")
    lost = asyncio.create_task(gone.wait(), name="demo: the terminal")
    try:
        await asyncio.wait({shown, lost}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost.cancel()
        behind.cancel()
        # The server is stopped in here, whatever happened.
        with contextlib.suppress(asyncio.CancelledError):
            await behind
        if gone.is_set():
            forget()
            hang_up()
    await shown
    return app.return_code or 0


async def backstage(app: ControlRoom, folder: Path, pace: float) -> None:
    """Starts the server, feeds the room from it, tells the story; stops the server when it is cancelled."""
    from cta_client.channel import connect  # noqa: PLC0415 - gRPC comes after `prepare`
    from cta_client.demo.server import running  # noqa: PLC0415
    from cta_client.demo.tour import Tour  # noqa: PLC0415
    from cta_client.errors import ClientError  # noqa: PLC0415
    from cta_tui.messages import Told  # noqa: PLC0415

    def tell(title: str, sentence: str, hint: str = "") -> None:
        app.tell(Told(title=title, sentence=sentence, hint=hint))

    tell("The demo", "A server of its own is starting. It and its store are gone when you leave.", "q leaves")
    try:
        async with running(folder) as server:
            app.attach(launch.feed_of(connect(server.address)), server.address)
            async with connect(server.address) as client:
                await Tour(client, tell, pace=pace).play()
            await asyncio.Event().wait()
    except (ClientError, TimeoutError) as error:
        tell(
            "The story broke off",
            str(error) or "The loop took longer than the story waits.",
            "the room goes on · q leaves",
        )
        await asyncio.Event().wait()
