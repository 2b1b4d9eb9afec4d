"""A picture of the room in a browser: `cta tui --web`, headless Chromium, docs/pictures/web.png.

It serves the demo's story as `pictures` does, opens the page in Chromium over the DevTools protocol, waits until the
room has sent its first screen, and captures it. Chromium is no Python package: without one this says so and ends.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from cta_client.channel import connect
from cta_client.demo.server import running
from cta_client.demo.tour import Tour

TARGET = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "web.png"
PATIENCE_SECONDS = 60.0
STORY_SECONDS = 12.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def main() -> int:
    """Serves, opens, captures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.stderr.write("There is no Chromium here.\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="cta-web-") as folder:
        async with running(Path(folder)) as server, connect(server.address) as client:
            story = asyncio.create_task(Tour(client, lambda *_: None, pace=0.1).play(), name="the story")
            web, tools = free_port(), free_port()
            room = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cta_tui", "--connect", server.address, "--web", "--web-port", str(web)),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            browser = await asyncio.create_subprocess_exec(
                *(chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={tools}"),
                *(f"--user-data-dir={folder}/browser", "--window-size=1280,800", "about:blank"),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
                    await served(session, f"http://127.0.0.1:{web}/")
                    await served(session, f"http://127.0.0.1:{tools}/json/version")
                    await capture(session, tools, f"http://127.0.0.1:{web}/")
            finally:
                story.cancel()
                for process in (browser, room):
                    with contextlib.suppress(ProcessLookupError):
                        process.terminate()
                    await process.wait()
    return 0


async def served(session: aiohttp.ClientSession, address: str) -> None:
    """Waits until somebody answers at the address."""
    while True:
        try:
            async with session.get(address) as answer:
                await answer.read()
                return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)


async def capture(session: aiohttp.ClientSession, tools: int, page: str) -> None:
    """Opens the page in a tab, waits for the room, and writes the picture."""
    async with session.put(f"http://127.0.0.1:{tools}/json/new?{page}") as answer:
        tab = await answer.json(content_type=None)
    async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as wire:
        number = 0

        async def call(method: str, **parameters: Any) -> dict[str, Any]:
            nonlocal number
            number += 1
            await wire.send_str(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                told = json.loads((await wire.receive()).data)
                if told.get("id") == number:
                    result: dict[str, Any] = told["result"]
                    return result

        # textual-serve marks the page once the program's first screen has come.
        ready = "document.body.classList.contains('-first-byte')"
        while not (await call("Runtime.evaluate", expression=ready))["result"].get("value"):  # noqa: ASYNC110 - a page
            await asyncio.sleep(0.2)
        # The story needs so long to come to its question.
        await asyncio.sleep(STORY_SECONDS)
        shot = await call("Page.captureScreenshot", format="png")
    TARGET.write_bytes(base64.b64decode(shot["data"]))
    sys.stdout.write(f"{TARGET.name}\n")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
