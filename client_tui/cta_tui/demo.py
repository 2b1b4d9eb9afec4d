"""The demo in the control room: a server of its own, the story in the background, and nothing left behind.

The room paints before the server is up. The client's `cta demo` finds `run` through the entry point group `cta.rooms`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from cta_tui import launch

if TYPE_CHECKING:
    from cta_tui.app import ControlRoom


def run(folder: Path, pace: float) -> None:
    """Shows the demo until the person leaves.

    Args:
        folder: Where the server keeps its store; the caller takes it away.
        pace: How slow the story is told; 1.0 is a reader's pace.
    """
    launch.prepare()
    asyncio.run(show(folder, pace))


async def show(folder: Path, pace: float) -> None:
    """The room, with the server and the story behind it for as long as it is open."""
    from cta_tui.app import ControlRoom  # noqa: PLC0415 - Textual comes after `prepare`

    app = ControlRoom("a server of its own")
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A closed window or a polite kill leaves as little behind as `q` does.
        asyncio.get_running_loop().add_signal_handler(number, app.exit)
    behind = asyncio.create_task(backstage(app, folder, pace), name="demo: server and story")
    try:
        await app.run_async()
    finally:
        behind.cancel()
        # The server is stopped in here, whatever happened.
        with contextlib.suppress(asyncio.CancelledError):
            await behind


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
